"""Spatial mappings found automatically: which loop lies on which array dimension. Temporal mappings are searched in loma.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

from tileloom.cost.models.zigzag.layer import Unroll, ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.search.zigzag.loma import DEFAULT_LIMIT, Found, Objective, VersionName, best_mapping, objective_of

Wish = tuple[tuple[str, tuple[Unroll, ...]], ...]
CANDIDATES = 6


def unrollings(
    layer: ZigzagLayer,
    machine: ZigzagMachine,
    most: int = CANDIDATES,
    whole: bool = False,
    allowed: Mapping[str, set[str]] | None = None,
) -> list[Wish]:
    """At most `most` spatial mappings with one loop per array dimension, those with fewest cycles first.

    whole     only unrollings that divide the layer
    allowed   loop dimensions that may lie on an array dimension; those not named take any
    """
    seen: dict[Wish, tuple[int, int]] = {}
    for number, wish in enumerate(_assign(layer.sizes, list(machine.array), whole, allowed or {})):
        left = dict(layer.sizes)
        for _, loops in wish:
            for dim, size in loops:
                left[dim] = ceil(left[dim] / size)
        cycles = 1
        for size in left.values():
            cycles *= size
        seen.setdefault(wish, (cycles, number))
    return sorted(seen, key=lambda wish: seen[wish])[:most]


def _assign(
    sizes: dict[str, int], array: list[tuple[str, int]], whole: bool, allowed: Mapping[str, set[str]]
) -> Iterator[Wish]:
    if not array:
        yield ()
        return
    (name, copies), *rest = array
    used = False
    for dim, size in sizes.items():
        share = _share(size, copies, whole) if dim in allowed.get(name, sizes) else 1
        if share > 1:
            used = True
            left = {**sizes, dim: ceil(size / share)}
            for others in _assign(left, rest, whole, allowed):
                yield ((name, ((dim, share),)), *others)
    if not used:
        yield from _assign(sizes, rest, whole, allowed)


def _share(size: int, copies: int, whole: bool) -> int:
    most = min(size, copies)
    return next(n for n in range(most, 0, -1) if size % n == 0) if whole else most


def best_unrolling(
    layer: ZigzagLayer,
    machine: ZigzagMachine,
    lpf_limit: int | None = DEFAULT_LIMIT,
    objective: Objective = "energy",
    *,
    version: VersionName = "3.9",
    faithful: bool = False,
    most: int = CANDIDATES,
) -> tuple[ZigzagLayer, Found]:
    """The layer with the best of the spatial mappings tried, and its best temporal mapping.

    Options as for `best_mapping`. Where none fits, the reason is that of the first.
    """
    best: tuple[ZigzagLayer, Found] | None = None
    for wish in unrollings(layer, machine, most) or [()]:
        tried = layer.with_spatial(wish)
        found = best_mapping(tried, machine, lpf_limit, objective, version=version, faithful=faithful)
        if best is None or objective_of(found.cost, objective) < objective_of(best[1].cost, objective):
            best = (tried, found)
    assert best is not None
    return best
