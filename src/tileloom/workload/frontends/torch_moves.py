"""What ATen operators that compute nothing do to a tensor, and the axes along which others mix values.

Works on the arguments as they were recorded and on the shapes of the tensors; says nothing where either is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tileloom.workload.frontends.nodes import TensorFacts, words
from tileloom.workload.network import Move, Window

RESHAPES = words(
    """view reshape _unsafe_view unsqueeze squeeze flatten unflatten view_as alias detach detach_ contiguous clone lift_fresh
    lift_fresh_copy positive"""
)
ALONG = {"softmax": 1, "_softmax": 1, "log_softmax": 1, "argmax": 1, "argmin": 1, "cumsum": 1}
OVER = words("mean sum amax amin var prod")

Shape = tuple[int, ...]


class Arguments:
    """Arguments of one call by position or name, and shapes of tensors by name."""

    def __init__(
        self, args: Sequence[Any], named: Mapping[str, Any], outputs: Sequence[str], tensors: Mapping[str, TensorFacts]
    ) -> None:
        self.args, self.named, self.outputs, self.tensors = args, named, outputs, tensors

    def at(self, position: int, name: str, default: Any = None) -> Any:
        return self.args[position] if len(self.args) > position else self.named.get(name, default)

    def shape(self, tensor: Any) -> Shape:
        facts = self.tensors.get(str(getattr(tensor, "name", tensor)))
        return () if facts is None or None in facts.shape else tuple(d for d in facts.shape if d is not None)

    def number(self, position: int, name: str, default: int) -> int:
        value = self.at(position, name, default)
        return value if isinstance(value, int) else default


def move_of(operator: str, call: Arguments) -> Move | None:
    """How a call places values; None where it computes something or its numbers are not known."""
    shape = call.shape(call.args[0]) if call.args else ()
    if operator in RESHAPES:
        return Move(kind="reshape")
    if operator == "cat" and isinstance(call.at(0, "tensors"), list) and call.outputs:
        rank = len(call.shape(call.outputs[0]))
        return Move(kind="join", axis=call.number(1, "dim", 0) % rank) if rank else None
    if operator in ("expand", "expand_as"):
        return Move(kind="repeat")
    rank = len(shape)
    if not rank:
        return None
    if operator in ("transpose", "swapaxes", "t", "mT", "numpy_T"):
        one, other = (call.number(1, "dim0", -2), call.number(2, "dim1", -1)) if operator != "t" else (0, -1)
        order = list(range(rank))
        order[one % rank], order[other % rank] = order[other % rank], order[one % rank]
        return Move(kind="permute", order=tuple(order))
    if operator == "permute":
        return Move(kind="permute", order=tuple(d % rank for d in call.at(1, "dims", ())))
    return _part(operator, call, shape)


def _part(operator: str, call: Arguments, shape: Shape) -> Move | None:
    rank = len(shape)
    axis = call.number(1, "dim", 0) % rank
    size = shape[axis]
    if operator == "select":
        return _taken(shape, axis, [(call.number(2, "index", 0) % size, 1)])
    if operator in ("slice", "narrow"):
        start, end, step = call.at(2, "start"), call.at(3, "end"), call.at(4, "step", 1)
        if operator == "narrow" and isinstance(start, int) and isinstance(end, int):
            end = start + end
        first, last = _bound(start, 0, size), _bound(end, size, size)
        return _taken(shape, axis, [(first, last - first)]) if step == 1 and last > first else None
    if operator in ("split", "split_with_sizes", "chunk", "unbind"):
        if operator != "unbind":
            axis = call.number(2, "dim", 0) % rank
        sizes = [1] * size if operator == "unbind" else [call.shape(o)[axis] for o in call.outputs if call.shape(o)]
        if sum(sizes) != shape[axis] or len(sizes) != len(call.outputs):
            return None
        return _taken(shape, axis, [(sum(sizes[:k]), n) for k, n in enumerate(sizes)])
    if operator in ("pad", "constant_pad_nd") and call.outputs:
        grown = call.shape(call.outputs[0])
        if len(grown) == rank and all(a <= b for a, b in zip(shape, grown)):
            return Move(kind="pad")
    return None


def _bound(value: Any, default: int, size: int) -> int:
    if not isinstance(value, int):
        return default
    return min(max(value + size if value < 0 else value, 0), size)


def _taken(shape: Shape, axis: int, ranges: Sequence[tuple[int, int]]) -> Move:
    return Move(
        kind="part", parts=tuple(tuple(r if a == axis else (0, n) for a, n in enumerate(shape)) for r in ranges)
    )


def mixed_axes(operator: str, call: Arguments) -> tuple[int, ...]:
    """Axes of the input along which a value of the output depends on many."""
    rank = len(call.shape(call.args[0])) if call.args else 0
    if not rank:
        return ()
    if operator in ALONG:
        return (call.number(1, "dim", -1) % rank,)
    if operator in OVER:
        listed = call.at(1, "dim")
        listed = [listed] if isinstance(listed, int) else listed
        return tuple(sorted(d % rank for d in listed)) if isinstance(listed, list) and listed else tuple(range(rank))
    if operator in ("layer_norm", "native_layer_norm", "rms_norm"):
        normed = call.at(1, "normalized_shape", ())
        return tuple(range(rank - len(normed), rank)) if isinstance(normed, list) else tuple(range(rank))
    if operator in ("group_norm", "native_group_norm"):
        return tuple(range(1, rank))
    if operator == "instance_norm":
        return tuple(range(2, rank))
    return ()


def pooling_window(operator: str, call: Arguments) -> Window | None:
    """The window of two-dimensional pooling; an adaptive one that divides its map evenly slides by its own size."""
    shape = call.shape(call.args[0]) if call.args else ()
    if len(shape) < 4:
        return None
    if operator in ("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d"):
        out = call.shape(call.outputs[0])[-2:]
        if any(n % m for n, m in zip(shape[-2:], out)):
            return None
        kernel = tuple(n // m for n, m in zip(shape[-2:], out))
        return Window(kernel=kernel, strides=kernel, pads=(0, 0))
    if operator not in ("max_pool2d", "avg_pool2d", "max_pool2d_with_indices"):
        return None
    kernel = _pair(call.at(1, "kernel_size"))
    strides = _pair(call.at(2, "stride")) or kernel
    pads = _pair(call.at(3, "padding", 0))
    return Window(kernel=kernel, strides=strides, pads=pads) if kernel and strides and pads else None


def _pair(value: Any) -> tuple[int, ...]:
    values = [value] if isinstance(value, int) else list(value or [])
    values = values * 2 if len(values) == 1 else values
    return tuple(values) if len(values) == 2 and all(isinstance(v, int) for v in values) else ()
