"""Each name that the oracle gives to a saving, on a nest where its size is known by hand."""

from __future__ import annotations

import pytest

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, Port
from tileloom.architecture.model import Compute as Unit
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.oracle import savings, simulate
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

PORT = Port(energy_pj=1.0)
M, B = (Memory(name=n, capacity_bits=None, read=PORT, write=PORT) for n in "MB")
CHIP = Architecture(
    "row", (M, Fanout(name="R", axes=(FanoutAxis(name="X", size=8),)), B, Unit(name="MAC", energy_pj=1))
)
MAC = Compute("MAC")


def window(p: int, r: int, stride: int = 1) -> Problem:
    """O[p] += I[stride*p + r] * W[r]."""
    return Problem(
        "window",
        (Dim("p", p), Dim("r", r)),
        (
            Tensor("I", "input", (Axis((("p", stride), ("r", 1))),)),
            Tensor("W", "weight", (Axis((("r", 1),)),)),
            Tensor("O", "output", (Axis((("p", 1),)),)),
        ),
    )


def named(problem: Problem, *nodes: TreeNode) -> dict[str, int]:
    """'memory tensor action name' -> values."""
    held = Hold(tuple(t.name for t in problem.tensors), "M")
    found = savings(problem, CHIP, MappingTree((held, *nodes, MAC)))
    return {f"{s.memory} {s.tensor} {s.action} {s.name}": s.values for s in found}


def test_stationary() -> None:
    """The 3 weights are fetched for each of 4 outputs and stay the same: 3 * 3 for nothing, on both sides."""
    found = named(window(4, 3), Loop("p", 1), Hold(("W",), "B"), Loop("r", 1))
    assert found == {"M W read stationary": 9, "B W write stationary": 9}


def test_halo_refetch() -> None:
    """4 windows of 3 share 2 positions with the one before."""
    found = named(window(4, 3), Loop("p", 1), Hold(("I",), "B"), Loop("r", 1))
    assert found == {"M I read halo-refetch": 6, "B I write halo-refetch": 6}


def test_neighbour_halo() -> None:
    """The same 4 windows at once in 4 units: M could read 6 positions instead of 12, every unit still writes its 3."""
    found = named(window(4, 3), Loop("p", 1, "R", "X"), Hold(("I",), "B"), Loop("r", 1))
    assert found == {"M I read neighbour-halo": 6}


def test_stride_gap() -> None:
    """Stride 3 and kernel 1: of positions 0 to 9 only 4 are used."""
    found = named(window(4, 1, stride=3), Hold(("I",), "B"), Loop("p", 1))
    assert found == {"M I read stride-gap": 6, "B I write stride-gap": 6}


def test_partial_output() -> None:
    """O[p + 2r], tiles of one p and both r: 2 positions of each tile of 3 are used; all are read back for p = 1, 2, 3."""
    problem = Problem(
        "up",
        (Dim("p", 2), Dim("r", 2)),
        (
            Tensor("I", "input", (Axis((("p", 1),)),)),
            Tensor("O", "output", (Axis((("p", 1), ("r", 2))),)),
        ),
    )
    found = named(problem, Loop("p", 1), Hold(("O",), "B"), Loop("r", 1))
    assert found["M O read partial-output"] == 2
    assert found["M O read stride-gap"] == 1


def test_what_is_too_large_or_not_a_nest_is_refused() -> None:
    loops = (Loop("p", 1), Loop("r", 1), MAC)
    held = Hold(("I", "W", "O"), "M")
    with pytest.raises(UnsupportedError, match="300000 points"):
        simulate(window(100_000, 3), CHIP, MappingTree((held, *loops)))
    with pytest.raises(UnsupportedError, match="no joint loops"):
        simulate(window(2, 2), CHIP, MappingTree((held, Joint((Loop("p", 1, "R", "X"), Loop("r", 1, "R", "X"))), MAC)))
    with pytest.raises(InputError, match="'O' is held nowhere"):
        simulate(window(2, 2), CHIP, MappingTree((Hold(("I", "W"), "M"), *loops)))
