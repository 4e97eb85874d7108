"""The literal counts equal what a walk of the nest moves, element by element, and every ideal saving has a name."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nests import random_architecture, random_mapping, random_problem
from tileloom.architecture.model import Architecture
from tileloom.cost.counts import Counts, count
from tileloom.cost.oracle import savings, simulate
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem

Case = tuple[Problem, Architecture, MappingTree]


def case_of(random: Random, points: int) -> Case:
    problem = random_problem(random, points=points)
    architecture = random_architecture(random, problem)
    first = random.random() < 0.3 and problem.op != "transposed"
    return problem, architecture, random_mapping(random, problem, architecture, first=first)


def assert_literal(case: Case) -> Counts:
    counted, walked = count(*case), simulate(*case)
    assert counted == walked, f"{case[0]}\n{case[1]}\n{case[2].nodes}"
    return counted


def assert_ideal(case: Case, literal: Counts) -> set[str]:
    """ideal = literal - named savings, for each memory, tensor and action."""
    ideal, named = simulate(*case, "ideal"), savings(*case)
    for row in literal.accesses:
        best = ideal.at(row.memory, row.tensor)
        for action, more, less in (("read", row.reads, best.reads), ("write", row.writes, best.writes)):
            saved = sum(s.values for s in named if (s.memory, s.tensor, s.action) == (row.memory, row.tensor, action))
            assert less == more - saved
    assert all(s.values > 0 for s in named)
    return {s.name for s in named}


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_counts_equal_the_walk(random: Random) -> None:
    case = case_of(random, points=30)
    assert_ideal(case, assert_literal(case))


def test_counts_equal_the_walk_on_thousands_of_nests() -> None:
    for seed in range(2500):
        assert_literal(case_of(Random(seed), points=16))


def test_every_saving_has_a_name() -> None:
    met: set[str] = set()
    for seed in range(150):
        case = case_of(Random(seed), points=32)
        met |= assert_ideal(case, assert_literal(case))
    assert met == {"stationary", "halo-refetch", "neighbour-halo", "stride-gap", "partial-output"}


@pytest.mark.slow
def test_counts_equal_the_walk_on_many_nests() -> None:
    for seed in range(2500, 12_500):
        assert_literal(case_of(Random(seed), points=16))


@pytest.mark.slow
def test_counts_equal_the_walk_on_larger_nests() -> None:
    for seed in range(2000):
        case = case_of(Random(-1 - seed), points=200)
        assert_ideal(case, assert_literal(case))
