"""Trying one plan after another: legality, cost, the best so far, and why the others were rejected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf

from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Cost, CostModel
from tileloom.mapping.tree import MappingTree
from tileloom.search.mappers.levels import LevelSpace, Plan
from tileloom.search.objective import Objective, SearchResult, Status, value_of
from tileloom.search.screen import Screen, never_fits
from tileloom.search.space_report import plans

MOST_STATES = 20_000
"""Of the count of a space: more take longer than a search should."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a mapping was not costed. `where`: the memory or axis, where the code is about one."""

    code: str
    where: str


@dataclass(slots=True)
class Trial:
    """One search in progress. `tell` gives the value of a plan, or a rejection to learn from."""

    space: LevelSpace
    model: CostModel
    objective: Objective
    value: float = inf
    mapping: MappingTree | None = None
    cost: Cost | None = None
    evaluated: int = 0
    proposed: int = 0
    known: dict[MappingTree, float | Rejection] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    screen: Screen = field(init=False)

    def __post_init__(self) -> None:
        self.screen = Screen(self.space.problem, self.space.narrowed)

    def tell(self, plan: Plan) -> float | Rejection:
        """The objective (pJ, cycles, or their product), or why the mapping is not taken. Asked again, answered from memory."""
        self.proposed += 1
        mapping = self.space.mapping(plan)
        if mapping not in self.known:
            self.known[mapping] = self._look_at(mapping)
        return self.known[mapping]

    def _look_at(self, mapping: MappingTree) -> float | Rejection:
        before = Counter(self.screen.rejected)
        if not self.screen.passes(mapping):
            rule = next(iter(self.screen.rejected - before))
            code, _, where = rule.partition(" at ")
            return Rejection(code, where)
        try:
            cost = self.model.evaluate(self.space.problem, self.space.architecture, mapping)
        except UnsupportedError as error:
            self.refused[str(error)] += 1
            return Rejection("E-MODEL", self.model.name)
        self.evaluated += 1
        value = value_of(cost, self.objective)
        if value < self.value:
            self.value, self.mapping, self.cost = value, mapping, cost
        return value

    def impossible(self) -> tuple[str, ...]:
        """Why no mapping can ever fit; () when one might."""
        empty = [d for d, chains in zip(self.space.frame.dims, self.space.chains) if not chains]
        reasons = [f"the rules leave no split of dim '{d}' (extent {self.space.problem.extents[d]})" for d in empty]
        return (*map(str, never_fits(self.space.problem, self.space.narrowed)), *reasons)

    def result(self, mapper: str, seed: int, seconds: float, explain: tuple[tuple[str, int], ...] = ()) -> SearchResult:
        impossible = self.impossible()
        status: Status = "infeasible" if impossible else "feasible" if self.mapping else "stopped"
        broken = [f"{count} of {self.proposed} proposals break {rule}" for rule, count in self.screen.explain()]
        broken += [f"{count} of {self.proposed} proposals are refused: {why}" for why, count in self.refused.items()]
        size = plans(self.space, MOST_STATES)
        uncounted = (("states after which counting the space was given up", MOST_STATES),) if size is None else ()
        hint = "search longer, or use mapper 'optimal'"
        return SearchResult(
            problem=self.space.problem,
            objective=self.objective,
            status=status,
            mapping=self.mapping,
            cost=self.cost,
            evaluated=self.evaluated,
            space_size=size or 0,
            seconds=seconds,
            seed=seed,
            mapper=mapper,
            reasons=() if self.mapping else impossible or (*broken, hint),
            explain=(("proposals", self.proposed), *explain, *uncounted, *self.screen.explain()),
        )
