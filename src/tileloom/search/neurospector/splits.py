"""How a dimension's factor is split over rows, as arrays for the kernels, in NeuroSpector's order. Searches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from tileloom.core.factors import divisors

Ints = NDArray[np.int64]


def degree(value: int) -> int:
    """Prime factors as NeuroSpector counts them: dividing stops when what is left is the divisor itself.

    >>> [degree(v) for v in (2, 4, 6, 8, 9, 12)]
    [0, 2, 1, 3, 2, 2]
    """
    counted, prime = 0, 2
    while prime < value:
        while value % prime == 0:
            value //= prime
            counted += 1
        prime += 1
    return counted


def ordered_splits(value: int, rows: int) -> list[tuple[int, ...]]:
    """All ways to write `value` as a product of `rows` factors: divisors ascending for the first row, then the next.

    >>> ordered_splits(4, 2)
    [(1, 4), (2, 2), (4, 1)]
    """
    if rows == 1:
        return [(value,)]
    return [(d, *rest) for d in divisors(value) for rest in ordered_splits(value // d, rows - 1)]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Splits of what is left of each dimension into (inner, outer), after a divisor of it was taken away.

    divisor  [8, D]      the divisors of each dimension, ascending
    size     [8, D]      number of splits of extent / divisor[d, i]
    inner    [8, D, D]   inner factor of split j of extent / divisor[d, i];  degree: its degree + 1
    """

    divisor: Ints
    size: Ints
    inner: Ints
    degree: Ints


def pairs(extents: tuple[int, ...]) -> Pairs:
    most = max(len(divisors(e)) for e in extents)
    divisor, size = np.ones((8, most), np.int64), np.zeros((8, most), np.int64)
    inner, degrees = np.ones((8, most, most), np.int64), np.ones((8, most, most), np.int64)
    for d, extent in enumerate(extents):
        for i, taken in enumerate(divisors(extent)):
            left = divisors(extent // taken)
            divisor[d, i], size[d, i] = taken, len(left)
            inner[d, i, : len(left)] = left
            degrees[d, i, : len(left)] = [degree(v) + 1 for v in left]
    return Pairs(divisor, size, inner, degrees)


@dataclass(frozen=True, eq=False)
class RowSplits:
    """Splits of each dimension over some spatial rows, the rest staying outside.

    size    [8]          number of splits
    factor  [8, N, rows] factor of each row;  taken [8, N]: index in `Pairs.divisor` of their product
    """

    size: Ints
    factor: Ints
    taken: Ints


def row_splits(extents: tuple[int, ...], rows: int) -> RowSplits:
    lists = [ordered_splits(e, rows + 1) for e in extents]
    most = max(len(x) for x in lists)
    size = np.array([len(x) for x in lists], np.int64)
    factor, taken = np.ones((8, most, max(1, rows)), np.int64), np.zeros((8, most), np.int64)
    for d, splits in enumerate(lists):
        at = {extents[d] // v: i for i, v in enumerate(reversed(divisors(extents[d])))}
        for i, split in enumerate(splits):
            factor[d, i, :rows] = split[:-1]
            taken[d, i] = at[extents[d] // split[-1]]
    return RowSplits(size, factor, taken)


@dataclass(frozen=True, eq=False)
class JointSplits:
    """Splits of each dimension over some rows, all of it: size [8], factor [8, N, rows]."""

    size: Ints
    factor: Ints

    @property
    def total(self) -> int:
        return prod(int(s) for s in self.size)


def joint_splits(extents: tuple[int, ...], rows: int) -> JointSplits:
    lists = [ordered_splits(e, rows) for e in extents]
    factor = np.ones((8, max(len(x) for x in lists), rows), np.int64)
    for d, splits in enumerate(lists):
        factor[d, : len(splits)] = splits
    return JointSplits(np.array([len(x) for x in lists], np.int64), factor)
