"""Shared maths of reuse: tiles of every visit of a loop nest, what of them a tensor touches, and where loops multiply.

Pure functions over one tensor of one mapping, exact also when tiles do not divide. What is a read and what is a write
is decided in counts.py, what it costs in models/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import Literal

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Axis, Problem, Tensor

Pace = Literal["all", "widest", "start"]
"""How a loop is counted: every iteration, only the one with the largest tile, or only the first."""

Spread = dict[int, int]
"""Tile size -> number of visits with that size, of one dim."""

Rule = Callable[[int, Loop], Pace]
"""Position of a loop in the tensor's order, and the loop -> how it counts."""


def tile_sizes(loop: Loop, size: int, full: int) -> Spread:
    """Extents of the iterations of a loop that is entered with `size` of its dim.

    full   the extent of a full visit: `loop.last` speaks of that one only, in others the remainder is as it divides.

    >>> tile_sizes(Loop("m", 4), 10, 10)
    {4: 2, 2: 1}
    """
    first = loop.tile if loop.first is None else loop.first
    if first >= size:
        return {size: 1}
    more = -(-(size - first) // loop.tile)
    rest = size - first - (more - 1) * loop.tile
    if loop.last is not None and size == full:
        rest = loop.last
    sizes: Spread = {}
    for extent, visits in ((first, 1), (loop.tile, more - 1), (rest, 1)):
        if visits:
            sizes[extent] = sizes.get(extent, 0) + visits
    return sizes


def first_tile(loop: Loop, size: int) -> int:
    return min(size, loop.tile if loop.first is None else loop.first)


def widest_tile(loop: Loop, size: int, full: int) -> int:
    return max(tile_sizes(loop, size, full))


def spread(extent: int, loops: Sequence[tuple[Loop, Pace]]) -> Spread:
    """Tile sizes of one dim below the given loops over it, outermost first, with the number of visits of each.

    >>> spread(10, [(Loop("m", 4), "all"), (Loop("m", 3), "all")])
    {3: 2, 1: 2, 2: 1}
    """
    visits, full = {extent: 1}, extent
    for loop, pace in loops:
        if len(visits) == 1 and full in visits and loop.first is None and loop.last is None and full % loop.tile == 0:
            # One size that divides: the common case, and most of the time of an evaluation.
            times = full // loop.tile if pace == "all" else 1
            visits, full = {loop.tile: visits[full] * times}, loop.tile
            continue
        inner: Spread = {}
        for size, times in visits.items():
            for tile, count in _paced(loop, pace, size, full).items():
                inner[tile] = inner.get(tile, 0) + times * count
        full = widest_tile(loop, full, full)
        visits = inner
    return visits


def _paced(loop: Loop, pace: Pace, size: int, full: int) -> Spread:
    if pace == "all":
        return tile_sizes(loop, size, full)
    return {widest_tile(loop, size, full) if pace == "widest" else first_tile(loop, size): 1}


@lru_cache(maxsize=4096)
def axis_groups(tensor: Tensor) -> tuple[tuple[tuple[str, ...], tuple[Axis, ...]], ...]:
    """Axes that share dims, directly or through others, together with these dims; groups are independent."""
    groups: list[tuple[set[str], list[Axis]]] = []
    for axis in tensor.axes:
        dims, axes = {d for d, _ in axis.terms}, [axis]
        apart = []
        for other in groups:
            if other[0] & dims:
                dims |= other[0]
                axes = other[1] + axes
            else:
                apart.append(other)
        groups = [*apart, (dims, axes)]
    return tuple((tuple(sorted(dims)), tuple(axes)) for dims, axes in groups)


def volume(tensor: Tensor, spreads: Mapping[str, Spread]) -> int:
    """Elements touched, summed over all visits: every visit takes the whole hyper-rectangle of its tile.

    sum over visits of prod over axes of (1 + sum c * (tile - 1)); dims are independent, so the sum of products is
    the product of sums over groups of axes that share no dim. Dims that do not index the tensor count their visits.
    """
    dims = tensor.dims
    total = prod(sum(s.values()) for d, s in spreads.items() if d not in dims)
    for own, axes in axis_groups(tensor):
        group = 0
        for tiles in product(*(spreads[d].items() for d in own)):
            size = {d: tile for d, (tile, _) in zip(own, tiles)}
            group += prod(n for _, n in tiles) * prod(axis.span(size) for axis in axes)
        total *= group
    return total


class TensorOrder:
    """The loops of a chain and the Holds of one tensor, in the order that holds for this tensor.

    That is the order of the mapping, except that a spatial loop of a fanout lies below the Holds of memories outside
    the fanout and above those of memories inside it: where the mapping says otherwise the loop moves, for this tensor.
    Source: AccelForge 1.0, hierarchy of spatial loops. Raises InputError where such a move would pass a temporal loop
    over the same relevant dim, and where the tensor is not held at all.

    nodes   (index in the mapping, node), outermost first
    holds   positions in `nodes` of the Holds, streams included
    keeps   positions of the Holds that store
    dividing  (position, index in the mapping, loop) of the loops that split at least one tile
    """

    def __init__(self, problem: Problem, architecture: Architecture, mapping: MappingTree, tensor: Tensor) -> None:
        self.tensor = tensor
        self.extents = problem.extents
        self._loops = _dividing_loops(problem, mapping)
        self._volumes: dict[tuple[int, tuple[Pace, ...]], int] = {}
        mine = [
            (i, n)
            for i, n in enumerate(mapping.nodes)
            if isinstance(n, Loop) or (isinstance(n, Hold) and tensor.name in n.tensors)
        ]
        self.nodes = _settle(mine, architecture, tensor)
        self.holds = tuple(p for p, (_, n) in enumerate(self.nodes) if isinstance(n, Hold))
        self.keeps = tuple(p for p, (_, n) in enumerate(self.nodes) if isinstance(n, Hold) and n.mode == "keep")
        dividing = {i for loops in self._loops.values() for i, _ in loops}
        self.dividing = [(p, i, n) for p, (i, n) in enumerate(self.nodes) if i in dividing and isinstance(n, Loop)]
        if not self.keeps:
            raise InputError(f"tensor '{tensor.name}' is held in no memory; add a hold of it at the outermost memory")

    def volume(self, end: int, rule: Rule) -> int:
        """`volume` of the tiles below the loops before position `end`, each loop counted as `rule` says."""
        key = end, tuple(rule(p, n) for p, _, n in self.dividing if p < end)
        if key not in self._volumes:
            spreads = {
                d: spread(self.extents[d], [(n, pace) for _, n, pace in loops])
                for d, loops in self.paced(end, rule).items()
            }
            self._volumes[key] = volume(self.tensor, spreads)
        return self._volumes[key]

    def paced(self, end: int, rule: Rule) -> dict[str, list[tuple[int, Loop, Pace]]]:
        """(place in the mapping, loop, pace) of the loops of every dim before position `end`, outermost first."""
        pace = {i: rule(p, n) for p, i, n in self.dividing if p < end}
        return {d: _above(loops, pace) for d, loops in self._loops.items()}


def _dividing_loops(problem: Problem, mapping: MappingTree) -> dict[str, list[tuple[int, Loop]]]:
    """Loops of every dim that split at least one tile, with their place in the mapping."""
    loops: dict[str, list[tuple[int, Loop]]] = {d: [] for d in problem.extents}
    widest = dict(problem.extents)
    for index, node in enumerate(mapping.nodes):
        if isinstance(node, Loop) and (node.tile if node.first is None else node.first) < widest[node.dim]:
            loops[node.dim].append((index, node))
            widest[node.dim] = widest_tile(node, widest[node.dim], widest[node.dim])
    return loops


def _above(loops: Sequence[tuple[int, Loop]], pace: Mapping[int, Pace]) -> list[tuple[int, Loop, Pace]]:
    last = max((k for k, (index, _) in enumerate(loops) if index in pace), default=-1)
    return [(index, loop, pace.get(index, "widest")) for index, loop in loops[: last + 1]]


def _settle(
    nodes: Sequence[tuple[int, TreeNode]], architecture: Architecture, tensor: Tensor
) -> tuple[tuple[int, TreeNode], ...]:
    depth = {n.name: i for i, n in enumerate(architecture.nodes) if isinstance(n, Memory)}
    above = {n.name: i for i, n in enumerate(architecture.nodes) if isinstance(n, Fanout)}
    order = list(nodes)
    for item in [n for n in nodes if isinstance(n[1], Loop) and n[1].spatial]:
        at, loop = order.index(item), item[1]
        assert isinstance(loop, Loop)
        inside = above[architecture.fanout(loop.target or "").name]
        holds = [
            (p, depth[architecture.memory(n.memory).name]) for p, (_, n) in enumerate(order) if isinstance(n, Hold)
        ]
        lowest = max((p for p, d in holds if d < inside), default=-1)
        highest = min((p for p, d in holds if d > inside), default=len(order))
        if lowest < at < highest:
            continue
        low, high = (at, lowest) if at < lowest else (highest, at)
        passed = [n for _, n in order[low : high + 1] if isinstance(n, Loop) and not n.spatial and n.dim == loop.dim]
        if passed and tensor.relevance(loop.dim) != "irrelevant":
            raise InputError(
                f"spatial loop over '{loop.dim}' on '{loop.target}' is on the wrong side of a hold of '{tensor.name}', "
                f"and a temporal loop over '{loop.dim}' lies between; move the spatial loop next to the hold"
            )
        order.remove(item)
        order.insert(lowest if at < lowest else highest, item)
    return tuple(order)


def require_plain(mapping: MappingTree, model: str) -> None:
    """Refuse Joint loops. Raises UnsupportedError."""
    for node in mapping.nodes:
        if isinstance(node, Joint):
            dims = ", ".join(loop.dim for loop in node.loops)
            raise UnsupportedError(
                f"model '{model}' has no loops that advance together (dims {dims}, E-JOINT); give each dim its own loop"
            )


def final_extents(problem: Problem, mapping: MappingTree) -> Iterator[tuple[str, int]]:
    """Dims whose tile at the Compute is not 1, with that tile."""
    for dim, extent in problem.extents.items():
        for loop in mapping.loops:
            if loop.dim == dim:
                extent = widest_tile(loop, extent, extent)
        if extent != 1:
            yield dim, extent
