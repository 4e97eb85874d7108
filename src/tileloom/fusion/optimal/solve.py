"""The search: bounds of all groups, exact rows of those that matter, and labels under a rising threshold.

A threshold is a claim: "some schedule costs at most this". Everything whose bound is above it is left out; if the join
then finds a schedule within it, that one is optimal, and if it finds none, the threshold is a new lower bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

import numpy as np

from tileloom.fusion.optimal.bounds import Forest, Messages, Passer, forest_of
from tileloom.fusion.optimal.cuts import CutBuilder, CutNetwork
from tileloom.fusion.optimal.exact import refine, refine_beside, solve
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import OUTSIDE, Group
from tileloom.fusion.optimal.join import Choice, Joined, Joiner
from tileloom.fusion.optimal.least import least_of
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.arrays import Floats
from tileloom.search.optimal.kernels import EDP, LATENCY

SLACK = 1e-9
"""Relative room for sums made in another order."""

FIRST = 1.02
"""First threshold, as a multiple of the bound, where no schedule is known."""

BEAM = 48
"""Groups per layer and labels per cut of the attempt that bounds the optimum from above."""

MAX_PATHS = 400

NEAR = 2
"""Groups of each layer whose bounds are made exact together with the cheapest path's."""


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

    def __init__(
        self, graph: FusedGraph, kinds: Sequence[KindRows], objective: int, *, early_reads: bool = False
    ) -> None:
        self.graph, self.kinds, self.objective = graph, kinds, objective
        self.forest: Forest = forest_of(graph)
        self.passer = Passer(graph, self.forest, kinds)
        self.distinct = list(dict.fromkeys(kinds))
        self.least = {k: least_of(k) for k in self.distinct}
        self.whole = tuple(sum(self.least[k][j] for k in kinds) for j in (0, 1))
        self.counts = {"labels": 0, "widest": 0, "groups refined": 0, "groups solved": 0, "rows": 0, "rounds": 0}
        self.builder = CutBuilder(graph, kinds, objective, early_reads=early_reads)
        self.joiner = Joiner(graph, kinds, objective)

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

    def run(self, gap: float = 0.0) -> Found:
        """gap: stop when the best schedule is proven to be within this share of the optimum."""
        unfused = self.unfused()
        lower = self.value(*self.whole)
        if not isfinite(lower):
            return Found(inf, inf, (), unfused, counts=self.counts)
        best, choices = unfused, tuple[Choice, ...]()
        lower = max(lower, self._cheapest_path(lower, best))
        lower = max(lower, self._cut_path(lower, best))
        step = (FIRST - 1) / len(self.kinds)
        for beam, share in ((1, step), (BEAM, 4 * step)):
            found = self._attempt(min(lower * (1 + share), best), beam)
            if found is not None and found[0] <= best:
                best, choices = found
            if choices and best * (1 - max(gap, SLACK)) <= lower:
                return Found(best, min(best, lower) if gap else best, choices, unfused, counts=self.counts)
        if not choices and isfinite(unfused) and unfused * (1 - gap) <= lower:
            return Found(unfused, lower, self._alone(unfused), unfused, counts=self.counts)
        for most in self._thresholds(lower, best):
            found, bound = self._at(min(most, best * (1 + SLACK)))
            if found is not None:
                best, choices = min((found, (best, choices)), key=lambda f: f[0] if f[1] else inf)
                return Found(best, best, choices, unfused, counts=self.counts)
            lower = max(lower, min(most, best), bound)
            if gap and lower >= best * (1 - gap):
                choices = choices or self._alone(unfused)
                break
        return Found(best if choices else inf, min(lower, best), choices, unfused, counts=self.counts)

    def _alone(self, value: float) -> tuple[Choice, ...]:
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

    def _cheapest_path(self, lower: float, best: float) -> float:
        """Makes bounds exact along the cheapest path through the forest until it stays; returns the bound it gives.

        Only what lies below a threshold is looked at, which rises until it encloses the path.
        """
        share = (FIRST - 1) / len(self.kinds)
        for _ in range(MAX_PATHS):
            most = min(lower * (1 + share), best)
            groups, messages = self._remaining(most)
            total = self._total(messages)
            if total > most * (1 + SLACK):
                lower = max(lower, most)
                if most >= best:
                    return best
                share *= 2
                continue
            lower = max(lower, total)
            if not self._refine_forest(groups, messages):
                break
        return lower

    def _refine_forest(
        self, groups: Sequence[Sequence[Group]], messages: tuple[Messages | None, Messages | None]
    ) -> int:
        """Makes bounds exact for the cheapest groups of each layer; 0 when the cheapest one of each is exact."""
        wanted: dict[int, tuple[KindRows, Group]] = {}
        stays = True
        for i, own in enumerate(groups):
            order = np.argsort(self._through(messages, i)[self.kept_at[i]], kind="stable")
            stays &= not len(order) or own[order[0]].refined
            for n in [n for n in order if not own[n].refined][:NEAR]:
                wanted[id(own[n])] = (self.kinds[i], own[n])
        if stays:
            return 0
        for kind, g in wanted.values():
            refine(kind, g)
        self.counts["groups refined"] += len(wanted)
        return len(wanted)

    def _cut_path(self, lower: float, best: float) -> float:
        """As `_cheapest_path` over the states of cuts, which agree on every tensor; keeps the path in `self.path`."""
        share = (FIRST - 1) / len(self.kinds)
        while True:
            most = min(lower * (1 + share), best)
            network = self._network(most)
            total = self._settle(network, most)
            if total <= most * (1 + SLACK):
                return max(lower, total)
            lower = max(lower, most)
            if most >= best:
                return best
            share *= 2

    def _network(self, most: float) -> CutNetwork:
        groups, messages = self._remaining(most)
        network = self.builder.build(groups, self.forest, messages, most * (1 + SLACK))
        network.relax(most)
        network.prune(most * (1 + SLACK))
        return network

    def _settle(self, network: CutNetwork, most: float) -> float:
        """Makes costs exact along the cheapest path until it stays or is above `most`; returns what it costs."""
        while True:
            total = network.relax(most)
            network.prune(most * (1 + SLACK))
            if total > most * (1 + SLACK):
                return total
            self.path = network.path()
            wanted: dict[object, tuple[KindRows, Group, tuple[int, ...]]] = {}
            for i, n in enumerate(self.path):
                self._want(network, i, n, most, wanted)
            if not wanted:
                return total
            for i in range(len(self.kinds)):
                before = len(wanted)
                for n in np.argsort(network.through(i), kind="stable")[: 4 * NEAR].tolist():
                    self._want(network, i, n, most, wanted)
                    if len(wanted) >= before + NEAR:
                        break
            for kind, g, passing in wanted.values():
                if any(passing):
                    refine_beside(kind, g, passing)
                else:
                    refine(kind, g)
                    g.refresh(most, self.objective)
            self.counts["groups refined"] += len(wanted)

    def _want(
        self,
        network: CutNetwork,
        i: int,
        n: int,
        most: float,
        wanted: dict[object, tuple[KindRows, Group, tuple[int, ...]]],
    ) -> None:
        g, passing = network.choice(i, n)
        known = g.front is not None and g.front.limit >= most
        if not known and not (((passing, inf) in g.beside) if any(passing) else g.refined):
            wanted[id(g), passing] = (self.kinds[i], g, passing)

    def _attempt(self, most: float, beam: int) -> tuple[float, tuple[Choice, ...]] | None:
        """A schedule from few groups and labels: it need not be the best, but it bounds the best from above."""
        network = self._network(most)
        if network.total > most * (1 + SLACK):
            return None
        path = network.path()
        for i, layer in enumerate(network.layers):
            kept = [path[i]] if beam == 1 else np.sort(np.argsort(network.through(i), kind="stable")[:beam])
            layer.source, layer.group, layer.target = layer.source[kept], layer.group[kept], layer.target[kept]
            layer.cost = layer.cost[kept]
        self._solve_groups(network, most)
        network.relax(most)
        joined = self.joiner.run(network, most * (1 + SLACK), beam=beam)
        self._count(joined)
        if not joined.points:
            return None
        energy, cycles, choices = min(joined.points, key=lambda p: self.value(p[0], p[1]))
        return self.value(energy, cycles), choices

    # -- bounds

    def _expand(self, most: float) -> None:
        for k in self.distinct:
            rest = tuple(w - own for w, own in zip(self.whole, self.least[k]))
            k.expand(most * (1 + SLACK), (rest[0], rest[1]))

    def _messages(self, most: float) -> tuple[Messages | None, Messages | None]:
        known = {k: k.known(most) for k in self.distinct}
        numbers = {k: n for k, (_, n) in known.items()}
        energy = cycles = None
        if self.objective != LATENCY:
            energy = self.passer.run(numbers, {k: costs[:, 0] for k, (costs, _) in known.items()})
        if self.objective in (LATENCY, EDP):
            cycles = self.passer.run(numbers, {k: costs[:, 1] for k, (costs, _) in known.items()})
        return energy, cycles

    def _through(self, messages: tuple[Messages | None, Messages | None], i: int) -> Floats:
        energy, cycles = messages
        if energy is None or cycles is None:
            one = cycles if energy is None else energy
            assert one is not None
            return one.through[i]
        product: Floats = energy.through[i] * cycles.through[i]
        return product

    def _total(self, messages: tuple[Messages | None, Messages | None]) -> float:
        return self.value(messages[0].total if messages[0] else 0.0, messages[1].total if messages[1] else 0.0)

    def _remaining(self, most: float) -> tuple[list[list[Group]], tuple[Messages | None, Messages | None]]:
        """Per layer the groups that bounds leave at a threshold."""
        self.counts["rounds"] += 1
        self._expand(most)
        messages = self._messages(most)
        limit = min(most * (1 + SLACK), 1e300)
        self.kept_at = [np.flatnonzero(self._through(messages, i) <= limit) for i in range(len(self.kinds))]
        return [[k.listed[n] for n in at.tolist()] for k, at in zip(self.kinds, self.kept_at)], messages

    def _solve_groups(self, network: CutNetwork, most: float) -> int:
        """Exact rows (complete up to `most`) of the groups of a network; returns how many were not known yet."""
        rest: dict[int, tuple[KindRows, Group, float, float]] = {}
        for kind, layer in zip(self.kinds, network.layers):
            others = layer.done[layer.source] + layer.rest_after[layer.target]
            least = np.full((len(layer.groups), 2), inf)
            np.minimum.at(least, layer.group, others)
            for n in np.unique(layer.group).tolist():
                g = layer.groups[n]
                if g.front is not None and g.front.limit >= most:
                    continue
                energy, cycles = least[n].tolist()
                known = rest.get(id(g))
                if known is not None:
                    energy, cycles = min(energy, known[2]), min(cycles, known[3])
                rest[id(g)] = (kind, g, energy, cycles)
        for kind, g, energy, cycles in rest.values():
            front = solve(kind, g, most * (1 + SLACK), (max(energy, 0.0), max(cycles, 0.0)))
            g.refresh(most, self.objective)
            self.counts["groups solved"] += 1
            self.counts["rows"] += len(front.values)
        return len(rest)

    # -- labels

    def _at(self, most: float) -> tuple[tuple[float, tuple[Choice, ...]] | None, float]:
        """The best schedule of at most `most` (None: there is none), and the bound of all."""
        network = self._network(most)
        if self._settle(network, most) > most * (1 + SLACK):
            return None, most
        while self._solve_groups(network, most):
            if network.relax(most) > most * (1 + SLACK):
                return None, most
            network.prune(most * (1 + SLACK))
        joined = self.joiner.run(network, most * (1 + SLACK))
        self._count(joined)
        if not joined.points:
            return None, most
        energy, cycles, choices = min(joined.points, key=lambda p: self.value(p[0], p[1]))
        return (self.value(energy, cycles), choices), network.total

    def _count(self, joined: Joined) -> None:
        self.counts["labels"] += joined.labels
        self.counts["widest"] = max(self.counts["widest"], joined.widest)
