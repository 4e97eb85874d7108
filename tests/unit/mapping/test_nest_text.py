"""The loop nest as text, against golden files and small lines read by eye."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

from mapping_cases import MATMUL, MATMUL_MAPPING, conv, matmul
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq

Golden = Callable[[str, str], None]

FUSED = MappingTree(
    (
        Hold(("X", "Y"), "DRAM"),
        Loop("m", 4),
        Hold(("T",), "GLB"),
        Pipe(
            (
                (Hold(("X",), "GLB"), Loop("k", 1), Compute("MAC", "first")),
                (Seq(((Compute("MAC", "second"),), (Par(((Compute("VEC", "third"),),)),))),),
            )
        ),
    )
)


def test_a_matmul_with_its_problem(golden: Golden) -> None:
    golden("nest/matmul.txt", to_text(MATMUL_MAPPING, MATMUL) + "\n")


def test_without_a_problem_tiles_are_shown(golden: Golden) -> None:
    golden("nest/matmul_tiles.txt", str(MATMUL_MAPPING) + "\n")


def test_branches(golden: Golden) -> None:
    first, second = matmul(16, 1, 8).with_name("first"), matmul(16, 1, 64).with_name("second")
    golden("nest/fused.txt", to_text(FUSED, (first, second)) + "\n")


def test_a_branch_reads_the_extents_of_its_own_problem() -> None:
    first, second = matmul(2, 1, 8).with_name("a"), matmul(2, 1, 64).with_name("b")
    nest = MappingTree((Seq(((Loop("k", 1), Compute("MAC", "a")), (Loop("k", 1), Compute("MAC", "b")))),))
    text = to_text(nest, (first, second))
    assert "for k in 8" in text
    assert "for k in 64" in text


def test_remainders_and_given_ends_are_noted() -> None:
    nest = MappingTree((Loop("m", 6), Loop("n", 3, first=2), Loop("k", 4, last=1), Compute("MAC")))
    text = to_text(nest, matmul(16, 8, 16))
    assert "for m in 3  (tile 6, last 4)" in text
    assert "for n in 3  (tile 3, first 2)" in text
    assert "for k in 4  (tile 4, last 1)" in text


def test_joint_and_stream() -> None:
    nest = MappingTree(
        (
            Hold(("W",), "FIFO", "stream"),
            Joint((Loop("p", 1, "PE", "Y"), Loop("r", 1, "PE", "Y"))),
            Loop("k", 2, None, "X"),
            Compute("MAC"),
        )
    )
    lines = to_text(nest, conv(1, 4, 1, 3, 1, 3, 1)).splitlines()
    assert lines[0] == "FIFO  stream W"
    assert lines[1] == "PE.Y  spatial p in 3 with r in 3"
    assert lines[2] == "?.X   spatial k in 2  (tile 2)"


def test_a_cost_adds_energies() -> None:
    rows = [
        SimpleNamespace(component="DRAM", tensor="A", energy_pj=30.0),
        SimpleNamespace(component="DRAM", tensor="B", energy_pj=50.0),
        SimpleNamespace(component="MAC", tensor="", energy_pj=20.0),
    ]
    nest = MappingTree((Hold(("A",), "DRAM"), Hold(("B",), "DRAM"), Loop("m", 1), Compute("MAC")))
    text = to_text(nest, matmul(4, 1, 1), SimpleNamespace(traffic=rows, energy_pj=100.0))
    assert text.splitlines() == [
        "DRAM  hold A   30 pJ (30.0%)",
        "DRAM  hold B   50 pJ (50.0%)",
        "      for m in 4",
        "MAC   compute  20 pJ (20.0%)",
    ]
