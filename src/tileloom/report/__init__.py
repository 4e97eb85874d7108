"""Results for people: tables, charts, and one offline HTML page. `extract` makes the dataset that all of them draw.

Names are loaded when they are asked for, so that importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tileloom.report.data import Provenance, ReportData, read_dataset, write_dataset
    from tileloom.report.extraction import extract
    from tileloom.report.html import render_html, write_report
    from tileloom.report.tables import energy_table

__all__ = [
    "Provenance",
    "ReportData",
    "energy_table",
    "extract",
    "read_dataset",
    "render_html",
    "write_dataset",
    "write_report",
]

_HOME = {
    "Provenance": "data", "ReportData": "data", "read_dataset": "data", "write_dataset": "data", "extract": "extraction",
    "render_html": "html", "write_report": "html", "energy_table": "tables",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
