"""`tileloom sweep` and `tileloom query` as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep_studies import BULK
from tileloom.cli.main import main


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(BULK)
    return path


def test_a_sweep_is_run_asked_and_reported(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert run("sweep", str(study), "--out", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["searched"] == told["designs"] == 384
    assert told["valid"] >= len(told["front"]) > 0
    assert run("query", out, "select count(*) as n from front", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"n": len(told["front"])}]
    assert run("query", out, "select dataflow, min(cycles) from front group by all") == 0
    assert "dataflow" in capsys.readouterr().out
    assert run("report", out) == 0
    assert capsys.readouterr().out.strip().endswith("report.html")
    assert run("sweep", str(study), "--out", out) == 2
    assert "--resume" in capsys.readouterr().err
    assert run("sweep", str(study), "--out", out, "--resume", "--no-report") == 0
    assert "nothing was left to do" in capsys.readouterr().out


def test_the_size_is_said_without_evaluating(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sweep", str(study), "--check") == 0
    assert "384  designs" in capsys.readouterr().out
    assert run("sweep", str(study), "--check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["parameters"]["l2_bytes"] == 4


def test_no_valid_design_is_exit_code_1(study: Path, tmp_path: Path) -> None:
    study.write_text(BULK.replace("area: 6", "area: 0.0001"))
    assert run("sweep", str(study), "--out", str(tmp_path / "out"), "--no-report") == 1


def test_mistakes_are_exit_code_2(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sweep", str(study), "--executor", "dsk", "--out", str(tmp_path / "out")) == 2
    assert "'dask'" in capsys.readouterr().err
    assert run("query", str(tmp_path), "select 1") == 2
    assert "holds no sweep" in capsys.readouterr().err
