"""Exact Pareto rows of a group: every mapping that is part of a schedule within a limit, undominated ones kept.

Bounds come first: options of a rank group that no such mapping can use are left out before any are combined.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from math import inf, prod
from typing import TYPE_CHECKING

import numpy as np

from tileloom.fusion.optimal.compiled import PERSISTENT, FusedArrays
from tileloom.fusion.optimal.groups import Front, Group, Source
from tileloom.fusion.optimal.kernels import exact_rows, pareto_in_groups
from tileloom.search.optimal.arrays import Floats, Goal, Ints, LimitArrays
from tileloom.search.optimal.classes import WORTH_IT, parts_of
from tileloom.search.optimal.compile import shape_of
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY, filter_options, search
from tileloom.search.optimal.prepare import NO_POINTS, Narrowed, ranges

if TYPE_CHECKING:
    from tileloom.fusion.optimal.halo_rows import HaloSource
    from tileloom.fusion.optimal.rows import KindRows

FEW = 2_000
"""Combinations of options up to which a filter costs more than it saves."""

NO_OWNERS = np.empty((0, 0), dtype=np.int64)


def refine(of: KindRows, group: Group) -> None:
    """Replaces the bounds of a group by the least energy and cycles of any of its rows (inf: it has none)."""
    group.refined = True
    if not of.kind.problem.copy:
        energy, cycles = _least(of, group, (0,) * len(group.room))
        group.least_energy = group.least_energy if energy is None else energy
        group.least_cycles = group.least_cycles if cycles is None else cycles
    of.touch(group)


def refine_beside(of: KindRows, group: Group, passing: tuple[int, ...]) -> None:
    """As `refine`, for rows that fit next to tensors of `passing` bits in each tracked memory."""
    if of.kind.problem.copy:
        group.beside[passing, inf] = (group.least_energy, group.least_cycles)
        return
    energy, cycles = _least(of, group, passing)
    group.beside[passing, inf] = (0.0 if energy is None else energy, 0.0 if cycles is None else cycles)


def _least(of: KindRows, group: Group, passing: tuple[int, ...]) -> tuple[float | None, float | None]:
    """(energy, cycles); None for what is not asked for."""
    if of.halo is not None:
        tiled = of.halo.least_row(group, passing)
        if tiled is not None:
            return tiled
    room = np.array(group.room, dtype=np.float64) - np.array(passing, dtype=np.float64)
    energy = _least_row(of, group, room, ENERGY) if of.objective != LATENCY else None
    cycles = _least_row(of, group, room, LATENCY) if of.objective in (LATENCY, EDP) else None
    return energy, cycles


def _least_row(of: KindRows, group: Group, room: Floats, code: int) -> float:
    best, count = inf, of.kind.count
    for source in sorted(group.sources, key=lambda s: s.cycles if code == LATENCY else s.energy):
        if (source.cycles if code == LATENCY else source.energy) >= best:
            break
        arrays = of.templates[source.template]
        own = [np.arange(arrays.classes[c], arrays.classes[c + 1]) for c in source.classes]
        limits = arrays.limits_with(room)
        for bound, rows in _parts(of, source, own, limits, Goal(code), best / count):
            if bound * count >= best:
                break
            value, *_ = search(
                np.ascontiguousarray(arrays.table[np.concatenate(rows)]), ranges([len(r) for r in rows]), arrays.cost,
                limits, Goal(code), best / count, NO_POINTS, NO_OWNERS, 0,
            )  # fmt: skip
            best = min(best, float(value) * count)
    return best


def solve(of: KindRows, group: Group, limit: float, rest: tuple[float, float]) -> Front:
    """Exact Pareto rows of a group whose value, with `rest` of the other problems, is at most `limit`.

    Rows known from a smaller limit stay, and so does what they beat: it is never listed again.
    """
    before = group.front
    if before is not None and before.limit >= limit:
        return before
    if of.halo is not None:
        tiled = of.halo.solve(group, limit, rest)
        if tiled is not None:
            of.touch(group)
            return tiled
    room = np.array(group.room, dtype=np.float64)
    memories, width = len(of.kind.tracked), 2 + len(group.loops)
    values = np.empty((0, 2 + memories * width)) if before is None else before.values
    origins: list[tuple[Source | HaloSource | None, Ints]] = [] if before is None else list(before.sources)
    for source in sorted(group.sources, key=lambda s: of.value(s.energy, s.cycles)):
        if of.value(source.energy + rest[0], source.cycles + rest[1]) > limit:
            continue
        found, options = _exact(of, source, room, limit, rest, values, width)
        if len(found):
            values = np.vstack((values, found))
            origins.extend((source, row) for row in options)
    kept = undominated(values)
    group.front = Front(values[kept], [origins[i] for i in kept], limit)
    of.touch(group)
    return group.front


def _exact(
    of: KindRows,
    source: Source,
    room: Floats,
    limit: float,
    rest: tuple[float, float],
    known: Floats,
    width: int,
) -> tuple[Floats, Ints]:
    arrays = of.templates[source.template]
    count = of.kind.count
    extra = (rest[0] / count, rest[1] / count)
    most = [inf, inf, inf]
    if of.objective == EDP:
        most[2] = limit / count**2
        most[0] = most[2] / max(extra[1] + source.cycles / count, 1e-300)
        most[1] = most[2] / max(extra[0] + source.energy / count, 1e-300)
    elif of.objective == LATENCY:
        most[1] = limit / count
    else:
        most[0] = limit / count
    parts = [np.arange(arrays.classes[c], arrays.classes[c + 1]) for c in source.classes]
    limits = arrays.limits_with(room)
    kept = _filtered(of, arrays, parts, limits, most[0] - extra[0], most[1] - extra[1])
    nothing = np.empty((0, known.shape[1])), np.empty((0, len(parts)), dtype=np.int64)
    if kept is None:
        return nothing
    goal = np.array([*extra, *most])
    column, factor = _columns(of, source, width)
    once = known
    if count > 1:
        once = known.copy()
        once[:, :2] /= count
    found, chosen = list[Floats](), list[Ints]()
    ends = _ends(of.objective, most[0] - extra[0], most[1] - extra[1])
    for _, own in _parts(of, source, kept, limits, *ends):
        order = sorted(range(len(own)), key=lambda g: len(own[g]))
        rows = np.concatenate([own[g] for g in order])
        starts = ranges([len(own[g]) for g in order])
        values, options = exact_rows(
            arrays.table, rows, starts, arrays.cost, limits, arrays.reserve, column, factor, of.objective, goal, once,
        )  # fmt: skip
        if not len(values):
            continue
        back = np.empty_like(options)
        back[:, order] = options
        found.append(values)
        chosen.append(back)
        once = np.vstack((once, values))
    if not found:
        return nothing
    values = found[0] if len(found) == 1 else np.vstack(found)
    values[:, :2] *= count
    return values, chosen[0] if len(found) == 1 else np.vstack(chosen)


def _parts(
    of: KindRows, source: Source, rows: list[Ints], limits: LimitArrays, goal: Goal, best: float
) -> Iterator[tuple[float, list[Ints]]]:
    """(bound, rows per group) of parts of a source's options that a large table is better searched in."""
    if sum(map(len, rows)) < WORTH_IT:
        yield 0.0, rows
        return
    arrays = of.templates[source.template]
    setting = of.settings[of.setting_of[source.template]]
    shapes = [shape_of(setting, arrays.fused.template, group) for group in arrays.dims]
    first = [arrays.classes[g] for g in arrays.groups[:-1]]
    tiles = [own[r - at] for own, r, at in zip(arrays.tiles, rows, first)]
    every = np.concatenate(rows)
    narrowed = Narrowed(np.ascontiguousarray(arrays.table[every]), ranges([len(r) for r in rows]), every)
    pieces, _ = parts_of(shapes, tiles, arrays.cost, limits, narrowed, goal, best)
    for bound, piece in pieces:
        yield bound, [piece.rows[a:b] for a, b in pairwise(piece.starts)]


def _ends(objective: int, energy: float, cycles: float) -> tuple[Goal, float]:
    """What filters ask of a mapping of at most this energy and these cycles: (goal, objective to stay below)."""
    slack = 1 + 1e-9
    best = inf if objective == EDP else (cycles if objective == LATENCY else energy) * slack
    return Goal(objective, 1.0, energy * slack, cycles * slack), best


def _filtered(
    of: KindRows, arrays: FusedArrays, parts: list[Ints], limits: LimitArrays, energy: float, cycles: float
) -> list[Ints] | None:
    """Options per group that bounds and limits leave; None when nothing is left."""
    if prod(len(p) for p in parts) <= FEW:
        return parts
    rows = np.concatenate(parts)
    table = np.ascontiguousarray(arrays.table[rows])
    starts = ranges([len(p) for p in parts])
    alive, own = np.diff(starts), np.arange(len(rows), dtype=np.int64)
    goal, best = _ends(of.objective, energy, cycles)
    possible, _ = filter_options(
        table, starts, np.ones(table.shape[1]), np.ones(len(parts), dtype=np.bool_), own, alive,
        np.empty(len(rows)), arrays.cost, limits, goal, best, NO_POINTS, 0, np.zeros(5, dtype=np.int64),
    )  # fmt: skip
    if not possible:
        return None
    return [np.sort(rows[own[begin : begin + n]]) for begin, n in zip(starts, alive)]


def _columns(of: KindRows, source: Source, width: int) -> tuple[Ints, Floats]:
    """Per reservation of a template, its column in a row (by memory and level) and how often it is taken."""
    arrays = of.templates[source.template]
    above = [0, *accumulate(len(block) for block in source.order)]
    column, factor = [], []
    for r in arrays.reserved:
        level, times = 0, of.kind.count
        if r.stage != PERSISTENT:
            passed = r.halo >= 0 and any(d == r.halo for d, _ in source.order[r.stage][:1])
            level, times = 1 + above[r.stage] + passed, 1
        column.append(2 + r.memory * width + level)
        factor.append(float(times))
    return np.array(column, dtype=np.int64), np.array(factor, dtype=np.float64)


def undominated(values: Floats) -> list[int]:
    if len(values) < 2:
        return list(range(len(values)))
    order = np.argsort(values[:, 0] + values[:, 1] + values[:, 2:].sum(axis=1), kind="stable")
    order = order[np.lexsort((values[order, 1], values[order, 0]))]
    kept = pareto_in_groups(values, np.zeros(len(values), dtype=np.int64), order)
    return [int(i) for i in order if kept[i]]
