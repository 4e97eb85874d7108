"""`conform accelforge`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.accelforge import conform_accelforge
from tileloom.explore.conform.accelforge_rows import Unread, read_rows
from tileloom.explore.conform.base import Check, ConformReport, Skip, close, relative_error

REFERENCE = Path(__file__).parents[2] / "reference" / "accelforge"
ROWS: list[dict[str, Any]] = json.loads((REFERENCE / "rows.json").read_text(encoding="utf-8"))
RANDOM = [r for r in ROWS if "result" in r]
SEARCHED = {r["tag"]: r for r in ROWS if "tag" in r}

Conform = Callable[..., ConformReport]


@pytest.fixture
def conform(tmp_path: Path) -> Conform:
    """conform(row, ...) of a directory that holds these rows only."""

    def run(*rows: dict[str, Any], limit: int | None = None) -> ConformReport:
        for folder in ("arch", "workload"):
            shutil.copytree(REFERENCE / folder, tmp_path / folder, dirs_exist_ok=True)
        (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        return conform_accelforge(tmp_path, limit)

    return run


def changed(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(row)), **changes}


def test_every_row_matches() -> None:
    seen: list[tuple[str, int, int]] = []
    report = conform_accelforge(REFERENCE, progress=lambda name, done, total: seen.append((name, done, total)))
    assert report.conforms, str(report)
    assert report.worst < 1e-7
    assert str(report).splitlines()[-1].startswith(f"conform accelforge: matched {len(ROWS)} of {len(ROWS)} (worst")
    assert [done for _, done, _ in seen] == list(range(1, len(ROWS) + 1))
    kinds = set(report.by_kind())
    assert {"access counts", "energy", "latency", "occupancy", "spatial use", "accepted", "proof"} <= kinds
    assert {"optimum (energy)", "optimum (latency)", "optimum (edp)"} <= kinds
    assert "eyeriss_mm1024_E" in report.notes[0]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("O|action|GLB|F|read", "access counts"),
        ("O|energy|Spad|I|write", "energy"),
        ("O|latency|Spad", "latency"),
        ("O|usage|spatial|Array|X", "spatial use"),
        ("O|usage|memory|GLB|I", "occupancy"),
        ("reservation|Spad|-1|right", "occupancy"),
        ("Total|energy", "total energy"),
        ("Total|latency", "total latency"),
    ],
)
def test_a_wrong_number_is_found(conform: Conform, column: str, kind: str) -> None:
    row = changed(RANDOM[0])
    row["result"][column] *= 1.001
    report = conform(row)
    assert (report.matched, len(report.rows)) == (0, 1)
    assert {(c.kind, c.what) for c in report.checks if not c.ok} == {(kind, column)}
    assert f"mismatch: {report.rows[0]}: {kind} {column}" in str(report)


def test_a_wrong_occupancy_in_bits_and_a_missing_column_are_found(conform: Conform) -> None:
    row = changed(RANDOM[0])
    row["independent_occupancy_bits_not_tool_output"]["GLB"] += 8
    assert not conform(row).conforms
    row = changed(RANDOM[0])
    del row["result"]["O|action|Spad|O|read"]
    assert not conform(row).conforms


def refused(*changes: tuple[str, int, Any]) -> dict[str, Any]:
    """A row the tool would refuse: nodes of the first mapping changed, no result."""
    row = changed(RANDOM[0], result={"error": "invalid"})
    for kind, number, tile in changes:
        [n for n in row["mapping"] if n["kind"] == kind][number]["tile_shape"] = tile
    return row


def test_refused_mappings_are_refused(conform: Conform) -> None:
    """Twice the rows of p in a Spad, 14 rows of p on an axis of 8, and a dimension that no loop covers."""
    too_large = refused(("spatial", 1, 14))
    wide = refused(("spatial", 1, 1))
    uncovered = changed(wide, mapping=[n for n in RANDOM[0]["mapping"] if n.get("rank_variable") != "c"])
    report = conform(too_large, wide, uncovered)
    assert report.conforms, str(report)
    assert [c.kind for c in report.checks] == ["refused"] * 3
    for check, reason in zip(report.checks, ("Spad holds", "Array", "'c'")):
        assert reason in str(check.got)


def test_a_legal_mapping_called_refused_is_a_mismatch(conform: Conform) -> None:
    report = conform(changed(RANDOM[0], result={"error": "invalid"}))
    assert report.matched == 0
    assert "expected refused, got accepted" in str(report)


def test_a_wrong_optimum_is_found(conform: Conform) -> None:
    """Another mapping's evaluation in place of the optimum: it evaluates right, but there is a better one."""
    best, free = SEARCHED["tpu_v4i_mm512_E"], SEARCHED["tpu_mm512_E_free"]
    report = conform(changed(free, rows=best["rows"]), changed(best, rows=free["rows"]))
    values = [c for c in report.checks if c.kind.startswith(("optimum", "below"))]
    assert [c.kind for c in values] == ["below the tool's best (energy)", "optimum (energy)"]
    assert "counted as matched" in report.notes[0]
    assert not values[1].ok and report.matched == 1


def test_several_objectives_compare_fronts(conform: Conform) -> None:
    row = changed(SEARCHED["nvdla_mm4096_L"], metrics="Metrics.ENERGY|LATENCY")
    assert all(c.ok for c in conform(row).checks if c.what == "Pareto point reached")


def test_rows_that_cannot_be_read_are_skipped_and_count(conform: Conform) -> None:
    lost = changed(RANDOM[0], arch="absent.yaml")
    outside = changed(RANDOM[0], arch="../../../etc/passwd")
    metric = changed(SEARCHED["nvdla_mm512_EDP"], metrics="Metrics.AREA")
    unset = changed(RANDOM[0], params={})
    report = conform(lost, outside, metric, unset, {"odd": 1}, RANDOM[1])
    assert (report.matched, len(report.rows), len(report.skipped)) == (1, 6, 5)
    text = str(report)
    for part in ("no file 'absent.yaml'", "lies outside", "metric 'AREA'", "is undefined", "of no known shape"):
        assert part in text
    assert conform(lost, RANDOM[1], limit=1).last_line.startswith("conform accelforge: matched 0 of 1")


def test_directories_without_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no directory"):
        read_rows(tmp_path / "absent")
    with pytest.raises(InputError, match="no JSON file"):
        read_rows(tmp_path)
    (tmp_path / "other.json").write_text('{"layers": [{"energy": 1}]}', encoding="utf-8")
    with pytest.raises(InputError, match="no JSON file"):
        read_rows(tmp_path)
    (tmp_path / "broken.json").write_text("[1,", encoding="utf-8")
    with pytest.raises(InputError, match="not readable as JSON"):
        read_rows(tmp_path)


def test_a_single_row_or_a_named_list_is_read_too(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "arch", tmp_path / "arch")
    shutil.copytree(REFERENCE / "workload", tmp_path / "workload")
    (tmp_path / "a.json").write_text(json.dumps(RANDOM[0]), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps({"rows_of_b": RANDOM[:2]}), encoding="utf-8")
    rows = read_rows(tmp_path)
    assert len(rows) == 3 and not any(isinstance(r, Unread) for r in rows)


def test_the_report_counts_rows_not_checks() -> None:
    checks = (
        close("energy", "r1", "x", 1.0, 1.0, 1e-6),
        close("energy", "r2", "x", 2.0, 2.1, 1e-6),
        Check("accepted", "r2", "mapping", True, "accepted", "accepted"),
    )
    report = ConformReport("tool", ("r1", "r2", "r3", "r4"), checks, (Skip("r3", "because"),))
    assert report.matched == 1 and not report.conforms
    assert report.by_kind()["energy"] == (1, 2, pytest.approx(0.05))
    assert report.last_line == "conform tool: matched 1 of 4 (worst relative error 0.05)"
    assert json.loads(json.dumps(report.as_plain()))["mismatches"][0]["row"] == "r2"
    assert not ConformReport("tool", (), ()).conforms


def test_relative_errors() -> None:
    assert relative_error(0.0, 0.0) == 0.0
    assert relative_error(0.0, 1e-30) == float("inf")
    assert relative_error(float("inf"), float("inf")) == 0.0
    assert relative_error(1.0, float("nan")) == float("inf")
    assert relative_error(-2.0, -1.0) == 0.5
