"""`conform neurospector`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.base import ConformReport
from tileloom.explore.conform.neurospector import conform_neurospector

REFERENCE = Path(__file__).parents[2] / "reference" / "neurospector"


def with_row(folder: Path, file: str, number: int, **changes: str) -> ConformReport:
    """The report of a directory that holds one changed row of one file."""
    shutil.copytree(REFERENCE / "inputs", folder / "inputs", dirs_exist_ok=True)
    with (REFERENCE / file).open(newline="") as stream:
        row = list(csv.DictReader(stream))[number] | changes
    with (folder / file).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        writer.writeheader()
        writer.writerow(row)
    return conform_neurospector(folder)


def first(file: str, **wanted: str) -> int:
    with (REFERENCE / file).open(newline="") as stream:
        return next(i for i, r in enumerate(csv.DictReader(stream)) if all(r[k] == v for k, v in wanted.items()))


def test_every_row_matches() -> None:
    seen: list[int] = []
    report = conform_neurospector(REFERENCE, progress=lambda _, done, total: seen.append(total - done))
    assert report.conforms, str(report)
    assert report.worst == 0
    assert report.last_line == "conform neurospector: matched 72 of 72 (worst relative error 0)"
    assert seen == list(range(71, -1, -1))
    kinds = {"taken", "refused", "strategies", "partition", "utilisation", "energy", "access counts", "total cycles"}
    assert kinds <= set(report.by_kind())


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("total_energy", "1", "total energy"),
        ("gb_o_rd", "1", "access counts"),
        ("valid", "False", "refused"),
        ("lb_dataflow", "IS", "dataflow"),
        ("row_DRAM", "1 1 1 1 1 1 1 2", "table"),
        ("params_after_group_division", "1 1 1 1 1 1 1 1", "layer"),
    ],
)
def test_a_changed_analyzer_row_does_not_match(tmp_path: Path, column: str, value: str, kind: str) -> None:
    number = first("analyzer_tables.csv", accelerator="eyeriss", valid="True")
    report = with_row(tmp_path, "analyzer_tables.csv", number, **{column: value})
    assert report.matched == 0
    assert {kind} <= {c.kind for c in report.checks if not c.ok}


@pytest.mark.parametrize(("column", "value"), [("strategies", "SP-SP-PM"), ("row_PE_ARRAY(X)", "1 1 1 1 1 1 1 1")])
def test_a_changed_optimizer_row_does_not_match(tmp_path: Path, column: str, value: str) -> None:
    number = first("optimizer_bottom_up.csv", accelerator="eyeriss", network="resnet50")
    assert not with_row(tmp_path, "optimizer_bottom_up.csv", number, **{column: value}).conforms


def test_the_last_digit_counts(tmp_path: Path) -> None:
    number = first("analyzer_tables.csv", accelerator="eyeriss", valid="True")
    with (REFERENCE / "analyzer_tables.csv").open(newline="") as stream:
        printed = list(csv.DictReader(stream))[number]["total_energy"]
    other = printed[:-1] + str((int(printed[-1]) + 1) % 10)
    assert not with_row(tmp_path, "analyzer_tables.csv", number, total_energy=other).conforms


def test_rows_that_cannot_be_recomputed_are_skipped_with_the_reason(tmp_path: Path) -> None:
    report = with_row(tmp_path, "optimizer_bottom_up.csv", 0, accelerator="unknown")
    assert report.matched == 0
    assert "unknown.cfg: cannot be read" in report.skipped[0].reason
    report = with_row(tmp_path, "optimizer_bottom_up.csv", 0, row_DRAM="1 2")
    assert "expected eight numbers" in report.skipped[0].reason


def test_a_directory_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        conform_neurospector(tmp_path)
