"""The runner behind `make bench`, on benchmarks made here."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def runner() -> ModuleType:
    spec = spec_from_file_location("benchmark_runner", Path(__file__).parents[2] / "benchmarks" / "run.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a_good.py").write_text("def main():\n    return ['kernel: 12x its twin']\n")
    (tmp_path / "b_broken.py").write_text("def main():\n    raise ValueError('no peer installed')\n")
    (tmp_path / "c_after.py").write_text("def main():\n    return ['still run']\n")
    (tmp_path / "_shared.py").write_text("raise RuntimeError('not a benchmark')\n")
    return tmp_path


def test_a_failing_benchmark_does_not_stop_the_others(
    runner: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.run(folder) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["== a_good", "kernel: 12x its twin", "== b_broken", "== c_after", "still run"]
    assert "no peer installed" in shown.err


def test_only_the_named_one_runs(runner: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.run(folder, ["a_good"]) == 0
    assert capsys.readouterr().out.splitlines() == ["== a_good", "kernel: 12x its twin"]


def test_an_unknown_name_is_refused(runner: ModuleType, folder: Path) -> None:
    with pytest.raises(SystemExit, match="no benchmark fast; there are: a_good"):
        runner.run(folder, ["fast"])


def test_a_benchmark_may_hold_dataclasses_with_postponed_annotations(
    runner: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (
        "from __future__ import annotations",
        "from dataclasses import dataclass",
        "@dataclass",
        "class Case:",
        "    size: int",
        "def main():",
        "    return [str(Case(3))]",
    )
    (tmp_path / "case.py").write_text("\n".join(lines))
    assert runner.run(tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == ["== case", "Case(size=3)"]
