"""Energies as a table to work with: a polars DataFrame whose columns carry their units.

One row per layer with its totals is search/table.py; the terminal's tables are the command line's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tileloom.report.data import ReportData
from tileloom.report.extraction import extract
from tileloom.search.network import NetworkResult

if TYPE_CHECKING:
    import polars as pl


ENERGY_COLUMNS: tuple[tuple[str, str], ...] = (
    ("layer", "name of the layer"),
    ("count", "how often the network runs it"),
    ("component", "memory or compute unit"),
    ("tensor", "tensor that moves; empty for arithmetic and leakage"),
    ("role", "input, weight, output, compute or leakage"),
    ("action", "read, write, compute or leakage"),
    ("accesses", "of all instances in one run"),
    ("energy_pj", "energy of one run, pJ"),
)


def _dataset(result: NetworkResult | ReportData) -> ReportData:
    return result if isinstance(result, ReportData) else extract(result)


def energy_table(result: NetworkResult | ReportData) -> pl.DataFrame:
    """One row per layer, component, tensor and action, columns as in ENERGY_COLUMNS; energies of one run."""
    import polars as pl

    rows = [
        (la.name, la.count, p.component, p.tensor, p.series, p.action, p.accesses, p.energy_pj)
        for la in _dataset(result).layers
        for p in la.energy
    ]
    kinds = (pl.String, pl.Int64, *[pl.String] * 4, pl.Float64, pl.Float64)
    return pl.DataFrame(rows, schema=dict(zip((name for name, _ in ENERGY_COLUMNS), kinds)), orient="row")
