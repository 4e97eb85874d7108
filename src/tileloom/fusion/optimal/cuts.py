"""Cuts of a graph as a network of states: what a schedule costs at least through each state and each group.

A cut lies behind each problem; its state is the keys of the shared tensors alive there, and how open loops walk along
them (walks.py). A transition takes one state to
the next by one group. Sums along paths agree on every tensor and count what the problem and the tensors that pass it by
need at once; only what other problems reserve under common loops is left out, so they bound all schedules from below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np

from tileloom.fusion.optimal.bounds import Forest, Messages
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Group, Key
from tileloom.fusion.optimal.rows import KindRows
from tileloom.fusion.optimal.walks import Walk, Walker
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP, LATENCY

State = tuple[Key, ...]


@dataclass(frozen=True)
class Step:
    """What continuing with one layer means for tensors.

    used     positions of its shared tensors: left (index in the state before, position) were alive, new ones were not,
             last ones are used for the last time
    carry    per tensor of the state after: (True, index in the state before) or (False, position in the layer)
    """

    position: dict[str, int]
    before: tuple[str, ...]
    after: tuple[str, ...]
    left: tuple[tuple[int, int], ...]
    used: tuple[int, ...]
    new: tuple[int, ...]
    last: tuple[int, ...]
    carry: tuple[tuple[bool, int], ...]


def step_of(graph: FusedGraph, i: int) -> Step:
    layer = graph.layers[i]
    position = {t: p for p, t in enumerate(layer.tensors)}
    before = graph.live(i - 1) if i else ()
    after = graph.live(i)
    used = [t for t in layer.tensors if t in graph.shared]
    at = {t: k for k, t in enumerate(before)}
    last = [t for t in used if graph.uses[t][-1] == i]
    return Step(
        position=position,
        before=before,
        after=after,
        left=tuple((at[t], position[t]) for t in used if t in at),
        used=tuple(position[t] for t in used),
        new=tuple(position[t] for t in used if t not in at),
        last=tuple(position[t] for t in last),
        carry=tuple((False, position[t]) if t in position else (True, at[t]) for t in after),
    )


@dataclass
class Layer:
    """Transitions of one problem.

    before, after    states of the cuts on both sides;  depth_before, depth_after: loops open there, per state
    passing          int64[states before, memories]: bits of tensors alive that the problem does not use
    source, group, target    int64[transitions]: state before, group (index into the layer's), state after
    cost             float64[transitions, 2]: least energy and cycles of a row that fits
    done             float64[states before, 2]: least sums up to the cut before
    rest_after       float64[states after, 2]: least sums from the cut after to the end
    """

    groups: Sequence[Group]
    before: list[State]
    after: list[State]
    depth_before: Ints
    depth_after: Ints
    passing: Ints
    source: Ints
    group: Ints
    target: Ints
    cost: Floats
    done: Floats = field(default_factory=lambda: np.empty((0, 2)))
    rest_after: Floats = field(default_factory=lambda: np.empty((0, 2)))


@dataclass
class CutNetwork:
    """All layers' transitions; `relax` sets what they cost, `prune` drops those above a threshold."""

    layers: list[Layer]
    objective: int
    total: float = 0.0

    def value(self, sums: Floats) -> Floats:
        """Objective of (energy, cycles) in the last axis."""
        if self.objective == EDP:
            product: Floats = sums[..., 0] * sums[..., 1]
            return product
        column: Floats = sums[..., 1 if self.objective == LATENCY else 0]
        return column

    @property
    def possible(self) -> bool:
        return all(len(layer.source) for layer in self.layers)

    def relax(self, most: float) -> float:
        """Costs of all transitions as known now, least sums on both sides of each cut; returns the least of all."""
        self.total = inf
        if not self.possible:
            return inf
        done = np.zeros((1, 2))
        for layer in self.layers:
            self._set_costs(layer, most)
            layer.done = done
            done = _least(layer.target, layer.done[layer.source] + layer.cost, len(layer.after))
        rest = np.zeros((len(self.layers[-1].after), 2))
        for layer in reversed(self.layers):
            layer.rest_after = rest
            rest = _least(layer.source, layer.cost + rest[layer.target], len(layer.before))
        self.total = float(self.value(rest).min())
        return self.total

    def through(self, i: int) -> Floats:
        """float64[transitions]: least value of a schedule with each transition of a layer."""
        layer = self.layers[i]
        return self.value(layer.done[layer.source] + layer.cost + layer.rest_after[layer.target])

    def prune(self, most: float) -> None:
        """Drops transitions whose least value is above `most`."""
        if self.total == inf:
            return
        sums = [self.through(i) for i in range(len(self.layers))]
        for layer, own in zip(self.layers, sums):
            keep = np.array([v <= most and v < inf for v in own.tolist()], dtype=np.bool_)
            layer.source, layer.group, layer.target = layer.source[keep], layer.group[keep], layer.target[keep]
            layer.cost = layer.cost[keep]

    def _set_costs(self, layer: Layer, most: float) -> None:
        least = np.array([(g.energy, g.cycles) for g in layer.groups]).reshape(-1, 2)
        layer.cost = np.maximum(layer.cost, least[layer.group])
        known: dict[tuple[int, tuple[int, ...]], tuple[float, float]] = {}
        passing = [tuple(row) for row in layer.passing.tolist()]
        beside = np.array([any(p) for p in passing], dtype=np.bool_)
        for n in np.flatnonzero(beside[layer.source]).tolist():
            key = (int(layer.group[n]), passing[layer.source[n]])
            found = known.get(key)
            if found is None:
                found = known[key] = fitting(layer.groups[key[0]], key[1], most)
            layer.cost[n] = np.maximum(layer.cost[n], found)

    def path(self) -> list[int]:
        """Transition per layer along the least path; ties: fewer shared loops, rows known already."""
        state, sums, found = 0, np.zeros(2), []
        for layer in self.layers:
            own = np.flatnonzero(layer.source == state)
            whole = self.value(sums + layer.cost[own] + layer.rest_after[layer.target[own]])
            least = float(whole.min())
            ties = own[whole <= least * (1 + 1e-12)].tolist()
            n = min(ties, key=lambda n: self._rank(layer, n))
            found.append(n)
            sums = sums + layer.cost[n]
            state = int(layer.target[n])
        return found

    def choice(self, i: int, n: int) -> tuple[Group, tuple[int, ...]]:
        """(group, bits of tensors that pass it by, per memory) of a layer's transition."""
        layer = self.layers[i]
        return layer.groups[layer.group[n]], tuple(layer.passing[layer.source[n]].tolist())

    def _rank(self, layer: Layer, n: int) -> tuple[int, bool, int]:
        group = layer.groups[layer.group[n]]
        return len(group.loops), group.front is None, n


def fitting(group: Group, passing: tuple[int, ...], most: float) -> tuple[float, float]:
    """Least energy and cycles of a group's rows beside tensors of `passing` bits, as far as known."""
    least = (group.energy, group.cycles)
    if not any(passing):
        return least
    if any(p > room for p, room in zip(passing, group.room)):
        return inf, inf
    front = group.front
    if front is not None and front.limit >= most:
        key = (passing, front.limit)
        known = group.beside.get(key)
        if known is None:
            values = front.values[_fits(group, passing)]
            known = (float(values[:, 0].min()), float(values[:, 1].min())) if len(values) else (inf, inf)
            group.beside[key] = known
        return known
    known = group.beside.get((passing, inf))
    return least if known is None else (max(least[0], known[0]), max(least[1], known[1]))


def _fits(group: Group, passing: tuple[int, ...]) -> Ints:
    assert group.front is not None
    values, width = group.front.values, 2 + len(group.loops)
    fits = np.ones(len(values), dtype=np.bool_)
    for m, (p, room) in enumerate(zip(passing, group.room)):
        fits &= values[:, 2 + m * width : 2 + (m + 1) * width].sum(axis=1) <= room - p
    return np.flatnonzero(fits)


def _least(at: Ints, values: Floats, count: int) -> Floats:
    found = np.full((count, 2), inf)
    np.minimum.at(found, at, values)
    return found


class CutBuilder:
    """Networks of one graph, for growing sets of groups."""

    def __init__(
        self, graph: FusedGraph, kinds: Sequence[KindRows], objective: int, *, early_reads: bool = False
    ) -> None:
        self.graph, self.kinds, self.objective = graph, kinds, objective
        self.walker = Walker(graph, on=not early_reads)
        self.steps = [step_of(graph, i) for i in range(len(graph.layers))]
        self.capacity = np.array([bits for _, bits in kinds[0].kind.tracked], dtype=np.int64)
        owner = {t: graph.owner(t) for t in graph.shared}
        self.owner = {t: (kinds[i], graph.layers[i].tensors.index(t)) for t, i in owner.items()}

    def build(
        self,
        groups: Sequence[Sequence[Group]],
        forest: Forest,
        messages: tuple[Messages | None, Messages | None],
        most: float,
    ) -> CutNetwork:
        """groups: per layer;  messages: bounds on what follows by the forest;  most: value above which nothing counts."""
        states: list[State] = [()]
        walks: list[tuple[Walk, ...]] = [()]
        depths = [0]
        done = [(0.0, 0.0)]
        layers: list[Layer] = []
        for i, own in enumerate(groups):
            ahead = Ahead(self.graph, forest, self.kinds, messages, i)
            layer, done, walks = self._layer(i, own, states, walks, depths, done, ahead, most)
            layers.append(layer)
            states, depths = layer.after, layer.depth_after.tolist()
            if not states:
                layers += [self._nothing(g) for g in groups[i + 1 :]]
                break
        return CutNetwork(layers, self.objective)

    def _nothing(self, groups: Sequence[Group]) -> Layer:
        none = np.empty(0, dtype=np.int64)
        wide = np.empty((0, len(self.capacity)), dtype=np.int64)
        return Layer(groups, [], [], none, none, wide, none, none, none, np.empty((0, 2)))

    def _layer(
        self,
        i: int,
        groups: Sequence[Group],
        states: list[State],
        walks: list[tuple[Walk, ...]],
        depths: list[int],
        done: list[tuple[float, float]],
        ahead: Ahead,
        most: float,
    ) -> tuple[Layer, list[tuple[float, float]], list[tuple[Walk, ...]]]:
        step, objective = self.steps[i], self.objective
        at = [k for k, _ in step.left]
        index: dict[State, list[int]] = {}
        for n, g in enumerate(groups):
            index.setdefault(tuple([g.keys[p] for _, p in step.left]), []).append(n)
        passing = self._passing(i, states)
        stays = any(kept for kept, _ in step.carry)
        after: dict[tuple[State, tuple[Walk, ...]], int] = {}
        reached: list[tuple[float, float]] = []
        found: list[tuple[int, int, int]] = []
        costs: list[tuple[float, float]] = []
        for s, state in enumerate(states):
            meets = index.get(tuple([state[k] for k in at]))
            if meets is None:
                continue
            loops = open_loops(state)
            beside = tuple(passing[s].tolist())
            energy, cycles = done[s]
            for n in meets:
                g = groups[n]
                if loops and g.loops[: len(loops)] != loops:
                    continue
                new = tuple([state[k] if kept else g.keys[k] for kept, k in step.carry])
                if stays and not _continues(new, step.carry):
                    continue
                cost = fitting(g, beside, most)
                e, c = energy + cost[0], cycles + cost[1]
                rest = ahead.of(new)
                whole = (e + rest[0], c + rest[1])
                least = whole[1] if objective == LATENCY else whole[0] * whole[1] if objective == EDP else whole[0]
                if least > most or least == inf:
                    continue
                walk = self.walker.after(i, g, walks[s], new)
                if walk is None:
                    continue
                to = after.get((new, walk))
                if to is None:
                    to = after[new, walk] = len(after)
                    reached.append((e, c))
                elif e < reached[to][0] or c < reached[to][1]:
                    reached[to] = (min(e, reached[to][0]), min(c, reached[to][1]))
                found.append((s, n, to))
                costs.append(cost)
        arrays = np.array(found, dtype=np.int64).reshape(-1, 3)
        listed = [state for state, _ in after]
        layer = Layer(
            groups=groups,
            before=states,
            after=listed,
            depth_before=np.array(depths, dtype=np.int64),
            depth_after=np.array([max((len(k[1]) for k in new), default=0) for new in listed], dtype=np.int64),
            passing=passing,
            source=arrays[:, 0],
            group=arrays[:, 1],
            target=arrays[:, 2],
            cost=np.array(costs, dtype=np.float64).reshape(-1, 2),
        )
        return layer, reached, [walk for _, walk in after]

    def _passing(self, i: int, states: list[State]) -> Ints:
        """Per state and memory, tiles alive that layer `i` does not use."""
        found = np.zeros((len(states), len(self.capacity)), dtype=np.int64)
        for k, t in enumerate(self.steps[i].before):
            if t in self.steps[i].position:
                continue
            rows, p = self.owner[t]
            for s, state in enumerate(states):
                m = rows.memory(state[k]) if state[k][0] else -1
                if m >= 0:
                    found[s, m] += rows.size(p, state[k])
        return found


def open_loops(state: State) -> tuple[int, ...]:
    """Trips of the loops open at a cut: those above its deepest tensor."""
    deepest: tuple[tuple[int, int], ...] = ()
    for _, loops in state:
        if len(loops) > len(deepest):
            deepest = loops
    return tuple([n for _, n in deepest])


def _continues(new: State, carry: tuple[tuple[bool, int], ...]) -> bool:
    """No tensor that stays alive lies below more loops than those the problem itself keeps open: none skips it."""
    deepest = max((len(k[1]) for k, (kept, _) in zip(new, carry) if not kept), default=0)
    return all(len(k[1]) <= deepest for k, (kept, _) in zip(new, carry) if kept)


class Ahead:
    """Bounds of the layers behind cut `i` by the state there, from the forest."""

    def __init__(
        self,
        graph: FusedGraph,
        forest: Forest,
        kinds: Sequence[KindRows],
        messages: tuple[Messages | None, Messages | None],
        i: int,
    ) -> None:
        live = graph.live(i)
        later = range(i + 1, len(graph.layers))
        self.messages = messages
        self.roots = tuple(
            0.0 if m is None else float(sum(m.down[j][0] for j in later if forest.parent[j] is None)) for m in messages
        )
        # (layer, index of its parent tensor in the state, numbers of the tensor's keys as that layer counts them)
        self.hanging = tuple(
            (j, k, kinds[j].numbers[graph.layers[j].tensors.index(t)])
            for k, t in enumerate(live)
            for j in forest.children[t]
            if j > i
        )
        self.known: dict[State, tuple[float, float]] = {}

    def of(self, state: State) -> tuple[float, float]:
        found = self.known.get(state)
        if found is None:
            values = []
            for m, root in zip(self.messages, self.roots):
                total = root
                if m is not None:
                    for j, k, numbers in self.hanging:
                        at = numbers.get(state[k])
                        total += inf if at is None else float(m.down[j][at])
                values.append(total)
            found = self.known[state] = (values[0], values[1])
        return found
