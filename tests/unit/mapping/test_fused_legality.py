"""Every code of the legality of fused trees, with its message; the legal trees they are made from."""

from __future__ import annotations

from dataclasses import replace

from fused_graphs import copy_of, elementwise, matmul, problem, tensor, three_memories, two_memories
from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port, TensorSet
from tileloom.cost.fused_oracle import run_fused
from tileloom.mapping.fused_legality import check_fused, is_legal_fused
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

ONE, TWO = matmul("one", "X", "V", "A", 4, 2, 2), matmul("two", "A", "W", "B", 4, 2, 2)
ADD = elementwise("add", ["A", "B"], "D", 4, 2)
CHAIN, RESIDUAL = (ONE, TWO), (ONE, TWO, ADD)
OUTSIDE = Hold(("X", "V", "W", "D"), "DRAM")
M = Loop("m", 2)
KEPT = Hold(("A", "B"), "GB")


def leaf(name: str, *dims: str, unit: str = "MAC") -> tuple[TreeNode, ...]:
    return (*(Loop(d, 1) for d in dims), Leaf(unit, name))


BRANCHES = (leaf("one", "m", "n", "k"), leaf("two", "m", "n", "k"), leaf("add", "m", "n"))


def tree(*nodes: TreeNode) -> MappingTree:
    return MappingTree(nodes)


def residual(*above: TreeNode, kind: type[Seq] | type[Pipe] | type[Par] = Seq) -> MappingTree:
    return tree(*(above or (OUTSIDE, M, KEPT)), kind(BRANCHES))


def said(mapping: MappingTree, problems: tuple[Problem, ...] = RESIDUAL, chip: Architecture | None = None, **more: object) -> list[str]:  # fmt: skip
    return [str(d) for d in check_fused(problems, chip or two_memories(), mapping, **more)]  # type: ignore[arg-type]


def only(mapping: MappingTree, problems: tuple[Problem, ...] = RESIDUAL, chip: Architecture | None = None, **more: object) -> str:  # fmt: skip
    """The one thing that is wrong."""
    found = said(mapping, problems, chip, **more)
    assert len(found) == 1, found
    return found[0]


def test_legal_trees_break_no_rule() -> None:
    assert said(residual()) == []
    assert said(residual(kind=Pipe)) == []
    assert said(residual(OUTSIDE, KEPT)) == []
    whole = tree(Seq(tuple((Hold(tuple(t.name for t in p.tensors), "DRAM"), *b) for p, b in zip(RESIDUAL, BRANCHES))))
    assert said(whole) == [] and is_legal_fused(RESIDUAL, two_memories(), whole)


def test_all_at_once() -> None:
    nodes = (Hold(("X", "V"), "DRAM"), Loop("k", 1), Hold(("A",), "GBX"), Hold(("A", "B"), "GB"), Seq(BRANCHES[:2]))
    found = said(tree(*nodes), chip=two_memories(8))
    assert [text.split()[0] for text in found] == ["E-PROBLEM", "E-LEVELS", "E-BYPASS", "E-PARTIAL"]
    # 'add' is missing, GBX unknown, W held nowhere, and 'one' sums over k.
    assert "'two memories' has no memory 'GBX' (did you mean 'GB'?)" in found[1] and "at two, W" in found[2]


def test_problems_computed_once_each() -> None:
    assert "E-PROBLEM at add: 'add' is never computed" in said(tree(OUTSIDE, M, KEPT, Seq(BRANCHES[:2])))[0]
    twice = tree(OUTSIDE, M, KEPT, Seq((*BRANCHES, BRANCHES[2])))
    assert only(twice).startswith("E-PROBLEM at add: 'add' is computed 2 times")
    odd = tree(OUTSIDE, M, KEPT, Seq((*BRANCHES, leaf("ad", "m"))))
    assert only(odd).startswith("E-PROBLEM at node 3.3.1 (compute on MAC): a compute node names problem 'ad'")
    assert "(did you mean 'add'?)" in only(odd)
    same = replace(ONE, name="again")
    assert "E-PROBLEM at A: 'A' is written by 'one', 'again'" in said(residual(), (*RESIDUAL, same))[1]


def test_the_form_of_the_tree() -> None:
    assert only(tree(OUTSIDE, M, KEPT, Seq((*BRANCHES, (Loop("m", 1),))))) == (
        "E-TREE at branch 3.3: it ends without a compute node. End every branch with one compute node."
    )
    behind = tree(OUTSIDE, M, KEPT, Seq(BRANCHES), Loop("n", 1))
    assert "E-TREE at node 4 (for n step 1): it stands behind node 3 (seq), where the way ends" in only(behind)
    assert "E-TREE at node 0 (seq): it has no branch" in said(tree(Seq(())))[0]
    nested = tree(OUTSIDE, M, KEPT, Pipe((BRANCHES[0], (Seq(BRANCHES[1:]),))))
    assert "a seq inside a branch of a pipe: what runs at the same time is one problem each" in only(nested)


def test_shared_loops() -> None:
    qk = (problem("q", {"m": 4, "d": 2}, tensor("X", "input", "m", "d"), tensor("Y", "output", "m")),
          problem("k", {"p": 8, "d": 2}, tensor("Z", "input", "p", "d"), tensor("U", "output", "p")))  # fmt: skip
    top, q, k = Hold(("X", "Y", "Z", "U"), "DRAM"), leaf("q", "m", "d"), leaf("k", "p", "d")
    assert said(tree(top, Loop("q.m = k.p", 2), Seq((q, k))), qk) == []
    assert only(tree(top, M, Seq((q, k))), qk).startswith(
        "E-SHARED at node 1 (for m step 2): 'k' has no dim 'm', which a loop above it iterates"
    )
    unknown = said(tree(top, Loop("q.m = a.b", 2), Seq((q, k))), qk)
    assert "names a.b, which no problem has" in unknown[0]
    assert "stands above 'k' and does not say which of its dims it iterates. Add ' = k.DIM' to it" in unknown[1]
    assert "makes 4 trips, which do not divide the 2 of 'k.d'" in only(tree(top, Loop("q.m = k.d", 1), Seq((q, k))), qk)
    uneven = (qk[0], replace(qk[1], dims=tuple(replace(d, name="m") if d.name == "p" else d for d in qk[1].dims),
              tensors=(tensor("Z", "input", "m", "d"), tensor("U", "output", "m"))))  # fmt: skip
    assert "makes one number of trips for all, here 2 of 'q', 4 of 'k'" in only(
        tree(top, M, Seq((q, leaf("k", "m", "d")))), uneven
    )


def test_joint_loops_belong_to_one_problem() -> None:
    chip = two_memories()
    pe = Fanout(name="PE", axes=(FanoutAxis(name="X", size=4),))
    chip = replace(chip, nodes=(*chip.nodes[:2], pe, chip.nodes[2]))
    joint = Joint((Loop("m", 1, "PE", "X"), Loop("n", 1, "PE", "X")))
    found = said(tree(OUTSIDE, KEPT, joint, Seq(tuple(b[-1:] for b in BRANCHES))), chip=chip)
    assert any("E-SHARED" in f and "joint loops stand above one, two, add" in f for f in found)


def test_reading_before_writing() -> None:
    turned = tree(OUTSIDE, M, KEPT, Seq((BRANCHES[1], BRANCHES[0], BRANCHES[2])))
    assert only(turned) == (
        "E-ORDER at node 3.0.3 (compute on MAC): 'two' reads 'A' before 'one' writes it (node 3.1.3 (compute on MAC)). "
        "Put the branch of 'one' first."
    )


def test_one_backing_for_all() -> None:
    apart = tree(OUTSIDE, Seq(((Hold(("A",), "GB"), *BRANCHES[0]), (Hold(("A", "B"), "DRAM"), *BRANCHES[1]))))
    found = said(apart, CHAIN)
    assert any(f.startswith("E-BACKING at A: 'A' passes between problems that look for it in different memories: "
                            "'one' in GB (node 1.0.0 (hold A in GB)), 'two' in DRAM") for f in found)  # fmt: skip
    stream = tree(Hold(("X", "V", "W", "B"), "DRAM"), Hold(("A",), "GB", "stream"), Seq(BRANCHES[:2]))
    assert "E-BACKING" in only(stream, CHAIN) and "only streams and keeps nothing" in only(stream, CHAIN)


def test_held_apart_and_across_a_branch_outside() -> None:
    top = Hold(("X", "V", "W", "D", "B"), "DRAM")
    kept = Hold(("A",), "GB")
    apart = tree(top, Seq(((kept, *BRANCHES[0]), (kept, *BRANCHES[1]), (kept, *BRANCHES[2]))))
    assert only(apart).startswith(
        "E-COMMON at A: 'A' passes between problems in 'GB', but is held for 'one' at node 1.0.0 and for 'two' at node "
        "1.1.0 and for 'add' at node 1.2.0 apart"
    )
    other = matmul("two", "Z", "W", "B", 4, 2, 2)
    cut = tree(Hold(("X", "V", "W", "D", "B", "Z"), "DRAM"),
               Seq(((M, kept, *BRANCHES[0]), BRANCHES[1], (M, kept, *BRANCHES[2]))))  # fmt: skip
    assert only(cut, (ONE, other, ADD)).startswith(
        "E-CUT at A: 'A' is used by 'one', 'add' below node 1.0.0 (for m step 2), but 'two' runs in between and stands "
        "outside that loop, which cannot skip it"
    )


def test_loops_above_what_passes() -> None:
    k_outside = tree(Hold(("X", "V", "W", "B"), "DRAM"), Loop("one.k = two.n", 1), Hold(("A",), "GB"),
                     Seq((leaf("one", "m", "n"), leaf("two", "m", "k"))))  # fmt: skip
    found = said(k_outside, CHAIN)
    assert found[0].startswith(
        "E-PARTIAL at node 1 (for one.k = two.n step 1): dim 'one.k' is summed over, so every trip leaves 'A' incomplete in node 2 "
        "(hold A in GB) below the loop. Move the hold of 'A' above it"
    )
    assert "dim 'two.n' does not index 'A', so each of the 2 trips needs again what is in node 2" in found[1]
    assert found[1].startswith("E-RECOMPUTE at node 1 (for one.k = two.n step 1)")
    window = (problem("a", {"p": 5, "c": 1}, tensor("X", "input", "p", "c"), tensor("A", "output", "p")),
              problem("b", {"p": 4, "r": 2}, tensor("A", "input", "p+r"), tensor("W", "weight", "r"),
                      tensor("B", "output", "p")))  # fmt: skip
    halo = tree(Hold(("X", "W", "B"), "DRAM"), Loop("p", 2), Hold(("A",), "GB"), Seq((leaf("a", "p"), leaf("b", "p", "r"))))  # fmt: skip
    assert any("windows of A[p+r] overlap from one trip over 'b.p' to the next" in f for f in said(halo, window))


def test_tiles_that_differ() -> None:
    first = matmul("one", "X", "V", "A", 4, 2, 4)
    second = problem("two", {"m": 4, "k": 4}, tensor("A", "input", "m", "k"), tensor("B", "output", "m", "k"))
    turned = tree(Hold(("X", "V", "B"), "DRAM"), Loop("one.m = two.k", 2), Hold(("A",), "GB"),
                  Seq((leaf("one", "m", "n", "k"), leaf("two", "m", "k"))))  # fmt: skip
    assert only(turned, (first, second)).startswith(
        "E-TILE at node 1 (for one.m = two.k step 2): 'one' and 'two' do not mean the same part of 'A': 2 of 4 along axis 0 against "
        "2 of 4 along axis 1"
    )
    flat = problem("two", {"i": 16}, tensor("A", "input", "i"), tensor("B", "output", "i"))
    reshaped = tree(Hold(("X", "V", "B"), "DRAM"), Loop("one.m = two.i", 2), Hold(("A",), "GB"),
                    Seq((leaf("one", "m", "n", "k"), leaf("two", "i"))))  # fmt: skip
    assert any("sees 'A' with 2 axes and 'two' with 1" in f for f in said(reshaped, (first, flat)))


def test_reading_ahead_of_the_writing() -> None:
    # B is whole above the loop over A's columns: 'two' sums over them, and 'add' would read B before the last one.
    early = tree(Hold(("X", "V", "W", "D"), "DRAM"), Hold(("B",), "GB"), Loop("one.n = two.k = add.n", 1), Hold(("A",), "GB"),
                 Seq((leaf("one", "m", "k"), leaf("two", "m", "n"), leaf("add", "m"))))  # fmt: skip
    assert only(early) == (
        "E-EARLY at node 2 (for one.n = two.k = add.n step 1): below the hold of 'B', one trip of 'two' finishes no part of its own, but "
        "'add' then reads 1 of 2 along axis 1: parts of 'B' that are not there yet. Let both walk along the same axis "
        "of 'B' in equal steps, or take 'add' out of the loop."
    )


def test_copies_taken_too_early_or_written_back_too_late() -> None:
    top, kept = Hold(("X", "V", "W", "B"), "DRAM"), Hold(("A",), "GB")
    # Two copies in a row: the first cannot follow the loop and is filled whole, above it.
    reads = tree(top, kept, Hold(("two.A",), "L1"), Hold(("two.W",), "L1"), M, Seq(BRANCHES[:2]))
    text = only(reads, CHAIN, three_memories())
    assert text.startswith(
        "E-EARLY at node 2 (hold two.A in L1): the copy of 'A' that 'two' holds above node 4 (for m step 2), which it "
        "shares with 'one', is filled before it, when nothing is there yet"
    )
    assert run_fused(CHAIN, {"one": three_memories(), "two": three_memories()}, reads).faults
    writes = tree(top, kept, Hold(("one.A",), "L1"), Hold(("one.V",), "L1"), M, Seq(BRANCHES[:2]))
    assert "is written back only after it, when others have read" in only(writes, CHAIN, three_memories())
    follows = tree(top, kept, Hold(("two.W",), "L1"), Hold(("two.A",), "L1"), M, Seq(BRANCHES[:2]))
    assert said(follows, CHAIN, three_memories()) == []


def test_memories_with_several_instances() -> None:
    port = Port(energy_pj=1.0)
    nodes = (Memory(name="DRAM", capacity_bits=None, read=port, write=port),
             Fanout(name="PE", axes=(FanoutAxis(name="X", size=2),)),
             Memory(name="RF", capacity_bits=None, read=port, write=port), Compute(name="MAC", energy_pj=1.0))  # fmt: skip
    inside = tree(Hold(("X", "V", "W", "B"), "DRAM"), Hold(("A",), "RF"), Seq(BRANCHES[:2]))
    assert only(inside, CHAIN, Architecture("array", nodes)).startswith(
        "E-INSTANCES at node 1 (hold A in RF): 'A' passes between problems in 'RF', which has 2 instances"
    )


def test_persistent_tensors_stand_above_everything() -> None:
    kept = tree(Hold(("X", "V", "W", "D"), "DRAM"), M, KEPT, Seq(BRANCHES))
    assert only(kept, persistent=["A"]).startswith("E-PERSIST at node 2 (hold A B in GB): 'A' stays in its memory")
    assert "below node 1 (for m step 2), which would replace it 2 times" in only(kept, persistent=["A"])
    assert "no problem has the persistent tensor 'AA' (did you mean 'A'?)" in only(residual(), persistent=["AA"])
    assert said(residual(), persistent=["X"]) == []


def test_copies_hold_nothing_but_their_ends() -> None:
    copied = (copy_of("move", "X0", "X", 4, 2), ONE)
    ends = (Hold(("X0", "V", "A"), "DRAM"), Hold(("X",), "GB"))
    assert said(tree(*ends, Seq((leaf("move", "m", "n"), BRANCHES[0]))), copied) == []
    more = (Loop("m", 2), Hold(("X0",), "GB"), *leaf("move", "m", "n"))
    assert only(tree(*ends, Seq((more, BRANCHES[0]))), copied).startswith(
        "E-COPY at node 2.0.1 (hold X0 in GB): copy 'move' holds 'X0' again; each element moves once"
    )
    assert "E-COPY at move: copy 'move' holds 'X0' nowhere" in only(
        tree(Hold(("V", "A"), "DRAM"), Hold(("X",), "GB"), Seq((leaf("move", "m", "n"), BRANCHES[0]))), copied
    )
    two = replace(copied[0], tensors=(tensor("X0", "input", "m", "n"), tensor("Y", "input", "m"), copied[0].output))
    assert "has 2 sources (X0, Y)" in said(tree(Hold(("Y",), "DRAM"), *ends, Seq((leaf("move", "m", "n"), BRANCHES[0]))), (two, ONE))[0]  # fmt: skip
    chip = two_memories()
    chip = replace(
        chip, nodes=(*chip.nodes[:2], Fanout(name="PE", axes=(FanoutAxis(name="X", size=4),)), chip.nodes[2])
    )
    wide = (Loop("m", 1, "PE", "X"), Loop("n", 1), Leaf("MAC", "move"))
    assert "copy 'move' has a loop in space" in only(tree(*ends, Seq((wide, BRANCHES[0]))), copied, chip)


def test_elementwise_work_needs_a_unit_that_takes_it() -> None:
    chip = two_memories()
    nodes = (*chip.nodes[:2], Compute(name="VEC", energy_pj=1.0, n_inputs=(1,)), chip.nodes[2])
    unary = elementwise("act", ["A"], "E", 4, 2)
    top = Hold(("X", "V", "E"), "DRAM")
    here = Hold(("A",), "GB")
    fine = tree(top, M, here, Seq((BRANCHES[0], leaf("act", "m", "n", unit="VEC"))))
    assert said(fine, (ONE, unary), Architecture("two units", nodes)) == []
    odd = tree(top, M, here, Seq((leaf("one", "m", "n", "k", unit="VEC"), leaf("act", "m", "n", unit="VEC"))))
    assert only(odd, (ONE, unary), Architecture("two units", nodes)).startswith(
        "E-OP at node 3.0.3 (compute on VEC): unit 'VEC' takes 1 inputs, 'one' has 2"
    )


def test_side_by_side() -> None:
    both = tree(Hold(("X", "V", "A", "Y", "W", "B"), "DRAM"), Par((BRANCHES[0], BRANCHES[1])))
    apart = (ONE, matmul("two", "Y", "W", "B", 4, 2, 2))
    assert only(both, apart).startswith("E-PAR at node 1 (par): one and two run side by side on one unit, 'MAC'")
    chip = two_memories()
    nodes = (*chip.nodes[:2], Compute(name="MAC2", energy_pj=1.0), chip.nodes[2])
    two_units = tree(both.nodes[0], Par((BRANCHES[0], leaf("two", "m", "n", "k", unit="MAC2"))))
    assert said(two_units, apart, Architecture("two units", nodes)) == []
    passing = tree(Hold(("X", "V", "W", "B"), "DRAM"), Hold(("A",), "GB"), Par(two_units.nodes[1].children))  # type: ignore[union-attr]
    assert "'two' reads 'A' while 'one', beside it in a par, still writes it" in only(
        passing, CHAIN, Architecture("two units", nodes)
    )


def test_a_pipe_has_equal_steps() -> None:
    assert "the loop above a pipe leaves a remainder: 4 of 'm' in steps of 3" in said(residual(OUTSIDE, Loop("m", 3), KEPT, kind=Pipe))[0]  # fmt: skip
    assert said(residual(OUTSIDE, Loop("m", 3), KEPT)) == []


def test_capacity_names_the_moment_what_is_alive_and_the_least_size() -> None:
    # A and B, two rows of two each: 8 values of 8 bits while 'two' runs; one only A.
    text = only(residual(), chip=two_memories(56))
    assert text == (
        "E-CAP at GB: while 'two' runs 'GB' holds A 4 + B 4 = 8 B, capacity 7 B (1.14x) (too much also while add runs). "
        "8 B are the least that would do for this mapping; or shrink a tile that is held above 'two'."
    )
    assert said(residual(), chip=two_memories(64)) == []
    # In a pipe A passes from stage 0 to 2 and B from 1 to 2, but there are only two tiles of each: 4 tiles of 4 B.
    piped = only(residual(kind=Pipe), chip=two_memories(127))
    assert "A 32 + A" not in piped and "A 64 + B 64 = 128 bits" in piped
    assert said(residual(kind=Pipe), chip=two_memories(128)) == []


def test_partitions_are_filled_one_by_one() -> None:
    chip = two_memories()
    buffer = chip.memory("GB")
    split = replace(buffer, capacity_bits=64, partitions=((TensorSet(("output",)), 32), (TensorSet(("input",)), 32)))
    chip = replace(chip, nodes=(chip.nodes[0], split, chip.nodes[2]))
    assert "'GB' (partition of output) holds A 4 + B 4 = 8 B" in only(residual(), chip=chip)


def test_copies_that_look_shared_are_warned_of() -> None:
    pair = (matmul("one", "X", "V", "A", 4, 2, 2), matmul("two", "X", "W", "B", 4, 2, 2))
    looks = tree(Hold(("X", "V", "W", "A", "B"), "DRAM"), M, Hold(("X",), "GB"), Seq(BRANCHES[:2]))
    text = only(looks, pair)
    assert text.startswith("E-FETCH (warning) at node 2 (hold X in GB): 'X' is backed further out, so each of one, two")
    assert is_legal_fused(pair, two_memories(), looks)


def test_what_is_held_but_used_by_nobody() -> None:
    text = said(tree(OUTSIDE, M, KEPT, Hold(("Q", "two.W"), "GB"), Seq(BRANCHES)))
    assert len(text) == 1 and "E-DIMS at node 3 (hold Q two.W in GB): no problem below it (one, two, add) has a tensor 'Q'" in text[0]  # fmt: skip
