"""The search: bounds of all groups, exact rows of those that matter, and labels under a rising threshold.

If the join finds a schedule within a threshold (narrow.py), that one is optimal; if it finds none, the threshold is a
new lower bound. Out of budget, the best schedule and the bound known by then are the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

import numpy as np

from tileloom.fusion.optimal.budget import Budget, OutOfBudgetError
from tileloom.fusion.optimal.cuts import CutNetwork
from tileloom.fusion.optimal.exact import solve
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import OUTSIDE, Group
from tileloom.fusion.optimal.join import Choice, Joined, Joiner
from tileloom.fusion.optimal.narrow import FIRST, SLACK, Narrower
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.kernels import EDP, LATENCY

BEAM = 48
"""Transitions per layer and labels per cut of the attempt that bounds the optimum from above."""


@dataclass
class Found:
    """value of the best schedule (inf: none), what no schedule is below, and counters by name.

    stopped   the budget was spent before the proof was complete
    """

    value: float
    lower_bound: float
    choices: tuple[Choice, ...]
    unfused: float
    counts: dict[str, int] = field(default_factory=dict)
    stopped: bool = False


class Solver:
    """One graph, one objective."""

    def __init__(
        self,
        graph: FusedGraph,
        kinds: Sequence[KindRows],
        objective: int,
        budget: Budget | None = None,
        *,
        early_reads: bool = False,
    ) -> None:
        self.graph, self.kinds, self.objective = graph, kinds, objective
        self.budget = Budget() if budget is None else budget
        self.narrow = Narrower(graph, kinds, objective, self.budget, early_reads=early_reads)
        self.counts = self.narrow.counts
        self.joiner = Joiner(graph, kinds, objective, self.budget)
        self.best, self.lower = inf, 0.0
        self.unshared = inf
        self.choices: tuple[Choice, ...] = ()

    def value(self, energy: float, cycles: float) -> float:
        return cycles if self.objective == LATENCY else energy * cycles if self.objective == EDP else energy

    def unfused(self) -> float:
        """Every problem on its own, all shared tensors in the outermost memory; inf where that is not allowed."""
        energy = cycles = 0.0
        known: dict[KindRows, tuple[float, float] | None] = {}
        for k in self.kinds:
            if k not in known:
                known[k] = k.unfused()
            own = known[k]
            if own is None:
                return inf
            energy, cycles = energy + own[0], cycles + own[1]
        return self.value(energy, cycles)

    def run(self, gap: float = 0.0, known: float = inf) -> Found:
        """gap: stop when the best schedule is proven to be within this share of the optimum.

        known   value of some schedule of the space, found otherwise: what costs more is not looked at
        """
        unfused = self.unshared = self.unfused()
        self.best = min(unfused, known * (1 + SLACK))
        self.lower = self.value(*self.narrow.whole)
        stopped = False
        if not isfinite(self.lower):
            return Found(inf, inf, (), unfused, counts=self.counts)
        try:
            self._search(gap)
        except OutOfBudgetError:
            stopped = True
        if not self.choices and isfinite(unfused) and (stopped or unfused * (1 - max(gap, SLACK)) <= self.lower):
            self.best, self.choices = unfused, self._alone()
        self.counts["steps"] = self.budget.steps
        if not self.choices:
            return Found(inf, self.lower, (), unfused, self.counts, stopped)
        return Found(self.best, min(self.lower, self.best), self.choices, unfused, self.counts, stopped)

    def _search(self, gap: float) -> None:
        self.narrow.sharpen()
        self._raise(self.value(*self.narrow.whole))
        if not isfinite(self.lower):
            return
        self._raise(self.narrow.forest_path(self.lower, self.best))
        self._raise(self.narrow.cut_path(self.lower, self.best))
        if not isfinite(self.lower):
            return
        step = (FIRST - 1) / len(self.kinds)
        for beam, share in ((1, step), (BEAM, 4 * step)):
            self._take(self._attempt(min(self.lower * (1 + share), self.best), beam))
            if self._is_proved(gap):
                return
        for most in self._thresholds(self.lower, self.best):
            most = min(most, self.best * (1 + SLACK))
            found = self._at(most)
            if found is not None:
                self._take(found)
                self._raise(self.best)
                return
            self._raise(min(most, self.best))
            if self._is_proved(gap):
                return

    def _raise(self, lower: float) -> None:
        self.lower = max(self.lower, lower)

    def _take(self, found: tuple[float, tuple[Choice, ...]] | None) -> None:
        if found is not None and found[0] <= self.best * (1 + SLACK):
            self.best, self.choices = found

    def _is_proved(self, gap: float) -> bool:
        """Whether the best schedule known is within the gap (without one: the one layer by layer)."""
        value = self.best if self.choices else self.unshared
        return isfinite(value) and value * (1 - max(gap, SLACK)) <= self.lower

    def _alone(self) -> tuple[Choice, ...]:
        """The best schedule without anything shared on chip; groups of their own, as their rows are not complete."""
        found: dict[KindRows, Choice] = {}
        for k in self.kinds:
            if k in found:
                continue
            own = k.unfused()
            group = k.groups[(OUTSIDE,) * len(k.kind.problem.tensors)]
            assert own is not None
            if k.kind.problem.copy:
                found[k] = Choice(group, 0)
                continue
            inside = [k.templates[s.template].fused.template.inside & k.kind.persistent for s in group.sources]
            sources = [s for s, lasting in zip(group.sources, inside) if not lasting]
            alone = Group(group.keys, group.loops, group.room, sources)
            front = solve(k, alone, k.value(*own) * (1 + SLACK), (0.0, 0.0))
            found[k] = Choice(alone, min(range(len(front.values)), key=lambda r: k.value(*front.values[r, :2])))
        return tuple(found[k] for k in self.kinds)

    def _thresholds(self, lower: float, best: float) -> Iterator[float]:
        """Rising from the bound; the last is the best known, a little more so that sums in another order still count."""
        share = 4 * (FIRST - 1) / len(self.kinds)
        # Work grows with the threshold, so that all earlier ones together cost no more than the last.
        while lower * (1 + 2 * share) < best and share < 1e6:
            yield lower * (1 + share)
            share *= 2
        yield best * (1 + SLACK)

    # -- labels

    def _attempt(self, most: float, beam: int) -> tuple[float, tuple[Choice, ...]] | None:
        """A schedule from few groups and labels: it need not be the best, but it bounds the best from above."""
        network = self.narrow.network(most)
        if network.total > most * (1 + SLACK):
            return None
        self.shrink(network, beam)
        self.narrow.solve_groups(network, most)
        network.relax(most)
        joined = self.joiner.run(network, most * (1 + SLACK), beam=beam)
        return self._least(joined)

    def shrink(self, network: CutNetwork, beam: int) -> None:
        """Keeps the transitions of each layer with the best bounds; one: those of the cheapest path."""
        path = network.path()
        for i, layer in enumerate(network.layers):
            kept = [path[i]] if beam == 1 else np.sort(np.argsort(network.through(i), kind="stable")[:beam])
            layer.source, layer.group, layer.target = layer.source[kept], layer.group[kept], layer.target[kept]
            layer.cost = layer.cost[kept]

    def _at(self, most: float) -> tuple[float, tuple[Choice, ...]] | None:
        """The best schedule of at most `most`; None: there is none."""
        network = self.narrow.network(most)
        if self.narrow.settle(network, most) > most * (1 + SLACK):
            return None
        while self.narrow.solve_groups(network, most):
            if network.relax(most) > most * (1 + SLACK):
                return None
            network.prune(most * (1 + SLACK))
        return self._least(self.joiner.run(network, most * (1 + SLACK)))

    def count(self, joined: Joined) -> None:
        self.counts["labels"] += joined.labels
        self.counts["widest"] = max(self.counts["widest"], joined.widest)

    def _least(self, joined: Joined) -> tuple[float, tuple[Choice, ...]] | None:
        self.count(joined)
        if not joined.points:
            return None
        energy, cycles, choices = min(joined.points, key=lambda p: self.value(p[0], p[1]))
        return self.value(energy, cycles), choices
