"""Depth-first grids as points of the fused optimum: every tile and mode of DeFiNES's published grid under one cost model.

Each point is the best schedule with that tile and one mode for all tensors, the whole network one stack. The free search
chooses mode, memory and loop order per tensor over the same tiles, cuts included, and is proved. By default MC-CNN with
three tile sizes per axis; --full: the whole grid, FSRCNN too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from time import process_time

import tileloom as tl
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.halo_plan import GRID_X, GRID_Y, HaloMode, HaloOptions
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.fusion.optimal.network_graph import graph_of_network

UNIFORM: tuple[HaloMode, ...] = ("recompute", "horizontal", "full")
QUICK = (4, 16, 60), (4, 18, 72)


@dataclass(frozen=True)
class Point:
    """One point of the grid, energy in pJ; inf where it fits nowhere."""

    mode: HaloMode
    tile_x: int
    tile_y: int
    value: float


def point(graph: FusedGraph, mode: HaloMode, x: int, y: int) -> Point:
    """The best schedule of one tile and mode for all tensors, the whole network one stack."""
    result = fused_optimal(graph, "energy", halo=HaloOptions(mode, (y,), (x,), one_stack=True))
    return Point(mode, x, y, result.value if result.cost is not None else inf)


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    full = "--full" in flags
    (xs, ys), networks = ((GRID_X, GRID_Y), ("fsrcnn", "mc-cnn")) if full else (QUICK, ("mc-cnn",))
    for network in networks:
        yield from compare(network, "edge-tpu-like", xs, ys)


def compare(network: str, chip: str, xs: Sequence[int], ys: Sequence[int], *, free: bool = True) -> Iterator[str]:
    """Lines: a table per mode, the best point, and the free search against it."""
    graph = graph_of_network(tl.load_network(network), tl.load_architecture(chip))
    start = process_time()
    points: list[Point] = []
    for mode in UNIFORM:
        yield f"{network} on {chip}, {mode}: energy in uJ; rows: tile height, columns: tile width"
        yield " " * 7 + "".join(f"{x:>10}" for x in xs)
        for y in ys:
            row = [point(graph, mode, x, y) for x in xs]
            points += row
            cells = (f"{p.value / 1e6:>10.1f}" if p.value < inf else f"{'-':>10}" for p in row)
            yield f"{y:>7}" + "".join(cells)
    best = min(points, key=lambda p: p.value)
    yield f"best point: {best.mode}, {best.tile_x} x {best.tile_y}, {best.value / 1e6:.1f} uJ; {process_time() - start:.1f} CPU s"
    if not free:
        return
    start = process_time()
    found = fused_optimal(graph, "energy", halo=HaloOptions("any", tuple(ys), tuple(xs)), max_fused_loops=1)
    yield (
        f"free search: {found.value / 1e6:.1f} uJ, {found.status}, bound {found.lower_bound / 1e6:.1f} uJ, "
        f"{1 - found.value / best.value:.2%} below the best point, {1 - found.value / found.unfused:.1%} below layer by "
        f"layer ({found.unfused / 1e6:.1f} uJ); {process_time() - start:.1f} CPU s"
    )
    for t in found.tiles:
        fate = t.strip or "made again"
        yield f"  {t.tensor} axis {t.axis}: {t.trips} tiles, windows of {t.window}, overlap {t.overlap}: {fate}"
