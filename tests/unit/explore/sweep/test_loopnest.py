"""Designs with fixed mappings against model loopnest, one by one and exactly."""

from pathlib import Path

import pytest

from sweep_studies import CHIP, MAPPED
from tileloom.core.errors import InputError
from tileloom.explore.sweep.front import brute_force_front
from tileloom.explore.sweep.loopnest import LoopnestPlan
from tileloom.explore.sweep.study import parse_study

TEXT = MAPPED.replace("engine: mapped", "engine: bulk")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chip.yaml").write_text(CHIP)
    return tmp_path


@pytest.mark.parametrize(
    "changes",
    [
        "keep: all\n",
        "keep: all\nlinked: {Register.leakage_mw: 'Array.X / 100', frequency_mhz: 'Array.X * 100'}\n",
        "keep: all\ndataflows: [nmk]\n",
    ],
)
def test_designs_equal_the_model_exactly(folder: Path, changes: str) -> None:
    plan = LoopnestPlan(parse_study(TEXT + changes, folder))
    found = plan.chunk(0, plan.space.size)
    singles = [plan.single(i) for i in range(plan.space.size)]
    for i in range(plan.space.size):
        assert tuple(found.rows.metrics[i]) == singles[i][0]
    low = 0.05
    assert found.counts.valid == sum(fits and m[5] >= low for m, fits in singles)
    assert 0 < found.counts.valid < plan.space.size


def test_the_front_is_that_of_every_valid_design(folder: Path) -> None:
    plan = LoopnestPlan(parse_study(TEXT, folder))
    found = plan.chunk(0, plan.space.size)
    singles = [plan.single(i) for i in range(plan.space.size)]
    valid = [i for i, (m, fits) in enumerate(singles) if fits and m[5] >= 0.05]
    import numpy as np

    values = np.array([singles[i][0][:3] for i in valid])
    assert found.front.indices.tolist() == [valid[k] for k in brute_force_front(values)]


def test_a_mapping_file_is_taken_for_one_layer_only(folder: Path) -> None:
    text = TEXT.replace('network: "O[m, n] += A[m, k] * B[k, n]"\nbind: {m: 32, n: 24, k: 48}', "network: resnet18")
    with pytest.raises(InputError, match="choose one by `layers`"):
        parse_study(text + "mappings: [m.yaml]\n", folder)


def test_a_mapping_file_serves_every_design(folder: Path) -> None:
    from tileloom.mapping.yaml import mapping_to_yaml

    plan = LoopnestPlan(parse_study(TEXT, folder))
    ((problem, tree, _, _),) = plan.structure(0).jobs
    (folder / "m.yaml").write_text(mapping_to_yaml(tree, problem.name))
    given = LoopnestPlan(parse_study(TEXT + "mappings: [m.yaml]\n", folder))
    assert given.single(0) == plan.single(0)
    assert given.chunk(0, given.space.size).counts.searched == 64
