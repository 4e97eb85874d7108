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
from tileloom.fusion.optimal.rows import Group, Key
from tileloom.search.optimal.arrays import Floats

Table = dict[Key, float]


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
    """down: per layer, key of its parent tensor -> least cost of it and what hangs on it (key None for a root)

    total     least cost of the graph;  through: per layer, least cost of the graph with each of its groups
    """

    down: tuple[dict[Key | None, float], ...]
    total: float
    through: tuple[Floats, ...]

    def after(self, forest: Forest, cut: int, keys: dict[str, Key]) -> float:
        """Bound of all layers behind a cut, given the keys of the tensors alive there."""
        bound = 0.0
        for i in range(cut + 1, len(self.down)):
            parent = forest.parent[i]
            if parent is None:
                bound += self.down[i].get(None, inf)
            elif parent in keys:
                bound += self.down[i].get(keys[parent], inf)
        return bound


def pass_messages(
    graph: FusedGraph, forest: Forest, groups: Sequence[Sequence[Group]], costs: Sequence[Floats]
) -> Messages:
    """groups: per layer the choices that remain; costs: per layer the least cost of each (inf: none)."""
    count = len(graph.layers)
    at = [{t: layer.tensors.index(t) for t in layer.tensors} for layer in graph.layers]
    down: list[dict[Key | None, float]] = [{} for _ in range(count)]
    below: list[Floats] = [np.empty(0)] * count
    for i in range(count - 1, -1, -1):
        total = costs[i].copy()
        for t in forest.introduced[i]:
            if forest.children[t]:
                p = at[i][t]
                sums: Table = {}
                for k, g in enumerate(groups[i]):
                    key = g.keys[p]
                    if key not in sums:
                        sums[key] = sum(down[c].get(key, inf) for c in forest.children[t])
                    total[k] += sums[key]
        below[i] = total
        parent = forest.parent[i]
        if parent is None:
            down[i][None] = float(total.min()) if len(total) else inf
        else:
            down[i] = _least(groups[i], at[i][parent], total)
    roots = [i for i in range(count) if forest.parent[i] is None]
    whole = sum(down[i][None] for i in roots)
    through: list[Floats] = []
    per_key: dict[str, dict[Key | None, float]] = {}
    for i in range(count):
        parent = forest.parent[i]
        if parent is None:
            rest = whole - down[i][None] if down[i][None] < inf else inf
            outside = np.full(len(groups[i]), rest)
        else:
            p, best = at[i][parent], per_key[parent]
            outside = np.array([_minus(best.get(g.keys[p], inf), down[i].get(g.keys[p], inf)) for g in groups[i]])
        through.append(below[i] + outside)
        for t in forest.introduced[i]:
            per_key[t] = _least(groups[i], at[i][t], through[i])
    return Messages(tuple(down), float(whole), tuple(through))


def _minus(a: float, b: float) -> float:
    return inf if a == inf or b == inf else a - b


def _least(groups: Sequence[Group], position: int, values: Floats) -> dict[Key | None, float]:
    found: dict[Key | None, float] = {}
    for g, value in zip(groups, values.tolist()):
        key = g.keys[position]
        if value < found.get(key, inf):
            found[key] = value
    return found
