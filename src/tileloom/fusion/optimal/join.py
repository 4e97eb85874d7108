"""Labels over the cuts of a graph: every way to schedule the first problems that can still be part of the optimum.

A cut lies behind each problem. Its state is the keys of the shared tensors alive there; a label is a state with sums
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
from tileloom.fusion.optimal.rows import OUTSIDE, Front, Group, Key, KindRows
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

    used     (index in the state before or -1, position in the layer) of its shared tensors
    carry    per tensor of the state after: (True, index in the state before) or (False, position in the layer)
    """

    position: dict[str, int]
    before: tuple[str, ...]
    after: tuple[str, ...]
    left: tuple[tuple[int, int], ...]
    new: tuple[int, ...]
    dying: tuple[tuple[bool, int], ...]
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
        new=tuple(position[t] for t in used if t not in at),
        dying=tuple((False, position[t]) for t in last),
        carry=tuple((False, position[t]) if t in position else (True, at[t]) for t in after),
    )


class Joiner:
    """The join of one graph; `run` may be called with growing bounds."""

    def __init__(self, graph: FusedGraph, kinds: Sequence[KindRows], objective: int) -> None:
        self.graph, self.kinds, self.objective = graph, kinds, objective
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
        front: bool = False,
    ) -> Joined:
        """groups: per layer those with exact rows; messages: bounds on (energy, cycles) of what follows.

        most    labels whose value with the bound of the rest is above are dropped
        front   keep every non-dominated (energy, cycles)
        """
        depth = max((len(g.loops) for own in groups for g in own), default=0)
        memories = len(self.capacity)
        wide = 2 + memories * (2 * depth + 2)
        labels = np.zeros((1, wide))
        for m in range(memories):
            start = 2 + m * (2 * depth + 2) + depth + 1
            labels[0, start : start + depth + 1] = -1.0
        states: list[State] = [()]
        starts = np.array([0, 1])
        history: list[tuple[Ints, list[tuple[Group, int]]]] = []
        made, widest = 0, 0
        two = front or self.objective == EDP
        for i, own in enumerate(groups):
            ahead = _Ahead(self.graph, forest, messages, i)
            rows, origin, spans = self._rows(own, depth)
            pairs, meta, after = self._pairs(i, own, spans, states, starts, labels, ahead, depth, most)
            found, made_by = join_pairs(labels, rows, pairs, meta, memories, depth, self.capacity, self.objective, most)
            made += len(found)
            if not len(found):
                return Joined((), made, widest)
            compared = found if two else np.delete(found, 0 if self.objective == LATENCY else 1, axis=1)
            order = np.lexsort((compared.sum(axis=1), compared[:, 0], made_by[:, 2]))
            keep = pareto_in_groups(np.ascontiguousarray(compared), made_by[:, 2], order)
            order = order[keep[order]]
            labels, state_of = np.ascontiguousarray(found[order]), made_by[order, 2]
            used = np.unique(state_of)
            starts = np.append(np.searchsorted(state_of, used), len(state_of))
            states = [after[s] for s in used]
            history.append((made_by[order, :2], origin))
            widest = max(widest, len(labels))
        return Joined(self._points(labels, history), made, widest)

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

    def _rows(
        self, groups: Sequence[Group], depth: int
    ) -> tuple[Floats, list[tuple[Group, int]], list[tuple[int, int]]]:
        """Rows of all groups below one another, padded to `depth` levels."""
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
        return np.vstack(blocks), origin, spans

    def _pairs(
        self,
        i: int,
        groups: Sequence[Group],
        spans: list[tuple[int, int]],
        states: list[State],
        starts: Ints,
        labels: Floats,
        ahead: _Ahead,
        depth: int,
        most: float,
    ) -> tuple[Ints, Floats, list[State]]:
        step = self.steps[i]
        left = [p for _, p in step.left]
        at = [k for k, _ in step.left]
        index: dict[State, list[int]] = {}
        for n, g in enumerate(groups):
            index.setdefault(tuple(g.keys[p] for p in left), []).append(n)
        after: dict[State, int] = {}
        pairs, meta = [], []
        sizes: dict[tuple[int, int], object] = {}
        for s, state in enumerate(states):
            loops = max((tuple(n for _, n in k[1]) for k in state), key=len, default=())
            low = labels[starts[s] : starts[s + 1], :2].min(axis=0)
            for n in index.get(tuple(state[k] for k in at), ()):
                g = groups[n]
                if g.loops[: len(loops)] != loops or spans[n][0] == spans[n][1]:
                    continue
                new = tuple(state[k] if kept else g.keys[k] for kept, k in step.carry)
                deepest = max((len(k[1]) for k, (kept, _) in zip(new, step.carry) if not kept), default=0)
                if any(kept and len(k[1]) > deepest for k, (kept, _) in zip(new, step.carry)):
                    continue
                rest = ahead.of(new)
                if self.kinds[i].value(low[0] + g.energy + rest[0], low[1] + g.cycles + rest[1]) > most:
                    continue
                to = after.setdefault(new, len(after))
                down = max((len(k[1]) for k in new), default=0)
                pairs.append((starts[s], starts[s + 1], *spans[n], len(loops), down, to))
                meta.append([*rest, *self._tiles(i, state, g, depth, down, sizes)])
        wide = 2 + len(self.capacity) * (1 + 2 * (depth + 1))
        found = np.array(pairs, dtype=np.int64).reshape(-1, 7)
        return found, np.array(meta, dtype=np.float64).reshape(-1, wide), list(after)

    def _tiles(
        self, i: int, state: State, g: Group, depth: int, down: int, sizes: dict[tuple[int, int], object]
    ) -> list[float]:
        """Per memory: shared tiles alive while the layer runs; tiles first used now, by level; tiles released, by level."""
        step, kind = self.steps[i], self.kinds[i]
        memories, extra = len(self.capacity), 1 + 2 * (depth + 1)
        found = [0.0] * (memories * extra)
        if not memories:
            return found

        def put(key: Key, bits: int, offset: int) -> None:
            m = kind.memory(key) if key[0] else -1
            if m >= 0:
                found[m * extra + offset] += bits

        own = {t for t, p in step.position.items()}
        for t, key in zip(step.before, state):
            if t not in own and key[0]:
                rows, p = self.owner[t]
                put(key, rows.size(p, key), 0)
        seen: set[int] = set()
        copies = kind.kind.problem.copy
        for t, p in step.position.items():
            key = g.keys[p]
            if not key[0] or t not in self.graph.shared:
                continue
            if not (copies and key[0] in seen):
                put(key, kind.size(p, key), 0)
            seen.add(key[0])
        for p in step.new:
            key = g.keys[p]
            if key[0]:
                put(key, kind.size(p, key), 1 + len(key[1]))
        for _, p in step.dying:
            key = g.keys[p]
            if key[0] and len(key[1]) < down:
                put(key, kind.size(p, key), 2 + depth + len(key[1]))
        return found


class _Ahead:
    """Bounds of the layers behind cut `i` by the state there."""

    def __init__(
        self, graph: FusedGraph, forest: Forest, messages: tuple[Messages | None, Messages | None], i: int
    ) -> None:
        live = graph.live(i)
        at = {t: k for k, t in enumerate(live)}
        later = range(i + 1, len(graph.layers))
        self.messages = messages
        self.roots = tuple(
            0.0 if m is None else sum(m.down[j].get(None, inf) for j in later if forest.parent[j] is None)
            for m in messages
        )
        hanging = ((j, forest.parent[j]) for t in live for j in forest.children[t] if j > i)
        self.hanging = tuple((j, at[t]) for j, t in hanging if t is not None)
        self.known: dict[State, tuple[float, float]] = {}

    def of(self, state: State) -> tuple[float, float]:
        found = self.known.get(state)
        if found is None:
            values = []
            for m, root in zip(self.messages, self.roots):
                total = root
                if m is not None:
                    for j, k in self.hanging:
                        total += m.down[j].get(state[k], inf)
                values.append(total)
            found = self.known[state] = (values[0], values[1])
        return found


__all__ = ["OUTSIDE", "Choice", "Joined", "Joiner"]
