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
from numpy.typing import NDArray

from tileloom.fusion.optimal.budget import LABELS_PER_STEP, Budget
from tileloom.fusion.optimal.cuts import CutNetwork, Layer, step_of
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Front, Group
from tileloom.fusion.optimal.kernels import join_pairs, pareto_in_groups
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP, LATENCY


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


AT_ONCE = 4_000_000
"""Pairs of a label and a row between two looks at the budget."""


class Joiner:
    """The join of one graph; `run` may be called with growing bounds."""

    def __init__(self, graph: FusedGraph, kinds: Sequence[KindRows], objective: int, budget: Budget) -> None:
        self.graph, self.kinds, self.objective, self.budget = graph, kinds, objective, budget
        self.steps = [step_of(graph, i) for i in range(len(graph.layers))]
        self.capacity = np.array([bits for _, bits in kinds[0].kind.tracked], dtype=np.float64)

    def run(
        self,
        network: CutNetwork,
        most: float,
        *,
        front: bool = False,
        beam: int = 0,
        beaten_by: Floats | None = None,
    ) -> Joined:
        """network: relaxed transitions between groups with exact rows.

        most    labels whose value with the bound of the rest is above are dropped
        front   keep every non-dominated (energy, cycles);  beam: keep this many labels per cut, the best bounds first
                (0 = all; otherwise what is found is a schedule, but perhaps not the best)
        beaten_by  known (energy, cycles), energy ascending and cycles descending: what they beat is dropped
        """
        if not network.possible:
            return Joined((), 0, 0)
        depth = max(
            (len(layer.groups[n].loops) for layer in network.layers for n in set(layer.group.tolist())), default=0
        )
        labels = self._start(depth)
        edges = {0: (0, 1)}
        history: list[tuple[Ints, list[tuple[Group, int]]]] = []
        made, widest = 0, 0
        two = front or self.objective == EDP
        tables: dict[object, _Table] = {}
        for i, layer in enumerate(network.layers):
            table = self._table(i, layer, depth, tables)
            low = np.minimum.reduceat(labels[:, :2], [a for a, _ in edges.values()], axis=0)
            pairs = self._pairs(layer, table, edges, low, most)
            bounds = layer.rest_after[pairs[:, 6]]
            found, made_by = self._continued(labels, table, layer, pairs, bounds, depth, most)
            if beaten_by is not None:
                open_ones = ~_is_beaten(found[:, :2] + bounds[made_by[:, 2]], beaten_by)
                found, made_by = found[open_ones], made_by[open_ones]
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
            used, starts = np.unique(state_of, return_index=True)
            ends = [*starts[1:].tolist(), len(state_of)]
            edges = {s: (a, b) for s, a, b in zip(used.tolist(), starts.tolist(), ends)}
            history.append((made_by[order, :2], table.origin))
            widest = max(widest, len(labels))
        return Joined(self._points(labels, history), made, widest)

    def _continued(
        self, labels: Floats, table: _Table, layer: Layer, pairs: Ints, bounds: Floats, depth: int, most: float
    ) -> tuple[Floats, Ints]:
        """Labels behind a layer and (label, row, pair) that made each; spends what they take, a share at a time."""
        work = np.cumsum((pairs[:, 1] - pairs[:, 0]) * (pairs[:, 3] - pairs[:, 2]))
        last = int(work[-1]) if len(work) else 0
        edges = np.unique(np.searchsorted(work, np.arange(AT_ONCE, last + 1, AT_ONCE)))
        found, made_by = [np.empty((0, labels.shape[1]))], [np.empty((0, 3), dtype=np.int64)]
        passing = layer.passing.astype(np.float64)
        for own in np.split(np.arange(len(pairs)), edges):
            if not len(own):
                continue
            done = int(work[own[0] - 1]) if own[0] else 0
            self.budget.spend(1 + (int(work[own[-1]]) - done) // LABELS_PER_STEP)
            some, by = join_pairs(
                labels, table.rows, pairs[own], bounds[own], table.tiles, passing, len(self.capacity), depth,
                self.capacity, self.objective, most,
            )  # fmt: skip
            by[:, 2] += own[0]
            found.append(some)
            made_by.append(by)
        return np.vstack(found), np.vstack(made_by)

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

    def _table(self, i: int, layer: Layer, depth: int, known: dict[object, _Table]) -> _Table:
        """Rows of all groups below one another, padded to `depth` levels; layers of equal groups share it."""
        step, groups = self.steps[i], layer.groups
        taken = set(layer.group.tolist())
        key = (id(self.kinds[i]), step.new, step.last, tuple(map(id, groups)), tuple(sorted(taken)))
        if key in known:
            return known[key]
        memories, part = len(self.capacity), depth + 2
        blocks, origin, spans = [np.empty((0, 2 + memories * part))], list[tuple[Group, int]](), []
        at = 0
        for n, g in enumerate(groups):
            if n not in taken:
                spans.append((at, at))
                continue
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
        extra = memories * (1 + 2 * (depth + 1))
        tiles = (
            np.array([self._tiles(i, g, depth) if n in taken else [0.0] * extra for n, g in enumerate(groups)])
            if extra
            else np.zeros((len(groups), 1))
        )
        found = known[key] = _Table(np.vstack(blocks), origin, spans, tiles)
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

    def _pairs(self, layer: Layer, table: _Table, edges: dict[int, tuple[int, int]], low: Floats, most: float) -> Ints:
        """Transitions that some label can take, as `join_pairs` reads them, by the state they lead to."""
        spans = np.array(table.spans, dtype=np.int64).reshape(-1, 2)
        starts = np.zeros((len(layer.before), 2), dtype=np.int64)
        least = np.full((len(layer.before), 2), inf)
        for n, (s, edge) in enumerate(edges.items()):
            starts[s], least[s] = edge, low[n]
        whole = least[layer.source] + layer.cost + layer.rest_after[layer.target]
        taken = np.flatnonzero((self._values(whole) <= most) & (spans[layer.group, 1] > spans[layer.group, 0]))
        source, group, target = layer.source[taken], layer.group[taken], layer.target[taken]
        return np.column_stack([
            starts[source], spans[group], layer.depth_before[source], layer.depth_after[target], target, group, source,
        ])  # fmt: skip


@dataclass(frozen=True)
class _Table:
    """A layer's groups for the join: rows, where each comes from, spans of rows and tiles per group."""

    rows: Floats
    origin: list[tuple[Group, int]]
    spans: list[tuple[int, int]]
    tiles: Floats


def _is_beaten(points: Floats, known: Floats) -> NDArray[np.bool_]:
    """Which (energy, cycles) are not below some known point in either number, to a relative 1e-9."""
    at = np.searchsorted(known[:, 0], points[:, 0] * (1 + 1e-9), side="right") - 1
    beaten: NDArray[np.bool_] = (at >= 0) & (known[np.maximum(at, 0), 1] <= points[:, 1] * (1 + 1e-9))
    return beaten


__all__ = ["Choice", "Joined", "Joiner"]
