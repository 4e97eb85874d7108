"""Labels over the cuts of a graph: every way to schedule the first problems that can still be part of the optimum.

A cut lies behind each problem. Its state is the keys of the shared tensors alive there (and how open loops walk along
them, walks.py); a label is a state with sums
of cost, what stays reserved under the loops that are open at the cut, and the occupancy of finished problems that what
follows can still raise. Of labels of one state only those not worse in every number are kept: whatever continues one
continues the other at the same added numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from tileloom.fusion.optimal.bounds import Forest, Messages
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.kernels import join_pairs, pareto_in_groups
from tileloom.fusion.optimal.rows import Front, Group, Key, KindRows
from tileloom.fusion.optimal.walks import Walk, Walker
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP, LATENCY

State = tuple[Key, ...]


@dataclass(frozen=True)
class Choice:
    """One problem of a schedule: its group and the row of the group's front."""

    group: Group
    row: int


@dataclass(frozen=True)
class Joined:
    """points: (energy, cycles, choices) of the complete labels, energy ascending;  labels: how many were made."""

    points: tuple[tuple[float, float, tuple[Choice, ...]], ...]
    labels: int
    widest: int


@dataclass(frozen=True)
class _Step:
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


def _step(graph: FusedGraph, i: int) -> _Step:
    layer = graph.layers[i]
    position = {t: p for p, t in enumerate(layer.tensors)}
    before = graph.live(i - 1) if i else ()
    after = graph.live(i)
    used = [t for t in layer.tensors if t in graph.shared]
    at = {t: k for k, t in enumerate(before)}
    last = [t for t in used if graph.uses[t][-1] == i]
    return _Step(
        position=position,
        before=before,
        after=after,
        left=tuple((at[t], position[t]) for t in used if t in at),
        used=tuple(position[t] for t in used),
        new=tuple(position[t] for t in used if t not in at),
        last=tuple(position[t] for t in last),
        carry=tuple((False, position[t]) if t in position else (True, at[t]) for t in after),
    )


class Joiner:
    """The join of one graph; `run` may be called with growing bounds."""

    def __init__(
        self, graph: FusedGraph, kinds: Sequence[KindRows], objective: int, *, early_reads: bool = False
    ) -> None:
        self.graph, self.kinds, self.objective = graph, kinds, objective
        self.walker = Walker(graph, on=not early_reads)
        self.steps = [_step(graph, i) for i in range(len(graph.layers))]
        self.capacity = np.array([bits for _, bits in kinds[0].kind.tracked], dtype=np.float64)
        owner = {t: graph.owner(t) for t in graph.shared}
        self.owner = {t: (kinds[i], graph.layers[i].tensors.index(t)) for t, i in owner.items()}

    def run(
        self,
        groups: Sequence[Sequence[Group]],
        forest: Forest,
        messages: tuple[Messages | None, Messages | None],
        most: float,
        *,
        front: bool = False,
        beam: int = 0,
    ) -> Joined:
        """groups: per layer those with exact rows; messages: bounds on (energy, cycles) of what follows.

        most    labels whose value with the bound of the rest is above are dropped
        front   keep every non-dominated (energy, cycles);  beam: keep this many labels per cut, the best bounds first
                (0 = all; otherwise what is found is a schedule, but perhaps not the best)
        """
        depth = max((len(g.loops) for own in groups for g in own), default=0)
        labels = self._start(depth)
        states: list[State] = [()]
        walks: list[tuple[Walk, ...]] = [()]
        starts = np.array([0, 1])
        history: list[tuple[Ints, list[tuple[Group, int]]]] = []
        made, widest = 0, 0
        two = front or self.objective == EDP
        tables: dict[object, _Table] = {}
        for i, own in enumerate(groups):
            table = self._table(i, own, depth, tables)
            ahead = _Ahead(self.graph, forest, self.kinds, messages, i)
            pairs, bounds, after = self._pairs(i, own, table, states, walks, starts, labels, ahead, most)
            found, made_by = join_pairs(
                labels, table.rows, pairs, bounds, table.tiles, self._carried(i, states), len(self.capacity), depth,
                self.capacity, self.objective, most,
            )  # fmt: skip
            made += len(found)
            if not len(found):
                return Joined((), made, widest)
            state_of = pairs[made_by[:, 2], 6]
            compared = found if two else np.delete(found, 0 if self.objective == LATENCY else 1, axis=1)
            order = np.lexsort((compared.sum(axis=1), compared[:, 0], state_of))
            order = order[pareto_in_groups(np.ascontiguousarray(compared), state_of, order)[order]]
            if beam and len(order) > beam:
                whole = found[order, :2] + bounds[made_by[order, 2]]
                order = order[np.sort(np.argsort(self._values(whole), kind="stable")[:beam])]
            labels, state_of = np.ascontiguousarray(found[order]), state_of[order]
            used = np.unique(state_of)
            starts = np.append(np.searchsorted(state_of, used), len(state_of))
            states, walks = [after[s][0] for s in used], [after[s][1] for s in used]
            history.append((made_by[order, :2], table.origin))
            widest = max(widest, len(labels))
        return Joined(self._points(labels, history), made, widest)

    def _start(self, depth: int) -> Floats:
        memories = len(self.capacity)
        labels = np.zeros((1, 2 + memories * (2 * depth + 2)))
        for m in range(memories):
            start = 2 + m * (2 * depth + 2) + depth + 1
            labels[0, start : start + depth + 1] = -1.0
        return labels

    def _values(self, sums: Floats) -> Floats:
        if self.objective == EDP:
            product: Floats = sums[:, 0] * sums[:, 1]
            return product
        column: Floats = sums[:, 1 if self.objective == LATENCY else 0]
        return column

    def _points(
        self, labels: Floats, history: list[tuple[Ints, list[tuple[Group, int]]]]
    ) -> tuple[tuple[float, float, tuple[Choice, ...]], ...]:
        points = []
        for end in np.lexsort((labels[:, 1], labels[:, 0])):
            chosen: list[Choice] = []
            at = int(end)
            for made_by, origin in reversed(history):
                group, row = origin[int(made_by[at, 1])]
                chosen.append(Choice(group, row))
                at = int(made_by[at, 0])
            points.append((float(labels[end, 0]), float(labels[end, 1]), tuple(reversed(chosen))))
        return tuple(points)

    def _table(self, i: int, groups: Sequence[Group], depth: int, known: dict[object, _Table]) -> _Table:
        """Rows of all groups below one another, padded to `depth` levels; layers of equal groups share it."""
        step = self.steps[i]
        left = tuple(p for _, p in step.left)
        key = (id(self.kinds[i]), left, step.new, step.last, tuple(map(id, groups)))
        if key in known:
            return known[key]
        memories, part = len(self.capacity), depth + 2
        blocks, origin, spans = [np.empty((0, 2 + memories * part))], list[tuple[Group, int]](), []
        at = 0
        for g in groups:
            front = g.front
            assert isinstance(front, Front)
            own = 2 + len(g.loops)
            block = np.zeros((len(front.values), 2 + memories * part))
            block[:, :2] = front.values[:, :2]
            for m in range(memories):
                block[:, 2 + m * part : 2 + m * part + own] = front.values[:, 2 + m * own : 2 + (m + 1) * own]
            blocks.append(block)
            origin.extend((g, r) for r in range(len(block)))
            spans.append((at, at + len(block)))
            at += len(block)
        index: dict[State, list[int]] = {}
        for n, g in enumerate(groups):
            if spans[n][0] < spans[n][1]:
                index.setdefault(tuple(g.keys[p] for p in left), []).append(n)
        extra = memories * (1 + 2 * (depth + 1))
        tiles = (
            np.array([self._tiles(i, g, depth) for g in groups]).reshape(-1, extra)
            if extra
            else np.zeros((len(groups), 1))
        )
        found = known[key] = _Table(np.vstack(blocks), origin, spans, index, tiles)
        return found

    def _tiles(self, i: int, g: Group, depth: int) -> list[float]:
        """Per memory: tiles of the group's shared tensors; those first used now and used last now, by level."""
        step, kind = self.steps[i], self.kinds[i]
        extra = 1 + 2 * (depth + 1)
        found = [0.0] * (len(self.capacity) * extra)
        seen: set[int] = set()
        for p in step.used:
            key = g.keys[p]
            m = kind.memory(key) if key[0] else -1
            if m < 0:
                continue
            bits = kind.size(p, key)
            # A copy within one memory is one tile under two names.
            if not (kind.kind.problem.copy and key[0] in seen):
                found[m * extra] += bits
            seen.add(key[0])
            if p in step.new:
                found[m * extra + 1 + len(key[1])] += bits
            if p in step.last:
                found[m * extra + 2 + depth + len(key[1])] += bits
        return found

    def _carried(self, i: int, states: list[State]) -> Floats:
        """Per state and memory, tiles alive that layer `i` does not use."""
        found = np.zeros((len(states), max(1, len(self.capacity))))
        for k, t in enumerate(self.steps[i].before):
            if t in self.steps[i].position:
                continue
            rows, p = self.owner[t]
            for s, state in enumerate(states):
                m = rows.memory(state[k]) if state[k][0] else -1
                if m >= 0:
                    found[s, m] += rows.size(p, state[k])
        return found

    def _pairs(
        self,
        i: int,
        groups: Sequence[Group],
        table: _Table,
        states: list[State],
        walks: list[tuple[Walk, ...]],
        starts: Ints,
        labels: Floats,
        ahead: _Ahead,
        most: float,
    ) -> tuple[Ints, Floats, list[tuple[State, tuple[Walk, ...]]]]:
        step, spans, objective = self.steps[i], table.spans, self.objective
        at = [k for k, _ in step.left]
        after: dict[tuple[State, tuple[Walk, ...]], int] = {}
        depths: list[int] = []
        pairs, bounds = [], []
        low = np.minimum.reduceat(labels[:, :2], starts[:-1], axis=0).tolist()
        edges = starts.tolist()
        stays = any(kept for kept, _ in step.carry)
        for s, state in enumerate(states):
            meets = table.index.get(tuple([state[k] for k in at]))
            if meets is None:
                continue
            loops = _open(state)
            open_loops = len(loops)
            energy, cycles = low[s]
            for n in meets:
                g = groups[n]
                if open_loops and g.loops[:open_loops] != loops:
                    continue
                keys = g.keys
                new = tuple([state[k] if kept else keys[k] for kept, k in step.carry])
                if stays and not _continues(new, step.carry):
                    continue
                rest = ahead.of(new)
                e, c = energy + g.energy + rest[0], cycles + g.cycles + rest[1]
                if (c if objective == LATENCY else e * c if objective == EDP else e) > most:
                    continue
                walk = self.walker.after(i, g, walks[s], new)
                if walk is None:
                    continue
                to = after.get((new, walk))
                if to is None:
                    to = after[new, walk] = len(after)
                    depths.append(max([len(k[1]) for k in new], default=0))
                pairs.append((edges[s], edges[s + 1], *spans[n], open_loops, depths[to], to, n, s))
                bounds.append(rest)
        return np.array(pairs, dtype=np.int64).reshape(-1, 9), np.array(bounds).reshape(-1, 2), list(after)


@dataclass(frozen=True)
class _Table:
    """A layer's groups for the join: rows, where each comes from, spans of rows per group, groups by what they meet."""

    rows: Floats
    origin: list[tuple[Group, int]]
    spans: list[tuple[int, int]]
    index: dict[State, list[int]]
    tiles: Floats


def _open(state: State) -> tuple[int, ...]:
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


class _Ahead:
    """Bounds of the layers behind cut `i` by the state there."""

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


__all__ = ["Choice", "Joined", "Joiner"]
