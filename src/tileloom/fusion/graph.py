"""A network as depth-first scheduling sees it: layers and inputs in topological order, and how far each reads around.

Built from a `ZigzagNetwork`; nothing is cut into stacks or tiles here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tileloom.core.errors import InputError
from tileloom.cost.models.zigzag.layer import Halo, ZigzagLayer, ZigzagNetwork, ZigzagNode, ZigzagOperand
from tileloom.workload.frontends.zigzag import topological

NodeId = int | str
AXES = ("x", "y")
FIRST_AXES = {"x": "OX", "y": "OY"}
"""The dimensions of the last layer that are tiled: x inner (horizontal), y outer (vertical)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an operand reads along one axis: index = stride * output + dilation * tap - pad.

    axis      the operand's tensor dimension;  halo: None when the output dimension itself indexes the operand
    taps      size of the kernel dimension
    target    the producer's dimension
    pad       positions before the map that hold no data
    An axis without name is that of an operand read whole by every tile; then everything counts as one position.
    """

    axis: str
    halo: Halo | None
    own: str
    stride: int
    dilation: int
    taps: int
    target: str
    pad: int = 0

    def counted(self, outputs: int) -> int:
        """Elements that `outputs` read as DeFiNES counts them: fewer than the span where the stride passes the kernel."""
        if self.halo is None:
            return outputs if self.axis else 1
        return (
            self.halo.extent(outputs, self.taps)
            if self.halo.first == self.own
            else self.halo.extent(self.taps, outputs)
        )

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Half-open interval of the producer's map that outputs [first, last) read, padding included."""
        return self.stride * first - self.pad, self.stride * (last - 1) + self.dilation * (self.taps - 1) - self.pad + 1


@dataclass(frozen=True, slots=True)
class Feed:
    """One data operand of a layer, who makes it, and how it is read.

    renamed   own tensor dim -> the producer's
    broken    tiles cannot follow the data to its producer (a reshape, a concatenation): it must come from another stack
    stored    (x, y) size of the map as it is read, where it is known
    """

    operand: str
    producer: NodeId
    renamed: tuple[tuple[str, str], ...]
    x: Reach | None = None
    y: Reach | None = None
    broken: bool = False
    stored: tuple[int, int] | None = None

    def reach(self, axis: str) -> Reach:
        found = self.x if axis == "x" else self.y
        assert found is not None
        return found


@dataclass(frozen=True)
class GraphNode:
    """id       as in the file; stack inputs are named substack_input_layer_0, ...
    layer    of an input: only an output operand
    tiled    its loop dimensions along x and y
    """

    id: NodeId
    layer: ZigzagLayer
    feeds: tuple[Feed, ...] = ()
    tiled: tuple[str, str] = ("OX", "OY")

    @property
    def is_input(self) -> bool:
        return not self.layer.inputs

    @property
    def label(self) -> str:
        return f"{'InputLayerNode' if self.is_input else 'LayerNode'}_{self.id}"

    def dim(self, axis: str) -> str:
        return self.tiled[AXES.index(axis)]

    @property
    def weights(self) -> tuple[ZigzagOperand, ...]:
        """Operands that no node produces."""
        made = {f.operand for f in self.feeds}
        return tuple(o for o in self.layer.inputs if o.name not in made)

    @cached_property
    def weight_bits(self) -> int:
        return sum(self.layer.elements(o.name) * o.bits for o in self.weights)


@dataclass(frozen=True)
class Graph:
    """nodes in topological order; the last one is the network's (or stack's) output."""

    name: str
    nodes: tuple[GraphNode, ...]

    @cached_property
    def _index(self) -> dict[NodeId, int]:
        return {n.id: i for i, n in enumerate(self.nodes)}

    def __getitem__(self, node: NodeId) -> GraphNode:
        return self.nodes[self._index[node]]

    def __contains__(self, node: NodeId) -> bool:
        return node in self._index

    @property
    def ids(self) -> tuple[NodeId, ...]:
        return tuple(n.id for n in self.nodes)

    @property
    def layers(self) -> tuple[GraphNode, ...]:
        return tuple(n for n in self.nodes if not n.is_input)

    @property
    def end(self) -> GraphNode:
        return self.nodes[-1]

    @cached_property
    def consumers(self) -> dict[NodeId, tuple[tuple[GraphNode, Feed], ...]]:
        """node -> who reads its output, in order; a layer that reads it twice stands there twice."""
        found: dict[NodeId, list[tuple[GraphNode, Feed]]] = {n.id: [] for n in self.nodes}
        for node in self.nodes:
            for feed in node.feeds:
                found[feed.producer].append((node, feed))
        return {k: tuple(v) for k, v in found.items()}

    def successors(self, node: NodeId) -> tuple[NodeId, ...]:
        return tuple(dict.fromkeys(n.id for n, _ in self.consumers[node]))

    def ancestors(self, node: NodeId) -> set[NodeId]:
        """All nodes that the node depends on, without itself."""
        found: set[NodeId] = set()
        open_ = [node]
        while open_:
            for feed in self[open_.pop()].feeds:
                if feed.producer not in found:
                    found.add(feed.producer)
                    open_.append(feed.producer)
        return found

    def resized(self, sizes: Mapping[NodeId, Mapping[str, int]]) -> Graph:
        return replace(
            self,
            nodes=tuple(replace(n, layer=n.layer.resized(sizes[n.id])) if n.id in sizes else n for n in self.nodes),
        )


def read_graph(network: ZigzagNetwork) -> Graph:
    """The network as a graph; `aim` says afterwards what is read along x and y.

    Raises InputError naming every layer that is part of a cycle, reads from an unknown layer, has more than two
    inputs or an operand with several producers, and networks without exactly one output.
    """
    ordered = topological(network.name, network.nodes)
    faults = list(_faults(network))
    if faults:
        raise InputError([f"network '{network.name}': {f}" for f in faults])
    return Graph(network.name, tuple(n for node in ordered for n in _plain_nodes(node)))


Pads = Mapping[tuple[NodeId, str], tuple[int, int]]
"""(layer, operand) -> positions of padding before the map, along x and along y."""


def aim(graph: Graph, pads: Pads) -> Graph:
    """Finds, from the end backwards, which dimension of each node lies along x and y and what is read along it.

    Raises InputError when a layer has no dimension that follows the tiles, or two readers of a map disagree.
    """
    tiled: dict[NodeId, tuple[str, str]] = {graph.end.id: ("OX", "OY")}
    done: list[GraphNode] = []
    for node in reversed(graph.nodes):
        own = tiled.get(node.id, ("OX", "OY"))
        feeds = []
        for feed in node.feeds:
            pad = pads.get((node.id, feed.operand), (0, 0))
            from_outside = graph[feed.producer].is_input
            x, y = (_reach(graph.name, node, feed, d, p, from_outside) for d, p in zip(own, pad))
            target = (x.target, y.target)
            if tiled.setdefault(feed.producer, target) != target:
                raise InputError(
                    f"network '{graph.name}': layers read the map of {feed.producer} along {tiled[feed.producer]} and "
                    f"along {target}; x and y must mean the same to all of them"
                )
            feeds.append(replace(feed, x=x, y=y))
        done.append(replace(node, feeds=tuple(feeds), tiled=own))
    return replace(graph, nodes=tuple(reversed(done)))


def _reach(name: str, node: GraphNode, feed: Feed, own: str, pad: int, from_outside: bool) -> Reach:
    operand = node.layer.operand(feed.operand)
    renamed = dict(feed.renamed)
    for halo in operand.halos:
        if own in (halo.first, halo.second):
            first = halo.first == own
            stride, dilation = (halo.first_step, halo.second_step) if first else (halo.second_step, halo.first_step)
            taps = node.layer.sizes.get(halo.second if first else halo.first, 1)
            return Reach(halo.axis, halo, own, stride, dilation, taps, renamed.get(halo.axis, own), pad)
    if own not in operand.axes and from_outside:
        return Reach("", None, own, 1, 1, 1, own)
    if own not in operand.axes:
        raise InputError(
            f"network '{name}': operand {feed.operand} of layer {node.id} has no dimension that follows {own} "
            f"(it has {list(operand.axes)}); the layer cannot be cut into tiles. Cut the stack before it"
        )
    return Reach(own, None, own, 1, 1, 1, renamed.get(own, own), pad)


USUAL_NAMES = {"IX": "OX", "IY": "OY", "C": "K"}
"""The producer's dimension behind an operand's, in files that do not say it (ZigZag's own workloads)."""


def _plain_nodes(node: ZigzagNode) -> Iterator[GraphNode]:
    """The layer, behind an input node for each data operand that comes from outside without the file saying so."""
    renamed = dict(node.renamed)
    made = {name: ids[0] for name, ids in node.sources if ids}
    feeds = []
    for operand in node.layer.inputs:
        usual = tuple((a, USUAL_NAMES.get(a, a)) for a in operand.axes if a != "B")
        names = renamed.get(operand.name) or usual
        if operand.name in made:
            feeds.append(Feed(operand.name, made[operand.name], names))
        elif operand.memory_operand == "I1" and operand.name not in node.constants:
            source = f"input of layer {node.number}"
            extents = operand.extents(node.layer.sizes)
            yield input_node(source, {to: extents[own] for own, to in names}, operand.bits)
            feeds.append(Feed(operand.name, source, names))
    yield GraphNode(node.number, node.layer, tuple(feeds))


def input_node(name: str, sizes: dict[str, int], bits: int) -> GraphNode:
    """A map that is fetched: its output lies in the memories of inputs."""
    axes = tuple(sizes)
    output = ZigzagOperand("O", axes, axes, (), bits=bits, partial_bits=bits, memory_operand="I1", is_output=True)
    return GraphNode(name, ZigzagLayer(name, tuple(sizes.items()), (output,), kind="input"))


def _faults(network: ZigzagNetwork) -> Iterator[str]:
    known = {n.number for n in network.nodes}
    for node in network.nodes:
        for operand, ids in node.sources:
            if len(ids) > 1:
                yield f"operand {operand} of layer {node.number} has {len(ids)} producers {list(ids)}; one is supported"
            for producer in ids:
                if producer not in known:
                    yield f"operand {operand} of layer {node.number} comes from layer {producer}, which is not there"
        if len(node.layer.inputs) > 2:
            yield f"layer {node.number} has {len(node.layer.inputs)} inputs; at most two are supported"
    read = {p for n in network.nodes for p in n.producers}
    ends = [n.number for n in network.nodes if n.number not in read]
    if len(ends) != 1:
        yield f"{len(ends)} outputs (layers {ends}); depth-first scheduling needs one"
    if ends and next(n for n in network.nodes if n.number == ends[-1]).is_input:
        yield "no layers"
