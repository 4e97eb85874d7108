"""Tables: sums over distinct layers equal sums layer by layer; accelerators that cannot run a layer are named."""

from __future__ import annotations

import numpy as np
import pytest

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError
from tileloom.cost.models.maestro.columns import csv_rows
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.explore.codesign import darts
from tileloom.explore.codesign.accelerator import combine, find, grid, read_hardware_table, scheduled
from tileloom.explore.codesign.layer import conv
from tileloom.explore.codesign.tables import Networks, collect, directive_costs, network_costs, rounded

HARDWARE = {
    "a": MaestroHardware(
        num_pes=64, noc_elements_per_cycle=300, offchip_elements_per_cycle=50, l1_bytes=100, l2_bytes=3000
    ),
    "b": MaestroHardware(
        num_pes=16, noc_elements_per_cycle=300, offchip_elements_per_cycle=50, l1_bytes=100, l2_bytes=3000
    ),
}
SEEDS = (3, 8194)


@pytest.fixture(scope="module")
def networks() -> Networks:
    return collect("darts", SEEDS, [str(s) for s in SEEDS], [darts.layers(darts.genotype(s)) for s in SEEDS])


def test_network_costs_are_what_the_files_of_the_original_add_up_to(networks: Networks) -> None:
    accelerators = [a for a in combine(("kcp_ws", "xp_ws"), HARDWARE) if a.label in ("kcp_ws@a", "xp_ws@b")]
    costs = network_costs(networks, directive_costs(networks.units, accelerators), "faithful")
    for h, accelerator in enumerate(accelerators):
        chip = accelerator.hardware
        for n, sequence in enumerate(networks.sequences):
            layers = [networks.units[u].directive_layer() for u in sequence]
            run = [evaluate_layer(scheduled(accelerator.dataflow, layer, chip.num_pes), chip) for layer in layers]
            rows = csv_rows("net", run)
            assert costs.cycles[h, n] == sum(int(r["Runtime (Cycles)"]) for r in rows)
            printed = sum(float(f"{r['Activity count-based Energy (nJ)']:g}") for r in rows)
            assert costs.energy_nj[h, n] == pytest.approx(printed, rel=1e-12)


def test_the_two_energy_rules_differ_only_where_dataflows_have_clusters(networks: Networks) -> None:
    layers = directive_costs(networks.units, combine(("kcp_ws", "xp_ws"), {"a": HARDWARE["a"]}))
    faithful, corrected = (network_costs(networks, layers, rule, 6) for rule in ("faithful", "corrected"))
    assert np.array_equal(faithful.cycles, corrected.cycles)
    assert (np.abs(faithful.energy_nj[0] / corrected.energy_nj[0] - 1) > 1e-3).all()
    assert faithful.energy_nj[1] == pytest.approx(corrected.energy_nj[1], rel=1e-12)


def test_an_accelerator_too_small_for_its_dataflow_is_left_out_with_the_reason(networks: Networks) -> None:
    costs = directive_costs(networks.units, combine(("kcp_ws",), HARDWARE))
    assert costs.labels == ("kcp_ws@a",)
    assert [(r.label, r.reason) for r in costs.refused] == [
        ("kcp_ws@b", "dataflow 'kcp_ws' needs clusters of 64 PEs, there are 16")
    ]


def test_flexible_chips_take_the_fastest_dataflow_of_each_layer(networks: Networks) -> None:
    costs = directive_costs(networks.units, combine(("kcp_ws", "xp_ws"), HARDWARE, flexible=True))
    rows = dict(zip(costs.labels, costs.cycles))
    assert np.array_equal(rows["flexible@a"], np.minimum(rows["kcp_ws@a"], rows["xp_ws@a"]))
    # Too small for the clusters of kcp_ws, so there the other one is left.
    assert np.array_equal(rows["flexible@b"], rows["xp_ws@b"])


def test_rounding_is_that_of_printing() -> None:
    values = np.array([[1234567.0, 0.1234565, 5.0]])
    assert rounded(values, 6).tolist() == [[float(f"{v:g}") for v in values[0]]]
    assert rounded(values, None) is values


def test_a_network_without_layers_is_a_mistake() -> None:
    with pytest.raises(InputError, match="'empty' has no layer"):
        collect("own", (0,), ("empty",), ((),))


def test_hardware_tables_name_every_fault_with_its_line(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "hw.csv"
    path.write_text(
        "hw_id,num_pes,l1_size_cstr,l2_size_cstr,noc_bw_cstr,offchip_bw_cstr\n1,64,100,3000,300,50\n"
        "1,64,100,3000,300,50\n2,many,100,3000,300,50\n3,0,100,3000,300,50\n"
    )
    with pytest.raises(InputError) as caught:
        read_hardware_table(path)
    text = str(caught.value)
    assert "hw.csv:3: hw_id '1' occurs a second time" in text
    assert "hw.csv:4: not a whole number: num_pes 'many'" in text
    assert "hw.csv:5: num_pes is 0" in text
    path.write_text("hw_id,num_pes\n")
    with pytest.raises(InputError, match="no column 'l1_size_cstr'"):
        read_hardware_table(path)


def test_grids_and_labels() -> None:
    found = combine(("rs",), grid((16, 32), (300,), (50, 100)))
    assert [a.label for a in found] == ["rs@1", "rs@2", "rs@3", "rs@4"]
    with pytest.raises(InputError, match="no accelerator 'rs@9'"):
        find("rs@9", [a.label for a in found])


def test_one_search_per_distinct_layer_makes_the_same_tables() -> None:
    from tileloom.explore.codesign.mapped import mapped_costs
    from tileloom.explore.sources import load_architecture
    from tileloom.search.driver import map_problem

    units = (conv(8, 4, 3, 8), conv(8, 8, 1, 8))
    chip = load_architecture("simple-2level")
    costs = mapped_costs(units, [chip], "energy", cache=False)
    for u, unit in enumerate(units):
        cost = map_problem(unit.problem(), chip, "energy", cache=False).cost
        assert cost is not None
        assert costs.cycles[0, u] == cost.cycles
        assert costs.energy_nj[0, u] == pytest.approx(cost.energy_pj / 1000)
