"""How much each parameter matters: one parameter at a time is moved away from a reference design, all others stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tileloom.explore.sweep.bulk import limits_of
from tileloom.explore.sweep.plan import Plan
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.values import Value

if TYPE_CHECKING:
    import polars as pl

VALUES = 17
"""Values of one parameter that are looked at: both ends, the reference and what lies evenly between."""


@dataclass(frozen=True)
class Step:
    """The reference design with another value of one parameter. metrics as in METRICS; nan where nothing fits."""

    parameter: str
    value: Value
    metrics: tuple[float, ...]
    valid: bool


@dataclass(frozen=True)
class Sensitivity:
    """reference: number of the design, its values and metrics; steps: parameter by parameter, values ascending."""

    design: int
    values: dict[str, Value]
    metrics: tuple[float, ...]
    steps: tuple[Step, ...]


def reference_of(front: pl.DataFrame) -> int:
    """The design of the front with the least energy-delay product."""
    return int(front.sort("edp", "design")["design"][0])


def sensitivity(plan: Plan, design: int) -> Sensitivity:
    """Moves every swept parameter in turn. Linked parameters move along."""
    digits = plan.space.digits(design)
    moved = []
    for p, parameter in enumerate(plan.space.parameters):
        if len(parameter.values) > 1:
            moved += [(p, d) for d in _picked(len(parameter.values), digits[p])]
    designs = [plan.space.index([d if i == p else x for i, x in enumerate(digits)]) for p, d in moved]
    wanted = tuple(dict.fromkeys((design, *designs)))
    found = plan.some(wanted)
    metrics = {int(i): tuple(float(v) for v in row) for i, row in zip(found.rows.indices, found.rows.metrics)}
    fits = {int(i): found.fits[k] if found.fits else True for k, i in enumerate(found.rows.indices)}
    low, high = limits_of(plan.study)
    steps = []
    for (p, d), i in zip(moved, designs):
        valid = fits[i] and all(lo <= v <= hi for v, lo, hi in zip(metrics[i], low, high))
        parameter = plan.space.parameters[p]
        steps.append(Step(parameter.name, parameter.values[d], metrics[i], valid))
    return Sensitivity(design, plan.space.values(design), metrics[design], tuple(steps))


def swing(steps: tuple[Step, ...], metric: str) -> dict[str, float]:
    """Largest over smallest value of a metric along each parameter; 1 = it does not matter."""
    at = METRICS.index(metric)
    found: dict[str, list[float]] = {}
    for step in steps:
        if step.metrics[at] == step.metrics[at]:
            found.setdefault(step.parameter, []).append(step.metrics[at])
    return {name: max(v) / min(v) for name, v in found.items() if min(v) > 0}


def _picked(count: int, own: int) -> list[int]:
    even = {round(i * (count - 1) / (VALUES - 1)) for i in range(VALUES)} if count > VALUES else set(range(count))
    return sorted(even | {own})
