"""Constructors of the usual layers: convolutions of one to three dimensions, transposed ones, GEMM, element-wise work.

They only build `Problem` values with the canonical dimension names; shapes read from files are resolved in frontends/.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from tileloom.core.errors import InputError
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor

DEFAULT_BITS = 8
"""Bits per value when nothing else is asked for: the width most accelerators here were published with."""

OUTPUT_DIMS = {1: ("P",), 2: ("P", "Q"), 3: ("Z", "P", "Q")}
"""Output positions by number of spatial axes, slowest first: depth Z, height P, width Q."""
KERNEL_DIMS = {1: ("R",), 2: ("R", "S"), 3: ("T", "R", "S")}
"""Kernel positions, in the order of `OUTPUT_DIMS`: R goes with P, S with Q, T with Z."""

Ints = int | Sequence[int]


def conv1d(name: str = "conv1d", **parameters: object) -> Problem:
    """O[N, G, K, P] += I[N, G, C, P + R] * W[G, K, C, R]; parameters as `convolution`."""
    return convolution(name, 1, **parameters)  # type: ignore[arg-type]


def conv2d(name: str = "conv2d", **parameters: object) -> Problem:
    """O[N, G, K, P, Q] += I[N, G, C, P + R, Q + S] * W[G, K, C, R, S]; parameters as `convolution`.

    >>> print(conv2d("c", K=4, C=3, H=8, W=8, R=3, S=3, stride=2, pad=1))
    c: O[N, G, K, P, Q] += I[N, G, C, 2*P+R, 2*Q+S] * W[G, K, C, R, S]  (N=1 G=1 K=4 C=3 P=4 Q=4 R=3 S=3)
    """
    return convolution(name, 2, **parameters)  # type: ignore[arg-type]


def conv3d(name: str = "conv3d", **parameters: object) -> Problem:
    """O[N, G, K, Z, P, Q] += I[N, G, C, Z + T, P + R, Q + S] * W[G, K, C, T, R, S]; parameters as `convolution`."""
    return convolution(name, 3, **parameters)  # type: ignore[arg-type]


def depthwise(name: str = "depthwise", *, channels: int, multiplier: int = 1, **parameters: object) -> Problem:
    """A 2-D convolution with one group per channel: G = channels, C = 1, K = multiplier."""
    return convolution(name, 2, G=channels, K=multiplier, C=1, **parameters)  # type: ignore[arg-type]


def convolution(
    name: str,
    rank: int,
    *,
    N: int = 1,
    G: int = 1,
    K: int,
    C: int,
    stride: Ints = 1,
    dilation: Ints = 1,
    pad: Ints = 0,
    bits: int = DEFAULT_BITS,
    **sizes: int,
) -> Problem:
    """A convolution over `rank` spatial axes; K and C count channels of one group.

    `sizes` holds the kernel (R, S; T in 3-D) and, per axis, either the output extent (P, Q; Z) or the input extent
    without padding (H, W; D). `pad` is one number, one per axis, or all lows then all highs. A dimension of extent 1
    is kept, because templates name it. Rows of the input that no output needs stay allocated (`Axis.extent`).
    """
    outputs, kernels, inputs = OUTPUT_DIMS[rank], KERNEL_DIMS[rank], ("D", "H", "W")[3 - rank :]
    lows, highs = _pads(name, pad, rank)
    strides, dilations = _per_axis(name, "stride", stride, rank), _per_axis(name, "dilation", dilation, rank)
    _check_sizes(name, sizes, outputs, kernels, inputs)
    extents, axes = dict[str, int](), list[Axis]()
    for i, (out, kernel, data) in enumerate(zip(outputs, kernels, inputs)):
        reach = dilations[i] * (sizes[kernel] - 1) + 1
        extents[out] = sizes[out] if data not in sizes else (sizes[data] + lows[i] + highs[i] - reach) // strides[i] + 1
        if extents[out] < 1 or sizes.get(out, extents[out]) != extents[out]:
            raise InputError(
                f"layer '{name}': {data}={sizes[data]} with kernel {kernel}={sizes[kernel]}, stride {strides[i]}, dilation "
                f"{dilations[i]}, padding {lows[i]}+{highs[i]} gives {extents[out]} outputs; {out} is {sizes.get(out, 'free')}"
            )
        span = strides[i] * (extents[out] - 1) + reach
        stored = sizes.get(data, span - lows[i] - highs[i])
        axes.append(_padded(name, ((out, strides[i]), (kernel, dilations[i])), span, lows[i], stored))
        extents[kernel] = sizes[kernel]
    dims = _dims(N=N, G=G, K=K, C=C, **{d: extents[d] for d in (*outputs, *kernels)})
    tensors = (
        Tensor("I", "input", (*_axes(*"NGC"), *axes), bits),
        Tensor("W", "weight", _axes(*"GKC", *kernels), bits),
        Tensor("O", "output", _axes(*"NGK", *outputs), bits),
    )
    return Problem(name, dims, tensors, op=f"conv{rank}d")


def conv_transpose(
    name: str,
    rank: int = 2,
    *,
    N: int = 1,
    G: int = 1,
    K: int,
    C: int,
    stride: Ints = 1,
    dilation: Ints = 1,
    pad: Ints = 0,
    output_padding: Ints = 0,
    bits: int = DEFAULT_BITS,
    **sizes: int,
) -> Problem:
    """A transposed convolution as its own exact affine problem: O[n, k, sh*p + dh*r, ...] += I[n, c, p, ...] * W[c, k, r, ...].

    Every input position (P, Q; Z in 3-D) is multiplied by every kernel position (R, S; T) once, so no zeros are
    inserted and none are counted; the *output* axes are the ones with a halo. Output positions that `pad` crops are the
    output axis's `pad_lo`/`pad_hi`; those that `output_padding` adds are in its `extent`.
    """
    positions, kernels = OUTPUT_DIMS[rank], KERNEL_DIMS[rank]
    lows, highs = _pads(name, pad, rank)
    strides, dilations = _per_axis(name, "stride", stride, rank), _per_axis(name, "dilation", dilation, rank)
    extra = _per_axis(name, "output_padding", output_padding, rank, least=0)
    _check_sizes(name, sizes, positions, kernels, ())
    axes = []
    for i, (position, kernel) in enumerate(zip(positions, kernels)):
        span = strides[i] * (sizes[position] - 1) + dilations[i] * (sizes[kernel] - 1) + 1
        stored = span + extra[i] - lows[i] - highs[i]
        axes.append(_padded(name, ((position, strides[i]), (kernel, dilations[i])), span, lows[i], stored))
    dims = _dims(N=N, G=G, K=K, C=C, **{d: sizes[d] for d in (*positions, *kernels)})
    tensors = (
        Tensor("I", "input", _axes(*"NGC", *positions), bits),
        Tensor("W", "weight", _axes(*"GCK", *kernels), bits),
        Tensor("O", "output", (*_axes(*"NGK"), *axes), bits),
    )
    return Problem(name, dims, tensors, op=f"conv_transpose{rank}d")


def gemm(
    name: str = "gemm",
    *,
    M: int,
    N: int,
    K: int,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bits: int = DEFAULT_BITS,
) -> Problem:
    """O[M, N] += I[M, K] * W[K, N]; a transposed operand is stored with its axes swapped."""
    return batched_matmul(name, B=None, M=M, N=N, K=K, transpose_a=transpose_a, transpose_b=transpose_b, bits=bits)


def batched_matmul(
    name: str = "matmul",
    *,
    M: int,
    N: int,
    K: int,
    B: int | None = 1,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bits: int = DEFAULT_BITS,
) -> Problem:
    """O[B, M, N] += I[B, M, K] * W[B, K, N], where both operands are different for every B."""
    batch = () if B is None else (("B", B),)
    return matmul(name, batch=batch, M=M, N=N, K=K, transpose_a=transpose_a, transpose_b=transpose_b, bits=bits)


def matmul(
    name: str,
    *,
    batch: Sequence[tuple[str, int]],
    M: int,
    N: int,
    K: int,
    batch_of_first: Sequence[str] | None = None,
    batch_of_second: Sequence[str] | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    roles: tuple[Role, Role] = ("input", "weight"),
    bits: int = DEFAULT_BITS,
) -> Problem:
    """A matrix product with any batch dimensions, each held by both operands or, when broadcast, by one of them.

    `batch` lists (dimension, extent), slowest first; `batch_of_first` and `batch_of_second` the ones each operand
    has (default: all). The tensor with role 'weight' is named W, the other I.
    """
    names = [d for d, _ in batch]
    held = [names if h is None else [d for d in names if d in h] for h in (batch_of_first, batch_of_second)]
    first = _axes(*held[0], *("KM" if transpose_a else "MK"))
    second = _axes(*held[1], *("NK" if transpose_b else "KN"))
    labels = ("W", "I") if roles == ("weight", "input") else ("I", "W")
    tensors = (
        Tensor(labels[0], roles[0], first, bits),
        Tensor(labels[1], roles[1], second, bits),
        Tensor("O", "output", _axes(*names, "M", "N"), bits),
    )
    return Problem(name, _dims(**dict(batch), M=M, N=N, K=K), tensors, op="matmul")


def elementwise(
    name: str = "elementwise", *, shape: Sequence[int], operands: int = 2, bits: int = DEFAULT_BITS
) -> Problem:
    """O[d0, d1, ...] = I[d0, d1, ...] * W[d0, d1, ...]; one operand makes it a plain copy."""
    if operands not in (1, 2) or not shape:
        raise InputError(
            f"layer '{name}': element-wise work needs a shape and 1 or 2 operands, got {shape}, {operands}"
        )
    dims = {f"d{i}": extent for i, extent in enumerate(shape)}
    axes = _axes(*dims)
    given = (Tensor("I", "input", axes, bits), Tensor("W", "input", axes, bits))[:operands]
    return Problem(
        name, _dims(**dims), (*given, Tensor("O", "output", axes, bits)), op="elementwise", copy=operands == 1
    )


def stored_elements(problem: Problem, tensor: Tensor) -> int:
    """Elements a memory holds for the whole tensor: padding left out, allocated but untouched rows counted."""
    sizes = (a.extent if a.extent is not None else a.span(problem.extents) for a in tensor.axes)
    return prod(max(0, size - a.pad_lo - a.pad_hi) for size, a in zip(sizes, tensor.axes))


def _padded(name: str, terms: tuple[tuple[str, int], ...], span: int, low: int, stored: int) -> Axis:
    """An axis whose first `low` positions hold nothing, followed by `stored` that do; `extent` only beyond the span."""
    if stored < 1 or low >= span:
        raise InputError(f"layer '{name}': padding {low} leaves {stored} stored positions of {span} on an axis")
    end = low + stored
    return Axis(terms, extent=end if end > span else None, pad_lo=low, pad_hi=max(0, span - end))


def _axes(*dims: str) -> tuple[Axis, ...]:
    """One plain axis per dimension."""
    return tuple(Axis(((d, 1),)) for d in dims)


def _dims(**extents: int) -> tuple[Dim, ...]:
    return tuple(Dim(name, extent) for name, extent in extents.items())


def _per_axis(name: str, what: str, value: Ints, rank: int, least: int = 1) -> tuple[int, ...]:
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank or any(v < least for v in values):
        raise InputError(f"layer '{name}': {what} is {value}; expected {rank} number(s) of at least {least}")
    return values


def _pads(name: str, pad: Ints, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    values = (pad,) * rank if isinstance(pad, int) else tuple(pad)
    if len(values) == rank:
        values = values * 2
    if len(values) != 2 * rank or any(v < 0 for v in values):
        raise InputError(
            f"layer '{name}': pad is {pad}; expected one number, {rank} or {2 * rank} (lows, then highs), none negative"
        )
    return values[:rank], values[rank:]


def _check_sizes(
    name: str, sizes: dict[str, int], outputs: Sequence[str], kernels: Sequence[str], inputs: Sequence[str]
) -> None:
    faults = [f"unknown size '{s}'" for s in sizes if s not in {*outputs, *kernels, *inputs}]
    faults += [f"kernel size '{k}' is missing" for k in kernels if k not in sizes]
    for i, out in enumerate(outputs):
        if out not in sizes and not (inputs and inputs[i] in sizes):
            faults.append(f"give the output size '{out}'" + (f" or the input size '{inputs[i]}'" if inputs else ""))
    faults += [f"'{s}' is {v}; expected at least 1" for s, v in sizes.items() if v < 1]
    if faults:
        raise InputError([f"layer '{name}': {f}" for f in faults])
