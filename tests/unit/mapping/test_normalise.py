"""Canonical form, hoisting and its inverse, on nests small enough to draw."""

from __future__ import annotations

import pytest

from mapping_cases import conv, matmul
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.normalise import blocked, canonical, hoist, normalise
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Seq, TreeNode

MAC = Compute("MAC")
DRAM = Hold(("A", "B", "Z"), "DRAM")
SMALL = matmul(8, 8, 8)


def tree(*nodes: TreeNode) -> MappingTree:
    return MappingTree((*nodes, MAC))


def test_canonical_drops_unit_loops_and_merges_holds() -> None:
    before = tree(
        Hold(("B",), "DRAM"),
        Hold(("A",), "DRAM"),
        Loop("m", 8),
        Hold(("Z",), "DRAM"),
        Loop("k", 2, first=2),
        Hold(("B",), "GLB"),
        Hold((), "GLB"),
        Hold(("A",), "GLB"),
        Joint((Loop("m", 8, "PE", "X"), Loop("n", 4, "PE", "X"))),
        Joint((Loop("m", 8, "PE", "X"),)),
    )
    assert canonical(before, SMALL) == tree(DRAM, Loop("k", 2), Hold(("B", "A"), "GLB"), Loop("n", 4, "PE", "X"))


def test_canonical_sorts_holds_of_several_memories_at_one_boundary() -> None:
    one = tree(DRAM, Hold(("B",), "L2"), Hold(("A",), "L1"), Hold(("B",), "L1"), Hold(("Z",), "L1"), Loop("k", 1))
    two = tree(DRAM, Hold(("A",), "L1"), Hold(("B",), "L2"), Hold(("B",), "L1"), Hold(("Z",), "L1"), Loop("k", 1))
    assert canonical(one, SMALL) == canonical(two, SMALL)
    outer_first = [n for n in canonical(one, SMALL).holds if "B" in n.tensors]
    assert [n.memory for n in outer_first] == ["DRAM", "L2", "L1"]


def test_canonical_clips_tiles() -> None:
    assert canonical(tree(DRAM, Loop("k", 2), Loop("k", 4)), SMALL) == tree(DRAM, Loop("k", 2))


def test_hoist_moves_a_hold_over_loops_that_do_not_move_it() -> None:
    before = tree(DRAM, Loop("m", 4), Loop("k", 2), Hold(("A", "B", "Z"), "GLB"), Loop("n", 1))
    after = hoist(before, SMALL)
    assert to_text(after, SMALL).splitlines() == [
        "DRAM  hold A B Z",
        "      for m in 2  (tile 4)",
        "GLB   hold Z",
        "      for k in 4  (tile 2)",
        "GLB   hold A B",
        "      for n in 8",
        "MAC   compute",
    ]
    assert blocked(after, SMALL) == canonical(
        tree(DRAM, Loop("m", 4), Loop("k", 2), Hold(("Z", "A", "B"), "GLB"), Loop("n", 1)), SMALL
    )


def test_hoist_exchanges_spatial_loops() -> None:
    before = tree(DRAM, Loop("k", 2), Loop("m", 1, "PE", "X"), Hold(("A",), "RF"), Hold(("Z",), "RF"))
    assert hoist(before, SMALL) == tree(
        DRAM, Loop("m", 1, "PE", "X"), Hold(("Z",), "RF"), Loop("k", 2), Hold(("A",), "RF")
    )


def test_hoist_does_not_exchange_over_a_hold_between() -> None:
    before = tree(DRAM, Loop("k", 2), Hold(("B",), "GLB"), Loop("m", 1, "PE", "X"), Hold(("A", "Z"), "RF"))
    assert hoist(before, SMALL) == before


def test_hoist_stops_at_the_tensors_own_hold() -> None:
    before = tree(DRAM, Loop("k", 2), Hold(("Z",), "GLB"), Loop("k", 1), Hold(("Z",), "RF"))
    after = hoist(before, SMALL)
    assert after == tree(DRAM, Hold(("Z",), "GLB"), Hold(("Z",), "RF"), Loop("k", 2), Loop("k", 1))


def test_exchange_keeps_trips_per_dim_and_notes_the_halo() -> None:
    problem = conv(1, 4, 1, 8, 1, 3, 1)
    held = Hold(("I", "W", "O"), "DRAM")
    before = tree(held, Loop("p", 4), Loop("p", 1, "PE", "X"), Hold(("W",), "RF"))
    result = normalise(before, problem, "stationary")
    assert result.mapping == tree(held, Loop("p", 2, "PE", "X"), Hold(("W",), "RF"), Loop("p", 1))
    assert [str(n) for n in result.notes] == [
        "W-HALO (warning) at p: loops over 'p' in time and in space were exchanged, so each instance now works on "
        "strided positions of I. Counts with shared halos differ; plain counts do not."
    ]


def test_uneven_loops_over_one_dim_are_not_exchanged() -> None:
    problem = conv(1, 4, 1, 7, 1, 3, 1)
    before = tree(Hold(("I", "W", "O"), "DRAM"), Loop("p", 4), Loop("p", 1, "PE", "X"), Hold(("W",), "RF"))
    assert hoist(before, problem) == before


def test_blocked_says_when_there_is_no_such_form() -> None:
    before = tree(DRAM, Hold(("A",), "GLB"), Loop("m", 2), Hold(("B",), "GLB"))
    result = normalise(before, SMALL, "blocked")
    assert result.mapping == before
    assert [str(n) for n in result.notes] == [
        "E-UNEVEN (warning) at GLB: 'A' in 'GLB' lies above a loop that moves it, other tensors there below. "
        "Move it by hand, or use a form that has a boundary per tensor."
    ]


def test_branches_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="only a mapping of one problem"):
        canonical(MappingTree((Seq(((MAC,),)),)), SMALL)
