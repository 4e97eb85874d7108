"""One kind of tile of a layer: the exact best mappings below the tile loops, and what any mapping costs at least.

A tile is a problem of its own, with some tensors backed in on-chip memories, so its rows come from the same search as
those of whole problems (rows.py). Equal tiles are searched once. Which tiles there are is said by halo_plan.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf, prod

import numpy as np

from tileloom.architecture.model import Architecture, Fanout, Memory, TensorSet
from tileloom.fusion.optimal.exact import refine, solve
from tileloom.fusion.optimal.groups import OUTSIDE, Group, Kind, Limits, Source
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP, LATENCY
from tileloom.workload.problem import Dim, Problem, Tensor

Places = tuple[int, ...]
"""Per tensor 1 + index of the memory that backs it while a tile runs, 0: the outermost memory."""

Sizes = tuple[tuple[int, int], ...]
"""(dim as position, extent) of a tile, for dims under tile loops."""


@dataclass
class Tile:
    """Exact rows of one tile. room: bits of every tracked memory."""

    rows: KindRows
    group: Group | None
    room: Floats
    objective: int
    _least: dict[tuple[int, ...], tuple[float, float]] = field(default_factory=dict)

    def least(self, room: tuple[int, ...]) -> tuple[float, float]:
        """Least energy and least cycles of mappings whose own copies fit in `room`; inf when there is none."""
        if self.group is None:
            return inf, inf
        found = self._least.get(room)
        if found is None:
            found = self._least[room] = self._search(room)
        return found

    def _search(self, room: tuple[int, ...]) -> tuple[float, float]:
        assert self.group is not None
        full = tuple(int(r) for r in self.room)
        if room != full and self.objective != EDP:
            # What fits best anywhere fits here too, mostly.
            best = self.least(full)
            value = best[1] if self.objective == LATENCY else best[0]
            if value == inf:
                return inf, inf
            values, _ = self.front(value * (1 + 1e-9), (0.0, 0.0))
            if (values[:, 2:] <= np.array(room)).all(axis=1).any():
                return best
        own = Group(self.group.keys, (), room, self.group.sources)
        refine(self.rows, own)
        energy = own.least_energy if self.objective != LATENCY else 0.0
        return energy, own.least_cycles if self.objective in (LATENCY, EDP) else 0.0

    def front(self, limit: float, rest: tuple[float, float]) -> tuple[Floats, list[tuple[Source, Ints]]]:
        """Pareto rows (energy, cycles, bits of own copies per tracked memory) whose value with `rest` is at most
        `limit`, and where they come from."""
        if self.group is None:
            return np.empty((0, 2 + len(self.room))), []
        if self.objective == EDP:
            group = Group(self.group.keys, (), self.group.room, self.group.sources)
        else:
            group = self.group
            limit, rest = limit - rest[1 if self.objective == LATENCY else 0], (0.0, 0.0)
        found = solve(self.rows, group, limit, rest)
        values = np.hstack([found.values[:, :2], found.values[:, 3::2]])
        own = values[:, 1 if self.objective == LATENCY else 0]
        kept = np.flatnonzero(own <= limit) if self.objective != EDP else np.arange(len(values))
        own_sources = [found.sources[k] for k in kept]
        return values[kept], [(s, options) for s, options in own_sources if isinstance(s, Source)]


class TileSearch:
    """All tiles of problems of one kind."""

    def __init__(self, rows: KindRows) -> None:
        self.parent, self.kind, self.objective = rows, rows.kind, rows.objective
        self.chip = next(iter(rows.kind.chips.values()))
        self.capacity = tuple(bits for _, bits in rows.kind.tracked)
        self._tiles: dict[tuple[Sizes, Places], Tile] = {}
        self._bounds: dict[tuple[Sizes, Places], tuple[float, float]] = {}
        self._innermost = tuple(_innermost(self.chip, t) for t in self.kind.problem.tensors)
        unit = self.chip.compute_for(self.kind.problem)
        assert unit is not None
        self._unit_pj = unit.energy_pj
        self._peak = self.chip.instances(unit) * unit.ops_per_cycle

    def problem(self, sizes: Sizes) -> Problem:
        return resized(self.kind.problem, sizes)

    def tile(self, sizes: Sizes, places: Places) -> Tile:
        """The exact search of one tile; what is the same problem is made once."""
        found = self._tiles.get((sizes, places))
        if found is None:
            found = self._tiles[sizes, places] = self._make(sizes, places)
        return found

    @property
    def made(self) -> int:
        return len(self._tiles)

    def _make(self, sizes: Sizes, places: Places) -> Tile:
        problem = self.problem(sizes)
        count = len(problem.tensors)
        inside = frozenset(p for p in range(count) if places[p])
        kind = Kind(
            problem=problem,
            chips={inside: backed_chip(self.chip, problem, {p: self.kind.backing[places[p] - 1] for p in inside})},
            shared=inside,
            persistent=frozenset(),
            axes=(frozenset(),) * count,
            spans=(((), (0,) * len(self.kind.backing)),) * count,
            tracked=self.kind.tracked,
            roomy=self.kind.roomy,
            backing=self.kind.backing,
            count=1,
        )
        rows = KindRows(kind, self.objective, Limits(0, 1))
        rows.expand(inf, (0.0, 0.0))
        keys = tuple((m, ()) if m else OUTSIDE for m in places)
        return Tile(rows, rows.groups.get(keys), np.array(self.capacity, dtype=np.float64), self.objective)

    def at_least(self, sizes: Sizes, places: Places) -> tuple[float, float]:
        """What a tile costs at least, without a search: its operations, one access to the innermost copies for as many
        of them as one access can serve, and every value once to or from the memory that backs it."""
        found = self._bounds.get((sizes, places))
        if found is not None:
            return found
        problem = self.problem(sizes)
        energy = problem.macs * self._unit_pj
        for t, place, (per_operation, deepest) in zip(problem.tensors, places, self._innermost):
            memory = self.chip.memory(self.kind.backing[place - 1]) if place else self.chip.memories[0]
            port = memory.write if t.is_output else memory.read
            inner = problem.macs * per_operation
            outer = _touched(problem, t) * memory.bits_of(t) / port.width_bits * port.energy_for(t)
            # Where the innermost copy may be the backing one itself, its accesses are not counted twice.
            energy += inner + outer if deepest > self.chip.memories.index(memory) else max(inner, outer)
        found = self._bounds[sizes, places] = (energy, problem.macs / self._peak)
        return found


def resized(problem: Problem, sizes: Sizes) -> Problem:
    extents = dict(sizes)
    return replace(problem, dims=tuple(Dim(d.name, extents.get(i, d.extent)) for i, d in enumerate(problem.dims)))


def backed_chip(chip: Architecture, problem: Problem, backing: dict[int, str]) -> Architecture:
    """The hardware where tensors begin in on-chip memories: further out they are not, there they must be."""
    names = [m.name for m in chip.memories]
    nodes = []
    for node in chip.nodes:
        if not isinstance(node, Memory) or node is chip.memories[0]:
            nodes.append(node)
            continue
        at = names.index(node.name)

        def chosen(rule: Callable[[Tensor], bool], must: bool, at: int = at) -> TensorSet:
            found = []
            for p, t in enumerate(problem.tensors):
                start = names.index(backing[p]) if p in backing else 0
                if (at == start and must and p in backing) or (at > start and rule(t)):
                    found.append(t.name)
            return TensorSet(tuple(found))

        nodes.append(replace(node, keep=chosen(node.keep.has, True), may_keep=chosen(node.may_keep.has, False)))
    return replace(chip, nodes=tuple(nodes))


def _touched(problem: Problem, tensor: Tensor) -> int:
    """Elements that are read or written at least once; positions that a stride skips left out."""
    total = 1
    for axis in tensor.axes:
        points = prod(problem.extents[d] for d, _ in axis.terms)
        total *= max(1, min(axis.span(problem.extents), points) - axis.pad_lo - axis.pad_hi)
    return total


def _innermost(chip: Architecture, t: Tensor) -> tuple[float, int]:
    """(least energy per operation of the accesses to a tensor's innermost copy, index of the deepest memory that must
    have one: 0 where none must)."""
    below, ways, deepest = 1, [], 0
    for node in reversed(chip.nodes):
        if isinstance(node, Fanout):
            below *= node.size
        elif isinstance(node, Memory) and (node.allows(t) or node is chip.memories[0]):
            port = node.write if t.is_output else node.read
            ways.append(node.bits_of(t) / port.width_bits * port.energy_for(t) / below)
            if node.keep.has(t):
                deepest = chip.memories.index(node)
                break
    return min(ways, default=0.0), deepest
