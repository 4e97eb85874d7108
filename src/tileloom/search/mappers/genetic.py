"""The genetic mapper: a population of plans, bred by exchanging and changing what makes up a mapping. Seeded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import CostModel, Profile
from tileloom.mapping.constraints import FREE, Constraints
from tileloom.search.mappers.exhaustive import default_model
from tileloom.search.mappers.levels import LevelSpace, Plan
from tileloom.search.mappers.trial import Rejection, Trial
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.problem import Problem

Change = Callable[[LevelSpace, Plan, Random], "Plan | None"]
ATTEMPTS = 6
"""Changes tried for one child that is rejected."""


@dataclass(frozen=True, slots=True)
class Individual:
    """A plan with its value and the generation it was born in."""

    value: float
    born: int
    plan: Plan


@dataclass(frozen=True, slots=True)
class GeneticMapper:
    """Options of the search.

    population    plans that live at once
    generations   rounds of breeding
    elite         share of the population that lives on
    max_age       generations after which one dies, the best one excepted
    crossover     share of children with two parents
    seed          equal seeds give equal answers
    constraints   narrow the space
    model         cost model; None = loopnest
    """

    population: int = 40
    generations: int = 40
    elite: float = 0.25
    max_age: int = 10
    crossover: float = 0.5
    seed: int = 0
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "genetic"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Status 'feasible'; 'infeasible' only when no mapping can ever fit; 'stopped' when nothing was found."""
        started = perf_counter()
        model = self.model or default_model()
        trial = Trial(LevelSpace(problem, architecture, self.constraints, model.profile), model, objective)
        rng = Random(self.seed)
        living: list[Individual] = []
        if not trial.impossible():
            living = self._founders(trial, rng)
        for generation in range(1, self.generations + 1 if living else 1):
            living = self._next(trial, living, generation, rng)
        return trial.result(self.name, self.seed, perf_counter() - started, (("generations", self.generations),))

    def _founders(self, trial: Trial, rng: Random) -> list[Individual]:
        found: list[Individual] = []
        for _ in range(20 * self.population):
            plan = trial.space.draw(rng)
            child = None if plan is None else accepted(trial, plan, 0, rng)
            if child is not None:
                found.append(child)
            if len(found) == max(1, self.population):
                break
        return found

    def _next(self, trial: Trial, living: list[Individual], generation: int, rng: Random) -> list[Individual]:
        """The best live on unless they are too old; the rest are their children and those of tournaments."""
        ranked = sorted(living, key=lambda i: i.value)
        young = [i for n, i in enumerate(ranked) if n == 0 or generation - i.born <= self.max_age]
        kept = young[: max(1, round(self.elite * self.population))]
        children: list[Individual] = []
        for _ in range(3 * self.population):
            if len(kept) + len(children) >= self.population:
                break
            plan = self._child(trial.space, young, rng)
            child = None if plan is None else accepted(trial, plan, generation, rng)
            if child is not None:
                children.append(child)
        return [*kept, *children]

    def _child(self, space: LevelSpace, living: list[Individual], rng: Random) -> Plan | None:
        one, other = (min(rng.choices(living, k=3), key=lambda i: i.value).plan for _ in range(2))
        plan: Plan | None = crossed(space, one, other, rng) if rng.random() < self.crossover else one
        if plan is None or plan == one:
            plan = rng.choice(CHANGES)(space, one, rng)
        return plan


def accepted(trial: Trial, plan: Plan, generation: int, rng: Random) -> Individual | None:
    """The plan as a living one, mended where it overflows a memory; None when it cannot be."""
    for _ in range(ATTEMPTS):
        found = trial.tell(plan)
        if not isinstance(found, Rejection):
            return Individual(found, generation, plan)
        changed = trial.space.outward(plan, found.where, rng) if found.code == "E-CAP" else None
        if changed is None:
            return None
        plan = changed
    return None


def crossed(space: LevelSpace, one: Plan, other: Plan, rng: Random) -> Plan | None:
    """Every dim's split, memory's order and memory's tensors from either parent; None when the axes do not take it."""
    child = Plan(
        tuple(rng.choice(pair) for pair in zip(one.chains, other.chains)),
        tuple(rng.choice(pair) for pair in zip(one.orders, other.orders)),
        tuple(rng.choice(pair) for pair in zip(one.keeps, other.keeps)),
    )
    return child if space.fits(child.chains) else None


def refactored(space: LevelSpace, plan: Plan, rng: Random) -> Plan | None:
    """One dim split another way."""
    if not plan.chains:
        return None
    number = rng.randrange(len(plan.chains))
    chain = space.draw_chain(number, plan.chains, rng, space.chains[number])
    return None if chain is None else plan.with_chain(number, chain)


def reordered(space: LevelSpace, plan: Plan, rng: Random) -> Plan | None:
    """The loops of one memory in another order: drawn, or one of those that differ in reuse."""
    level = rng.randrange(len(plan.orders))
    order = space.draw_order(level, rng)
    if rng.random() < 0.5:
        order = rng.choice(list(dict.fromkeys(o[level] for o in space.reuse_orders(plan))))
    return replace(plan, orders=(*plan.orders[:level], order, *plan.orders[level + 1 :]))


def axis_moved(space: LevelSpace, plan: Plan, rng: Random) -> Plan | None:
    """One dim with the same tiles in time as far as possible, but other places in space."""
    if not plan.chains or not space.frame.places:
        return None
    number = rng.randrange(len(plan.chains))
    now = plan.chains[number]
    near = [c for c in space.chains[number] if c.space != now.space and _differing(c.time, now.time) <= 1]
    rng.shuffle(near)
    return next((p for c in near[:20] if space.fits((p := plan.with_chain(number, c)).chains)), None)


def _differing(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return sum(a != b for a, b in zip(one, other))


def kept_otherwise(space: LevelSpace, plan: Plan, rng: Random) -> Plan | None:
    """One memory holding another set of tensors."""
    sets = space.keeps()
    level = rng.randrange(len(sets))
    return replace(plan, keeps=(*plan.keeps[:level], rng.choice(sets[level]), *plan.keeps[level + 1 :]))


CHANGES: tuple[Change, ...] = (refactored, refactored, reordered, axis_moved, kept_otherwise)
