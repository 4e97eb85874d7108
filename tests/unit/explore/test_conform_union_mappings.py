"""A small part of the reference data: the printed example, the ambiguity figure, one mapping in many formats, two tools."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from tileloom.explore.conform.union import conform_union

REFERENCE = Path(__file__).parents[2] / "reference" / "union" / "mappings"


def test_every_row_matches() -> None:
    report = conform_union(REFERENCE)
    assert report.conforms, str(report)
    kinds = {
        "printed example",
        "ambiguity",
        "conversions",
        "AccelForge words",
        "NeuroSpector counts",
        "MAESTRO numbers",
    }
    assert kinds <= set(report.by_kind())


def test_a_wrong_number_is_found(tmp_path: Path) -> None:
    table = REFERENCE / "one_mapping_two_tools.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    rows[0]["af_L1_O_write"] = str(float(rows[0]["af_L1_O_write"]) + 1)
    with (tmp_path / table.name).open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    report = conform_union(tmp_path)
    assert (report.matched, len(report.rows)) == (len(rows) - 1, len(rows))


def test_a_wrong_tile_in_the_printed_blocks_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "union"
    shutil.copytree(REFERENCE, folder)
    paper = folder / "union_paper_gemm_example.json"
    paper.write_text(
        paper.read_text().replace('"time_steps_one_mac_per_pe": 4096', '"time_steps_one_mac_per_pe": 4095')
    )
    report = conform_union(folder)
    assert not report.conforms
    assert any("time steps" in c.what for c in report.checks if not c.ok)
