"""A mapper that thinks of one mapping only, so that what is around the mappers can be tested without them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Profile
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.search.objective import Objective, SearchResult, value_of
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Problem

CHIP = """
name: tiny
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8.0, width_bits: 8}, keep: all}
- {memory: Buffer, size_bits: 1024, access: {energy_pj: 1.0, width_bits: 8}, keep: all}
- {compute: MAC, energy_pj: 1.0}
"""


@dataclass(frozen=True)
class StubMapper:
    """Everything streams through the buffer one value at a time. Problems with a dim of 13 fit nowhere, 11 is refused."""

    effort: int = 1
    seed: int = 0

    name: ClassVar[str] = "stub"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False
    searched: ClassVar[list[str]] = []

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        self.searched.append(problem.name)
        if 13 in problem.extents.values():
            reasons = (f"{problem.name}: smallest tile 1200 bits, Buffer 1024 bits",)
            return SearchResult(problem=problem, objective=objective, status="infeasible", reasons=reasons)
        if 11 in problem.extents.values():
            raise UnsupportedError("the stub takes no extent of 11")
        names = tuple(t.name for t in problem.tensors)
        loops = (Loop(d.name, 1) for d in problem.dims)
        tree = MappingTree((Hold(names, "DRAM"), *loops, Hold(names, "Buffer"), Compute("MAC")))
        cost = LoopnestModel().evaluate(problem, architecture, tree)
        bound = value_of(cost, objective) / 2
        return SearchResult(
            problem=problem,
            objective=objective,
            status="feasible",
            mapping=tree,
            cost=cost,
            lower_bound=bound,
            evaluated=1,
            space_size=10**20,
            explain=(("never thought of", 7),),
        )


def product(name: str, m: int, n: int = 2, k: int = 3) -> Problem:
    return parse_einsum("C[m, n] += A[m, k] * B[k, n]", {"m": m, "n": n, "k": k}, name=name)


def network(*problems: Problem) -> Network:
    layers = tuple(Layer(name=p.name, problem=p, operator="MatMul") for p in problems)
    return Network("net", layers)


def die(*_: object) -> SearchResult:
    """Ends the process as the system does when memory runs out."""
    os._exit(9)
