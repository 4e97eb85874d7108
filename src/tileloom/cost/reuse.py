"""Shared maths of reuse: tiles of every visit of a loop nest, what of them a tensor touches, and where loops multiply.

Pure functions over one tensor of one mapping, exact also when tiles do not divide. What is a read and what is a write
is decided in counts.py, what it costs in models/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Literal

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Axis, Problem, Tensor

Pace = Literal["all", "widest", "start"]
"""How a loop is counted: every iteration, only the one with the largest tile, or only the first."""

_WIDEST: Pace = "widest"

Spread = dict[int, int]
"""Tile size -> number of visits with that size, of one dim."""

Rule = tuple[Pace, ...]
"""How each loop of a tensor's order counts, by position; at the positions of Holds it says nothing."""


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
    if loop.first is None and loop.last is None:
        return min(loop.tile, size)
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
        total *= group_volume(axes, {d: spreads[d] for d in own})
    return total


def group_volume(axes: Sequence[Axis], spreads: Mapping[str, Spread]) -> int:
    """Elements along axes, summed over all visits; `spreads` has just the dims of these axes, or one of no axis."""
    if not axes:
        return prod([sum(s.values()) for s in spreads.values()])
    if len(spreads) == 1 and len(axes) == 1:
        ((dim, tiles_of_dim),) = spreads.items()
        return sum([visits * axes[0].span({dim: tile}) for tile, visits in tiles_of_dim.items()])
    group = 0
    for tiles in product(*[s.items() for s in spreads.values()]):
        size = {d: tile for d, (tile, _) in zip(spreads, tiles)}
        elements = 1
        for _, visits in tiles:
            elements *= visits
        for axis in axes:
            elements *= axis.span(size)
        group += elements
    return group


class Nest:
    """The loops of a chain by dim, and what was found out about them: shared by all tensors of one mapping.

    loops   dim -> (index in the mapping, loop) of the loops that split at least one tile, outermost first
    trips   index in the mapping -> iterations of such a loop, in the largest tile that reaches it
    even    dims whose loops all divide, so that the tiles of each are of one size
    final   dim -> the extent of its largest tile at the Compute
    """

    def __init__(self, problem: Problem, mapping: MappingTree) -> None:
        self.extents = problem.extents
        self.nodes = mapping.nodes
        self.loops: dict[str, list[tuple[int, Loop]]] = {d: [] for d in self.extents}
        self.final = dict(self.extents)
        self.trips: dict[int, int] = {}
        self._spreads: dict[tuple[str, Rule], Spread] = {}
        rough = set()
        for index, node in enumerate(mapping.nodes):
            if isinstance(node, Loop) and (node.tile if node.first is None else node.first) < self.final[node.dim]:
                outside = self.final[node.dim]
                self.loops[node.dim].append((index, node))
                self.trips[index] = node.trips(outside)
                self.final[node.dim] = widest_tile(node, outside, outside)
                if not node.divides(outside):
                    rough.add(node.dim)
        self.even = frozenset(self.extents.keys() - rough)

    def spread(self, dim: str, paces: Rule) -> Spread:
        """`spread` of a dim below as many of its loops, outermost first, as there are paces."""
        found = self._spreads.get((dim, paces))
        if found is None:
            found = spread(self.extents[dim], [(n, pace) for (_, n), pace in zip(self.loops[dim], paces)])
            self._spreads[dim, paces] = found
        return found

    def visits(self, pace: Callable[[Loop], Pace]) -> int:
        """Visits of the Compute when each loop is counted as `pace` says."""
        found = 1
        for dim, loops in self.loops.items():
            if dim in self.even:
                for index, loop in loops:
                    if pace(loop) == "all":
                        found *= self.trips[index]
            else:
                found *= sum(self.spread(dim, tuple([pace(n) for _, n in loops])).values())
        return found


class TensorOrder:
    """The loops of a chain and the Holds of one tensor, in the order that holds for this tensor.

    That is the order of the mapping, except that a spatial loop of a fanout lies below the Holds of memories outside
    the fanout and above those of memories inside it: where the mapping says otherwise the loop moves, for this tensor.
    Source: AccelForge 1.0, hierarchy of spatial loops. Raises InputError where such a move would pass a temporal loop
    over the same relevant dim, and where the tensor is not held at all.

    nodes   (index in the mapping, node), outermost first
    holds   positions in `nodes` of the Holds, streams included
    keeps   positions of the Holds that store
    places  dim -> positions in `nodes` of its loops that split at least one tile, in the order of the mapping
    """

    def __init__(self, nest: Nest, architecture: Architecture, tensor: Tensor) -> None:
        self.nest, self.tensor = nest, tensor
        name = tensor.name
        mine = [
            (i, n)
            for i, n in enumerate(nest.nodes)
            if isinstance(n, Loop) or (isinstance(n, Hold) and name in n.tensors)
        ]
        self.nodes = _settle(mine, architecture, tensor)
        self.holds = tuple([p for p, (_, n) in enumerate(self.nodes) if isinstance(n, Hold)])
        self.keeps = tuple([p for p, (_, n) in enumerate(self.nodes) if isinstance(n, Hold) and n.mode == "keep"])
        if not self.keeps:
            raise InputError(f"tensor '{name}' is held in no memory; add a hold of it at the outermost memory")
        position = {i: p for p, (i, _) in enumerate(self.nodes)}
        self.places = {d: [position[i] for i, _ in loops] for d, loops in nest.loops.items()}
        groups = [*axis_groups(tensor), *[((d,), ()) for d in nest.extents if d not in tensor.dims]]
        self._rough = [(dims, axes) for dims, axes in groups if not nest.even.issuperset(dims)]
        self._even_axes = [axis for dims, axes in groups if nest.even.issuperset(dims) for axis in axes]
        self._even_dims = {d for axis in self._even_axes for d, _ in axis.terms}
        even_dims = nest.even.difference(*[dims for dims, _ in self._rough])
        self._trips = [(position[i], nest.trips[i]) for d in even_dims for i, _ in nest.loops[d]]
        self._volumes: dict[tuple[int, Rule], int] = {}
        self._factors: dict[tuple[tuple[str, ...], tuple[Rule, ...]], int] = {}
        self._tiles: dict[int, int] = {}
        self._above: dict[int, list[tuple[tuple[str, ...], tuple[Axis, ...], list[list[int]]]]] = {}

    def volume(self, end: int, rule: Rule) -> int:
        """`volume` of the tiles below the loops before position `end`, each loop counted as `rule` says."""
        key = end, rule[:end]
        found = self._volumes.get(key)
        if found is None:
            found = self._even_tile(end)
            # Tiles that divide are all alike: their number is the product of the trips, as far as they count.
            for position, trips in self._trips:
                if position < end and rule[position] == "all":
                    found *= trips
            if self._rough:
                found *= self._rough_volume(end, rule)
            self._volumes[key] = found
        return found

    def _rough_volume(self, end: int, rule: Rule) -> int:
        """The factors of the groups with tiles of several sizes, each found once: most rules count most loops alike."""
        total = 1
        above = self._above.get(end)
        if above is None:
            # A loop that comes before `end` in the mapping, but not for this tensor, finds what stands at -1.
            above = self._above[end] = [
                (dims, axes, [[p if p < end else -1 for p in _before(end, self.places[d])] for d in dims])
                for dims, axes in self._rough
            ]
        known = (*rule[:end], _WIDEST)
        for dims, axes, places in above:
            paces = tuple([tuple([known[p] for p in own]) for own in places])
            factor = self._factors.get((dims, paces))
            if factor is None:
                factor = group_volume(axes, {d: self.nest.spread(d, own) for d, own in zip(dims, paces)})
                self._factors[dims, paces] = factor
            total *= factor
        return total

    def _even_tile(self, end: int) -> int:
        """Elements of the tile at `end` along the axes whose dims have tiles of one size."""
        found = self._tiles.get(end)
        if found is None:
            tile = {}
            for dim in self._even_dims:
                above = len(_before(end, self.places[dim]))
                tile[dim] = self.nest.loops[dim][above - 1][1].tile if above else self.nest.extents[dim]
            found = self._tiles[end] = prod([axis.span(tile) for axis in self._even_axes])
        return found

    @cached_property
    def first(self) -> tuple[Pace | None, ...]:
        """By position, how a loop in time counts where only the visits count that see a tile first; None for others."""
        pace: dict[str, Pace] = {"relevant": "all", "irrelevant": "widest", "partial": "start"}
        relevance = self.tensor.relevance
        return tuple(
            [pace[relevance(n.dim)] if isinstance(n, Loop) and n.axis is None else None for _, n in self.nodes]
        )

    def paces(self, end: int, rule: Rule, dims: Iterable[str]) -> dict[str, Rule]:
        """Paces of the loops of each of the dims, outermost first, to the last before position `end`.

        A loop that comes before `end` in the mapping, but not for this tensor, is seen at its largest tile.
        """
        known: Rule = (*rule[:end], *(_WIDEST for _ in rule[end:]))
        return {d: tuple([known[p] for p in _before(end, self.places[d])]) for d in dims}


def _before(end: int, places: list[int]) -> list[int]:
    """The places to the last one before `end`."""
    count = len(places)
    while count and places[count - 1] >= end:
        count -= 1
    return places[:count]


def _settle(
    nodes: Sequence[tuple[int, TreeNode]], architecture: Architecture, tensor: Tensor
) -> tuple[tuple[int, TreeNode], ...]:
    moving = [n for n in nodes if isinstance(n[1], Loop) and n[1].spatial]
    if not moving:
        return tuple(nodes)
    depth = {n.name: i for i, n in enumerate(architecture.nodes) if isinstance(n, Memory)}
    above = {n.name: i for i, n in enumerate(architecture.nodes) if isinstance(n, Fanout)}
    order = list(nodes)
    for item in moving:
        at, loop = order.index(item), item[1]
        assert isinstance(loop, Loop)
        inside = above[architecture.fanout(loop.target or "").name]
        holds = [
            (p, depth[architecture.memory(n.memory).name]) for p, (_, n) in enumerate(order) if isinstance(n, Hold)
        ]
        lowest = max([p for p, d in holds if d < inside], default=-1)
        highest = min([p for p, d in holds if d > inside], default=len(order))
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
