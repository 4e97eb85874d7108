"""What each ONNX operator means: a problem (`CONVERTERS`), vector work, a renaming of data, or nothing we can map.

Each converter takes (graph, node, name, bits) and returns a `Problem`; faults in a node are InputError or
UnsupportedError with the reason, which the reader turns into a `Skipped`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.broadcast import einsum_of_shapes, matmul_of_shapes
from tileloom.workload.frontends.onnx_model import Graph
from tileloom.workload.layers import DEFAULT_BITS, KERNEL_DIMS, OUTPUT_DIMS, conv_transpose, convolution, matmul
from tileloom.workload.network import Window
from tileloom.workload.problem import Problem, Role, Tensor

FIT = "export the model again so that channels, weights and group agree"
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOVES_NOTHING = _set("Reshape Flatten Identity Squeeze Unsqueeze Shape Size Constant ConstantOfShape Dropout")
"""Renaming of data: counted as 0 elements."""

VECTOR = _set(
    """
    AveragePool MaxPool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool MaxUnpool MaxRoiPool RoiAlign
    Add Sub Mul Div Pow Mod Min Max Sum Mean Neg Abs Sqrt Reciprocal Exp Log Floor Ceil Round Sign Erf Clip
    Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh
    And Or Xor Not Equal Less Greater LessOrEqual GreaterOrEqual Where IsNaN IsInf BitShift
    BitwiseAnd BitwiseOr BitwiseXor BitwiseNot
    Relu LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish Swish Gelu Mish Softplus
    Softsign Shrink Softmax LogSoftmax Hardmax
    BatchNormalization InstanceNormalization LayerNormalization GroupNormalization RMSNormalization
    LpNormalization MeanVarianceNormalization LRN
    ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
    ReduceSumSquare ArgMax ArgMin CumSum TopK
    Transpose Gather GatherElements GatherND Scatter ScatterElements ScatterND Concat Split Slice Pad Expand Tile
    Resize Upsample DepthToSpace SpaceToDepth Trilu OneHot Range EyeLike ReverseSequence Compress CenterCropPad Col2Im
    GridSample AffineGrid NonMaxSuppression Unique NonZero Cast CastLike
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear RotaryEmbedding
    RandomNormal RandomUniform RandomNormalLike RandomUniformLike Bernoulli
    """
)
"""Work without multiply-accumulates that we map: counted by its output elements."""

ATTRIBUTES: dict[str, type] = {
    **dict.fromkeys(("strides", "dilations", "pads", "output_padding", "output_shape", "kernel_shape"), list),
    **dict.fromkeys(("group", "transA", "transB"), int),
    **dict.fromkeys(("auto_pad", "equation"), str),
}


def _conv(graph: Graph, node: Any, name: str, bits: Any, operands: tuple[int, int] = (0, 1)) -> Problem:
    data, weight = (node.input[i] for i in operands)
    x, w = graph.shape(data), graph.shape(weight)
    a = _attributes(node)
    rank, groups = _spatial_rank(x, w, node), a.get("group", 1)
    if groups < 1 or x[1] != w[1] * groups or w[0] % groups:
        raise InputError(f"input has {x[1]} channels, weights {list(w)} with group={groups} do not fit; {FIT}")
    strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    sizes = dict(zip(("D", "H", "W")[3 - rank :], x[2:])) | dict(zip(KERNEL_DIMS[rank], w[2:]))
    _check_windows(rank, strides=strides, dilations=dilations)
    problem = convolution(
        name, rank, N=x[0], G=groups, K=w[0] // groups, C=w[1], stride=strides, dilation=dilations,
        pad=_padding(a, x[2:], w[2:], strides, dilations), **sizes,
    )  # fmt: skip
    return _with_bits(problem, graph, bits, {"I": data, "W": weight, "O": node.output[0]})


def _conv_transpose(graph: Graph, node: Any, name: str, bits: Any) -> Problem:
    x, w = graph.shape(node.input[0]), graph.shape(node.input[1])
    a = _attributes(node)
    rank, groups = _spatial_rank(x, w, node), a.get("group", 1)
    if groups < 1 or x[1] != w[0] or w[0] % groups:
        raise InputError(f"input has {x[1]} channels, weights {list(w)} with group={groups} do not fit; {FIT}")
    strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    extra = a.get("output_padding", [0] * rank)
    _check_windows(rank, strides=strides, dilations=dilations)
    _check_windows(rank, 0, output_padding=extra)
    pads = a.get("pads", [0] * 2 * rank)
    if "output_shape" in a or a.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        out = graph.shape(node.output[0])[2:]
        # The output size is fixed, so the crop follows from it; the odd position goes where auto_pad says.
        full = [s * (i - 1) + e + d * (k - 1) + 1 for i, k, s, d, e in zip(x[2:], w[2:], strides, dilations, extra)]
        pads = _split([f - o for f, o in zip(full, out)], upper=a.get("auto_pad") == "SAME_UPPER")
    problem = conv_transpose(
        name, rank, N=x[0], G=groups, K=w[1], C=w[0] // groups, stride=strides, dilation=dilations, pad=pads,
        output_padding=extra, **dict(zip(OUTPUT_DIMS[rank], x[2:])), **dict(zip(KERNEL_DIMS[rank], w[2:])),
    )  # fmt: skip
    return _with_bits(problem, graph, bits, {"I": node.input[0], "W": node.input[1], "O": node.output[0]})


def _gemm(graph: Graph, node: Any, name: str, bits: Any) -> Problem:
    a, b = graph.shape(node.input[0]), graph.shape(node.input[1])
    attributes = _attributes(node)
    ta, tb = bool(attributes.get("transA", 0)), bool(attributes.get("transB", 0))
    if len(a) != 2 or len(b) != 2:
        raise InputError(f"two matrices are needed, got {list(a)} and {list(b)}")
    (m, k), (k2, n) = (a[::-1] if ta else a), (b[::-1] if tb else b)
    if k != k2:
        raise InputError(f"inner sizes differ: {list(a)} and {list(b)} (transA={int(ta)}, transB={int(tb)})")
    roles = _roles(graph, node.input[0], node.input[1])
    problem = matmul(name, batch=(), M=m, N=n, K=k, transpose_a=ta, transpose_b=tb, roles=roles)
    return _with_bits(problem, graph, bits, _edges(problem, node.input[0], node.input[1], node.output[0]))


def _matmul(graph: Graph, node: Any, name: str, bits: Any, operands: tuple[int, int] = (0, 1)) -> Problem:
    first, second = (node.input[i] for i in operands)
    problem = matmul_of_shapes(name, graph.shape(first), graph.shape(second), _roles(graph, first, second))
    return _with_bits(problem, graph, bits, _edges(problem, first, second, node.output[0]))


def _einsum(graph: Graph, node: Any, name: str, bits: Any) -> Problem | int:
    if len(node.input) == 1:
        # A permutation or a sum of one operand multiplies nothing.
        return graph.elements(node.output[0])
    roles = _roles(graph, node.input[0], node.input[1]) if len(node.input) == 2 else None
    shapes = [graph.shape(i) for i in node.input]
    problem = einsum_of_shapes(name, _attributes(node).get("equation", ""), shapes, roles)
    names = [t.name for t in problem.tensors]
    return _with_bits(problem, graph, bits, dict(zip(names, (*node.input, node.output[0]))))


def _attributes(node: Any) -> dict[str, Any]:
    """The node's attributes that converters read, their types checked; strings decoded."""
    from onnx.helper import get_attribute_value

    found: dict[str, Any] = {}
    for attribute in node.attribute:
        expected = ATTRIBUTES.get(attribute.name)
        if expected is None:
            continue
        value = get_attribute_value(attribute)
        value = value.decode() if isinstance(value, bytes) else value
        strangers = isinstance(value, list) and not all(isinstance(v, int) for v in value)
        if strangers or not isinstance(value, expected):
            raise InputError(f"attribute '{attribute.name}' is {str(value)[:60]!r}; expected {expected.__name__}")
        found[attribute.name] = value
    return found


def pooling_window(graph: Graph, node: Any) -> Window | None:
    """What a pooling node slides over its input; None for other operators and where the file does not say."""
    shape = graph.known_shape(node.input[0]) if node.input else ()
    if node.op_type in ("GlobalAveragePool", "GlobalMaxPool") and len(shape) > 2:
        rank = len(shape) - 2
        return Window(kernel=shape[2:], strides=(1,) * rank, pads=(0,) * rank)
    if node.op_type not in ("AveragePool", "MaxPool") or not shape:
        return None
    a = _attributes(node)
    kernel = a.get("kernel_shape", [])
    rank = len(shape) - 2
    strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    if len(kernel) != rank or len(strides) != rank or max(dilations, default=1) > 1:
        return None
    pads = _padding(a, shape[2:], tuple(kernel), strides, dilations)
    return Window(kernel=tuple(kernel), strides=tuple(strides), pads=tuple(pads[:rank]))


def _spatial_rank(x: tuple[int, ...], w: tuple[int, ...], node: Any) -> int:
    rank = len(x) - 2
    if rank not in OUTPUT_DIMS or len(w) != len(x):
        raise UnsupportedError(
            f"{node.op_type} of shapes {list(x)} and {list(w)}: 1 to 3 spatial axes are supported, alike in both"
        )
    return rank


def _check_windows(rank: int, least: int = 1, **given: list[int]) -> None:
    if bad := [f"{k} {v}" for k, v in given.items() if len(v) != rank or min(v) < least]:
        raise InputError(f"{', '.join(bad)}: expected {rank} numbers of at least {least}")


def _padding(
    a: dict[str, Any], data: tuple[int, ...], kernel: tuple[int, ...], strides: list[int], dilations: list[int]
) -> list[int]:
    """ONNX pads (lows, then highs) with auto_pad resolved; SAME gives ceil(size / stride) outputs."""
    mode = a.get("auto_pad", "NOTSET")
    if mode == "NOTSET":
        return list(a.get("pads", [0] * 2 * len(data)))
    if mode == "VALID":
        return [0] * 2 * len(data)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise InputError(f"auto_pad is '{mode}'; expected NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    total = [max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n) for n, k, s, d in zip(data, kernel, strides, dilations)]
    return _split(total, upper=mode == "SAME_UPPER")


def _split(totals: list[int], upper: bool) -> list[int]:
    """Halves each total; the odd position goes to the end (`upper`) or the beginning."""
    lows = [t // 2 if upper else t - t // 2 for t in totals]
    return lows + [t - low for t, low in zip(totals, lows)]


def _roles(graph: Graph, first: str, second: str) -> tuple[Role, Role]:
    """A constant first operand of an activation is the weight; otherwise the second is, even if it is an activation."""
    constant_first = first in graph.constants and second not in graph.constants
    return ("weight", "input") if constant_first else ("input", "weight")


def _edges(problem: Problem, first: str, second: str, output: str) -> dict[str, str]:
    return dict(zip((t.name for t in problem.tensors), (first, second, output)))


def _with_bits(problem: Problem, graph: Graph, bits: Any, edges: dict[str, str]) -> Problem:
    """`bits` for every tensor, or the width of the element type of the graph tensor it stands for."""

    def width(tensor: Tensor) -> int:
        return graph.bits.get(edges[tensor.name], DEFAULT_BITS) if bits == "as-file" else int(bits)

    return replace(problem, tensors=tuple(replace(t, bits=width(t)) for t in problem.tensors))


def _qlinear_conv(graph: Graph, node: Any, name: str, bits: Any) -> Problem:
    return _conv(graph, node, name, bits, operands=(0, 3))


def _qlinear_matmul(graph: Graph, node: Any, name: str, bits: Any) -> Problem:
    return _matmul(graph, node, name, bits, operands=(0, 3))


CONVERTERS = {
    "Conv": _conv,
    "ConvInteger": _conv,
    "QLinearConv": _qlinear_conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _qlinear_matmul,
    "Einsum": _einsum,
}
