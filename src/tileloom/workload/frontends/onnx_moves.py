"""What ONNX operators that compute nothing do to a tensor, and the axes along which others mix values.

Numbers of slices and indices are read where they are constants of the file; otherwise nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tileloom.workload.frontends.onnx_model import Graph
from tileloom.workload.network import Move

RESHAPES = frozenset(["Reshape", "Flatten", "Identity", "Squeeze", "Unsqueeze"])
ALONG = {
    "Softmax": -1, "LogSoftmax": -1, "Hardmax": -1, "LayerNormalization": -1, "RMSNormalization": -1,
    "LpNormalization": -1, "ArgMax": 0, "ArgMin": 0, "InstanceNormalization": 2, "GroupNormalization": 1, "LRN": 1,
}  # fmt: skip
"""Operators that mix values along an axis and those behind it, with the axis where the file does not say."""
ONE_AXIS = frozenset(["ArgMax", "ArgMin", "LRN", "LpNormalization"])


def move_of(graph: Graph, node: Any) -> Move | None:
    """How the node places values; None where it computes something or does not say."""
    operator = node.op_type
    if operator in RESHAPES:
        return Move(kind="reshape")
    shape = graph.known_shape(node.input[0]) if node.input and node.input[0] else ()
    if not shape:
        return None
    rank = len(shape)
    if operator == "Transpose":
        return Move(kind="permute", order=tuple(_ints(node, "perm") or range(rank)[::-1]))
    if operator == "Concat":
        return Move(kind="join", axis=(_int(node, "axis", 0)) % rank)
    if operator == "Expand":
        return Move(kind="repeat")
    if operator == "Slice":
        return _slice(graph, node, shape)
    if operator == "Split":
        return _split(graph, node, shape)
    if operator == "Gather":
        index = graph.values.get(node.input[1], ())
        axis = _int(node, "axis", 0) % rank
        if len(index) == 1 and node.input[0] not in graph.constants:
            return _part(shape, {axis: (index[0] % shape[axis], 1)})
    if operator == "Pad" and _text(node, "mode", "constant") == "constant":
        grown = graph.known_shape(node.output[0])
        if len(grown) == rank and all(a <= b for a, b in zip(shape, grown)):
            return Move(kind="pad")
    return None


def mixed_axes(graph: Graph, node: Any) -> tuple[int, ...]:
    """Axes of the input along which a value of the output depends on many."""
    shape = graph.known_shape(node.input[0]) if node.input and node.input[0] else ()
    rank = len(shape)
    if node.op_type.startswith("Reduce"):
        listed = _ints(node, "axes") or (list(graph.values.get(node.input[1], ())) if len(node.input) > 1 else [])
        return tuple(sorted(a % rank for a in listed)) if listed and rank else tuple(range(rank))
    if node.op_type == "CumSum":
        return tuple(a % rank for a in graph.values.get(node.input[1], range(rank))) if rank else ()
    if node.op_type in ("MeanVarianceNormalization",):
        return tuple(_ints(node, "axes") or (0, 2, 3))[:rank]
    if node.op_type in ALONG and rank:
        first = _int(node, "axis", ALONG[node.op_type]) % rank
        return (first,) if node.op_type in ONE_AXIS else tuple(range(first, rank))
    return ()


def _slice(graph: Graph, node: Any, shape: Sequence[int]) -> Move | None:
    given = [list(graph.values.get(i, ())) if i else [] for i in node.input[1:]]
    if any(i and not known for i, known in zip(node.input[1:], given)):
        return None
    starts, ends = [*given, [], []][:2] if given else (_ints(node, "starts"), _ints(node, "ends"))
    axes = given[2] if len(given) > 2 and given[2] else _ints(node, "axes") or list(range(len(starts)))
    steps = given[3] if len(given) > 3 and given[3] else [1] * len(starts)
    if not starts or len(starts) != len(ends) or len(axes) != len(starts) or any(s != 1 for s in steps):
        return None
    taken = {}
    for axis, start, end in zip(axes, starts, ends):
        size = shape[axis % len(shape)]
        first, last = (min(max(n + size if n < 0 else n, 0), size) for n in (start, end))
        if last <= first:
            return None
        taken[axis % len(shape)] = (first, last - first)
    return _part(shape, taken)


def _split(graph: Graph, node: Any, shape: Sequence[int]) -> Move | None:
    axis = _int(node, "axis", 0) % len(shape)
    sizes = [graph.known_shape(o)[axis] if graph.known_shape(o) else 0 for o in node.output if o]
    if 0 in sizes or sum(sizes) != shape[axis]:
        return None
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    whole = [(0, n) for n in shape]
    parts = tuple(tuple((start, n) if a == axis else w for a, w in enumerate(whole)) for start, n in zip(starts, sizes))
    return Move(kind="part", parts=parts)


def _part(shape: Sequence[int], taken: dict[int, tuple[int, int]]) -> Move:
    return Move(kind="part", parts=(tuple(taken.get(a, (0, n)) for a, n in enumerate(shape)),))


def _attribute(node: Any, name: str) -> Any:
    return next((a for a in node.attribute if a.name == name), None)


def _int(node: Any, name: str, default: int) -> int:
    found = _attribute(node, name)
    return default if found is None else int(found.i)


def _ints(node: Any, name: str) -> list[int]:
    found = _attribute(node, name)
    return [] if found is None else list(found.ints)


def _text(node: Any, name: str, default: str) -> str:
    found = _attribute(node, name)
    return default if found is None else found.s.decode(errors="replace")
