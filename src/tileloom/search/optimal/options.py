"""Option tables: every tile chain of a rank group's dims over its slots, and the Pareto filter over them.

Tables depend on the group's shape and factors only - not on energies, throughputs or capacities - and are cached, so
templates, layers and design points that agree on them share the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from tileloom.core.errors import UnsupportedError
from tileloom.core.factors import ceil_div, divisors, prime_factors
from tileloom.search.optimal.columns import Factor, GroupShape
from tileloom.search.optimal.kernels import pareto_rows

MAX_OPTIONS = 5_000_000
"""A group with more tile chains than this would not fit in memory."""

PARETO_WINDOW = 256
"""Comparisons per option in the Pareto filter: it must not cost more than it saves on tables of 10^4 options."""

NO_CAP = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Options:
    """tiles: int64[options, slots of the first dim, then of the second, ...], the extent below each slot;
    values: float64[options, factors]."""

    tiles: NDArray[np.int64]
    values: NDArray[np.float64]


def count_chains(extent: int, slots: int) -> int:
    """Ordered factorisations of extent into `slots` factors: product over primes p^e of C(e + slots - 1, slots - 1).

    >>> count_chains(12, 2)
    6
    """
    total = 1
    for exponent in prime_factors(extent).values():
        total *= comb(exponent + slots - 1, slots - 1)
    return total


@lru_cache(maxsize=4096)
def _compositions(total: int, parts: int) -> NDArray[np.int64]:
    """All ways to write `total` as an ordered sum of `parts` non-negative integers; int64[ways, parts]."""
    if parts == 1:
        return np.array([[total]], dtype=np.int64)
    blocks = []
    for first in range(total + 1):
        rest = _compositions(total - first, parts - 1)
        blocks.append(np.hstack([np.full((len(rest), 1), first, dtype=np.int64), rest]))
    return np.vstack(blocks)


@lru_cache(maxsize=4096)
def divisor_tiles(extent: int, caps: tuple[int, ...]) -> NDArray[np.int64]:
    """Tiles below each slot for all trip counts whose product is extent, spatial ones within their cap."""
    trips = np.ones((1, len(caps)), dtype=np.int64)
    limit = np.array([cap or NO_CAP for cap in caps], dtype=np.int64)
    for prime, exponent in prime_factors(extent).items():
        powers = prime ** _compositions(exponent, len(caps))
        trips = (trips[:, None, :] * powers[None, :, :]).reshape(-1, len(caps))
        trips = trips[(trips <= limit).all(axis=1)]
    tiles: NDArray[np.int64] = extent // np.cumprod(trips, axis=1)
    return tiles


@lru_cache(maxsize=65536)
def remainder_tiles(extent: int, caps: tuple[int, ...], remainders: int) -> NDArray[np.int64]:
    """As divisor_tiles, but up to `remainders` loops may leave a smaller last tile.

    A loop of f trips takes the tile ceil(extent / f): the smallest with that many trips, so no other tile with f trips
    needs less space, and all move the same number of elements.
    """
    cap = caps[0] or extent
    if len(caps) == 1:
        fits = extent <= cap
        return np.ones((1 if fits else 0, 1), dtype=np.int64)
    exact = {extent // f for f in divisors(extent) if f <= cap}
    uneven = {ceil_div(extent, f) for f in range(1, min(extent, cap) + 1)} - exact if remainders else set()
    blocks = []
    for tile in sorted(exact | uneven):
        if ceil_div(extent, tile) > cap:
            continue
        rest = remainder_tiles(tile, caps[1:], remainders - (tile in uneven))
        blocks.append(np.hstack([np.full((len(rest), 1), tile, dtype=np.int64), rest]))
    return np.vstack(blocks) if blocks else np.ones((0, len(caps)), dtype=np.int64)


@lru_cache(maxsize=4096)
def group_tiles(shape: GroupShape, remainders: int) -> NDArray[np.int64]:
    """All chains of all dims of the group, side by side; int64[options, slots of all dims]."""
    table = np.ones((1, 0), dtype=np.int64)
    for extent, caps in zip(shape.extents, shape.caps):
        chains = remainder_tiles(extent, caps, remainders) if remainders else divisor_tiles(extent, caps)
        if len(table) * len(chains) > MAX_OPTIONS:
            raise UnsupportedError(
                f"dims of extents {shape.extents} that share a tensor axis have more than {MAX_OPTIONS} tile chains "
                f"over {[len(c) for c in shape.caps]} slots; use dividing tiles only, or fewer optional memories"
            )
        left = np.repeat(table, len(chains), axis=0)
        table = np.hstack([left, np.tile(chains, (len(table), 1))])
    return table


def visits(extent: int, tiles: NDArray[np.int64], mask: int) -> NDArray[np.float64]:
    """Iterations of the loops in `mask` together, all other loops held at their first (fullest) iteration.

    tiles  int64[options, slots]. With every loop dividing this is the product of the masked trips.
    """
    options, slots = tiles.shape
    sizes: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = [(np.full(options, extent), np.ones(options))]
    for slot in range(slots):
        tile = tiles[:, slot]
        if not mask >> slot & 1:
            sizes = [(np.minimum(size, tile), times) for size, times in sizes]
            continue
        full = np.zeros(options)
        rest: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        for size, times in sizes:
            full = full + times * (size // tile)
            left = size % tile
            if left.any():
                rest.append((np.maximum(left, 1), times * (left > 0)))
        sizes = [(tile, full), *rest]
    total: NDArray[np.float64] = np.sum([times for _, times in sizes], axis=0)
    return total


class _Values:
    """Factor values over one group's options, with the visits of each (dim, mask) computed once."""

    def __init__(self, shape: GroupShape, tiles: NDArray[np.int64]) -> None:
        self.shape, self.options = shape, len(tiles)
        offsets = np.cumsum([0, *(len(c) for c in shape.caps)])
        self.tiles = [tiles[:, offsets[d] : offsets[d + 1]] for d in range(len(shape.caps))]
        self.known: dict[tuple[int, int], NDArray[np.float64]] = {}
        self.trips = [
            np.concatenate([np.full((self.options, 1), n), t[:, :-1]], axis=1) / t
            for n, t in zip(shape.extents, self.tiles)
        ]
        self.exact = all(bool((t == np.floor(t)).all()) for t in self.trips)

    def visits(self, dim: int, mask: int) -> NDArray[np.float64]:
        found = self.known.get((dim, mask))
        if found is None:
            if self.exact:
                chosen = [k for k in range(self.trips[dim].shape[1]) if mask >> k & 1]
                found = self.trips[dim][:, chosen].prod(axis=1)
            else:
                found = visits(self.shape.extents[dim], self.tiles[dim], mask)
            self.known[dim, mask] = found
        return found

    def of(self, factor: Factor) -> NDArray[np.float64]:
        """The factor for every option: summed over all visits of the masked loops, the product of its spans."""
        value = self._product(factor) if self.exact else self._sum(factor)
        for d, mask in factor.uses:
            value = value * np.where(self.visits(d, mask) > 1, 2.0, 1.0)
        return value

    def _product(self, factor: Factor) -> NDArray[np.float64]:
        """All tiles of a loop are equal, so the sum is visits times one tile's spans."""
        value = np.ones(self.options)
        for d, mask in enumerate(factor.masks):
            if mask:
                value = value * self.visits(d, mask)
        for span in factor.spans:
            value = value * (1.0 + sum(c * (self.visits(d, below) - 1.0) for d, c, below in span))
        return value

    def _sum(self, factor: Factor) -> NDArray[np.float64]:
        """Tiles differ, but a span is linear in each dim's tile and dims are independent: sum them dim by dim."""
        value = np.ones(self.options)
        spanned = [d for span in factor.spans for d, _, _ in span]
        if len(set(spanned)) < len(spanned):
            raise UnsupportedError("tiles that do not divide are not supported for a dim on several axes of a tensor")
        for span in factor.spans:
            counts = {d: self.visits(d, factor.masks[d]) for d, _, _ in span}
            together = np.prod(list(counts.values()), axis=0)
            summed = together.copy()
            for d, c, below in span:
                points = self.visits(d, factor.masks[d] | below)
                summed += c * (points - counts[d]) * (together / counts[d])
            value = value * summed
        for d, mask in enumerate(factor.masks):
            if mask and d not in spanned:
                value = value * self.visits(d, mask)
        return value


@lru_cache(maxsize=65536)
def group_options(shape: GroupShape, factors: tuple[Factor, ...], remainders: int = 0) -> Options:
    """Every tile chain of the group with the values of the given factors."""
    tiles = group_tiles(shape, remainders)
    of = _Values(shape, tiles).of
    values = np.empty((len(tiles), len(factors)))
    for j, factor in enumerate(factors):
        values[:, j] = of(factor)
    return Options(tiles, values)


def pareto(values: NDArray[np.float64], equal: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows not dominated (less is better; on the columns in `equal` a dominating row must agree), ascending."""
    order = np.argsort(np.log(values).sum(axis=1), kind="stable")
    kept: NDArray[np.int64] = np.sort(order[pareto_rows(np.ascontiguousarray(values[order]), equal, PARETO_WINDOW)])
    return kept
