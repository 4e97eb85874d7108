"""The columns of a result table: name, unit and meaning, in order. Rows are made in table.py.

results.parquet, `NetworkMapping.table()` and the documentation all follow this one list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """unit '-' means a count or a ratio, '' a text."""

    name: str
    kind: Literal["text", "int", "float"]
    unit: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("layer", "text", "", "first layer of the network that has this problem"),
    Column("layers", "text", "", "all layers that have it, separated by commas"),
    Column("operation", "text", "", "what the problem came from: conv2d, matmul, ..."),
    Column("equation", "text", "", "what is computed"),
    Column("sizes", "text", "", "extent of every dimension, as 'N=1 K=64'"),
    Column("count", "int", "-", "how often the network runs it; the other columns are for ONE run"),
    Column("macs", "int", "-", "multiply-accumulates"),
    Column("status", "text", "", "optimal (proven), feasible, stopped or infeasible"),
    Column("energy_pj", "float", "pJ", "energy of one run; empty when infeasible"),
    Column("cycles", "float", "cycles", "latency of one run; empty when infeasible"),
    Column("edp_pj_cycles", "float", "pJ * cycles", "energy_pj * cycles"),
    Column("utilization", "float", "-", "useful operations / (cycles * peak operations per cycle)"),
    Column("bottleneck", "text", "", "component that is busy longest"),
    Column("lower_bound", "float", "unit of the objective", "no mapping in the searched space costs less"),
    Column("gap", "float", "-", "(value - lower bound) / value; 0 = proven"),
    Column("evaluated", "int", "-", "mappings whose cost was computed"),
    Column("space_size", "float", "-", "mappings in the searched space"),
    Column("seconds", "float", "s", "time of the search (of the first one, when the answer was remembered)"),
    Column("mapping", "text", "", "the mapping as YAML, also in best/"),
    Column("reasons", "text", "", "why nothing was found"),
)
