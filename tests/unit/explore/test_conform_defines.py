"""`conform defines`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.defines import conform_defines

REFERENCE = Path(__file__).parents[2] / "reference" / "defines"


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A directory with machines and networks and no rows."""
    for name in ("architectures.json", "workloads.json"):
        shutil.copy(REFERENCE / name, tmp_path / name)
    return tmp_path


def structure(number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / "structure_points.json").read_text())["points"][number]
    return found


def write(folder: Path, point: dict[str, Any]) -> Path:
    (folder / "structure_points.json").write_text(json.dumps({"points": [point]}))
    return folder


def test_every_row_matches() -> None:
    seen: list[int] = []
    report = conform_defines(REFERENCE, progress=lambda _, done, total: seen.append(total - done))
    assert report.conforms, str(report)
    assert report.worst < 1e-12
    assert len(report.rows) == 26
    assert seen == list(range(25, -1, -1))


def test_a_limit_takes_the_first_rows() -> None:
    assert [r.split()[0] for r in conform_defines(REFERENCE, limit=3).rows] == ["cuts"] * 3


def test_a_wrong_cut_is_found(inputs: Path) -> None:
    (inputs / "stack_cuts.json").write_text(json.dumps({"Edge_TPU_like|mccnn": [0, 1, 2]}))
    report = conform_defines(inputs)
    assert report.matched == 0
    assert "expected [0, 1, 2], got [0, 1, 2, 3]" in str(report)


def test_a_wrong_number_in_a_tile_is_found(inputs: Path) -> None:
    point = structure(0)
    point["layers"][3]["types"][1]["dims"]["OX"] += 1
    report = conform_defines(write(inputs, point))
    assert report.matched == 0
    assert "3 tile 1 dims.OX" in str(report)


def test_energy_that_is_off_by_a_millionth_is_found(inputs: Path) -> None:
    point = structure(0)
    point["copy_energy_total"] *= 1 + 1e-6
    report = conform_defines(write(inputs, point))
    assert [c.what for c in report.checks if not c.ok] == ["copy_energy_total"]


def test_a_row_that_cannot_run_is_skipped_with_its_reason(inputs: Path) -> None:
    point = structure(0)
    point["inputs"]["arch"] = "Meta_prototipe"
    report = conform_defines(write(inputs, point))
    assert report.matched == 0
    assert "no accelerator 'Meta_prototipe'" in report.skipped[0].reason


def test_a_directory_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no rows of DeFiNES"):
        conform_defines(tmp_path)
