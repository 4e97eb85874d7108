"""Counts of nests that can be checked by hand, and the mistakes that counting refuses."""

from __future__ import annotations

import pytest

from tileloom.architecture.model import NOTHING, Architecture, Fanout, FanoutAxis, Memory, Port
from tileloom.architecture.model import Compute as Unit
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.counts import Counts, count
from tileloom.cost.reuse import axis_groups, spread, tile_sizes, volume
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Seq, TreeNode
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

FREE = Port(energy_pj=0.0)
UNIT = Unit(name="MAC", energy_pj=1.0)
MAC = Compute("MAC")


def memory(name: str, *, refetch: bool = False) -> Memory:
    return Memory(name=name, capacity_bits=None, read=FREE, write=FREE, refetch_first_output=refetch)


def tensor(name: str, role: str, *dims: str) -> Tensor:
    return Tensor(name, role, tuple(Axis(((d, 1),)) for d in dims))  # type: ignore[arg-type]


def matmul(m: int, n: int, k: int) -> Problem:
    tensors = (tensor("A", "input", "m", "k"), tensor("B", "weight", "k", "n"), tensor("C", "output", "m", "n"))
    return Problem("mm", (Dim("m", m), Dim("n", n), Dim("k", k)), tensors)


def window(p: int, r: int, stride: int = 1) -> Problem:
    """O[p] += I[stride*p + r] * W[r]."""
    halo = Tensor("I", "input", (Axis((("p", stride), ("r", 1))),))
    return Problem("window", (Dim("p", p), Dim("r", r)), (halo, tensor("W", "weight", "r"), tensor("O", "output", "p")))


def moved(counts: Counts) -> dict[str, tuple[int, int]]:
    return {f"{a.memory} {a.tensor}": (a.reads, a.writes) for a in counts.accesses}


ALL = ("A", "B", "C")
GEMM_CHIP = Architecture(
    "four levels",
    (
        memory("DRAM"),
        memory("L2"),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=2), FanoutAxis(name="X", size=4))),
        memory("L1"),
        UNIT,
    ),
)
SPATIAL: tuple[TreeNode, ...] = (Loop("n", 8, "PE", "Y"), Loop("k", 2, "PE", "X"))
POINTS: tuple[TreeNode, ...] = (Loop("m", 1), Loop("n", 1), Loop("k", 1), MAC)


def gemm(*nodes: TreeNode) -> Counts:
    """The GEMM example printed in the Union paper: M=16, N=64, K=32 on 2 x 4 PEs."""
    return count(matmul(16, 64, 32), GEMM_CHIP, MappingTree((Hold(ALL, "DRAM"), Loop("n", 32), *nodes)))


BLOCKED = {
    "DRAM A": (1024, 0),
    "DRAM B": (2048, 0),
    "DRAM C": (1024, 2048),
    "L2 A": (2048, 1024),
    "L2 B": (4096, 2048),
    "L2 C": (5120, 5120),
    "L1 A": (32768, 4096),
    "L1 B": (32768, 4096),
    "L1 C": (45056, 45056),
}


def test_printed_gemm_with_all_holds_at_one_boundary() -> None:
    """DRAM C by hand: 2 (n) * 2 (k) visits of a 16 x 32 tile = 2048 written, of which 2 * 512 are first visits."""
    inner = (Loop("m", 8), Loop("n", 16), Loop("k", 8))
    counts = gemm(Loop("k", 16), Hold(ALL, "L2"), *inner, *SPATIAL, Hold(ALL, "L1"), *POINTS)
    assert moved(counts) == BLOCKED
    assert (counts.macs, counts.steps, counts.units) == (32768, 4096, 8)
    assert counts.spatial_use == (("PE", "Y", 2), ("PE", "X", 4))


def test_printed_gemm_with_c_above_k() -> None:
    """The output stays in L2 over all of k: it goes to DRAM once and never comes back."""
    inner = (Loop("m", 8), Loop("n", 16), Loop("k", 8))
    counts = gemm(Hold(("C",), "L2"), Loop("k", 16), Hold(("A", "B"), "L2"), *inner, *SPATIAL, Hold(ALL, "L1"), *POINTS)
    assert moved(counts) == BLOCKED | {"DRAM C": (0, 1024), "L2 C": (4096, 4096)}


def test_printed_gemm_with_c_above_k_at_both_levels() -> None:
    counts = gemm(
        Hold(("C",), "L2"),
        Loop("k", 16),
        Hold(("A", "B"), "L2"),
        *(Loop("m", 8), Loop("n", 16)),
        *(Loop("n", 8, "PE", "Y"), Loop("k", 4, "PE", "X")),
        Hold(("C",), "L1"),
        Loop("k", 2),
        Hold(("A", "B"), "L1"),
        *POINTS,
    )
    found = moved(counts)
    assert {key: found[key] for key in ("DRAM C", "L2 C", "L1 C")} == {
        "DRAM C": (0, 1024),
        "L2 C": (2048, 2048),
        "L1 C": (36864, 36864),
    }


TWO = Architecture("two levels", (memory("M"), memory("B"), UNIT))


def test_tiles_that_do_not_divide_are_counted_as_they_are() -> None:
    """p = 7 in tiles of 3, 3, 1 with r = 3: windows of 5, 5 and 3 inputs are fetched."""
    nest = (Hold(("I", "W", "O"), "M"), Loop("p", 3), Hold(("I", "W", "O"), "B"), Loop("p", 1), Loop("r", 1), MAC)
    counts = count(window(7, 3), TWO, MappingTree(nest))
    assert moved(counts)["M I"] == (13, 0)
    assert moved(counts)["M W"] == (9, 0)
    assert moved(counts)["B O"] == (7 + 21 - 7, 21)
    assert counts.steps == 21


def test_the_busiest_instance_gets_the_full_tiles() -> None:
    """p = 7 over 3 units: 3, 3 and 1 outputs; time is that of the first two."""
    chip = Architecture("row", (memory("M"), Fanout(name="R", axes=(FanoutAxis(name="X", size=4),)), memory("B"), UNIT))
    nest = (Hold(("I", "W", "O"), "M"), Loop("p", 3, "R", "X"), Hold(("I", "W", "O"), "B"), Loop("p", 1), Loop("r", 1))
    counts = count(window(7, 2), chip, MappingTree((*nest, MAC)))
    assert (counts.steps, counts.units, counts.spatial_use) == (6, 3, (("R", "X", 3),))
    row = counts.at("B", "I")
    assert (row.writes, row.writes_per_instance) == (4 + 4 + 2, 4)
    assert (row.reads, row.reads_per_instance) == (14, 6)


def test_multicast_counts_one_read_and_unicast_one_for_each_instance() -> None:
    nest = (Hold(("I", "W", "O"), "M"), Loop("p", 1, "R", "X"), Hold(("I", "W", "O"), "B"), Loop("r", 1), MAC)
    for wires, reads in ((FanoutAxis(name="X", size=4), 3), (FanoutAxis(name="X", size=4, multicast=NOTHING), 12)):
        chip = Architecture("row", (memory("M"), Fanout(name="R", axes=(wires,)), memory("B"), UNIT))
        weights = count(window(4, 3), chip, MappingTree(nest))
        assert moved(weights)["M W"] == (reads, 0)
        assert moved(weights)["B W"] == (12, 12)


def test_a_stride_larger_than_the_kernel_counts_its_gaps() -> None:
    counts = count(
        window(4, 1, stride=2), TWO, MappingTree((Hold(("I", "W", "O"), "M"), Hold(("I",), "B"), Loop("p", 1), MAC))
    )
    assert moved(counts)["M I"] == (7, 0)


def test_first_visits_are_read_where_the_memory_says_so() -> None:
    chip = Architecture("two", (memory("M"), memory("B", refetch=True), UNIT))
    nest = MappingTree((Hold(("I", "W", "O"), "M"), Loop("p", 1), Hold(("O",), "B"), Loop("r", 1), MAC))
    assert moved(count(window(4, 3), TWO, nest))["M O"] == (0, 4)
    assert moved(count(window(4, 3), chip, nest))["M O"] == (4, 4)
    assert moved(count(window(4, 3), chip, nest))["B O"] == (4 + 12, 4 + 12)


def test_a_stream_reads_what_passes() -> None:
    nest = (Hold(ALL, "M"), Hold(("A",), "B", "stream"), Loop("n", 1), Loop("m", 1), Loop("k", 1), MAC)
    assert moved(count(matmul(2, 3, 4), TWO, MappingTree(nest)))["B A"] == (24, 0)


def test_counts_leave_int64_without_harm() -> None:
    nest = (Hold(ALL, "M"), Loop("m", 1), Loop("n", 1), Loop("k", 1), MAC)
    counts = count(matmul(2**30, 2**30, 2**30), TWO, MappingTree(nest))
    assert counts.macs == counts.at("M", "A").reads == 2**90


def test_a_spatial_loop_on_the_wrong_side_of_a_hold_moves_for_that_tensor() -> None:
    chip = Architecture("row", (memory("M"), Fanout(name="R", axes=(FanoutAxis(name="X", size=4),)), memory("B"), UNIT))
    right = (Hold(("I", "W", "O"), "M"), Loop("p", 1, "R", "X"), Hold(("W",), "B"), Loop("r", 1), MAC)
    wrong = (Hold(("I", "W", "O"), "M"), Hold(("W",), "B"), Loop("p", 1, "R", "X"), Loop("r", 1), MAC)
    assert moved(count(window(4, 3), chip, MappingTree(wrong))) == moved(count(window(4, 3), chip, MappingTree(right)))
    passing = (Hold(("I", "W", "O"), "M"), Hold(("I",), "B"), Loop("p", 2), Loop("p", 1, "R", "X"), Loop("r", 1), MAC)
    with pytest.raises(InputError, match="wrong side of a hold of 'I'"):
        count(window(4, 3), chip, MappingTree(passing))


def test_what_cannot_be_counted_is_refused() -> None:
    problem = matmul(2, 2, 2)
    with pytest.raises(InputError, match="dim 'k' still has extent 2"):
        count(problem, TWO, MappingTree((Hold(ALL, "M"), Loop("m", 1), Loop("n", 1), MAC)))
    with pytest.raises(InputError, match="'C' is held in no memory"):
        count(problem, TWO, MappingTree((Hold(("A", "B"), "M"), *POINTS)))
    both = Joint((Loop("m", 1, "R", "X"), Loop("n", 1, "R", "X")))
    with pytest.raises(UnsupportedError, match="E-JOINT"):
        count(problem, TWO, MappingTree((Hold(ALL, "M"), both, Loop("k", 1), MAC)))
    with pytest.raises(UnsupportedError, match="E-FUSE"):
        count(problem, TWO, MappingTree((Seq(((MAC,), (MAC,))),)))


def test_tiles_of_one_loop() -> None:
    assert tile_sizes(Loop("m", 4), 3, 12) == {3: 1}
    assert tile_sizes(Loop("m", 4, first=2), 10, 10) == {2: 1, 4: 2}
    assert tile_sizes(Loop("m", 4, last=3), 10, 10) == {4: 2, 3: 1}
    assert tile_sizes(Loop("m", 4, last=3), 5, 10) == {4: 1, 1: 1}
    assert spread(10, [(Loop("m", 4), "widest"), (Loop("m", 3), "all")]) == {3: 1, 1: 1}
    assert spread(10, [(Loop("m", 4, first=1), "start")]) == {1: 1}


def test_axes_that_share_a_dim_are_counted_together() -> None:
    diagonal = Tensor("D", "input", (Axis((("m", 1),)), Axis((("m", 1),)), Axis((("k", 1),))))
    assert axis_groups(diagonal) == ((("m",), diagonal.axes[:2]), (("k",), diagonal.axes[2:]))
    assert volume(diagonal, {"m": {3: 2, 1: 1}, "k": {2: 1}, "x": {1: 5}}) == (9 + 9 + 1) * 2 * 5
