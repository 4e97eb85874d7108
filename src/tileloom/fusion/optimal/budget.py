"""How much a search may do: steps, which count work the same on every machine, and seconds, which do not."""

from __future__ import annotations

from math import inf
from time import perf_counter

LABELS_PER_STEP = 10_000


class OutOfBudgetError(Exception):
    """The search must stop; what it knows by then is its answer."""


class Budget:
    """Counts steps: one per choice of shared tensors made exact, one per `LABELS_PER_STEP` pairs of a label and a row.

    max_steps    None = no limit;  time_limit_s: seconds from now, None = no limit
    """

    def __init__(self, max_steps: int | None = None, time_limit_s: float | None = None) -> None:
        self.steps = 0
        self.max_steps = inf if max_steps is None else max_steps
        self.until_s = inf if time_limit_s is None else perf_counter() + time_limit_s

    def spend(self, steps: int = 1) -> None:
        """Raises OutOfBudgetError when these steps are more than what is left, or time is over."""
        if self.steps + steps > self.max_steps or (self.until_s < inf and perf_counter() > self.until_s):
            raise OutOfBudgetError
        self.steps += steps
