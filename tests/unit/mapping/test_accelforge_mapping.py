"""AccelForge's mapping notation: import, export, branches, joined Storage nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.notation.accelforge import chain_of, export_mapping, import_nodes, read_mapping, storage_orders
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Seq
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

A = Tensor("A", "input", (Axis((("m", 1),)),))
B = Tensor("B", "weight", (Axis((("m", 1),)),))
Z = Tensor("Z", "output", (Axis((("m", 1),)),))
FIRST = Problem("first", (Dim("m", 8),), (A, B, Z))
SECOND = Problem("second", (Dim("m", 8),), (Tensor("Z", "input", A.axes), Tensor("Y", "output", A.axes)))
CHAIN = MappingTree(
    (
        Hold(("A", "B", "Z"), "DRAM"),
        Loop("m", 4),
        Hold(("A", "B"), "Buffer"),
        Hold(("Z",), "Link", "stream"),
        Loop("m", 2, target="Array", axis="X"),
        Loop("m", 1, first=2),
        Compute("MAC"),
    )
)
TREE = MappingTree(
    (
        Hold(("A", "B", "Z", "Y"), "DRAM"),
        Seq(
            (
                (Loop("m", 1), Compute("MAC", "first")),
                (Hold(("Z", "A"), "Buffer"), Loop("m", 1), Compute("ALU", "second")),
            )
        ),
    )
)


@pytest.mark.parametrize("mapping", [CHAIN, TREE])
def test_export_and_import_are_inverse(tmp_path: Path, mapping: MappingTree) -> None:
    exported = export_mapping(mapping, "first")
    path = tmp_path / "mapping.yaml"
    path.write_text(exported.text, encoding="utf-8")
    read = read_mapping(path)
    if mapping.is_chain:
        assert read.nodes[-1] == Compute("MAC", "first")
        read = chain_of(read, FIRST)
    assert read == mapping
    assert exported.losses == ()


def test_rows_in_both_spellings() -> None:
    rows = [
        {"kind": "storage", "tensor": "A", "component": "DRAM"},
        {"kind": "temporal", "rank_variable": "m", "tile_shape": 4},
        {"kind": "spatial", "rank_variable": "m", "tile_shape": 1, "component": "Array", "spatial_dim": "X"},
        {"kind": "compute", "component": "MAC"},
    ]
    searched = [
        {"type": "Storage", "tensors": ["A"], "component": "DRAM", "backing": [], "lower": False},
        {"type": "Temporal", "rank_variable": "m", "tile_shape": 4.0},
        {"type": "Spatial", "rank_variable": "m", "tile_shape": 1.0, "component": "Array", "name": "X"},
        {"type": "Compute", "component": "MAC"},
    ]
    assert import_nodes(rows) == import_nodes(searched)
    assert import_nodes(rows).nodes[2] == Loop("m", 1, target="Array", axis="X")


def test_the_chain_of_one_problem() -> None:
    assert chain_of(TREE, SECOND).nodes == (
        Hold(("Z", "Y"), "DRAM"),
        Hold(("Z",), "Buffer"),
        Loop("m", 1),
        Compute("ALU"),
    )
    assert chain_of(TREE, FIRST).nodes == (Hold(("A", "B", "Z"), "DRAM"), Loop("m", 1), Compute("MAC"))
    with pytest.raises(InputError, match="computes no 'third'"):
        chain_of(TREE, FIRST, "third")


def test_joined_storage_nodes_come_apart_in_every_order() -> None:
    orders = [tuple(h.tensors for h in m.holds) for m in storage_orders(CHAIN)]
    assert orders == [
        (("A", "B", "Z"), ("A",), ("B",), ("Z",)),
        (("A", "B", "Z"), ("B",), ("A",), ("Z",)),
    ]
    assert list(storage_orders(MappingTree((Hold(("A", "B"), "DRAM"), Compute("MAC"))))) == []


def test_what_the_notation_cannot_say() -> None:
    last = MappingTree((Hold(("A",), "DRAM"), Loop("m", 3, last=2), Loop("m", 1), Compute("MAC")))
    assert export_mapping(last, "first").losses == (
        "the size 2 of the last tile of 'm' is not stated; it follows from the bound",
    )
    joint = MappingTree((Joint((Loop("m", 1, "Array", "X"), Loop("n", 1, "Array", "X"))), Compute("MAC")))
    with pytest.raises(UnsupportedError, match=r"advance together \(m, n\)"):
        export_mapping(joint, "first")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"type": "Temporel", "rank_variable": "m", "tile_shape": 1}, "did you mean 'temporal'"),
        ({"type": "Temporal", "rank_variable": "m", "tile_shape": 1.5}, "whole number"),
        ({"type": "Temporal", "rank_variable": "m", "tile_shape": 0}, "whole number"),
        ({"type": "Temporal", "tile_shape": 1}, "'rank_variable' must be a name"),
        ({"type": "Spatial", "rank_variable": "m", "tile_shape": 1, "component": "Array"}, "spatial needs 'name'"),
        ({"type": "Storage", "tensors": [], "component": "DRAM"}, "needs 'tensors'"),
        ({"type": "Sequential"}, "needs a list 'nodes'"),
        ("Compute", "a node is a mapping"),
    ],
)
def test_mistakes(node: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        import_nodes([node])  # type: ignore[list-item]


def test_nesting_is_bounded() -> None:
    node: dict[str, object] = {"type": "Compute", "component": "MAC"}
    for _ in range(200):
        node = {"type": "Nested", "nodes": [node]}
    with pytest.raises(InputError, match="nested deeper"):
        import_nodes([node])
