"""`fused_front`: every energy and latency that no schedule of a graph beats in both, each with its schedule.

First the least energy, the least latency and the least product are proved. Whatever they leave open lies in steps
between them, so its product is at most the largest one of a step's corners. Labels under that threshold, compared in
both numbers, give the whole front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter

import numpy as np

from tileloom.fusion.optimal.budget import Budget, OutOfBudgetError
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Limits
from tileloom.fusion.optimal.join import Choice
from tileloom.fusion.optimal.kinds import kinds_of
from tileloom.fusion.optimal.mapper import FusedResult, explain_of, result_of
from tileloom.fusion.optimal.narrow import SLACK
from tileloom.fusion.optimal.rows import KindRows
from tileloom.fusion.optimal.solve import BEAM, Solver
from tileloom.search.objective import OBJECTIVES, Objective, Status
from tileloom.search.optimal.arrays import Floats
from tileloom.search.optimal.run import CODES


@dataclass(frozen=True)
class FusedFront:
    """points: schedules that no other beats in energy and cycles, energy ascending (each `feasible`: proved is the front).

    status   optimal: no schedule of the space is missing (to 1e-9);  stopped: these are the best known
    unfused  per objective, value of the best schedule with every shared tensor in the outermost memory
    """

    graph: FusedGraph
    status: Status
    points: tuple[FusedResult, ...] = ()
    unfused: tuple[tuple[Objective, float], ...] = ()
    reasons: tuple[str, ...] = ()
    explain: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0

    def best(self, objective: Objective) -> FusedResult:
        """The point of least energy, latency or EDP."""
        return min(self.points, key=lambda p: p.value_of(objective))


def fused_front(
    graph: FusedGraph,
    *,
    max_fused_loops: int | None = None,
    max_fused_loops_per_dim: int = 1,
    reversed_copies: bool = False,
    max_steps: int | None = None,
    time_limit_s: float | None = None,
) -> FusedFront:
    """The front of energy and latency over the space of `fused_optimal`; options as there."""
    started = perf_counter()
    limits = Limits(1_000_000 if max_fused_loops is None else max_fused_loops, max_fused_loops_per_dim)
    search = _Search(graph, limits, Budget(max_steps, time_limit_s), reversed_copies)
    stopped = False
    try:
        search.ends()
        if search.points:
            search.between()
    except OutOfBudgetError:
        stopped = True
    reasons: tuple[str, ...] = ()
    status: Status = "stopped" if stopped else "optimal"
    if not search.points and not stopped:
        from tileloom.fusion.optimal.infeasible import why_nothing_fits

        status, reasons = "infeasible", why_nothing_fits(graph, limits)
    return FusedFront(
        graph, status, tuple(search.points), tuple(search.unfused), reasons, search.explain, perf_counter() - started
    )


class _Search:
    """points: the front of what is known, energy ascending."""

    def __init__(self, graph: FusedGraph, limits: Limits, budget: Budget, reversed_copies: bool) -> None:
        self.graph, self.limits, self.budget, self.reversed_copies = graph, limits, budget, reversed_copies
        self.points: list[FusedResult] = []
        self.unfused: list[tuple[Objective, float]] = []
        self.explain: tuple[tuple[str, int], ...] = ()
        self.solver: Solver | None = None

    def ends(self) -> None:
        """The best schedule of each objective, proved; nothing when nothing fits."""
        for objective in OBJECTIVES:
            kinds = kinds_of(self.graph, CODES[objective], self.limits, reversed_copies=self.reversed_copies)
            solver = Solver(self.graph, kinds, CODES[objective], self.budget)
            found = solver.run()
            self.unfused.append((objective, found.unfused))
            self.explain = explain_of(found, kinds)
            if found.choices:
                self._add(kinds, found.choices)
            if found.stopped:
                raise OutOfBudgetError
            if not found.choices:
                return
            self.solver = solver

    def between(self) -> None:
        """Everything between the ends that no known point beats."""
        solver = self.solver
        assert solver is not None
        for beam in (BEAM, 0):
            most = _largest_corner(self._archive())
            network = solver.narrow.network(most)
            if network.total > most * (1 + SLACK):
                return
            if not beam:
                while solver.narrow.solve_groups(network, most) and network.relax(most) <= most * (1 + SLACK):
                    network.prune(most * (1 + SLACK))
            else:
                solver.shrink(network, beam)
                solver.narrow.solve_groups(network, most)
            network.relax(most)
            joined = solver.joiner.run(network, most * (1 + SLACK), front=True, beam=beam, beaten_by=self._archive())
            solver.count(joined)
            for _, _, choices in joined.points:
                self._add(solver.kinds, choices)

    def _archive(self) -> Floats:
        """(energy, cycles) of the points, energy ascending."""
        costs = [p.cost for p in self.points]
        return np.array([(c.energy_pj, c.cycles) for c in costs if c is not None]).reshape(-1, 2)

    def _add(self, kinds: Sequence[KindRows], choices: tuple[Choice, ...]) -> None:
        point = result_of(self.graph, "edp", tuple(kinds), choices, reversed_copies=self.reversed_copies)
        self.points = _front([*self.points, point])


def _front(points: list[FusedResult]) -> list[FusedResult]:
    """Points that no other beats, energy ascending; of equals the first."""
    kept: list[FusedResult] = []
    least = inf
    for point in sorted(points, key=lambda p: (p.value_of("energy"), p.value_of("latency"))):
        cycles = point.value_of("latency")
        if cycles < least * (1 - SLACK):
            kept.append(point)
            least = cycles
    return kept


def _largest_corner(archive: Floats) -> float:
    """Largest energy * cycles of a point that none of the archive beats: between neighbours, the worse of both."""
    corners = archive[1:, 0] * archive[:-1, 1]
    return float(max((archive[:, 0] * archive[:, 1]).max(), corners.max(initial=0.0))) * (1 + 10 * SLACK)
