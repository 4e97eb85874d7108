"""On random graphs the fused optimum equals the best of all schedules; what it returns is legal, fits and runs."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_graphs import matmul, problem, random_problems, tensor, three_memories, two_memories
from tileloom.architecture.model import Architecture, TensorSet
from tileloom.cost.fused_oracle import run_fused
from tileloom.fusion.optimal import mapper, reference
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.infeasible import with_capacity
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.mapping.fused_legality import check_fused
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Loop
from tileloom.search.objective import OBJECTIVES
from tileloom.workload.problem import Problem

SIZES = (8, 16, 24, 32, 40, 56, 72, 96)


def small_problems(random: Random, most: int) -> tuple[Problem, ...]:
    """Few enough points that every schedule can be listed."""
    while True:
        found = tuple(random_problems(random, most, sizes=(1, 2)))
        if all(p.macs <= 4 for p in found):
            return found


def assert_sound(result: FusedResult) -> None:
    """The tree breaks no rule, fits, runs without a fault, and costs what was promised."""
    assert result.mapping is not None and result.cost is not None
    problems = [layer.problem for layer in result.graph.layers]
    chip = result.graph.layers[0].chip
    shown = to_text(result.mapping, problems)
    errors = [str(d) for d in check_fused(problems, chip, result.mapping) if d.severity == "error"]
    assert errors == [], f"{shown}\n{errors}"
    run = run_fused(problems, {p.name: chip for p in problems}, result.mapping)
    assert run.faults == (), shown
    said = {m.problem: m for m in result.cost.moments}
    for memory in chip.memories:
        if memory.capacity_bits is not None:
            assert result.cost.peak_bits(memory.name) <= memory.capacity_bits
            for running, bits in run.bits(memory.name):
                assert [said[name].bits(memory.name) for name in running] == [bits], shown
    assert result.value == pytest.approx(result.lower_bound, rel=1e-9) and result.status == "optimal"


def assert_best(graph: FusedGraph, sizes: tuple[int, ...] | list[int]) -> None:
    rows = reference.all_rows(graph)
    for bits in sizes:
        sized = with_capacity(graph, "GB", bits)
        for objective in OBJECTIVES:
            best, found = reference.best_of(sized, rows, objective), fused_optimal(sized, objective)
            assert found.value == pytest.approx(best, rel=1e-9), (
                objective,
                bits,
                [str(x.problem) for x in graph.layers],
            )
            if best < inf:
                assert_sound(found)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_the_optimum_is_the_best_of_all_schedules(seed: int) -> None:
    random = Random(seed)
    problems = small_problems(random, 4)
    assert_best(graph_of_problems("random", problems, two_memories()), random.sample(SIZES, 2))


def test_the_same_for_some_graphs_of_every_kind() -> None:
    met: set[str] = set()
    for seed in (3, 9, 10, 11, 24):
        random = Random(seed)
        problems = small_problems(random, 4)
        met |= {"copy" if p.copy else p.op for p in problems}
        assert_best(graph_of_problems(f"random {seed}", problems, two_memories()), random.sample(SIZES, 2))
    assert met >= {"copy", "elementwise", "einsum"}


def test_larger_graphs_and_more_memories_give_sound_schedules() -> None:
    kept = 0
    for seed in range(8):
        random = Random(500 + seed)
        problems = random_problems(random, 5, sizes=(2, 4))
        chip = two_memories() if seed % 2 else three_memories(inner_bits=random.choice((16, 64)))
        graph = with_capacity(graph_of_problems("random", problems, chip), "GB", random.choice((48, 96, 192)))
        result = fused_optimal(graph, OBJECTIVES[seed % 3])
        assert_sound(result)
        kept += bool(result.kept)
    assert kept >= 3


def early_readers() -> tuple[Problem, ...]:
    """T1 sums over the axis along which T0 would best be tiled, and the last problem reads both."""
    return (
        problem("p0", {"m": 4, "n": 4}, tensor("X", "input", "m", "n"), tensor("T0", "output", "m", "n")),
        problem("p1", {"m": 4, "p": 4, "e": 4}, tensor("T0", "input", "m", "e"), tensor("X", "input", "p", "e"),
                tensor("T1", "output", "m", "p")),
        problem("p2", {"m": 4, "n": 4}, tensor("X", "input", "m", "n"), tensor("T0", "input", "m", "n"),
                tensor("T2", "output", "m", "n")),
        problem("p3", {"m": 4, "n": 4}, tensor("T0", "input", "m", "n"), tensor("T1", "input", "m", "n"),
                tensor("T3", "output", "m", "n")),
    )  # fmt: skip


def test_nothing_is_read_before_it_is_whole() -> None:
    # AccelForge's rules alone take a tree that reads sums before they are complete; it is cheaper than any that runs.
    graph = with_capacity(graph_of_problems("early", early_readers(), two_memories()), "GB", 48)
    wrong = fused_optimal(graph, "energy", early_reads=True)
    assert wrong.mapping is not None
    problems = early_readers()
    codes = {d.code for d in check_fused(problems, graph.layers[0].chip, wrong.mapping)}
    assert codes == {"E-EARLY"}
    assert (
        "before it is whole" in run_fused(problems, {p.name: two_memories() for p in problems}, wrong.mapping).faults[0]
    )
    right = fused_optimal(graph, "energy")
    assert_sound(right)
    assert right.value > wrong.value


def test_a_schedule_that_copies_too_early_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = with_capacity(graph_of_problems("early", early_readers(), two_memories()), "GB", 48)
    plain = fused_optimal(graph, "energy")
    assert any(plain.depths)
    monkeypatch.setattr(
        mapper, "reads_early", lambda graph, mapping, kept: any(isinstance(n, Loop) for n in mapping.nodes)
    )
    result = fused_optimal(graph, "energy")
    assert not any(result.depths) and result.value == fused_optimal(graph, "energy", max_fused_loops=0).value
    assert result.lower_bound == pytest.approx(plain.value) and result.value > result.lower_bound
    assert result.status == "stopped"


def keeping(bits: int, *kept: str) -> Architecture:
    chip = two_memories(bits)
    nodes = (chip.nodes[0], replace(chip.memory("GB"), keep=TensorSet(kept)), chip.nodes[2])
    return replace(chip, nodes=nodes)


@pytest.mark.parametrize("kept", [("weight",), ("weight", "output"), ("all",)])
def test_the_least_size_that_is_told_is_the_least(kept: tuple[str, ...]) -> None:
    told = 0
    for seed in (1, 2):
        problems = small_problems(Random(seed), 3)
        graph = graph_of_problems("random", (*problems, matmul("end", problems[-1].output.name, "WE", "E",
                                  *(axis.span(problems[-1].extents) for axis in problems[-1].output.axes), 1)),
                                  keeping(4, *kept))  # fmt: skip
        result = fused_optimal(graph, "energy")
        if result.cost is not None:
            continue
        match = re.search(r"(\d+) bits are the least that would do", result.reasons[0])
        assert match is not None, result.reasons
        least = int(match.group(1))
        rows = reference.all_rows(graph)
        assert reference.best_of(with_capacity(graph, "GB", least), rows, "energy") < inf
        assert reference.best_of(with_capacity(graph, "GB", least - 1), rows, "energy") == inf
        assert fused_optimal(with_capacity(graph, "GB", least), "energy").status == "optimal"
        told += 1
    assert told
