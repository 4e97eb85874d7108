"""What a choice of shared tensors' places and loops is: keys, kinds of problems, groups and their exact rows.

A key says for one shared tensor which memory backs it and which loops stand above it; a `Group` is one key per shared
tensor. Nothing is searched here: rows.py bounds groups and exact.py computes their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf
from typing import TYPE_CHECKING

from tileloom.architecture.model import Architecture
from tileloom.fusion.optimal.orders import Loops, sequences
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP
from tileloom.workload.problem import Problem

if TYPE_CHECKING:
    from tileloom.fusion.optimal.halo_rows import HaloSource

Span = tuple[tuple[tuple[tuple[int, int], ...], ...], tuple[int, ...]]
"""A tensor's size: per axis its terms (coefficient, extent), and bits of a value in each backing memory."""

Key = tuple[int, tuple[tuple[int, int], ...]]
"""(1 + index into Kind.backing, (axis of the tensor, trips) of the loops above its outermost hold).

Below tile loops over windows that overlap an entry is (HaloAxis, TileLoop) of halo_plan.py; cuts and labels only compare."""

OUTSIDE: Key = (0, ())
"""In the outermost memory."""


@dataclass(frozen=True)
class Limits:
    """max_loops    shared loops of one problem;  loops_per_dim: of one dim of it"""

    max_loops: int = 1_000_000
    loops_per_dim: int = 1


@dataclass(frozen=True)
class Kind:
    """A problem as the search sees it.

    chips       by set of tensor positions inside;  shared, persistent: positions;  axes: per position its tileable axes
    spans       per position the size of the whole tensor as its owner sees it
    tracked     memories whose space problems compete for: (name, bits);  roomy: those that cannot overflow
    backing     names of the memories that may back a tensor on chip
    """

    problem: Problem
    chips: Mapping[frozenset[int], Architecture]
    shared: frozenset[int]
    persistent: frozenset[int]
    axes: tuple[frozenset[int], ...]
    spans: tuple[Span, ...]
    tracked: tuple[tuple[str, int], ...]
    roomy: tuple[str, ...]
    backing: tuple[str, ...]
    count: int
    reversed_copies: bool = False


@dataclass(frozen=True)
class Source:
    """Where rows of a group come from: a template, one class per group of dims, the order of its shared loops."""

    template: int
    classes: Ints
    order: tuple[Loops, ...]
    energy: float
    cycles: float


@dataclass
class Front:
    """Exact rows of a group. values: float64[rows, 2 + memories * (2 + loops)]: energy, cycles, then per memory what is
    reserved for the whole run and at each level (number of shared loops above). limit: bound up to which it is complete."""

    values: Floats
    sources: list[tuple[Source | HaloSource | None, Ints]]
    limit: float


@dataclass
class Group:
    """keys per position (OUTSIDE for unshared ones); loops: trips of the shared loops, outermost first.

    room             bits that its shared tiles leave in each tracked memory
    beside           known least (energy, cycles) next to tensors of so many bits per memory, by (bits, limit)
    number           index among the groups of its kind
    energy, cycles   what a row costs at least: `least_*` of the sources, or more once exact rows are known (`refresh`)
    """

    keys: tuple[Key, ...]
    loops: tuple[int, ...]
    room: tuple[int, ...] = ()
    sources: list[Source] = field(default_factory=list)
    least_energy: float = inf
    least_cycles: float = inf
    energy: float = inf
    cycles: float = inf
    front: Front | None = None
    refined: bool = False
    number: int = -1
    beside: dict[tuple[tuple[int, ...], float], tuple[float, float]] = field(default_factory=dict)

    def refresh(self, most: float, objective: int) -> None:
        """Sets energy and cycles to what is known of rows that can be part of a schedule of at most `most`."""
        self.energy, self.cycles = self.least_energy, self.least_cycles
        if self.front is None:
            return
        values = self.front.values
        if len(values) and (objective != EDP or self.front.limit >= most):
            self.energy, self.cycles = float(values[:, 0].min()), float(values[:, 1].min())
        elif self.front.limit >= most:
            self.energy = self.cycles = inf


def tile_bits(span: Span, key: Key) -> int:
    """Bits of a tensor's tile in the memory and below the loops of a key."""
    axes, bits = span
    total = bits[key[0] - 1]
    trips: dict[int, int] = {}
    for a, n in key[1]:
        trips[a] = trips.get(a, 1) * n
    for a, terms in enumerate(axes):
        total *= 1 + sum(c * (extent // trips.get(a, 1) - 1) for c, extent in terms)
    return int(total)


def every_sequence(extents: tuple[tuple[int, int], ...], limits: Limits) -> Iterator[tuple[tuple[int, int], ...]]:
    """All orders of loops over (axis, extent) within the limits, one block."""
    from tileloom.core.factors import divisors

    for trips in product(*(divisors(n) for _, n in extents)):
        block = tuple((a, n) for (a, _), n in zip(extents, trips) if n > 1)
        if len(block) <= limits.max_loops:
            for order in sequences((block,), (-1,), limits.loops_per_dim, limits.max_loops):
                yield order[0]
