"""A mapping in words: its loop nest with trip counts, how many steps and copies that makes, what each memory holds.

Costs nothing; counts of moved words are of a cost model.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, walk
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class Explanation:
    """nest: one node a line;  steps: trips of all loops in time;  copies: of all in space;  points: of the problem.

    tiles  (memory, tensor, words of one tile at its hold), outermost first
    """

    nest: str
    steps: int
    copies: int
    points: int
    tiles: tuple[tuple[str, str, int], ...]

    @property
    def utilization(self) -> float:
        """Points per step and copy: below 1 where last tiles are smaller."""
        return self.points / (self.steps * self.copies)


def explain(problem: Problem, mapping: MappingTree) -> Explanation:
    """A mapping of one problem. Raises UnsupportedError for branches."""
    if not mapping.is_chain:
        raise UnsupportedError(
            "a mapping with branches (seq, pipe, par) is of several problems; only a chain is explained"
        )
    trips: dict[bool, list[int]] = {True: [], False: []}
    tiles: list[tuple[str, str, int]] = []
    for step in walk(mapping, problem.extents):
        node = step.node
        if isinstance(node, Hold):
            tiles += [(node.memory, n, problem.tensor(n).footprint(step.outside)) for n in node.tensors]
        elif isinstance(node, Loop | Joint):
            spatial = isinstance(node, Joint) or node.spatial
            trips[spatial].append(step.trips)
    return Explanation(to_text(mapping, problem), prod(trips[False]), prod(trips[True]), problem.macs, tuple(tiles))
