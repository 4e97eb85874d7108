"""`conform dmazerunner`: the rows kept here match, and rows that should not match do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tileloom.core.errors import InputError
from tileloom.explore.conform.base import ConformReport
from tileloom.explore.conform.dmazerunner import conform_dmazerunner
from tileloom.explore.conform.registry import CONFORM

REFERENCE = Path(__file__).parents[2] / "reference" / "dmazerunner"


def rows(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((REFERENCE / name).read_text(encoding="utf-8"))
    return loaded


def conform(folder: Path, *entries: dict[str, Any]) -> ConformReport:
    (folder / "rows.json").write_text(json.dumps(entries), encoding="utf-8")
    return conform_dmazerunner(folder)


@pytest.fixture(scope="module")
def report() -> ConformReport:
    return CONFORM.get("dmazerunner")(REFERENCE, None, None)


def test_all_rows_match(report: ConformReport) -> None:
    assert report.conforms, str(report)
    assert report.worst < 1e-12


def test_every_kind_of_row_is_there(report: ConformReport) -> None:
    assert {"thresholds", "counts", "minima", "settings", "validation", "tiles", "DMA", "reuse", "cycles", "energy",
            "EDP", "breakdown", "searches", "orders", "order pairs", "printed"} == set(report.by_kind())  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dma_cycles", "I"), 1),
        (("inter_pe_cycles", "O"), 1),
        (("orderings", 0, "cycles"), 7),
        (("orderings", 0, "breakdown", "NOC"), 1.0),
        (("min_edp", "value"), 2.0),
        (("reuse_SPM", 0, "reuse", "O"), 3),
        (("n_ordering_pairs",), 99),
    ],
)
def test_a_changed_number_is_found(tmp_path: Path, path: tuple[Any, ...], value: float) -> None:
    row = rows("mappings.json")[0]
    inner = row
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    report = conform(tmp_path, row)
    assert report.matched == 0
    assert not report.skipped


def test_a_partial_row_is_checked_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = rows("mappings.json")[0]
    kept = {k: whole[k] for k in ("id", "layer", "env", "tiling_DRAM_SPM_RF_Spatial", "min_energy")}
    report = conform(tmp_path, kept)
    assert report.conforms
    assert set(report.by_kind()) == {"minima"}


def test_a_broken_row_is_skipped_and_does_not_match(tmp_path: Path) -> None:
    good, bad = rows("mappings.json")[:2]
    bad["tiling_DRAM_SPM_RF_Spatial"]["N"] = [3, 1, 1, 1]
    report = conform(tmp_path, good, bad, {"what": "is this"})
    assert report.matched == 1
    assert len(report.skipped) == 2
    assert "its trip count is" in report.skipped[0].reason + report.skipped[1].reason


def test_a_count_that_differs_is_found(tmp_path: Path) -> None:
    row = rows("search.json")[0]
    row["mappings_evaluated"] += 1
    assert [c.what for c in conform(tmp_path, row).checks if not c.ok] == ["mappings"]


def test_a_changed_line_of_a_text_is_found(tmp_path: Path) -> None:
    """Listing: its numbers are of the model file before equal layers are merged."""
    shutil.copytree(REFERENCE / "inputs", tmp_path / "inputs")
    (tmp_path / "cli").mkdir()
    printed = (REFERENCE / "cli" / "bert_auto.txt").read_text()
    changed = printed.replace("Minimized energy: 1.8927E+07", "Minimized energy: 1.8926E+07")
    changed = changed.replace("Total layers optimized:  361", "Total layers optimized:  360")
    (tmp_path / "cli" / "bert_auto.txt").write_text(changed)
    (tmp_path / "cli" / "bert_list_layers.txt").write_text("0: encoder.layer.0.attention.self.query (GEMM)\n")
    (tmp_path / "cli" / "examples.txt").write_text("== examples/other.py\nEstimated Min Energy (pJ): 1.0E+00\n")
    (tmp_path / "cli" / "vgg16_auto.txt").write_text("compiling layer 0: VGG (ConvLayer), instances: 1\n")
    (tmp_path / "cli" / "odd.txt").write_text("nothing known\n")
    report = conform_dmazerunner(tmp_path)
    assert {c.what for c in report.checks if not c.ok} == {
        "energy",
        "energy of its mapping",
        "Total layers optimized",
        "lines",
    }
    reasons = " / ".join(s.reason for s in report.skipped)
    assert "no example 'other' is known; there are conv, dwconv, gemm" in reasons
    assert "no model file inputs/vgg16*.json" in reasons
    assert "not a text that is known" in reasons


def test_a_folder_without_rows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        conform_dmazerunner(tmp_path)
    with pytest.raises(InputError, match="no such directory"):
        conform_dmazerunner(tmp_path / "missing")
