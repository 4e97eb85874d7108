"""Groups below tile loops: a layer's cost is the sum over its kinds of tiles, of which each has its own best mapping.

A group also chooses what stays over all tiles (halo_stays.py). A row of a group takes one row of every kind of tile;
bits of own copies are those of the largest. Bounds come first, cheaply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, prod

import numpy as np

from tileloom.fusion.optimal.exact import undominated
from tileloom.fusion.optimal.groups import Front, Group, Key, Source
from tileloom.fusion.optimal.halo_plan import HaloMode, HaloSpec, is_halo
from tileloom.fusion.optimal.halo_stays import Stays, Variant
from tileloom.fusion.optimal.halo_tiles import Places, Sizes, TileSearch
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.arrays import Floats, Ints
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY


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
        self.rows, self.kind, self.objective = rows, rows.kind, rows.objective
        self.search = TileSearch(rows, frozenset(dim for s in specs for _, dim, _ in s.state), crossed)
        self.chip = self.search.chip
        self.stays = Stays(self.kind, self.chip, mode, readers)
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
            variants = tuple(v for v in self.stays.variants_of(spec) if _fits(v, room))
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
                for m, _, bits in self.stays.strips_of(p, key):
                    if m >= 0:
                        room[m] -= bits
        return room

    def size(self, position: int, key: Key) -> int:
        """Bits of a shared tensor's window that no strip in the same memory holds."""
        return self.stays.size(position, key)

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
        variants = self.stays.variants_of(group.spec)
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
        return any(m.keep.has(t) for m in self.stays.memories)

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


def _fits(v: Variant, room: Sequence[int]) -> bool:
    return all(r >= 0 for r in _left(room, v))


def _left(room: Sequence[int], v: Variant) -> tuple[int, ...]:
    left = list(room)
    for m, _, bits in v.reserved:
        left[m] -= bits
    return tuple(left)
