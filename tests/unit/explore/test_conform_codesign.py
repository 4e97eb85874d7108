"""`conform codesign`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.codesign import conform_codesign

REFERENCE = Path(__file__).parents[2] / "reference" / "codesign"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REFERENCE, tmp_path / "rows"))


def test_every_row_matches() -> None:
    report = conform_codesign(REFERENCE)
    assert report.conforms, str(report)
    assert report.last_line.startswith("conform codesign: matched 184 of 184")
    assert {k: total for k, (_, total, _) in report.by_kind().items()} == {
        "generator": 270,
        "authors' vectors": 156,
        "front end": 10,
        "layer cycles": 75,
        "layer counts": 975,
        "layer energy": 150,
        "network cycles": 12,
        "network energy": 24,
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "kind"),
    [
        ("alphanet_others_10.csv", ",224,", ",256,", "generator"),
        ("layer_costs_darts32.csv", "CONV,", "DSCONV,", "layer counts"),
        ("frontend_models/alphanet_pos2.m", "K: 16,", "K: 17,", "front end"),
        ("hardware.csv", "old1,256,100,3000,1000,300", "old1,256,100,3000,1000,30", "authors' vectors"),
    ],
)
def test_a_changed_row_does_not_match(copied: Path, file: str, old: str, new: str, kind: str) -> None:
    path = copied / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    report = conform_codesign(copied)
    assert not report.conforms
    held, total, _ = report.by_kind()[kind]
    assert held < total


def test_rows_whose_hardware_is_missing_are_skipped_and_do_not_count(copied: Path) -> None:
    (copied / "hardware.csv").unlink()
    report = conform_codesign(copied, limit=70)
    assert not report.conforms
    assert any("hardware.csv" in s.reason for s in report.skipped)


def test_a_folder_without_rows_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no co-design rows"):
        conform_codesign(tmp_path)
