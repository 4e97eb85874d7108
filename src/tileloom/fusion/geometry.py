"""Tile sizes from the last layer backwards, along one axis: the original's rule and the exact walk over intervals.

The original's rule (`counted_columns`) knows no borders; the walk (`exact_columns`) follows every tile's interval
through strides, padding and branches. Both give the same value; memories are chosen elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tileloom.fusion.graph import Graph, NodeId

Edge = tuple[NodeId, str]
"""(consumer, operand)."""
Pairs = tuple[tuple[Edge, int], ...]


@dataclass(frozen=True)
class Extents:
    """One tile along one axis.

    out     node -> positions it computes (for an input: fetches) for this tile
    full    (consumer, operand) -> positions of the operand's tensor for this tile, cached ones included
    overlap (consumer, operand) -> those of them that an earlier tile computed
    width   node -> positions kept for later tiles
    """

    out: dict[NodeId, int]
    full: dict[Edge, int]
    overlap: dict[Edge, int]
    width: dict[NodeId, int]


@dataclass(frozen=True)
class Column:
    """Equal tiles along one axis (columns along x, rows along y).

    count    how many;  size: positions of the last layer
    actual   what happens with the overlap-storing mode
    assumed  what the sizes of the caches are taken from (equal to `actual` but for quirk Q6)
    """

    count: int
    is_first: bool
    is_last: bool
    size: int
    actual: Extents
    assumed: Extents


def counted_tile(graph: Graph, axis: str, size: int, *, use: bool, make: bool) -> Extents:
    """The original's rule for a tile of `size` positions of the last layer.

    use    overlap that lies cached need not be computed;  make: overlap is kept for the next tile
    For operand I of a layer with O outputs, stride S: overlap = max(0, |I| - O*S), need = |I| - overlap if used;
    lag(I) = S*lag - floor((|I| - O*S + S - 1) / 2) + overlap; width = max(lag) - min(lag - overlap) over consumers.
    """
    out: dict[NodeId, int] = {graph.end.id: size}
    lag: dict[NodeId, int] = {graph.end.id: 0}
    full: dict[Edge, int] = {}
    overlaps: dict[Edge, int] = {}
    width: dict[NodeId, int] = {}
    for node in reversed(graph.nodes):
        seen = [(lag_of, overlap) for edge, lag_of, overlap in _lags(graph, node.id, axis, out, lag)]
        if seen:
            lag[node.id] = max(at for at, _ in seen)
            width[node.id] = lag[node.id] - min(at - overlap for at, overlap in seen) if make else 0
        for feed in node.feeds:
            reach = feed.reach(axis)
            tensor = reach.counted(out[node.id])
            overlap = max(0, tensor - out[node.id] * reach.stride)
            full[node.id, feed.operand], overlaps[node.id, feed.operand] = tensor, overlap
            need = tensor - overlap if use else tensor
            out[feed.producer] = max(out.get(feed.producer, 0), need)
    return Extents(out, full, overlaps, width)


def _lags(
    graph: Graph, node: NodeId, axis: str, out: dict[NodeId, int], lag: dict[NodeId, int]
) -> Iterator[tuple[Edge, int, int]]:
    """(edge, lag, overlap) of every reader of a node: how far the newest position read lies ahead of the tile."""
    for reader, feed in graph.consumers[node]:
        reach = feed.reach(axis)
        size, stride = out[reader.id], reach.stride
        beyond = reach.counted(size) - size * stride
        overlap = max(0, beyond)
        yield (reader.id, feed.operand), stride * lag[reader.id] - (beyond + stride - 1) // 2 + overlap, overlap


def counted_columns(graph: Graph, axis: str, size: int, *, cached: bool) -> tuple[Column, ...]:
    """The tiles along one axis by the original's rule: a first one with the remainder, the ones between, the last."""
    end = graph.end
    total = end.layer.sizes.get(end.dim(axis), 1)
    first = total % size or min(size, total)
    count = 1 + (total - first) // size
    places = [(1, True, count == 1, first)]
    if count > 2:
        places.append((count - 2, False, False, size))
    if count > 1:
        places.append((1, False, True, size))
    return tuple(
        Column(
            n,
            is_first,
            is_last,
            tile,
            counted_tile(graph, axis, tile, use=cached and not is_first, make=cached and not is_last),
            counted_tile(graph, axis, tile, use=not is_first, make=True),
        )
        for n, is_first, is_last, tile in places
    )
