"""The walk of fused trees and their time, by hand on chains small enough to draw."""

from __future__ import annotations

import pytest

from fused_graphs import copy_of, elementwise, matmul, two_memories
from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.core.errors import UnsupportedError
from tileloom.cost.fused import FusedCost, fused_cost
from tileloom.cost.fused_oracle import run_fused
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode

ONE, TWO = matmul("one", "X", "V", "A", 2, 2, 2), matmul("two", "A", "W", "B", 2, 2, 2)
TOP, M, KEPT = Hold(("X", "V", "W", "B"), "DRAM"), Loop("m", 1), Hold(("A",), "GB")
CHIPS = {"one": two_memories(), "two": two_memories(), "move": two_memories()}


def leaf(name: str, *dims: str, unit: str = "MAC") -> tuple[TreeNode, ...]:
    return (*(Loop(d, 1) for d in dims), Leaf(unit, name))


def test_a_chain_row_by_row() -> None:
    run = run_fused([ONE, TWO], CHIPS, MappingTree((TOP, M, KEPT, Seq((leaf("one", "n", "k"), leaf("two", "n", "k"))))))
    moved = {(name, a.memory, a.tensor): (a.reads, a.writes) for name, rows in run.moved for a in rows}
    # 8 points each. An element of A is written twice (k = 0, 1) and read back once; 'two' reads it for every n.
    assert moved["one", "GB", "A"] == (4, 8) and moved["two", "GB", "A"] == (8, 0)
    assert moved["two", "DRAM", "B"] == (4, 8) and moved["one", "DRAM", "X"] == (8, 0)
    assert run.faults == () and run.bits("GB") == [(frozenset({n}), 16) for n in ["one"] * 4 + ["two"] * 4] * 2
    assert dict(run.points) == {"one": 8, "two": 8}


def test_what_goes_wrong_is_named_by_element() -> None:
    turned = MappingTree((TOP, M, KEPT, Seq((leaf("two", "n", "k"), leaf("one", "n", "k")))))
    assert run_fused([ONE, TWO], CHIPS, turned).faults[0] == "'two' reads A[0, 0] before it is whole"
    summed = MappingTree((TOP, Loop("one.k = two.k", 1), KEPT, Seq((leaf("one", "m", "n"), leaf("two", "m", "n")))))
    assert "A[0, 0] is made in 2 tiles" in run_fused([ONE, TWO], CHIPS, summed).faults
    apart = MappingTree((TOP, Seq(((KEPT, *leaf("one", "m", "n", "k")), (KEPT, *leaf("two", "m", "n", "k"))))))
    assert "'two' reads A[1, 1] where it was never made" in run_fused([ONE, TWO], CHIPS, apart).faults


def test_a_pipe_holds_two_tiles_and_steps_on() -> None:
    piped = MappingTree((TOP, M, KEPT, Pipe((leaf("one", "n", "k"), leaf("two", "n", "k")))))
    run = run_fused([ONE, TWO], CHIPS, piped)
    assert run.faults == ()
    # Row 0 made; row 0 read while row 1 is made; row 1 read.
    both = frozenset({"one", "two"})
    assert run.bits("GB") == [(frozenset({"one"}), 16)] * 4 + [(both, 32)] * 4 + [(frozenset({"two"}), 16)] * 4


def test_copies_move_once_and_take_their_space_once() -> None:
    move, first = copy_of("move", "X0", "X"), matmul("one", "X", "V", "A", 2, 2, 2)
    branches = Seq((leaf("move", "m", "n"), leaf("one", "m", "n", "k")))
    across = MappingTree((Hold(("X0", "V", "A"), "DRAM"), Hold(("X",), "GB"), branches))
    run = run_fused([move, first], CHIPS, across)
    rows = {(a.memory, a.tensor): (a.reads, a.writes) for a in dict(run.moved)["move"]}
    assert rows == {("DRAM", "X0"): (4, 0), ("GB", "X"): (0, 4)}
    within = MappingTree((Hold(("V", "A"), "DRAM"), Hold(("X0",), "GB"), Hold(("X",), "GB"), branches))
    run = run_fused([move, first], CHIPS, within)
    assert all((a.reads, a.writes) == (0, 0) for a in dict(run.moved)["move"])
    assert {bits for names, bits in run.bits("GB") if "move" in names} == {32}


def test_limits() -> None:
    joint = MappingTree((TOP, Joint((Loop("m", 1, "PE", "X"),)), Leaf("MAC", "one")))
    with pytest.raises(UnsupportedError, match="no joint loops, no streams"):
        run_fused([ONE], CHIPS, joint)
    with pytest.raises(UnsupportedError, match="more than 20000"):
        run_fused([matmul("one", "X", "V", "A", 64, 64, 64)], CHIPS, joint)


def cost_of(kind: type[Seq] | type[Pipe] | type[Par], *, units: bool, leaking: float = 0.0) -> FusedCost:
    """A product of 8 points and a unary pass of 4, over two rows; memories are never waited for."""
    port = Port(energy_pj=1.0)
    both = Architecture(
        "two units",
        (
            Memory(name="DRAM", capacity_bits=None, read=port, write=port),
            Memory(name="GB", capacity_bits=None, read=port, write=port, leakage_pj_per_cycle=leaking),
            Compute(name="VEC", energy_pj=0.0, n_inputs=(1,), ops_per_cycle=0.5),
            Compute(name="MAC", energy_pj=1.0),
        ),
    )
    last = leaf("act", "n", unit="VEC" if units else "MAC")
    tree = MappingTree((Hold(("X", "V", "B"), "DRAM"), M, KEPT, kind((leaf("one", "n", "k"), last))))
    return fused_cost([ONE, elementwise("act", ["A"], "B", 2, 2)], {"one": both, "act": both}, tree)


def test_time_of_stages() -> None:
    # 'one': 8 cycles of MAC 'act': 8 cycles of VEC, or 4 of MAC.
    assert cost_of(Seq, units=True).cycles == 16
    # Two rows of 4 and 4 cycles: fill 4, one full step of 4, drain 4.
    assert cost_of(Pipe, units=True).cycles == 12
    # On one unit: 4, then 4 + 2, then 2: as one after another.
    assert cost_of(Pipe, units=False).cycles == 12 == cost_of(Seq, units=False).cycles
    assert cost_of(Par, units=True).cycles == 8  # (not legal: one reads the other; time alone is asked here)


def test_leakage_is_for_the_time_that_passes() -> None:
    plain = cost_of(Pipe, units=True).energy_pj
    for kind in (Seq, Pipe, Par):
        cost = cost_of(kind, units=True, leaking=2.0)
        assert cost.energy_pj == pytest.approx(plain + 2.0 * cost.cycles)
        assert sum(cost.energy_by("problem").values()) == pytest.approx(cost.energy_pj)
        assert cost.energy_by("action")["leakage",] == pytest.approx(2.0 * cost.cycles)
