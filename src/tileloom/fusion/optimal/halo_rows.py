"""Groups below tile loops: a layer's cost is the sum over its kinds of tiles, of which each has its own best mapping.

What stays over all tiles is chosen here too: weights loaded once, the overlap of a map that comes from outside. A row
of a group takes one row of every kind of tile; bits of own copies are those of the largest. Bounds come first, cheaply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf, prod

import numpy as np

from tileloom.cost.halo import moved_cost
from tileloom.fusion.optimal.exact import undominated
from tileloom.fusion.optimal.groups import Front, Group, Key, Source
from tileloom.fusion.optimal.halo_plan import HaloAxis, HaloMode, HaloSpec, Regions, TileLoop, is_halo
from tileloom.fusion.optimal.halo_tiles import Places, Sizes, TileSearch
from tileloom.fusion.optimal.rows import KindRows
from tileloom.mapping.windows import Windows, axis_of, moved_strips, read_by, reservations_for
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY
from tileloom.workload.problem import Tensor


@dataclass(frozen=True)
class Variant:
    """What stays on chip besides what the keys say.

    places      per tensor where a tile finds it;  energy, cycles: of loads, once for the whole layer
    reserved    (tracked memory, tile loops above, bits)
    resident    (tensor, memories it is loaded through, outermost first) of what is loaded once above the tile loops
    strips      (tensor, memory of the window, per tile loop memory of the strip or 0) of maps from outside
    """

    places: Places
    energy: float
    cycles: float
    reserved: tuple[tuple[int, int, int], ...]
    resident: tuple[tuple[int, tuple[int, ...]], ...] = ()
    strips: tuple[tuple[int, int, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class TileChoice:
    """A kind of tile in a row of a group: its mapping as a row of its own search."""

    sizes: Sizes
    rows: KindRows
    source: Source
    options: Ints


@dataclass(frozen=True, slots=True)
class HaloSource:
    """Where a row of a group below tile loops comes from."""

    spec: HaloSpec
    variant: Variant
    tiles: tuple[TileChoice, ...]


@dataclass
class HaloGroup(Group):
    """A group below tile loops."""

    spec: HaloSpec | None = None
    variants: tuple[Variant, ...] = ()
    kinds: tuple[tuple[Sizes, int], ...] = ()


class HaloRows:
    """All groups of a kind below tile loops; lists, bounds and solves them for `KindRows`."""

    def __init__(
        self,
        rows: KindRows,
        specs: Sequence[HaloSpec],
        mode: HaloMode,
        readers: frozenset[int],
        crossed: frozenset[str],
    ) -> None:
        """readers: positions of tensors that one layer alone reads;  crossed: as in `TileSearch`."""
        self.rows, self.kind, self.objective, self.mode = rows, rows.kind, rows.objective, mode
        self.readers = readers
        self.search = TileSearch(rows, frozenset(dim for s in specs for _, dim, _ in s.state), crossed)
        self.chip = self.search.chip
        self._memory = [self.chip.memory(n) for n in self.kind.backing]
        tracked = [n for n, _ in self.kind.tracked]
        self._tracked = [tracked.index(n) if n in tracked else -1 for n in self.kind.backing]
        self._variants: dict[object, tuple[Variant, ...]] = {}
        self._windows: dict[object, tuple[Windows, Windows]] = {}
        self._kinds: dict[object, tuple[tuple[Sizes, int], ...]] = {}
        self._cheap: dict[object, tuple[float, float]] = {}
        self._sums: dict[object, tuple[float, float]] = {}
        self._floors: dict[object, tuple[float, float] | None] = {}
        self.pending = list({s.keys: s for s in specs}.values())
        self.bounds = np.array([self._bound(s) for s in self.pending]).reshape(-1, 2)
        self._listed = np.zeros(len(self.pending), dtype=np.bool_)

    @property
    def least(self) -> tuple[float, float]:
        if not len(self.bounds):
            return inf, inf
        return float(self.bounds[:, 0].min()), float(self.bounds[:, 1].min())

    @staticmethod
    def holds(key: Key) -> bool:
        return is_halo(key)

    def next_bound(self) -> float:
        """Least objective of a group that is not listed yet; inf when all are."""
        rest = self.bounds[~self._listed]
        if not len(rest):
            return inf
        key = rest[:, 0] * rest[:, 1] if self.objective == EDP else rest[:, 1 if self.objective == LATENCY else 0]
        return float(key.min())

    # -- listing

    def expand(self, value: float, rest: tuple[float, float]) -> None:
        """Lists groups whose bound with `rest` of the other layers is at most `value`."""
        energy, cycles = self.bounds[:, 0] + rest[0], self.bounds[:, 1] + rest[1]
        key = cycles if self.objective == LATENCY else energy * cycles if self.objective == EDP else energy
        for i in np.flatnonzero((key <= value) & ~self._listed).tolist():
            self._listed[i] = True
            spec = self.pending[i]
            room = tuple(self._room(spec))
            variants = tuple(v for v in self._variants_of(spec) if _fits(v, room))
            if min(room, default=0) < 0 or not variants:
                continue
            least = self.bounds[i].tolist()
            group = HaloGroup(
                spec.keys, tuple(loop for loop, _, _ in spec.state), room, [], least[0], least[1],  # type: ignore[misc]
                spec=spec, variants=variants, kinds=self._kinds_of(spec),
            )  # fmt: skip
            self.rows.add(group)

    def _bound(self, spec: HaloSpec) -> tuple[float, float]:
        places = tuple(k[0] for k in spec.keys)
        key = (places, tuple((dim, id(r)) for _, dim, r in spec.state))
        found = self._cheap.get(key)
        if found is None:
            totals = {
                dim: (sum(n * times for n, times in r.sizes.items()), max(b for _, b in r.parts) - r.parts[0][0])
                for _, dim, r in spec.state
            }
            found = self._cheap[key] = self.search.at_least(totals, places)
        return found

    def _kinds_of(self, spec: HaloSpec) -> tuple[tuple[Sizes, int], ...]:
        key = tuple((dim, id(regions)) for _, dim, regions in spec.state)
        found = self._kinds.get(key)
        if found is None:
            ways = [[((dim, n), times) for n, times in r.sizes.items()] for _, dim, r in spec.state]
            found = self._kinds[key] = tuple(
                (tuple(sorted(pair for pair, _ in way)), prod(times for _, times in way)) for way in product(*ways)
            )
        return found

    def _room(self, spec: HaloSpec) -> list[int]:
        """Bits that shared tiles and the strips of what is read leave in each tracked memory; the output's strips are
        part of the rows."""
        room = list(self.rows._room(spec.keys))
        for p, (t, key) in enumerate(zip(self.kind.problem.tensors, spec.keys)):
            if is_halo(key) and not t.is_output:
                for m, _, bits in self.strips_of(p, key):
                    if m >= 0:
                        room[m] -= bits
        return room

    def strips_of(self, position: int, key: Key) -> list[tuple[int, int, int]]:
        """(tracked memory or -1, tile loops above, bits) of the strips of a shared tensor."""
        axes, bits = self.kind.spans[position]
        entries = entries_of(key)
        moved = {a.axis for a, _ in entries}
        others = prod(1 + sum(c * (n - 1) for c, n in terms) for a, terms in enumerate(axes) if a not in moved)
        _, sizes = reservations_for([a.windows for a, _ in entries], [a.strip or None for a, _ in entries], key[0])  # type: ignore[misc]
        return [
            (self._tracked[a.strip - 1], j, n * others * bits[a.strip - 1])
            for j, ((a, _), n) in enumerate(zip(entries, sizes))
            if a.strip
        ]

    def size(self, position: int, key: Key) -> int:
        """Bits of a shared tensor's window that no strip in the same memory holds."""
        axes, bits = self.kind.spans[position]
        entries = entries_of(key)
        moved = {a.axis for a, _ in entries}
        others = prod(1 + sum(c * (n - 1) for c, n in terms) for a, terms in enumerate(axes) if a not in moved)
        rest, _ = reservations_for([a.windows for a, _ in entries], [a.strip or None for a, _ in entries], key[0])
        return rest * others * bits[key[0] - 1]

    # -- what stays

    def _variants_of(self, spec: HaloSpec) -> tuple[Variant, ...]:
        out = next(p for p, t in enumerate(self.kind.problem.tensors) if t.is_output)
        key = (
            tuple(k[0] if p != out else k for p, k in enumerate(spec.keys)),
            tuple((loop, dim, id(r)) for loop, dim, r in spec.state),
        )
        found = self._variants.get(key)
        if found is None:
            found = self._variants[key] = tuple(self._variants_for(spec, out))
        return found

    def _variants_for(self, spec: HaloSpec, out: int) -> list[Variant]:
        problem = self.kind.problem
        energy, cycles, reserved = self._kept_output(spec, out)
        ways: list[list[Variant]] = []
        for p, (t, key) in enumerate(zip(problem.tensors, spec.keys)):
            place = (0,) * p + (key[0],) + (0,) * (len(problem.tensors) - p - 1)
            plain = Variant(place, 0.0, 0.0, ())
            own = [plain]
            if not key[0] and not t.is_output:
                dims = [problem.dims[d].name for _, d, _ in spec.state]
                if all(axis_of(t, d) is None and d not in t.dims for d in dims):
                    own += self._residents(p, t)
                elif p in self.readers and self.mode != "recompute":
                    own += self._from_outside(p, t, spec)
            ways.append(own)
        found = []
        for parts in product(*ways):
            found.append(
                Variant(
                    tuple(max(v.places[p] for v in parts) for p in range(len(problem.tensors))),
                    energy + sum(v.energy for v in parts),
                    cycles + sum(v.cycles for v in parts),
                    (*reserved, *(r for v in parts for r in v.reserved)),
                    tuple(r for v in parts for r in v.resident),
                    tuple(s for v in parts for s in v.strips),
                )
            )
        return found

    def _kept_output(self, spec: HaloSpec, out: int) -> tuple[float, float, tuple[tuple[int, int, int], ...]]:
        """Moves of the output's strips that lie elsewhere than its windows, and the space of all its strips."""
        key = spec.keys[out]
        if not is_halo(key):
            return 0.0, 0.0, ()
        entries, tensor = entries_of(key), self.kind.problem.tensors[out]
        axes, _ = self.kind.spans[out]
        moved = {a.axis for a, _ in entries}
        others = prod(1 + sum(c * (n - 1) for c, n in terms) for a, terms in enumerate(axes) if a not in moved)
        windows = [a.windows for a, _ in entries]
        energy, cycles = self._moves(tensor, windows, [a.strip for a, _ in entries], key[0], others)
        return energy, cycles, tuple(r for r in self.strips_of(out, key) if r[0] >= 0)

    def _moves(
        self, tensor: Tensor, windows: Sequence[Windows], strips: Sequence[int], memory: int, others: int
    ) -> tuple[float, float]:
        energy = cycles = 0.0
        for at, back, saved in moved_strips(windows, [s or None for s in strips], memory):  # type: ignore[misc,list-item]
            for source, target, n in ((at, memory, back), (memory, at, saved)):
                own = moved_cost(tensor, n * others, self._memory[source - 1], self._memory[target - 1])  # type: ignore[operator]
                energy, cycles = energy + sum(own[0]), cycles + max(own[1])
        return energy, cycles

    def _residents(self, p: int, t: Tensor) -> list[Variant]:
        """A tensor that no tile loop moves, loaded once into each memory that may have it, through those that must."""
        problem, found = self.kind.problem, []
        outermost = self.chip.memories[0]
        for m, memory in enumerate(self._memory, start=1):
            if not memory.allows(t):
                continue
            through = [k for k in range(1, m) if self._memory[k - 1].keep.has(t)]
            way = [outermost, *(self._memory[k - 1] for k in through), memory]
            elements = problem.size(t.name)
            energy = cycles = 0.0
            for source, target in pairwise(way):
                own = moved_cost(t, elements, source, target)
                energy, cycles = energy + sum(own[0]), cycles + max(own[1])
            reserved = tuple(
                (self._tracked[k - 1], 0, elements * self._memory[k - 1].bits_of(t) * self._memory[k - 1].buffers)
                for k in (*through, m)
                if self._tracked[k - 1] >= 0
            )
            found.append(Variant(self._only(p, m), energy, cycles, reserved, resident=((p, (*through, m)),)))
        return found

    def _only(self, p: int, memory: int) -> Places:
        count = len(self.kind.problem.tensors)
        return (0,) * p + (memory,) + (0,) * (count - p - 1)

    def _from_outside(self, p: int, t: Tensor, spec: HaloSpec) -> list[Variant]:
        """A map from outside whose windows' overlaps stay, so that only new parts are loaded."""
        problem = self.kind.problem
        parts: list[tuple[Windows, Windows]] = []
        others, moved = 1, set()
        for _, dim, regions in spec.state:
            axis = axis_of(t, problem.dims[dim].name)
            if axis is None:
                return []
            parts.append(self._read_windows(t, axis, dim, regions))
            moved.add(axis)
        for k, x in enumerate(t.axes):
            if k not in moved:
                others *= x.span(problem.extents) - x.pad_lo - x.pad_hi
        found = []
        outermost = self.chip.memories[0]
        for m, memory in enumerate(self._memory, start=1):
            if not memory.allows(t) or any(x.keep.has(t) for x in self._memory[: m - 1]):
                continue
            kept = [k for k in range(1, m + 1) if self._memory[k - 1].allows(t)]
            ways = []
            for j, own in enumerate(parts):
                strip = own[1].strip
                may = self.mode != "horizontal" or j == len(parts) - 1
                ways.append([0, *kept] if strip and may else [0])
            for strips in product(*ways):
                if not any(strips):
                    continue
                windows = [own[s > 0] for own, s in zip(parts, strips)]
                new = prod(w.made for w in windows) * others
                load = moved_cost(t, new, outermost, memory)
                energy, cycles = self._moves(t, windows, strips, m, others)
                rest, sizes = reservations_for(windows, [s or None for s in strips], m)  # type: ignore[misc,arg-type]
                reserved = [(self._tracked[m - 1], len(parts), rest * others * memory.bits_of(t) * memory.buffers)]
                for j, (s, n) in enumerate(zip(strips, sizes)):
                    if s:
                        own_bits = self._memory[s - 1].bits_of(t) * self._memory[s - 1].buffers
                        reserved.append((self._tracked[s - 1], j, n * others * own_bits))
                found.append(
                    Variant(
                        self._only(p, m), energy + sum(load[0]), cycles + max(load[1]),
                        tuple(r for r in reserved if r[0] >= 0), strips=((p, m, strips),),
                    )
                )  # fmt: skip
        return found

    def _read_windows(self, t: Tensor, axis: int, dim: int, regions: Regions) -> tuple[Windows, Windows]:
        """What is read along an axis of a map from outside: overlaps not kept, and kept."""
        key = (t.name, axis, dim, id(regions))
        found = self._windows.get(key)
        if found is None:
            problem, a = self.kind.problem, t.axes[axis]
            size = a.span(problem.extents) - a.pad_lo - a.pad_hi
            parts = read_by(problem, t, axis, problem.dims[dim].name, regions.parts, size)
            found = self._windows[key] = (Windows(parts, False), Windows(parts, True))
        return found

    # -- exact

    def least_row(self, group: Group, passing: Sequence[int]) -> tuple[float | None, float | None] | None:
        """Least energy and cycles (None: not asked for) of rows beside tensors of `passing` bits; None for other groups."""
        if not isinstance(group, HaloGroup):
            return None
        energy = cycles = inf
        for v in sorted(group.variants, key=lambda v: v.places.count(0)):
            room = tuple(left - bits for left, bits in zip(_left(group.room, v), passing))
            floor = self._floor(group, v)
            if floor[0] >= energy * (1 + 1e-12) and floor[1] >= cycles * (1 + 1e-12):
                continue
            own = self._least_tiles(group.kinds, v.places, room)
            if self.objective != LATENCY:
                energy = min(energy, v.energy + own[0])
            if self.objective in (LATENCY, EDP):
                cycles = min(cycles, v.cycles + own[1])
        return energy if self.objective != LATENCY else None, cycles if self.objective in (LATENCY, EDP) else None

    def _least_tiles(
        self, kinds: tuple[tuple[Sizes, int], ...], places: Places, room: tuple[int, ...]
    ) -> tuple[float, float]:
        """Least energy and cycles of all tiles of a layer. `kinds` are those of `_kinds_of`: one object per state."""
        key = (id(kinds), places, room)
        found = self._sums.get(key)
        if found is None:
            own = [(self.search.tile(sizes, places).least(room), n) for sizes, n in kinds]
            found = self._sums[key] = (sum(e * n for (e, _), n in own), sum(c * n for (_, c), n in own))
        return found

    def solve(self, group: Group, limit: float, rest: tuple[float, float]) -> Front | None:
        """Pareto rows of a group whose value, with `rest` of the other layers, is at most `limit`; None for others."""
        if not isinstance(group, HaloGroup):
            return None
        memories, width = len(self.kind.tracked), 2 + len(group.loops)
        blocks = [np.empty((0, 2 + memories * width))]
        origins: list[tuple[Source | HaloSource | None, Ints]] = []
        for v in group.variants:
            own, sources = self._rows_of(group, v, limit, rest)
            found = np.zeros((len(own), 2 + memories * width))
            found[:, :2] = own[:, :2]
            if self.objective != EDP:
                found[:, 0 if self.objective == LATENCY else 1] = 0.0
            found[:, 1 + width :: width] = own[:, 2:]
            for m, level, bits in v.reserved:
                found[:, 3 + m * width + level] += bits
            blocks.append(found)
            origins.extend((s, np.empty(0, dtype=np.int64)) for s in sources)
        values = np.vstack(blocks)
        kept = undominated(values)
        group.front = Front(values[kept], [origins[i] for i in kept], limit)
        return group.front

    def _floor(self, group: HaloGroup, v: Variant) -> tuple[float, float]:
        """What a variant costs at least, from searches of others: a tensor that tiles fetch from outside is read there
        once per tile, and what is left is a mapping of the tile with that tensor on chip."""
        assert group.spec is not None
        variants = self._variants_of(group.spec)
        key = (id(group.kinds), id(variants), v.places)
        if key not in self._floors:
            self._floors[key] = self._tiles_floor(group.kinds, variants, v.places)
        found = self._floors[key]
        if found is None:
            return (0.0 if self.objective != LATENCY else inf), (0.0 if self.objective != ENERGY else inf)
        return (
            v.energy + found[0] if self.objective != LATENCY else inf,
            v.cycles + found[1] if self.objective != ENERGY else inf,
        )

    def _tiles_floor(
        self, kinds: tuple[tuple[Sizes, int], ...], variants: tuple[Variant, ...], places: Places
    ) -> tuple[float, float] | None:
        """The part of `_floor` that is the same for all groups of equal tiles; None where nothing can be said."""
        problem = self.kind.problem
        outside = [p for p, m in enumerate(places) if not m and not problem.tensors[p].is_output]
        ways = {
            w.places
            for w in variants
            if all((w.places[p] > 0) if p in outside else (w.places[p] == m) for p, m in enumerate(places))
        }
        if not outside or not ways or any(not self._must_hold(p) for p in outside):
            return None
        dram = self.chip.memories[0]
        energy = cycles = 0.0
        for sizes, n in kinds:
            least = [self.search.tile(sizes, way).least(self.search.capacity) for way in ways]
            extents = dict(sizes)
            for p in outside:
                t = problem.tensors[p]
                elements = 1
                for axis in t.axes:
                    dims = [i for i, d in enumerate(problem.dims) if any(d.name == x for x, _ in axis.terms)]
                    elements *= max((extents.get(i, problem.dims[i].extent) for i in dims), default=1)
                energy += n * elements * dram.bits_of(t) / dram.read.width_bits * dram.read.energy_for(t)
            energy += n * min(e for e, _ in least)
            cycles += n * min(c for _, c in least)
        return energy, cycles

    def _must_hold(self, p: int) -> bool:
        """Whether every mapping has a tensor in an on-chip memory that can back it. What may be read past all of them
        may cost less than a read there and one on chip."""
        t = self.kind.problem.tensors[p]
        return any(m.keep.has(t) for m in self._memory)

    def _rows_of(
        self, group: HaloGroup, v: Variant, limit: float, rest: tuple[float, float]
    ) -> tuple[Floats, list[HaloSource]]:
        """Rows (energy, cycles, own bits per memory) of one variant: one row of every kind of tile each."""
        assert group.spec is not None
        room = _left(group.room, v)
        floor = self._floor(group, v)
        if not self.rows.within(
            rest[0] + (floor[0] if floor[0] < inf else 0.0), rest[1] + (floor[1] if floor[1] < inf else 0.0), limit
        ):
            return np.empty((0, 2 + len(self.kind.tracked))), []
        tiles = [(sizes, n, self.search.tile(sizes, v.places)) for sizes, n in group.kinds]
        least = [t.least(room) for _, _, t in tiles]
        order = sorted(range(len(tiles)), key=lambda i: -tiles[i][1] * sum(least[i]))
        tiles, least = [tiles[i] for i in order], [least[i] for i in order]
        total = [rest[0] + v.energy, rest[1] + v.cycles]
        whole = [total[j] + sum(n * own[j] for (_, n, _), own in zip(tiles, least)) for j in (0, 1)]
        empty = np.empty((0, 2 + len(self.kind.tracked))), list[HaloSource]()
        if not self.rows.within(whole[0], whole[1], limit):
            return empty
        values = np.zeros((1, 2 + len(self.kind.tracked)))
        values[0, :2] = v.energy, v.cycles
        chosen: list[tuple[TileChoice, ...]] = [()]
        ahead = [sum(n * own[j] for (_, n, _), own in zip(tiles, least)) for j in (0, 1)]
        for (sizes, n, tile), own in zip(tiles, least):
            keep = [o for o in tile.options if all(b <= r for b, r in zip(o.bits, room))]
            ahead = [ahead[j] - n * own[j] for j in (0, 1)]
            sums, made = [], []
            for a, before in zip(values, chosen):
                for o in keep:
                    energy, cycles = a[0] + n * o.energy, a[1] + n * o.cycles
                    sums.append([energy, cycles, *np.maximum(a[2:], o.bits)])
                    made.append((*before, TileChoice(sizes, tile.rows, o.source, o.rows)))
            own_values = np.array(sums)
            left = np.array(
                [self.rows.within(e + rest[0] + ahead[0], c + rest[1] + ahead[1], limit * (1 + 1e-9))
                 for e, c in own_values[:, :2].tolist()]
            )  # fmt: skip
            at = np.flatnonzero(left)
            if not len(at):
                return empty
            compared = own_values[at].copy()
            if self.objective != EDP:
                compared[:, 0 if self.objective == LATENCY else 1] = 0.0
            kept = [int(at[i]) for i in undominated(compared)]
            values, chosen = own_values[kept], [made[i] for i in kept]
        return values, [HaloSource(group.spec, v, way) for way in chosen]


def entries_of(key: Key) -> tuple[tuple[HaloAxis, TileLoop], ...]:
    """The tile loops of a key; the join takes them for (axis, trips)."""
    return key[1]  # type: ignore[return-value]


def _fits(v: Variant, room: Sequence[int]) -> bool:
    return all(r >= 0 for r in _left(room, v))


def _left(room: Sequence[int], v: Variant) -> tuple[int, ...]:
    left = list(room)
    for m, _, bits in v.reserved:
        left[m] -= bits
    return tuple(left)
