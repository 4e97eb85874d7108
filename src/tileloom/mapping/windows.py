"""Windows of overlapping tiles along one axis: what each tile reads, what of it is new, and what tiles keep for the next.

Positions count from 0 in the data; padding holds none, so windows are cropped at the borders. Which tensors keep their
overlaps, and where, is said by the mapping tree (halo.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from tileloom.workload.problem import Problem, Tensor

Place = TypeVar("Place", str, int)
"""A memory, by name or number."""

Interval = tuple[int, int]
"""[first, end) of positions; end <= first: nothing."""

Intervals = tuple[Interval, ...]
"""One per iteration of a loop."""


def cut(extent: int, tile: int) -> Intervals:
    """[0, extent) in tiles, the last one smaller where the tile does not divide.

    >>> cut(10, 4)
    ((0, 4), (4, 8), (8, 10))
    """
    return tuple((a, min(a + tile, extent)) for a in range(0, extent, tile))


def axis_of(tensor: Tensor, dim: str) -> int | None:
    """The only axis that a dim moves; None when there is none, or several."""
    found = [a for a, axis in enumerate(tensor.axes) if any(d == dim for d, _ in axis.terms)]
    return found[0] if len(found) == 1 else None


def read_by(problem: Problem, tensor: Tensor, axis: int, dim: str, regions: Intervals, size: int) -> Intervals:
    """Positions [0, size) of a tensor's axis that a problem reads while it computes each of `regions` of `dim`."""
    terms = tensor.axes[axis]
    step = dict(terms.terms)[dim]
    reach = sum(c * (problem.extents[d] - 1) for d, c in terms.terms if d != dim)
    shift = terms.offset - terms.pad_lo
    found = []
    for first, end in regions:
        if end <= first:
            found.append((0, 0))
            continue
        low, high = step * first + shift, step * (end - 1) + reach + 1 + shift
        found.append((min(max(low, 0), size), max(min(high, size), 0)))
    return tuple(found)


def hull(parts: Sequence[Intervals]) -> Intervals:
    """Per iteration the smallest interval that holds those of all readers."""
    found = []
    for row in zip(*parts):
        full = [(a, b) for a, b in row if b > a]
        found.append((min(a for a, _ in full), max(b for _, b in full)) if full else (0, 0))
    return tuple(found)


@dataclass(frozen=True)
class Windows:
    """What of one axis of a tensor is there in each iteration of a loop.

    parts   positions that are read;  kept: the overlap with the iteration before stays, so only the rest is made anew
    """

    parts: Intervals
    kept: bool

    @cached_property
    def new(self) -> Intervals:
        """What each iteration makes (or loads): all of its window, or what no earlier iteration made."""
        if not self.kept:
            return self.parts
        made, found = 0, []
        for first, end in self.parts:
            found.append((min(max(first, made), max(end, first)), end) if end > first else (0, 0))
            made = max(made, end)
        return tuple((a, b) if b > a else (0, 0) for a, b in found)

    @cached_property
    def overlaps(self) -> tuple[int, ...]:
        """Positions of each window that the iteration before had too; 0 for the first."""
        shared = [max(0, min(b, d) - max(a, c)) for (a, b), (c, d) in pairwise(self.parts)]
        return (0, *shared)

    @cached_property
    def largest(self) -> int:
        return max(b - a for a, b in self.parts)

    @cached_property
    def strip(self) -> int:
        """Positions that are kept from one iteration to the next, at most."""
        return max(self.overlaps) if self.kept else 0

    @cached_property
    def full(self) -> int:
        """Positions from the first to the last that is read at all."""
        used = [(a, b) for a, b in self.parts if b > a]
        return max(b for _, b in used) - min(a for a, _ in used) if used else 0

    @cached_property
    def read(self) -> int:
        """Positions of all windows together."""
        return sum(b - a for a, b in self.parts)

    @cached_property
    def made(self) -> int:
        """Positions of all new parts together."""
        return sum(b - a for a, b in self.new)

    @cached_property
    def sizes(self) -> dict[int, int]:
        """Extent of what an iteration makes -> number of such iterations; empty ones left out."""
        return extents_of(self.new)


def extents_of(regions: Intervals) -> dict[int, int]:
    """Extent -> number of iterations, without empty ones."""
    counted = Counter(b - a for a, b in regions if b > a)
    return dict(sorted(counted.items()))


def reservations_for(
    windows: Sequence[Windows], strips: Sequence[Place | None], memory: Place
) -> tuple[int, tuple[int, ...]]:
    """Elements (per position of the other axes) of a tensor under nested loops, outermost first.

    strips   per loop the memory that keeps the overlap, None where it is made again;  memory: where windows lie
    Returns (the part of the window that no strip of the same memory holds, elements of the strip of each loop). A strip
    of a loop spans the full extent of the loops inside it and the window of those around it. Strip and window of one
    memory share their space: the window slides in place (a circular buffer), so together they take the window once.
    """
    rest = 1
    for w, at in zip(windows, strips):
        rest *= w.largest - (w.strip if at == memory else 0)
    sizes = []
    for j, (w, at) in enumerate(zip(windows, strips)):
        size = w.strip if at is not None else 0
        for i, (other, where) in enumerate(zip(windows, strips)):
            if i < j:
                size *= other.largest - (other.strip if where == at else 0)
            elif i > j:
                size *= other.full
        sizes.append(size)
    return rest, tuple(sizes)


def moved_strips(
    windows: Sequence[Windows], strips: Sequence[Place | None], memory: Place
) -> tuple[tuple[Place, int, int], ...]:
    """(memory, elements read back, elements written) of strips that lie elsewhere than the windows, per other position.

    An inner strip is moved with the whole window of the loops around it; an outer one with what the loops inside bring.
    """
    found = []
    for j, (w, at) in enumerate(zip(windows, strips)):
        if at is None or at == memory:
            continue
        back = saved = sum(w.overlaps)
        for i, other in enumerate(windows):
            if i != j:
                back *= other.read if i < j else other.made
                saved *= other.read if i < j else other.full
        found.append((at, back, saved))
    return tuple(found)
