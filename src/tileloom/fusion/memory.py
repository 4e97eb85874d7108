"""Which memories a stack uses: for its weights, for lines kept between tiles, and for each layer's operands.

Sizes come from geometry.py; levels are indices into `machine.levels(operand)`, 0 the innermost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from tileloom.cost.models.zigzag.machine import ZigzagMachine, ZigzagMemory
from tileloom.fusion.geometry import Column, Extents
from tileloom.fusion.graph import Feed, Graph, GraphNode, NodeId
from tileloom.fusion.rules import Rules
from tileloom.fusion.stacks import INPUTS, OUTPUTS, WEIGHTS


@dataclass(frozen=True, slots=True)
class Tile:
    """One kind of tile: its extents along x and y."""

    graph: Graph
    x: Extents
    y: Extents

    def sizes(self, node: GraphNode) -> dict[str, int]:
        """Loop sizes of a node for this tile."""
        new = {node.dim("x"): self.x.out[node.id], node.dim("y"): self.y.out[node.id]}
        return {d: new.get(d, size) for d, size in node.layer.loops}

    def tensor(self, node: GraphNode, feed: Feed) -> dict[str, int]:
        """Extents of a data operand, cached positions included."""
        edge = (node.id, feed.operand)
        found = node.layer.operand(feed.operand).extents(node.layer.sizes)
        tiled = {feed.reach("x").axis: self.x.full[edge], feed.reach("y").axis: self.y.full[edge]}
        return found | {axis: extent for axis, extent in tiled.items() if axis}

    def bits_in(self, node: GraphNode) -> int:
        """Bits of all data operands of a layer."""
        return sum(prod(self.tensor(node, f).values()) * node.layer.operand(f.operand).bits for f in node.feeds)

    def bits_out(self, node: GraphNode) -> int:
        """Bits that a node computes for this tile."""
        return node.layer.output.elements(self.sizes(node)) * node.layer.output.bits


@dataclass(frozen=True, slots=True)
class Needs:
    """Bits that one kind of tile needs.

    live    largest sum of features that are needed at the same time
    h, v    lines kept from the left neighbour, from the tiles above;  both: positions that are in both
    peak_h  live features with the H cache;  peak_v  with both caches
    """

    live: int
    h: int
    v: int
    both: int
    peak_h: int
    peak_v: int


@dataclass(frozen=True)
class Levels:
    """What the whole stack has decided. None: there is nothing to store.

    weights      level of the weights after the first tile, in the weight operand's list
    h            per row of tiles: level of the lines kept for the right neighbour, in the output operand's list
    v            level of the lines kept for the next row of tiles
    needs        per column and row of tiles
    """

    weights: int | None
    h: tuple[int | None, ...]
    v: int | None
    needs: tuple[tuple[Needs, ...], ...]


def live_peak(tile: Tile, *, kept: bool = False) -> int:
    """The largest number of bits of features alive at once while a tile runs through the stack.

    Inputs of a layer count with their whole tensors while it runs and with what is stored otherwise.
    kept   lines for later tiles stay alive from the layer that makes them on
    """
    graph = tile.graph
    stored: dict[NodeId, int] = {}
    pending = {n.id: set(graph.successors(n.id)) for n in graph.nodes}
    now = peak = 0
    for node in graph.nodes:
        held = sum(stored[f.producer] for f in node.feeds)
        arriving, leaving = tile.bits_in(node), tile.bits_out(node)
        now += arriving - held
        peak = max(peak, now)
        now += leaving
        peak = max(peak, now)
        now += held - arriving
        peak = max(peak, now)
        for producer in dict.fromkeys(f.producer for f in node.feeds):
            pending[producer].discard(node.id)
            if not pending[producer]:
                now -= stored[producer]
        stored[node.id] = leaving
        if kept:
            now += written_bits(tile, node, "x") + written_bits(tile, node, "y")
            peak = max(peak, now)
    return peak


def written_bits(tile: Tile, node: GraphNode, axis: str) -> int:
    """Bits of a node's output that are kept for later tiles along one axis."""
    extents = tile.x if axis == "x" else tile.y
    width = min(extents.width.get(node.id, 0), extents.out[node.id])
    return node.layer.output.elements(tile.sizes(node) | {node.dim(axis): width}) * node.layer.output.bits


def tile_needs(graph: Graph, column: Column, row: Column, rules: Rules) -> Needs:
    """Bits of one kind of tile. Floor divisions and their order are the original's."""
    assumed = Tile(graph, column.assumed, row.assumed)
    actual = Tile(graph, column.actual, row.actual)
    live = live_peak(actual)
    h = v = both = 0
    for node in graph.layers:
        for feed in node.feeds:
            operand = node.layer.operand(feed.operand)
            extents = assumed.tensor(node, feed)
            x, y = feed.reach("x").axis, feed.reach("y").axis
            edge = (node.id, feed.operand)
            wide, high = column.assumed.overlap[edge], row.assumed.overlap[edge]
            elements = prod(extents.values())
            if not elements or not (x and y):
                continue
            whole = operand.extents(node.layer.sizes)[x]
            h += elements // extents[x] * wide * operand.bits
            v += elements // extents[x] * whole // extents[y] * high * operand.bits
            both += elements // extents[x] * wide // extents[y] * high * operand.bits
    if rules.first_column_uncached:
        peak_h = live if column.is_first else live + h
    else:
        peak_h = max(live + h, live_peak(actual, kept=True))
    return Needs(live, h, v, both, peak_h, peak_h + v)


Room = Callable[[int, ZigzagMemory], int]
"""(level, memory) -> bits needed there."""


def lowest_level(
    machine: ZigzagMachine, operand: str, need: Room, *, shared_with: str | None = None, unrolled: bool = False
) -> int | None:
    """The lowest level that is large enough; None when there is none.

    shared_with   only memories that hold this operand too;  unrolled: memories with several instances count
    """
    for level, memory in enumerate(machine.levels(operand)):
        if shared_with is not None and shared_with not in memory.operands:
            continue
        if memory.size_bits >= need(level, memory) and (unrolled or machine.copies(memory) == 1):
            return level
    return None


def decide_levels(
    graph: Graph, machine: ZigzagMachine, mode: int, columns: Sequence[Column], rows: Sequence[Column], rules: Rules
) -> Levels:
    """Memory levels for the weights and the kept lines of a stack, from all its kinds of tiles.

    mode   1 everything recomputed, 2 columns kept (H), 3 columns and rows kept (V)
    """
    needs = tuple(tuple(tile_needs(graph, c, r, rules) for r in rows) for c in columns)
    choices = [
        [_choose(graph, machine, mode, needs[i][j], rules) for j in range(len(rows))] for i in range(len(columns))
    ]
    h: list[int | None] = []
    for j in range(len(rows)):
        found = [choices[i][j].h for i, c in enumerate(columns) if not (rules.right_neighbour_decides and c.is_first)]
        h.append(max((level for level in found if level is not None), default=None))
    last = choices[-1][-1].v
    highest = max((c.v for column in choices for c in column if c.v is not None), default=None)
    weights = max((c.weights for column in choices for c in column if c.weights is not None), default=None)
    return Levels(weights, tuple(h), last if rules.last_tile_decides else highest, needs)


@dataclass(frozen=True, slots=True)
class _Choice:
    weights: int | None
    h: int | None
    v: int | None


def _choose(graph: Graph, machine: ZigzagMachine, mode: int, needs: Needs, rules: Rules) -> _Choice:
    """Features come first, then the H cache, then the V cache, then the weights."""
    features = lowest_level(machine, OUTPUTS, lambda *_: needs.live, shared_with=INPUTS)
    top = len(machine.levels(OUTPUTS)) - 1
    features = top if features is None else features
    h = v = None
    if mode >= 2:
        h = lowest_level(machine, OUTPUTS, lambda *_: needs.peak_h, shared_with=INPUTS)
        h = top if h is None else h
    if mode == 3:
        v = lowest_level(
            machine,
            OUTPUTS,
            lambda level, _: needs.peak_v - (needs.both if level == h else 0),
            shared_with=INPUTS,
        )
        v = top if v is None else v
    if not any(n.weights for n in graph.layers):
        return _Choice(None, h, v)
    levels = machine.levels(OUTPUTS)
    reserved = {m.name for m in levels[: features + 1]}
    h_name = levels[h].name if h is not None else None
    v_name = levels[v].name if v is not None else None
    bits = sum(n.weight_bits for n in graph.layers)
    peak_h = needs.peak_h if mode >= 2 else needs.live
    peak_v = needs.peak_v if mode == 3 else peak_h

    def need(_: int, memory: ZigzagMemory) -> int:
        total = bits
        if memory.name in reserved:
            total = bits + needs.live
        if memory.name == h_name:
            total = bits + peak_h
        if memory.name == v_name:
            total = bits + peak_v - (needs.both if memory.name == h_name else 0)
        return total

    found = lowest_level(machine, WEIGHTS, need, unrolled=True)
    return _Choice(len(machine.levels(WEIGHTS)) - 1 if found is None else found, h, v)
