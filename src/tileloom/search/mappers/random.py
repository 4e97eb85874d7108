"""The random mapper: draws mappings of the literal space and keeps the best. Proves nothing, works with every model."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Cost, CostModel, Profile
from tileloom.mapping.constraints import FREE, Constraints, constrain
from tileloom.mapping.space import MapSpace
from tileloom.mapping.tree import MappingTree
from tileloom.search.mappers.exhaustive import default_model
from tileloom.search.objective import Objective, SearchResult, Status, value_of
from tileloom.search.screen import Screen, never_fits
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class RandomMapper:
    """Options of the search.

    samples      mappings to draw; those that do not fit count too
    seed         equal seeds draw equal mappings, on any machine
    imperfect    tiles of any size, not only divisors
    constraints  narrow the space
    model        cost model; None = loopnest
    """

    samples: int = 1000
    seed: int = 0
    imperfect: bool = False
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "random"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Status 'feasible'; 'infeasible' only when no mapping can ever fit; 'stopped' when no draw happened to fit."""
        started = perf_counter()
        model = self.model or default_model()
        narrowed = constrain(problem, architecture, self.constraints)
        space = MapSpace(problem, architecture, self.imperfect, model.name == "loopnest", self.constraints)
        screen = Screen(problem, narrowed)
        rng = Random(self.seed)
        best: tuple[float, MappingTree, Cost] | None = None
        evaluated = undrawn = 0
        impossible = tuple(map(str, never_fits(problem, narrowed)))
        for _ in range(0 if impossible else self.samples):
            mapping = space.sample(rng)
            if mapping is None:
                undrawn += 1
            elif screen.passes(mapping):
                evaluated += 1
                cost = model.evaluate(problem, architecture, mapping)
                value = value_of(cost, objective)
                if best is None or value < best[0]:
                    best = (value, mapping, cost)
        status: Status = "infeasible" if impossible else "feasible" if best else "stopped"
        broken = tuple(f"{count} of {self.samples} draws break {rule}" for rule, count in screen.explain())
        return SearchResult(
            problem=problem,
            objective=objective,
            status=status,
            mapping=best[1] if best else None,
            cost=best[2] if best else None,
            evaluated=evaluated,
            space_size=0 if self.imperfect or self.constraints.tiles else space.size(),
            seconds=perf_counter() - started,
            seed=self.seed,
            mapper=self.name,
            reasons=() if best else impossible or (*broken, "draw more samples, or use mapper 'optimal'"),
            explain=(("draws that ran into a constraint", undrawn), *screen.explain()),
        )
