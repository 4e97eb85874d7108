"""Chips searched together against the mapper asked chip by chip: the same optimum to the last digit."""

from pathlib import Path

import numpy as np
import pytest

from sweep_studies import CHIP, MAPPED
from tileloom.core.errors import InputError
from tileloom.explore.sweep.mapped import MappedPlan
from tileloom.explore.sweep.shared import SharedSearch
from tileloom.explore.sweep.study import parse_study
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import value_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chip.yaml").write_text(CHIP)
    return tmp_path


@pytest.mark.parametrize("objective", ["edp", "energy", "latency"])
def test_every_design_has_the_optimum_of_its_own_search(folder: Path, objective: str) -> None:
    plan = MappedPlan(parse_study(MAPPED.replace("objective: edp", f"objective: {objective}"), folder))
    found = plan.chunk(0, plan.space.size)
    for i in range(0, plan.space.size, 3):
        values = plan.space.values(i)
        ((problem, _),) = plan.workload(values)
        alone = OptimalMapper().search(problem, plan.chip(values), objective)  # type: ignore[arg-type]
        assert alone.cost is not None
        cycles, energy, area, _, edp, used = found.rows.metrics[i]
        assert {"edp": edp, "energy": energy, "latency": cycles}[objective] == pytest.approx(
            value_of(alone.cost, objective),
            rel=1e-12,  # type: ignore[arg-type]
        )
        assert (cycles, energy) == pytest.approx((alone.cost.cycles, alone.cost.energy_pj), rel=1e-9)
        assert used == pytest.approx(alone.cost.utilization)
        assert area == pytest.approx(0.1 + 0.001 * plan.chip(values).instances(plan.chip(values).computes[-1]))


def test_most_templates_are_proved_away(folder: Path) -> None:
    plan = MappedPlan(parse_study(MAPPED, folder))
    chips = [plan.chip(plan.space.values(i)) for i in range(plan.space.size // 2)]
    ((problem, _),) = plan.workload({})
    search = SharedSearch(problem, chips, "edp")
    assert all(tree is not None for tree in search.solve())
    assert search.searched < len(chips) * len(search.priced) / 2


def test_chips_on_which_nothing_fits_are_refused_and_the_others_not(folder: Path) -> None:
    text = MAPPED.replace("Buffer.size_bytes: [64, 256, 1024, 4096]", "Buffer.size_bytes: [1, 2, 64]")
    plan = MappedPlan(parse_study(text, folder))
    found = plan.chunk(0, plan.space.size)
    sizes = np.array([plan.space.values(i)["Buffer.size_bytes"] for i in range(plan.space.size)])
    nothing = np.isnan(found.rows.metrics[:, 1])
    assert (nothing == (sizes < 3)).all()
    assert found.counts.refused == nothing.sum()
    assert found.counts.searched == found.counts.evaluated + found.counts.refused


def test_two_ways_to_say_the_same_chip_are_one_design(folder: Path) -> None:
    text = MAPPED.replace("Buffer.access.energy_pj: [0.5, 1.0, 2.0, 6.0]", "scale: [1, 2]") + (
        "linked: {Buffer.access.energy_pj: '1 + 0 * scale'}\n"
    )
    plan = MappedPlan(parse_study(text, folder))
    keys = {str(plan.content(plan.space.values(i))) for i in range(plan.space.size)}
    assert len(keys) == plan.space.size // 2


def test_other_mappers_and_models_are_asked_design_by_design(folder: Path) -> None:
    text = MAPPED + "mapper: random\nmapper_options: {samples: 20}\nmodel: zigzag\n"
    text = text.replace("zigzag", "maestro")
    plan = MappedPlan(parse_study(text, folder))
    assert not plan.shares
    found = plan.some((0, plan.space.size - 1))
    assert found.counts.searched == 2


def test_bit_widths_of_the_workload_are_swept(folder: Path) -> None:
    text = MAPPED.replace("Array.X: [4, 8]", "bits: [8, 16]")
    plan = MappedPlan(parse_study(text, folder))
    found = plan.chunk(0, plan.space.size)
    half = plan.space.size // 2
    assert (found.rows.metrics[half:, 1] > found.rows.metrics[:half, 1]).all()


def test_a_value_that_the_chip_refuses_is_named_with_its_field(folder: Path) -> None:
    text = MAPPED.replace("[8, 64]", "{from: 8, to: 64, factor: 8}") + (
        "linked: {DRAM.leakage_mw: 'DRAM.access.bits_per_cycle - 64'}\n"
    )
    plan = MappedPlan(parse_study(text, folder))
    with pytest.raises(InputError, match=r"DRAM\.leakage_mw = -56"):
        plan.chunk(0, plan.space.size)


def test_an_unknown_field_is_refused_with_the_nearest(folder: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean 'Buffer.size_bytes'") as error:
        parse_study(MAPPED.replace("Buffer.size_bytes", "Bufer.size_bytes"), folder, file="s.yaml")
    assert error.value.problems[0].startswith("s.yaml:8")
