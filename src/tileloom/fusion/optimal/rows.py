"""One kind of problem in a graph: bounds of what each choice of its shared tensors' places and loops costs.

Bounds of all groups come first, cheaply; the exact rows of a group (exact.py) are computed when they are asked for.
Problems of equal kind (equal but for names) share all of this.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from tileloom.fusion.optimal.compiled import FusedArrays, LoopAt, Terms, compile_fused
from tileloom.fusion.optimal.groups import OUTSIDE, Group, Key, Kind, Limits, Source, tile_bits
from tileloom.fusion.optimal.kernels import class_bounds
from tileloom.fusion.optimal.orders import Loops, sequences
from tileloom.fusion.optimal.space import Sharing, fused_templates, setting_for
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import Objective
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.columns import rank_groups
from tileloom.search.optimal.compile import Layout
from tileloom.search.optimal.kernels import EDP, LATENCY
from tileloom.search.optimal.space import Setting, required_use

if TYPE_CHECKING:
    from tileloom.fusion.optimal.halo_rows import HaloRows


class KindRows:
    """All groups of a kind, bounded; `expand` lists those below a bound, `solve` computes a group's rows."""

    def __init__(self, kind: Kind, objective: int, limits: Limits, *, listed: bool = True) -> None:
        """listed=False: templates and groups are put in by the caller."""
        self.kind, self.objective, self.limits = kind, objective, limits
        self.groups: dict[tuple[Key, ...], Group] = {}
        self.numbers: list[dict[Key, int]] = [{} for _ in kind.problem.tensors]
        self.listed: list[Group] = []
        self._key_numbers: list[list[int]] = []
        self._changed: dict[int, Group] = {}
        self._fronts: dict[int, Group] = {}
        self._costs, self._numbers = np.empty((0, 2)), np.empty((0, len(self.numbers)), dtype=np.int64)
        tracked = [n for n, _ in kind.tracked]
        self._tracked = [-1, *(tracked.index(n) if n in tracked else -1 for n in kind.backing)]
        self._orders: dict[object, list[tuple[Group, tuple[Loops, ...]]]] = {}
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
        """Leaves only groups below tile loops; none may be listed below them yet."""
        self.bounds = np.empty((0, 2))
        self._done = np.zeros(0, dtype=np.bool_)
        self.tiles_only = True
        self.groups.clear()
        self.listed.clear()
        self._key_numbers.clear()
        self._changed.clear()
        self._fronts.clear()
        self._costs, self._numbers = np.empty((0, 2)), np.empty((0, len(self.numbers)), dtype=np.int64)
        self.numbers = [{} for _ in self.kind.problem.tensors]

    def next_bound(self) -> float:
        """Least objective of a shared tiling whose groups are not listed yet; inf when all are."""
        rest = np.flatnonzero(~self._done)
        own = self.value(*self.bounds[rest[0]].tolist()) if len(rest) else inf
        return own if self.halo is None else min(own, self.halo.next_bound())

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
            found = self._orders.get(shape)
            if found is None:
                found = self._orders[shape] = self._groups_of(t, loops)
            needs = self._needs[i].tolist()
            for group, order in found:
                if any(n > r for n, r in zip(needs, group.room)):
                    continue
                group.sources.append(Source(t, classes, order, energy, cycles))
                group.beside.clear()
                if energy < group.least_energy or cycles < group.least_cycles:
                    group.refined = False
                    group.least_energy = min(group.least_energy, energy)
                    group.least_cycles = min(group.least_cycles, cycles)
                    self.touch(group)

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
        group.number = len(self.listed)
        self.listed.append(group)
        self._key_numbers.append([n.setdefault(key, len(n)) for n, key in zip(self.numbers, group.keys)])
        self.touch(group)

    def touch(self, group: Group) -> None:
        """Says that a group's bounds or rows are new."""
        if 0 <= group.number < len(self.listed) and self.listed[group.number] is group:
            self._changed[group.number] = group
            if group.front is not None:
                self._fronts[group.number] = group

    def known(self, most: float) -> tuple[Floats, Ints]:
        """(energy and cycles float64[groups, 2], key numbers int64[groups, tensors]), for schedules of at most `most`."""
        if len(self._costs) < len(self.listed):
            new = len(self.listed) - len(self._costs)
            self._costs = np.vstack((self._costs, np.full((new, 2), inf)))
            self._numbers = np.vstack((self._numbers, np.array(self._key_numbers[-new:], dtype=np.int64)))
        for group in (*self._changed.values(), *self._fronts.values()):
            group.refresh(most, self.objective)
            self._costs[group.number] = group.energy, group.cycles
        self._changed.clear()
        return self._costs, self._numbers

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

    # -- alone

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

    def within(self, energy: float, cycles: float, limit: float) -> bool:
        return self.value(energy, cycles) <= limit
