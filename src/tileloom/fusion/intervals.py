"""Tile sizes by walking intervals: exact at the borders of the maps, through padding, strides and branches.

Along one axis every tile of the last layer asks each map for an interval; with caching only what no earlier tile made
is computed. The original's rule, which knows no borders, is in geometry.py.
"""

from __future__ import annotations

from itertools import pairwise

from tileloom.fusion.geometry import Column, Edge, Extents
from tileloom.fusion.graph import Graph, GraphNode, NodeId, Reach

Interval = tuple[int, int]
EMPTY: Interval = (0, 0)


def exact_columns(graph: Graph, axis: str, size: int, *, cached: bool) -> tuple[Column, ...]:
    """The tiles along one axis, neighbours of equal content together; the remainder tile comes first."""
    walk = _Walk(graph, axis, cached)
    total = walk.size[graph.end.id]
    first = total % size or min(size, total)
    bounds = [0, *range(first, total + 1, size)]
    found: list[Column] = []
    for tile, (start, stop) in enumerate(pairwise(bounds)):
        extents = walk.tile((start, stop))
        column = Column(1, tile == 0, stop == total, stop - start, extents, extents)
        if found and _same(found[-1], column):
            column = Column(found[-1].count + 1, False, False, column.size, extents, extents)
            found[-1] = column
        else:
            found.append(column)
    return tuple(found)


def _same(one: Column, other: Column) -> bool:
    return not (one.is_first or other.is_last) and one.size == other.size and one.actual == other.actual


class _Walk:
    """Goes along one axis tile by tile; knows how far every map is made. Lives for one axis."""

    def __init__(self, graph: Graph, axis: str, cached: bool) -> None:
        self.graph, self.axis, self.cached = graph, axis, cached
        self.size = {n.id: n.layer.sizes.get(n.dim(axis), 1) for n in graph.nodes}
        self.made = {n.id: 0 for n in graph.nodes}
        self.shift = {
            (n.id, f.operand): _shift(self.size, n, f.producer, f.reach(axis)) for n in graph.nodes for f in n.feeds
        }

    def tile(self, wanted: Interval) -> Extents:
        """What every node computes, reads and keeps for the tile [start, stop) of the last layer."""
        new, needs = self.back(wanted)
        overlap = {
            edge: max(0, min(self.made[producer], stop) - start) if self.cached else 0
            for edge, (producer, (start, stop)) in needs.items()
        }
        width = {n.id: 0 for n in self.graph.nodes}
        if self.cached:
            self.made = {n: max(self.made[n], stop) for n, (_, stop) in new.items()}
            width = self.kept((wanted[1], self.size[self.graph.end.id]))
        full = {edge: stop - start for edge, (_, (start, stop)) in needs.items()}
        return Extents({n: stop - start for n, (start, stop) in new.items()}, full, overlap, width)

    def back(self, wanted: Interval) -> tuple[dict[NodeId, Interval], dict[Edge, tuple[NodeId, Interval]]]:
        """(what every node computes, what every operand reads of which map) for an interval of the last layer."""
        asked: dict[NodeId, Interval] = {self.graph.end.id: wanted}
        new: dict[NodeId, Interval] = {}
        needs: dict[Edge, tuple[NodeId, Interval]] = {}
        for node in reversed(self.graph.nodes):
            start, stop = asked.get(node.id, EMPTY)
            if self.cached:
                start = max(start, min(self.made[node.id], stop))
            new[node.id] = (start, stop)
            for feed in node.feeds:
                need = self.reads(node, feed.operand, feed.producer, feed.reach(self.axis), (start, stop))
                needs[node.id, feed.operand] = (feed.producer, need)
                asked[feed.producer] = _hull(asked.get(feed.producer, EMPTY), need)
        return new, needs

    def reads(self, node: GraphNode, operand: str, producer: NodeId, reach: Reach, outputs: Interval) -> Interval:
        """The part of the producer's map that the outputs read; padding is not read."""
        if outputs[0] >= outputs[1]:
            return EMPTY
        if not reach.axis:
            return (0, self.size[producer])
        shift = self.shift[node.id, operand]
        start, stop = reach.span(*outputs)
        start, stop = max(0, start + shift), min(self.size[producer], stop + shift)
        return (start, stop) if start < stop else EMPTY

    def kept(self, rest: Interval) -> dict[NodeId, int]:
        """Positions of every map that are made and that the rest of the tiles read."""
        lowest = dict(self.made)
        if rest[0] < rest[1]:
            for producer, need in self.back(rest)[1].values():
                if need != EMPTY:
                    lowest[producer] = min(lowest[producer], need[0])
        return {n: self.made[n] - lowest[n] for n in lowest}


def _shift(size: dict[NodeId, int], node: GraphNode, producer: NodeId, reach: Reach) -> int:
    """Maps of unequal size that are added lie centred on each other, as in networks whose padding was taken away."""
    return max(0, size[producer] - size[node.id]) // 2 if reach.halo is None else 0


def _hull(one: Interval, other: Interval) -> Interval:
    if one == EMPTY:
        return other
    return one if other == EMPTY else (min(one[0], other[0]), max(one[1], other[1]))
