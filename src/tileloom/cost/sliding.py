"""Sliding windows: how much of a tile is new when the visit before, at the same place, left an overlapping window.

Only the innermost loop in time above a buffer slides; whatever lies further out starts afresh, as it does in reuse.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from tileloom.cost.reuse import Pace, Spread, axis_groups, spread, tile_sizes
from tileloom.mapping.tree import Loop
from tileloom.workload.problem import Tensor

Move = tuple[int, int, int]
"""(tile before, tile now, positions of the dim between their starts); (0, tile, 0) where nothing was there before."""


def slides(tensor: Tensor, loop: Loop) -> bool:
    """Windows of the tensor may overlap from one iteration to the next: its dim is in a sum, on one axis only."""
    holding = [axis for axis in tensor.axes if any(d == loop.dim for d, _ in axis.terms)]
    return len(holding) == 1 and tensor.relevance(loop.dim) == "partial"


def moves(extent: int, loops: Sequence[tuple[Loop, Pace]], at: int) -> Counter[Move]:
    """Visits of one dim below its loops, where the loop at position `at` slides and those after it are spatial."""
    found: Counter[Move] = Counter()
    sizes = spread(extent, loops[:at])
    full = max(sizes)
    for size, visits in sizes.items():
        sequence = _in_order(loops[at][0], size, full)
        for k, now in enumerate(sequence):
            before = sequence[k - 1] if k else 0
            for old, new in _instances(loops[at + 1 :], before, now, max(sequence)):
                found[(old, new, before) if old else (0, new, 0)] += visits
    return found


def sliding_volume(tensor: Tensor, spreads: Mapping[str, Spread], dim: str, moved: Mapping[Move, int]) -> int:
    """As reuse.volume, where `dim` moves as in `moved` and only elements that were not there before count."""
    total = prod(sum(s.values()) for d, s in spreads.items() if d not in tensor.dims)
    for dims, axes in axis_groups(tensor):
        others = [d for d in dims if d != dim]
        group = 0
        for tiles in product(*(spreads[d].items() for d in others)):
            size, visits = {d: tile for d, (tile, _) in zip(others, tiles)}, prod(n for _, n in tiles)
            if dim not in dims:
                group += visits * prod(axis.span(size) for axis in axes)
                continue
            for (before, now, shift), times in moved.items():
                new = 1
                for axis in axes:
                    coefficient = next((c for d, c in axis.terms if d == dim), None)
                    span = axis.span({**size, dim: now})
                    if coefficient is not None and before:
                        end = coefficient * shift + span - axis.span({**size, dim: before})
                        span = min(max(end, 0), span)
                    new *= span
                group += visits * times * new
        total *= group
    return total


def _in_order(loop: Loop, size: int, full: int) -> list[int]:
    """Tiles of a loop from the first iteration to the last."""
    counts = Counter(tile_sizes(loop, size, full))
    first = min(size, loop.tile if loop.first is None else loop.first)
    counts[first] -= 1
    middle = [loop.tile] * counts.pop(loop.tile, 0)
    return [first, *middle, *(tile for tile, n in counts.items() for _ in range(n))]


def _instances(loops: Sequence[tuple[Loop, Pace]], before: int, now: int, full: int) -> list[tuple[int, int]]:
    """(tile before, tile now) of every instance that the spatial loops make of one visit; before = 0: was idle."""
    pairs = [(before, now)]
    for loop, pace in loops:
        inner: list[tuple[int, int]] = []
        for old, new in pairs:
            olds = _in_order(loop, old, full) if old else []
            news = _in_order(loop, new, full)
            if pace != "all":
                news = [max(news)]
            inner += [(olds[k] if k < len(olds) else 0, tile) for k, tile in enumerate(news)]
        pairs, full = inner, max(_in_order(loop, full, full))
    return pairs
