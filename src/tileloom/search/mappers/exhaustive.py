"""The exhaustive mapper: costs every mapping of the literal space, so its answer needs no argument to be trusted.

It is the yardstick of the other mappers on spaces small enough to list; it prunes nothing by cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Cost, CostModel, Profile
from tileloom.mapping.constraints import FREE, Constraints, constrain
from tileloom.mapping.space import MapSpace
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective, SearchResult, Status, value_of
from tileloom.search.screen import Screen, never_fits
from tileloom.workload.problem import Problem

LARGEST = 100_000_000
"""A larger space would take days: it is listed only up to a `max_mappings` that the caller sets."""
REMEMBERED = 1_000_000
"""Signatures kept to avoid costing the same counts again; beyond that, repeats are costed."""


def default_model() -> CostModel:
    """The model used when a mapper is given none."""
    from tileloom.cost.models.loopnest import LoopnestModel

    return LoopnestModel()


@dataclass(frozen=True, slots=True)
class ExhaustiveMapper:
    """Options of the search.

    max_mappings  stop after listing this many (0 = list all of a space of at most `LARGEST`)
    imperfect     tiles of any size, not only divisors
    distinct      leave out loop orders that cannot matter, and cost equal counts once. Sound for models that count
                  literally; None = where the model is `loopnest`
    constraints   narrow the space
    model         cost model; None = loopnest
    """

    max_mappings: int = 0
    imperfect: bool = False
    distinct: bool | None = None
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "exhaustive"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = True

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Of mappings with the best value the first in the order of the space. Raises UnsupportedError when no
        compute unit takes the problem; 'stopped' at once on a space larger than `LARGEST`."""
        started = perf_counter()
        model = self.model or default_model()
        distinct = model.name == "loopnest" if self.distinct is None else self.distinct
        narrowed = constrain(problem, architecture, self.constraints)
        space = MapSpace(problem, architecture, self.imperfect, distinct, self.constraints)
        if not self.max_mappings and (size := space.size()) > LARGEST:
            reason = (
                f"{size:.3g} mappings are too many to list (at most {LARGEST:.0e}); take the mapper 'optimal', "
                "or list the first N with --option max_mappings=N"
            )
            return SearchResult(
                problem=problem,
                objective=objective,
                status="stopped",
                space_size=size,
                mapper=self.name,
                reasons=(reason,),
            )
        screen = Screen(problem, narrowed)
        run = _Run(model, objective, screen, remember=distinct and not self.imperfect)
        complete = run.through(space, self.max_mappings)
        status: Status = "optimal" if complete else "stopped"
        reasons: tuple[str, ...] = ()
        if run.mapping is None:
            status = "infeasible" if complete else "stopped"
            reasons = never_fits(problem, narrowed) + tuple(
                f"{count} of {run.listed} mappings break {rule}" for rule, count in screen.explain()
            )
        return SearchResult(
            problem=problem,
            objective=objective,
            status=status,
            mapping=run.mapping,
            cost=run.cost,
            lower_bound=run.value if status == "optimal" else 0.0,
            evaluated=run.evaluated,
            space_size=space.size(),
            seconds=perf_counter() - started,
            mapper=self.name,
            reasons=reasons,
            explain=(("mappings listed", run.listed), ("counts seen before", run.repeated), *screen.explain()),
        )


@dataclass(slots=True)
class _Run:
    """The best mapping so far and the counts of a search in progress."""

    model: CostModel
    objective: Objective
    screen: Screen
    remember: bool
    mapping: MappingTree | None = None
    cost: Cost | None = None
    value: float = float("inf")
    listed: int = 0
    evaluated: int = 0
    repeated: int = 0

    def through(self, space: MapSpace, max_mappings: int) -> bool:
        """Look at every candidate; False when `max_mappings` ended it early."""
        seen: set[tuple[object, ...]] = set()
        for candidate in space.candidates():
            if max_mappings and self.listed == max_mappings:
                return False
            self.listed += 1
            signature = candidate.signature() if self.remember else ()
            if signature in seen:
                self.repeated += 1
                continue
            mapping = candidate.mapping()
            # A signature is kept only once a mapping with it has passed: another order may need less space.
            if self.screen.passes(mapping):
                self.look_at(space.problem, space.architecture, mapping)
                if self.remember and len(seen) < REMEMBERED:
                    seen.add(signature)
        return True

    def look_at(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> None:
        self.evaluated += 1
        cost = self.model.evaluate(problem, architecture, mapping)
        value = value_of(cost, self.objective)
        if self.mapping is None or value < self.value:
            self.mapping, self.cost, self.value = mapping, cost, value
