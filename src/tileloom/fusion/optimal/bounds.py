"""What a graph costs at least given one problem's choice: message passing over a spanning forest of the problems.

Every problem hangs on one of the tensors it reads (the one introduced last); agreement on the others is not asked, nor
is any capacity. So each number bounds all complete schedules from below, and for a chain without capacities it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.arrays import Floats, Ints


@dataclass(frozen=True)
class Forest:
    """parent: per layer the tensor it hangs on (None: a root);  children: tensor -> layers;  introduced: per layer the
    shared tensors that it is the first to use."""

    parent: tuple[str | None, ...]
    children: dict[str, tuple[int, ...]]
    introduced: tuple[tuple[str, ...], ...]


def forest_of(graph: FusedGraph) -> Forest:
    first = {t: graph.uses[t][0] for t in graph.shared}
    parent: list[str | None] = []
    for i, layer in enumerate(graph.layers):
        earlier = [t for t in layer.tensors if t in graph.shared and first[t] < i]
        parent.append(max(earlier, key=lambda t: (first[t], t)) if earlier else None)
    children = {t: tuple(i for i, p in enumerate(parent) if p == t) for t in graph.shared}
    introduced = tuple(tuple(t for t in layer.tensors if first.get(t) == i) for i, layer in enumerate(graph.layers))
    return Forest(tuple(parent), children, introduced)


@dataclass(frozen=True)
class Messages:
    """down: per layer, by number of its parent tensor's key (KindRows.numbers; a root has one entry) the least cost of
    it and of all that hangs on it;  total: least cost of the graph;  through: per layer, least cost of the graph with
    each of its groups."""

    down: tuple[Floats, ...]
    total: float
    through: tuple[Floats, ...]


class Passer:
    """Message passing over one graph. Groups of a layer are those of its kind, in one order for all layers of it."""

    def __init__(self, graph: FusedGraph, forest: Forest, kinds: Sequence[KindRows]) -> None:
        self.forest, self.kinds = forest, kinds
        at = [{t: p for p, t in enumerate(layer.tensors)} for layer in graph.layers]
        self.parent = [None if t is None else at[i][t] for i, t in enumerate(forest.parent)]
        # (position, ((child, the child's position), ...)) of each tensor that a layer introduces and others hang on.
        self.hanging = [
            tuple((at[i][t], tuple((c, at[c][t]) for c in forest.children[t])) for t in own if forest.children[t])
            for i, own in enumerate(forest.introduced)
        ]
        self.above = {c: (i, p) for i, own in enumerate(self.hanging) for p, children in own for c, _ in children}
        self._maps: dict[tuple[int, int, int, int], tuple[int, int, Ints]] = {}

    def run(self, numbers: dict[KindRows, Ints], costs: dict[KindRows, Floats]) -> Messages:
        """numbers: per kind, the key numbers of its groups int64[groups, tensors]; costs: of each group (inf: none)."""
        count = len(self.kinds)
        down: list[Floats] = [np.empty(0)] * count
        below: list[Floats] = [np.empty(0)] * count
        sums: list[dict[int, Floats]] = [{} for _ in range(count)]
        for i in range(count - 1, -1, -1):
            kind = self.kinds[i]
            total = costs[kind].copy()
            for p, children in self.hanging[i]:
                by_key = np.zeros(len(kind.numbers[p]))
                for c, q in children:
                    by_key += self._seen(down[c], kind, p, self.kinds[c], q)
                sums[i][p] = by_key
                total += by_key[numbers[kind][:, p]]
            below[i] = total
            parent = self.parent[i]
            if parent is None:
                down[i] = np.array([total.min() if len(total) else inf])
            else:
                down[i] = _least(numbers[kind][:, parent], total, len(kind.numbers[parent]))
        whole = float(sum(down[i][0] for i in range(count) if self.parent[i] is None))
        through: list[Floats] = []
        best: dict[tuple[int, int], Floats] = {}
        for i, kind in enumerate(self.kinds):
            parent = self.parent[i]
            if parent is None:
                outside = np.array(whole - down[i][0] if down[i][0] < inf else inf)
            else:
                upper, p = self.above[i]
                known = self._seen(best[upper, p], kind, parent, self.kinds[upper], p)
                rest = np.full(len(known), inf)
                np.subtract(known, down[i], out=rest, where=(known < inf) & (down[i] < inf))
                outside = rest[numbers[kind][:, parent]]
            through.append(below[i] + outside)
            for p, _ in self.hanging[i]:
                best[i, p] = _least(numbers[kind][:, p], through[i], len(kind.numbers[p]))
        return Messages(tuple(down), whole, tuple(through))

    def _seen(self, values: Floats, kind: KindRows, p: int, other: KindRows, q: int) -> Floats:
        """Values by key number of position q of `other`, by key number of position p of `kind`."""
        own, theirs = kind.numbers[p], other.numbers[q]
        name = (id(kind), p, id(other), q)
        found = self._maps.get(name)
        if found is None or found[:2] != (len(own), len(theirs)):
            found = (len(own), len(theirs), np.array([theirs.get(k, -1) for k in own], dtype=np.int64))
            self._maps[name] = found
        return np.append(values, inf)[found[2]]


def _least(numbers: Ints, values: Floats, count: int) -> Floats:
    found = np.full(count, inf)
    np.minimum.at(found, numbers, values)
    return found
