"""Cuts a network into stacks: indivisible units, the fuse depth that the weight memory allows, cuts that a user gives.

A stack is a graph of its own whose inputs lie in the top memory. Tiles are no business of this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from tileloom.core.errors import InputError
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.fusion.geometry import counted_tile
from tileloom.fusion.graph import AXES, FIRST_AXES, Feed, Graph, GraphNode, NodeId, Pads, aim, input_node
from tileloom.fusion.rules import Rules

WEIGHTS, INPUTS, OUTPUTS = "I2", "I1", "O"
"""Memory operands of the machines here."""

Cuts = tuple[NodeId, ...]


@dataclass(frozen=True)
class Stack:
    """Layers that are run tile by tile, with the inputs they need.

    before, after   the cuts around it as they stand in the list of cuts (None at the ends of the network)
    spilled         layers inside whose output later stacks read as well: it is also written to the top memory
    """

    graph: Graph
    before: NodeId | None
    after: NodeId | None
    spilled: tuple[NodeId, ...] = ()

    @property
    def extent(self) -> tuple[int, int]:
        """(x, y) size of the map that is tiled."""
        end = self.graph.end
        return end.layer.sizes.get(end.dim("x"), 1), end.layer.sizes.get(end.dim("y"), 1)

    @property
    def label(self) -> str:
        layers = [n.id for n in self.graph.layers]
        return f"{layers[0]}-{layers[-1]}" if len(layers) > 1 else str(layers[0]) if layers else "input"


def indivisible_units(graph: Graph) -> tuple[tuple[NodeId, ...], ...]:
    """Nodes that one stack must hold together: a chain gives single layers, a branch everything up to its re-join."""
    units: list[list[NodeId]] = [[graph.nodes[0].id]]
    branches = 1
    for node in graph.nodes[1:]:
        branches -= len({f.producer for f in node.feeds}) - 1
        units[-1].append(node.id)
        if branches == 1:
            units.append([])
        branches += len(graph.successors(node.id)) - 1
    return tuple(tuple(u) for u in units if u)


def units_of(graph: Graph, rules: Rules) -> tuple[tuple[NodeId, ...], ...]:
    """What stacks are made of: the original's units, or layers between places where one map alone is still read.

    Layers that cannot be tiled together (quantities that tiles cannot follow, several outputs) stand alone.
    """
    if rules.side_outputs_are_lost:
        return indivisible_units(graph)
    place = {n.id: i for i, n in enumerate(graph.nodes)}
    last_read = {n.id: max((place[r.id] for r, _ in graph.consumers[n.id]), default=-1) for n in graph.nodes}
    units: list[tuple[NodeId, ...]] = []
    open_: list[NodeId] = []
    for i, node in enumerate(graph.nodes):
        if node.is_input:
            continue
        open_.append(node.id)
        if all(last_read[n.id] <= i for n in graph.nodes[:i] if not n.is_input):
            units += [tuple(open_)] if is_stack(graph, open_) else [(n,) for n in open_]
            open_ = []
    return (*units, *((n,) for n in open_))


def is_stack(graph: Graph, layers: Sequence[NodeId]) -> bool:
    """Whether tiles of the last of these layers can be followed through all of them."""
    try:
        _segment(graph, layers, None, None, {})
    except InputError:
        return False
    return True


def weight_capacity(graph: Graph, machine: ZigzagMachine, rules: Rules) -> int:
    """Bits of weights that fit on the chip: the memory below the top one of the weight operand.

    An unrolled memory counts once (quirk Q4) or as often as its instances hold different weights, which is taken from
    the layer of the network where they are fewest.
    """
    levels = machine.levels(WEIGHTS)
    memory = levels[-2] if len(levels) > 1 else levels[-1]
    if rules.one_weight_instance:
        return memory.size_bits
    unserved = {dim for dim, _ in machine.array if dim not in memory.serves}
    distinct = [
        prod(
            size
            for dim, loops in node.layer.spatial
            if dim in unserved
            for loop, size in loops
            for w in node.weights
            if loop not in w.irrelevant
        )
        for node in graph.layers
        if node.weight_bits
    ]
    return memory.size_bits * min(distinct, default=1)


def automatic_cuts(graph: Graph, machine: ZigzagMachine, rules: Rules) -> Cuts:
    """Greedy fuse depth: layers join the stack while their weights fit in the largest on-chip weight memory."""
    capacity = weight_capacity(graph, machine, rules)
    cuts: list[NodeId] = []
    held, last = 0, None
    for unit in units_of(graph, rules):
        bits = sum(graph[n].weight_bits for n in unit)
        if bits > capacity:
            if last is not None and (not cuts or cuts[-1] != last):
                cuts.append(last)
            cuts.extend(unit)
            held = 0
        elif held + bits > capacity:
            assert last is not None
            cuts.append(last)
            held = bits
        else:
            held += bits
        last = unit[-1]
    return tuple(cuts) if rules.side_outputs_are_lost else _proper(graph, cuts, rules)


def single_layer_cuts(graph: Graph) -> Cuts:
    """A cut after every layer: feature maps pass through the top memory."""
    return tuple(n.id for n in graph.layers[:-1])


def shrunk_maps(graph: Graph) -> Graph:
    """The network without padding: every map as large as the layers after it read, seen from the last layer."""
    end = graph.end
    plans = {a: counted_tile(graph, a, end.layer.sizes.get(end.dim(a), 1), use=False, make=False) for a in AXES}
    sizes = {n.id: {n.dim(a): plans[a].out[n.id] for a in AXES if n.dim(a) in n.layer.sizes} for n in graph.nodes}
    return graph.resized(sizes)


def cut(graph: Graph, cuts: Sequence[NodeId], rules: Rules, pads: Pads) -> tuple[Stack, ...]:
    """The stacks between the cuts, in order. Raises InputError for cuts that are not layers or stand twice.

    In the original a stack holds what depends on its first cut and leads to the next one; a map inside it that later
    stacks read as well is lost. Otherwise such a map is written to the top memory (`Stack.spilled`).
    """
    _check(graph, cuts)
    bounds: list[NodeId | None] = [None, *cuts, None]
    stacks = []
    for before, after in pairwise(bounds):
        if before == graph.end.id:
            continue
        if rules.side_outputs_are_lost:
            # The original asks `if cut`, which a cut after layer 0 fails.
            low, high = (before or None, after or None) if rules.cut_zero_is_no_cut else (before, after)
            stacks.append(Stack(_between(graph, low, high, pads), before, after))
        else:
            first = 0 if before is None else graph.ids.index(before) + 1
            last = len(graph.nodes) if after is None else graph.ids.index(after) + 1
            layers = [n.id for n in graph.nodes[first:last] if not n.is_input]
            stacks.append(_segment(graph, layers, before, after, pads))
    return tuple(stacks)


def _check(graph: Graph, cuts: Sequence[NodeId]) -> None:
    faults = [f"there is no layer {c} to cut after; layers are {list(graph.ids)}" for c in cuts if c not in graph]
    places = [graph.ids.index(c) for c in cuts if c in graph]
    if places != sorted(set(places)):
        faults.append(f"cuts {list(cuts)} must stand in the order of the layers, each once")
    if faults:
        raise InputError([f"network '{graph.name}': {f}" for f in faults])


def _proper(graph: Graph, cuts: Sequence[NodeId], rules: Rules) -> Cuts:
    """Without cuts that separate no layers, and with more where the layers between two cuts are no stack."""
    kept = {c for c in cuts if not graph[c].is_input and c != graph.end.id}
    found: list[NodeId] = []
    run: list[tuple[NodeId, ...]] = []
    for unit in units_of(graph, rules):
        layers = [n for u in (*run, unit) for n in u]
        if run and not is_stack(graph, layers):
            found.append(run[-1][-1])
            run = []
        run.append(unit)
        inside = [n for n in unit[:-1] if n in kept]
        if inside or unit[-1] in kept:
            found += [*inside, unit[-1]] if unit[-1] in kept else inside
            run = []
    return tuple(dict.fromkeys(c for c in found if c != graph.end.id))


def _between(graph: Graph, before: NodeId | None, after: NodeId | None, pads: Pads) -> Graph:
    """The original's sub-graph (before, after]: what depends on `before` and leads to `after`."""
    gone = {before, *graph.ancestors(before)} if before is not None else set()
    keep = set(graph.ids) - gone
    if after is not None:
        keep &= {after, *graph.ancestors(after)}
    else:
        keep &= {graph.end.id, *graph.ancestors(graph.end.id)}
    return _stack_graph(graph, [n for n in graph.nodes if n.id in keep], pads)


def _segment(graph: Graph, layers: Sequence[NodeId], before: NodeId | None, after: NodeId | None, pads: Pads) -> Stack:
    """These layers, whatever they depend on. Raises InputError when they are no stack."""
    names = set(layers)
    inside = [graph[n] for n in layers]
    inputs = {f.producer for n in inside for f in n.feeds if f.producer not in names and graph[f.producer].is_input}
    own = {f.producer for n in inside for f in n.feeds if f.producer in inputs and not f.broken}
    stack = _stack_graph(graph, [n for n in graph.nodes if n.id in names or n.id in own], pads)
    faults = [
        f"layer {n.id} needs the whole result of {f.producer}; cut after {f.producer}"
        for n in inside
        for f in n.feeds
        if f.broken and f.producer in names
    ]
    dead = [n.id for n in inside[:-1] if not (set(graph.successors(n.id)) & names)]
    if dead:
        faults.append(f"{dead} do not lead to its last layer {inside[-1].id}; cut where branches have joined")
    if faults:
        raise InputError([f"network '{graph.name}', stack of layers {list(layers)}: {f}" for f in faults])
    spilled = tuple(n.id for n in inside[:-1] if set(graph.successors(n.id)) - names)
    return Stack(stack, before, after, spilled)


def _stack_graph(graph: Graph, kept: Iterable[GraphNode], pads: Pads) -> Graph:
    """The nodes with an input node for each map that comes from elsewhere, and x and y found anew."""
    nodes = list(kept)
    names = {n.id for n in nodes}
    outside = [(n, f) for n in nodes for f in n.feeds if f.producer not in names or f.broken]
    # A map that is read in another shape is another input than the map itself.
    missing = list(dict.fromkeys((f.producer, _shape(n, f) if f.broken else ()) for n, f in outside))
    inputs = [
        _stack_input(
            graph, p, i, [(n, f) for n, f in outside if (f.producer, _shape(n, f) if f.broken else ()) == (p, s)]
        )
        for i, (p, s) in enumerate(missing)
    ]
    new = dict(zip(missing, (n.id for n in inputs)))
    moved = []
    for node in nodes:
        feeds = [
            replace(f, producer=new.get((f.producer, _shape(node, f) if f.broken else ()), f.producer), broken=False)
            for f in node.feeds
        ]
        moved.append(replace(node, feeds=tuple(feeds)))
    return aim(Graph(graph.name, (*inputs, *moved)), pads)


def _shape(node: GraphNode, feed: Feed) -> tuple[object, ...]:
    extents = node.layer.operand(feed.operand).extents(node.layer.sizes)
    return (*feed.renamed, *extents.items(), feed.stored)


def _stack_input(graph: Graph, producer: NodeId, number: int, readers: Iterable[tuple[GraphNode, Feed]]) -> GraphNode:
    """An input in place of a producer: channels the least that a reader has, spatial sizes the most."""
    sizes: dict[str, int] = {}
    bits = 0
    spatial = {graph[producer].dim("x"), graph[producer].dim("y")}
    for node, feed in readers:
        operand = node.layer.operand(feed.operand)
        bits = max(bits, operand.bits)
        renamed = dict(feed.renamed)
        stored = dict(zip(FIRST_AXES.values(), feed.stored)) if feed.stored is not None else {}
        for axis, extent in operand.extents(node.layer.sizes).items():
            if axis in renamed:
                name = renamed[axis]
                own = stored.get(name, extent) if feed.stored is not None and name in spatial else extent
                sizes[name] = (max if name in spatial else min)(sizes.get(name, own), own)
    return input_node(f"substack_input_layer_{number}", sizes, bits)
