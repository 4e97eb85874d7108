"""Execution methods: factors and orders, to the mapping tree and back."""

from __future__ import annotations

import pytest

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis
from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, from_tree, method_of_loops, to_tree
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.frontends.dmazerunner import DmazeLayer

GEMM = DmazeLayer(name="g", kind="GEMM", extents=(8, 12, 6)).problem()
CHIP = DmazeChip(cgra_size=16).architecture()
METHOD = ExecutionMethod(
    loops=("X", "Y", "K"),
    dram=(2, 3, 1),
    spm=(1, 2, 3),
    rf=(1, 2, 1),
    spatial=(4, 1, 2),
    dram_order=("K", "X", "Y"),
    spm_order=("X", "K", "Y"),
)


@pytest.mark.parametrize("stationary", [True, False])
def test_there_and_back(stationary: bool) -> None:
    tree = to_tree(METHOD, GEMM, CHIP, stationary=stationary).mapping
    recovered = from_tree(tree, GEMM, CHIP)
    assert recovered.method.tiling == METHOD.tiling
    # Loops of one trip have no place in the tree: they come back outermost.
    assert [n for n in recovered.method.dram_order if n != "K"] == ["X", "Y"]
    assert recovered.method.spm_order == METHOD.spm_order
    assert recovered.losses == ()


def test_the_tree_is_legal_and_holds_what_is_reused() -> None:
    tree = to_tree(METHOD, GEMM, CHIP).mapping
    assert not check_mapping(GEMM, CHIP, tree)
    first_loop = next(i for i, n in enumerate(tree.nodes) if isinstance(n, Loop) and n.dim == "Y")
    above = [n for n in tree.nodes[:first_loop] if isinstance(n, Hold) and n.memory == "SPM"]
    assert [h.tensors for h in above] == [("A",)]


def test_factors_are_shared_out_over_the_axes_of_an_array() -> None:
    array = Fanout(name="PEs", axes=(FanoutAxis(name="X", size=2), FanoutAxis(name="Y", size=4)))
    chip = Architecture("grid", tuple(array if isinstance(n, Fanout) else n for n in CHIP.nodes))
    converted = to_tree(METHOD, GEMM, chip)
    placed = {(n.dim, n.axis): n.tile for n in converted.mapping.loops if n.spatial}
    assert placed == {("X", "Y"): 1, ("K", "X"): 1}
    assert not check_mapping(GEMM, chip, converted.mapping)
    assert from_tree(converted.mapping, GEMM, chip).method.tiling == METHOD.tiling
    small = Architecture(
        "small", tuple(Fanout(name="PEs", axes=array.axes[:1]) if isinstance(n, Fanout) else n for n in CHIP.nodes)
    )
    assert any("do not fit the shape" in loss for loss in to_tree(METHOD, GEMM, small).losses)


def test_wrong_factors_are_named() -> None:
    with pytest.raises(InputError) as error:
        method_of_loops({"X": [2, 1, 1, 4], "Z": [1, 1, 1, 1], "Y": [1, 1, 1]}, GEMM.extents)
    text = str(error.value)
    for part in ("unknown loop 'Z'", "loop 'K' has no factors", "3 factors"):
        assert part in text
    with pytest.raises(InputError, match=r"loop 'X': 3 \* 1 \* 1 \* 4 = 12, its trip count is 8"):
        method_of_loops({"X": [3, 1, 1, 4], "Y": [12, 1, 1, 1], "K": [6, 1, 1, 1]}, GEMM.extents)
    with pytest.raises(InputError, match="does not name each"):
        METHOD.with_orders(["X"], ["X", "Y", "K"])


def test_what_has_no_execution_method() -> None:
    ones = [Loop("X", 1), Loop("Y", 1), Loop("K", 1)]
    whole = Hold(("C", "A", "B"), "DRAM")
    cases = {
        "in SPM": (whole, *ones, Hold(("C", "A", "B"), "RF"), Compute("MAC")),
        "divide": (
            whole,
            Loop("X", 5),
            Hold(("C", "A", "B"), "SPM"),
            *ones,
            Hold(("C", "A", "B"), "RF"),
            Compute("MAC"),
        ),
    }
    for text, nodes in cases.items():
        with pytest.raises(UnsupportedError, match=text):
            from_tree(MappingTree(nodes), GEMM, CHIP)


def test_the_original_prints_it_so() -> None:
    assert str(METHOD).startswith(
        "Tiling factors (DRAM, SPM, RF, SPATIAL):  ((2, 3, 1), (1, 2, 3), (1, 2, 1), (4, 1, 2))"
    )
