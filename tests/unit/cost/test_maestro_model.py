"""MAESTRO's model on a layer worked out by hand, and every reason for which it refuses a mapping."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import pytest

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError
from tileloom.cost.models.maestro.cases import cases
from tileloom.cost.models.maestro.columns import csv_rows, screen, warnings
from tileloom.cost.models.maestro.engine import Step
from tileloom.cost.models.maestro.evaluate import evaluate_layer, evaluate_layers
from tileloom.cost.models.maestro.integers import div, ratio
from tileloom.cost.models.maestro.layer import complete, coupling_of
from tileloom.cost.models.maestro.levels import Level, split
from tileloom.cost.models.maestro.technology import area_power, get_technology
from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.mapping.notation.maestro_refusal import RefusedError

HARDWARE = MaestroHardware(
    num_pes=8, noc_elements_per_cycle=4, noc_latency_cycles=1, offchip_elements_per_cycle=2, l1_bytes=64
)
DATAFLOW = """SpatialMap(2,2) K; TemporalMap(4,4) C; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;
TemporalMap(4,2) Y; TemporalMap(Sz(S),1) X; Cluster(4, P); SpatialMap(1,1) C; TemporalMap(Sz(R),1) Y;
TemporalMap(Sz(S),1) X; TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;"""
DIMENSIONS = "K: 5, C: 6, R: 3, S: 3, Y: 9, X: 10"


def layer(
    dataflow: str = DATAFLOW, dimensions: str = DIMENSIONS, operator: str = "CONV", stride: str = ""
) -> DirectiveLayer:
    text = f"Network n {{ Layer T {{ Type: {operator} {stride} Dimensions {{ {dimensions} }} Dataflow {{ {dataflow} }} }} }}"
    return parse_mapping(text).layers[0]


def levels(of: DirectiveLayer, num_pes: int = 8) -> tuple[Level, ...]:
    coupling = coupling_of(of.operator, "N" in of.sizes)
    return split(of, coupling, complete(of, coupling), num_pes)


def test_tables_of_the_worked_example() -> None:
    outer, inner = levels(layer())
    dims = ("K", "C", "R", "S", "Y", "X", "Y'", "X'")
    assert (outer.units, outer.edge_units) == (2, 1)
    assert [outer.full[d] for d in dims] == [2, 4, 3, 3, 4, 3, 2, 1]
    assert [outer.edge[d] for d in dims] == [1, 2, 3, 3, 3, 3, 1, 1]
    assert [outer.new[d] for d in dims] == [2, 4, 0, 0, 2, 1, 2, 1]
    assert [outer.edge_new[d] for d in dims] == [1, 2, 0, 0, 1, 0, 1, 1]
    assert [m.dim for m in inner.maps] == ["K", "C", "Y", "X", "R", "S"]
    assert (inner.units, inner.edge_units, dict(inner.extents)) == (
        4,
        4,
        {"C": 4, "K": 2, "R": 3, "S": 3, "X": 3, "Y": 4},
    )


def test_cases_of_the_worked_example() -> None:
    steps: list[Step] = []
    record = evaluate_layer(layer(), HARDWARE, trace=steps.append).record
    top = {s.number: s for s in steps if s.depth == 0}
    assert len(top) == 24

    def told(number: int) -> tuple[int, ...]:
        s = top[number]
        return (s.case.count, *s.ingress, s.egress, s.macs, s.critical_macs, s.compute_cycles or 0)

    assert told(0) == (1, 48, 144, 8, 288, 144, 63)
    assert told(1) == (14, 16, 0, 2, 36, 36, 63)
    assert told(3) == (7, 16, 0, 1, 18, 18, 45)
    assert told(6) == (1, 48, 72, 2, 36, 36, 63)
    # Only K advances: the input is not fetched although C, Y and X start again (quirk Q4).
    assert told(12) == (1, 0, 72, 2, 72, 72, 63)
    assert told(23) == (7, 16, 0, 8, 288, 144, 63)
    assert record.top.runtime_cycles == 12303


def test_totals_of_the_worked_example() -> None:
    (evaluated,) = evaluate_layers([layer()], HARDWARE)
    (row,) = csv_rows("n", [evaluated])
    assert row["Num MACs"] == 15120
    assert row["Activity count-based Energy (nJ)"] == pytest.approx(18.4652142)
    assert (row["L2 SRAM Size Req (Bytes)"], row["L1 SRAM Size Req (Bytes)"]) == (400, 90)
    assert screen(evaluated)["Total energy consumption"] == pytest.approx(207166.66)
    assert warnings([evaluated]) == (
        "a layer needs 90 L1 bytes, the limit is 64",
        "a layer needs 3 off-chip elements per cycle, the limit is 2",
    )


def test_the_energy_takes_l1_counts_of_the_layer_before() -> None:
    first, second = csv_rows("n", evaluate_layers([layer(), layer()], HARDWARE))
    reads, writes = 3 * 15120, 2512 + 432 + 15120
    own = 0.00023 * 1.68 * (reads + writes)
    name = "Activity count-based Energy (nJ)"
    assert float(second[name]) - float(first[name]) == pytest.approx(own)


def test_cases_start_all_first_and_then_come_from_the_last() -> None:
    (level,) = levels(layer("SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(2,2) K;", "M: 2, N: 2, K: 3", "GEMM"))
    order = [tuple(s.position.name[0] for s in case.states) for case in cases(level, level.extents)]
    assert order == [("I", "I", "I"), ("I", "S", "E"), ("I", "S", "I"), ("I", "I", "E")]


def test_strided_maps_step_in_input_elements() -> None:
    (level,) = levels(
        layer("SpatialMap(1,1) K; TemporalMap(3,1) Y; TemporalMap(3,1) X;", stride="Stride { X: 2, Y: 2 }")
    )
    assert [(m.size, m.offset) for m in level.maps if m.dim in "XY"] == [(3, 2), (3, 2)]


def test_output_side_dimensions_mean_the_same_layer() -> None:
    flow = "SpatialMap(1,1) K; TemporalMap(3,1) Y; TemporalMap(3,1) X;"
    inside = evaluate_layer(layer(flow), HARDWARE)
    outside = evaluate_layer(layer(flow, "K: 5, C: 6, R: 3, S: 3, Y': 7, X': 8"), HARDWARE)
    assert inside.record == outside.record
    primed = "SpatialMap(1,1) K; TemporalMap(3,3) R; TemporalMap(3,3) S; TemporalMap(1,1) Y'; TemporalMap(1,1) X';"
    plain = "SpatialMap(1,1) K; TemporalMap(3,3) R; TemporalMap(3,3) S; TemporalMap(3,1) Y; TemporalMap(3,1) X;"
    assert evaluate_layer(layer(primed), HARDWARE).record == evaluate_layer(layer(plain), HARDWARE).record


def test_more_cluster_levels_than_the_original_takes() -> None:
    flow = "SpatialMap(1,1) M;" + " Cluster(2,P); SpatialMap(1,1) M;" * 5
    evaluated = evaluate_layer(layer(flow, "M: 32, N: 2, K: 2", "GEMM"), MaestroHardware(num_pes=64))
    assert evaluated.valid
    assert len(levels(layer(flow, "M: 32, N: 2, K: 2", "GEMM"), 64)) == 6


def test_a_layer_without_work_is_told_apart() -> None:
    flow = "SpatialMap(1,1) Y; TemporalMap(3,3) R; TemporalMap(3,3) S; TemporalMap(3,1) X;"
    evaluated = evaluate_layer(layer(flow, "K: 5, C: 6, R: 3, S: 3, Y: 8, X: 10"), HARDWARE)
    assert not evaluated.valid
    assert isnan(float(csv_rows("n", [evaluated])[0]["Avg BW Req"]))


@pytest.mark.parametrize(
    ("of", "rule", "original"),
    [
        (layer(DATAFLOW.replace("Cluster(4", "Cluster(16")), "enough PEs", "division by zero"),
        (layer("TemporalMap(1,1) K;"), "one or two spatial maps", "exit 255"),
        (layer("SpatialMap(1,1) K; SpatialMap(1,1) C; SpatialMap(1,1) Y;"), "one or two spatial maps", "exit 255"),
        (layer("SpatialMap(1,1) Q;"), "known dimension", "exit 255"),
        (layer("SpatialMap(1,1) K; TemporalMap(1,1) Y'; TemporalMap(3,3) S;"), "filter map", "undefined"),
        (layer("SpatialMap(1,1) K; TemporalMap(1,1) Y'; TemporalMap(3,1) Y;"), "one side", "undefined"),
        (layer(dimensions=DIMENSIONS + ", X': 8"), "one side", "exit 255"),
        (layer("SpatialMap(1,1) K;", "K: 5, R: 3, S: 3, Y: 9, X: 10"), "missing dimension", "undefined"),
        (replace(layer(), dataflow=None), "no dataflow", "exit 255"),
        (
            layer("SpatialMap(1,1) K; TemporalMap(3,1) Y; TemporalMap(3,1) X; Cluster(3,P); SpatialMap(1,1) X;"),
            "work in every cluster",
            "division by zero",
        ),
    ],
)
def test_refusals_name_their_rule(of: DirectiveLayer, rule: str, original: str) -> None:
    with pytest.raises(RefusedError) as caught:
        evaluate_layer(of, HARDWARE)
    assert (caught.value.rule, caught.value.original) == (rule, original)
    assert isinstance(caught.value, InputError)


def test_c_division_and_ratios() -> None:
    assert [div(7, 2), div(-7, 2), div(7, -2)] == [3, -3, -3]
    assert isnan(ratio(0, 0))
    assert ratio(1, 0) == float("inf")


def test_area_and_power_of_both_technologies() -> None:
    chip = area_power(get_technology("released"), 8, 1, 90, 400, 4)
    assert chip.area_um2 == pytest.approx(102801.929877)
    assert chip.power_mw == pytest.approx(14.4502112)
    old = area_power(get_technology("28nm"), 8, 1, 90, 400, 4)
    # Two 64-byte cells in each of 8 PEs, one 32 KiB cell.
    assert old.l1_mw == pytest.approx(8 * 2 * 0.2208)
    assert old.l2_mw == pytest.approx(4)
    with pytest.raises(InputError, match="did you mean 'released'"):
        get_technology("relesed")
