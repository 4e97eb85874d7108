"""The log of a rewrite: every algorithm a problem can be computed with, why others do not take it, every choice of layouts.

Nothing is chosen here; `rewrite --algorithm log` prints it and keeps the problem native.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import ALGORITHMS
from tileloom.workload.rewrite.base import Rewrite
from tileloom.workload.rewrite.ttgt import Candidate, comet_candidates

MAX_LISTED = 10_000
"""Candidates that are numbered; COMET's rule itself looks at more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An algorithm with what it makes of the problem, or the sentence why it does not take it."""

    name: str
    rewrite: Rewrite | None
    refusal: str


def choices(problem: Problem) -> tuple[Choice, ...]:
    """Every algorithm, in the order in which they are tried."""
    found = []
    for name, one in ALGORITHMS.items():
        refused = one.accepts(problem)
        found.append(Choice(name, None if refused is not None else one.apply(problem), str(refused or "")))
    return tuple(found)


def numbered_candidates(problem: Problem, first: int = 10) -> tuple[tuple[int, Candidate], ...]:
    """The `first` cheapest of COMET's candidates by its own cost, with the number that --candidate takes.

    () where TTGT does not take the problem. Ties stand in the order of the numbers.
    """
    if ALGORITHMS["ttgt-comet"].accepts(problem) is not None:
        return ()
    listed = islice(comet_candidates(problem, form_outermost=True), MAX_LISTED)
    return tuple(nsmallest(first, enumerate(listed, start=1), key=lambda c: (c[1].cost, c[0])))
