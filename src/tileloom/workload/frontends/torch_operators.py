"""What each ATen operator means: neutral nodes for a recorded call. Needs no torch.

A `Call` is one line of an exported graph with its arguments as plain values; how it is recorded is torch_graph.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.nodes import (
    AnyNode,
    Einsum,
    MatMul,
    Product,
    TensorFacts,
    Unread,
    Vector,
    Window,
    words,
)
from tileloom.workload.frontends.torch_moves import Arguments, mixed_axes, move_of, pooling_window


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor by name."""

    name: str


@dataclass(frozen=True)
class Call:
    """operator: 'aten.conv2d.padding';  args, kwargs: numbers, text, lists, None and `Ref`;  outputs: names."""

    name: str
    operator: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()


Tensors = dict[str, TensorFacts]
Converter = Callable[[Call, Tensors], list[AnyNode]]

VIEWS = words(
    """view reshape _unsafe_view unsqueeze squeeze expand expand_as permute transpose t numpy_T slice select alias detach
    detach_ unbind split split_with_sizes chunk flatten unflatten dropout dropout_ feature_dropout alpha_dropout
    lift_fresh_copy lift_fresh view_as diagonal movedim swapaxes narrow unfold_copy as_strided sym_size sym_numel
    sym_stride _shape_as_tensor _assert_async _assert_tensor_metadata _assert_scalar sym_constrain_range_for_size
    unsafe_split unsafe_chunk positive conj real ravel item _local_scalar_dense adjoint mT mH tensor_split"""
)
"""Renaming of data: 0 elements."""

REFUSED = {
    **dict.fromkeys(
        words("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell _thnn_fused_lstm_cell"),
        "a recurrent operator: write its steps out as matrix products",
    ),
    **dict.fromkeys(
        words("_grouped_mm _scaled_grouped_mm _scaled_mm"), "sizes of its groups depend on data (mixture of experts)"
    ),
    **dict.fromkeys(
        words(
            """bilinear _trilinear cdist _cdist_forward conv_tbc linalg_inv linalg_solve linalg_lu linalg_qr linalg_svd
            linalg_eigh linalg_cholesky cholesky_inverse triangular_solve matrix_exp linalg_matrix_power stft istft fft_fft
            fft_ifft fft_rfft fft_irfft fft_fft2 fft_rfft2 fft_irfft2 fft_fftn fft_rfftn _fft_r2c _fft_c2r _fft_c2c
            _native_multi_head_attention _transformer_encoder_layer_fwd deform_conv2d convolution_backward
            scaled_dot_product_attention_backward _embedding_bag embedding_bag"""
        ),
        "no converter for it here; write it as matrix products, convolutions or einsums",
    ),
}


def nodes_of(calls: Sequence[Call], tensors: Tensors) -> list[AnyNode]:
    """The neutral nodes of a list of calls. `tensors` gets the intermediate tensors that composite operators have."""
    found: list[AnyNode] = []
    for call in calls:
        try:
            found += _converted(call, tensors)
        except (InputError, UnsupportedError, IndexError, TypeError, ValueError) as fault:
            found.append(_unread(call, str(fault) or "its arguments are not understood"))
    return found


def _converted(call: Call, tensors: Tensors) -> list[AnyNode]:
    namespace, _, rest = call.operator.partition(".")
    operator = rest.partition(".")[0]
    if namespace != "aten":
        return [_unread(call, f"operator '{call.operator}' is not one of ATen's; only those are read")]
    if operator in CONVERTERS:
        return CONVERTERS[operator](call, tensors)
    if operator in REFUSED:
        return [_unread(call, REFUSED[operator])]
    return [_described(call, operator, tensors)]


def _described(call: Call, operator: str, tensors: Tensors) -> Vector:
    """Vector work, with what it does to the places of values."""
    found = Arguments(call.args, call.kwargs, call.outputs, tensors)
    return replace(
        _vector(call, 0 if operator in VIEWS else None),
        move=move_of(operator, found),
        axes=mixed_axes(operator, found),
        window=pooling_window(operator, found),
    )


def _unread(call: Call, reason: str) -> Unread:
    return Unread(name=call.name, operator=call.operator, inputs=_names(call.args), outputs=call.outputs, reason=reason)


def _vector(call: Call, elements: int | None) -> Vector:
    inputs = _names((*call.args, *call.kwargs.values()))
    return Vector(name=call.name, operator=call.operator, inputs=inputs, outputs=call.outputs, elements=elements)


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    """Every tensor among the arguments, lists looked into."""
    found: list[str] = []
    for value in values:
        if isinstance(value, Ref):
            found.append(value.name)
        elif isinstance(value, list | tuple):
            found += _names(value)
    return tuple(found)


def _argument(call: Call, position: int, name: str, default: Any = None) -> Any:
    return call.args[position] if len(call.args) > position else call.kwargs.get(name, default)


def _tensor(call: Call, position: int, name: str) -> str:
    value = _argument(call, position, name)
    if not isinstance(value, Ref):
        raise InputError(f"argument '{name}' of {call.operator} is no tensor")
    return value.name


def _shape(tensors: Tensors, name: str) -> tuple[int, ...]:
    facts = tensors.get(name)
    if facts is None or None in facts.shape:
        raise UnsupportedError(f"E-DYN: tensor '{name}' has no static shape; export with sizes that are fixed")
    return tuple(d for d in facts.shape if d is not None)


def _matmul(call: Call, tensors: Tensors, at: int = 0) -> list[AnyNode]:
    inputs = tuple(_tensor(call, at + i, n) for i, n in enumerate(("self", "other")))
    return [MatMul(name=call.name, operator=call.operator, inputs=inputs, outputs=call.outputs)]


def _matmul_added(call: Call, tensors: Tensors) -> list[AnyNode]:
    """addmm, baddbmm: the first argument is added to the product of the next two."""
    return _matmul(call, tensors, at=1)


def _dot(call: Call, tensors: Tensors) -> list[AnyNode]:
    inputs = (_tensor(call, 0, "self"), _tensor(call, 1, "tensor"))
    return [Einsum(name=call.name, operator=call.operator, inputs=inputs, outputs=call.outputs, equation="k,k->")]


def _linear(call: Call, tensors: Tensors) -> list[AnyNode]:
    data, weight = _tensor(call, 0, "input"), _tensor(call, 1, "weight")
    rows, kernel = _shape(tensors, data), _shape(tensors, weight)
    labels = [f"m{i}" for i in range(len(rows) - 1)]
    extents = dict(zip(labels, rows)) | {"k": rows[-1], "n": kernel[0]}
    if kernel[-1] != rows[-1] or len(kernel) != 2:
        raise InputError(f"input {list(rows)} does not fit weights {list(kernel)}")
    product = Product(
        name=call.name, operator=call.operator, inputs=(data, weight), outputs=call.outputs,
        labels=([*labels, "k"], ["n", "k"], [*labels, "n"]), extents=extents, merge=True,
    )  # fmt: skip
    return [product]


def _einsum(call: Call, tensors: Tensors) -> list[AnyNode]:
    equation = str(_argument(call, 0, "equation")).replace(" ", "")
    inputs = _names([_argument(call, 1, "tensors")])
    if len(inputs) == 1:
        return [_vector(call, None)]
    return [Einsum(name=call.name, operator=call.operator, inputs=inputs, outputs=call.outputs, equation=equation)]


def _attention(call: Call, tensors: Tensors) -> list[AnyNode]:
    """scaled_dot_product_attention: scores, softmax, context. Masked positions are computed, as in the plain formula."""
    query, key, value = (_tensor(call, i, n) for i, n in enumerate(("query", "key", "value")))
    q, k, v = (_shape(tensors, t) for t in (query, key, value))
    if not (len(q) == len(k) == len(v) and len(q) >= 3 and q[-1] == k[-1] and k[-2] == v[-2]):
        raise InputError(f"query {list(q)}, key {list(k)} and value {list(v)} do not fit")
    heads = [f"b{i}" for i in range(len(q) - 2)]
    extents = dict(zip(heads, q)) | {"m": q[-2], "n": k[-2], "e": q[-1], "f": v[-1]}
    grouped = heads
    if len(q) >= 4 and q[-3] != k[-3] and k[-3] > 0 and q[-3] % k[-3] == 0 and _argument(call, 7, "enable_gqa", False):
        # Several query heads share one head of keys and values.
        grouped, heads = heads[:], [*heads, "g"]
        extents |= {grouped[-1]: k[-3], "g": q[-3] // k[-3]}
    for sizes in (k, v):
        wrong = [d for d, size in zip(grouped, sizes) if size not in (extents[d], 1)]
        if wrong:
            raise InputError(f"query {list(q)}, key {list(k)} and value {list(v)} do not broadcast")
    of_key = [d for d, size in zip(grouped, k) if size == extents[d]]
    of_value = [d for d, size in zip(grouped, v) if size == extents[d]]
    scores, weights = f"{call.outputs[0]}.scores", f"{call.outputs[0]}.weights"
    facts = TensorFacts((*q[:-1], k[-2]), tensors[query].bits)
    tensors[scores] = tensors[weights] = facts
    common: dict[str, Any] = {"operator": call.operator, "extents": extents, "merge": True}
    return [
        Product(
            name=f"{call.name}.scores", inputs=(query, key), outputs=(scores,),
            labels=([*heads, "m", "e"], [*of_key, "n", "e"], [*heads, "m", "n"]), **common,
        ),
        Vector(
            name=f"{call.name}.softmax", operator="aten.softmax.int", inputs=(scores,), outputs=(weights,),
            axes=(len(q) - 1,),
        ),
        Product(
            name=f"{call.name}.context", inputs=(weights, value), outputs=call.outputs,
            labels=([*heads, "m", "n"], [*of_value, "n", "f"], [*heads, "m", "f"]), **common,
        ),
    ]  # fmt: skip


def _conv(call: Call, tensors: Tensors) -> list[AnyNode]:
    """conv1d, conv2d, conv3d: input, weight, bias, stride, padding, dilation, groups."""
    weight = _shape(tensors, _tensor(call, 1, "weight"))
    rank = len(weight) - 2
    dilation = _many(_argument(call, 5, "dilation", 1), rank)
    padding = _argument(call, 4, "padding", 0)
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, weight[2:])]
        pad = (*(t // 2 for t in totals), *(t - t // 2 for t in totals))
    else:
        pad = _many(0 if padding == "valid" else padding, rank) * 2
    return _window(call, tensors, rank, pad, dilation, _argument(call, 6, "groups", 1))


def _conv_transpose(call: Call, tensors: Tensors) -> list[AnyNode]:
    """conv_transpose*d: input, weight, bias, stride, padding, output_padding, groups, dilation."""
    rank = len(_shape(tensors, _tensor(call, 1, "weight"))) - 2
    dilation = _many(_argument(call, 7, "dilation", 1), rank)
    extra = _many(_argument(call, 5, "output_padding", 0), rank)
    pad = _many(_argument(call, 4, "padding", 0), rank) * 2
    return _window(call, tensors, rank, pad, dilation, _argument(call, 6, "groups", 1), extra)


def _convolution(call: Call, tensors: Tensors) -> list[AnyNode]:
    """convolution: input, weight, bias, stride, padding, dilation, transposed, output_padding, groups."""
    rank = len(_shape(tensors, _tensor(call, 1, "weight"))) - 2
    dilation, pad = _many(_argument(call, 5, "dilation", 1), rank), _many(_argument(call, 4, "padding", 0), rank) * 2
    extra = _many(_argument(call, 7, "output_padding", 0), rank) if _argument(call, 6, "transposed", False) else None
    return _window(call, tensors, rank, pad, dilation, _argument(call, 8, "groups", 1), extra)


def _window(
    call: Call,
    tensors: Tensors,
    rank: int,
    pad: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
    extra: tuple[int, ...] | None = None,
) -> list[AnyNode]:
    data, weight = _tensor(call, 0, "input"), _tensor(call, 1, "weight")
    digits = "".join(map(str, range(rank)))
    batch = "b" if len(_shape(tensors, data)) == rank + 2 else ""
    kernel = f"{'oi' if extra is None else 'io'}{digits}"
    node = Window(
        name=call.name, operator=call.operator, inputs=(data, weight), outputs=call.outputs,
        layouts=(f"{batch}f{digits}", kernel, f"{batch}f{digits}"), stride=_many(_argument(call, 3, "stride", 1), rank),
        dilation=dilation, pad=pad, groups=int(groups), transposed=extra is not None, output_padding=extra or (),
    )  # fmt: skip
    return [node]


def _many(value: Any, count: int) -> tuple[int, ...]:
    """One number per axis, from one number or a list of one or all."""
    values = (value,) if isinstance(value, int) else tuple(value)
    values = values * count if len(values) == 1 else values
    if len(values) != count or not all(isinstance(v, int) for v in values):
        raise InputError(f"{value} where {count} whole numbers are needed")
    return values


def _take_first(call: Call, tensors: Tensors) -> list[AnyNode]:
    """Operators that return more than their result (statistics, masks): work on the first output only."""
    operator = call.operator.split(".")[1]
    return [replace(_described(call, operator, tensors), outputs=call.outputs[:1], elements=None)]


CONVERTERS: dict[str, Converter] = {
    "linear": _linear,
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "linalg_matmul"), _matmul),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv"), _matmul_added),
    **dict.fromkeys(("dot", "vdot", "inner"), _dot),
    "einsum": _einsum,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
    **dict.fromkeys(("convolution", "_convolution"), _convolution),
    **dict.fromkeys(
        (
            "scaled_dot_product_attention",
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
        ),
        _attention,
    ),
    **dict.fromkeys(
        ("native_layer_norm", "native_group_norm", "native_batch_norm", "max_pool2d_with_indices"), _take_first
    ),
}
