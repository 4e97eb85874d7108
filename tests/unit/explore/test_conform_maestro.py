"""`conform maestro`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.maestro import conform_maestro
from tileloom.explore.conform.maestro_log import log_cases

REFERENCE = Path(__file__).parents[2] / "reference" / "maestro"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(REFERENCE, tmp_path / "rows"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_every_row_matches() -> None:
    seen: list[int] = []
    report = conform_maestro(REFERENCE, progress=lambda _, done, total: seen.append(total - done))
    assert report.conforms, str(report)
    assert report.worst < 1e-12
    assert set(report.by_kind()) == {"CSV columns", "screen report", "refusals", "log"}
    assert report.last_line.startswith("conform maestro: matched 70 of 70 (worst relative error")
    assert seen == list(range(69, -1, -1))


def test_a_limit_looks_at_the_first_rows_only() -> None:
    assert len(conform_maestro(REFERENCE, limit=3).rows) == 3


def test_a_wrong_number_is_a_mismatch(copied: Path) -> None:
    change(copied / "validation" / "alexnet_rs_validation.csv", "3297188", "3297189")
    report = conform_maestro(copied)
    assert report.matched == len(report.rows) - 1
    assert "validation/alexnet_rs_validation[0]: CSV columns Runtime (Cycles): expected 3297189" in str(report)


def test_a_wrong_case_in_the_log_is_a_mismatch(copied: Path) -> None:
    change(copied / "trace" / "tiny_log.txt", "ingress_traffic 144", "ingress_traffic 143")
    bad = [c for c in conform_maestro(copied).checks if not c.ok]
    assert [c.what for c in bad] == ["case 2: ingress filter"]


def test_a_mapping_that_is_not_refused_is_a_mismatch(copied: Path) -> None:
    change(copied / "synthetic_failures.csv", "syn_10020.m", "syn_10001.m")
    bad = [c for c in conform_maestro(copied).checks if not c.ok]
    assert [(c.kind, c.got) for c in bad] == [("refusals", "evaluated")]


def test_rows_without_their_files_are_skipped_with_the_reason(copied: Path) -> None:
    (copied / "mapping" / "example.m").unlink()
    change(copied / "configs.json", '"C_hw1024"', '"C"')
    reasons = {s.reason for s in conform_maestro(copied).skipped}
    assert {"no mapping file example.m", "no configuration 'C_hw1024' in configs.json or hw/"} <= reasons


def test_part_of_a_directory_and_hardware_files(copied: Path) -> None:
    for path in (*copied.glob("synthetic*"), *copied.glob("sweep*"), copied / "configs.json", copied / "README.md"):
        path.unlink()
    (copied / "hw").mkdir()
    (copied / "hw" / "A_hw256.m").write_text("num_pes: 256\nnoc_bw_cstr: 1000\nNoC_NumHops: 1\noffchip_bw_cstr: 50\n")
    report = conform_maestro(copied)
    assert 0 < report.matched < len(report.rows)
    assert all(c.ok for c in report.checks)
    assert all("no configuration" in s.reason for s in report.skipped)


def test_a_directory_without_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no CSV file there holds MAESTRO rows"):
        conform_maestro(tmp_path)
    with pytest.raises(InputError, match="is no directory"):
        conform_maestro(tmp_path / "none")


def test_cases_come_when_they_are_finished() -> None:
    cases = list(log_cases((REFERENCE / "trace" / "tiny_log.txt").read_text()))
    assert [(c["level"], c["case"]) for c in cases[:4]] == [(1, 0), (1, 1), (0, 0), (1, 0)]
    assert cases[2]["ingress filter"] == 144
