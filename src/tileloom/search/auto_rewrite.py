"""The first rewrite of a problem that a cost model and mapper take where they do not take the problem itself."""

from __future__ import annotations

from tileloom.architecture.model import Architecture
from tileloom.search.conformability import diagnose
from tileloom.search.objective import Objective
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import ALGORITHMS
from tileloom.workload.rewrite.base import Rewrite


def first_that_is_taken(
    problem: Problem,
    architecture: Architecture,
    model: str,
    mapper: str | None = None,
    objective: Objective | None = None,
) -> Rewrite | None:
    """Native when nothing stands in the way; else the first algorithm that leaves no error; None when there is none."""
    for algorithm in ALGORITHMS.values():
        if algorithm.accepts(problem) is None:
            found = algorithm.apply(problem)
            said = diagnose(found.problem, architecture, None, model, mapper, objective)
            if all(d.severity != "error" for d in said):
                return found
    return None
