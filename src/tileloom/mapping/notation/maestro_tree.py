"""From MAESTRO's directives to loops on an architecture's axes: the step to the mapping tree, with its losses.

Only loops are made here; where tiles are held is not part of the directives (search/mappers/template.py decides it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.notation.maestro import SLIDING, Cluster, DirectiveLayer, Map
from tileloom.mapping.notation.maestro_problem import ProblemLayer
from tileloom.mapping.tree import Loop
from tileloom.workload.problem import Problem

_FILTERS = {filter_dim: row for row, filter_dim in SLIDING.items()}


@dataclass(frozen=True, slots=True)
class AxisPlace:
    """An axis of a fanout and the units along it."""

    fanout: str
    axis: str
    size: int


@dataclass(frozen=True)
class LoopNest:
    """Loops outermost first; spatial ones stand after the temporal ones of their level.

    losses   what the loops do otherwise than the directives say
    named    loops that come from the directives; those after them are inside a PE
    """

    loops: tuple[Loop, ...]
    losses: tuple[str, ...] = ()
    named: int = 0


def levels_of(layer: DirectiveLayer) -> tuple[tuple[tuple[Map, ...], int], ...]:
    """(directives, cluster size) per level, outermost first; the size of the outermost level is 0: as many as fit."""
    groups: list[tuple[list[Map], int]] = [([], 0)]
    for directive in layer.dataflow or ():
        if isinstance(directive, Cluster):
            groups.append(([], directive.size))
        else:
            groups[-1][0].append(directive)
    return tuple((tuple(maps), size) for maps, size in groups)


def assign_axes(levels: int, sizes: Sequence[int], axes: Sequence[AxisPlace]) -> tuple[tuple[AxisPlace, ...], ...]:
    """The axes of each level: the innermost level takes the last one, and so on; the outermost takes all that is left.

    Where there are more levels than axes, the innermost ones share the last axis. `sizes` are the cluster sizes; one
    that is larger than its axis is cut down to it.
    """
    found: list[tuple[AxisPlace, ...]] = [()] * levels
    left = list(axes)
    for level in range(levels - 1, 0, -1):
        if not left:
            continue
        place = left.pop()
        units = min(sizes[level], place.size)
        found[level] = (AxisPlace(place.fanout, place.axis, units),)
        if len(left) < level and place.size // units > 1:
            left.append(AxisPlace(place.fanout, place.axis, place.size // units))
    found[0] = tuple(left)
    return tuple(found)


def loops_of(
    problem: Problem, named: ProblemLayer, layer: DirectiveLayer, axes: Sequence[Sequence[AxisPlace]]
) -> LoopNest:
    """The loops that `layer.dataflow` means for `problem`, whose dimensions `named` gives; axes[level] are its places.

    Every dimension is cut down to 1, in the order K, rows, columns, C, R, S where the directives leave it open.
    Raises UnsupportedError for a level whose rows and filter rows do not move together, or not at all.
    """
    work = _Work(problem, named, dict(problem.extents))
    for (maps, _), places in zip(levels_of(layer), axes):
        work.level(maps, places)
    from_directives = len(work.loops)
    work.rest()
    return LoopNest(tuple(work.loops), tuple(dict.fromkeys(work.losses)), from_directives)


@dataclass
class _Work:
    problem: Problem
    named: ProblemLayer
    current: dict[str, int]
    loops: list[Loop] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    def level(self, maps: Sequence[Map], places: Sequence[AxisPlace]) -> None:
        spatial: list[Loop] = []
        joint = {m.dim for m in maps if m.spatial}
        for m in maps:
            dim, tile = self._tile(m, maps, joint)
            if dim is None or tile >= self.current[dim]:
                continue
            if not m.spatial:
                self._temporal(dim, tile)
                continue
            units = prod(p.size for p in places)
            if tile * units < self.current[dim]:
                self._temporal(dim, tile * units)
            spatial += self._spatial(dim, tile, places)
        self.loops += spatial

    def _temporal(self, dim: str, tile: int) -> None:
        self.loops.append(Loop(dim, tile))
        self.current[dim] = tile

    def _spatial(self, dim: str, tile: int, places: Sequence[AxisPlace]) -> list[Loop]:
        found = []
        inside = prod(p.size for p in places)
        for place in places:
            inside //= place.size
            if tile * inside < self.current[dim]:
                found.append(Loop(dim, tile * inside, place.fanout, place.axis))
                self.current[dim] = tile * inside
        return found

    def _tile(self, m: Map, maps: Sequence[Map], joint: set[str]) -> tuple[str | None, int]:
        """The problem's dimension that a map moves, and its tile; None where it moves together with its filter."""
        dims = self.named.dims
        row = m.dim.removesuffix("'")
        if row in SLIDING:
            dim = dims.get(row + "'")
            if dim is None:
                return None, 0
            if m.dim != row:
                return dim, m.size
            return self._row_tile(m, maps, joint, dim)
        if m.dim not in dims:
            return None, 0
        if m.size != m.offset and m.size < self.current[dims[m.dim]] and m.dim not in _FILTERS:
            self.losses.append(f"{m}: tiles that overlap are computed once")
        return dims[m.dim], m.size

    def _row_tile(self, m: Map, maps: Sequence[Map], joint: set[str], dim: str) -> tuple[str | None, int]:
        """A map of input rows in output rows: (size - filter) / stride + 1."""
        filter_dim = SLIDING[m.dim]
        own = next((f.size for f in maps if f.dim == filter_dim), None)
        whole = self.named.layer.sizes.get(filter_dim, 1)
        current = self.current[self.named.dims[filter_dim]] if filter_dim in self.named.dims else 1
        if m.spatial and filter_dim in joint:
            # Input row and filter row advance together, so the output row stays where it is.
            if self.current[dim] == 1:
                return None, 0
            raise UnsupportedError(
                f"{m} moves with {filter_dim} over {self.current[dim]} output positions; map {m.dim}' first"
            )
        filter_size = min(own if own is not None else current, whole)
        outputs = (m.size - filter_size) // self.named.layer.stride_of.get(m.dim, 1) + 1
        if outputs < 1:
            raise UnsupportedError(f"{m}: a tile of {m.size} holds no window of {filter_dim}={filter_size}")
        return dim, outputs

    def rest(self) -> None:
        for name in ("N", "G", "M", "K", "Y'", "X'", "C", "R", "S"):
            dim = self.named.dims.get(name)
            if dim is not None and self.current[dim] > 1:
                self._temporal(dim, 1)
        for dim, extent in self.current.items():
            if extent > 1:
                self._temporal(dim, 1)


def directives_of(
    problem: Problem, named: ProblemLayer, loops: Sequence[Loop], clusters: Mapping[str, int] | None = None
) -> tuple[tuple[Map | Cluster, ...], tuple[str, ...]]:
    """The directives of a chain's loops, and what they lose. One level per axis on which loops lie.

    clusters   units of each axis, by name; the trips of its loops where it is not given
    Holds have no word in the language. Raises UnsupportedError where no loop is spatial, or a level has more than two.
    """
    words = {d: name for name, d in named.dims.items()}
    losses = ["where tiles are held is not said: L2 holds what a step sends, L1 the innermost level's tile"]
    groups: list[list[Map]] = [[]]
    units: list[int] = []
    axis: tuple[str | None, str | None] | None = None
    trips = 1
    current = dict(problem.extents)
    for loop in loops:
        if loop.spatial:
            trips = (trips if axis == (loop.target, loop.axis) else 1) * loop.trips(current[loop.dim])
            axis = (loop.target, loop.axis)
        elif axis is not None:
            groups.append([])
            units.append((clusters or {}).get(str(axis[1]), trips))
            axis = None
        current[loop.dim] = min(loop.tile, current[loop.dim])
        if loop.first is not None or loop.last is not None:
            losses.append(f"{loop.dim}: first and last tiles of another size")
        groups[-1].append(Map("spatial" if loop.spatial else "temporal", loop.tile, loop.tile, words[loop.dim]))
    if not any(m.spatial for m in groups[-1]) and len(groups) > 1:
        inner = groups.pop()
        if inner:
            losses.append("loops inside a PE: " + ", ".join(str(m) for m in inner))
        units.pop()
    for group in groups:
        spatial = sum(m.spatial for m in group)
        if not 1 <= spatial <= 2:
            raise UnsupportedError(f"a level has {spatial} spatial loops; MAESTRO takes one or two")
    flow: list[Map | Cluster] = [*groups[0]]
    for size, group in zip(units[1:] or units, groups[1:]):
        flow += [Cluster(max(size, 1)), *group]
    return tuple(flow), tuple(dict.fromkeys(losses))
