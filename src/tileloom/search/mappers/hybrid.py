"""The hybrid mapper: random splits, every order that matters for each, and rejections that steer the next draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import CostModel, Profile
from tileloom.mapping.constraints import FREE, Constraints
from tileloom.search.mappers.exhaustive import default_model
from tileloom.search.mappers.levels import Chain, LevelSpace, Plan
from tileloom.search.mappers.trial import Rejection, Trial
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.problem import Problem

REPAIRS = 12
"""Times a split that does not fit is changed before another is drawn."""


@dataclass(frozen=True, slots=True)
class HybridMapper:
    """Options of the search, Timeloop's hybrid mapper with feedback.

    victory       stop after so many mappings in a row that are no better
    timeout       stop after so many proposals in a row that are rejected
    evaluations   costed mappings at most
    orders        orders tried per split at most
    seed          equal seeds give equal answers
    constraints   narrow the space
    model         cost model; None = loopnest

    A split that overflows a memory is rejected with all its orders, and mended: a factor goes outward past that memory.
    """

    victory: int = 500
    timeout: int = 1000
    evaluations: int = 3000
    orders: int = 64
    seed: int = 0
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "hybrid"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Status 'feasible'; 'infeasible' only when no mapping can ever fit; 'stopped' when nothing was found."""
        started = perf_counter()
        model = self.model or default_model()
        space = LevelSpace(problem, architecture, self.constraints, model.profile)
        trial = Trial(space, model, objective)
        mended = 0
        if not trial.impossible():
            mended = run_hybrid(trial, Random(self.seed), self.victory, self.timeout, self.evaluations, self.orders)
        return trial.result(
            self.name, self.seed, perf_counter() - started, (("splits mended after a rejection", mended),)
        )


def run_hybrid(
    trial: Trial,
    rng: Random,
    victory: int,
    timeout: int,
    evaluations: int,
    orders: int,
    pool: Sequence[Sequence[Chain]] | None = None,
) -> int:
    """Search until a limit is met; returns how often a rejected split was mended. `pool`: the splits to draw from."""
    worse = failed = mended = 0
    stop = trial.evaluated + evaluations
    while worse < victory and failed < timeout and trial.evaluated < stop:
        plan = trial.space.draw(rng, pool)
        if plan is None:
            failed += 1
            continue
        plan, steps, tries = _mended(trial, plan, rng)
        mended += steps
        failed = failed + tries if plan is None else 0
        if plan is None:
            continue
        for order in islice(trial.space.reuse_orders(plan), orders):
            before = trial.value
            found = trial.tell(replace(plan, orders=order))
            worse = 0 if trial.value < before else worse + 1
            if isinstance(found, Rejection) or worse >= victory or trial.evaluated >= stop:
                break
    return mended


def _mended(trial: Trial, plan: Plan, rng: Random) -> tuple[Plan | None, int, int]:
    """A plan that is taken, how often it was changed for that, and the proposals it took."""
    for step in range(REPAIRS):
        found = trial.tell(plan)
        if not isinstance(found, Rejection):
            return plan, step, step + 1
        changed = trial.space.outward(plan, found.where, rng) if found.code == "E-CAP" else None
        if changed is None:
            return None, step, step + 1
        plan = changed
    return None, REPAIRS, REPAIRS
