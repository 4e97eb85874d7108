"""`conform fused`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.fused import conform_fused

REFERENCE = Path(__file__).parents[2] / "reference" / "fused"


def rows() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((REFERENCE / "rows.json").read_text())
    return found


def test_every_row_matches() -> None:
    report = conform_fused(REFERENCE)
    assert report.conforms, str(report)
    assert report.matched == len(rows())
    assert {"optimum energy", "optimum latency", "proved", "occupancy"} <= set(report.by_kind())
    assert "n2_8_8_E_56" in report.notes[0]


def test_wrong_numbers_and_missing_files_are_no_matches(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(REFERENCE, tmp_path / "rows"))
    one = next(r for r in rows() if r["tag"] == "n2_4_4_E_24")
    wrong = {**one, "tag": "too low", "energy": float(str(one["energy"])) * 0.99}
    lost = {**one, "tag": "lost", "arch": "nowhere.yaml"}
    (folder / "rows.json").write_text(json.dumps([wrong, lost, one]))
    report = conform_fused(folder)
    assert report.matched == 1
    assert "too low: optimum energy" in str(report)
    assert "has no file 'nowhere.yaml'" in str(report)


def test_a_directory_without_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no JSON file there holds fused rows"):
        conform_fused(tmp_path)
