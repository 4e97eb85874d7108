"""The literal mapping space of a problem on an architecture: its exact size, every mapping in it, random draws.

Nothing is left out because it looks bad; a mapping of the space may still not fit (capacity) or use too little of an
axis (min_utilization), which legality.py says. Cleverer spaces belong to the mappers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from math import ceil, prod
from random import Random

from tileloom.architecture.model import Architecture
from tileloom.core.factors import divisors, prime_factors
from tileloom.mapping.constraints import FREE, Constraints, TileRule, constrain
from tileloom.mapping.layout import Frame, Layout, frame_of
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode, walk
from tileloom.workload.problem import Problem

Tiles = tuple[tuple[int, ...], ...]
"""Per dim of Frame.dims, the extent below each slot where it may have a loop; the last one is 1."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A point of the space: a layout, the tiles, and per block the order of its temporal loops."""

    layout: Layout
    tiles: Tiles
    orders: tuple[tuple[str, ...], ...]

    @property
    def extents(self) -> tuple[tuple[int, ...], ...]:
        """Per dim of Frame.dims: its extent above slot 0, 1, ... and below the last slot."""
        rows = []
        for dim, chain in zip(self.layout.frame.dims, self.tiles):
            current = self.layout.frame.problem.extents[dim]
            below = dict(zip(self.layout.allowed(dim), chain))
            row = [current]
            for index in range(len(self.layout.slots)):
                current = below.get(index, current)
                row.append(current)
            rows.append(tuple(row))
        return tuple(rows)

    def signature(self) -> tuple[object, ...]:
        """Equal for mappings with divisor tiles whose words, energy and cycles are equal by literal counts.

        Those depend, per tensor and memory, on the tile at the hold and on the trips of the loops above it: of the
        dims that move the tensor one by one, of the others only their product. Divisor tiles give trips in time and
        space together (extent / extent at the hold), the axes give those in space. The order of holds of different
        tensors, and of loops between two holds, is not counted.
        """
        layout, rows = self.layout, self.extents
        dims = layout.frame.dims
        held = frozenset(
            (
                memory,
                tensor.name,
                tuple(row[start] for d, row in zip(dims, rows) if d in tensor.dims),
                prod(row[start] for d, row in zip(dims, rows) if d not in tensor.dims),
            )
            for (memory, tensor), start in zip(layout.holds, layout.block_starts[1:])
        )
        spatial = tuple(
            tuple(row[i] // row[i + 1] for row in rows) for i, slot in enumerate(layout.slots) if slot.place >= 0
        )
        return held, spatial

    def mapping(self) -> MappingTree:
        """The tree; loops of one trip are left out."""
        frame, layout = self.layout.frame, self.layout
        rows = dict(zip(frame.dims, self.extents))
        nodes: list[TreeNode] = [Hold(tuple(t.name for t in frame.problem.tensors), frame.memories[0].name)]
        for index, slot in enumerate(layout.slots):
            if slot.place < 0:
                if slot.block:
                    memory, tensor = layout.holds[slot.block - 1]
                    nodes.append(Hold((tensor.name,), frame.memories[memory].name))
                nodes.extend(Loop(dim, rows[dim][index + 1]) for dim in self.orders[slot.block])
            else:
                place = frame.places[slot.place]
                for dim, row in rows.items():
                    if row[index + 1] < row[index]:
                        nodes.append(Loop(dim, row[index + 1], place.fanout.name, place.axis.name))
        return MappingTree((*nodes, Compute(frame.unit.name)))


@dataclass(frozen=True)
class MapSpace:
    """Every mapping of `problem` on `architecture` of this form:

        DRAM   hold every tensor
               temporal loops                      (block 0)
        L1     hold one tensor                     for each memory: a set of tensors between `keep` and
               temporal loops, then spatial loops  `keep` + `may_keep`, in any order, outer memories first
        ...
        MAC    compute

    A block holds at most one temporal loop per dim, in any order; one spatial loop per dim on each axis of the
    fanouts that begin there, whose trips multiply to at most the size of the axis. Loops of one trip and the order of
    spatial loops, which means nothing, are not told apart.

    imperfect  tiles of any size; else divisors of what reaches the loop
    distinct   of the orders in a block only those that can matter: order changes no count, only the space that the
               hold above the block reserves. That is least when the dims that move its tensor alone come first, then
               one of its sliding windows (each choice is kept), then the rest. The best cost is the same.
    """

    problem: Problem
    architecture: Architecture
    imperfect: bool = False
    distinct: bool = False
    constraints: Constraints = FREE

    @cached_property
    def frame(self) -> Frame:
        """Raises UnsupportedError when the problem cannot run there, InputError for constraints that conflict."""
        narrowed = constrain(self.problem, self.architecture, self.constraints)
        return frame_of(self.problem, narrowed, self.constraints)

    @property
    def keeps_distinct(self) -> bool:
        """Fixed orders leave no choice among orders that count the same."""
        return self.distinct and not self.constraints.orders

    def size(self) -> int:
        """Number of mappings that `enumerate` gives, computed without listing them."""
        from tileloom.mapping.size import space_size

        return space_size(self)

    def enumerate(self) -> Iterator[MappingTree]:
        """Every mapping once, always in the same order."""
        return (candidate.mapping() for candidate in self.candidates())

    def candidates(self) -> Iterator[Candidate]:
        for layout in self.frame.layouts():
            for tiles in self._tilings(layout):
                for orders in product(*(self.orders(layout, b, tiles) for b in range(len(layout.holds) + 1))):
                    yield Candidate(layout, tiles, orders)

    def sample(self, rng: Random) -> MappingTree | None:
        """A random mapping of the space; equal draws for equal states of `rng`. Not uniform.

        None when a random choice ran into a tile rule, or left an extent that no loop may take.
        """
        frame = self.frame
        placement = [rng.choice(tuple(frame.choices(m))) for m in frame.memories[1:]]
        order = [rng.sample(held, len(held)) for held in placement]
        layout = Layout(frame, tuple((m, t) for m, held in enumerate(order, start=1) for t in held))
        room = [place.axis.size for place in frame.places]
        dims_left = [place.axis.max_dims for place in frame.places]
        tiles: dict[str, tuple[int, ...]] = {}
        for dim in rng.sample(frame.dims, len(frame.dims)):
            chain = self._random_chain(layout, dim, room, dims_left, rng)
            if chain is None:
                return None
            tiles[dim] = chain
        chosen = tuple(tiles[d] for d in frame.dims)
        orders = tuple(self._random_order(layout, b, chosen, rng) for b in range(len(layout.holds) + 1))
        drawn = Candidate(layout, chosen, orders).mapping()
        return drawn if self._clusters_fit(drawn) else None

    def _clusters_fit(self, mapping: MappingTree) -> bool:
        if not self.constraints.clusters:
            return True
        used = dict.fromkeys(((p.fanout.name, p.axis.name) for p in self.frame.places), 1)
        for step in walk(mapping, self.problem.extents):
            if isinstance(step.node, Loop) and step.node.spatial:
                used[step.node.target or "", step.node.axis or ""] *= step.trips
        return self.frame.clusters_fit(list(used.values()))

    def orders(self, layout: Layout, block: int, tiles: Tiles) -> list[tuple[str, ...]]:
        """Orders of the temporal loops of a block, in which every dim has at least two trips."""
        present = _looped(layout, block, tiles)
        if (rule := layout.order_rule(block)) is not None:
            free = [d for d in present if not rule.fixes(d)]
            return [rule.arrange((*order, *(d for d in present if rule.fixes(d)))) for order in permutations(free)]
        if not self.keeps_distinct:
            return list(permutations(present))
        halo = layout.halo_dims(block)
        tensor = layout.holds[block - 1][1] if block else None
        first = [d for d in present if tensor is not None and tensor.relevance(d) == "relevant"]
        rest = [d for d in present if d not in first]
        windows = [d for d in rest if d in halo]
        if not windows:
            return [(*first, *rest)]
        return [(*first, window, *(d for d in rest if d != window)) for window in windows]

    def _random_order(self, layout: Layout, block: int, tiles: Tiles, rng: Random) -> tuple[str, ...]:
        if self.keeps_distinct:
            return rng.choice(self.orders(layout, block, tiles))
        present = _looped(layout, block, tiles)
        order = tuple(rng.sample(present, len(present)))
        rule = layout.order_rule(block)
        return order if rule is None else rule.arrange(order)

    def _tilings(self, layout: Layout) -> Iterator[Tiles]:
        chains = [tuple(self.chains(layout, dim)) for dim in self.frame.dims]
        places = self.frame.places

        def fill(done: Tiles, used: tuple[int, ...], dims: tuple[int, ...]) -> Iterator[Tiles]:
            if len(done) == len(chains):
                yield done
                return
            for tiles, trips in chains[len(done)]:
                product_ = tuple(u * t for u, t in zip(used, trips))
                count = tuple(n + (t > 1) for n, t in zip(dims, trips))
                if fits(places_limits, product_, count) and self.frame.clusters_fit(product_):
                    yield from fill((*done, tiles), product_, count)

        places_limits = [(p.axis.size, p.axis.max_dims) for p in places]
        yield from fill((), tuple(1 for _ in places), tuple(0 for _ in places))

    def chains(self, layout: Layout, dim: str) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """(tiles per allowed slot, trips per place) of one dim, down to a tile of 1."""
        slots = layout.allowed(dim)
        rules = tile_rules(layout, dim)
        places = self.frame.places

        def go(
            position: int, current: int, tiles: tuple[int, ...], trips: tuple[int, ...]
        ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
            at = slots[position] if position < len(slots) else len(layout.slots)
            before = slots[position - 1] if position else -1
            if not all(rule.holds(current) for b, rule in rules if before < b <= at):
                return
            if position == len(slots):
                if current == 1:
                    yield tiles, trips
                return
            place = layout.slots[at].place
            for tile in self.inner_tiles(current):
                n = -(-current // tile)
                if place < 0:
                    yield from go(position + 1, tile, (*tiles, tile), trips)
                elif n <= places[place].axis.size:
                    yield from go(position + 1, tile, (*tiles, tile), (*trips[:place], n, *trips[place + 1 :]))

        return go(0, self.problem.extents[dim], (), tuple(1 for _ in places))

    def inner_tiles(self, current: int) -> Sequence[int]:
        """Tiles that a loop may have below an extent."""
        return range(1, current + 1) if self.imperfect else divisors(current)

    def _random_chain(
        self, layout: Layout, dim: str, room: list[int], dims_left: list[int | None], rng: Random
    ) -> tuple[int, ...] | None:
        """Tiles of one dim from the outside in; takes what it uses of each axis out of `room` and `dims_left`."""
        slots = layout.allowed(dim)
        trips = self._random_trips(layout, dim, room, dims_left, rng)
        times = [i for i in slots if layout.slots[i].place < 0]
        current, tiles = self.problem.extents[dim], list[int]()
        if not self.imperfect:
            for factor in _primes(current // prod(trips.values()), rng):
                if not times:
                    return None
                at = rng.choice(times)
                trips[at] = trips.get(at, 1) * factor
        rules = tile_rules(layout, dim)
        for position, at in enumerate((*slots, len(layout.slots))):
            before = slots[position - 1] if position else -1
            if not all(rule.holds(current) for b, rule in rules if before < b <= at):
                return None
            if at < len(layout.slots):
                if self.imperfect and layout.slots[at].place < 0:
                    left = prod(t for i, t in trips.items() if i > at)
                    current = min(current, left) if at == times[-1] else rng.choice(_some_tiles(current, rng))
                else:
                    current = -(-current // trips.get(at, 1))
                tiles.append(current)
        return tuple(tiles) if current == 1 else None

    def _random_trips(
        self, layout: Layout, dim: str, room: list[int], dims_left: list[int | None], rng: Random
    ) -> dict[int, int]:
        """Trips of the dim's spatial loops by slot. Axes that ask for much use are filled more often."""
        rest, trips = self.problem.extents[dim], {}
        slots = [i for i in layout.allowed(dim) if layout.slots[i].place >= 0]
        for at in rng.sample(slots, len(slots)):
            place = layout.slots[at].place
            if dims_left[place] == 0:
                continue
            wanted = self.frame.places[place].axis.min_utilization > 0
            most = min(rest, room[place])
            options = range(1, most + 1) if self.imperfect else [d for d in divisors(rest) if d <= most]
            trip = options[-1] if wanted and rng.random() < 0.75 else rng.choice(options)
            if trip > 1:
                trips[at] = trip
                rest = -(-rest // trip)
                room[place] //= trip
                left = dims_left[place]
                dims_left[place] = None if left is None else left - 1
        return trips


def _primes(number: int, rng: Random) -> list[int]:
    """Prime factors of a number with repeats, in random order."""
    found = [p for p, e in prime_factors(number).items() for _ in range(e)]
    return rng.sample(found, len(found))


def _some_tiles(current: int, rng: Random) -> list[int]:
    """No loop, all of it, and a few sizes in between spread evenly by their logarithm."""
    return [1, current, *(min(current, ceil(current ** rng.random())) for _ in range(current.bit_length()))]


def fits(limits: Sequence[tuple[int, int | None]], used: Sequence[int], dims: Sequence[int]) -> bool:
    """Whether products of trips and numbers of dims keep within (size, max_dims) of every axis."""
    return all(u <= size and (most is None or n <= most) for (size, most), u, n in zip(limits, used, dims))


def tile_rules(layout: Layout, dim: str) -> list[tuple[int, TileRule]]:
    """(slot index that the rule's memory begins at, rule) of one dim."""
    names = [m.name for m in layout.frame.memories]
    return [
        (layout.boundary(names.index(rule.memory)), rule)
        for rule in layout.frame.constraints.tiles
        if rule.dim == dim and rule.memory in names
    ]


def _looped(layout: Layout, block: int, tiles: Tiles) -> list[str]:
    """Dims with a temporal loop of two or more trips in the block, in the problem's order."""
    found = []
    index = layout.block_starts[block]
    for dim, chain in zip(layout.frame.dims, tiles):
        slots = layout.allowed(dim)
        if index in slots:
            position = slots.index(index)
            outside = chain[position - 1] if position else layout.frame.problem.extents[dim]
            if chain[position] < outside:
                found.append(dim)
    return found
