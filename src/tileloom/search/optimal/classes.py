"""Searching a large template class by class: options of a group with the same trips on the arrays form a class.

How an array is shared between dims decides most of the cost (who is multicast, how many steps are left), and across
groups it is a trade-off that bounds over whole groups miss. With the classes fixed the bounds are much tighter, and
the tables are small. Nothing is left out: every combination of classes is searched or cut by its bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tileloom.search.optimal.arrays import CostArrays, Floats, Goal, Ints, LimitArrays
from tileloom.search.optimal.columns import GroupShape
from tileloom.search.optimal.kernels import class_combinations
from tileloom.search.optimal.prepare import Narrowed, Prepared, ranges

WORTH_IT = 4_000
"""Options per template above which classes pay for themselves."""

MOST_COMBINATIONS = 200_000
"""Above this many combinations of classes the template is searched as a whole."""


@dataclass(frozen=True)
class Classes:
    """rows: rows of the narrowed table, class by class; starts: int64[classes + 1] into rows; low, high:
    float64[classes, columns]; groups: int64[groups + 1], the classes of each group."""

    rows: Ints
    starts: Ints
    low: Floats
    high: Floats
    groups: Ints


def split(shapes: Sequence[GroupShape], tiles: Sequence[Ints], narrowed: Narrowed) -> Classes:
    """Group the options by their trips in spatial slots. tiles: per group those of its rows in the narrowed table."""
    rows: list[Ints] = []
    sizes: list[int] = []
    per_group: list[int] = []
    for begin, shape, own in zip(narrowed.starts[:-1], shapes, tiles):
        signature = _spatial_trips(shape.extents, shape.caps, own)
        _, number = np.unique(signature, axis=0, return_inverse=True)
        number = number.reshape(-1)
        order = np.argsort(number, kind="stable")
        rows.append(begin + order)
        counted = np.bincount(number)
        sizes.extend(int(c) for c in counted)
        per_group.append(len(counted))
    all_rows = np.concatenate(rows)
    starts = ranges(sizes)
    table = narrowed.table[all_rows]
    return Classes(
        rows=all_rows,
        starts=starts,
        low=np.minimum.reduceat(table, starts[:-1], axis=0),
        high=np.maximum.reduceat(table, starts[:-1], axis=0),
        groups=ranges(per_group),
    )


def _spatial_trips(extents: tuple[int, ...], caps: tuple[tuple[int, ...], ...], tiles: Ints) -> Ints:
    """int64[options, spatial slots of all dims]: trips of each spatial slot."""
    found, at = [np.zeros((len(tiles), 0), dtype=np.int64)], 0
    for extent, slots in zip(extents, caps):
        own = tiles[:, at : at + len(slots)]
        outside = np.hstack([np.full((len(tiles), 1), extent), own[:, :-1]])
        found.append((-(-outside // own))[:, [k for k, cap in enumerate(slots) if cap]])
        at += len(slots)
    return np.hstack(found)


def combinations(
    cost: CostArrays, limits: LimitArrays, classes: Classes, goal: Goal, best: float
) -> tuple[Floats, Ints, float] | None:
    """(bound of each combination ascending, its classes, least bound cut), or None when there are too many."""
    bounds, chosen, count, cut = class_combinations(
        classes.low, classes.high, classes.groups, cost, limits, goal, best, MOST_COMBINATIONS
    )
    if count > MOST_COMBINATIONS:
        return None
    order = np.argsort(bounds[:count], kind="stable")
    return bounds[:count][order], chosen[:count][order], float(cut)


def restrict(narrowed: Narrowed, classes: Classes, chosen: Ints) -> Narrowed:
    """The narrowed table with the options of one class per group."""
    rows = [classes.rows[classes.starts[c] : classes.starts[c + 1]] for c in chosen]
    all_rows = np.concatenate(rows)
    return Narrowed(narrowed.table[all_rows], ranges([len(r) for r in rows]), narrowed.rows[all_rows])


def parts(
    prepared: Prepared, narrowed: Narrowed, goal: Goal, best: float
) -> tuple[Iterator[tuple[float, Narrowed]], float]:
    """What to search, as (bound, table) in ascending order of bounds, and the least bound that was cut on the way."""
    if len(narrowed.rows) < WORTH_IT:
        return iter([(0.0, narrowed)]), float("inf")
    tiles = [
        options.tiles[narrowed.rows[begin:end] - start]
        for options, start, (begin, end) in zip(prepared.options, prepared.starts, pairwise(narrowed.starts))
    ]
    return parts_of(prepared.compiled.shapes, tiles, prepared.cost, prepared.limits, narrowed, goal, best)


def parts_of(
    shapes: Sequence[GroupShape],
    tiles: Sequence[Ints],
    cost: CostArrays,
    limits: LimitArrays,
    narrowed: Narrowed,
    goal: Goal,
    best: float,
) -> tuple[Iterator[tuple[float, Narrowed]], float]:
    """As `parts`, of what a prepared template holds. tiles: per group those of its rows in the narrowed table."""
    whole = iter([(0.0, narrowed)])
    if len(narrowed.rows) < WORTH_IT:
        return whole, float("inf")
    classes = split(shapes, tiles, narrowed)
    found = combinations(cost, limits, classes, goal, best)
    if found is None:
        return whole, float("inf")
    bounds, chosen, cut = found
    return ((float(b), restrict(narrowed, classes, c)) for b, c in zip(bounds, chosen)), cut
