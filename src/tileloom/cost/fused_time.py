"""How long a fused mapping takes where branches overlap: pipelines and branches side by side.

Derived here. Everything that happens at the same time uses the same hardware, so it takes as long as its longest part,
and as long as the busiest component needs for all of it together. Stages on different components overlap in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Cost
from tileloom.mapping.fused import Address, Branch
from tileloom.mapping.fused_occupancy import rounds
from tileloom.mapping.tree import Compute, MappingTree, Par, Pipe, Seq, TreeNode


@dataclass(frozen=True)
class Span:
    """cycles from start to end of all trips, and how long each component is busy in them."""

    cycles: float
    busy: Mapping[str, float]


def elapsed_cycles(
    mapping: MappingTree, found: Sequence[Branch], costs: Mapping[str, Cost], counts: Mapping[str, int]
) -> float:
    """Cycles of the whole tree.

    seq    the sum of its branches
    par    max(longest branch, busiest component over all branches)
    pipe   with T iterations of the loops above it, stage i works on iteration s - i at step s. A step of the stages
           that are active takes what they would take as a par, each for one T-th of its work; T + stages - 1 steps.

    >>> stage = {"MAC": 8.0}, {"vector": 4.0}  # 4 iterations: 2 cycles and 1 cycle each
    >>> _pipe([Span(8.0, stage[0]), Span(4.0, stage[1])], 4)  # fill 2, three full steps of 2, drain 1
    9.0
    """

    def span(nodes: Sequence[TreeNode], prefix: Address) -> Span:
        last = nodes[-1]
        if isinstance(last, Compute):
            branch = next(b for b in found if b.places[-1] == (*prefix, len(nodes) - 1))
            if branch.loops:
                raise UnsupportedError("tile loops over overlapping windows stand above seq branches, not pipe or par")
            cost, times = costs[branch.problem.name], counts.get(branch.problem.name, 1)
            return Span(cost.cycles * times, {name: c * times for name, c in cost.cycles_by_component})
        assert isinstance(last, Seq | Pipe | Par)
        at = (*prefix, len(nodes) - 1)
        parts = [span(child, (*at, b)) for b, child in enumerate(last.children)]
        if isinstance(last, Pipe):
            cycles = _pipe(parts, rounds(mapping, found, at))
        else:
            cycles = sum(p.cycles for p in parts) if isinstance(last, Seq) else _at_once(parts)
        return Span(cycles, _sum(p.busy for p in parts))

    return span(mapping.nodes, ()).cycles


def _pipe(stages: Sequence[Span], iterations: int) -> float:
    """Steps of filling and draining one by one; all steps between, in which every stage works, together."""
    steps, last = iterations + len(stages) - 1, len(stages) - 1
    full = range(last, iterations)
    edges = (*range(min(last, steps)), *range(max(iterations, last), steps))
    total = len(full) * _at_once(stages)
    total += sum(_at_once([p for i, p in enumerate(stages) if 0 <= s - i < iterations]) for s in edges)
    return total / iterations


def _at_once(parts: Sequence[Span]) -> float:
    busy = _sum(p.busy for p in parts)
    return max([*(p.cycles for p in parts), *busy.values()], default=0.0)


def _sum(tables: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for table in tables:
        for name, cycles in table.items():
            found[name] = found.get(name, 0.0) + cycles
    return found
