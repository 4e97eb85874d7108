"""Random graphs and random trees: what legality, counts, occupancy and time say equals what a walk of the tree sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_graphs import random_problems, three_memories, two_memories
from fused_trees import mutated, random_tree
from tileloom.architecture.model import Architecture
from tileloom.cost.counts import count
from tileloom.cost.fused import fused_cost
from tileloom.cost.fused_oracle import FusedRun, run_fused
from tileloom.mapping.fused import branches
from tileloom.mapping.fused_legality import check_fused
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import MappingTree, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

FLOW = {"E-ORDER", "E-COMMON", "E-CUT", "E-EARLY", "E-PARTIAL", "E-RECOMPUTE", "E-TILE"}
"""Rules about what passes between problems; trees that break others cannot be walked."""

Case = tuple[tuple[Problem, ...], Architecture, MappingTree]


def case_of(random: Random, *, mutate: bool = False, imperfect: bool = False) -> Case:
    problems = tuple(random_problems(random, 4, sizes=(1, 2, 4)))
    chip = two_memories() if random.random() < 0.5 else three_memories()
    tree = random_tree(random, problems, chip, imperfect=imperfect)
    return problems, chip, mutated(random, tree) if mutate else tree


def codes_of(case: Case) -> set[str]:
    return {d.code for d in check_fused(*case) if d.severity == "error"}


def walked(case: Case) -> FusedRun:
    problems, chip, tree = case
    return run_fused(problems, {p.name: chip for p in problems}, tree)


def piped(nodes: Sequence[TreeNode]) -> bool:
    last = nodes[-1]
    return isinstance(last, Pipe) or (isinstance(last, Seq) and any(piped(child) for child in last.children))


def assert_all_equal(case: Case, *, perfect: bool = True) -> None:
    problems, chip, tree = case
    run, shown = walked(case), to_text(tree, problems)
    assert run.faults == (), shown
    cost = fused_cost(problems, {p.name: chip for p in problems}, tree)
    assert sum(cost.energy_by("problem", "tensor").values()) == pytest.approx(cost.energy_pj)
    moved, costs = dict(run.moved), dict(cost.costs)
    for branch in branches(tree, problems):
        problem = branch.problem
        mine = {(a.memory, a.tensor, way): n for a in moved[problem.name] for way, n in (("read", a.reads), ("write", a.writes))}  # fmt: skip
        if problem.copy:
            said = {(t.component, t.tensor, t.action): t.accesses / 8 for t in costs[problem.name].traffic}
            assert {k: n for k, n in mine.items() if n} == {k: n for k, n in said.items() if n}, shown
        else:
            assert set(moved[problem.name]) == set(count(problem, chip, branch.chain).accesses), shown
        assert dict(run.points)[problem.name] == problem.macs
    for memory in chip.memories:
        said_bits = {m.problem: m.bits(memory.name) for m in cost.moments}
        for running, bits in run.bits(memory.name):
            most = max(said_bits[name] for name in running)
            assert bits <= most if piped(tree.nodes) or not perfect else bits == most, shown


@settings(max_examples=120, deadline=None)
@given(st.randoms(use_true_random=False))
def test_legal_trees_run_as_they_are_counted(random: Random) -> None:
    case = case_of(random)
    codes = codes_of(case)
    if not codes:
        assert_all_equal(case)
    elif codes <= FLOW and not piped(case[2].nodes):
        # No rule is stricter than need be, but for a pipe, whose lag can hide that parts are read early.
        assert walked(case).faults, to_text(case[2], case[0])


def test_hundreds_of_legal_trees_of_every_kind() -> None:
    met: Counter[str] = Counter()
    for seed in range(450):
        case = case_of(Random(seed))
        codes = codes_of(case)
        if not codes:
            assert_all_equal(case)
            met["pipe" if piped(case[2].nodes) else "seq"] += 1
            met.update({"copy" for p in case[0] if p.copy} | {p.op for p in case[0]})
    assert min(met[k] for k in ("pipe", "seq", "copy", "elementwise", "einsum")) > 20, met


def test_remainders() -> None:
    legal = 0
    for seed in range(150):
        case = case_of(Random(seed), imperfect=True)
        if not codes_of(case):
            assert_all_equal(case, perfect=False)
            legal += 1
    assert legal > 50


def test_what_a_change_breaks_is_caught() -> None:
    met: Counter[str] = Counter()
    for seed in range(600):
        case = case_of(Random(1000 + seed), mutate=True)
        codes = codes_of(case)
        if codes <= FLOW:
            faults = walked(case).faults
            assert not faults or codes, f"{to_text(case[2], case[0])}\n{faults}"
            met["wrong and caught" if faults else "fine"] += 1
        met.update(codes)
    assert met["wrong and caught"] > 30 and met["fine"] > 100, met
    assert {"E-ORDER", "E-EARLY", "E-PARTIAL", "E-RECOMPUTE", "E-TILE", "E-COMMON"} <= set(met), met
