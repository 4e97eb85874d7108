"""Splits a dataflow into cluster levels and works out what is fixed per level. Sees no tile actually evaluated.

Derived from the published tool's behaviour; the tables of a level hold for its static extents and are not worked out
again when the level is evaluated for a smaller tile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from tileloom.cost.models.maestro.integers import div
from tileloom.cost.models.maestro.layer import Completed, Coupling
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer, Map, where
from tileloom.mapping.notation.maestro_refusal import RefusedError

MAX_VOLUME = 2**120
"""Volumes above this are taken for a mistake; ratios of them would leave double precision."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level: its directives, its `units` sub-units, and tables by dimension (output dimensions as Y', X').

    extents      static extents of the level
    full, new    tile of a full step, and its elements that the step before did not have
    edge, edge_new   the same of the partial step
    edge_units   sub-units at work in a partial spatial step
    spatial      positions of the SpatialMaps in `maps`
    """

    maps: tuple[Map, ...]
    units: int
    extents: Mapping[str, int]
    full: Mapping[str, int]
    new: Mapping[str, int]
    edge: Mapping[str, int]
    edge_new: Mapping[str, int]
    edge_units: int
    spatial: tuple[int, ...]


def split(layer: DirectiveLayer, coupling: Coupling, completed: Completed, num_pes: int) -> tuple[Level, ...]:
    """The levels of a layer's dataflow, outermost first.

    Raises RefusedError: too few PEs, no or too many spatial maps in a level, an unknown dimension, no dataflow.
    """
    if layer.dataflow is None:
        raise RefusedError("no dataflow", f"{where(layer)} has no Dataflow", "exit 255")
    groups, clusters = _groups(layer.dataflow)
    product = 1
    for size in clusters:
        product *= size
    if num_pes < product:
        raise RefusedError(
            "enough PEs",
            f"{where(layer)}: clusters of {product} PEs in all do not fit {num_pes} PEs",
            "division by zero",
        )
    extents: Mapping[str, int] = completed.extents
    previous: tuple[Map, ...] = ()
    levels: list[Level] = []
    for depth, (group, units) in enumerate(zip(groups, (num_pes // product, *clusters))):
        maps = _input_centric(layer, coupling, group, depth)
        maps = _inherited(maps, previous)
        maps += tuple(_completion(maps, coupling, extents))
        maps = _strided(maps, coupling, completed, depth)
        _check(layer, maps, extents, depth)
        levels.append(_level(maps, units, extents, coupling))
        size_of = {m.dim: m.size for m in reversed(maps)}
        extents = {v: min(size_of[v], extents[v]) for v in coupling.searched if v in extents}
        previous = maps
    return tuple(levels)


def _groups(dataflow: Sequence[Map | Cluster]) -> tuple[list[tuple[Map, ...]], list[int]]:
    groups: list[tuple[Map, ...]] = [()]
    clusters: list[int] = []
    for directive in dataflow:
        if isinstance(directive, Cluster):
            clusters.append(directive.size)
            groups.append(())
        else:
            groups[-1] += (directive,)
    return groups, clusters


def _input_centric(layer: DirectiveLayer, coupling: Coupling, maps: tuple[Map, ...], depth: int) -> tuple[Map, ...]:
    """X' becomes X with the halo of the level's own S, Y' becomes Y with that of R."""
    found = {m.dim: m for m in maps}
    for v, s in coupling.sliding:
        if v + "'" not in found:
            continue
        if v in found:
            raise RefusedError(
                "one side", f"{where(layer)}: level {depth} maps both {v} and {v}'; map one of them", "undefined"
            )
        if s not in found:
            raise RefusedError(
                "filter map",
                f"{where(layer)}: level {depth} maps {v}' but not {s}, whose tile the halo needs; add a map of {s}",
                "undefined",
            )
        halo = found[s].size - 1
        maps = tuple(replace(m, dim=v, size=m.size + halo) if m.dim == v + "'" else m for m in maps)
    return maps


def _inherited(maps: tuple[Map, ...], previous: tuple[Map, ...]) -> tuple[Map, ...]:
    """Maps of the level above for dimensions that this one does not map, each put in front as a temporal one."""
    for m in previous:
        if all(own.dim != m.dim for own in maps):
            maps = (Map("temporal", m.size, m.offset, m.dim), *maps)
    return maps


def _completion(maps: tuple[Map, ...], coupling: Coupling, extents: Mapping[str, int]) -> Iterator[Map]:
    mapped = {m.dim for m in maps}
    for v in sorted(coupling.searched):
        if v not in mapped and v in extents:
            yield Map("temporal", extents[v], extents[v], v)


def _strided(maps: tuple[Map, ...], coupling: Coupling, completed: Completed, depth: int) -> tuple[Map, ...]:
    """Steps along Y and X put into input elements, for the first map of each."""
    found = list(maps)
    for v, s in coupling.sliding:
        stride, filter_size = completed.strides[v], completed.extents[s]
        at = next((i for i, m in enumerate(found) if m.dim == v), None)
        if stride == 1 or at is None or found[at].size < filter_size:
            continue
        outputs = div(found[at].size + stride - filter_size, stride)
        size = outputs * min(stride, filter_size) + max(filter_size - stride, 0)
        step = filter_size if depth > 0 and filter_size < stride else stride
        found[at] = replace(found[at], size=size, offset=outputs * step)
    return tuple(found)


def _check(layer: DirectiveLayer, maps: tuple[Map, ...], extents: Mapping[str, int], depth: int) -> None:
    spatial = sum(m.spatial for m in maps)
    if not 1 <= spatial <= 2:
        raise RefusedError(
            "one or two spatial maps",
            f"{where(layer)}: level {depth} has {spatial} SpatialMap directives; it needs one or two",
            "exit 255",
        )
    if prod(max(m.size, m.offset, extents.get(m.dim, 1)) for m in maps) > MAX_VOLUME:
        raise RefusedError("size", f"{where(layer)}: level {depth} has more than {MAX_VOLUME:.0e} points", "undefined")
    unknown = [m.dim for m in maps if m.dim not in extents]
    if unknown:
        raise RefusedError(
            "known dimension",
            f"{where(layer)}: level {depth} maps {unknown[0]}, which it does not have; it has {', '.join(sorted(extents))}",
            "exit 255",
        )


def _level(maps: tuple[Map, ...], units: int, extents: Mapping[str, int], coupling: Coupling) -> Level:
    full: dict[str, int] = {}
    new: dict[str, int] = {}
    edge: dict[str, int] = {}
    edge_new: dict[str, int] = {}
    for m in maps:
        size, offset, extent = m.size, m.offset, extents[m.dim]
        steps = max(div(extent - size, offset), 0)
        rest = extent - (steps + 1) * offset
        rest = extent if rest < 0 else rest
        partial = steps * offset + size < extent or size > extent
        full[m.dim] = size
        new[m.dim] = 0 if not m.spatial and extent <= size else min(size, offset)
        edge[m.dim] = rest if partial else size
        edge_new[m.dim] = max(offset - (size - rest), 0)
    step_of = {m.dim: min(m.offset, m.size) for m in maps}
    for v, s in coupling.sliding:
        full[v + "'"] = full.get(v, 0) - full.get(s, 0) + 1
        edge[v + "'"] = edge.get(v, 0) - edge.get(s, 0) + 1
        new[v + "'"] = step_of.get(v, 0)
        offset = next((m.offset for m in reversed(maps) if m.dim == v), 0)
        edge_new[v + "'"] = min(offset, edge[v + "'"])
    spatial = tuple(i for i, m in enumerate(maps) if m.spatial)
    first = maps[spatial[0]]
    return Level(maps, units, extents, full, new, edge, edge_new, edge_units(first, units, extents[first.dim]), spatial)


def edge_units(m: Map, units: int, extent: int) -> int:
    """Sub-units at work in the partial step of a spatial map."""
    if extent <= m.size:
        return 1
    if extent > m.offset * (units - 1) + m.size:
        steps = div(div(extent - m.size, m.offset) + 1, units) - 1
        rest = extent - (steps + 1) * m.offset * units
        return 1 if rest < m.size else div(rest - m.size, m.offset) + 1
    count = div(extent - m.size, m.offset) + 1
    return count + 1 if m.offset * (count - 1) + m.size < extent else count
