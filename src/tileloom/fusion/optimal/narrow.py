"""Thresholds made into what is left: groups that bounds leave, the states of cuts they form, and their exact rows.

A threshold is a claim: "some schedule costs at most this". Everything whose bound is above it is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

import numpy as np

from tileloom.fusion.optimal.bounds import Forest, Messages, Passer, forest_of
from tileloom.fusion.optimal.budget import Budget
from tileloom.fusion.optimal.cuts import CutBuilder, CutNetwork
from tileloom.fusion.optimal.exact import refine, refine_beside, solve
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Group
from tileloom.fusion.optimal.least import least_of
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.arrays import Floats
from tileloom.search.optimal.kernels import EDP, LATENCY

SLACK = 1e-9
"""Relative room for sums made in another order."""

FIRST = 1.02
"""First threshold, as a multiple of the bound, where no schedule is known."""

MAX_PATHS = 400

HOPELESS = 1e6
"""Where nothing is found up to the bound times this, and no schedule is known, no threshold at all is set."""

NEAR = 2
"""Groups of each layer whose bounds are made exact together with the cheapest path's."""


class Narrower:
    """What thresholds leave of one graph, for one objective.

    least    per kind (energy, cycles) of its cheapest group;  whole: their sum over problems
    """

    def __init__(
        self,
        graph: FusedGraph,
        kinds: Sequence[KindRows],
        objective: int,
        budget: Budget,
        *,
        early_reads: bool = False,
    ) -> None:
        self.graph, self.kinds, self.objective, self.budget = graph, kinds, objective, budget
        self.forest: Forest = forest_of(graph)
        self.passer = Passer(graph, self.forest, kinds)
        self.builder = CutBuilder(graph, kinds, objective, early_reads=early_reads)
        self.distinct = list(dict.fromkeys(kinds))
        self.least = {k: k.least() for k in self.distinct}
        self.counts = {"labels": 0, "widest": 0, "groups refined": 0, "groups solved": 0, "rows": 0, "rounds": 0}

    @property
    def whole(self) -> tuple[float, float]:
        return sum(self.least[k][0] for k in self.kinds), sum(self.least[k][1] for k in self.kinds)

    def sharpen(self) -> None:
        """Makes the least cost of every kind exact."""
        for k in self.distinct:
            self.least[k] = least_of(k, self.budget)

    def value(self, energy: float, cycles: float) -> float:
        return cycles if self.objective == LATENCY else energy * cycles if self.objective == EDP else energy

    def forest_path(self, lower: float, best: float) -> float:
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
            self.budget.spend()
            refine(kind, g)
        self.counts["groups refined"] += len(wanted)
        return len(wanted)

    def cut_path(self, lower: float, best: float) -> float:
        """As `forest_path` over the states of cuts, which agree on every tensor."""
        share = (FIRST - 1) / len(self.kinds)
        while True:
            most = min(lower * (1 + share), best) if share < HOPELESS else best
            network = self.network(most)
            total = self.settle(network, most)
            if total <= most * (1 + SLACK) and isfinite(total):
                return max(lower, total)
            lower = max(lower, most)
            if most >= best:
                return best
            share *= 2

    def network(self, most: float) -> CutNetwork:
        groups, messages = self._remaining(most)
        network = self.builder.build(groups, self.forest, messages, most * (1 + SLACK))
        network.relax(most)
        network.prune(most * (1 + SLACK))
        return network

    def settle(self, network: CutNetwork, most: float) -> float:
        """Makes costs exact along the cheapest path until it stays or is above `most`; returns what it costs."""
        while True:
            total = network.relax(most)
            network.prune(most * (1 + SLACK))
            if total > most * (1 + SLACK) or not isfinite(total):
                return total
            wanted: dict[object, tuple[KindRows, Group, tuple[int, ...]]] = {}
            for i, n in enumerate(network.path()):
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
                self.budget.spend()
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

    def solve_groups(self, network: CutNetwork, most: float) -> int:
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
            self.budget.spend()
            front = solve(kind, g, most * (1 + SLACK), (max(energy, 0.0), max(cycles, 0.0)))
            g.refresh(most, self.objective)
            self.counts["groups solved"] += 1
            self.counts["rows"] += len(front.values)
        return len(rest)
