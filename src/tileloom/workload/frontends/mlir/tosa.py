"""The TOSA dialect: convolutions in its NHWC layouts, matmul, fully_connected, and what multiplies nothing."""

from __future__ import annotations

from dataclasses import replace

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.mlir.scope import Scope
from tileloom.workload.frontends.mlir.syntax import Operation, attributes, flat, integers
from tileloom.workload.frontends.nodes import AnyNode, Product, TensorFacts, Transpose, Window, words

CONVOLUTIONS = {
    "conv2d": ("b01f", "o01i", "b01f"),
    "conv3d": ("b012f", "o012i", "b012f"),
    "depthwise_conv2d": ("b01g", "01gk", "b01f"),
    "transpose_conv2d": ("b01f", "o01i", "b01f"),
}
PRODUCTS = {"matmul": ("bmk", "bkn", "bmn"), "fully_connected": ("mk", "nk", "mn")}
MOVES_NOTHING = words("reshape identity const_shape yield dim")
REFUSED = {
    "cond_if": "which branch runs is not in the file",
    "while_loop": "how often a loop runs is not in the file",
    "fft2d": "a Fourier transform is no affine loop nest",
    "rfft2d": "a Fourier transform is no affine loop nest",
    "custom": "what a custom operation computes is not in the file",
}


def interpret(op: Operation, scope: Scope) -> list[AnyNode]:
    """The nodes of one operation."""
    if op.short in REFUSED:
        return scope.unread(op, REFUSED[op.short])
    if op.short in ("const", "const_shape", "variable", "variable_read"):
        scope.results(op, weight=True)
        return []
    values = [t.text for t in flat(op.items) if t.kind == "value"]
    scope.learn(op, values)
    try:
        if op.short in CONVOLUTIONS:
            node: AnyNode = _convolution(op, scope)
        elif op.short in PRODUCTS:
            node = _product(op, scope, values)
        elif op.short == "transpose" and "perms" in attributes(op):
            order = tuple(integers(attributes(op)["perms"], scope.module, op.start))
            node = Transpose(name=scope.label(op), operator=op.name, order=order)
        else:
            return scope.vector(op, 0 if op.short in MOVES_NOTHING else None)
    except (UnsupportedError, InputError) as fault:
        return scope.unread(op, str(fault))
    inputs = tuple(scope.name(v) for v in values[: 1 if isinstance(node, Transpose) else 2])
    outputs = scope.results(op) or tuple(scope.define(r, TensorFacts((None,))) for r in op.results)
    return [replace(node, inputs=inputs, outputs=outputs)]


def _convolution(op: Operation, scope: Scope) -> AnyNode:
    layouts = CONVOLUTIONS[op.short]
    rank = len(layouts[0]) - 2

    def numbers(name: str, count: int, default: int) -> list[int]:
        values = integers(attributes(op).get(name, []), scope.module, op.start) or [default] * count
        if len(values) != count:
            raise InputError(f"{op.name}: {name} has {len(values)} numbers; {count} are needed")
        return values

    stride = tuple(numbers("stride", rank, 1))
    if op.short == "transpose_conv2d":
        # TOSA's out_pad adds positions, or crops them where it is negative.
        grown = numbers("out_pad", 2 * rank, 0)
        lows, highs = grown[::2], grown[1::2]
        return Window(
            name=scope.label(op), operator=op.name, layouts=layouts, stride=stride, dilation=(1,) * rank,
            pad=(*(max(0, -p) for p in lows), *(max(0, -p) for p in highs)), transposed=True,
            output_padding=tuple(max(0, low) + max(0, high) for low, high in zip(lows, highs)),
        )  # fmt: skip
    pads = numbers("pad", 2 * rank, 0)
    return Window(
        name=scope.label(op), operator=op.name, layouts=layouts, stride=stride,
        dilation=tuple(numbers("dilation", rank, 1)), pad=(*pads[::2], *pads[1::2]),
    )  # fmt: skip


def _product(op: Operation, scope: Scope, values: list[str]) -> AnyNode:
    labels = PRODUCTS[op.short]
    extents: dict[str, int] = {}
    for letters, value in zip(labels[:2], values):
        facts = scope.facts(value)
        shape = facts.shape if facts else ()
        if len(shape) != len(letters):
            raise InputError(f"operand '{value}' of {op.name} has {len(shape)} axes; {len(letters)} are needed")
        for letter, size in zip(letters, shape):
            if size is None:
                raise UnsupportedError(f"E-DYN: operand '{value}' of {op.name} has a dynamic size")
            if extents.setdefault(letter, size) != size:
                raise InputError(f"operands of {op.name} disagree: {extents[letter]} and {size}")
    return Product(name=scope.label(op), operator=op.name, labels=labels, extents=extents)
