"""Slow twins of the kernels: what they compute, by listing everything. Used by tests and to read before kernels.py."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import inf

import numpy as np

from tileloom.search.optimal.arrays import CostArrays, Floats, Ints, LimitArrays
from tileloom.search.optimal.kernels import EDP, LATENCY
from tileloom.search.optimal.prepare import Prepared


def pareto_rows_reference(values: Floats, equal: Sequence[bool]) -> list[int]:
    """Rows that no other row dominates; of equal rows the first."""

    def dominates(a: int, b: int) -> bool:
        pairs = list(zip(values[a], values[b], equal))
        if not all(x == y if same else x <= y for x, y, same in pairs):
            return False
        return a < b or any(x != y for x, y, _ in pairs)

    rows = range(len(values))
    return [i for i in rows if not any(dominates(k, i) for k in rows if k != i)]


def cost_reference(columns: Floats, cost: CostArrays) -> tuple[float, float]:
    """(energy, cycles) of a complete mapping whose column values are known."""
    totals = []
    for start, end, offset in zip(cost.forms, cost.forms[1:], cost.offsets):
        total = float(offset)
        for i in range(start, end):
            part = cost.plus[i] * columns[cost.plus_at[i]]
            if cost.minus_at[i] >= 0:
                part -= cost.minus[i] * columns[cost.minus_at[i]]
            total += part
        totals.append(total)
    cycles = max(totals[1:], default=0.0)
    return totals[0] + cost.leakage * cycles, cycles


def within_limits(columns: Floats, limits: LimitArrays) -> bool:
    for start, end, low, high in zip(limits.forms, limits.forms[1:], limits.low, limits.high):
        total = sum(limits.coefficient[k] * columns[limits.at[k]] for k in range(start, end))
        if not low <= total <= high:
            return False
    return True


def search_reference(prepared: Prepared, objective: int) -> tuple[float, Ints | None]:
    """The best value over every combination of one option per group."""
    best, rows = inf, None
    ranges = [range(a, b) for a, b in zip(prepared.starts, prepared.starts[1:])]
    for chosen in product(*ranges):
        columns = np.prod(prepared.table[list(chosen)], axis=0)
        if not within_limits(columns, prepared.limits):
            continue
        energy, cycles = cost_reference(columns, prepared.cost)
        value = cycles if objective == LATENCY else energy * cycles if objective == EDP else energy
        if value < best:
            best, rows = value, np.array(chosen)
    return best, rows


def front_reference(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Non-dominated points, energy ascending, equal points once."""
    kept = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)}
    return sorted(kept)
