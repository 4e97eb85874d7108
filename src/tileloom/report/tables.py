"""Results as tables: a polars DataFrame to work with, a rich table for the terminal. Columns carry their units.

`COLUMNS` and `ENERGY_COLUMNS` are the whole schema, with the meaning of every column.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from tileloom.report import quantities as q
from tileloom.report.data import LayerData, ReportData
from tileloom.report.extraction import extract
from tileloom.report.markup import short
from tileloom.search.network import NetworkResult

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

COLUMNS: tuple[tuple[str, str], ...] = (
    ("layer", "name of the first layer that has this problem"),
    ("count", "how often the network runs it"),
    ("op", "what the problem came from"),
    ("macs", "multiply-accumulates of one run"),
    ("energy_pj", "energy of one run, pJ"),
    ("cycles", "latency of one run"),
    ("edp_pj_cycles", "energy times latency of one run, pJ * cycles"),
    ("utilization", "macs / (cycles * peak operations per cycle)"),
    ("bottleneck", "component with the most busy cycles"),
    ("status", "optimal, feasible, stopped or infeasible"),
    ("lower_bound", "no mapping of the space has a smaller objective, in the objective's unit"),
    ("gap", "(objective - lower_bound) / objective"),
    ("evaluated", "mappings whose cost was computed"),
    ("space_size", "mappings in the declared space; a float, since it may leave 64 bits"),
    ("search_seconds", "time of the search"),
)
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


def network_table(result: NetworkResult | ReportData) -> pl.DataFrame:
    """One row per distinct layer, columns as in COLUMNS; numbers are of ONE run, null where nothing was found."""
    import polars as pl

    rows = [_row(layer) for layer in _dataset(result).layers]
    schema = {
        "layer": pl.String, "count": pl.Int64, "op": pl.String, "macs": pl.Int64, "energy_pj": pl.Float64,
        "cycles": pl.Float64, "edp_pj_cycles": pl.Float64, "utilization": pl.Float64, "bottleneck": pl.String,
        "status": pl.String, "lower_bound": pl.Float64, "gap": pl.Float64, "evaluated": pl.Int64,
        "space_size": pl.Float64, "search_seconds": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _row(layer: LayerData) -> tuple[object, ...]:
    return (
        layer.name, layer.count, layer.op, layer.macs, layer.energy_pj, layer.cycles, layer.edp_pj_cycles,
        layer.utilization if layer.mapped else None, layer.bottleneck or None, layer.status, layer.lower_bound,
        layer.gap if layer.mapped else None, layer.evaluated, _as_float(layer.space_size), layer.search_seconds,
    )  # fmt: skip


def _as_float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf


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


def terminal_table(result: NetworkResult | ReportData) -> Table:
    """A rich table: a line per distinct layer, the last one for the whole network with every run counted."""
    from rich.table import Table
    from rich.text import Text

    data = _dataset(result)
    table = Table(title=Text(f"{data.network} on {data.architecture}, least {data.objective}"), show_footer=True)
    feet = (
        "whole network", str(sum(la.count for la in data.layers)), q.count(data.macs), q.energy(data.energy_pj),
        q.count(data.cycles), q.share(data.utilization, 1), "",
        f"{data.count_status('optimal')} of {len(data.layers)} optimal", q.seconds(data.search_seconds),
    )  # fmt: skip
    heads = ("layer", "runs", "MACs", "energy", "cycles", "util.", "bottleneck", "status", "search")
    for head, foot in zip(heads, feet):
        left = head in ("layer", "bottleneck", "status")
        table.add_column(
            head, footer=foot, justify="left" if left else "right", no_wrap=head not in ("layer", "status")
        )
    for layer in data.layers:
        table.add_row(*(Text(cell) for cell in _cells(layer)))
    return table


def _cells(layer: LayerData) -> tuple[str, ...]:
    status = f"{layer.status}, gap {q.share(layer.gap, 1)}" if layer.status == "stopped" else layer.status
    if layer.energy_pj is None or layer.cycles is None:
        found = ("–", "–", "–", "–")
    else:
        found = (
            q.energy(layer.energy_pj), q.count(layer.cycles), q.share(layer.utilization, 1), layer.bottleneck
        )  # fmt: skip
    return (
        short(layer.name, 32),
        f"×{layer.count}",
        q.count(layer.macs),
        *found,
        status,
        q.seconds(layer.search_seconds),
    )
