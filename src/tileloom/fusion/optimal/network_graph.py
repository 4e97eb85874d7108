"""A network as a graph to fuse: layers and vector work as problems on common tensors, in execution order.

What is done to a tensor on the way without touching its layout (activations, normalisation of inference, reshapes) is
part of its producer and costs nothing, as elsewhere. Additions and other work on two tensors, pooling and softmax are
problems of their own. What cannot be said as one ends a fused part: its tensors go through the outermost memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.workload.network import Layer, Network, VectorOp
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor

IN_PLACE = frozenset(
    [
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Selu",
        "Celu",
        "ThresholdedRelu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Swish",
        "Gelu",
        "Mish",
        "Softplus",
        "Softsign",
        "Tanh",
        "Clip",
        "Erf",
        "Exp",
        "Sqrt",
        "Neg",
        "Abs",
        "BatchNormalization",
        "Dropout",
        "Identity",
        "Cast",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "QuantizeLinear",
        "DequantizeLinear",
        "Reciprocal",
        "Log",
        "Pow",
    ]
)
"""One tensor in, the same values' places out: done as the producer writes."""

ELEMENTWISE = frozenset(["Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean"])
UNARY = frozenset(
    ["Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"]
)
POOLING = frozenset(["MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"])


def graph_of_network(network: Network, architecture: Architecture) -> FusedGraph:
    """The network on one architecture. Raises InputError for a cycle and for a layer without inputs or outputs."""
    reader = _Reader(network, architecture)
    problems = reader.read()
    graph = graph_of_problems(network.name, problems, architecture, pinned=reader.pinned)
    return replace(graph, notes=tuple(reader.notes))


@dataclass
class _Reader:
    network: Network
    architecture: Architecture
    pinned: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    alias: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def read(self) -> list[Problem]:
        found: list[Problem] = []
        ended: dict[str, list[str]] = {}
        for node in _in_order(self.network):
            if isinstance(node, Layer):
                found += self._layer(node)
                continue
            problem = self._vector(node)
            if problem is not None:
                found.append(problem)
            elif node.outputs and node.outputs[0] not in self.alias:
                self.pinned.update(self._name(t) for t in (*node.inputs, *node.outputs))
                ended.setdefault(node.operator, []).append(node.name)
        self.notes += [
            f"{operator} ({names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}) is not part of a fused "
            "schedule: its tensors go through the outermost memory"
            for operator, names in ended.items()
        ]
        return found

    def _name(self, tensor: str) -> str:
        while tensor in self.alias:
            tensor = self.alias[tensor]
        return tensor

    def _layer(self, layer: Layer) -> list[Problem]:
        problem = _without_units(layer.problem)
        activations = [t for t in problem.tensors if t.role == "input"]
        output = problem.output
        if not layer.outputs:
            raise InputError(f"layer '{layer.name}' of '{self.network.name}' writes no tensor")
        weights = [t for t in problem.tensors if t.role == "weight"]
        names = {output.name: layer.outputs[0]}
        given = [self._name(t) for t in layer.inputs]
        if len(given) == len(activations):
            names |= dict(zip((t.name for t in activations), given))
        elif len(given) == len(activations) + len(weights):
            # Attention: both operands are activations, one of them in the weights' place.
            both = [t.name for t in problem.tensors if not t.is_output]
            names |= dict(zip(both, given))
        else:
            raise InputError(
                f"layer '{layer.name}' of '{self.network.name}' has {len(activations)} input tensors, but "
                f"{len(given)} producers: {', '.join(given) or 'none'}"
            )
        for t in weights:
            names.setdefault(t.name, f"{layer.name}.{t.name}")
        if len(set(names.values())) < len(names):
            # One tensor in two places is read twice.
            names = {
                own: f"{edge}" if list(names.values()).index(edge) == k else f"{edge}'"
                for k, (own, edge) in enumerate(names.items())
            }
        renamed = replace(
            problem, name=layer.name, tensors=tuple(replace(t, name=names[t.name]) for t in problem.tensors)
        )
        self.shapes[layer.outputs[0]] = tuple(a.span(problem.extents) for a in output.axes)
        copies = [renamed]
        if layer.count > 1:
            raise InputError(
                f"layer '{layer.name}' runs {layer.count} times: a fused schedule needs each run as a layer"
            )
        return copies

    def _vector(self, node: VectorOp) -> Problem | None:
        if not node.outputs:
            return None
        inputs = [self._name(t) for t in node.inputs]
        out = node.outputs[0]
        if node.operator in IN_PLACE and len(inputs) == 1:
            self.alias[out] = inputs[0]
            return None
        if node.operator in ELEMENTWISE and len(inputs) == 1:
            # A constant operand: scaling, a bias.
            self.alias[out] = inputs[0]
            return None
        shape = tuple(n for n in node.shape if n > 1)
        if not shape or prod(shape) != prod(node.shape):
            return None
        known = [self.shapes.get(t) for t in inputs]
        problem: Problem | None = None
        if node.operator in ELEMENTWISE | UNARY and all(k is None or _same(k, shape) for k in known):
            layout = next((k for k in known if k is not None), shape)
            problem = _elementwise(node.name, layout, list(dict.fromkeys(inputs)), out)
        elif node.operator in POOLING and node.window is not None and len(inputs) == 1:
            problem = _pooling(node, inputs[0])
        if problem is None or self.architecture.compute_for(problem) is None:
            return None
        self.shapes[out] = tuple(a.span(problem.extents) for a in problem.output.axes)
        return problem


def _same(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return one == other


def _in_order(network: Network) -> list[Layer | VectorOp]:
    """Nodes with producers first; InputError with the nodes of a cycle."""
    nodes: list[Layer | VectorOp] = [*network.layers, *network.vector_ops]
    makers = {t: n.name for n in nodes for t in n.outputs}
    place = {n.name: i for i, n in enumerate(nodes)}
    waits = {n.name: {makers[t] for t in n.inputs if t in makers} for n in nodes}
    readers: dict[str, list[str]] = {}
    for name, before in waits.items():
        for b in before:
            readers.setdefault(b, []).append(name)
    ready = [n.name for n in nodes if not waits[n.name]]
    order: list[Layer | VectorOp] = []
    by_name: Mapping[str, Layer | VectorOp] = {n.name: n for n in nodes}
    # Depth first, so that a branch is finished before the next one begins and few tensors are alive at once.
    while ready:
        name = ready.pop(0)
        order.append(by_name[name])
        free = []
        for reader in sorted(readers.get(name, ()), key=lambda n: place[n]):
            waits[reader].discard(name)
            if not waits[reader]:
                free.append(reader)
        ready = [*free, *ready]
    if len(order) < len(nodes):
        left = [n.name for n in nodes if n not in order]
        raise InputError(f"network '{network.name}': {', '.join(left[:6])} wait for each other (a cycle)")
    return order


def _without_units(problem: Problem) -> Problem:
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


def _elementwise(name: str, shape: tuple[int, ...], inputs: Sequence[str], output: str) -> Problem:
    dims = tuple(Dim(f"d{i}", n) for i, n in enumerate(shape))
    axes = tuple(Axis(((d.name, 1),)) for d in dims)
    roles: list[tuple[str, Role]] = [(t, "input") for t in inputs] + [(output, "output")]
    return Problem(name, dims, tuple(Tensor(t, role, axes) for t, role in roles), op="elementwise")


def _pooling(node: VectorOp, source: str) -> Problem | None:
    """Channels times windows; a kernel as large as the map gives one position."""
    window = node.window
    assert window is not None
    shape = node.shape
    spatial = len(window.kernel)
    if len(shape) != 2 + spatial:
        return None
    dims = [Dim("C", shape[0] * shape[1])] if shape[0] * shape[1] > 1 else []
    read = [Axis((("C", 1),))] if dims else []
    written = list(read)
    for i, (out, kernel, stride, pad) in enumerate(zip(shape[2:], window.kernel, window.strides, window.pads)):
        terms = []
        if out > 1:
            dims.append(Dim(f"P{i}", out))
            terms.append((f"P{i}", stride))
            written.append(Axis(((f"P{i}", 1),)))
        if kernel > 1:
            dims.append(Dim(f"R{i}", kernel))
            terms.append((f"R{i}", 1))
        if terms:
            read.append(Axis(tuple(terms), pad_lo=pad))
    if not written:
        return None
    tensors = (Tensor(source, "input", tuple(read)), Tensor(node.outputs[0], "output", tuple(written)))
    return Problem(node.name, tuple(dims), tensors, op="pooling")
