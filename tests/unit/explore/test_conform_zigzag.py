"""`conform zigzag`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.base import ConformReport
from tileloom.explore.conform.zigzag import conform_zigzag

REFERENCE = Path(__file__).parents[2] / "reference" / "zigzag"
FILE = "resnet18_tpu_like_energy.json"


def with_layer(folder: Path, change: Any) -> ConformReport:
    """The report of a directory with one layer, changed."""
    shutil.copytree(REFERENCE / "hw", folder / "hw")
    data = json.loads((REFERENCE / FILE).read_text())
    layer = data["layers"][1]
    change(layer, data["run"])
    (folder / FILE).write_text(json.dumps({"run": data["run"], "layers": [layer]}))
    return conform_zigzag(folder)


def test_every_row_matches() -> None:
    seen: list[int] = []
    report = conform_zigzag(REFERENCE, progress=lambda _, done, total: seen.append(total - done))
    assert report.conforms, str(report)
    assert len(report.rows) == 11 and seen == list(range(10, -1, -1))
    assert report.worst < 1e-12
    assert {"energy", "accesses", "latency", "mapper", "optimum never worse"} <= set(report.by_kind())


def test_a_wrong_number_is_found(tmp_path: Path) -> None:
    def change(layer: Any, run: Any) -> None:
        layer["outputs"]["latency"]["data_onloading"] += 1

    report = with_layer(tmp_path, change)
    assert report.matched == 0
    assert [c.what for c in report.checks if not c.ok] == ["loading"]


def test_totals_are_checked_where_they_are_given(tmp_path: Path) -> None:
    def change(layer: Any, run: Any) -> None:
        run["energy_pJ"], run["latency_cycles"] = layer["outputs"]["energy"]["energy_total"], 1

    report = with_layer(tmp_path, change)
    assert [(c.what, c.ok) for c in report.checks if c.kind == "total"] == [("energy", True), ("cycles", False)]


def test_a_row_that_cannot_be_read_is_skipped_with_the_reason(tmp_path: Path) -> None:
    def change(layer: Any, run: Any) -> None:
        del layer["layer_def"]["memory_operand_links"]["W"]

    report = with_layer(tmp_path, change)
    assert report.matched == 0
    assert "'W' is linked to no memory operand" in report.skipped[0].reason


def test_a_directory_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no result files"):
        conform_zigzag(tmp_path)
