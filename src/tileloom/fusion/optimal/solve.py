"""The search: bounds of all groups, exact rows of those that matter, and labels under a rising threshold.

A threshold is a claim: "some schedule costs at most this". Everything whose bound is above it is left out; if the join
then finds a schedule within it, that one is optimal, and if it finds none, the threshold is a new lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

import numpy as np

from tileloom.fusion.optimal.bounds import Forest, Messages, forest_of, pass_messages
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.join import Choice, Joiner
from tileloom.fusion.optimal.rows import OUTSIDE, Group, KindRows
from tileloom.search.optimal.kernels import EDP, LATENCY

SLACK = 1e-9
"""Relative room for sums made in another order."""

STEPS = (0.0, 1 / 256, 1 / 32, 1 / 8, 1 / 2, 1.0)
"""Thresholds, as shares of the way from the lower bound to the best schedule known."""


@dataclass
class Found:
    """value of the best schedule (inf: none), what no schedule is below, and counters by name."""

    value: float
    lower_bound: float
    choices: tuple[Choice, ...]
    unfused: float
    points: tuple[tuple[float, float, tuple[Choice, ...]], ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


class Solver:
    """One graph, one objective."""

    def __init__(self, graph: FusedGraph, kinds: Sequence[KindRows], objective: int) -> None:
        self.graph, self.kinds, self.objective = graph, kinds, objective
        self.forest: Forest = forest_of(graph)
        self.distinct = list(dict.fromkeys(kinds))
        self.least = {k: k.least() for k in self.distinct}
        self.whole = tuple(sum(self.least[k][j] for k in kinds) for j in (0, 1))
        self.counts = {"labels": 0, "widest": 0, "groups solved": 0, "rows": 0, "rounds": 0}
        self.joiner = Joiner(graph, kinds, objective)

    def value(self, energy: float, cycles: float) -> float:
        return cycles if self.objective == LATENCY else energy * cycles if self.objective == EDP else energy

    def unfused(self) -> float:
        """Every problem on its own, all shared tensors in the outermost memory; inf where that is not allowed."""
        energy = cycles = 0.0
        known: dict[KindRows, tuple[float, float] | None] = {}
        for k in self.kinds:
            if k not in known:
                known[k] = k.best((OUTSIDE,) * len(k.kind.problem.tensors))
            own = known[k]
            if own is None:
                return inf
            energy, cycles = energy + own[0], cycles + own[1]
        return self.value(energy, cycles)

    def run(self, gap: float = 0.0) -> Found:
        """gap: stop when the best schedule is proven to be within this share of the optimum."""
        best = unfused = self.unfused()
        lower = self.value(*self.whole)
        if not isfinite(lower):
            return Found(inf, inf, (), unfused, counts=self.counts)
        lower = max(lower, self._tighten(lower, best))
        choices: tuple[Choice, ...] = ()
        for step in self._thresholds(lower, best):
            most = min(step, best)
            self.counts["rounds"] += 1
            joined, bound = self._at(most)
            if joined:
                value, choices = joined
                best = min(best, value)
                lower = max(lower, best if not gap else min(best, bound))
                return Found(best, min(best, lower), choices, unfused, counts=self.counts)
            lower = max(lower, most)
            if gap and isfinite(best) and lower >= best * (1 - gap):
                break
        if choices or not isfinite(best):
            return Found(best, lower, choices, unfused, counts=self.counts)
        joined, _ = self._at(best)
        return Found(best, min(lower, best), joined[1] if joined else (), unfused, counts=self.counts)

    def _thresholds(self, lower: float, best: float) -> list[float]:
        if isfinite(best):
            return [lower + s * (best - lower) for s in STEPS]
        return [lower * f for f in (1.0, 1.02, 1.1, 1.4, 2.0, 4.0, 16.0)] + [inf]

    # -- bounds

    def _expand(self, most: float) -> None:
        for k in self.distinct:
            rest = tuple(w - own for w, own in zip(self.whole, self.least[k]))
            k.expand(most * (1 + SLACK), (rest[0], rest[1]))

    def _messages(self, groups: Sequence[Sequence[Group]]) -> tuple[Messages | None, Messages | None]:
        def one(energy: bool) -> Messages:
            costs: dict[int, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
            for own in groups:
                if id(own) not in costs:
                    costs[id(own)] = np.array([g.energy if energy else g.cycles for g in own])
            return pass_messages(self.graph, self.forest, groups, [costs[id(own)] for own in groups])

        energy = one(True) if self.objective != LATENCY else None
        cycles = one(False) if self.objective in (LATENCY, EDP) else None
        return energy, cycles

    def _through(self, messages: tuple[Messages | None, Messages | None], i: int) -> np.ndarray:  # type: ignore[type-arg]
        energy, cycles = messages
        if energy is None:
            assert cycles is not None
            return cycles.through[i]
        if cycles is None:
            return energy.through[i]
        return energy.through[i] * cycles.through[i]

    def _total(self, messages: tuple[Messages | None, Messages | None]) -> float:
        return self.value(messages[0].total if messages[0] else 0.0, messages[1].total if messages[1] else 0.0)

    def _remaining(self, most: float) -> tuple[list[list[Group]], tuple[Messages | None, Messages | None]]:
        """Per layer the groups that bounds leave at a threshold."""
        self._expand(most)
        for k in self.distinct:
            for g in k.groups.values():
                g.refresh(most, self.objective)
        of_kind = {k: [g for g in k.groups.values() if g.energy < inf and g.cycles < inf] for k in self.distinct}
        groups = [of_kind[k] for k in self.kinds]
        messages = self._messages(groups)
        kept = []
        for i, own in enumerate(groups):
            through = self._through(messages, i)
            kept.append([own[n] for n in np.flatnonzero(through <= most * (1 + SLACK))])
        return kept, messages

    def _tighten(self, lower: float, best: float) -> float:
        """Raises bounds along the cheapest paths, by exact rows, until the cheapest path is exact."""
        most = best if isfinite(best) else lower * 1.02
        for _ in range(40):
            groups, messages = self._remaining(most)
            total = self._total(messages)
            if not isfinite(total):
                return lower if not isfinite(best) else min(best, max(lower, most))
            lower = max(lower, total)
            near = total * (1 + SLACK)
            if isfinite(best):
                near = max(near, total + (best - total) / 256)
            if not self._solve(groups, messages, near, most):
                break
        return lower

    def _solve(
        self,
        groups: Sequence[Sequence[Group]],
        messages: tuple[Messages | None, Messages | None],
        near: float,
        most: float,
    ) -> int:
        """Exact rows (complete up to `most`) of all groups through which a path of at most `near` leads."""
        wanted: dict[int, tuple[KindRows, Group, float, float]] = {}
        for i, own in enumerate(groups):
            full = [m.through[i] if m is not None else None for m in messages]
            listed = [g for g in self.kinds[i].groups.values() if g.energy < inf and g.cycles < inf]
            at = {id(g): n for n, g in enumerate(listed)}
            for g in own:
                n = at[id(g)]
                energy = float(full[0][n]) if full[0] is not None else 0.0
                cycles = float(full[1][n]) if full[1] is not None else 0.0
                if self.value(energy, cycles) > near * (1 + SLACK):
                    continue
                rest = (
                    energy - g.energy if full[0] is not None else 0.0,
                    cycles - g.cycles if full[1] is not None else 0.0,
                )
                known = wanted.get(id(g))
                if known is not None:
                    rest = (min(rest[0], known[2]), min(rest[1], known[3]))
                wanted[id(g)] = (self.kinds[i], g, *rest)
        done = 0
        for kind, g, energy, cycles in wanted.values():
            if g.front is not None and g.front.limit >= most:
                continue
            front = kind.solve(g, most * (1 + SLACK), (max(energy, 0.0), max(cycles, 0.0)))
            done += 1
            self.counts["groups solved"] += 1
            self.counts["rows"] += len(front.values)
        return done

    # -- labels

    def _at(self, most: float) -> tuple[tuple[float, tuple[Choice, ...]] | None, float]:
        """The best schedule of at most `most`, if there is one."""
        for _ in range(40):
            groups, messages = self._remaining(most)
            if not self._solve(groups, messages, most, most):
                break
        if any(not own for own in groups):
            return None, most
        joined = self.joiner.run(groups, self.forest, messages, most * (1 + SLACK))
        self.counts["labels"] += joined.labels
        self.counts["widest"] = max(self.counts["widest"], joined.widest)
        if not joined.points:
            return None, most
        energy, cycles, choices = min(joined.points, key=lambda p: self.value(p[0], p[1]))
        return (self.value(energy, cycles), choices), self._total(messages)
