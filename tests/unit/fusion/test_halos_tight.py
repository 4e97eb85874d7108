"""Overlapping tiles in memories that are just large enough: against a list of every schedule of two small convolutions.

The list knows each mapping's own space; reservations are written down here by the definitions, not taken from the search.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from math import inf

import pytest
from tests.unit.fusion.test_halos import conv1d

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.cost.halo import moved_cost
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.fusion.optimal.graph import FusedLayer
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.halo_plan import HaloOptions
from tileloom.fusion.optimal.halo_tiles import backed_chip, resized
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.fusion.optimal.reference import _chains
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.windows import Windows, cut, read_by
from tileloom.workload.problem import Problem

SIZE = 6
FIRST, LAST = conv1d("A", "X", "T", SIZE + 2), conv1d("B", "T", "Y", SIZE)
BUDGETS = 6


def chip(bits: int, dram: float, buffer: float) -> Architecture:
    slow, fast = Port(energy_pj=dram, width_bits=8), Port(energy_pj=buffer, width_bits=8)
    return Architecture(
        "two levels",
        (
            Memory(name="DRAM", capacity_bits=None, read=slow, write=slow),
            Memory(name="Buffer", capacity_bits=bits, read=fast, write=fast),
            Compute(name="MAC", energy_pj=1.0),
        ),
    )


@cache
def mappings(problem: Problem, dram: float, buffer: float, inside: frozenset[str]) -> tuple[tuple[float, int], ...]:
    """(least energy, bits of own copies) of all mappings of a tile."""
    own = backed_chip(
        chip(1 << 20, dram, buffer), problem, {p: "Buffer" for p, t in enumerate(problem.tensors) if t.name in inside}
    )
    best: dict[int, float] = {}
    for nodes in _chains(FusedLayer(problem, {inside: own}), own, inside):
        cost = LoopnestModel().evaluate(problem, own, MappingTree(nodes))
        bits = sum(o.bits for o in cost.occupancy if o.memory == "Buffer" and o.tensor not in inside)
        best[bits] = min(best.get(bits, inf), cost.energy_pj)
    return tuple((e, b) for b, e in best.items())


def least(problem: Problem, dram: float, buffer: float, inside: frozenset[str], bits: int, room: int) -> float:
    """The best within the whole, a half, ... of the buffer that fits in `room`; of equals the smallest."""
    listed = mappings(problem, dram, buffer, inside)
    budgets = [min((o for o in listed if o[1] <= bits >> k), default=None) for k in range(BUDGETS)]
    return min((o[0] for o in budgets if o and o[1] <= room), default=inf)


def best_of_all(bits: int, tiles: tuple[int, ...], dram: float, buffer: float) -> float:
    outside, inside = chip(bits, dram, buffer).memories
    best = inf
    flags = (False, True)
    for tile, keep, stays_a, stays_b, slides in product(tiles, flags, flags, flags, flags):
        regions = {"B": cut(SIZE, tile)}
        between = Windows(read_by(LAST, LAST.tensor("T"), 0, "p", regions["B"], SIZE + 2), keep)
        regions["A"] = between.new
        source = Windows(read_by(FIRST, FIRST.tensor("X"), 0, "p", regions["A"], SIZE + 4), True)
        if slides and not source.strip:
            continue
        loads = [("WA", FIRST, 3)] * stays_a + [("WB", LAST, 3)] * stays_b
        loads += [("X", FIRST, sum(b - a for a, b in source.new))] * slides
        energy = sum(sum(moved_cost(p.tensor(t), n, outside, inside)[0]) for t, p, n in loads)
        held = between.largest + 3 * (stays_a + stays_b)
        rooms = {"A": held + slides * source.largest, "B": held + slides * source.strip}
        for problem in (FIRST, LAST):
            names = {"T"} | {t for t, p, _ in loads if p is problem}
            room = bits - 8 * rooms[problem.name]
            for a, b in regions[problem.name]:
                if b > a:
                    own = resized(problem, ((0, b - a),))
                    energy += least(own, dram, buffer, frozenset(names), bits, room) if room >= 0 else inf
        best = min(best, energy)
    return best


def solve(bits: int, tiles: tuple[int, ...], dram: float, buffer: float) -> FusedResult:
    graph = graph_of_problems("chain", [FIRST, LAST], chip(bits, dram, buffer))
    return fused_optimal(graph, "energy", halo=HaloOptions("any", tiles, tiles, one_stack=True), max_fused_loops=1)


@pytest.mark.parametrize(
    ("bits", "tiles", "dram", "buffer"),
    [
        (72, (2,), 20.0, 1.0),
        (80, (2,), 20.0, 1.0),
        (96, (2,), 20.0, 1.0),
        (88, (1, 3), 20.0, 1.0),
        # The buffer costs nearly as much as what is outside, so some tensors are best read past it.
        (40, (1, 3), 20.0, 15.0),
        (104, (2,), 20.0, 15.0),
        (48, (1, 3), 3.0, 2.0),
    ],
)
def test_the_best_of_all_schedules_in_a_memory_just_large_enough(
    bits: int, tiles: tuple[int, ...], dram: float, buffer: float
) -> None:
    found = solve(bits, tiles, dram, buffer)
    assert found.status == "optimal" and found.cost is not None
    assert found.value == pytest.approx(best_of_all(bits, tiles, dram, buffer), rel=1e-9)
    assert found.cost.peak_bits("Buffer") <= bits


def test_layers_that_fit_alone_but_not_together_are_infeasible() -> None:
    """Windows, strips and tiles fit in no combination: an answer with its reason, not an error."""
    found = solve(24, (2,), 20.0, 1.0)
    assert best_of_all(24, (2,), 20.0, 1.0) == inf
    assert found.status == "infeasible" and found.reasons
