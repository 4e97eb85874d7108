"""One kind of problem in a graph: what each choice of its shared tensors' places and loops costs.

A key says for one shared tensor which memory backs it and which loops stand above it; a `Group` is one key per shared
tensor. Bounds of all groups come first, cheaply; the exact Pareto rows of a group are computed when they are asked for.
Problems of equal kind (equal but for names) share all of this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, product
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from tileloom.architecture.model import Architecture
from tileloom.fusion.optimal.compiled import PERSISTENT, FusedArrays, LoopAt, Terms, compile_fused
from tileloom.fusion.optimal.kernels import class_bounds, exact_rows, pareto_in_groups
from tileloom.fusion.optimal.orders import Loops, sequences
from tileloom.fusion.optimal.space import Sharing, fused_templates, setting_for
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import Objective
from tileloom.search.optimal.arrays import Floats, Goal, Ints, LimitArrays
from tileloom.search.optimal.columns import rank_groups
from tileloom.search.optimal.compile import Layout
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY, filter_options, search
from tileloom.search.optimal.prepare import NO_POINTS, ranges
from tileloom.search.optimal.space import Setting, required_use
from tileloom.workload.problem import Problem

if TYPE_CHECKING:
    from tileloom.fusion.optimal.halo_rows import HaloRows, HaloSource

Span = tuple[tuple[tuple[tuple[int, int], ...], ...], tuple[int, ...]]
"""A tensor's size: per axis its terms (coefficient, extent), and bits of a value in each backing memory."""

Key = tuple[int, tuple[tuple[int, int], ...]]
"""(1 + index into Kind.backing, (axis of the tensor, trips) of the loops above its outermost hold).

Below tile loops over windows that overlap an entry is (HaloAxis, TileLoop) of halo_plan.py; the join only compares."""

OUTSIDE: Key = (0, ())
"""In the outermost memory."""


NO_OWNERS = np.empty((0, 0), dtype=np.int64)


@dataclass(frozen=True)
class Limits:
    """max_loops    shared loops of one problem;  loops_per_dim: of one dim of it"""

    max_loops: int = 1_000_000
    loops_per_dim: int = 1


@dataclass(frozen=True)
class Kind:
    """A problem as the search sees it.

    chips       by set of tensor positions inside;  shared, persistent: positions;  axes: per position its tileable axes
    spans       per position the size of the whole tensor as its owner sees it
    tracked     memories whose space problems compete for: (name, bits);  roomy: those that cannot overflow
    backing     names of the memories that may back a tensor on chip
    """

    problem: Problem
    chips: Mapping[frozenset[int], Architecture]
    shared: frozenset[int]
    persistent: frozenset[int]
    axes: tuple[frozenset[int], ...]
    spans: tuple[Span, ...]
    tracked: tuple[tuple[str, int], ...]
    roomy: tuple[str, ...]
    backing: tuple[str, ...]
    count: int
    reversed_copies: bool = False


@dataclass(frozen=True)
class Source:
    """Where rows of a group come from: a template, one class per group of dims, the order of its shared loops."""

    template: int
    classes: Ints
    order: tuple[Loops, ...]
    energy: float
    cycles: float


@dataclass
class Front:
    """Exact rows of a group. values: float64[rows, 2 + memories * (2 + loops)]: energy, cycles, then per memory what is
    reserved for the whole run and at each level (number of shared loops above). limit: bound up to which it is complete."""

    values: Floats
    sources: list[tuple[Source | HaloSource | None, Ints]]
    limit: float


@dataclass
class Group:
    """keys per position (OUTSIDE for unshared ones); loops: trips of the shared loops, outermost first.

    room             bits that its shared tiles leave in each tracked memory
    energy, cycles   what a row costs at least: `least_*` of the sources, or more once exact rows are known (`refresh`)
    """

    keys: tuple[Key, ...]
    loops: tuple[int, ...]
    room: tuple[int, ...] = ()
    sources: list[Source] = field(default_factory=list)
    least_energy: float = inf
    least_cycles: float = inf
    energy: float = inf
    cycles: float = inf
    front: Front | None = None
    refined: bool = False

    def refresh(self, most: float, objective: int) -> None:
        """Sets energy and cycles to what is known of rows that can be part of a schedule of at most `most`."""
        self.energy, self.cycles = self.least_energy, self.least_cycles
        if self.front is None:
            return
        values = self.front.values
        if len(values) and (objective != EDP or self.front.limit >= most):
            self.energy, self.cycles = float(values[:, 0].min()), float(values[:, 1].min())
        elif self.front.limit >= most:
            self.energy = self.cycles = inf


class KindRows:
    """All groups of a kind, bounded; `expand` lists those below a bound, `solve` computes a group's rows."""

    def __init__(self, kind: Kind, objective: int, limits: Limits, *, listed: bool = True) -> None:
        """listed=False: templates and groups are put in by the caller."""
        self.kind, self.objective, self.limits = kind, objective, limits
        self.groups: dict[tuple[Key, ...], Group] = {}
        self.numbers: list[dict[Key, int]] = [{} for _ in kind.problem.tensors]
        tracked = [n for n, _ in kind.tracked]
        self._tracked = [-1, *(tracked.index(n) if n in tracked else -1 for n in kind.backing)]
        self._listed: dict[object, list[tuple[Group, tuple[Loops, ...]]]] = {}
        self._done = np.zeros(0, dtype=np.bool_)
        self.settings: list[Setting] = []
        self.templates: list[FusedArrays] = []
        self._shapes: list[object] = []
        self.setting_of: list[int] = []
        self.templates_listed = 0
        self._sizes: dict[tuple[int, Key], int] = {}
        self.bounds = np.empty((0, 2))
        self.halo: HaloRows | None = None
        self.tiles_only = False
        if kind.problem.copy:
            from tileloom.fusion.optimal.copies import add_copy_groups

            add_copy_groups(self)
        elif listed:
            self._compile()

    # -- bounds

    def terms(self) -> Terms:
        """What is asked of templates."""
        return Terms(
            energy=self.objective != LATENCY,
            time=self.objective == LATENCY or self.objective == EDP,
            tracked=tuple(n for n, _ in self.kind.tracked),
            roomy=self.kind.roomy,
            loops_per_dim=self.limits.loops_per_dim,
        )

    def _compile(self) -> None:
        kind, terms = self.kind, self.terms()
        bounds, classes, of, needs = [], [], [], []
        for inside, chip in kind.chips.items():
            setting = setting_for(kind.problem, chip)
            sharing = self.sharing(setting, inside)
            layout = Layout(setting, rank_groups(setting))
            lower = required_use(setting)
            self.settings.append(setting)
            for fused in fused_templates(setting, sharing):
                self.templates_listed += 1
                arrays = compile_fused(layout, fused, kind.shared, kind.persistent, lower, terms)
                if arrays is None:
                    continue
                found = self.bound(arrays)
                if found is None:
                    continue
                of.append(np.full(len(found[0]), len(self.templates), dtype=np.int64))
                self.templates.append(arrays)
                self._shapes.append(self._shape(arrays))
                self.setting_of.append(len(self.settings) - 1)
                bounds.append(found[0])
                classes.append(found[1])
                needs.append(found[2])
        if not bounds:
            return
        values = np.vstack(bounds) * self.kind.count
        key = values[:, 1] if self.objective == LATENCY else values[:, 0]
        if self.objective == EDP:
            key = values[:, 0] * values[:, 1]
        order = np.argsort(key, kind="stable")
        self.bounds = values[order]
        offsets = np.cumsum([0, *(len(c) for c in classes)])
        self._classes, self._offsets = classes, offsets
        self._template = np.concatenate(of)[order]
        self._row = order - offsets[self._template]
        self._needs = np.vstack(needs)[order]
        self._done = np.zeros(len(order), dtype=np.bool_)
        # What shares nothing on chip is always listed: it bounds the optimum from above.
        own = np.array([arrays.fused.fused == 0 for arrays in self.templates])
        self._list(np.flatnonzero(own[self._template]))

    def _shape(self, arrays: FusedArrays) -> object:
        """What decides how a choice of shared loops turns into groups: where shared tensors are backed, halo loops."""
        backing = tuple(
            (h, arrays.fused.template.holds[h - 1][0]) if p in self.kind.shared and h else None
            for p, h in enumerate(arrays.fused.backing)
        )
        return (
            backing,
            arrays.fused.fused,
            arrays.fused.template.first_halo[: max(arrays.fused.fused - 1, 0)],
            len(self.settings),
        )

    def sharing(self, setting: Setting, inside: frozenset[int]) -> Sharing:
        kind = self.kind
        loops = []
        for position, tensor in enumerate(kind.problem.tensors):
            loops.append(
                frozenset(
                    axis.terms[0][0]
                    for a, axis in enumerate(tensor.axes)
                    if a in kind.axes[position] and len(axis.terms) == 1
                )
            )
        names = [m.name for m in setting.memories]
        backing = frozenset(names.index(n) for n in kind.backing if n in names)
        return Sharing(inside, kind.shared, kind.persistent, tuple(loops), backing)

    def bound(self, arrays: FusedArrays) -> tuple[Floats, Ints, Floats] | None:
        """Per shared tiling: least energy and cycles, classes, least bits of own tiles in each tracked memory."""
        counts = np.array([len(own) for own in arrays.loops], dtype=np.int64)
        most = min(self.limits.max_loops, 1_000_000)
        values, reserved, classes = class_bounds(
            arrays.low, arrays.high, counts, arrays.groups, most, arrays.cost, arrays.limits, arrays.reserve,
            self.objective, inf, inf, inf,
        )  # fmt: skip
        needs = np.zeros((len(values), len(self.kind.tracked)))
        for i, r in enumerate(arrays.reserved):
            needs[:, r.memory] += reserved[:, i]
        fits = (needs <= [bits for _, bits in self.kind.tracked]).all(axis=1)
        return (values[fits], classes[fits], needs[fits]) if fits.any() else None

    def least(self) -> tuple[float, float]:
        """Least energy and least cycles of any group."""
        if self.kind.problem.copy:
            groups = list(self.groups.values())
            return min(g.least_energy for g in groups), min(g.least_cycles for g in groups)
        own = (float(self.bounds[:, 0].min()), float(self.bounds[:, 1].min())) if len(self.bounds) else (inf, inf)
        tiled = self.halo.least if self.halo is not None else (inf, inf)
        return min(own[0], tiled[0]), min(own[1], tiled[1])

    def only_tiles(self) -> None:
        """Leaves only groups below tile loops."""
        self.bounds = np.empty((0, 2))
        self._done = np.zeros(0, dtype=np.bool_)
        self.tiles_only = True
        self.groups.clear()
        self.numbers = [{} for _ in self.kind.problem.tensors]

    # -- groups

    def expand(self, value: float, rest: tuple[float, float]) -> None:
        """Lists every group whose bound, with `rest` (energy, cycles) of the other problems, is at most `value`."""
        if self.kind.problem.copy:
            return
        if self.halo is not None:
            self.halo.expand(value, rest)
        energy, cycles = self.bounds[:, 0] + rest[0], self.bounds[:, 1] + rest[1]
        key = cycles if self.objective == LATENCY else energy * cycles if self.objective == EDP else energy
        self._list(np.flatnonzero((key <= value) & ~self._done))

    def _list(self, wanted: Ints) -> None:
        self._done[wanted] = True
        for i in wanted.tolist():
            t = int(self._template[i])
            arrays = self.templates[t]
            classes = self._classes[t][self._row[i]]
            energy, cycles = self.bounds[i].tolist()
            loops = tuple([loop for c in classes.tolist() for loop in arrays.loops[c]])
            shape = (self._shapes[t], loops)
            found = self._listed.get(shape)
            if found is None:
                found = self._listed[shape] = self._groups_of(t, loops)
            needs = self._needs[i].tolist()
            for group, order in found:
                if any(n > r for n, r in zip(needs, group.room)):
                    continue
                group.sources.append(Source(t, classes, order, energy, cycles))
                if energy < group.least_energy or cycles < group.least_cycles:
                    group.refined = False
                    group.least_energy = min(group.least_energy, energy)
                    group.least_cycles = min(group.least_cycles, cycles)

    def _groups_of(self, t: int, loops: tuple[LoopAt, ...]) -> list[tuple[Group, tuple[Loops, ...]]]:
        """Every group, with its order of shared loops, that a template's choice of shared loops can be part of."""
        arrays = self.templates[t]
        blocks: list[list[tuple[int, int]]] = [[] for _ in range(arrays.fused.fused)]
        for block, dim, trips in loops:
            blocks[block].append((dim, trips))
        halo = (-1, *arrays.fused.template.first_halo)[: arrays.fused.fused]
        found = []
        for order in sequences(tuple(map(tuple, blocks)), halo, self.limits.loops_per_dim, self.limits.max_loops):
            keys = self._keys(t, order)
            room = tuple(self._room(keys))
            if min(room, default=0) < 0:
                continue
            group = self.groups.get(keys)
            if group is None:
                group = Group(keys, tuple(n for block in order for _, n in block), room)
                self.add(group)
            found.append((group, order))
        return found

    def add(self, group: Group) -> None:
        """Enters a group and numbers its keys."""
        self.groups[group.keys] = group
        for numbers, key in zip(self.numbers, group.keys):
            numbers.setdefault(key, len(numbers))

    def _keys(self, t: int, order: tuple[Loops, ...]) -> tuple[Key, ...]:
        arrays = self.templates[t]
        found: list[Key] = []
        for position in range(len(self.kind.problem.tensors)):
            hold = arrays.fused.backing[position]
            if position not in self.kind.shared or not hold:
                found.append(OUTSIDE)
                continue
            axes = self._axis_of(t, position)
            loops = tuple((axes[d], n) for block in order[:hold] for d, n in block)
            memory = self.settings[self.setting_of[t]].memories[arrays.fused.template.holds[hold - 1][0]]
            found.append((1 + self.kind.backing.index(memory.name), loops))
        return tuple(found)

    def _axis_of(self, t: int, position: int) -> dict[int, int]:
        if not hasattr(self, "_axes"):
            dims = {d: i for i, d in enumerate(self.settings[0].dims)}
            self._axes: list[dict[int, int]] = [
                {
                    dims[axis.terms[0][0]]: a
                    for a, axis in enumerate(tensor.axes)
                    if len(axis.terms) == 1 and axis.terms[0][0] in dims
                }
                for tensor in self.kind.problem.tensors
            ]
        return self._axes[position]

    def size(self, position: int, key: Key) -> int:
        """Bits of the shared tensor's tile (0 in the outermost memory or an untracked one)."""
        found = self._sizes.get((position, key))
        if found is None:
            tiled = self.halo is not None and self.halo.holds(key)
            found = self.halo.size(position, key) if tiled and self.halo else tile_bits(self.kind.spans[position], key)
            self._sizes[position, key] = found
        return found

    def memory(self, key: Key) -> int:
        """Tracked memory (index) of a key, -1 for none."""
        return self._tracked[key[0]]

    def _room(self, keys: tuple[Key, ...]) -> list[int]:
        room = [bits for _, bits in self.kind.tracked]
        if not room:
            return room
        for position, key in enumerate(keys):
            if key[0]:
                m = self.memory(key)
                if m >= 0:
                    room[m] -= self.size(position, key)
        return room

    # -- exact rows

    def refine(self, group: Group) -> None:
        """Replaces the bounds of a group by the least energy and cycles of any of its rows (inf: it has none)."""
        group.refined = True
        if self.halo is not None and self.halo.refine(group):
            return
        if self.kind.problem.copy:
            return
        room = np.array(group.room, dtype=np.float64)
        if self.objective != LATENCY:
            group.least_energy = self._least_row(group, room, ENERGY)
        if self.objective in (LATENCY, EDP):
            group.least_cycles = self._least_row(group, room, LATENCY)

    def _least_row(self, group: Group, room: Floats, code: int) -> float:
        best, count = inf, self.kind.count
        for source in sorted(group.sources, key=lambda s: s.cycles if code == LATENCY else s.energy):
            if (source.cycles if code == LATENCY else source.energy) >= best:
                break
            arrays = self.templates[source.template]
            parts = [np.arange(arrays.classes[c], arrays.classes[c + 1]) for c in source.classes]
            value, *_ = search(
                np.ascontiguousarray(arrays.table[np.concatenate(parts)]), ranges([len(p) for p in parts]), arrays.cost,
                arrays.limits_with(room), Goal(code), best / count, NO_POINTS, NO_OWNERS, 0,
            )  # fmt: skip
            best = min(best, float(value) * count)
        return best

    def unfused(self) -> tuple[float, float] | None:
        """(energy, cycles) of the best mapping with every tensor outside; None when there is none."""
        kind = self.kind
        if frozenset() not in kind.chips or self.tiles_only:
            return None
        if kind.problem.copy:
            return 0.0, 0.0
        name: Objective = "latency" if self.objective == LATENCY else "edp" if self.objective == EDP else "energy"
        result = OptimalMapper(tie_break=False).search(kind.problem, kind.chips[frozenset()], name)
        if result.cost is None:
            return None
        return result.cost.energy_pj * kind.count, result.cost.cycles * kind.count

    def value(self, energy: float, cycles: float) -> float:
        return cycles if self.objective == LATENCY else energy * cycles if self.objective == EDP else energy

    def solve(self, group: Group, limit: float, rest: tuple[float, float]) -> Front:
        """Exact Pareto rows of a group whose value, with `rest` of the other problems, is at most `limit`."""
        if group.front is not None and group.front.limit >= limit:
            return group.front
        if self.halo is not None:
            tiled = self.halo.solve(group, limit, rest)
            if tiled is not None:
                return tiled
        room = np.array(group.room, dtype=np.float64)
        memories, width = len(self.kind.tracked), 2 + len(group.loops)
        blocks = [np.empty((0, 2 + memories * width))]
        origins: list[tuple[Source | HaloSource | None, Ints]] = []
        for source in group.sources:
            if not self.within(source.energy + rest[0], source.cycles + rest[1], limit):
                continue
            values, options = self._exact(source, room, limit, rest)
            blocks.append(self._levels(source, values, memories, width))
            origins.extend((source, row) for row in options)
        values = np.vstack(blocks)
        kept = self._pareto(values)
        group.front = Front(values[kept], [origins[i] for i in kept], limit)
        return group.front

    def within(self, energy: float, cycles: float, limit: float) -> bool:
        return self.value(energy, cycles) <= limit

    def _exact(self, source: Source, room: Floats, limit: float, rest: tuple[float, float]) -> tuple[Floats, Ints]:
        arrays = self.templates[source.template]
        count = self.kind.count
        extra = (rest[0] / count, rest[1] / count)
        most = [inf, inf, inf]
        if self.objective == EDP:
            most[2] = limit / count**2
            most[0] = most[2] / max(extra[1] + source.cycles / count, 1e-300)
            most[1] = most[2] / max(extra[0] + source.energy / count, 1e-300)
        elif self.objective == LATENCY:
            most[1] = limit / count
        else:
            most[0] = limit / count
        parts = [np.arange(arrays.classes[c], arrays.classes[c + 1]) for c in source.classes]
        limits = arrays.limits_with(room)
        kept = self._filtered(arrays, parts, limits, most[0] - extra[0], most[1] - extra[1])
        if kept is None:
            return np.empty((0, 2 + len(arrays.reserved))), np.empty((0, len(parts)), dtype=np.int64)
        order = sorted(range(len(kept)), key=lambda g: len(kept[g]))
        rows = np.concatenate([kept[g] for g in order])
        starts = ranges([len(kept[g]) for g in order])
        goal = np.array([*extra, *most])
        values, options = exact_rows(
            arrays.table, rows, starts, arrays.cost, limits, arrays.reserve, self.objective, goal
        )
        values[:, :2] *= count
        back = np.empty_like(options)
        back[:, order] = options
        return values, back

    def _filtered(
        self, arrays: FusedArrays, parts: list[Ints], limits: LimitArrays, energy: float, cycles: float
    ) -> list[Ints] | None:
        """Options per group that bounds and limits leave; None when nothing is left."""
        if sum(len(p) for p in parts) <= 4 * len(parts):
            return parts
        rows = np.concatenate(parts)
        table = np.ascontiguousarray(arrays.table[rows])
        starts = ranges([len(p) for p in parts])
        alive, own = np.diff(starts), np.arange(len(rows), dtype=np.int64)
        objective = EDP if self.objective == EDP else self.objective
        slack = 1 + 1e-9
        goal = Goal(objective, 1.0, energy * slack, cycles * slack)
        best = inf if objective == EDP else (cycles if objective == LATENCY else energy) * slack
        possible, _ = filter_options(
            table, starts, np.ones(table.shape[1]), np.ones(len(parts), dtype=np.bool_), own, alive,
            np.empty(len(rows)), arrays.cost, limits, goal, best, NO_POINTS, 0, np.zeros(5, dtype=np.int64),
        )  # fmt: skip
        if not possible:
            return None
        return [np.sort(rows[own[begin : begin + n]]) for begin, n in zip(starts, alive)]

    def _levels(self, source: Source, values: Floats, memories: int, width: int) -> Floats:
        arrays = self.templates[source.template]
        above = [0, *accumulate(len(block) for block in source.order)]
        found = np.zeros((len(values), 2 + memories * width))
        found[:, :2] = values[:, :2]
        for i, r in enumerate(arrays.reserved):
            if r.stage == PERSISTENT:
                column, factor = 0, self.kind.count
            else:
                passed = r.halo >= 0 and any(d == r.halo for d, _ in source.order[r.stage][:1])
                column, factor = 1 + above[r.stage] + passed, 1
            found[:, 2 + r.memory * width + column] += factor * values[:, 2 + i]
        return found

    def _pareto(self, values: Floats) -> list[int]:
        if len(values) < 2:
            return list(range(len(values)))
        order = np.argsort(values[:, 0] + values[:, 1] + values[:, 2:].sum(axis=1), kind="stable")
        order = order[np.lexsort((values[order, 1], values[order, 0]))]
        kept = pareto_in_groups(values, np.zeros(len(values), dtype=np.int64), order)
        return [int(i) for i in order if kept[i]]

    def all_groups(self) -> Iterator[Group]:
        yield from self.groups.values()


def tile_bits(span: Span, key: Key) -> int:
    """Bits of a tensor's tile in the memory and below the loops of a key."""
    axes, bits = span
    total = bits[key[0] - 1]
    trips: dict[int, int] = {}
    for a, n in key[1]:
        trips[a] = trips.get(a, 1) * n
    for a, terms in enumerate(axes):
        total *= 1 + sum(c * (extent // trips.get(a, 1) - 1) for c, extent in terms)
    return int(total)


def every_sequence(extents: tuple[tuple[int, int], ...], limits: Limits) -> Iterator[tuple[tuple[int, int], ...]]:
    """All orders of loops over (axis, extent) within the limits, one block."""
    from tileloom.core.factors import divisors

    for trips in product(*(divisors(n) for _, n in extents)):
        block = tuple((a, n) for (a, _), n in zip(extents, trips) if n > 1)
        if len(block) <= limits.max_loops:
            for order in sequences((block,), (-1,), limits.loops_per_dim, limits.max_loops):
                yield order[0]
