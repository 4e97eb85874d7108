"""Union's blocks as frozen values: clusters of hardware, and one block of tile sizes for each. What they mean as loops.

The text form is in union_file.py. Source: Union, PACT 2021, arXiv 2109.07419 (the worked example of its figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.mapping.notation.levels import (
    Level,
    Levels,
    Place,
    Turn,
    on_places,
    places_between,
    reuse_losses,
    to_levels,
    used_places,
)  # fmt: skip
from tileloom.mapping.notation.placement import axis_error
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.problem import Problem

NAME = "Union"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A level of hardware. Its children lie along `dimension` of `array`; a virtual one has no memory and only groups.

    grid  (rows, columns) of children in two dimensions that are not divided into clusters: loops over them are ambiguous
    """

    name: str
    memory: str | None = None
    dimension: str | None = None
    children: int = 1
    array: str | None = None
    compute: str | None = None
    grid: tuple[int, int] | None = None

    @property
    def virtual(self) -> bool:
        return self.memory is None


@dataclass(frozen=True, slots=True)
class Block:
    """order: dims outermost first; temporal, spatial: tile sizes by dim, in time and of one child."""

    cluster: str
    order: tuple[str, ...]
    temporal: Mapping[str, int]
    spatial: Mapping[str, int]


@dataclass(frozen=True)
class Blocks:
    """Clusters and their blocks, outermost first, one block for each cluster."""

    clusters: tuple[Cluster, ...]
    blocks: tuple[Block, ...]

    def trips(self, extents: Mapping[str, int]) -> tuple[tuple[dict[str, int], dict[str, int]], ...]:
        """Trip counts in time and in space of every block: ceil(ST above / TT), ceil(TT / ST)."""
        above, found = dict(extents), []
        for b in self.blocks:
            temporal = {d: -(-above[d] // b.temporal[d]) for d in extents}
            found.append((temporal, {d: -(-b.temporal[d] // b.spatial[d]) for d in extents}))
            above = dict(b.spatial)
        return tuple(found)


def faults(blocks: Blocks, extents: Mapping[str, int], *, perfect: bool = False) -> list[str]:
    """Broken rules: nesting, division (if perfect), copies, axis, coverage, order. An empty list for legal blocks."""
    found: list[str] = []
    above, name_above = dict(extents), "the problem"
    for cluster, b in zip(blocks.clusters, blocks.blocks):
        if sorted(b.order) != sorted(extents):
            found.append(
                f"{b.cluster}: temporal_order {' '.join(b.order)} does not name each of {' '.join(extents)} once"
            )
        for d in extents:
            outer, time, space = above[d], b.temporal[d], b.spatial[d]
            if not outer >= time >= space >= 1:
                found.append(
                    f"{b.cluster}: '{d}' goes from {outer} ({name_above}) to {time} in time and {space} in space; tiles only shrink"
                )
            elif perfect and (outer % time or time % space):
                found.append(f"E-RESID: {b.cluster}: '{d}': {time} and {space} do not divide {outer}")
        above, name_above = dict(b.spatial), b.cluster
        if not found:
            found += _copies(cluster, b, extents)
    last = blocks.blocks[-1]
    uncut = [f"{d} {s}" for d, s in last.spatial.items() if s != 1]
    if uncut and not found:
        found.append(f"E-COVER: {last.cluster} leaves tiles of {', '.join(uncut)}; the unit computes one point")
    return found


def _copies(cluster: Cluster, b: Block, extents: Mapping[str, int]) -> list[str]:
    loops = [(d, -(-b.temporal[d] // b.spatial[d])) for d in extents]
    spread = [(d, t) for d, t in loops if t > 1]
    used = prod(t for _, t in spread)
    if used > cluster.children:
        what = " ".join(f"{d}{t}" for d, t in spread)
        return [f"E-FANOUT: {cluster.name} has {cluster.children} children, its loops in space {what} need {used}"]
    if spread and not cluster.dimension:
        return [*axis_error(cluster.name, spread, cluster.grid or (cluster.children, 1)).problems]
    return []


def tree_of(blocks: Blocks, problem: Problem, architecture: Architecture | None = None) -> MappingTree:
    """The nest: every tensor held at each memory's boundary, loops in time, then in space.

    architecture   its memories and fanouts take the place of the clusters', by name or, where names differ, by order
    Raises InputError for illegal blocks and clusters that are not in the architecture.
    """
    wrong = faults(blocks, problem.extents)
    if wrong:
        raise InputError(wrong)
    names = _memories(blocks, architecture)
    arrays = _arrays(blocks, architecture, names)
    tensors = tuple(t.name for t in problem.tensors)
    nodes: list[TreeNode] = []
    above = dict(problem.extents)
    for cluster, b in zip(blocks.clusters, blocks.blocks):
        if cluster.memory is not None:
            nodes.append(Hold(tensors, names[cluster.memory]))
        nodes += [Loop(d, b.temporal[d]) for d in b.order if b.temporal[d] < above[d]]
        array, axis = arrays[cluster.name]
        nodes += [Loop(d, b.spatial[d], array, axis) for d in problem.extents if b.spatial[d] < b.temporal[d]]
        above = dict(b.spatial)
    unit = next((c.compute for c in reversed(blocks.clusters) if c.compute), None) or "MAC"
    if architecture is not None:
        found = architecture.compute_for(problem)
        unit = found.name if found is not None and unit not in {c.name for c in architecture.computes} else unit
    return MappingTree((*nodes, Compute(unit)))


def _memories(blocks: Blocks, architecture: Architecture | None) -> dict[str, str]:
    mine = [c.memory for c in blocks.clusters if c.memory is not None]
    if architecture is None:
        return {m: m for m in mine}
    theirs = [m.name for m in architecture.memories]
    if all(m in theirs for m in mine):
        return {m: m for m in mine}
    if len(mine) != len(theirs):
        raise InputError(f"the blocks' memories {mine} are not those of '{architecture.name}': {theirs}")
    return dict(zip(mine, theirs))


def _arrays(blocks: Blocks, architecture: Architecture | None, names: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """(fanout, axis) of every cluster's children."""
    found: dict[str, tuple[str, str]] = {}
    memory: Cluster | None = None
    gaps: dict[str, tuple[Place, ...]] = {}
    if architecture is not None:
        held = list(names.values())
        gaps = dict(zip(held, places_between(architecture, held)))
    for cluster in blocks.clusters:
        memory = memory if cluster.virtual else cluster
        axis = cluster.dimension or ""
        owner = memory.name if memory else cluster.name
        array = cluster.array or owner
        if architecture is not None and memory is not None and cluster.children > 1:
            places = gaps.get(names[memory.memory or ""], ())
            fits = [p for p in places if p.axis == axis and cluster.array in (None, p.fanout)]
            fits = fits or [p for p in places if p.axis == axis]
            if not fits:
                has = ", ".join(f"{p.fanout}.{p.axis}" for p in places) or "no axis"
                raise InputError(
                    f"E-AXIS: the children of {cluster.name} lie along '{axis}'; below '{names[memory.memory or '']}' "
                    f"'{architecture.name}' has {has}"
                )
            array = fits[0].fanout
        found[cluster.name] = array, axis
    return found


def blocks_of(
    mapping: MappingTree, problem: Problem, architecture: Architecture | None = None
) -> tuple[Blocks, tuple[str, ...]]:
    """The blocks of a chain, and what they lose. UnsupportedError where there is no form (see levels.to_levels)."""
    levels = to_levels(mapping, problem, NAME)
    losses = reuse_losses(mapping, problem, levels, stationary=False, notation=NAME)
    tensors = {t.name for t in problem.tensors}
    for level in levels.levels:
        missing = sorted(tensors - set(level.kept))
        if missing:
            losses.append(
                f"E-BYPASS: {', '.join(missing)} bypass '{level.memory}'; blocks hold every tensor in every memory"
            )
    held = [level.memory for level in levels.levels]
    if architecture is None:
        losses.append("no architecture was given: clusters have as many children as the mapping uses")
        gaps: Sequence[tuple[Place, ...]] = [used_places(level) for level in levels.levels]
    else:
        gaps = places_between(architecture, held)
        left = [m.name for m in architecture.memories if m.name not in held]
        losses += [f"memory '{name}' holds nothing and is left out" for name in left]
    if any(t.bits != DEFAULT_BITS for t in problem.tensors):
        losses.append("bits of the values")
    clusters = [c for level, places in zip(levels.levels, gaps) for c in _clusters(level, places, problem)]
    return _numbered(clusters, levels, problem), tuple(losses)


_Part = tuple[str | None, Place | None, list[Turn], list[Turn]]
"""(memory, axis of the children, loops in time, loops in space) of one cluster to be."""


def _clusters(level: Level, places: Sequence[Place], problem: Problem) -> list[_Part]:
    """A level's clusters. A dim that loops twice in a run starts a virtual one of one child."""
    runs: list[list[Turn]] = [[]]
    for turn in level.temporal:
        if turn.trips > 1 and any(t.dim == turn.dim for t in runs[-1]):
            runs.append([])
        runs[-1].append(turn)
    parts: list[_Part] = [(None, None, run, []) for run in runs]
    spread = on_places(level, places)
    for number, (place, turns) in enumerate(zip(places, spread)):
        groups: list[list[Turn]] = [[]]
        for turn in turns:
            if any(t.dim == turn.dim for t in groups[-1]):
                groups.append([])
            groups[-1].append(turn)
        for i, group in enumerate(groups):
            if number == i == 0:
                parts[-1] = (None, place, parts[-1][2], group)
            else:
                parts.append((None, place, [], group))
        if len(groups) > 1:
            _share(parts, place, len(groups))
    return [(level.memory, *parts[0][1:]), *parts[1:]]


def _share(parts: list[_Part], place: Place, groups: int) -> None:
    """Clusters of one axis share its copies out: each takes what it uses, the outermost what is left."""
    mine = range(len(parts) - groups, len(parts))
    inner = 1
    for i in reversed(mine):
        used = prod(t.trips for t in parts[i][3])
        size = place.size // inner if i == mine[0] else used
        inner *= used
        parts[i] = (parts[i][0], Place(place.fanout, place.axis, size), parts[i][2], parts[i][3])


def _numbered(parts: Sequence[_Part], levels: Levels, problem: Problem) -> Blocks:
    current = dict(problem.extents)
    clusters: list[Cluster] = []
    blocks: list[Block] = []
    for number, (memory, place, temporal, spatial) in zip(range(len(parts), 0, -1), parts):
        name, last = f"C{number}", number == 1
        time = _cut(current, temporal)
        space = _cut(time, spatial)
        clusters.append(
            Cluster(
                name=name,
                memory=memory,
                dimension=None if last and place is None else place.axis if place else "X",
                children=place.size if place else 1,
                array=place.fanout if place else None,
                compute=levels.unit if last else None,
            )
        )
        blocks.append(
            Block(name, _order([t.dim for t in temporal if t.trips > 1], tuple(problem.extents)), time, space)
        )
        current = space
    return Blocks(tuple(clusters), tuple(blocks))


def _cut(current: Mapping[str, int], turns: Sequence[Turn]) -> dict[str, int]:
    tiles = dict(current)
    for turn in turns:
        tiles[turn.dim] = tiles[turn.dim] // turn.trips if turn.even else turn.loop.tile
    return tiles


def _order(looped: Sequence[str], dims: tuple[str, ...]) -> tuple[str, ...]:
    """All dims: in the problem's order where the loops are in it, else the loops first."""
    if [d for d in dims if d in looped] == list(looped):
        return dims
    return (*looped, *(d for d in dims if d not in looped))
