"""What a fused schedule makes of an operator without multiply-accumulates: done in passing, a problem, or neither.

Operators of ONNX by their own names, those of PyTorch by the ONNX operator they stand for (docs/fused.md has the table).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


IN_PLACE = _words(
    """Relu LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid HardSwish Swish Gelu Mish Softplus Softsign
    Tanh Clip Erf Exp Sqrt Neg Abs Sign Floor Ceil Round Sin Cos Not BatchNormalization Dropout Identity Cast CastLike
    QuantizeLinear DequantizeLinear Reciprocal Log Pow Shrink"""
)
"""One tensor in, as many values out, each from its own: done where the tensor is written or read."""

ELEMENTWISE = _words(
    """Add Sub Mul Div Min Max Sum Mean Pow Mod PRelu Where And Or Xor Equal Less Greater LessOrEqual GreaterOrEqual
    BitwiseAnd BitwiseOr BitwiseXor"""
)
"""Several tensors, broadcast against each other; with one tensor and constants of no larger shape, done in passing."""

MIXING = _words(
    """Softmax LogSoftmax Hardmax LayerNormalization RMSNormalization InstanceNormalization GroupNormalization
    LpNormalization MeanVarianceNormalization LRN CumSum"""
)
"""As many values out as in, each from many along some axes: a problem, and those axes stay whole in shared loops."""

REDUCING = _words(
    """ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
    ReduceSumSquare ArgMax ArgMin"""
)
POOLING = _words("MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool")
RESHAPES = _words("Reshape Flatten Squeeze Unsqueeze")
RESIZING = _words("Resize Upsample")
FOLDED = _words("Shape Size Constant ConstantOfShape Range EyeLike")
"""Known before the network runs."""

_TORCH = {
    "add": "Add", "add_": "Add", "sub": "Sub", "rsub": "Sub", "mul": "Mul", "mul_": "Mul", "div": "Div", "pow": "Pow",
    "maximum": "Max", "minimum": "Min", "where": "Where", "masked_fill": "Where", "relu": "Relu", "relu_": "Relu",
    "relu6": "Clip", "hardtanh": "Clip", "hardtanh_": "Clip", "clamp": "Clip", "gelu": "Gelu", "silu": "Swish",
    "silu_": "Swish", "hardswish": "HardSwish", "hardswish_": "HardSwish", "hardsigmoid": "HardSigmoid",
    "sigmoid": "Sigmoid", "tanh": "Tanh", "exp": "Exp", "sqrt": "Sqrt", "rsqrt": "Reciprocal", "reciprocal": "Reciprocal",
    "neg": "Neg", "abs": "Abs", "erf": "Erf", "log": "Log", "sin": "Sin", "cos": "Cos", "leaky_relu": "LeakyRelu",
    "elu": "Elu", "softplus": "Softplus", "mish": "Mish", "batch_norm": "BatchNormalization",
    "_native_batch_norm_legit_no_training": "BatchNormalization", "native_batch_norm": "BatchNormalization",
    "cudnn_batch_norm": "BatchNormalization", "to": "Cast", "_to_copy": "Cast", "type_as": "Cast", "float": "Cast",
    "contiguous": "Identity", "clone": "Identity", "dropout": "Dropout", "softmax": "Softmax", "_softmax": "Softmax",
    "log_softmax": "LogSoftmax", "layer_norm": "LayerNormalization", "native_layer_norm": "LayerNormalization",
    "rms_norm": "RMSNormalization", "group_norm": "GroupNormalization", "instance_norm": "InstanceNormalization",
    "mean": "ReduceMean", "sum": "ReduceSum", "amax": "ReduceMax", "amin": "ReduceMin", "var": "ReduceSumSquare",
    "argmax": "ArgMax", "cumsum": "CumSum", "embedding": "Gather", "cat": "Concat",
    "scaled_dot_product_attention": "Softmax", "adaptive_avg_pool2d": "AveragePool", "max_pool2d": "MaxPool",
    "avg_pool2d": "AveragePool", "bitwise_not": "Not", "logical_not": "Not", "logical_and": "And",
}  # fmt: skip


def kind_of(operator: str) -> str:
    """The ONNX operator that an operator stands for; its own name where none is known.

    >>> kind_of("aten.add.Tensor"), kind_of("Concat"), kind_of("aten.fft.default")
    ('Add', 'Concat', 'aten.fft.default')
    """
    namespace, _, rest = operator.partition(".")
    if namespace != "aten":
        return operator
    return _TORCH.get(rest.partition(".")[0], operator)
