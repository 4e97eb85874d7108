"""What ATen operators that compute nothing do to a tensor, from their arguments alone."""

from __future__ import annotations

import pytest

from tileloom.fusion.optimal.node_kinds import kind_of
from tileloom.workload.frontends.nodes import TensorFacts
from tileloom.workload.frontends.torch_moves import Arguments, mixed_axes, move_of, pooling_window
from tileloom.workload.frontends.torch_operators import Ref
from tileloom.workload.network import Move, Window

X = Ref("x")
SHAPES = {"x": (2, 6, 4), "a": (2, 2, 4), "b": (2, 4, 4), "wide": (2, 6, 8), "image": (1, 3, 9, 9), "y": (1, 3, 3, 3)}


def call(*args: object, outputs: tuple[str, ...] = ("y",), **named: object) -> Arguments:
    facts = {name: TensorFacts(shape) for name, shape in SHAPES.items()}
    return Arguments(args, named, outputs, facts)


def part(*ranges: tuple[int, int]) -> Move:
    return Move(kind="part", parts=(ranges,))


@pytest.mark.parametrize(
    ("operator", "arguments", "expected"),
    [
        ("view", call(X, [12, 4]), Move(kind="reshape")),
        ("transpose", call(X, 1, 2), Move(kind="permute", order=(0, 2, 1))),
        ("permute", call(X, [2, 0, -2]), Move(kind="permute", order=(2, 0, 1))),
        ("expand", call(X, [2, 6, 4]), Move(kind="repeat")),
        ("cat", call([X, X], -1, outputs=("wide",)), Move(kind="join", axis=2)),
        ("select", call(X, 1, -1), part((0, 2), (5, 1), (0, 4))),
        ("slice", call(X, 2, 1, 9223372036854775807), part((0, 2), (0, 6), (1, 3))),
        ("slice", call(X, 2, 0, 4, 2), None),
        ("narrow", call(X, 1, 2, 3), part((0, 2), (2, 3), (0, 4))),
        ("split_with_sizes", call(X, [2, 4], 1, outputs=("a", "b")),
         Move(kind="part", parts=(((0, 2), (0, 2), (0, 4)), ((0, 2), (2, 4), (0, 4))))),
        ("pad", call(X, [0, 4], outputs=("wide",)), Move(kind="pad")),
        ("relu", call(X), None),
        ("view", call(Ref("unknown"), [3]), Move(kind="reshape")),
        ("transpose", call(Ref("unknown"), 0, 1), None),
    ],
)  # fmt: skip
def test_moves(operator: str, arguments: Arguments, expected: Move | None) -> None:
    assert move_of(operator, arguments) == expected


def test_axes_that_are_mixed() -> None:
    assert mixed_axes("softmax", call(X, -1)) == (2,)
    assert mixed_axes("mean", call(X, [-1, 1], True)) == (1, 2)
    assert mixed_axes("mean", call(X)) == (0, 1, 2)
    assert mixed_axes("layer_norm", call(X, [6, 4])) == (1, 2)
    assert mixed_axes("relu", call(X)) == ()


def test_windows_of_pooling() -> None:
    image = Ref("image")
    assert pooling_window("max_pool2d", call(image, 3, [2, 2], 1)) == Window(kernel=(3, 3), strides=(2, 2), pads=(1, 1))
    assert pooling_window("adaptive_avg_pool2d", call(image, [3, 3])) == Window(
        kernel=(3, 3), strides=(3, 3), pads=(0, 0)
    )
    assert pooling_window("relu", call(image)) is None


def test_names_of_operators() -> None:
    assert kind_of("aten.mul.Tensor") == "Mul" and kind_of("Softmax") == "Softmax"
    assert kind_of("aten.topk.default") == "aten.topk.default"
