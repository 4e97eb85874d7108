"""Tile sizes found from intervals agree with a walk that follows every single element of every map."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from depth_first_networks import add, conv, network, source
from tileloom.fusion.geometry import Column, Extents, counted_columns
from tileloom.fusion.graph import Graph, NodeId, Pads, aim, read_graph
from tileloom.fusion.intervals import exact_columns
from tileloom.fusion.stacks import shrunk_maps

Cells = set[int]


@st.composite
def branched(draw: Callable[..., int]) -> tuple[Graph, Pads]:
    """Convolutions in a row (any kernel, stride, padding), then possibly two branches that are added."""
    size = draw(st.integers(9, 16))
    layers, pads = [source(1, size)], {}
    for number in range(draw(st.integers(1, 3))):
        kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 2))
        pad = draw(st.integers(0, kernel - 1))
        out = (size + 2 * pad - kernel) // stride + 1
        if out < 3:
            break
        layers.append(conv(number - 1, 1, 1, out, kernel, stride))
        pads[number, "I"] = (pad, pad)
        size = out
    last = len(layers) - 2
    if draw(st.booleans()):
        kernel = draw(st.sampled_from([1, 3, 5]))
        layers += [conv(last, 1, 1, size, kernel), conv(last + 1, 1, 1, size, 3), add(last, last + 2, 1, size)]
        pads |= {(last + 1, "I"): (kernel // 2,) * 2, (last + 2, "I"): (1, 1)}
    return aim(read_graph(network(*layers)), pads), pads


class Walk:
    """Computes maps cell by cell: a tile asks for cells, cells ask for the cells they are computed from."""

    def __init__(self, graph: Graph, cached: bool) -> None:
        self.graph, self.cached = graph, cached
        self.size = {n.id: n.layer.sizes["OX"] for n in graph.nodes}
        self.made: dict[NodeId, Cells] = {n.id: set() for n in graph.nodes}

    def cells_read(self, node: NodeId, operand: str, outputs: Cells) -> Cells:
        feed = next(f for f in self.graph[node].feeds if f.operand == operand)
        reach = feed.reach("x")
        cells = {reach.stride * o + reach.dilation * t - reach.pad for o in outputs for t in range(reach.taps)}
        return {c for c in cells if 0 <= c < self.size[feed.producer]}

    def tile(self, wanted: Cells) -> tuple[dict[NodeId, Cells], dict[tuple[NodeId, str], Cells], dict[NodeId, Cells]]:
        """(new cells per node, cells read per edge, cells that had been made before)."""
        asked: dict[NodeId, Cells] = {n.id: set() for n in self.graph.nodes} | {self.graph.end.id: wanted}
        before = {n: set(c) for n, c in self.made.items()}
        new: dict[NodeId, Cells] = {}
        read: dict[tuple[NodeId, str], Cells] = {}
        for node in reversed(self.graph.nodes):
            span = hull(asked[node.id])
            new[node.id] = {c for c in span if c > max(before[node.id], default=-1)} if self.cached else span
            for feed in node.feeds:
                read[node.id, feed.operand] = hull(self.cells_read(node.id, feed.operand, new[node.id]))
                asked[feed.producer] |= read[node.id, feed.operand]
        if self.cached:
            for n, cells in new.items():
                self.made[n] |= cells
        return new, read, before


def hull(cells: Cells) -> Cells:
    return set(range(min(cells), max(cells) + 1)) if cells else set()


def tiles(columns: tuple[Column, ...]) -> list[Extents]:
    return [c.actual for c in columns for _ in range(c.count)]


@settings(deadline=None, max_examples=150)
@given(branched(), st.integers(1, 6), st.booleans())
def test_tiles_compute_and_read_what_the_cells_need(case: tuple[Graph, Pads], size: int, cached: bool) -> None:
    graph, _ = case
    columns = exact_columns(graph, "x", size, cached=cached)
    walk = Walk(graph, cached)
    start = 0
    reads: list[dict[tuple[NodeId, str], Cells]] = []
    befores = []
    for column in (c for c in columns for _ in range(c.count)):
        new, read, before = walk.tile(set(range(start, start + column.size)))
        assert column.actual.out == {n: len(cells) for n, cells in new.items()}
        assert column.actual.full == {e: len(cells) for e, cells in read.items()}
        for edge, cells in read.items():
            producer = next(f.producer for f in graph[edge[0]].feeds if f.operand == edge[1])
            assert column.actual.overlap[edge] == len({c for c in cells if c <= max(before[producer], default=-1)})
        reads.append(read)
        befores.append(before)
        start += column.size
    assert start == walk.size[graph.end.id]
    if cached:
        _check_kept(graph, tiles(columns), reads, befores, walk)


def _check_kept(graph: Graph, extents: list[Extents], reads: list, befores: list, walk: Walk) -> None:
    """The kept width reaches back exactly to the first made cell that any later tile reads."""
    for number, tile in enumerate(extents):
        made = befores[number + 1] if number + 1 < len(befores) else walk.made
        for node in graph.nodes:
            end = max(made[node.id], default=-1) + 1
            later = {
                c
                for read in reads[number + 1 :]
                for reader, feed in graph.consumers[node.id]
                for c in read[reader.id, feed.operand]
                if c < end
            }
            assert tile.width[node.id] == (end - min(later) if later else 0)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 5), st.booleans())
def test_inside_a_map_the_original_rule_is_exact_for_chains_without_stride(
    kernels: list[int], size: int, cached: bool
) -> None:
    total = 40
    layers = [source(1, total + sum(k - 1 for k in kernels))]
    layers += [conv(i - 1, 1, 1, 1, kernel) for i, kernel in enumerate(kernels)]
    layers[-1] = conv(len(kernels) - 2, 1, 1, total, kernels[-1])
    graph = shrunk_maps(aim(read_graph(network(*layers)), {}))
    counted, exact = counted_columns(graph, "x", size, cached=cached), exact_columns(graph, "x", size, cached=cached)
    assert [(c.is_first, c.size) for c in tile_list(counted)] == [(c.is_first, c.size) for c in tile_list(exact)]
    for theirs, ours in zip(tile_list(counted), tile_list(exact)):
        assert theirs.actual.out == ours.actual.out
        assert theirs.actual.full == ours.actual.full
        if cached and not theirs.is_first:
            assert theirs.actual.overlap == ours.actual.overlap


def tile_list(columns: tuple[Column, ...]) -> list[Column]:
    return [c for c in columns for _ in range(c.count)]
