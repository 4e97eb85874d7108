"""A fused template as arrays: energy, busy times and limits (search/optimal/compile.py), and reservations by stage.

A stage says after which block of shared loops a tile is reserved, so how many of them lie above it. The options of a
rank group that agree on the shared loops form a class; only undominated ones are kept in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from tileloom.fusion.optimal.kernels import front_of_classes
from tileloom.fusion.optimal.space import FusedTemplate
from tileloom.search.optimal.arrays import CostArrays, Floats, Ints, LimitArrays
from tileloom.search.optimal.columns import Factor, GroupShape, Limit, Sum
from tileloom.search.optimal.compile import (
    Compiler,
    Layout,
    add_traffic,
    axis_limits,
    capacity_parts,
    leakage_pj_per_cycle,
    shape_of,
)
from tileloom.search.optimal.options import group_options
from tileloom.search.optimal.prepare import ranges

PERSISTENT = -1
"""Stage of what stays for the whole run."""

WINDOW = 256
"""Comparisons per option in the filter of classes."""

LoopAt = tuple[int, int, int]
"""(block, dim, trips) of a shared loop."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """memory: tracked memory (index);  stage: hold after which the space is taken, PERSISTENT, or the number of blocks

    halo   dim whose shared loop in the block below the hold is passed as well (-1: none)
    """

    memory: int
    stage: int
    halo: int


@dataclass(frozen=True)
class ClassTable:
    """Options of one group by class: class c has the rows starts[c] .. starts[c + 1]."""

    tiles: Ints
    values: Floats
    starts: Ints
    trips: tuple[tuple[tuple[int, int, int], ...], ...]
    low: Floats
    high: Floats


@dataclass(frozen=True)
class FusedArrays:
    """What the kernels take for one template.

    table, starts    options of all groups below one another; classes: int64[classes + 1] into table
    groups           int64[groups + 1] into classes;  loops: per class its shared loops
    """

    fused: FusedTemplate
    dims: tuple[tuple[int, ...], ...]
    tiles: tuple[Ints, ...]
    table: Floats
    classes: Ints
    groups: Ints
    loops: tuple[tuple[LoopAt, ...], ...]
    low: Floats
    high: Floats
    cost: CostArrays
    limits: LimitArrays
    reserve: LimitArrays
    reserved: tuple[Reserved, ...]

    @cached_property
    def _tracked_limits(self) -> tuple[LimitArrays, tuple[int, ...]]:
        """The limits with one more per tracked memory that holds something, and these memories."""
        forms, coefficient, at = list(self.limits.forms), list(self.limits.coefficient), list(self.limits.at)
        memories = sorted({r.memory for r in self.reserved})
        for m in memories:
            for i, r in enumerate(self.reserved):
                if r.memory == m:
                    a, b = self.reserve.forms[i], self.reserve.forms[i + 1]
                    coefficient += list(self.reserve.coefficient[a:b])
                    at += list(self.reserve.at[a:b])
            forms.append(len(coefficient))
        limits = LimitArrays(
            forms=np.array(forms, dtype=np.int64),
            coefficient=np.array(coefficient, dtype=np.float64),
            at=np.array(at, dtype=np.int64),
            low=np.append(self.limits.low, np.zeros(len(memories))),
            high=self.limits.high,
        )
        return limits, tuple(memories)

    def limits_with(self, room: Floats) -> LimitArrays:
        """The limits, and those of tracked memories: bits left for this problem's own tiles in each."""
        limits, memories = self._tracked_limits
        return limits._replace(high=np.append(limits.high, [room[m] for m in memories]))

    def tiles_of(self, rows: Ints) -> list[list[int]]:
        """Per dim the tiles below its allowed slots, for one row of `table` per group."""
        allowed = self.fused.template.allowed
        found: list[list[int]] = [[] for _ in allowed]
        for g, dims in enumerate(self.dims):
            row = self.tiles[g][rows[g] - self.classes[self.groups[g]]]
            at = 0
            for d in dims:
                found[d] = [int(v) for v in row[at : at + len(allowed[d])]]
                at += len(allowed[d])
        return found


@dataclass(frozen=True)
class Terms:
    """What is asked of a compiled template: which sums matter, and which memories are tracked across problems."""

    energy: bool
    time: bool
    tracked: tuple[str, ...]
    roomy: tuple[str, ...]
    loops_per_dim: int


@dataclass(frozen=True)
class GroupRecipe:
    """What the options of one rank group are made of (`class_table`); positions: table column of each factor column."""

    shape: GroupShape
    factors: tuple[Factor, ...]
    equal: tuple[bool, ...]
    blocks: tuple[tuple[int, ...], ...]
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Recipe:
    """A template as sums over products of group factors, before options are listed. Only the numbers in `cost`,
    `limits` and `reserve` and the shapes depend on extents (above 1), each number at most linearly on each of them."""

    fused: FusedTemplate
    groups: tuple[tuple[int, ...], ...]
    parts: tuple[GroupRecipe, ...]
    cost: CostArrays
    limits: LimitArrays
    reserve: LimitArrays
    reserved: tuple[Reserved, ...]

    def arrays(self, loops_per_dim: int) -> FusedArrays | None:
        """All options; None when no option of some group is left (an axis that no tiling fills as required)."""
        tables = []
        for part in self.parts:
            found = class_table(part.shape, part.factors, part.equal, part.blocks, loops_per_dim)
            if not len(found.tiles):
                return None
            tables.append(found)
        positions = [list(part.positions) for part in self.parts]
        starts = ranges([len(t.tiles) for t in tables])
        return FusedArrays(
            fused=self.fused,
            dims=self.groups,
            tiles=tuple(t.tiles for t in tables),
            table=np.vstack([t.values[:, p] for t, p in zip(tables, positions)]),
            classes=np.concatenate([*(t.starts[:-1] + s for t, s in zip(tables, starts)), starts[-1:]]),
            groups=ranges([len(t.trips) for t in tables]),
            loops=tuple(
                tuple((block, group[d], n) for block, d, n in trips)
                for t, group in zip(tables, self.groups)
                for trips in t.trips
            ),
            low=np.vstack([t.low[:, p] for t, p in zip(tables, positions)]),
            high=np.vstack([t.high[:, p] for t, p in zip(tables, positions)]),
            cost=self.cost,
            limits=self.limits,
            reserve=self.reserve,
            reserved=self.reserved,
        )


def compile_fused(
    layout: Layout,
    fused: FusedTemplate,
    shared: frozenset[int],
    persistent: frozenset[int],
    lower: dict[int, float],
    terms: Terms,
) -> FusedArrays | None:
    """None when no option of some group is left (an axis that no tiling fills as required)."""
    return recipe_of(layout, fused, shared, persistent, lower, terms).arrays(terms.loops_per_dim)


def recipe_of(
    layout: Layout,
    fused: FusedTemplate,
    shared: frozenset[int],
    persistent: frozenset[int],
    lower: dict[int, float],
    terms: Terms,
) -> Recipe:
    """The sums of a template: energy, busy times, limits, reservations."""
    setting, template = layout.setting, fused.template
    compiler = Compiler(layout, template)
    _, one = compiler.column(0)
    leaks = any(getattr(n, "leakage_pj_per_cycle", 0.0) for n in setting.architecture.nodes)
    energy, busy = Sum(), dict[tuple[int, str], Sum]()
    for tensor in range(len(setting.tensors)):
        add_traffic(compiler, tensor, one, energy, busy, terms.energy, terms.time or leaks)
    energy.offset += setting.problem.macs * setting.compute.energy_pj if terms.energy else 0.0
    sums = [energy, *busy.values()]
    if (terms.time or leaks) and setting.compute.ops_per_cycle != float("inf"):
        steps = Sum()
        steps.add(1.0 / setting.compute.ops_per_cycle, compiler.column(compiler.temporal))
        sums.append(steps)
    limits = [*_inner_limits(compiler, terms), *axis_limits(compiler, lower)]
    reserved = _reservations(compiler, fused, shared, persistent, terms)
    equal = {t.minus_at for s in sums for t in s.terms() if t.minus_at >= 0}
    equal |= {j for x in limits if x.low > 0 for _, j in x.coefficients}
    leakage = leakage_pj_per_cycle(setting) if terms.energy else 0.0
    factors = compiler.factors()
    parts = []
    for g, group in enumerate(layout.groups):
        distinct = tuple(dict.fromkeys(column[g] for column in factors))
        at = {f: i for i, f in enumerate(distinct)}
        of_column = tuple(at[column[g]] for column in factors)
        same = tuple(i in {of_column[j] for j in equal} for i in range(len(distinct)))
        blocks = tuple(
            tuple(
                template.slots[s].block if template.slots[s].axis < 0 and template.slots[s].block < fused.fused else -1
                for s in template.allowed[d]
            )
            for d in group
        )
        parts.append(GroupRecipe(shape_of(setting, template, group), distinct, same, blocks, of_column))
    return Recipe(
        fused=fused,
        groups=layout.groups,
        parts=tuple(parts),
        cost=_cost_arrays(sums, leakage),
        limits=_limit_arrays(limits),
        reserve=_limit_arrays([Limit("", tuple(c)) for c in reserved.values()]),
        reserved=tuple(reserved),
    )


def _inner_limits(compiler: Compiler, terms: Terms) -> list[Limit]:
    """Capacities of memories that nothing crosses: only the problem's own tiles count."""
    setting, holds = compiler.setting, compiler.template.holds
    found = []
    for index, memory in enumerate(setting.memories):
        if not index or memory.capacity_bits is None or memory.name in (*terms.tracked, *terms.roomy):
            continue
        occupied = []
        for hold, (m, t) in enumerate(holds, start=1):
            if m == index:
                tensor = setting.tensors[t]
                constant, at = compiler.footprint(t, compiler.reserved_at(hold))
                occupied.append((tensor, constant * memory.bits_of(tensor) * memory.buffers, at))
        for name, fits, limit in capacity_parts(memory):
            coefficients = tuple((c, at) for t, c, at in occupied if fits is None or fits(t))
            if coefficients:
                found.append(Limit(f"capacity of {name}", coefficients, high=float(limit)))
    return found


def _reservations(
    compiler: Compiler, fused: FusedTemplate, shared: frozenset[int], persistent: frozenset[int], terms: Terms
) -> dict[Reserved, list[tuple[float, int]]]:
    """Private tiles in tracked memories; shared tensors on chip are the graph's to count."""
    setting, template = compiler.setting, fused.template
    found: dict[Reserved, list[tuple[float, int]]] = {}
    for hold, (m, t) in enumerate(template.holds, start=1):
        memory = setting.memories[m]
        backs = fused.backing[t] == hold
        if memory.name not in terms.tracked or (backs and t in shared):
            continue
        tensor = setting.tensors[t]
        halo = template.first_halo[hold - 1] if hold < fused.fused else -1
        stage = PERSISTENT if backs and t in persistent else min(hold, fused.fused)
        constant, at = compiler.footprint(t, compiler.reserved_at(hold))
        key = Reserved(terms.tracked.index(memory.name), stage, halo)
        found.setdefault(key, []).append((constant * memory.bits_of(tensor) * memory.buffers, at))
    return found


@lru_cache(maxsize=65536)
def class_table(
    shape: GroupShape,
    factors: tuple[Factor, ...],
    equal: tuple[bool, ...],
    blocks: tuple[tuple[int, ...], ...],
    loops_per_dim: int,
) -> ClassTable:
    """Options of a group by their shared loops. blocks: per dim and slot the block of a shared loop, -1 otherwise."""
    found = group_options(shape, factors)
    tiles = found.tiles
    shared: list[NDArray[np.int64]] = []
    names: list[tuple[int, int]] = []
    keep = np.ones(len(tiles), dtype=np.bool_)
    at = 0
    for d, own in enumerate(blocks):
        outside = np.full(len(tiles), shape.extents[d])
        loops = np.zeros(len(tiles), dtype=np.int64)
        for k, block in enumerate(own):
            inside = tiles[:, at + k]
            if block >= 0:
                trips = outside // inside
                shared.append(trips)
                names.append((block, d))
                loops += trips > 1
            outside = inside
        keep &= loops <= loops_per_dim
        at += len(own)
    chosen = np.flatnonzero(keep)
    tiles, values = tiles[chosen], found.values[chosen]
    if not shared:
        label, unique = np.zeros(len(tiles), dtype=np.int64), np.zeros((1, 0), dtype=np.int64)
    else:
        unique, label = np.unique(np.stack(shared, axis=1)[chosen], axis=0, return_inverse=True)
        label = label.reshape(-1)
    order = np.lexsort((np.log(values).sum(axis=1), label))
    bounds = np.searchsorted(label[order], np.arange(len(unique) + 1))
    kept = front_of_classes(np.ascontiguousarray(values), np.array(equal), order, bounds, WINDOW)
    order = order[kept[order]]
    starts = np.searchsorted(label[order], np.arange(len(unique) + 1)).astype(np.int64)
    tiles, values = tiles[order], values[order]
    trips_of = tuple(tuple((b, d, int(n)) for (b, d), n in zip(names, row) if n > 1) for row in unique)
    low = np.minimum.reduceat(values, starts[:-1], axis=0) if len(values) else values
    high = np.maximum.reduceat(values, starts[:-1], axis=0) if len(values) else values
    return ClassTable(tiles, values, starts, trips_of, low, high)


def _cost_arrays(sums: list[Sum], leakage: float) -> CostArrays:
    listed = [s.terms() for s in sums]
    terms = [t for s in listed for t in s]
    return CostArrays(
        forms=ranges([len(s) for s in listed]),
        plus=np.array([t.plus for t in terms], dtype=np.float64),
        plus_at=np.array([t.plus_at for t in terms], dtype=np.int64),
        minus=np.array([t.minus for t in terms], dtype=np.float64),
        minus_at=np.array([t.minus_at for t in terms], dtype=np.int64),
        offsets=np.array([s.offset for s in sums], dtype=np.float64),
        leakage=leakage,
    )


def _limit_arrays(limits: list[Limit]) -> LimitArrays:
    terms = [c for x in limits for c in x.coefficients]
    return LimitArrays(
        forms=ranges([len(x.coefficients) for x in limits]),
        coefficient=np.array([c for c, _ in terms], dtype=np.float64),
        at=np.array([j for _, j in terms], dtype=np.int64),
        low=np.array([x.low for x in limits], dtype=np.float64),
        high=np.array([x.high for x in limits], dtype=np.float64),
    )
