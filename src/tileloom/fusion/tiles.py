"""One tile through a stack: for every layer its top memories, the copies before it, and its cost.

What a layer costs is asked of an evaluator; sizes and stack-wide levels are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine, ZigzagMemory
from tileloom.fusion.copies import CopyAction, CopyBundle, Place, copy
from tileloom.fusion.graph import Feed, GraphNode, NodeId
from tileloom.fusion.memory import Levels, Tile, lowest_level, written_bits
from tileloom.fusion.rules import Rules
from tileloom.fusion.stacks import INPUTS, OUTPUTS, WEIGHTS, Stack
from tileloom.search.zigzag.loma import Found

Tops = tuple[tuple[str, str], ...]
"""(memory operand, name of the highest memory it may use)."""
Evaluate = Callable[[ZigzagLayer, ZigzagMachine, Tops], Found | None]
"""(tile of a layer, whole machine, highest memories) -> best mapping there; None: taken to fit, at no cost."""


class DoesNotFitError(Exception):
    """A layer's tile fits in no memory, whatever levels it is given. Raised inside a point and reported with it."""


@dataclass(frozen=True)
class Neighbours:
    """Cache levels of one kind of tile, in the output operand's list; None: nothing to write or read."""

    is_first: bool
    make_h: int | None
    use_h: int | None
    make_v: int | None
    use_v: int | None


@dataclass(frozen=True)
class Step:
    """One node of a tile.

    sizes    loop sizes
    tops     highest memory per kind of data: I (inputs), O (output), W (weights); None where there is none
    extra    levels added above the chosen ones for outputs and inputs because nothing fitted
    before   copies made before it runs
    found    the mapping and its cost; None for inputs and in a run without evaluator
    layer    as evaluated, None for inputs and for layers that have nothing to compute in this tile
    """

    node: NodeId
    label: str
    sizes: dict[str, int]
    tops: dict[str, str | None]
    extra: tuple[int, int]
    before: CopyBundle
    found: Found | None
    layer: ZigzagLayer | None


def run_tile(
    stack: Stack,
    tile: Tile,
    machine: ZigzagMachine,
    levels: Levels,
    near: Neighbours,
    rules: Rules,
    evaluate: Evaluate | None,
) -> tuple[Step, ...]:
    """Every node of the stack for one kind of tile, in topological order. evaluate=None: sizes and copies only."""
    work = _Run(stack, tile, machine, levels, near, rules, evaluate)
    return tuple(work.step(node) for node in stack.graph.nodes)


class _Run:
    """Goes through one tile; knows where each output was left. Lives for one tile."""

    def __init__(
        self,
        stack: Stack,
        tile: Tile,
        machine: ZigzagMachine,
        levels: Levels,
        near: Neighbours,
        rules: Rules,
        evaluate: Evaluate | None,
    ) -> None:
        self.stack, self.tile, self.machine, self.levels = stack, tile, machine, levels
        self.near, self.rules, self.evaluate = near, rules, evaluate
        self.graph = stack.graph
        self.stored: dict[NodeId, str] = {}
        self.previous: GraphNode | None = None
        self.pending = {n.id: set(self.graph.successors(n.id)) for n in self.graph.nodes}

    def step(self, node: GraphNode) -> Step:
        kept = tuple(self._keep(self.previous)) if self.previous is not None else ()
        step = self._input(node, kept) if node.is_input else self._layer(node, kept)
        self.previous = node
        for feed in node.feeds:
            self.pending[feed.producer].discard(node.id)
        return step

    # -- top memories ---------------------------------------------------------------------------------------------

    def _others(self, node: GraphNode, memory: str) -> int:
        """Bits that lie in a memory besides the layer's own data. The original looks at none of them (Q10)."""
        if self.rules.only_own_data:
            return 0
        total = 0
        own = {f.producer for f in node.feeds}
        for other, where in self.stored.items():
            if where == memory and other not in own and self.pending[other]:
                total += self.tile.bits_out(self.graph[other])
        outputs = self.machine.levels(OUTPUTS)
        needs = [n for column in self.levels.needs for n in column]
        if any(h is not None and outputs[h].name == memory for h in (self.near.make_h, self.near.use_h)):
            total += max(n.h for n in needs)
        if any(v is not None and outputs[v].name == memory for v in (self.near.make_v, self.near.use_v)):
            total += max(n.v for n in needs)
        if self.levels.weights is not None and self.machine.levels(WEIGHTS)[self.levels.weights].name == memory:
            total += sum(n.weight_bits for n in self.graph.layers)
        return total

    def _top(self, operand: str, need: Callable[[ZigzagMemory], int], extra: int) -> int:
        levels = self.machine.levels(operand)
        found = lowest_level(self.machine, operand, lambda _, memory: need(memory))
        return min(len(levels) - 1, (len(levels) - 1 if found is None else found) + extra)

    def _tops(self, node: GraphNode, extra: tuple[int, int]) -> tuple[str, str]:
        """(top memory of the inputs, of the output) of a layer."""
        need_in, need_out = self.tile.bits_in(node), self.tile.bits_out(node)
        inputs, outputs = self.machine.levels(INPUTS), self.machine.levels(OUTPUTS)
        top_in = inputs[self._top(INPUTS, lambda m: need_in + self._others(node, m.name), extra[1])].name
        if node.id == self.graph.end.id:
            return top_in, outputs[-1].name
        both = need_out + need_in
        top_out = self._top(
            OUTPUTS, lambda m: (both if m.name == top_in else need_out) + self._others(node, m.name), extra[0]
        )
        return top_in, outputs[top_out].name

    def _weights(self) -> int:
        whole = len(self.machine.levels(WEIGHTS)) - 1
        return whole if self.near.is_first or self.levels.weights is None else self.levels.weights

    # -- nodes ----------------------------------------------------------------------------------------------------

    def _input(self, node: GraphNode, kept: tuple[CopyAction, ...]) -> Step:
        bits = self.tile.bits_out(node)
        levels = self.machine.levels(INPUTS)
        top = levels[self._top(INPUTS, lambda m: bits + self._others(node, m.name), 0)].name
        self.stored[node.id] = top
        arriving = self._copy("input", bits, Place(INPUTS, levels[-1].name), Place(INPUTS, top))
        tops = {"I": None, "O": top, "W": None}
        return Step(
            node.id, node.label, self.tile.sizes(node), tops, (0, 0), CopyBundle((*kept, *arriving)), None, None
        )

    def _layer(self, node: GraphNode, kept: tuple[CopyAction, ...]) -> Step:
        sizes = self.tile.sizes(node)
        weights = self.machine.levels(WEIGHTS)[self._weights()].name if node.weights else None
        if not prod(sizes.values()):
            top_in, top_out = self._tops(node, (0, 0))
            self.stored[node.id] = top_out
            tops = {"I": top_in, "O": top_out, "W": weights}
            return Step(node.id, node.label, sizes, tops, (0, 0), CopyBundle(kept), None, None)
        layer = node.layer.resized(sizes)
        top_in, top_out, extra, found = self._fit(node, layer, weights)
        self.stored[node.id] = top_out
        before = CopyBundle((*kept, *self._arrivals(node, top_in)))
        tops = {"I": top_in, "O": top_out, "W": weights}
        return Step(node.id, node.label, sizes, tops, extra, before, found, layer)

    def _fit(
        self, node: GraphNode, layer: ZigzagLayer, weights: str | None
    ) -> tuple[str, str, tuple[int, int], Found | None]:
        """Top memories of inputs and output with the fewest extra levels for which a mapping exists."""
        reason = ""
        for extra in _retries(len(self.machine.levels(OUTPUTS)), len(self.machine.levels(INPUTS))):
            top_in, top_out = self._tops(node, extra)
            found = self._find(node, layer, top_in, top_out, weights)
            if found is None or found.fits:
                return top_in, top_out, extra, found
            reason = found.reason or "no mapping fits"
        sizes = " ".join(f"{d}={n}" for d, n in layer.loops)
        raise DoesNotFitError(f"layer {node.id} ({sizes}) fits in no memory of '{self.machine.name}': {reason}")

    def _find(
        self, node: GraphNode, layer: ZigzagLayer, top_in: str, top_out: str, weights: str | None
    ) -> Found | None:
        if self.evaluate is None:
            return None
        tops = [(INPUTS, top_in), (OUTPUTS, top_out)]
        if weights is not None:
            tops.append((WEIGHTS, weights))
        if len(node.feeds) == 2:
            # Both inputs are activations: the second one gets a name of its own for the same memories.
            layer = layer.relinked({node.feeds[1].operand: WEIGHTS})
        return self.evaluate(layer, self.machine, tuple(tops))

    # -- copies ---------------------------------------------------------------------------------------------------

    def _copy(self, what: str, bits: int, source: Place, target: Place) -> tuple[CopyAction, ...]:
        action = copy(self.machine, what, bits, source, target, self.rules)
        return () if action is None else (action,)

    def _arrivals(self, node: GraphNode, top_in: str) -> Iterator[CopyAction]:
        """New data from where its producer left it, then cached columns and rows."""
        kept = {m.name for m in self.machine.levels(INPUTS)[: self.machine.level(INPUTS, top_in) + 1]}
        target = Place(INPUTS, top_in)
        for feed in node.feeds:
            producer = self.graph[feed.producer]
            where = self.stored[feed.producer]
            moves = where not in kept if producer.is_input else where != top_in
            if moves:
                yield from self._copy("output to input", self.tile.bits_out(producer), Place(OUTPUTS, where), target)
            yield from self._cached(node, feed, target)

    def _cached(self, node: GraphNode, feed: Feed, target: Place) -> Iterator[CopyAction]:
        extents = self.tile.tensor(node, feed)
        x, y = feed.reach("x").axis, feed.reach("y").axis
        if not (x and y):
            return
        edge = (node.id, feed.operand)
        wide = self.tile.x.overlap[edge] if self.near.use_h is not None else 0
        high = self.tile.y.overlap[edge] if self.near.use_v is not None else 0
        bits = node.layer.output.bits
        if self.near.use_h is not None:
            columns = prod((extents | {x: wide}).values()) * bits
            source = Place(INPUTS, self._cache(self.near.use_h))
            yield from self._copy("columns", columns, source, target)
        if self.near.use_v is not None:
            rows = prod((extents | {x: extents[x] - wide, y: high}).values()) * bits
            yield from self._copy("rows", rows, Place(INPUTS, self._cache(self.near.use_v)), target)

    def _cache(self, level: int) -> str:
        return self.machine.levels(OUTPUTS)[level].name

    def _keep(self, node: GraphNode) -> Iterator[CopyAction]:
        """What a node that has run leaves for later tiles, and for later stacks."""
        if node.is_input and self.rules.input_caching_is_free:
            return
        operand = INPUTS if node.is_input else OUTPUTS
        top = self.stored[node.id]
        rows = 0
        if self.near.make_v is not None and self._cache(self.near.make_v) != top:
            bits = written_bits(self.tile, node, "y")
            rows = min(self.tile.y.width.get(node.id, 0), self.tile.y.out[node.id])
            yield from self._copy("keep rows", bits, Place(operand, top), Place(operand, self._cache(self.near.make_v)))
        if self.near.make_h is not None and self._cache(self.near.make_h) != top:
            sizes = self.tile.sizes(node)
            width = min(self.tile.x.width.get(node.id, 0), self.tile.x.out[node.id])
            sizes |= {node.dim("x"): width, node.dim("y"): sizes.get(node.dim("y"), 1) - rows}
            bits = prod(sizes[d] for d in node.layer.output.axes if d in sizes) * node.layer.output.bits
            yield from self._copy(
                "keep columns", bits, Place(operand, top), Place(operand, self._cache(self.near.make_h))
            )
        if node.id in self.stack.spilled:
            highest = Place(OUTPUTS, self.machine.levels(OUTPUTS)[-1].name)
            yield from self._copy("spill", self.tile.bits_out(node), Place(operand, top), highest)


def _retries(outputs: int, inputs: int) -> Iterator[tuple[int, int]]:
    """(levels added for the output, for the inputs): (0,0) (1,0) (0,1) (1,1) (2,1) (1,2) (2,2) ... to all levels."""
    out = into = 0
    while out < outputs or into < inputs:
        yield out, into
        if out == into:
            out += 1
        elif out > into:
            out, into = out - 1, into + 1
        else:
            out += 1
