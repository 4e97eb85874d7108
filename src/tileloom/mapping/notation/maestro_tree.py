"""From MAESTRO's directives to loops on an architecture's axes and to the mapping tree, with the losses.

Directives do not say where tiles are held: `tree_of` holds them as MAESTRO's machine does, search/mappers/template.py tries all.
The way back is in maestro_directives.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.maestro import SLIDING, Cluster, DirectiveLayer, Map
from tileloom.mapping.notation.maestro_problem import ProblemLayer
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
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
            what = (
                "tiles that overlap are computed once"
                if m.size > m.offset
                else "indices between its tiles are computed too"
            )
            self.losses.append(f"{m}: {what}")
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
        if self.named.layer.operator == "TRCONV":
            # Rows of the input share no work, so a step is as many rows as the next one starts later.
            return dim, min(m.size, m.offset)
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


def tree_of(problem: Problem, architecture: Architecture, nest: LoopNest) -> MappingTree:
    """The nest with holds: the outermost memory at the top, one above spread loops just before them, one inside at the PE's tile.

    Directives do not say where tiles are held; this is MAESTRO's own machine (L2 before the first spread loops, L1 inside
    the last). Every hold is moved out as far as it stays the same (normalise.py).
    """
    nodes: list[TreeNode] = list(nest.loops)
    for memory in reversed(architecture.memories):
        held = tuple(
            t.name
            for t in problem.tensors
            if memory is architecture.memories[0] or memory.keep.has(t) or memory.may_keep.has(t)
        )
        if held:
            nodes.insert(_place(architecture, memory, nest), Hold(held, memory.name))
    return hoist(MappingTree((*nodes, Compute(architecture.computes[-1].name))), problem)


def _place(architecture: Architecture, memory: Memory, nest: LoopNest) -> int:
    """How many loops stand above a memory's hold."""
    if memory is architecture.memories[0]:
        return 0
    above = {n.name for n in architecture.nodes[: architecture.nodes.index(memory)] if isinstance(n, Fanout)}
    below = next((i for i, loop in enumerate(nest.loops) if loop.spatial and loop.target not in above), None)
    inside = max((i + 1 for i, loop in enumerate(nest.loops) if loop.target in above), default=0)
    return below if below is not None else max(inside, nest.named)
