"""Random convolution chains under tile loops: branches, windows and space against a walk of element sets."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_graphs import two_memories
from tileloom.core.errors import UnsupportedError
from tileloom.cost.fused import fused_cost
from tileloom.cost.window_oracle import WindowRun, run_windows
from tileloom.mapping.fused import branches
from tileloom.mapping.fused_legality import check_fused
from tileloom.mapping.fused_occupancy import STRIP
from tileloom.mapping.halo import follow_dim, tile_counts, tile_extents, tile_name, tilings
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, Pipe, Seq, TreeNode
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

Case = tuple[tuple[Problem, ...], MappingTree]


def chain(random: Random, axes: int) -> tuple[Problem, ...]:
    """Two or three convolutions over one or two axes, each of its own kernel, stride and padding."""
    sizes = [random.randint(3, 6) for _ in range(axes)]
    found: list[Problem] = []
    names = "pq"[:axes]
    for n in range(random.randint(2, 3)):
        # From the last to the first: what a map must have for its reader.
        dims, read, kernel = [], [], []
        for name, size in zip(names, sizes):
            r, stride = random.choice((1, 2, 3)), random.choice((1, 1, 2))
            pad = random.choice((0, 0, 1)) if r == 3 and stride == 1 else 0
            dims += [Dim(name, size), Dim(f"r{name}", r)]
            read.append(Axis(((name, stride), (f"r{name}", 1)), pad_lo=pad, pad_hi=pad))
            kernel.append(Axis(((f"r{name}", 1),)))
        out = tuple(Axis(((name, 1),)) for name in names)
        tensors = (
            Tensor(f"T{n + 1}", "input", tuple(read)),
            Tensor(f"W{n}", "weight", tuple(kernel)),
            Tensor(f"T{n}", "output", out),
        )
        found.append(Problem(f"c{n}", tuple(dims), tensors))
        extents = found[-1].extents
        sizes = [a.span(extents) - a.pad_lo - a.pad_hi for a in read]
    return tuple(reversed(found))


def tree_of(random: Random, problems: tuple[Problem, ...], axes: int, keeps: list[bool]) -> MappingTree:
    """Tile loops above all, windows below; what passes between problems in GB, the rest in DRAM."""
    between = [p.output.name for p in problems[:-1]]
    outside = [t.name for p in problems for t in p.tensors if t.name not in between]
    head: list[TreeNode] = [Hold(tuple(outside), "DRAM")]
    order = problems[::-1]
    for name, keep in zip("pq"[:axes], keeps):
        head += [Hold(tuple(between), "GB", "strip")] if keep else []
        tile = random.randint(1, order[0].extents[name])
        head.append(Loop(follow_dim({p.name: name for p in order}), tile))
    loops = list(tilings([*head, Seq(())], problems).values())
    parts: list[tuple[TreeNode, ...]] = []
    for p in problems:
        for sizes in tile_counts(p, loops):
            extents = tile_extents(p, loops, sizes)
            below = [Loop(d, 1) for d in p.extents]
            parts.append((*below, Compute("MAC", tile_name(p.name, extents))))
    return MappingTree((*head, Hold(tuple(between), "GB"), Seq(tuple(parts))))


def case_of(seed: int) -> tuple[Case, list[bool]]:
    random = Random(seed)
    axes = random.choice((1, 1, 2))
    problems = chain(random, axes)
    keeps = [random.random() < 0.5 for _ in range(axes)]
    return (problems, tree_of(random, problems, axes, keeps)), keeps


def assert_equal(case: Case, keeps: list[bool]) -> WindowRun:
    problems, tree = case
    assert [str(d) for d in check_fused(problems, two_memories(), tree)] == []
    run = run_windows(problems, tree)
    assert run.faults == ()
    found = branches(tree, problems)
    assert {b.problem.name: b.times for b in found} == {
        tile_name(n, dict(zip((d for d in "pq" if d in dict(found[0].layer.extents)), e))): times
        for (n, e), times in run.branches.items()
    }
    cost = fused_cost(problems, {p.name: two_memories() for p in problems}, tree)
    points = sum(b.times * b.problem.macs for b in found)
    assert cost.macs == points
    for p in problems[:-1]:
        name = p.output.name
        made = run.made[name]
        if all(keeps):
            assert set(made.values()) == {1}, "an element is made again though its overlap stays"
        reserved = max(
            sum(r.bits for r in m.alive if r.memory == "GB" and r.tensor.removesuffix(STRIP) == name)
            for m in cost.moments
        )
        assert run.most[name] * 8 <= reserved
        if len(keeps) == 1:
            assert run.most[name] * 8 == reserved
    return run


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_random_windows(seed: int) -> None:
    assert_equal(*case_of(seed))


def test_both_ways_for_many_chains() -> None:
    again = 0
    for seed in range(60):
        case, keeps = case_of(seed)
        run = assert_equal(case, keeps)
        again += any(n > 1 for t, made in run.made.items() if t != f"T{len(case[0])}" for n in made.values())
    assert again > 10


def small() -> Case:
    problems = chain(Random(1), 1)
    return problems, tree_of(Random(1), problems, 1, [True])


def said(problems: tuple[Problem, ...], tree: MappingTree) -> str:
    return "\n".join(map(str, check_fused(problems, two_memories(), tree)))


def test_what_is_wrong_with_tile_loops_is_told() -> None:
    problems, tree = small()
    *head, branching = tree.nodes
    assert isinstance(branching, Seq)
    fewer = MappingTree((*head, Seq(branching.children[1:])))
    assert "E-FOLLOW" in said(problems, fewer) and "are never computed" in said(problems, fewer)
    *inner, leaf = branching.children[0]
    assert isinstance(leaf, Compute)
    odd = (*inner, Compute("MAC", f"{leaf.problem}7"))
    assert "E-FOLLOW at node" in said(problems, MappingTree((*head, Seq((odd, *branching.children[1:])))))
    twice = MappingTree((*head, Seq((*branching.children, branching.children[0]))))
    assert f"E-PROBLEM at {leaf.problem}: '{leaf.problem}' is computed 2 times" in said(problems, twice)
    loop = next(n for n in head if isinstance(n, Loop))
    alone = Loop(" ~ ".join(loop.dim.split(" ~ ")[:1]) + f" ~ {problems[0].name}.rp", loop.tile)
    assert "E-FOLLOW at tile loops" in said(problems, MappingTree(tuple(alone if n is loop else n for n in tree.nodes)))
    above = MappingTree((head[0], Loop(loop.dim.split(" ~ ")[0].split(".")[1], 1), *tree.nodes[1:]))
    assert "stands above a tile loop" in said(problems, above)
    turned = MappingTree((*head, Seq(branching.children[::-1])))
    assert "E-ORDER" in said(problems, turned)
    apart = MappingTree((*head[:-1], Seq(tuple((head[-1], *child) for child in branching.children))))
    assert "E-COMMON" in said(problems, apart)


def test_branches_that_the_walk_misses_are_named() -> None:
    problems, tree = small()
    *head, branching = tree.nodes
    assert isinstance(branching, Seq)
    run = run_windows(problems, MappingTree((*head, Seq(branching.children[1:]))))
    assert run.faults and "which no branch is for" in run.faults[0]
    with pytest.raises(UnsupportedError, match="above all other loops"):
        run_windows(problems, MappingTree((Loop("p", 1), *tree.nodes)))
    with pytest.raises(UnsupportedError, match="not pipe or par"):
        chips = {p.name: two_memories() for p in problems}
        fused_cost(problems, chips, MappingTree((*head, Pipe(branching.children))))
