"""A mapper that climbs: from random plans, one dim split another way as long as that helps."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import CostModel, Profile
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.constraints import FREE, Constraints
from tileloom.search.mappers.genetic import refactored
from tileloom.search.mappers.levels import LevelSpace
from tileloom.search.mappers.trial import Rejection, Trial
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class ClimbingMapper:
    """starts: random plans to climb from;  steps: changes tried for each;  the rest as in Tileloom's own mappers."""

    starts: int = 10
    steps: int = 40
    seed: int = 0
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "climber"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        started = perf_counter()
        model = self.model or LoopnestModel()
        trial = Trial(LevelSpace(problem, architecture, self.constraints, model.profile), model, objective)
        rng = Random(self.seed)
        for _ in range(0 if trial.impossible() else self.starts):
            self._climb(trial, rng)
        return trial.result(self.name, self.seed, perf_counter() - started)

    def _climb(self, trial: Trial, rng: Random) -> None:
        plan = trial.space.draw(rng)
        if plan is None:
            return
        value = trial.tell(plan)
        for _ in range(self.steps):
            changed = refactored(trial.space, plan, rng)
            found = None if changed is None else trial.tell(changed)
            if changed is None or found is None or isinstance(found, Rejection):
                continue
            if isinstance(value, Rejection) or found <= value:
                plan, value = changed, found
