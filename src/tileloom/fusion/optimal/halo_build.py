"""From a row below tile loops to the nodes of a mapping tree: one branch per kind of tile, and what stays above.

How chains of layers become one tree is in build.py; what the nodes mean is in mapping/halo.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from tileloom.fusion.optimal.build import Chain, chain_of
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Key
from tileloom.fusion.optimal.halo_plan import HaloAxis, TileLoop, is_halo
from tileloom.fusion.optimal.halo_rows import HaloSource
from tileloom.fusion.optimal.halo_stays import entries_of
from tileloom.fusion.optimal.halo_tiles import resized
from tileloom.fusion.optimal.rows import KindRows
from tileloom.mapping.halo import tile_name
from tileloom.mapping.tree import Compute, Hold, Loop, Seq, TreeNode


@dataclass(frozen=True)
class KeptTile:
    """One tensor under one tile loop: which axis, how many tiles, the largest window, and where its overlap stays
    ('': it is made again), outermost loop first."""

    tensor: str
    axis: int
    tile: int
    trips: int
    window: int
    overlap: int
    strip: str


def kept_tiles(tensor: str, key: Key, memories: tuple[str, ...]) -> tuple[KeptTile, ...]:
    """Empty for tensors that no tile loop cuts."""
    if not is_halo(key):
        return ()
    found = []
    for axis, loop in entries_of(key):
        assert isinstance(axis, HaloAxis) and isinstance(loop, TileLoop)
        strip = memories[axis.strip - 1] if axis.strip else ""
        overlap = max(axis.windows.overlaps)
        found.append(KeptTile(tensor, axis.axis, loop.tile, loop.trips, axis.windows.largest, overlap, strip))
    return tuple(found)


def tiled_chain(kind: KindRows, graph: FusedGraph, layer: int, source: HaloSource) -> Chain:
    """The nodes of one layer below tile loops."""
    problem, memories = graph.layers[layer].problem, kind.kind.backing
    outermost = graph.layers[layer].chip.memories[0].name
    spec, variant = source.spec, source.variant
    loops = tuple(Loop(problem.dims[dim].name, loop.tile) for loop, dim, _ in spec.state)
    names = [t.name for t in problem.tensors]
    through = {p: [memories[m - 1] for m in way] for p, way in variant.resident}
    windows = {p: (m, strips) for p, m, strips in variant.strips}
    holds: list[tuple[int, str, str]] = []
    kept: list[tuple[int, str, str]] = []
    for p, (name, key) in enumerate(zip(names, spec.keys)):
        if key[0]:
            holds.append((len(loops) if is_halo(key) else 0, name, memories[key[0] - 1]))
            if is_halo(key) and problem.tensors[p].is_output:
                kept += [(j, name, memories[a.strip - 1]) for j, (a, _) in enumerate(entries_of(key)) if a.strip]
            continue
        holds.append((0, name, outermost))
        holds += [(0, name, m) for m in through.get(p, ())]
        if p in windows:
            memory, strips = windows[p]
            holds.append((len(loops), name, memories[memory - 1]))
            kept += [(j, name, memories[s - 1]) for j, s in enumerate(strips) if s]
    branches = []
    for tile in source.tiles:
        own = resized(problem, tile.sizes)
        chain = chain_of(tile.rows, own, tile.source, tile.options)
        backed = {name: memories[m - 1] if m else outermost for name, m in zip(names, variant.places)}
        nodes: list[TreeNode] = [Hold((t,), m) for _, t, m in chain.holds if backed[t] != m]
        nodes += chain.rest
        extents = {problem.dims[dim].name: dict(tile.sizes)[dim] for _, dim, _ in spec.state}
        leaf = nodes[-1]
        assert isinstance(leaf, Compute)
        nodes[-1] = Compute(leaf.unit, tile_name(problem.name, extents))
        branches.append(tuple(nodes))
    rest: tuple[TreeNode, ...] = branches[0] if len(branches) == 1 else (Seq(tuple(branches)),)
    return Chain(problem.name, loops, tuple(holds), rest, tiled=True, leader=spec.leader, strips=tuple(kept))
