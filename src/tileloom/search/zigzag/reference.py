"""LOMA and the optimum in plain Python: the slow twins of orders.py and optimum.py, which define what those must find.

Only for tests and small layers; nothing here is compiled or bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from math import ceil, inf, prod

from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.flow import halo_extent
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine, ZigzagMemory
from tileloom.cost.models.zigzag.result import ZigzagCost
from tileloom.cost.models.zigzag.spatial import Levels, by_level, place, temporal_sizes
from tileloom.cost.models.zigzag.version import Version
from tileloom.mapping.notation.zigzag import SpatialLoop, TemporalLoop, ZigzagMapping
from tileloom.search.zigzag.factors import limited_factors

Order = tuple[TemporalLoop, ...]


def prefix_shifts(factors: Sequence[TemporalLoop]) -> Iterator[Order]:
    """Distinct orders of a multiset by prefix shifts (Williams 2009), from the non-increasing one.

    >>> [[n for _, n in order] for order in prefix_shifts([("K", 1), ("K", 2), ("K", 2)])]
    [[2, 2, 1], [1, 2, 2], [2, 1, 2]]
    """
    order = sorted(factors, reverse=True)
    yield tuple(order)
    if len(order) < 2:
        return
    after: list[int | None] = [*range(1, len(order)), None]
    head, i, j = 0, len(order) - 2, len(order) - 1
    while after[j] is not None or order[j] < order[head]:
        beyond = after[j]
        s = j if beyond is not None and order[i] >= order[beyond] else i
        t = after[s]
        assert t is not None
        after[s], after[t] = after[t], head
        if order[t] < order[head]:
            i = t
        following = after[i]
        assert following is not None
        j, head = following, t
        node: int | None = head
        found = []
        while node is not None:
            found.append(order[node])
            node = after[node]
        yield tuple(found)


@dataclass(frozen=True)
class Loma:
    """A layer on a machine with its spatial loops placed."""

    layer: ZigzagLayer
    machine: ZigzagMachine
    version: Version

    @property
    def spatial(self) -> tuple[Levels, ...]:
        return by_level(place(self.layer, self.machine), self.layer, self.machine)

    def factors(self, limit: int | None) -> Order:
        return limited_factors(temporal_sizes(self.layer, place(self.layer, self.machine), self.version), limit)

    def mapping(self, order: Order, cuts: Sequence[Sequence[int]]) -> ZigzagMapping:
        temporal = tuple(tuple(order[a:b] for a, b in zip((0, *ends), ends)) for ends in (tuple(c) for c in cuts))
        return ZigzagMapping(tuple(o.name for o in self.layer.operands), self.spatial, temporal)

    def size(self, o: int, m: int, order: Order, start: int, end: int) -> float:
        """Bits of operand o in memory m with the first `end` loops; `start` of them lie below."""
        operand, version = self.layer.operands[o], self.version
        sizes: dict[str, float] = {}
        loops: list[SpatialLoop] = [loop for level in self.spatial[o][: m + 1] for loop in level]
        for dim, size in (*loops, *order[:end]):
            sizes[dim] = sizes.get(dim, 1) * size
        if version.whole_footprints:
            sizes = {d: ceil(n) for d, n in sizes.items()}
        elements: float = prod(sizes.get(d, 1) for d in operand.relevant)
        for halo in operand.halos:
            elements *= halo_extent(halo, sizes.get(halo.first, 1), sizes.get(halo.second, 1), version)
        waiting = [d for d, _ in order[start:]]
        if version.early_sums:
            waiting += [d for level in self.spatial[o][m + 1 :] for d, n in level if n > 1]
        partial = operand.is_output and any(d in operand.irrelevant for d in waiting)
        return elements * (operand.partial_bits if partial else operand.bits)

    def allocate(self, order: Order, even: bool = False) -> list[list[int]] | None:
        """Ends of every memory level in the order, by LOMA's rule; None where it does not fit."""
        cuts: list[list[int]] = [[] for _ in self.layer.operands]
        links = [operand.memory_operand for operand in self.layer.operands]
        for memory in self.machine.memories:
            held = [links.index(o) for o in memory.operands if o in links]
            choice = self._choose(memory, held, cuts, order, even) if held else []
            if choice is None:
                return None
            for o, end in zip(held, choice):
                cuts[o].append(end)
                if self.machine.top(links[o]) is memory and end < len(order):
                    return None
        return cuts

    def _choose(
        self, memory: ZigzagMemory, held: list[int], cuts: list[list[int]], order: Order, even: bool
    ) -> list[int] | None:
        starts = [cuts[o][-1] if cuts[o] else 0 for o in held]
        options = []
        for o, start in zip(held, starts):
            top = self.machine.top(self.layer.operands[o].memory_operand) is memory
            fitting = []
            for end in range(start, len(order) + 1):
                size = self.size(o, len(cuts[o]), order, start, end)
                if size > memory.size_bits:
                    break
                fitting.append((end, size, 0.0 if top else prod(n for _, n in order[end:]) * size))
            if not fitting:
                return None
            options.append(fitting[-1:] if top else fitting)
        best, found = inf, None
        for combination in product(*options):
            if sum(size for _, size, _ in combination) > memory.size_bits:
                continue
            if even and len({end for end, _, _ in combination}) > 1:
                continue
            fetched = sum(moved for _, _, moved in combination)
            if fetched <= best:
                best, found = fetched, [end for end, _, _ in combination]
        return found or (starts if self.version.overflow_is_allowed else None)

    def first_of_least_energy(self, limit: int | None) -> tuple[ZigzagMapping, ZigzagCost] | None:
        """What DeFiNES's mapper gives."""
        best: tuple[ZigzagMapping, ZigzagCost] | None = None
        for order in prefix_shifts(self.factors(limit)):
            cuts = self.allocate(order)
            if cuts is None:
                continue
            mapping = self.mapping(order, cuts)
            cost = evaluate(self.layer, self.machine, mapping, self.version)
            if best is None or cost.energy_pj < best[1].energy_pj:
                best = mapping, cost
        return best

    def least_energy(self) -> float:
        """The least energy of all orders of primes and all allocations that fit, by trying every one."""
        return self.least()["energy"]

    def least(self) -> dict[str, float]:
        """The least energy, latency and product of both, each by itself, by trying every order and allocation that fits."""
        best = {"energy": inf, "latency": inf, "edp": inf}
        for order in set(permutations(self.factors(None))):
            ends = range(len(order) + 1)
            depths = [len(self.machine.levels(o.memory_operand)) - 1 for o in self.layer.operands]
            choices = [[c for c in product(ends, repeat=d) if list(c) == sorted(c)] for d in depths]
            for inner in product(*choices):
                cuts = [(*c, len(order)) for c in inner]
                if self.fits(order, cuts):
                    mapping = self.mapping(order, cuts)
                    cost = evaluate(self.layer, self.machine, mapping, self.version)
                    found = {"energy": cost.energy_pj, "latency": float(cost.cycles), "edp": cost.edp}
                    best = {objective: min(best[objective], found[objective]) for objective in best}
        return best

    def fits(self, order: Order, cuts: Sequence[Sequence[int]]) -> bool:
        used: dict[str, float] = {}
        for o, operand in enumerate(self.layer.operands):
            for m, memory in enumerate(self.machine.levels(operand.memory_operand)):
                start = cuts[o][m - 1] if m else 0
                used[memory.name] = used.get(memory.name, 0) + self.size(o, m, order, start, cuts[o][m])
        return all(used[m.name] <= m.size_bits for m in self.machine.memories if m.name in used)
