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
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.join import Choice, Joined, Joiner
from tileloom.fusion.optimal.rows import OUTSIDE, Group, Key, KindRows
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
"""Groups of each layer whose bounds are made exact together with the cheapest path's; one more per `SHARE` of them."""

SHARE = 300


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
        self.passer = Passer(graph, self.forest, kinds)
        self.distinct = list(dict.fromkeys(kinds))
        self.least = {k: k.least() for k in self.distinct}
        self.whole = tuple(sum(self.least[k][j] for k in kinds) for j in (0, 1))
        self.counts = {"labels": 0, "widest": 0, "groups refined": 0, "groups solved": 0, "rows": 0, "rounds": 0}
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

    def run(self, gap: float = 0.0, known: float = inf) -> Found:
        """gap: stop when the best schedule is proven to be within this share of the optimum.

        known   value of some schedule of the space, found otherwise: what costs more is not looked at
        """
        unfused = self.unfused()
        lower = self.value(*self.whole)
        if not isfinite(lower):
            return Found(inf, inf, (), unfused, counts=self.counts)
        best, choices = min(unfused, known * (1 + SLACK)), tuple[Choice, ...]()
        lower = max(lower, self._cheapest_path(lower, best))
        step = (FIRST - 1) / len(self.kinds)
        for beam, share in ((1, step), (BEAM, 4 * step)):
            found = self._attempt(min(lower * (1 + share), best), beam)
            if found is not None and found[0] <= best:
                best, choices = found
            if choices and best * (1 - max(gap, SLACK)) <= lower:
                return Found(best, min(best, lower) if gap else best, choices, unfused, counts=self.counts)
        if not choices and isfinite(unfused) and unfused <= best and unfused * (1 - gap) <= lower:
            return Found(unfused, lower, self._alone(unfused), unfused, counts=self.counts)
        for most in self._thresholds(lower, best):
            found, bound = self._at(min(most, best * (1 + SLACK)))
            if found is not None:
                best, choices = min((found, (best, choices)), key=lambda f: f[0] if f[1] else inf)
                return Found(best, best, choices, unfused, counts=self.counts)
            lower = max(lower, min(most, best), bound)
            if gap and lower >= best * (1 - gap) and (choices or (isfinite(unfused) and unfused <= best)):
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
            front = k.solve(alone, k.value(*own) * (1 + SLACK), (0.0, 0.0))
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
        """Solves the groups along the cheapest path until all of them are exact; returns the bound they give.

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
            self.path = self._path(groups, messages)
            if not self.path or not self._refine(groups, messages):
                break
        return lower

    def _refine(self, groups: Sequence[Sequence[Group]], messages: tuple[Messages | None, Messages | None]) -> int:
        """Makes bounds exact along the cheapest path and for a few more groups of each layer; how many were not yet."""
        wanted = {id(g): (self.kinds[i], g) for i, g in self.path if not g.refined}
        if not wanted:
            return 0
        for i, own in enumerate(groups):
            open_ones = [n for n in np.argsort(self._through_kept(messages, i), kind="stable") if not own[n].refined]
            for n in open_ones[: NEAR + len(own) // SHARE]:
                wanted[id(own[n])] = (self.kinds[i], own[n])
        for kind, g in wanted.values():
            kind.refine(g)
        self.counts["groups refined"] += len(wanted)
        return len(wanted)

    def _path(
        self, groups: Sequence[Sequence[Group]], messages: tuple[Messages | None, Messages | None]
    ) -> list[tuple[int, Group]]:
        """Per layer the cheapest group that agrees with its parent's; empty when there is none."""
        chosen: dict[str, Key] = {}
        found = []
        for i, own in enumerate(groups):
            layer = self.graph.layers[i]
            agreed = {layer.tensors.index(t): k for t, k in chosen.items() if t in layer.tensors}
            parent = self.forest.parent[i]
            must = {layer.tensors.index(parent): chosen[parent]} if parent in chosen else {}
            best, choice = None, None
            through = self._through_kept(messages, i)
            for n, g in enumerate(own):
                if any(g.keys[p] != k for p, k in must.items()):
                    continue
                # Of ties the one that agrees with more tensors, shares fewer loops, and is solved already.
                differs = sum(g.keys[p] != k for p, k in agreed.items())
                rank = (float(through[n]) * (1 + 1e-3 * differs), differs, len(g.loops), g.front is None)
                if best is None or rank < best:
                    best, choice = rank, g
            if choice is None:
                return []
            found.append((i, choice))
            for p, t in enumerate(layer.tensors):
                if t in self.graph.shared:
                    chosen.setdefault(t, choice.keys[p])
        return found

    def _attempt(self, most: float, beam: int) -> tuple[float, tuple[Choice, ...]] | None:
        """A schedule from few groups and labels: it need not be the best, but it bounds the best from above."""
        groups, messages = self._remaining(most)
        if beam == 1:
            listed: list[list[Group]] = [[] for _ in groups]
            for i, g in getattr(self, "path", []):
                listed[i] = [g]
        else:
            listed = []
            for i, own in enumerate(groups):
                through = self._through_kept(messages, i)
                listed.append([own[n] for n in np.argsort(through, kind="stable")[:beam]])
        if any(not own for own in listed):
            return None
        self._solve_groups([(i, g) for i, own in enumerate(listed) for g in own], messages, most)
        joined = self.joiner.run(listed, self.forest, messages, most * (1 + SLACK), beam=beam)
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

    def _messages(self, of_kind: dict[KindRows, list[Group]]) -> tuple[Messages | None, Messages | None]:
        numbers = {
            k: [np.array([n[g.keys[p]] for g in own], dtype=np.int64) for p, n in enumerate(k.numbers)]
            for k, own in of_kind.items()
        }
        energy = cycles = None
        if self.objective != LATENCY:
            energy = self.passer.run(numbers, {k: np.array([g.energy for g in own]) for k, own in of_kind.items()})
        if self.objective in (LATENCY, EDP):
            cycles = self.passer.run(numbers, {k: np.array([g.cycles for g in own]) for k, own in of_kind.items()})
        return energy, cycles

    def _through(self, messages: tuple[Messages | None, Messages | None], i: int) -> Floats:
        energy, cycles = messages
        if energy is None or cycles is None:
            one = cycles if energy is None else energy
            assert one is not None
            return one.through[i]
        product: Floats = energy.through[i] * cycles.through[i]
        return product

    def _through_kept(self, messages: tuple[Messages | None, Messages | None], i: int) -> Floats:
        return self._through(messages, i)[self.kept_at[i]]

    def _total(self, messages: tuple[Messages | None, Messages | None]) -> float:
        return self.value(messages[0].total if messages[0] else 0.0, messages[1].total if messages[1] else 0.0)

    def _remaining(self, most: float) -> tuple[list[list[Group]], tuple[Messages | None, Messages | None]]:
        """Per layer the groups that bounds leave at a threshold."""
        self.counts["rounds"] += 1
        self._expand(most)
        of_kind: dict[KindRows, list[Group]] = {}
        for k in self.distinct:
            for g in k.groups.values():
                g.refresh(most, self.objective)
            of_kind[k] = [g for g in k.groups.values() if g.energy < inf and g.cycles < inf]
        groups = [of_kind[k] for k in self.kinds]
        messages = self._messages(of_kind)
        self.kept_at = [np.flatnonzero(self._through(messages, i) <= most * (1 + SLACK)) for i in range(len(groups))]
        return [[own[n] for n in at] for own, at in zip(groups, self.kept_at)], messages

    def _solve_groups(
        self,
        wanted: Sequence[tuple[int, Group]],
        messages: tuple[Messages | None, Messages | None],
        most: float,
    ) -> int:
        """Exact rows (complete up to `most`) of groups of layers; returns how many were not known yet."""
        missing = [(i, g) for i, g in wanted if g.front is None or g.front.limit < most]
        rest: dict[int, tuple[KindRows, Group, float, float]] = {}
        place: dict[int, dict[int, int]] = {}
        for i, g in missing:
            kind = self.kinds[i]
            if id(kind) not in place:
                listed = [x for x in kind.groups.values() if x.energy < inf and x.cycles < inf]
                place[id(kind)] = {id(x): n for n, x in enumerate(listed)}
            n = place[id(kind)][id(g)]
            energy = messages[0].through[i][n] - g.energy if messages[0] is not None else 0.0
            cycles = messages[1].through[i][n] - g.cycles if messages[1] is not None else 0.0
            known = rest.get(id(g))
            if known is not None:
                energy, cycles = min(energy, known[2]), min(cycles, known[3])
            rest[id(g)] = (kind, g, float(energy), float(cycles))
        for kind, g, energy, cycles in rest.values():
            front = kind.solve(g, most * (1 + SLACK), (max(energy, 0.0), max(cycles, 0.0)))
            self.counts["groups solved"] += 1
            self.counts["rows"] += len(front.values)
        return len(rest)

    # -- labels

    def _at(self, most: float) -> tuple[tuple[float, tuple[Choice, ...]] | None, float]:
        """The best schedule of at most `most` (None: there is none), and the bound of all."""
        for _ in range(MAX_PATHS):
            groups, messages = self._remaining(most)
            if any(not own for own in groups):
                return None, most
            wanted = [(i, g) for i, own in enumerate(groups) for g in own]
            if not self._solve_groups(wanted, messages, most):
                break
        joined = self.joiner.run(groups, self.forest, messages, most * (1 + SLACK))
        self._count(joined)
        if not joined.points:
            return None, most
        energy, cycles, choices = min(joined.points, key=lambda p: self.value(p[0], p[1]))
        return (self.value(energy, cycles), choices), self._total(messages)

    def _count(self, joined: Joined) -> None:
        self.counts["labels"] += joined.labels
        self.counts["widest"] = max(self.counts["widest"], joined.widest)
