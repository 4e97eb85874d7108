"""The StableHLO dialect (and MHLO, which is printed alike): dot_general, convolution, and what multiplies nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.mlir.lexer import Group, Item
from tileloom.workload.frontends.mlir.scope import Scope
from tileloom.workload.frontends.mlir.syntax import Operation, attributes, flat, integers
from tileloom.workload.frontends.nodes import AnyNode, Product, TensorFacts, Transpose, Window, words

MOVES_NOTHING = words("""reshape bitcast_convert optimization_barrier tuple get_tuple_element create_token after_all get_dimension_size
    partition_id replica_id return dynamic_reshape""")
REFUSED = {
    "while": "how often a loop runs is not in the file; unroll it",
    "case": "which branch runs is not in the file",
    "if": "which branch runs is not in the file",
    "cholesky": "a factorisation is no affine loop nest",
    "triangular_solve": "a solve is no affine loop nest",
    "fft": "a Fourier transform is no affine loop nest",
    "custom_call": "what a custom call computes is not in the file",
    "dynamic_conv": "E-DYN: its padding is computed while it runs",
}
HARMLESS_CALLS = ("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "annotate_device_placement", "mhlo.topk")
_LAYOUT = re.compile(r"\[([a-z0-9?, ]+)\]\s*x\s*\[([a-z0-9?, ]+)\]\s*->\s*\[([a-z0-9?, ]+)\]")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def interpret(op: Operation, scope: Scope) -> list[AnyNode]:
    """The nodes of one operation."""
    try:
        if op.short in ("dot_general", "dot"):
            return _finished(op, scope, _dot(op, scope))
        if op.short == "convolution":
            return _finished(op, scope, _convolution(op, scope))
        if op.short == "transpose":
            order = tuple(integers(_attribute(op, "dims", "permutation"), scope.module, op.start))
            node = Transpose(name=scope.label(op), operator=op.name, order=order)
            return _finished(op, scope, node)
    except (UnsupportedError, InputError) as fault:
        return scope.unread(op, str(fault))
    if op.short in REFUSED and not (op.short == "custom_call" and _is_harmless(op)):
        return scope.unread(op, REFUSED[op.short])
    if op.short in ("constant", "iota"):
        scope.results(op, weight=True)
        return []
    return scope.vector(op, 0 if op.short in MOVES_NOTHING else None)


def product_labels(
    first: int, second: int, batch: tuple[Sequence[int], Sequence[int]], summed: tuple[Sequence[int], Sequence[int]]
) -> tuple[str, str, str]:
    """Labels of a dot_general of operands with so many axes: batch axes first in the output, then both operands' own."""
    faults = [
        axis
        for rank, axes in ((first, (*batch[0], *summed[0])), (second, (*batch[1], *summed[1])))
        for axis in axes
        if not 0 <= axis < rank or list(axes).count(axis) > 1
    ]
    if faults or len(batch[0]) != len(batch[1]) or len(summed[0]) != len(summed[1]) or first + second > len(_LETTERS):
        raise InputError(f"dot_general over axes {batch} and {summed} of operands with {first} and {second} axes")
    free = iter(_LETTERS)
    left, right = [""] * first, [""] * second
    out = ""
    for pairs in (batch, summed):
        for i, j in zip(*pairs):
            left[i] = right[j] = next(free)
    out += "".join(left[i] for i in batch[0])
    for labels in (left, right):
        for i, label in enumerate(labels):
            if not label:
                labels[i] = next(free)
                out += labels[i]
    return "".join(left), "".join(right), out


def operand_shapes(op: Operation, scope: Scope) -> list[tuple[int, ...]]:
    """Static shapes of the two operands; E-DYN otherwise."""
    values = [t.text for t in flat(op.items) if t.kind == "value"][:2]
    scope.learn(op, values)
    shapes = []
    for value in values:
        facts = scope.facts(value)
        if facts is None:
            raise InputError(f"operand '{value}' of {op.name} has no type")
        if None in facts.shape:
            raise UnsupportedError(f"E-DYN: operand '{value}' of {op.name} has a dynamic size; bind it before lowering")
        shapes.append(tuple(d for d in facts.shape if d is not None))
    if len(shapes) != 2:
        raise InputError(f"{op.name} of {len(shapes)} operands; two are needed")
    return shapes


def _finished(op: Operation, scope: Scope, node: AnyNode) -> list[AnyNode]:
    values = [t.text for t in flat(op.items) if t.kind == "value"]
    scope.learn(op, values[:2])
    inputs = tuple(scope.name(v) for v in values[: 1 if isinstance(node, Transpose) else 2])
    outputs = scope.results(op)
    if not outputs:
        outputs = tuple(scope.define(r, TensorFacts((None,))) for r in op.results)
    return [replace(node, inputs=inputs, outputs=outputs)]


def _dot(op: Operation, scope: Scope) -> AnyNode:
    a, b = operand_shapes(op, scope)
    if op.short == "dot":
        batch: tuple[list[int], list[int]] = ([], [])
        summed = ([len(a) - 1], [0])
    else:
        batch = _dimension_pairs(op, scope, "batching")
        summed = _dimension_pairs(op, scope, "contracting")
    labels = product_labels(len(a), len(b), batch, summed)
    extents: dict[str, int] = {}
    for letters, shape in zip(labels, (a, b)):
        for letter, size in zip(letters, shape):
            if extents.setdefault(letter, size) != size:
                raise InputError(
                    f"operands {list(a)} and {list(b)} of {op.name} disagree: {extents[letter]} and {size}"
                )
    return Product(name=scope.label(op), operator=op.name, labels=labels, extents=extents)


def _dimension_pairs(op: Operation, scope: Scope, kind: str) -> tuple[list[int], list[int]]:
    """`batching_dims = [0] x [0]`, or lhs_/rhs_..._dimensions of the generic form."""
    for i, item in enumerate(op.items):
        if item.text == f"{kind}_dims":
            groups = [g for g in op.items[i + 1 : i + 6] if isinstance(g, Group) and g.open == "["][:2]
            if len(groups) == 2:
                return tuple(integers([g], scope.module, op.start) for g in groups)  # type: ignore[return-value]
    found: dict[str, list[int]] = {"lhs": [], "rhs": []}
    for group in _nested(op.items):
        for word, follows in zip(group.items, group.items[2:]):
            side, _, rest = word.text.partition("_")
            if side in found and rest == f"{kind}_dimensions" and isinstance(follows, Group):
                found[side] = integers([follows], scope.module, op.start)
    return found["lhs"], found["rhs"]


def _nested(items: Sequence[Item]) -> list[Group]:
    found = []
    for item in items:
        if isinstance(item, Group):
            found += [item, *_nested(item.items)]
    return found


def _convolution(op: Operation, scope: Scope) -> AnyNode:
    shapes = operand_shapes(op, scope)
    text = scope.module.source.text[op.start : op.start + 4000]
    found = _LAYOUT.search(text)
    if found is None:
        raise InputError(f"{op.name} without dimension numbers '[b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]'")
    data, weight, out = (part.replace(",", "").replace(" ", "") for part in found.groups())
    layouts = (data, weight, out)
    if any(len(layout) != len(shape) for layout, shape in zip(layouts, shapes)):
        raise InputError(f"dimension numbers {layouts} do not fit operands of shapes {shapes}")
    rank = len(layouts[0]) - 2

    def numbers(default: int, count: int, *names: str) -> list[int]:
        values = integers(_attribute(op, *names), scope.module, op.start) or [default] * count
        if len(values) != count:
            raise InputError(f"{op.name}: {names[0]} has {len(values)} numbers; {count} are needed")
        return values

    pads = numbers(0, 2 * rank, "pad", "padding")
    facts = {
        "stride": numbers(1, rank, "stride", "window_strides"),
        "lhs_dilate": numbers(1, rank, "lhs_dilate", "lhs_dilation"),
        "dilation": numbers(1, rank, "rhs_dilate", "rhs_dilation"),
    }
    groups = numbers(1, 1, "feature_group_count")[0]
    if numbers(1, 1, "batch_group_count")[0] != 1:
        raise UnsupportedError("E-GROUP: batch_group_count other than 1 (the gradient of a grouped convolution)")
    return convolution_node(
        scope.label(op),
        op.name,
        layouts,
        shapes,
        groups=groups,
        pad=(*pads[::2], *pads[1::2]),
        **facts,  # type: ignore[arg-type]
    )


def convolution_node(
    name: str,
    operator: str,
    layouts: tuple[str, str, str],
    shapes: Sequence[Sequence[int]],
    *,
    stride: Sequence[int],
    lhs_dilate: Sequence[int],
    dilation: Sequence[int],
    pad: Sequence[int],
    groups: int,
) -> Window:
    """A convolution in XLA's terms; one whose input is dilated becomes the transposed convolution that it is.

    Raises UnsupportedError (E-LHSDIL) for a dilated input with strides, or where the transposed one has no padding.
    """
    rank = len(stride)
    if all(d == 1 for d in lhs_dilate):
        lows, highs = list(pad[:rank]), list(pad[rank:])
        if min(*lows, *highs) < 0:
            raise UnsupportedError(f"E-PAD: padding {list(pad)} crops the input; slice it before")
        return Window(
            name=name, operator=operator, layouts=layouts, stride=tuple(stride), dilation=tuple(dilation),
            pad=tuple(pad), groups=groups,
        )  # fmt: skip
    if any(s != 1 for s in stride):
        raise UnsupportedError(f"E-LHSDIL: input dilated by {list(lhs_dilate)} and strides {list(stride)} at once")
    kernel = dict(zip(layouts[1], shapes[1]))
    reach = [d * (kernel[str(i)] - 1) for i, d in enumerate(dilation)]
    crop = [r - p for r, p in zip((*reach, *reach), pad)]
    if min(crop[:rank]) < 0:
        raise UnsupportedError(f"E-LHSDIL: input dilated by {list(lhs_dilate)} with padding {list(pad)}")
    highs = [max(0, c) for c in crop[rank:]]
    weight = layouts[1]
    if groups == 1:
        # The transposed convolution's weight is laid out by input and output channels, which are all of one group.
        return Window(
            name=name, operator=operator, layouts=(layouts[0], weight, layouts[2]), stride=tuple(lhs_dilate),
            dilation=tuple(dilation), pad=(*crop[:rank], *highs), transposed=True,
            output_padding=tuple(max(0, -c) for c in crop[rank:]),
        )  # fmt: skip
    raise UnsupportedError("E-LHSDIL: a grouped convolution with a dilated input")


def _attribute(op: Operation, *names: str) -> list[Item]:
    """An attribute by the first of its names, also inside `window = {..}`."""
    given = attributes(op)
    for group in _nested(op.items):
        if group.open == "{":
            holder = Operation("", (), 0, [group])
            given = {**attributes(holder), **given}
    return next((given[n] for n in names if n in given), [])


def _is_harmless(op: Operation) -> bool:
    return any(t.text.strip('@"') in HARMLESS_CALLS for t in flat(op.items) if t.kind in ("symbol", "string"))
