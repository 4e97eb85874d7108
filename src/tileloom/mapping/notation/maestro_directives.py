"""From loops to MAESTRO's directives: the step back from the mapping tree, with its losses.

The other direction is in maestro_tree.py. A level of directives is what stands between two Clusters: temporal maps, and
one spatial map. Loops in space that follow each other become levels of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tileloom.core.errors import UnsupportedError
from tileloom.mapping.notation.maestro import SLIDING, Cluster, Directive, Map
from tileloom.mapping.notation.maestro_problem import ProblemLayer
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree
from tileloom.workload.problem import Problem

_HOLDS = "where tiles are held is not said: L2 holds what a step sends, L1 the innermost level's tile"


@dataclass
class _Level:
    """maps of one level; units: trips of its spatial loop."""

    maps: list[Map] = field(default_factory=list)
    units: int = 1


def directives_of_tree(
    problem: Problem, named: ProblemLayer, mapping: MappingTree, *, output_rows: bool = False
) -> tuple[tuple[Directive, ...], tuple[str, ...]]:
    """The directives of a chain, and what they lose. Raises UnsupportedError for trees with branches, and as `directives_of`.

    output_rows  maps of Y' and X' instead of Y and X
    """
    if not mapping.is_chain:
        raise UnsupportedError("MAESTRO's directives are one nest; this mapping has branches")
    if any(isinstance(n, Joint) for n in mapping.nodes):
        raise UnsupportedError("loops that advance together cannot be written; write two SpatialMaps by hand")
    return directives_of(problem, named, mapping.loops, output_rows=output_rows, after_hold=_after_holds(mapping))


def _after_holds(mapping: MappingTree) -> frozenset[int]:
    """Which of a chain's loops stand directly below a hold, by their number."""
    found, number, below = set(), 0, False
    for node in mapping.nodes:
        if isinstance(node, Loop):
            found |= {number} if below else set()
            number += 1
        below = isinstance(node, Hold)
    return frozenset(found)


def directives_of(
    problem: Problem,
    named: ProblemLayer,
    loops: Sequence[Loop],
    *,
    output_rows: bool = False,
    after_hold: frozenset[int] = frozenset(),
) -> tuple[tuple[Directive, ...], tuple[str, ...]]:
    """The directives of a chain's loops, outermost first, and what they lose.

    Holds have no word in the language; a dim that loops twice before it is spread starts a new level, at a hold where there
    is one between (`after_hold`: numbers of the loops below one). Raises UnsupportedError where no loop is spatial, or where the order of loops
    cannot be said: a dimension twice in one level, a filter that is tiled in time.
    """
    losses = [_HOLDS]
    levels, inside = _levels(problem, named, loops, losses, after_hold)
    if not levels:
        raise UnsupportedError("a level has 0 spatial loops; MAESTRO takes one or two")
    if inside:
        losses.append("loops inside a PE: " + ", ".join(str(m) for m in inside))
    current = named.layer.sizes | {word: problem.extents[dim] for word, dim in named.dims.items()}
    flow: list[Directive] = []
    for k, level in enumerate(levels):
        _check(level.maps, current)
        current |= {m.dim: m.size for m in level.maps}
        flow += [Cluster(level.units)] if k else []
        flow += level.maps if output_rows else [_input_centric(m, named, current) for m in level.maps]
    return tuple(flow), tuple(dict.fromkeys(losses))


def _levels(
    problem: Problem, named: ProblemLayer, loops: Sequence[Loop], losses: list[str], after_hold: frozenset[int]
) -> tuple[list[_Level], list[Map]]:
    """Levels that end in a spatial map, and the temporal maps inside the last of them."""
    words = {d: name for name, d in named.dims.items()}
    levels: list[_Level] = []
    open_maps: list[Map] = []
    current = dict(problem.extents)
    # Where the open maps could be cut: places of those that stand below a hold.
    cuts: list[int] = []
    for number, loop in enumerate(loops):
        cuts += [len(open_maps)] if number in after_hold and open_maps else []
        trips, tile = loop.trips(current[loop.dim]), min(loop.tile, current[loop.dim])
        if loop.first is not None or loop.last is not None:
            losses.append(f"{loop.dim}: first and last tiles of another size")
        current[loop.dim] = tile
        if trips == 1:
            continue
        if loop.dim not in words:
            raise UnsupportedError(f"MAESTRO's layer has no dimension for {loop.dim}")
        m = Map("spatial" if loop.spatial else "temporal", tile, tile, words[loop.dim])
        if not loop.spatial and any(o.dim == m.dim for o in open_maps):
            if open_maps[-1].dim == m.dim:
                open_maps[-1] = m
                continue
            before = next(i for i, o in enumerate(open_maps) if o.dim == m.dim)
            cut = next((c for c in reversed(cuts) if c > before), len(open_maps))
            levels.append(_of_one_unit(open_maps[:cut]))
            open_maps, cuts = [*open_maps[cut:], m], []
            continue
        if not loop.spatial:
            open_maps.append(m)
            continue
        levels.append(_Level(_folded(open_maps, m, trips), trips))
        open_maps, cuts = [], []
    return levels, open_maps


def _of_one_unit(maps: Sequence[Map]) -> _Level:
    """A level of temporal maps alone: a level needs a spatial map, so the first one folds over a single unit."""
    return _Level([Map("spatial", maps[0].size, maps[0].offset, maps[0].dim), *maps[1:]], 1)


def _folded(maps: list[Map], spatial: Map, units: int) -> list[Map]:
    """The temporal maps of a level and its spatial one; a loop in time over what all units hold is that one folding."""
    fold = Map("temporal", spatial.size * units, spatial.size * units, spatial.dim)
    return [spatial if m == fold else m for m in maps] if fold in maps else [*maps, spatial]


def _check(maps: Sequence[Map], current: Mapping[str, int]) -> None:
    words = [m.dim for m in maps]
    twice = next((w for w in words if words.count(w) > 1), None)
    if twice is not None:
        raise UnsupportedError(f"{twice} is tiled twice in one level; MAESTRO takes one map per dimension and level")
    tiled = next((m for m in maps if m.dim in SLIDING.values() and not m.spatial and m.size != current[m.dim]), None)
    if tiled is not None:
        raise UnsupportedError(f"{tiled} tiles the filter in time; MAESTRO keeps R and S whole")


def _input_centric(m: Map, named: ProblemLayer, current: Mapping[str, int]) -> Map:
    """A map of output rows as one of input rows: t outputs need (t - 1) * stride + filter rows, the next t start t * stride later."""
    row = m.dim.removesuffix("'")
    if row not in SLIDING or row == m.dim:
        return m
    stride = 1 if named.layer.operator == "TRCONV" else named.layer.stride_of.get(row, 1)
    return Map(m.kind, (m.size - 1) * stride + current[SLIDING[row]], m.size * stride, row)
