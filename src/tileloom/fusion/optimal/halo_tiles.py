"""One kind of tile of a layer: the exact best mappings below the tile loops, and what any mapping costs at least.

A tile is a problem of its own, with some tensors backed in on-chip memories, so its rows come from the same search as
those of whole problems (rows.py). Equal tiles are searched once. Which tiles there are is said by halo_plan.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import inf, prod

import numpy as np

from tileloom.architecture.model import Architecture, Fanout, Memory, TensorSet
from tileloom.core.factors import divisors
from tileloom.fusion.optimal.compiled import FusedArrays, Recipe, recipe_of
from tileloom.fusion.optimal.exact import NO_OWNERS
from tileloom.fusion.optimal.groups import OUTSIDE, Group, Kind, Limits, Source
from tileloom.fusion.optimal.rows import KindRows
from tileloom.fusion.optimal.space import fused_templates, setting_for
from tileloom.mapping.utilization import may_lie_on
from tileloom.search.optimal.arrays import Floats, Goal, Ints
from tileloom.search.optimal.columns import rank_groups
from tileloom.search.optimal.compile import Layout
from tileloom.search.optimal.kernels import EDP, ENERGY, LATENCY, search
from tileloom.search.optimal.prepare import NO_POINTS, ranges
from tileloom.search.optimal.space import Setting, required_use
from tileloom.workload.problem import Dim, Problem, Tensor

Places = tuple[int, ...]
"""Per tensor 1 + index of the memory that backs it while a tile runs, 0: the outermost memory."""

Sizes = tuple[tuple[int, int], ...]
"""(dim as position, extent) of a tile, for dims under tile loops."""


BUDGETS = 6
"""A tile's mapping is the best one within the whole, a half, a quarter, ... of every memory that layers compete for."""


@dataclass(frozen=True)
class Option:
    """A mapping of one tile. bits: of its own copies in every tracked memory."""

    energy: float
    cycles: float
    bits: tuple[int, ...]
    source: Source
    rows: Ints


@dataclass
class Tile:
    """The mappings of one tile. room: bits of every tracked memory;  at: those whose space layers compete for."""

    rows: KindRows
    group: Group | None
    room: tuple[int, ...]
    at: tuple[int, ...]
    objective: int

    @cached_property
    def options(self) -> tuple[Option, ...]:
        """The best mapping for each budget; of least energy, least cycles and least product for EDP."""
        if self.group is None:
            return ()
        codes = (ENERGY, LATENCY, EDP) if self.objective == EDP else (self.objective,)
        found: dict[tuple[int, tuple[int, ...]], Option] = {}
        for code in codes:
            last: Option | None = None
            for k in range(BUDGETS):
                room = [self.room[i] >> k for i in self.at]
                if last is not None and all(last.bits[i] <= r for i, r in zip(self.at, room)):
                    continue
                last = self._best(code, room)
                if last is None:
                    break
                last = self._tightened(code, last)
                found[last.source.template, tuple(last.rows.tolist())] = last
        return tuple(found.values())

    def least(self, room: tuple[int, ...]) -> tuple[float, float]:
        """Least energy and least cycles of mappings whose own copies fit in `room`; inf when there is none."""
        fits = [o for o in self.options if all(b <= r for b, r in zip(o.bits, room))]
        return min((o.energy for o in fits), default=inf), min((o.cycles for o in fits), default=inf)

    def _tightened(self, code: int, option: Option) -> Option:
        """Of mappings as good as an option, one that no smaller space is enough for: windows may need what it leaves."""
        value = option.cycles if code == LATENCY else option.energy * (option.cycles if code == EDP else 1.0)
        for i in self.at:
            while option.bits[i]:
                room = [option.bits[j] - (j == i) for j in self.at]
                smaller = self._best(code, room, value * (1 + 1e-12))
                if smaller is None:
                    break
                option = smaller
        return option

    def _best(self, code: int, room: Sequence[int], below: float = inf) -> Option | None:
        """The best mapping within `room` of those whose objective is less than `below`."""
        assert self.group is not None
        best, chosen = below, None

        def value(s: Source) -> float:
            return s.energy if code == ENERGY else s.cycles if code == LATENCY else s.energy * s.cycles

        for source in sorted(self.group.sources, key=value):
            if value(source) >= best:
                break
            arrays = self.rows.templates[source.template]
            parts = [np.arange(arrays.classes[c], arrays.classes[c + 1]) for c in source.classes]
            flat = np.concatenate(parts)
            found, rows, *_ = search(
                np.ascontiguousarray(arrays.table[flat]), ranges([len(p) for p in parts]), arrays.cost,
                arrays.limits_with(np.array(room, dtype=np.float64)), Goal(code), best, NO_POINTS, NO_OWNERS, 0,
            )  # fmt: skip
            if found < best and (rows >= 0).all():
                best, chosen = float(found), (source, flat[rows])
        if chosen is None:
            return None
        source, rows = chosen
        return Option(*self._numbers(source, rows), source, rows)

    def _numbers(self, source: Source, rows: Ints) -> tuple[float, float, tuple[int, ...]]:
        """(pJ, cycles, bits) of one row of a template."""
        arrays = self.rows.templates[source.template]
        product_of = arrays.table[rows].prod(axis=0)
        cost = arrays.cost
        plus = cost.plus * product_of[cost.plus_at]
        minus = np.where(cost.minus_at >= 0, cost.minus * product_of[cost.minus_at], 0.0)
        terms = np.maximum(plus - minus, 0.0)
        sums = [float(terms[a:b].sum() + o) for a, b, o in zip(cost.forms, cost.forms[1:], cost.offsets)]
        cycles = max(sums[1:], default=0.0)
        energy = sums[0] + cost.leakage * cycles
        bits = [0] * len(self.room)
        for i, r in enumerate(arrays.reserved):
            a, b = arrays.reserve.forms[i], arrays.reserve.forms[i + 1]
            own = (arrays.reserve.coefficient[a:b] * product_of[arrays.reserve.at[a:b]]).sum()
            bits[self.at[r.memory]] += round(float(own))
        return energy, cycles, tuple(bits)


class TileSearch:
    """All tiles of problems of one kind."""

    def __init__(self, rows: KindRows, tiled: frozenset[int], crossed: frozenset[str]) -> None:
        """tiled: dims (positions) that some tile loop cuts;  crossed: memories in which anything stays from one layer
        or tile to the next. In the others a tile competes with nothing, so only their size counts."""
        self.parent, self.kind, self.objective = rows, rows.kind, rows.objective
        self.chip = next(iter(rows.kind.chips.values()))
        self.capacity = tuple(bits for _, bits in rows.kind.tracked)
        self.at = tuple(i for i, (name, _) in enumerate(rows.kind.tracked) if name in crossed)
        self._tiles: dict[tuple[Sizes, Places], Tile] = {}
        self._families: dict[object, Family | None] = {}
        self._innermost = tuple(_innermost(self.kind.problem, self.chip, t, tiled) for t in self.kind.problem.tensors)
        unit = self.chip.compute_for(self.kind.problem)
        assert unit is not None
        self._unit_pj = unit.energy_pj
        self._peak = self.chip.instances(unit) * unit.ops_per_cycle

    def share(self, other: TileSearch) -> None:
        """Uses the tiles that another search of the same problem has made."""
        if self.at == other.at:
            self._tiles, self._families = other._tiles, other._families

    def problem(self, sizes: Sizes) -> Problem:
        return resized(self.kind.problem, sizes)

    def tile(self, sizes: Sizes, places: Places) -> Tile:
        """The exact search of one tile; what is the same problem is made once."""
        found = self._tiles.get((sizes, places))
        if found is None:
            found = self._tiles[sizes, places] = self._make(sizes, places)
        return found

    @property
    def made(self) -> int:
        return len(self._tiles)

    def _make(self, sizes: Sizes, places: Places) -> Tile:
        kind = self._kind(sizes, places)
        keys = tuple((m, ()) if m else OUTSIDE for m in places)
        key = (places, tuple((d, n > 1) for d, n in sizes))
        if key not in self._families:
            self._families[key] = family_of(self, sizes, places)
        family = self._families[key]
        if family is None:
            rows = KindRows(kind, self.objective, Limits(0, 1))
            rows.expand(inf, (0.0, 0.0))
            return Tile(rows, rows.groups.get(keys), self.capacity, self.at, self.objective)
        rows = KindRows(kind, self.objective, Limits(0, 1), listed=False)
        rows.settings, group = [family.setting], Group(keys, (), tuple(self.capacity[i] for i in self.at))
        for arrays in family.arrays(dict(sizes)):
            found = rows.bound(arrays)
            if found is not None:
                values, classes, _ = found
                order = ((),) * arrays.fused.fused
                group.sources.append(Source(len(rows.templates), classes[0], order, *values[0].tolist()))
                rows.templates.append(arrays)
                rows.setting_of.append(0)
        return Tile(rows, group if group.sources else None, self.capacity, self.at, self.objective)

    def _kind(self, sizes: Sizes, places: Places) -> Kind:
        problem = self.problem(sizes)
        count = len(problem.tensors)
        inside = frozenset(p for p in range(count) if places[p])
        return Kind(
            problem=problem,
            chips={inside: backed_chip(self.chip, problem, {p: self.kind.backing[places[p] - 1] for p in inside})},
            shared=inside,
            persistent=frozenset(),
            axes=(frozenset(),) * count,
            spans=(((), (0,) * len(self.kind.backing)),) * count,
            tracked=tuple(self.kind.tracked[i] for i in self.at),
            roomy=self.kind.roomy,
            backing=self.kind.backing,
            count=1,
        )

    def at_least(self, totals: Mapping[int, tuple[int, int]], places: Sequence[int | None]) -> tuple[float, float]:
        """(pJ, cycles) that all tiles of a layer cost at least, without a search.

        totals   dim under a tile loop -> (sum of the extents of all tiles along it, positions of it that differ)
        places   as for `tile`; None: wherever it costs least
        Counted: operations, one access to the innermost copies for as many of them as one access can serve, and every
        value that a tile reads or writes once, to or from the memory that backs it; a tensor that no tile loop moves,
        or whose overlap may stay, once in all.
        """
        problem = self.kind.problem
        macs = prod(totals[i][0] if i in totals else d.extent for i, d in enumerate(problem.dims))
        energy = macs * self._unit_pj
        names = {problem.dims[i].name: n for i, n in totals.items()}
        for t, place, (per_operation, deepest) in zip(problem.tensors, places, self._innermost):
            ways = [place] if place is not None else [0]
            inner = macs * per_operation
            for at in ways:
                memory = self.chip.memory(self.kind.backing[at - 1]) if at else self.chip.memories[0]
                port = memory.write if t.is_output else memory.read
                elements = _touched(problem, t, names, once=not at and not t.is_output)
                outer = elements * memory.bits_of(t) / port.width_bits * port.energy_for(t)
                # Where the innermost copy may be the backing one itself, its accesses are not counted twice.
                energy += inner + outer if deepest > self.chip.memories.index(memory) else max(inner, outer)
        return energy, macs / self._peak


LOW, HIGH = 2, 4096
"""Extents between which the numbers of a recipe are read off a line."""


@dataclass(frozen=True)
class Family:
    """All tiles of one problem and one choice of places: templates once, their numbers for any extents above 1.

    corners   recipes at the extents LOW and HIGH of every dim that varies, in the order of `itertools.product`
    """

    setting: Setting
    dims: tuple[int, ...]
    names: tuple[str, ...]
    corners: tuple[tuple[Recipe, ...], ...]

    def arrays(self, sizes: Mapping[int, int]) -> Iterator[FusedArrays]:
        shares = []
        for d in self.dims:
            up = (sizes[d] - LOW) / (HIGH - LOW)
            shares.append((1.0 - up, up))
        weights = [prod(way) for way in product(*shares)]
        extents = {name: sizes[d] for d, name in zip(self.dims, self.names)}
        for recipes in zip(*self.corners):
            first = recipes[0]
            parts = []
            for group, part in zip(first.groups, first.parts):
                own = tuple(extents.get(self.setting.dims[d], n) for d, n in zip(group, part.shape.extents))
                parts.append(replace(part, shape=replace(part.shape, extents=own)))
            cost = first.cost._replace(
                plus=_mixed(weights, [r.cost.plus for r in recipes]),
                minus=_mixed(weights, [r.cost.minus for r in recipes]),
                offsets=_mixed(weights, [r.cost.offsets for r in recipes]),
            )
            limits, reserve = (
                kind[0]._replace(coefficient=_mixed(weights, [x.coefficient for x in kind]))
                for kind in ([r.limits for r in recipes], [r.reserve for r in recipes])
            )
            made = replace(first, parts=tuple(parts), cost=cost, limits=limits, reserve=reserve).arrays(1)
            if made is not None:
                yield made


def _mixed(weights: Sequence[float], values: Sequence[Floats]) -> Floats:
    """Values at the corners, mixed; whole numbers (sizes, bits) stay whole, as limits are compared exactly."""
    total: Floats = sum(w * v for w, v in zip(weights, values))  # type: ignore[assignment]
    same = np.all([v == values[0] for v in values], axis=0)
    whole = np.rint(total)
    total = np.where(np.abs(total - whole) <= 1e-9 * np.maximum(1.0, np.abs(whole)), whole, total)
    return np.where(same, values[0], total)


def family_of(search: TileSearch, sizes: Sizes, places: Places) -> Family | None:
    """None where numbers are not lines between extents: an axis asks for a least use."""
    dims = tuple(d for d, n in sizes if n > 1)
    corners, setting = [], None
    for ends in product((LOW, HIGH), repeat=len(dims)):
        kind = search._kind(tuple((d, dict(zip(dims, ends)).get(d, 1)) for d, _ in sizes), places)
        rows = KindRows(kind, search.objective, Limits(0, 1), listed=False)
        ((inside, chip),) = kind.chips.items()
        own = setting_for(kind.problem, chip)
        lower = required_use(own)
        if lower:
            return None
        layout = Layout(own, rank_groups(own))
        sharing = rows.sharing(own, inside)
        corners.append(
            tuple(
                recipe_of(layout, t, kind.shared, kind.persistent, lower, rows.terms())
                for t in fused_templates(own, sharing)
            )
        )
        setting = setting or own
    assert setting is not None
    if any(not _alike(a, b) for other in corners[1:] for a, b in zip(corners[0], other, strict=True)):
        return None
    names = tuple(search.kind.problem.dims[d].name for d in dims)
    return Family(setting, dims, names, tuple(corners))


def _alike(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes differ in numbers only."""
    same = one.fused == other.fused and one.reserved == other.reserved
    for a, b in zip(one.parts, other.parts):
        same = same and replace(a, shape=b.shape) == b
    for x, y in ((one.cost.plus_at, other.cost.plus_at), (one.cost.minus_at, other.cost.minus_at),
                 (one.limits.at, other.limits.at), (one.reserve.at, other.reserve.at)):  # fmt: skip
        same = same and np.array_equal(x, y)
    return bool(same)


def resized(problem: Problem, sizes: Sizes) -> Problem:
    extents = dict(sizes)
    return replace(problem, dims=tuple(Dim(d.name, extents.get(i, d.extent)) for i, d in enumerate(problem.dims)))


def backed_chip(chip: Architecture, problem: Problem, backing: dict[int, str]) -> Architecture:
    """The hardware where tensors begin in on-chip memories: further out they are not, there they must be."""
    names = [m.name for m in chip.memories]
    nodes = []
    for node in chip.nodes:
        if not isinstance(node, Memory) or node is chip.memories[0]:
            nodes.append(node)
            continue
        at = names.index(node.name)

        def chosen(rule: Callable[[Tensor], bool], must: bool, at: int = at) -> TensorSet:
            found = []
            for p, t in enumerate(problem.tensors):
                start = names.index(backing[p]) if p in backing else 0
                if (at == start and must and p in backing) or (at > start and rule(t)):
                    found.append(t.name)
            return TensorSet(tuple(found))

        nodes.append(replace(node, keep=chosen(node.keep.has, True), may_keep=chosen(node.may_keep.has, False)))
    return replace(chip, nodes=tuple(nodes))


def _touched(problem: Problem, tensor: Tensor, totals: Mapping[str, tuple[int, int]], *, once: bool) -> int:
    """Elements that all tiles together read or write at least; positions that a stride skips are left out.

    once   what tiles share is counted once: its overlap may stay on chip
    """
    total = 1
    for axis in tensor.axes:
        moved = [(d, c) for d, c in axis.terms if d in totals]
        if not moved:
            points = prod(problem.extents[d] for d, _ in axis.terms)
            total *= max(1, min(axis.span(problem.extents), points) - axis.pad_lo - axis.pad_hi)
            continue
        # At least one position for each of the tiled dim's, whatever the kernel adds.
        total *= max(1, totals[moved[0][0]][1 if once else 0] - axis.pad_lo - axis.pad_hi)
    return total


def _innermost(problem: Problem, chip: Architecture, t: Tensor, tiled: frozenset[int]) -> tuple[float, int]:
    """(least energy per operation of the accesses to a tensor's innermost copy, index of the deepest memory that must
    have one: 0 where none must)."""
    shared = _served_together(problem, t)
    below, ways, deepest = 1.0, [], 0
    for node in reversed(chip.nodes):
        if isinstance(node, Fanout):
            for axis in node.axes:
                extents = [problem.extents[d] for d in shared if may_lie_on(problem, axis, d)]
                cut = any(
                    problem.dims[i].name in shared and may_lie_on(problem, axis, problem.dims[i].name) for i in tiled
                )
                below *= axis.size if cut else _most(tuple(extents), axis.size)
        elif isinstance(node, Memory) and (node.allows(t) or node is chip.memories[0]):
            port = node.write if t.is_output else node.read
            ways.append(node.bits_of(t) / port.width_bits * port.energy_for(t) / below)
            if node.keep.has(t):
                deepest = chip.memories.index(node)
                break
    return min(ways, default=0.0), deepest


def _served_together(problem: Problem, t: Tensor) -> list[str]:
    """Dims along which one access to a tensor can serve several operations: those that do not move it, and of a window
    all but its largest dim (p and r of p + r: a tile of a by b positions has at least a different ones)."""
    moved: set[str] = set()
    for axis in t.axes:
        if axis.terms:
            moved.add(max(axis.terms, key=lambda x: problem.extents[x[0]])[0])
    return [d.name for d in problem.dims if d.name not in moved]


def _most(extents: tuple[int, ...], size: int) -> int:
    """Largest product of divisors of the extents that an axis holds."""
    reached = {1}
    for n in extents:
        reached |= {a * d for a in reached for d in divisors(n) if a * d <= size}
    return max(reached)
