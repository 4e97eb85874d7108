"""Reserved tiles worked out by hand, one rule of the sinking at a time."""

from __future__ import annotations

import pytest

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, Port
from tileloom.architecture.model import Compute as Unit
from tileloom.mapping.residency import reservations, reserved_tile
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

PORT = Port(energy_pj=1.0)


def axis(*dims: str) -> Axis:
    return Axis(tuple((d, 1) for d in dims))


CONV1D = Problem(
    "conv1d",
    (Dim("k", 4), Dim("c", 8), Dim("p", 16), Dim("r", 3)),
    (
        Tensor("I", "input", (axis("c"), axis("p", "r"))),
        Tensor("W", "weight", (axis("k"), axis("c"), axis("r"))),
        Tensor("O", "output", (axis("k"), axis("p")), bits=16),
    ),
)


def two_levels(buffers: int = 1) -> Architecture:
    return Architecture(
        "two",
        (
            Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT),
            Fanout(name="PE", axes=(FanoutAxis(name="X", size=4),)),
            Memory(name="RF", capacity_bits=4096, read=PORT, write=PORT, buffers=buffers, value_bits=(("output", 24),)),
            Unit(name="MAC", energy_pj=1.0),
        ),
    )


def below_rf(*loops: TreeNode) -> MappingTree:
    """RF holds I below a loop that leaves c 4, p 8; then the given loops."""
    return MappingTree(
        (
            Hold(("I", "W", "O"), "DRAM"),
            Loop("c", 4),
            Loop("p", 8),
            Hold(("I",), "RF"),
            *loops,
            Compute("MAC"),
        )
    )


def tile_of_i(*loops: TreeNode, faithful: bool = False) -> dict[str, int]:
    return reserved_tile(CONV1D, below_rf(*loops), 3, "I", faithful_accelforge=faithful)


def test_nothing_below_reserves_the_tile_at_the_hold() -> None:
    assert tile_of_i() == {"k": 4, "c": 4, "p": 8, "r": 3}


def test_relevant_loops_are_passed() -> None:
    assert tile_of_i(Loop("c", 2), Loop("c", 1))["c"] == 1


def test_an_irrelevant_loop_stops_above() -> None:
    assert tile_of_i(Loop("c", 2), Loop("k", 1), Loop("c", 1))["c"] == 2


def test_a_partial_loop_is_passed_and_stops() -> None:
    tile = tile_of_i(Loop("p", 2), Loop("c", 1), Loop("p", 1))
    assert (tile["p"], tile["c"]) == (2, 4)


@pytest.mark.parametrize("node", [Loop("c", 1, "PE", "X"), Hold(("W",), "RF")])
def test_spatial_loops_and_any_hold_stop(node: TreeNode) -> None:
    assert tile_of_i(node, Loop("c", 1))["c"] == 4


def test_a_loop_of_one_trip_is_not_seen() -> None:
    loops = (Loop("k", 4), Loop("c", 1))
    assert tile_of_i(*loops)["c"] == 1
    assert tile_of_i(*loops, faithful=True)["c"] == 4


def test_only_the_last_tensor_of_a_hold_sinks() -> None:
    nodes = below_rf().nodes
    mapping = MappingTree((*nodes[:3], Hold(("I", "W"), "RF"), Loop("c", 1), Compute("MAC")))
    assert reserved_tile(CONV1D, mapping, 3, "I")["c"] == 4
    assert reserved_tile(CONV1D, mapping, 3, "W")["c"] == 1


def test_the_backing_store_is_never_lowered() -> None:
    assert reserved_tile(CONV1D, below_rf(), 0, "I") == CONV1D.extents


def test_a_larger_first_tile_is_what_must_fit() -> None:
    mapping = MappingTree((Hold(("I", "W", "O"), "DRAM"), Loop("p", 4, first=6), Hold(("I",), "RF"), Compute("MAC")))
    assert reserved_tile(CONV1D, mapping, 2, "I")["p"] == 6


def test_only_a_hold_reserves() -> None:
    with pytest.raises(ValueError, match="node 1 of the mapping is not a Hold"):
        reserved_tile(CONV1D, below_rf(), 1, "I")


def test_reservations_in_bits() -> None:
    mapping = MappingTree(
        (
            Hold(("I", "W", "O"), "DRAM"),
            Loop("p", 4),
            Hold(("I", "O"), "RF"),
            Hold(("W",), "RF", mode="stream"),
            Loop("k", 1),
            Compute("MAC"),
        )
    )
    # I: c 8 x (4 + 3 - 1) = 48 values of 8 bits; O: k 4 x p 4 = 16 values, 24 bits in RF; W is streamed.
    rows = {(m, t): bits for m, t, bits in reservations(CONV1D, two_levels(), mapping)}
    assert rows[("RF", "I")] == 48 * 8
    assert rows[("RF", "O")] == 16 * 24
    assert ("RF", "W") not in rows
    assert rows[("DRAM", "I")] == 8 * 18 * 8
    doubled = {(m, t): bits for m, t, bits in reservations(CONV1D, two_levels(buffers=2), mapping)}
    assert doubled[("RF", "I")] == 2 * 48 * 8
