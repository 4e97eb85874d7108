"""How many places of each axis a mapping must use where the architecture asks for a minimum share.

Only the numbers are found here; legality.py compares mappings with them.
"""

from __future__ import annotations

from math import prod

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis
from tileloom.core.factors import divisors
from tileloom.workload.problem import Problem

Place = tuple[str, str]
"""(fanout, axis)."""


def may_lie_on(problem: Problem, axis: FanoutAxis, dim: str) -> bool:
    """Whether the axis lets a loop over this dim lie on it: its `dims`, and nothing `stationary` moved."""
    if axis.dims and dim not in axis.dims:
        return False
    return not any(axis.stationary.has(t) and dim in t.dims for t in problem.tensors)


def required_places(problem: Problem, architecture: Architecture) -> dict[Place, float]:
    """(fanout, axis) -> least number of places to use, for every axis that asks for a share.

    Where divisors of the dims reach the share, that share of the size; where they do not, the best they reach. Axes
    are settled one after another, outermost first, each on what the earlier ones leave. Nothing is asked of a problem
    that only copies.
    """
    if problem.copy:
        return {}
    unit = architecture.compute_for(problem)
    path = architecture.path(unit) if unit else architecture.nodes
    asked = [(f, a) for f in path if isinstance(f, Fanout) for a in f.axes if a.min_utilization > 0]
    reachable = _reachable(problem, [a for _, a in asked]) if asked else set()
    required: dict[Place, float] = {}
    for position, (fanout, axis) in enumerate(asked):
        best = max(used[position] for used in reachable)
        least = min(axis.min_utilization * axis.size, float(best))
        reachable = {used for used in reachable if used[position] >= least}
        required[(fanout.name, axis.name)] = least
    return required


def _reachable(problem: Problem, axes: list[FanoutAxis]) -> set[tuple[int, ...]]:
    """Every combination of products that divisors of the dims give on the axes, each within its size and max_dims."""
    none = tuple(0 for _ in axes)
    found = {(tuple(1 for _ in axes), none)}
    for dim, extent in problem.extents.items():
        choices = [tuple(1 for _ in axes)]
        for i, axis in enumerate(axes):
            if may_lie_on(problem, axis, dim):
                choices = [
                    (*c[:i], f, *c[i + 1 :]) for c in choices for f in divisors(extent // prod(c)) if f <= axis.size
                ]
        grown = {
            (tuple(a * b for a, b in zip(used, c)), tuple(n + (f > 1) for n, f in zip(dims, c)))
            for used, dims in found
            for c in set(choices)
        }
        found = {
            (used, dims)
            for used, dims in grown
            if all(u <= a.size and (a.max_dims is None or n <= a.max_dims) for u, n, a in zip(used, dims, axes))
        }
    return {used for used, _ in found}
