"""What ONNX nodes that compute nothing do to a tensor, which axes others mix, and shapes that a file computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import onnx_models
from tileloom.workload.load import load_network
from tileloom.workload.network import Move, Network


def network(folder: Path, node: tuple, shape=(2, 6, 4), **extra) -> Network:
    nodes = [("Relu", ["x"], ["r"]), node]
    return load_network(onnx_models.saved(folder, nodes, {"x": list(shape)}, **extra))


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


WHOLE = (0, 2), (0, 6), (0, 4)
MOVES = [
    (("Transpose", ["r"], ["y"]), {}, Move(kind="permute", order=(2, 1, 0))),
    (("Transpose", ["r"], ["y"], {"perm": [1, 0, 2]}), {}, Move(kind="permute", order=(1, 0, 2))),
    (("Flatten", ["r"], ["y"]), {}, Move(kind="reshape")),
    (("Concat", ["r", "x"], ["y"], {"axis": -2}), {}, Move(kind="join", axis=1)),
    (("Expand", ["r", "to"], ["y"]), {"to": ints(3, 2, 6, 4)}, Move(kind="repeat")),
    (("Pad", ["r", "by"], ["y"]), {"by": ints(0, 1, 0, 0, 1, 0)}, Move(kind="pad")),
    (("Pad", ["r", "by"], ["y"]), {"by": ints(0, -1, 0, 0, 0, 0)}, None),
    (("Pad", ["r", "by"], ["y"], {"mode": "reflect"}), {"by": ints(0, 1, 0, 0, 1, 0)}, None),
    (("Gather", ["r", "at"], ["y"], {"axis": 1}), {"at": np.array(-2)}, Move(kind="part", parts=(((0, 2), (4, 1), (0, 4)),))),
    (("Gather", ["r", "at"], ["y"], {"axis": 1}), {"at": ints(0, 3)}, None),
    (
        ("Slice", ["r", "a", "b", "c"], ["y"]),
        {"a": ints(1, -3), "b": ints(99, -1), "c": ints(1, 2)},
        Move(kind="part", parts=(((0, 2), (1, 5), (1, 2)),)),
    ),
    (("Slice", ["r", "a", "b", "c", "d"], ["y"]), {"a": ints(0), "b": ints(6), "c": ints(1), "d": ints(2)}, None),
]  # fmt: skip


@pytest.mark.parametrize(("node", "values", "expected"), MOVES, ids=[f"{m[0][0]}{i}" for i, m in enumerate(MOVES)])
def test_moves(tmp_path: Path, node: tuple, values: dict, expected: Move | None) -> None:
    found = network(tmp_path, node, values=values)
    assert not found.skipped
    assert found.vector_ops[1].move == expected


def test_a_split_says_where_each_part_begins(tmp_path: Path) -> None:
    node = ("Split", ["r", "sizes"], ["a", "b"], {"axis": 1})
    found = network(tmp_path, node, outputs=("a", "b"), values={"sizes": ints(2, 4)})
    move = found.vector_ops[1].move
    assert move is not None and move.parts == (((0, 2), (0, 2), (0, 4)), ((0, 2), (2, 4), (0, 4)))
    assert found.shapes["b"] == (2, 4, 4) and found.inputs == ("x",) and found.outputs == ("a", "b")


@pytest.mark.parametrize(
    ("node", "opset", "axes"),
    [
        (("Softmax", ["r"], ["y"], {"axis": -1}), 17, (2,)),
        (("ReduceMean", ["r"], ["y"], {"axes": [1, -1], "keepdims": 0}), 17, (1, 2)),
        (("ReduceMax", ["r"], ["y"]), 17, (0, 1, 2)),
        (("ArgMax", ["r"], ["y"], {"axis": 1}), 17, (1,)),
        (("Relu", ["r"], ["y"]), 17, ()),
    ],
)
def test_axes_that_are_mixed(tmp_path: Path, node: tuple, opset: int, axes: tuple[int, ...]) -> None:
    assert network(tmp_path, node, opset=opset).vector_ops[1].axes == axes


def test_axes_of_a_sum_given_as_a_tensor(tmp_path: Path) -> None:
    found = network(tmp_path, ("ReduceSum", ["r", "axes"], ["y"]), values={"axes": ints(-2)})
    assert found.vector_ops[1].axes == (1,)


def test_a_shape_that_the_file_computes(tmp_path: Path) -> None:
    nodes = [
        ("Relu", ["x"], ["r"]),
        ("Shape", ["r"], ["shape"]),
        ("Gather", ["shape", "two"], ["last"]),
        ("Mod", ["last", "three"], ["rest"]),
        ("Equal", ["rest", "one"], ["same"]),
        ("Where", ["same", "four", "one"], ["inner"]),
        ("Concat", ["minus", "inner"], ["to"], {"axis": 0}),
        ("Reshape", ["r", "to"], ["y"]),
    ]
    values = {"two": ints(2), "three": ints(3), "one": ints(1), "four": ints(4), "minus": ints(-1)}
    found = load_network(onnx_models.saved(tmp_path, nodes, {"x": [2, 6, 4]}, values=values))
    assert not found.skipped and found.shapes["y"] == (12, 4)
    assert [v.name for v in found.vector_ops if v.elements] == ["Relu_0"]
