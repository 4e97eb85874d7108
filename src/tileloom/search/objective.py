"""What a search minimises and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import ClassVar, Literal, Protocol

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Cost, Profile
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem

Objective = Literal["energy", "latency", "edp"]
OBJECTIVES: tuple[Objective, ...] = ("energy", "latency", "edp")
Status = Literal["optimal", "feasible", "infeasible", "stopped"]


def value_of(cost: Cost, objective: Objective) -> float:
    """pJ, cycles, or pJ * cycles."""
    if objective == "energy":
        return cost.energy_pj
    return cost.cycles if objective == "latency" else cost.edp


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The best mapping of one problem and what is known about it.

    status       'optimal': lower_bound equals the objective;  'feasible': best found, nothing proven;
                 'stopped': ended early, lower_bound holds;  'infeasible': `reasons` say why
    lower_bound  no mapping of the declared space costs less (0 when nothing is proven)
    evaluated    mappings whose cost was computed;  space_size: mappings in the declared space, exact
    front        in Pareto mode, all non-dominated (mapping, cost) pairs, energy ascending; `mapping` is the one of
                 them with the best value of the objective
    explain      what was pruned and by which argument, as (what, count)
    """

    problem: Problem
    objective: Objective
    status: Status
    mapping: MappingTree | None = None
    cost: Cost | None = None
    lower_bound: float = 0.0
    evaluated: int = 0
    space_size: int = 0
    seconds: float = 0.0
    seed: int | None = None
    mapper: str = ""
    reasons: tuple[str, ...] = ()
    front: tuple[tuple[MappingTree, Cost], ...] = ()
    explain: tuple[tuple[str, int], ...] = field(default=())

    @property
    def value(self) -> float:
        return value_of(self.cost, self.objective) if self.cost is not None else float("inf")

    @property
    def gap(self) -> float:
        """(value - lower bound) / value; 0 = proven."""
        return 0.0 if self.value == 0 or self.cost is None else (self.value - self.lower_bound) / self.value

    def __str__(self) -> str:
        """The problem, the mapping as a loop nest and its cost, or the reasons why there is none."""
        from tileloom.mapping.text import to_text

        if self.mapping is None or self.cost is None:
            return "\n".join((str(self.problem), self.status, *self.reasons))
        nest = to_text(self.mapping, self.problem, self.cost)
        return f"{self.problem}\n{nest}\n{self.status}: {self.cost}; lower bound {self.lower_bound:.6g}"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


class Mapper(Protocol):
    """Finds a mapping. Options are the fields of the implementing frozen dataclass."""

    name: ClassVar[str]
    profile: ClassVar[Profile]
    PROVES_OPTIMAL: ClassVar[bool]

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult: ...
