"""dMazeRunner's knobs as typed: mode and numbers of the model, thresholds, tiles that do not divide, execution methods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tileloom.architecture.dump import architecture_to_yaml
from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.explore.run import problem_to_yaml
from tileloom.mapping.notation.dmazerunner import method_of_loops
from tileloom.mapping.notation.dmazerunner_file import method_to_yaml
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer

Run = Callable[..., Any]
GEMM = DmazeLayer(name="g", kind="GEMM", extents=(13, 8, 7))


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    path = tmp_path / "chip.yaml"
    path.write_text(architecture_to_yaml(DmazeChip(cgra_size=16, rf_elements=32, spm_banks=4).architecture()))
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work.yaml"
    path.write_text(problem_to_yaml(GEMM.problem()))
    return path


def mapped(run: Run, work: Path, chip: Path, *more: object) -> Any:
    shown = run("map", work, "--arch", chip, "--model", "dmazerunner", "--no-cache", "--json", *more)
    assert shown.code == 0, shown.err
    return shown.json


def test_tiles_that_need_not_divide_cost_less(run: Run, work: Path, chip: Path) -> None:
    even = mapped(run, work, chip, "--mapper", "dmazerunner")
    uneven = mapped(run, work, chip, "--mapper", "dmazerunner", "--imperfect")
    assert even["status"] == uneven["status"] == "optimal"
    assert uneven["totals"]["edp_pj_cycles"] < even["totals"]["edp_pj_cycles"]


def test_mode_and_numbers_reach_the_model(run: Run, work: Path, chip: Path) -> None:
    plain = mapped(run, work, chip, "--mapper", "auto_optimizer")
    slow = mapped(run, work, chip, "--mapper", "auto_optimizer", "--model-option", "dma_init_cycles=29100")
    faithful = mapped(run, work, chip, "--mapper", "auto_optimizer", "--model-option", "mode=faithful")
    assert slow["totals"]["cycles"] > plain["totals"]["cycles"]
    assert (faithful["model"], slow["model"]) == (
        "dmazerunner:mode=faithful",
        "dmazerunner:dma_init_cycles=29100",
    )


def test_an_execution_method_is_evaluated(run: Run, tmp_path: Path) -> None:
    """Source: dMazeRunner, examples: conv5_2 at batch 4 has 3,066,431,734 pJ under its best orders."""
    layer = RESNET[5]
    factors = {"N": (2, 2, 1, 1), "M": (64, 1, 8, 1), "C": (32, 16, 1, 1), "Ox": (1, 1, 1, 7), "Oy": (1, 1, 1, 7)}
    method = method_of_loops(
        {**factors, "Fx": (1, 1, 3, 1), "Fy": (1, 1, 3, 1)}, dict(zip(layer.loops, layer.extents, strict=True))
    )
    work, chip, saved = tmp_path / "w.yaml", tmp_path / "c.yaml", tmp_path / "m.yaml"
    work.write_text(problem_to_yaml(layer.problem()))
    chip.write_text(architecture_to_yaml(DmazeChip().architecture()))
    saved.write_text(method_to_yaml(method, layer.name))
    call = ("evaluate", saved, "--problem", work, "--arch", chip, "--model", "dmazerunner")
    data = run(*call, "--model-option", "mode=faithful", "--json").json
    assert data["macs"] == layer.macs
    assert data["energy_pj"] == int(data["energy_pj"])
    saved.write_text(method_to_yaml(method).replace("[64, 1, 8, 1]", "[64, 1, 4, 1]"))
    wrong = run(*call)
    assert wrong.code == 2
    assert f"{saved}:2: loop 'M': 64 * 1 * 4 * 1 = 256, its trip count is 512" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model-option", "mode=fiathful"), "did you mean 'faithful'"),
        (("--model-option", "dma_init_cycle=3"), "did you mean 'dma_init_cycles'"),
        (("--model-option", "spm_energy=3"), "'spm_energy' of model 'dmazerunner' is the architecture's to say"),
        (("--model-option", "dma_frequency=fast"), "expected a number"),
        (("--model-option", "arch_spec=missing.json"), "missing.json: cannot be read"),
        (
            ("--mapper", "auto_optimizer", "--option", "min_pe=1.5"),
            "minimum utilisation of PEs is 1.5; expected 0 to 1",
        ),
        (("--mapper", "auto_optimizer", "--option", "min_rff=0.5"), "did you mean 'min_rf'"),
        (("--mapper", "auto_optimizer", "--option", "min_methods=0"), "minimum number of mappings is 0"),
        (("--mapper", "auto_optimizer", "--option", "disable_prunings=2"), "expected 0 to 1"),
        (("--mapper", "dmazerunner", "--option", "no_feature_dram=maybe"), "expected true or false"),
    ],
)
def test_mistakes_are_named(run: Run, work: Path, chip: Path, arguments: tuple[str, ...], message: str) -> None:
    shown = run("map", work, "--arch", chip, "--model", "dmazerunner", "--no-cache", *arguments)
    assert shown.code == 2
    assert message in shown.err


def test_an_infeasible_layer_names_what_does_not_fit(run: Run, work: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.yaml"
    small.write_text(architecture_to_yaml(DmazeChip(rf_elements=2).architecture()))
    shown = run(
        "map", work, "--arch", small, "--model", "dmazerunner", "--mapper", "dmazerunner", "--no-cache"
    )  # fmt: skip
    assert shown.code == 1
    assert "room for 2" in shown.err or "do not fit" in shown.err or "RF" in shown.err


def test_a_reason_that_layers_share_is_said_once(run: Run) -> None:
    shown = run(
        "map", "resnet18", "--arch", "eyeriss", "--model", "dmazerunner", "--mapper", "auto_optimizer", "--no-cache"
    )  # fmt: skip
    assert shown.code == 1
    assert shown.err.count("E-BYPASS at GLB: model") == 1
    assert "infeasible conv1, layer1.0.conv1, " in shown.err
