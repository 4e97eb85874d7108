"""What stays on chip below tile loops besides the windows that keys name: strips of overlaps, weights loaded once, the
overlap of a map that comes from outside. Each way to do it is a `Variant` with its moves and the space it takes.

Which variant a layer takes is decided in halo_rows.py, where tiles are searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.cost.halo import moved_cost
from tileloom.fusion.optimal.groups import Key, Kind
from tileloom.fusion.optimal.halo_plan import HaloAxis, HaloMode, HaloSpec, Regions, TileLoop, is_halo
from tileloom.fusion.optimal.halo_tiles import Places
from tileloom.mapping.windows import Windows, axis_of, moved_strips, read_by, reservations_for
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


class Stays:
    """Variants of one kind of problem. readers: positions of tensors that one layer alone reads."""

    def __init__(self, kind: Kind, chip: Architecture, mode: HaloMode, readers: frozenset[int]) -> None:
        self.kind, self.chip, self.mode, self.readers = kind, chip, mode, readers
        self.memories = [chip.memory(n) for n in kind.backing]
        tracked = [n for n, _ in kind.tracked]
        self._tracked = [tracked.index(n) if n in tracked else -1 for n in kind.backing]
        self._variants: dict[object, tuple[Variant, ...]] = {}
        self._windows: dict[object, tuple[Windows, Windows]] = {}

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

    def variants_of(self, spec: HaloSpec) -> tuple[Variant, ...]:
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
                own = moved_cost(tensor, n * others, self.memories[source - 1], self.memories[target - 1])  # type: ignore[operator]
                energy, cycles = energy + sum(own[0]), cycles + max(own[1])
        return energy, cycles

    def _residents(self, p: int, t: Tensor) -> list[Variant]:
        """A tensor that no tile loop moves, loaded once into each memory that may have it, through those that must."""
        problem, found = self.kind.problem, []
        outermost = self.chip.memories[0]
        for m, memory in enumerate(self.memories, start=1):
            if not memory.allows(t):
                continue
            through = [k for k in range(1, m) if self.memories[k - 1].keep.has(t)]
            way = [outermost, *(self.memories[k - 1] for k in through), memory]
            elements = problem.size(t.name)
            energy = cycles = 0.0
            for source, target in pairwise(way):
                own = moved_cost(t, elements, source, target)
                energy, cycles = energy + sum(own[0]), cycles + max(own[1])
            reserved = tuple(
                (self._tracked[k - 1], 0, elements * self.memories[k - 1].bits_of(t) * self.memories[k - 1].buffers)
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
        for m, memory in enumerate(self.memories, start=1):
            if not memory.allows(t) or any(x.keep.has(t) for x in self.memories[: m - 1]):
                continue
            kept = [k for k in range(1, m + 1) if self.memories[k - 1].allows(t)]
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
                        own_bits = self.memories[s - 1].bits_of(t) * self.memories[s - 1].buffers
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


def entries_of(key: Key) -> tuple[tuple[HaloAxis, TileLoop], ...]:
    """The tile loops of a key; the join takes them for (axis, trips)."""
    return key[1]  # type: ignore[return-value]
