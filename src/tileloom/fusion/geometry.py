"""Tile sizes from the last layer backwards, along one axis: the original's rule and the exact walk over intervals.

The original's rule (`counted_columns`) knows no borders; the walk (`exact_columns`) follows every tile's interval
through strides, padding and branches. Both give the same value; memories are chosen elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from tileloom.fusion.graph import Graph, NodeId

Edge = tuple[NodeId, str]
"""(consumer, operand)."""
MAX_VISITS = 20_000
"""Beyond this many paths through a stack, lags are taken in topological order; the original would hardly finish."""


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
    full: dict[Edge, int] = {}
    overlaps: dict[Edge, int] = {}
    for node in reversed(graph.nodes):
        for feed in node.feeds:
            reach = feed.reach(axis)
            tensor = reach.counted(out[node.id])
            overlap = max(0, tensor - out[node.id] * reach.stride)
            full[node.id, feed.operand], overlaps[node.id, feed.operand] = tensor, overlap
            need = tensor - overlap if use else tensor
            out[feed.producer] = max(out.get(feed.producer, 0), need)
    width = {n.id: 0 for n in graph.nodes}
    if make:
        width |= _widths(graph, axis, out, overlaps)
    return Extents(out, full, overlaps, width)


def _widths(graph: Graph, axis: str, out: dict[NodeId, int], overlaps: dict[Edge, int]) -> dict[NodeId, int]:
    """Positions to keep of each map, from how far ahead of the tile its readers are (their lags).

    The original visits a node once for every path to it, last found first, with the lag it had when it was found;
    later visits overwrite the lags of the layers before it. Where branches meet this decides the width.
    """
    lags: dict[NodeId, dict[Edge, int]] = {n.id: {} for n in graph.nodes}
    if _paths(graph) <= MAX_VISITS:
        open_ = [(graph.end.id, 0)]
        while open_:
            node, lag = open_.pop()
            open_.extend(_visit(graph, node, lag, axis, out, overlaps, lags))
    else:
        for found in reversed(graph.nodes):
            lag = max(lags[found.id].values(), default=0)
            _visit(graph, found.id, lag, axis, out, overlaps, lags)
    return {
        node: max(seen.values()) - min(lag - overlaps[edge] for edge, lag in seen.items())
        for node, seen in lags.items()
        if seen
    }


def _visit(
    graph: Graph,
    node: NodeId,
    lag: int,
    axis: str,
    out: dict[NodeId, int],
    overlaps: dict[Edge, int],
    lags: dict[NodeId, dict[Edge, int]],
) -> list[tuple[NodeId, int]]:
    """Records the lags of a node's producers; (producer, largest lag so far) of each, in the order of its operands."""
    found = []
    for feed in graph[node].feeds:
        reach = feed.reach(axis)
        edge = (node, feed.operand)
        beyond = reach.counted(out[node]) - out[node] * reach.stride
        seen = lags[feed.producer]
        seen[edge] = reach.stride * lag - (beyond + reach.stride - 1) // 2 + overlaps[edge]
        found.append((feed.producer, max(seen.values())))
    return found


def _paths(graph: Graph) -> int:
    """Paths from the end to anywhere: visits that the original makes."""
    paths = {n.id: 0 for n in graph.nodes} | {graph.end.id: 1}
    for node in reversed(graph.nodes):
        for feed in node.feeds:
            paths[feed.producer] += paths[node.id]
    return sum(paths.values())


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
