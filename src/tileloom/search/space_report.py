"""How much each group of constraints leaves of the space of plans: exact sizes before and after, nothing listed.

The space is that of levels.py, what the hybrid, genetic and decoupled mappers search: per memory a set of tensors, one
split of every dim over memories and axes, and an order of the loops of each memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import factorial, prod
from typing import Any, overload

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Profile
from tileloom.mapping.constraints import FREE, Constraints
from tileloom.search.mappers.levels import MOST_CHAINS, LevelSpace
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class GroupSize:
    """Mappings before and after a group of rules, counted with all groups above it."""

    group: str
    before: int
    after: int

    def __str__(self) -> str:
        share = f"{self.after / self.before:.3g} of it" if self.before else "of nothing"
        return f"{self.group}: {self.before} -> {self.after} mappings ({share})"


def size_report(problem: Problem, architecture: Architecture, constraints: Constraints) -> tuple[GroupSize, ...]:
    """One row per group that has rules, in the order of the file.

    Capacity and minimum use of axes are no part of the count: a mapping that breaks them is in the space and is refused.
    Raises InputError for rules that contradict each other or the architecture.
    """
    before = plans(LevelSpace(problem, architecture, FREE, Profile()))
    rows, held = [], FREE
    for group, fields in _groups(constraints):
        held = replace(held, **fields)
        after = plans(LevelSpace(problem, architecture, held, Profile()))
        rows.append(GroupSize(group, before, after))
        before = after
    return tuple(rows)


def _groups(c: Constraints) -> Iterator[tuple[str, dict[str, Any]]]:
    for group, names in (
        ("hardware: axes", ("axes",)),
        ("hardware: clusters", ("clusters",)),
        ("hardware: tensors", ("tensors",)),
        ("workload: no_spatial", ("no_spatial",)),
        ("workload: full_at", ("full_at",)),
        ("workload: tile", ("tiles",)),
        ("workload: order", ("orders",)),
    ):
        if any(getattr(c, n) for n in names):
            yield group, {n: getattr(c, n) for n in names}


@overload
def plans(space: LevelSpace) -> int: ...
@overload
def plans(space: LevelSpace, most_states: int) -> int | None: ...
def plans(space: LevelSpace, most_states: int | None = None) -> int | None:
    """Residencies times splits that fit the axes times orders of the loops that are there. Loops of one trip have no order.

    Dims are added one after another; equal use of axes and equal numbers of loops per memory are counted together.
    most_states   None is given where more of these would have to be told apart, or a dim has more splits than are listed
    """
    frame = space.frame
    limits = [(p.axis.size, p.axis.max_dims) for p in frame.places]
    fixed = [space.constraints.order_of(m.name) for m in frame.memories]
    states: dict[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], int] = {
        (tuple(1 for _ in limits), tuple(0 if m is not None else -1 for _, m in limits), tuple(0 for _ in fixed)): 1
    }
    for dim, chains in zip(frame.dims, space.chains):
        ways = Counter(
            (c.space, tuple(int(t > 1 and not (r is not None and r.fixes(dim))) for t, r in zip(c.time, fixed)))
            for c in chains
        )
        grown: dict[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], int] = {}
        for (used, dims, loops), number in states.items():
            for (trips, more), count in ways.items():
                now = tuple(u * t for u, t in zip(used, trips))
                beside = tuple(n + (t > 1) if n >= 0 else n for n, t in zip(dims, trips))
                if all(u <= size and (m is None or n <= m) for (size, m), u, n in zip(limits, now, beside)) and (
                    frame.clusters_fit(now)
                ):
                    key = (now, beside, tuple(a + b for a, b in zip(loops, more)))
                    grown[key] = grown.get(key, 0) + number * count
        states = grown
        if most_states is not None and (len(states) > most_states or len(chains) >= MOST_CHAINS):
            return None
    splits = sum(number * prod(map(factorial, loops)) for (_, _, loops), number in states.items())
    return prod(len(sets) for sets in space.keeps()) * splits
