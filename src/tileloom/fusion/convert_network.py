"""Any of our networks as a graph for depth-first scheduling, padding kept, with what is lost said.

Convolutions, pooling, additions and matrix products become layers; element-wise work on one map is free and looked
through; what tiles cannot follow (reshapes, concatenations, ...) is read from the top memory by a stack of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.zigzag.layer import ZigzagLayer, ZigzagOperand
from tileloom.fusion.graph import Feed, Graph, GraphNode, NodeId
from tileloom.workload.frontends.zigzag import make_layer
from tileloom.workload.network import Layer, Network, VectorOp
from tileloom.workload.problem import Axis, Tensor

CONV = "O[b][g][k][oy][ox]=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"
POOL = "O[b][k][oy][ox]=W[fy][fx]*I[b][k][iy][ix]"
ADD = "O[b][k][oy][ox]=X[b][k][oy][ox]+Y[b][k][oy][ox]"
ROWS = "O[b][k][oy][ox]=W[c][k]*I[b][c][oy][ox]"
TWO_MAPS = "O[b][k][oy][ox]=Y[b][c][k]*X[b][c][oy][ox]"
PARTIAL_BITS = 16
"""Width of partial sums where values are narrower, as in DeFiNES's networks."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOOKED_THROUGH = _set(
    """
    Relu LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish Swish Gelu Mish Softplus Softsign
    Clip Tanh Erf Sqrt Exp Neg Abs Identity Dropout Cast BatchNormalization QuantizeLinear DequantizeLinear LRN
    Add Sub Mul Div
    """
)
"""Operators that, with one map as input, change values only."""


@dataclass(frozen=True)
class ConvertedNetwork:
    """pads: (layer, operand) -> padding before the map along x and y;  notes: what is free or lost."""

    graph: Graph
    pads: dict[tuple[NodeId, str], tuple[int, int]]
    notes: tuple[str, ...]


@dataclass
class _Build:
    """What has been converted so far. Lives for one network."""

    network: Network
    nodes: list[GraphNode] = field(default_factory=list)
    pads: dict[tuple[NodeId, str], tuple[int, int]] = field(default_factory=dict)
    maps: dict[str, _Map] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, what: str, name: str) -> None:
        self.notes.setdefault(what, []).append(name)


@dataclass(frozen=True, slots=True)
class _Map:
    """Who makes a tensor; (channels, height, width), 1 where there is none; broken: tiles cannot follow it back."""

    node: NodeId
    channels: int
    height: int
    width: int
    bits: int
    broken: bool = False


def convert_network(network: Network) -> ConvertedNetwork:
    """Raises InputError when nothing is left to schedule, and naming nodes that are not understood."""
    if network.skipped:
        names = ", ".join(f"{s.node} ({s.reason})" for s in network.skipped[:3])
        raise InputError(f"network '{network.name}': {len(network.skipped)} nodes are not understood: {names}")
    if not network.layers:
        raise InputError(f"network '{network.name}' has no layers")
    build = _Build(network)
    for entry in _in_order(network):
        if isinstance(entry, Layer):
            _layer(build, entry)
        else:
            _vector(build, entry)
    graph = _needed(build)
    notes = tuple(f"{what}: {_some(names)}" for what, names in build.notes.items())
    return ConvertedNetwork(graph, build.pads, notes)


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _in_order(network: Network) -> Iterator[Layer | VectorOp]:
    """Layers and vector operations, makers before readers. InputError when they feed each other in a circle."""
    entries: list[Layer | VectorOp] = [*network.layers, *network.vector_ops]
    if not any(e.outputs for e in entries):
        raise InputError(
            f"network '{network.name}' does not say which layer feeds which; depth-first scheduling needs the graph"
        )
    made = {o for e in entries for o in e.outputs}
    done: set[str] = set()
    left = entries
    while left:
        waiting = []
        for entry in left:
            if all(i in done or i not in made for i in entry.inputs):
                done |= set(entry.outputs)
                yield entry
            else:
                waiting.append(entry)
        if len(waiting) == len(left):
            raise InputError(f"network '{network.name}': {[e.name for e in left][:6]} form a cycle or depend on one")
        left = waiting


def _needed(build: _Build) -> Graph:
    """The graph without inputs that nobody reads; its last layer stands last."""
    read = {f.producer for n in build.nodes for f in n.feeds}
    return Graph(build.network.name, tuple(n for n in build.nodes if not n.is_input or n.id in read))


def _source(build: _Build, tensor: str, like: _Map) -> _Map:
    """Who makes a tensor; a tensor that nobody makes is an input of the network with the size that is asked for."""
    found = build.maps.get(tensor)
    if found is not None:
        return found
    sizes = {"B": 1, "K": like.channels, "OY": like.height, "OX": like.width}
    output = ZigzagOperand(
        "O", tuple(sizes), tuple(d for d, n in sizes.items() if n > 1), (), bits=like.bits, partial_bits=like.bits,
        memory_operand="I1", is_output=True,
    )  # fmt: skip
    name = tensor or f"input of {build.network.name}"
    build.nodes.append(GraphNode(name, ZigzagLayer(name, tuple(sizes.items()), (output,), kind="input")))
    build.maps[tensor] = _Map(name, like.channels, like.height, like.width, like.bits)
    return build.maps[tensor]


def _feed(operand: str, source: _Map, like: _Map, renamed: Mapping[str, str]) -> Feed:
    """A feed whose sizes must agree; where they do not, tiles cannot follow the data."""
    same = (source.channels, source.height, source.width) == (like.channels, like.height, like.width)
    broken = source.broken or not same
    return Feed(operand, source.node, tuple(renamed.items()), broken=broken, stored=(like.width, like.height))


def _put(build: _Build, name: str, tensor: str, layer: ZigzagLayer, feeds: tuple[Feed, ...], made: _Map) -> None:
    build.nodes.append(GraphNode(name, layer, feeds))
    build.maps[tensor] = made


def _layer(build: _Build, layer: Layer) -> None:
    """A convolution or a matrix product. InputError for other work."""
    problem = layer.problem
    try:
        (_conv if problem.op in ("conv2d", "conv1d") else _product)(build, layer)
    except UnsupportedError as error:
        raise InputError(
            f"network '{build.network.name}': layer '{layer.name}' ({problem.equation}): {error}"
        ) from error


def _conv(build: _Build, layer: Layer) -> None:
    problem = layer.problem
    e = problem.extents
    data, weight, output = problem.tensor("I"), problem.tensor("W"), problem.output
    y, x = _axis(data, "P"), _axis(data, "Q")
    steps = {d: c for axis in (y, x) if axis for d, c in axis.terms}
    sizes = {
        "B": e.get("N", 1), "G": e.get("G", 1), "K": e["K"], "C": e["C"], "OY": e.get("P", 1), "OX": e.get("Q", 1),
        "FY": e.get("R", 1), "FX": e.get("S", 1),
    }  # fmt: skip
    relations = [
        f"ix={steps.get('Q', 1)}*ox+{steps.get('S', 1)}*fx",
        f"iy={steps.get('P', 1)}*oy+{steps.get('R', 1)}*fy",
    ]
    made = make_layer(
        layer.name, CONV, relations, sizes, _bits(output, W=weight.bits, I=data.bits), kind=layer.operator
    )
    like = _Map("", sizes["G"] * sizes["C"], _stored(y, e), _stored(x, e), data.bits)
    source = _source(build, layer.inputs[0], like)
    channels = {"G": "K"} if sizes["G"] > 1 else {"C": "K"}
    feed = _feed("I", source, like, {"IX": "OX", "IY": "OY", **channels})
    build.pads[layer.name, "I"] = (x.pad_lo if x else 0, y.pad_lo if y else 0)
    result = _Map(layer.name, sizes["G"] * sizes["K"], sizes["OY"], sizes["OX"], output.bits)
    _put(build, layer.name, layer.outputs[0], made, (feed,), result)


def _axis(tensor: Tensor, dim: str) -> Axis | None:
    return next((a for a in tensor.axes if any(d == dim for d, _ in a.terms)), None)


def _stored(axis: Axis | None, extents: Mapping[str, int]) -> int:
    """Positions of the map that exist, those that nobody reads included."""
    if axis is None:
        return 1
    return (axis.extent or axis.span(extents)) - axis.pad_lo - axis.pad_hi


def _product(build: _Build, layer: Layer) -> None:
    """A matrix product: rows are tiled along x. Two maps: the second one is read whole by every tile."""
    problem = layer.problem
    e = problem.extents
    if problem.op != "matmul" or not {"M", "N", "K"} <= set(e):
        raise UnsupportedError("only convolutions, matrix products, pooling and additions can be scheduled depth-first")
    batch = problem.macs // (e["M"] * e["N"] * e["K"])
    sizes = {"B": batch, "K": e["N"], "C": e["K"], "OY": 1, "OX": e["M"]}
    data, other, output = problem.tensor("I"), problem.tensor("W"), problem.output
    rows = "M" in data.dims
    if not rows:
        sizes |= {"K": e["M"], "OX": e["N"]}
    two = len(layer.inputs) > 1
    bits = _bits(output, W=other.bits, I=data.bits, X=data.bits, Y=other.bits)
    made = make_layer(layer.name, TWO_MAPS if two else ROWS, (), sizes, bits, kind=layer.operator)
    like = _Map("", sizes["C"] * (batch if two else 1), 1, sizes["OX"], data.bits)
    source = _source(build, layer.inputs[0], like)
    first = _feed("X" if two else "I", source, like, {"OX": "OX", "OY": "OY", "C": "K"})
    feeds: tuple[Feed, ...] = (first,)
    if two:
        shape = _Map("", sizes["K"] * batch, 1, sizes["C"], other.bits)
        second = _source(build, layer.inputs[1], shape)
        feeds = (first, Feed("Y", second.node, (("C", "OX"), ("K", "K")), broken=True, stored=(1, 1)))
    result = _Map(layer.name, sizes["K"] * (batch if two else 1), 1, sizes["OX"], output.bits)
    _put(build, layer.name, layer.outputs[0], made, feeds, result)


def _bits(output: Tensor, **inputs: int) -> dict[str, int]:
    return {"O": max(PARTIAL_BITS, output.bits), "O_final": output.bits, **inputs}


def _vector(build: _Build, op: VectorOp) -> None:
    """Pooling and additions are layers; work on one map is looked through; anything else breaks the stack."""
    sources = [build.maps[i] for i in op.inputs if i in build.maps]
    if not op.outputs or not sources:
        return
    shape = _planes(op)
    if op.window is not None and shape and len(op.window.kernel) <= 2:
        _pool(build, op, sources[0], shape)
    elif op.operator == "Add" and len(sources) == 2 and shape and all(_same_shape(s, shape) for s in sources):
        _add(build, op, sources, shape)
    elif op.elements == 0 and _flat(sources[0]):
        build.maps[op.outputs[0]] = sources[0]
    elif op.operator in LOOKED_THROUGH and (not shape or _same_shape(sources[0], shape)):
        more = "" if len(sources) == 1 else " of two maps; the second one is not read"
        build.note(f"taken to be free: {op.operator}{more}", op.name)
        build.maps[op.outputs[0]] = sources[0]
    else:
        build.note(f"{op.operator} is not costed; its result is read from the top memory", op.name)
        channels, height, width = shape or (sources[0].channels, sources[0].height, sources[0].width)
        made = _Map(sources[0].node, channels, height, width, sources[0].bits, broken=True)
        build.maps.update(dict.fromkeys(op.outputs, made))


def _planes(op: VectorOp) -> tuple[int, int, int] | None:
    """(channels, height, width) of a result of shape [N, C], [N, C, W] or [N, C, H, W]."""
    shape = op.shape[1:]
    if not 1 <= len(shape) <= 3:
        return None
    return (shape[0], shape[1] if len(shape) == 3 else 1, shape[-1] if len(shape) > 1 else 1)


def _same_shape(source: _Map, shape: tuple[int, int, int]) -> bool:
    return not source.broken and (source.channels, source.height, source.width) == shape


def _flat(source: _Map) -> bool:
    """A map of single positions is the same vector however it is shaped."""
    return source.height == source.width == 1 and not source.broken


def _pool(build: _Build, op: VectorOp, source: _Map, shape: tuple[int, int, int]) -> None:
    assert op.window is not None
    ky, kx = (1, *op.window.kernel)[-2:]
    sy, sx = (1, *op.window.strides)[-2:]
    py, px = (0, *op.window.pads)[-2:]
    channels, height, width = shape
    sizes = {"B": 1, "K": channels, "OY": height, "OX": width, "FY": ky, "FX": kx}
    bits = {"O": max(PARTIAL_BITS, source.bits), "O_final": source.bits, "W": 0, "I": source.bits}
    layer = make_layer(op.name, POOL, [f"ix={sx}*ox+1*fx", f"iy={sy}*oy+1*fy"], sizes, bits, kind=op.operator)
    renamed = (("IX", "OX"), ("IY", "OY"), ("K", "K"))
    feed = Feed("I", source.node, renamed, broken=source.broken, stored=(source.width, source.height))
    build.pads[op.name, "I"] = (px, py)
    _put(build, op.name, op.outputs[0], layer, (feed,), _Map(op.name, channels, height, width, source.bits))


def _add(build: _Build, op: VectorOp, sources: list[_Map], shape: tuple[int, int, int]) -> None:
    channels, height, width = shape
    bits = max(s.bits for s in sources)
    given = {"O": max(PARTIAL_BITS, bits), "O_final": bits, "X": sources[0].bits, "Y": sources[1].bits}
    sizes = {"B": 1, "K": channels, "OY": height, "OX": width}
    links = {"O": "O", "X": "I1", "Y": "I1"}
    layer = make_layer(op.name, ADD, (), sizes, given, links, kind=op.operator)
    same = (("OX", "OX"), ("OY", "OY"), ("K", "K"))
    feeds = tuple(Feed(o, s.node, same, stored=(width, height)) for o, s in zip("XY", sources))
    _put(build, op.name, op.outputs[0], layer, feeds, _Map(op.name, channels, height, width, bits))
