"""The first rewrite of a problem, or of each layer of a network, that a cost model and mapper take where they do not take it."""

from __future__ import annotations

from tileloom.architecture.model import Architecture
from tileloom.search.conformability import diagnose
from tileloom.search.objective import Objective
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import ALGORITHMS
from tileloom.workload.rewrite.base import Rewrite
from tileloom.workload.rewrite.network import RewrittenNetwork, replaced


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


def rewrite_refused(network: Network, architecture: Architecture, model: str, mapper: str | None) -> RewrittenNetwork:
    """Every distinct layer that model and mapper refuse under the first algorithm that they take; the others as they are."""

    def one(problem: Problem) -> Rewrite | str:
        found = first_that_is_taken(problem, architecture, model, mapper)
        return found if found is not None else f"no rewrite is taken by model {model} and mapper {mapper}"

    return replaced(network, one)
