"""A network as a graph to fuse: layers and vector work as problems on common tensors, in execution order.

Nodes are walked once: reshapes, transpositions, slices and joins only say where values of a tensor stand (views.py);
layers and work on values become drafts (drafts.py), which layouts.py spells out. What cannot be said ends a fused
part: its tensors go through the outermost memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.fusion.optimal.drafts import Draft, Store, Stores, match
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.layouts import assemble
from tileloom.fusion.optimal.network_faults import nodes_in_order
from tileloom.fusion.optimal.node_kinds import (
    ELEMENTWISE,
    FOLDED,
    IN_PLACE,
    MIXING,
    POOLING,
    REDUCING,
    RESHAPES,
    RESIZING,
    kind_of,
)
from tileloom.fusion.optimal.node_problems import elementwise, enlarged, lookup, pooling, reduction
from tileloom.fusion.optimal.views import View, padded, part_of, permuted, rejoined, repeated, reshaped
from tileloom.workload.network import Layer, Network, VectorOp
from tileloom.workload.problem import Problem


def graph_of_network(network: Network, architecture: Architecture) -> FusedGraph:
    """The network on one architecture.

    Raises InputError for cycles, names and tensors that appear twice, tensors that nothing writes, axes without
    positions, layers whose inputs do not fit, and a network without any work.
    """
    reader = _Reader(network, architecture)
    reader.read()
    if not reader.drafts:
        raise InputError(
            f"network '{network.name}' has no layer that could be scheduled. {' '.join(reader.all_notes())}"
        )
    return assemble(network.name, reader.drafts, reader.stores, architecture, reader.all_notes())


@dataclass
class _Reader:
    network: Network
    architecture: Architecture
    stores: Stores = field(default_factory=Stores)
    drafts: list[Draft] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    ended: dict[str, list[str]] = field(default_factory=dict)
    joined: list[tuple[str, str]] = field(default_factory=list)

    def read(self) -> None:
        # A transposition that a front end folded into the product before it is still listed.
        made = {t for layer in self.network.layers for t in layer.outputs}
        unread = _unread(self.network)
        for node in nodes_in_order(self.network):
            if isinstance(node, Layer):
                self._layer(node)
            elif (
                made.isdisjoint(node.outputs)
                and node.name not in unread
                and node.outputs
                and node.inputs
                and node.operator not in FOLDED
            ):
                self._vector(node)
        nodes: list[Layer | VectorOp] = [*self.network.layers, *self.network.vector_ops]
        read = {t for n in nodes for t in n.inputs}
        leaving = {t for t in self.views if t not in read} | set(self.network.outputs)
        leaving |= {t for s in self.network.skipped for t in s.inputs}
        for t in leaving & self.views.keys():
            self._root(t).pinned = True

    def all_notes(self) -> list[str]:
        notes = [
            f"{operator} ({_listed(names)}) is not part of a fused schedule: its tensors go through the outermost memory"
            for operator, names in self.ended.items()
        ]
        kept = [n for n, t in self.joined if not self._root(t).pinned]
        outer = [n for n, t in self.joined if self._root(t).pinned]
        if kept:
            verb = "joins" if len(kept) == 1 else "join"
            notes.append(f"what {_listed(kept)} {verb} is held as one tensor from its first part on")
        if outer:
            notes.append(
                f"{_listed(outer)}: joined in the outermost memory, as a part comes from outside, leaves the network or "
                "is read by what is not part of a fused schedule"
            )
        if self.network.skipped:
            names = [s.node for s in self.network.skipped]
            notes.append(f"not understood, and left out: {_listed(names)}")
        return notes

    def _root(self, edge: str) -> Store:
        return self.stores.root(self.views[edge].store)

    def _shape(self, edge: str) -> tuple[int, ...]:
        """The tensor's shape; () where nothing says it (a tensor of one value counts as one)."""
        if edge in self.views:
            return self.views[edge].shape
        return tuple(self.network.shapes.get(edge, ()))

    # -- layers

    def _layer(self, layer: Layer) -> None:
        if not layer.outputs:
            raise InputError(f"layer '{layer.name}' of '{self.network.name}' writes no tensor")
        if layer.count > 1:
            raise InputError(
                f"layer '{layer.name}' runs {layer.count} times: a fused schedule needs each run as a layer"
            )
        problem = without_units(layer.problem).with_name(layer.name)
        activations = [t.name for t in problem.tensors if t.role == "input"]
        weights = [t.name for t in problem.tensors if t.role == "weight"]
        if len(layer.inputs) == len(activations):
            edges = dict(zip(activations, layer.inputs))
        elif len(layer.inputs) == len(activations) + len(weights):
            # Attention: both operands are activations, one of them in the weights' place.
            edges = dict(zip([t.name for t in problem.tensors if not t.is_output], layer.inputs))
        else:
            raise InputError(
                f"layer '{layer.name}' of '{self.network.name}' has {len(activations)} input tensors, but "
                f"{len(layer.inputs)} producers: {', '.join(layer.inputs) or 'none'}"
            )
        self._add(problem, edges, layer.outputs[0], problem.output.bits, is_layer=True)

    def _add(
        self,
        problem: Problem,
        edges: Mapping[str, str],
        output: str,
        bits: int,
        *,
        whole: frozenset[str] = frozenset(),
        is_layer: bool = False,
    ) -> None:
        """Enters a problem; edges: its tensors that are tensors of the network (others are weights)."""
        draft = Draft(problem, dict.fromkeys((t.name for t in problem.tensors), None), whole, is_layer)
        for t in problem.inputs:
            if t.name in edges:
                view = self._given(edges[t.name], draft, t.name)
                draft.views[t.name] = view
                match(draft, t, view)
        shape = tuple(self.network.shapes.get(output, ()))
        view = self.stores.written(draft, len(self.drafts), output, bits, shape)
        draft.views[problem.output.name] = self.views[output] = view
        self.drafts.append(draft)

    def _given(self, edge: str, draft: Draft, tensor: str) -> View:
        """The view of a tensor; one that comes from outside is stored as the file, or its first reader, sees it."""
        if edge not in self.views:
            shape = self.network.shapes.get(edge, ())
            own = draft.problem.tensor(tensor)
            sizes = [n for n in shape if n > 1] or [s.size for s in draft.slots(own)]
            store = self.stores.new(edge, sizes, own.bits)
            store.pinned = True
            self.views[edge] = self.stores.view(store, shape)
        return self.views[edge]

    # -- vector work

    def _vector(self, node: VectorOp) -> None:
        kind = kind_of(node.operator)
        if not (self._moved(node) or self._passed(node, kind) or self._problem(node, kind)):
            for t in node.inputs:
                if t in self.views:
                    self._root(t).pinned = True
            self.ended.setdefault(node.operator, []).append(node.name)

    def _moved(self, node: VectorOp) -> bool:
        """Whether the node only says where values stand; then its outputs are views."""
        move, shapes = node.move, [tuple(self.network.shapes.get(o, ())) for o in node.outputs]
        if move is None and node.operator in RESHAPES and len(node.inputs) == 1 and node.inputs[0] in self.views:
            # Without a shape every reader finds the same values in the same order.
            view = self.views[node.inputs[0]]
            self.views[node.outputs[0]] = reshaped(view, shapes[0]) if prod(shapes[0]) == prod(view.shape) else view
            return True
        if move is None or not all(shapes) or not all(self._known(t) for t in node.inputs):
            return False
        if move.kind == "join":
            return self._join(node, move.axis, shapes[0])
        view = self.views[node.inputs[0]]
        if move.kind == "reshape" and prod(view.shape) == prod(shapes[0]):
            self.views[node.outputs[0]] = reshaped(view, shapes[0])
        elif move.kind == "permute" and sorted(move.order) == list(range(len(view.axes))):
            self.views[node.outputs[0]] = permuted(view, move.order)
        elif move.kind == "part" and len(move.parts) == len(shapes):
            for out, shape, ranges in zip(node.outputs, shapes, move.parts):
                if len(ranges) != len(view.axes) or prod(n for _, n in ranges) != prod(shape):
                    return False
                self.views[out] = reshaped(part_of(view, ranges), shape)
        elif move.kind == "repeat" and len(shapes[0]) >= len(view.axes):
            self.views[node.outputs[0]] = repeated(view, shapes[0])
        elif move.kind == "pad" and len(shapes[0]) == len(view.axes):
            self.views[node.outputs[0]] = padded(view, shapes[0])
        else:
            return False
        return True

    def _known(self, edge: str) -> bool:
        """Enters a tensor from outside the network under its shape; False where that is not known."""
        if edge in self.views:
            return True
        shape = self.network.shapes.get(edge, ())
        if not shape:
            return False
        store = self.stores.new(edge, [n for n in shape if n > 1])
        store.pinned = True
        self.views[edge] = self.stores.view(store, shape)
        return True

    def _join(self, node: VectorOp, axis: int, shape: Sequence[int]) -> bool:
        views = [self.views[t] for t in node.inputs]
        fits = all(len(v.axes) == len(shape) for v in views)
        if not fits or sum(v.shape[axis] for v in views) != shape[axis]:
            return False
        if len(views) == 1:
            self.views[node.outputs[0]] = views[0]
            return True
        if any(v.shape[axis] == prod(v.shape) == 1 for v in views):
            return False
        turned = rejoined(views, axis, shape[axis])
        if turned is not None:
            self.views[node.outputs[0]] = turned
            return True
        joint = self.stores.joined(views, axis, shape, node.outputs[0])
        if joint is None:
            return False
        self.views[node.outputs[0]] = joint
        self.joined.append((node.name, node.outputs[0]))
        return True

    def _passed(self, node: VectorOp, kind: str) -> bool:
        """Whether the values change in their places: then the output is the input."""
        inputs = self._distinct(node)
        if len(inputs) != 1 or kind not in IN_PLACE | ELEMENTWISE:
            return False
        source, shape = inputs[0], self._output_shape(node)
        if not self._known(source):
            # Nothing is known of its shape, so nothing grows.
            if source not in self.views and not shape:
                return False
            store = self.stores.new(source, [n for n in shape if n > 1])
            store.pinned = True
            self.views[source] = self.stores.view(store, shape)
        view = self.views[source]
        if shape and prod(shape) != prod(view.shape):
            return False
        self.views[node.outputs[0]] = reshaped(view, shape) if shape and shape != view.shape else view
        return True

    def _distinct(self, node: VectorOp) -> list[str]:
        """Inputs, those that are one tensor under several names (as x in x * sigmoid(x)) only once."""
        seen: dict[object, str] = {}
        for t in node.inputs:
            view = self.views.get(t)
            seen.setdefault(t if view is None else (view.store, view.axes), t)
        return list(seen.values())

    def _output_shape(self, node: VectorOp) -> tuple[int, ...]:
        return tuple(self.network.shapes.get(node.outputs[0], ())) or node.shape

    def _problem(self, node: VectorOp, kind: str) -> bool:
        shape = self._output_shape(node)
        inputs = self._distinct(node)
        shapes = {t: self._shape(t) or shape for t in inputs}
        if not shape or not all(prod(s) > 1 for s in shapes.values()):
            shapes = {t: s for t, s in shapes.items() if prod(s) > 1}
            inputs = list(shapes)
            if not shape or not inputs:
                return False
        problem: Problem | None = None
        whole: frozenset[str] = frozenset()
        out, first = node.outputs[0], inputs[0]
        if kind in ELEMENTWISE:
            problem = elementwise(node.name, shapes, out, shape)
        elif kind in MIXING and len(inputs) == 1:
            problem = elementwise(node.name, shapes, out, shape)
            axes = node.axes or tuple(range(len(shape)))
            whole = frozenset(f"d{a}" for a in axes if shape[a] > 1)
        elif kind in REDUCING and len(inputs) == 1:
            problem = reduction(node.name, first, shapes[first], node.axes, out)
        elif kind in POOLING and len(inputs) == 1:
            problem = pooling(node, first, shape)
        elif kind in RESIZING and len(inputs) == 1:
            problem = enlarged(node.name, first, shapes[first], out, shape)
        elif kind == "Gather" and len(inputs) == 1:
            problem = lookup(node.name, first, shape, out, "table", shapes[first])
        if problem is None or self.architecture.compute_for(problem) is None:
            return False
        bits = max((self._root(t).bits for t in inputs if t in self.views), default=8)
        self._add(problem, {t: t for t in inputs}, out, bits, whole=whole)
        return True


def _unread(network: Network) -> frozenset[str]:
    """Vector work whose results reach no layer and no output, where the source says what leaves the network."""
    if not network.outputs:
        return frozenset()
    wanted = {*network.outputs, *(t for la in network.layers for t in la.inputs)}
    wanted |= {t for s in network.skipped for t in s.inputs}
    dead = {op.name: op for op in network.vector_ops}
    while True:
        reached = [op for op in dead.values() if not wanted.isdisjoint(op.outputs)]
        if not reached:
            return frozenset(dead)
        for op in reached:
            wanted.update(op.inputs)
            del dead[op.name]


def _listed(names: Sequence[str]) -> str:
    return f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"


def without_units(problem: Problem) -> Problem:
    """The same without dims of extent 1 and axes of one position: a 1x1 convolution reads its input where it writes."""
    kept = tuple(d for d in problem.dims if d.extent > 1)
    names = {d.name for d in kept}
    if not kept:
        return problem
    tensors = tuple(
        replace(
            t,
            axes=tuple(
                replace(axis, terms=tuple((d, c) for d, c in axis.terms if d in names))
                for axis in t.axes
                if any(d in names for d, _ in axis.terms)
            ),
        )
        for t in problem.tensors
    )
    return replace(problem, dims=kept, tensors=tensors)
