"""A compiled template laid out as the flat arrays that the kernels take, with its root bound."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileloom.search.optimal.columns import Compiled
from tileloom.search.optimal.kernels import bound
from tileloom.search.optimal.options import Front, group_front

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CostArrays(NamedTuple):
    """Energy and busy times as sums of terms; field meanings as in kernels.bound."""

    forms: Ints
    plus: Floats
    plus_at: Ints
    minus: Floats
    minus_at: Ints
    offsets: Floats
    leakage: float


class LimitArrays(NamedTuple):
    """low <= sum of coefficient * column <= high, row i in limit_forms[i]..limit_forms[i + 1]."""

    forms: Ints
    coefficient: Floats
    at: Ints
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Prepared:
    """table: float64[options of all groups, columns], the groups' fronts below one another; starts: int64[groups + 1].

    root_energy, root_cycles   bounds of every mapping of the template (0 where the objective does not need them)
    """

    compiled: Compiled
    fronts: tuple[Front, ...]
    table: Floats
    starts: Ints
    cost: CostArrays
    limits: LimitArrays
    root_energy: float
    root_cycles: float

    def tiles(self, rows: Ints) -> list[list[int]]:
        """Per dim of the setting, the tiles below its allowed slots, for one row of `table` per group."""
        allowed = self.compiled.template.allowed
        tiles: list[list[int]] = [[] for _ in allowed]
        for g, dims in enumerate(self.compiled.groups):
            row = self.fronts[g].tiles[rows[g] - self.starts[g]]
            at = 0
            for d in dims:
                tiles[d] = [int(v) for v in row[at : at + len(allowed[d])]]
                at += len(allowed[d])
        return tiles


def prepare(compiled: Compiled, objective: int, *, remainders: int = 0) -> Prepared:
    """Fetch the groups' fronts and lay everything out."""
    fronts, blocks = [], []
    for g, shape in enumerate(compiled.shapes):
        factors = tuple(dict.fromkeys(column[g] for column in compiled.columns))
        at = {f: i for i, f in enumerate(factors)}
        equal = frozenset(at[compiled.columns[j][g]] for j in compiled.equal)
        front = group_front(shape, factors, equal, remainders)
        fronts.append(front)
        blocks.append(front.values[:, [at[column[g]] for column in compiled.columns]])
    sums = [compiled.energy, *compiled.busy]
    terms = [t for s in sums for t in s]
    cost = CostArrays(
        forms=_ranges([len(s) for s in sums]),
        plus=_floats(t.plus for t in terms),
        plus_at=_ints(t.plus_at for t in terms),
        minus=_floats(t.minus for t in terms),
        minus_at=_ints(t.minus_at for t in terms),
        offsets=_floats([compiled.energy_offset, *compiled.busy_offset]),
        leakage=compiled.leakage,
    )
    limit_terms = [c for x in compiled.limits for c in x.coefficients]
    limits = LimitArrays(
        forms=_ranges([len(x.coefficients) for x in compiled.limits]),
        coefficient=_floats(c for c, _ in limit_terms),
        at=_ints(j for _, j in limit_terms),
        low=_floats(x.low for x in compiled.limits),
        high=_floats(x.high for x in compiled.limits),
    )
    least = np.prod([b.min(axis=0) for b in blocks], axis=0)
    most = np.prod([b.max(axis=0) for b in blocks], axis=0)
    root_energy, root_cycles = bound(least, most, *cost, objective, inf)
    return Prepared(
        compiled=compiled,
        fronts=tuple(fronts),
        table=np.ascontiguousarray(np.vstack(blocks)),
        starts=_ranges([len(b) for b in blocks]),
        cost=cost,
        limits=limits,
        root_energy=float(root_energy),
        root_cycles=float(root_cycles),
    )


def _ranges(lengths: list[int]) -> Ints:
    return np.cumsum([0, *lengths]).astype(np.int64)


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, dtype=np.float64)


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)
