"""A compiled template laid out as the flat arrays that the kernels take, with its root bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from tileloom.search.optimal.arrays import CostArrays, Floats, Goal, Ints, LimitArrays
from tileloom.search.optimal.columns import Compiled
from tileloom.search.optimal.kernels import bound, filter_options
from tileloom.search.optimal.options import Options, group_options, pareto

NO_POINTS = np.empty((0, 2))

PARETO_AT_MOST = 8_000
"""Options above which the Pareto filter is left out: such tables are searched class by class, where bounds do its work."""


@dataclass(frozen=True)
class Prepared:
    """table: float64[options of all groups, columns], the groups' options below one another; starts: int64[groups + 1].

    distinct     per group, a column for each distinct factor, and whether a dominating option must agree on it
    root_energy, root_cycles   bounds of every mapping of the template (0 where the objective does not need them)
    """

    compiled: Compiled
    options: tuple[Options, ...]
    table: Floats
    starts: Ints
    distinct: tuple[tuple[Ints, NDArray[np.bool_]], ...]
    cost: CostArrays
    limits: LimitArrays
    root_energy: float
    root_cycles: float

    def tiles(self, rows: Ints) -> list[list[int]]:
        """Per dim of the setting, the tiles below its allowed slots, for one row of `table` per group."""
        allowed = self.compiled.template.allowed
        tiles: list[list[int]] = [[] for _ in allowed]
        for g, dims in enumerate(self.compiled.groups):
            row = self.options[g].tiles[rows[g] - self.starts[g]]
            at = 0
            for d in dims:
                tiles[d] = [int(v) for v in row[at : at + len(allowed[d])]]
                at += len(allowed[d])
        return tiles


@dataclass(frozen=True)
class Narrowed:
    """The options that a search still has to look at: rows of Prepared.table, as a table of their own."""

    table: Floats
    starts: Ints
    rows: Ints


def _survivors(prepared: Prepared, goal: Goal, best: float, counts: Ints) -> tuple[list[Ints], float]:
    """Rows per group that bounds and limits leave (no groups at all when nothing is left), and the least bound cut."""
    rows = np.arange(len(prepared.table), dtype=np.int64)
    groups = len(prepared.starts) - 1
    alive = np.diff(prepared.starts)
    possible, cut = filter_options(
        prepared.table, prepared.starts, np.ones(prepared.table.shape[1]), np.ones(groups, dtype=np.bool_), rows, alive,
        np.empty(len(rows)), prepared.cost, prepared.limits, goal, best, NO_POINTS, 0, counts,
    )  # fmt: skip
    if not possible:
        return [], float(cut)
    return [rows[begin : begin + count] for begin, count in zip(prepared.starts, alive)], float(cut)


def may_reach(prepared: Prepared, objective: int, value: float) -> bool:
    """False when bounds show that no mapping of the template comes below `value`."""
    rows, _ = _survivors(prepared, Goal(objective), value, np.zeros(5, dtype=np.int64))
    return bool(rows)


def narrow(prepared: Prepared, goal: Goal, best: float, counts: Ints) -> tuple[Narrowed | None, float]:
    """Filter by bounds and limits first, then by dominance (which is dearer); (None, least bound cut) if nothing is left.

    counts   the search's counters, updated
    """
    kept, cut = _survivors(prepared, goal, best, counts)
    if not kept:
        return None, cut
    if sum(len(k) for k in kept) < PARETO_AT_MOST:
        kept = [
            own[pareto(prepared.table[own][:, columns], equal)]
            for own, (columns, equal) in zip(kept, prepared.distinct)
        ]
    chosen = np.concatenate(kept)
    narrowed = Narrowed(np.ascontiguousarray(prepared.table[chosen]), ranges([len(k) for k in kept]), chosen)
    return narrowed, cut


def prepare(compiled: Compiled, objective: int, *, remainders: int = 0) -> Prepared:
    """Fetch the groups' option tables and lay everything out."""
    options, blocks, distinct = [], [], []
    for g, shape in enumerate(compiled.shapes):
        factors = tuple(dict.fromkeys(column[g] for column in compiled.columns))
        at = {f: i for i, f in enumerate(factors)}
        of_column = [at[column[g]] for column in compiled.columns]
        found = group_options(shape, factors, remainders)
        options.append(found)
        blocks.append((found.values, of_column))
        equal = {of_column[j] for j in compiled.equal}
        first = np.array([of_column.index(i) for i in range(len(factors))], dtype=np.int64)
        distinct.append((first, np.array([i in equal for i in range(len(factors))], dtype=np.bool_)))
    sums = [compiled.energy, *compiled.busy]
    terms = [t for s in sums for t in s]
    cost = CostArrays(
        forms=ranges([len(s) for s in sums]),
        plus=_floats(t.plus for t in terms),
        plus_at=_ints(t.plus_at for t in terms),
        minus=_floats(t.minus for t in terms),
        minus_at=_ints(t.minus_at for t in terms),
        offsets=_floats([compiled.energy_offset, *compiled.busy_offset]),
        leakage=compiled.leakage,
    )
    limit_terms = [c for x in compiled.limits for c in x.coefficients]
    limits = LimitArrays(
        forms=ranges([len(x.coefficients) for x in compiled.limits]),
        coefficient=_floats(c for c, _ in limit_terms),
        at=_ints(j for _, j in limit_terms),
        low=_floats(x.low for x in compiled.limits),
        high=_floats(x.high for x in compiled.limits),
    )
    starts = ranges([len(values) for values, _ in blocks])
    table = np.empty((starts[-1], len(compiled.columns)))
    least, most = np.ones(len(compiled.columns)), np.ones(len(compiled.columns))
    for start, (values, of_column) in zip(starts, blocks):
        np.take(values, of_column, axis=1, out=table[start : start + len(values)])
        least *= values.min(axis=0)[of_column]
        most *= values.max(axis=0)[of_column]
    root_energy, root_cycles = bound(least, most, cost, objective, inf)
    return Prepared(
        compiled=compiled,
        options=tuple(options),
        table=table,
        starts=starts,
        distinct=tuple(distinct),
        cost=cost,
        limits=limits,
        root_energy=float(root_energy),
        root_cycles=float(root_cycles),
    )


def ranges(lengths: list[int]) -> Ints:
    """Where parts of these lengths begin and end when laid one after another."""
    return np.cumsum([0, *lengths]).astype(np.int64)


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
