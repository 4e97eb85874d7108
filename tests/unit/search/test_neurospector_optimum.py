"""The proven optimum of NeuroSpector's tables equals brute force where that can be run, and never loses to bottom-up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tileloom.architecture.notation.neurospector import Accelerator, read_accelerator
from tileloom.core.errors import InputError
from tileloom.cost.models.neurospector.analysis import broken_rules
from tileloom.explore.neurospector_study import study
from tileloom.search.neurospector.bottom_up import Metric, Mode
from tileloom.search.neurospector.brute_force import brute_force
from tileloom.search.neurospector.optimum import optimum
from tileloom.workload.frontends.neurospector import ConvLayer, LayerList

INPUTS = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs"
TINY = (
    ConvLayer("t1", (4, 1, 2, 2, 2, 1, 1, 1), 1),
    ConvLayer("t2", (2, 1, 4, 1, 4, 3, 1, 1), 1),
    ConvLayer("t5", (1, 1, 2, 2, 1, 3, 1, 2), 2),
    ConvLayer("t6", (6, 2, 1, 1, 6, 1, 1, 1), 1),
)


def chip(name: str) -> Accelerator:
    return read_accelerator(INPUTS / "accelerators" / f"{name}.cfg")


def cramped(accelerator: Accelerator) -> Accelerator:
    """Buffers so small that they decide what is best."""
    local = replace(accelerator.local_buffer, sizes_bytes=(12,))
    return replace(accelerator, local_buffer=local, global_buffer=replace(accelerator.global_buffer, sizes_bytes=(24,)))  # type: ignore[type-var]


@pytest.mark.parametrize("name", ["acc_mini", "simba_mini", "tpu_mini", "acc_1lv", "eyeriss_is"])
@pytest.mark.parametrize("layer", TINY, ids=lambda x: x.name)
@pytest.mark.parametrize("faithful", [True, False])
def test_the_optimum_is_that_of_brute_force(name: str, layer: ConvLayer, faithful: bool) -> None:
    for metric in ("energy", "cycle"):
        found = optimum(chip(name), layer, metric, faithful=faithful)  # type: ignore[arg-type]
        every = brute_force(chip(name), layer, metric, faithful=faithful)  # type: ignore[arg-type]
        assert found.chosen is not None
        assert found.chosen.value == pytest.approx(every.value, rel=1e-12)
        assert broken_rules(found.chosen.accelerator, layer, found.chosen.table, faithful=faithful) == ()


@pytest.mark.parametrize("metric", ["energy", "cycle"])
@pytest.mark.parametrize("mode", ["fixed", "flexible"])
@pytest.mark.parametrize("layer", TINY[:3], ids=lambda x: x.name)
def test_in_cramped_buffers(metric: Metric, mode: Mode, layer: ConvLayer) -> None:
    small = cramped(chip("acc_mini"))
    found = optimum(small, layer, metric, mode)
    assert found.chosen is not None
    assert found.chosen.value == pytest.approx(brute_force(small, layer, metric, mode).value, rel=1e-12)


@pytest.mark.parametrize("name", ["simba_mini", "tpu_mini", "acc_mini"])
@pytest.mark.parametrize("faithful", [True, False])
def test_over_all_dataflows(name: str, faithful: bool) -> None:
    for layer, metric in ((TINY[0], "energy"), (TINY[2], "energy"), (TINY[2], "cycle")):
        found = optimum(chip(name), layer, metric, "flexible", faithful=faithful)  # type: ignore[arg-type]
        every = brute_force(chip(name), layer, metric, "flexible", faithful=faithful)  # type: ignore[arg-type]
        assert found.status == "optimal"
        assert found.lower_bound == found.chosen.value == pytest.approx(every.value, rel=1e-12)  # type: ignore[union-attr]


@pytest.mark.parametrize("row", [3, 6, 9])
def test_with_constraints_on_a_row(row: int) -> None:
    """A convolution whose windows leave gaps, too."""
    layer = ConvLayer("gaps", (4, 1, 4, 2, 4, 1, 1, 1), 2)
    part = {3: "local_buffer", 6: "global_buffer", 9: "dram"}[row]
    held = replace(
        chip("simba_mini"), **{part: replace(getattr(chip("simba_mini"), part), constraint=(2, 0, 0, 0, 0, 0, 0, 0))}
    )
    for metric in ("energy", "cycle"):
        found = optimum(held, layer, metric)  # type: ignore[arg-type]
        every = brute_force(held, layer, metric)  # type: ignore[arg-type]
        assert found.chosen is not None
        assert found.chosen.table.rows[row][0] == 2
        assert found.chosen.value == pytest.approx(every.value, rel=1e-12)


def test_stopped_with_a_bound() -> None:
    layer = ConvLayer("conv", (16, 1, 8, 8, 16, 3, 3, 1), 1)
    stopped = optimum(chip("simba_mini"), layer, "energy", "fixed", time_limit_s=0.0)
    best = optimum(chip("simba_mini"), layer, "energy", "fixed")
    assert (stopped.status, best.status) == ("stopped", "optimal")
    assert best.open_gap == 0 < stopped.open_gap
    assert best.chosen is not None and stopped.chosen is not None
    assert stopped.lower_bound <= best.chosen.value <= stopped.chosen.value
    huge = ConvLayer("huge", (4096, 64, 1, 1, 16384, 1, 1, 1), 1)
    wrapped = optimum(chip("tpu_mini"), huge, faithful=True)
    assert (wrapped.status, wrapped.lower_bound) == ("stopped", 0)


def test_a_layer_that_fits_nowhere() -> None:
    small = replace(chip("acc_mini"), local_buffer=replace(chip("acc_mini").local_buffer, sizes_bytes=(2,)))
    found = optimum(small, TINY[0])
    assert found.chosen is None
    assert not found.start.feasible
    rows = study([small], [LayerList("n", TINY[:1])], faithful=False)
    assert rows.rows[0].best is None
    assert str(rows).endswith("1 layers fit nowhere")


def test_a_study_counts_every_layer_and_proves_each_distinct_one_once() -> None:
    network = LayerList("n", (*TINY, replace(TINY[0], name="again")))
    seen: list[str] = []
    found = study([chip("acc_mini")], [network], progress=lambda name, *_: seen.append(name))
    assert len(found.rows) == len(seen) == 5
    assert found.rows[4].proof_s == found.rows[4].bottom_up_s == 0 < found.rows[0].proof_s
    assert {r.status for r in found.rows} == {"optimal"}
    assert found.rows[4].best == found.rows[0].best
    assert all(r.gap >= 0 for r in found.rows)
    assert "all" in str(found)
    assert found.as_plain()["rows"][0]["layer"] == "t1"
    with pytest.raises(InputError, match="no layer 'x'"):
        study([chip("acc_mini")], [network], layer="x")


def test_maeri_has_one_weight_and_one_input_a_switch() -> None:
    """MAERI's multiplier switches hold one weight and one input; the array is one row that any dimensions lie along."""
    maeri = chip("maeri")
    assert maeri.capacities(maeri.local_buffer) == (1, 1, 0)
    layer = ConvLayer("conv", (16, 1, 8, 8, 8, 3, 3, 1), 1)
    for mode, metric in (("fixed", "energy"), ("flexible", "energy"), ("fixed", "cycle")):
        found = optimum(maeri, layer, metric, mode)  # type: ignore[arg-type]
        assert found.status == "optimal"
        assert found.chosen is not None and found.gap >= 0
        use = found.chosen.analysis.levels["local_buffer"]
        assert use.held[:2] == (1, 1)
        assert found.chosen.table.rows[5] == (1,) * 8
        assert found.chosen.analysis.active_pes <= 256
    for tiny in TINY:
        assert optimum(maeri, tiny).chosen.value == pytest.approx(brute_force(maeri, tiny).value, rel=1e-12)  # type: ignore[union-attr]
