"""The CACTI adapter with a stand-in for the program: what it is asked, what is read, what is remembered."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tileloom.architecture.energy.base import Query
from tileloom.architecture.energy.cacti import Cacti, Ports, configuration, parse_output
from tileloom.architecture.energy.table import lookup
from tileloom.core.errors import InputError

REPORT = """
    Total dynamic read energy per access (nJ): 0.00378646
    Total dynamic write energy per access (nJ): 0.00310424
    Total leakage power of a bank (mW): 0.0123132
    Total gate leakage power of a bank (mW): 0.00491466
    Cache height x width (mm): 0.189641 x 0.140764
"""
ASKED = Query(capacity_bits=32 * 8192, width_bits=64, technology_nm=22)


def program(folder: Path, body: str) -> Path:
    """A shell script that counts its runs beside itself and prints a report."""
    path = folder / "cacti"
    path.write_text(f"#!/bin/sh\necho run >> {folder}/runs\ngrep -q 'size (bytes) 32768' \"$2\" || exit 3\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_it_is_run_once_per_question_and_reads_energy_leakage_and_area(tmp_path: Path) -> None:
    cacti = Cacti(program(tmp_path, f"cat <<'E'\n{REPORT}\nE"), tmp_path / "cache")
    first, second = cacti.lookup(ASKED), cacti.lookup(ASKED)
    assert first == second
    assert (tmp_path / "runs").read_text() == "run\n"
    assert first.read_pj == pytest.approx(3.78646)
    assert first.write_pj == pytest.approx(3.10424)
    assert first.leakage_mw == pytest.approx(0.0123132 + 0.00491466)
    assert first.area_mm2 == pytest.approx(0.189641 * 0.140764)
    assert "1 read/write, 0 read, 0 write ports" in first.source
    assert [p.name for p in (tmp_path / "cache").iterdir() if not p.name.endswith(".json")] == []


def test_the_table_holds_what_cacti_says() -> None:
    table = lookup("cacti-7-sram", 32 * 8192, 64, 22)
    assert (table.read_pj, table.write_pj) == pytest.approx((3.78646, 3.10424))
    assert table.area_mm2 == pytest.approx(0.0266946, rel=1e-5)
    assert table.leakage_mw == pytest.approx(0.0172278, rel=1e-4)


def test_an_answer_that_cannot_be_read_is_asked_for_again(tmp_path: Path) -> None:
    cacti = Cacti(program(tmp_path, f"cat <<'E'\n{REPORT}\nE"), tmp_path / "cache")
    known = cacti.lookup(ASKED)
    for path in (tmp_path / "cache").glob("*.json"):
        path.write_text("{")
    assert cacti.lookup(ASKED) == known


@pytest.mark.parametrize(
    ("body", "reason"),
    [("exit 1", "status 1"), ("echo nothing", "lacks energies"), ("kill -9 $$", "status -9")],
)
def test_a_program_that_fails_is_named(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Cacti(program(tmp_path, body), tmp_path / "cache").lookup(ASKED)


@pytest.mark.parametrize(
    "query",
    [
        Query(item="mac"),
        Query(capacity_bits=100, width_bits=64, technology_nm=22),
        Query(capacity_bits=8192, width_bits=64, technology_nm=7),
        Query(capacity_bits=8192, width_bits=60, technology_nm=22),
    ],
)
def test_what_cacti_does_not_cover_is_refused_before_it_runs(tmp_path: Path, query: Query) -> None:
    with pytest.raises(InputError):
        Cacti(program(tmp_path, "exit 0"), tmp_path / "cache").lookup(query)
    assert not (tmp_path / "runs").exists()


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no CACTI program"):
        Cacti(tmp_path / "cacti", tmp_path / "cache").lookup(ASKED)


def test_the_configuration_says_what_was_asked() -> None:
    text = configuration(1024, 64, 45, Ports(read_write=0, read=1, write=1))
    for line in ("-size (bytes) 1024", "-exclusive read port 1", "-technology (u) 0.045", '-cache type "ram"'):
        assert line in text.splitlines()
    with pytest.raises(InputError):
        parse_output("")
