"""LOMA: every order of the prime factors of the temporal loops, each operand's share of it allocated bottom-up.

The cost of a mapping is in cost/models/zigzag; the proven optimum is in optimum.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tileloom.cost.kernels.zigzag_program import Ints, Program, compile_program
from tileloom.cost.kernels.zigzag_work import make_work
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.result import ZigzagCost
from tileloom.cost.models.zigzag.spatial import Levels, by_level, place, temporal_sizes
from tileloom.cost.models.zigzag.version import get_version
from tileloom.mapping.notation.zigzag import TemporalLoop, ZigzagMapping
from tileloom.search.zigzag.factors import limited_factors
from tileloom.search.zigzag.kernels import EDP, ENERGY, LATENCY, search_orders

Objective = Literal["energy", "latency", "edp"]
VersionName = Literal["defines", "3.9"]
DEFAULT_LIMIT = 6
OBJECTIVES = {"energy": ENERGY, "latency": LATENCY, "edp": EDP}


@dataclass(frozen=True)
class Found:
    """mapping and cost are None when nothing fits: `reason` says where.

    evaluated   orders looked at;  proven: no mapping with the same spatial part is better
    """

    mapping: ZigzagMapping | None
    cost: ZigzagCost | None
    evaluated: int
    proven: bool = False
    reason: str = ""

    @property
    def fits(self) -> bool:
        return self.cost is not None


def best_mapping(
    layer: ZigzagLayer,
    machine: ZigzagMachine,
    lpf_limit: int | None = DEFAULT_LIMIT,
    objective: Objective = "energy",
    *,
    version: VersionName = "defines",
    uneven: bool = True,
    faithful: bool = True,
) -> Found:
    """The best temporal mapping of a layer (or tile) on a machine (whole, or `machine.shrunk(tops)`).

    lpf_limit   most factors that are ordered; None: all prime factors
    faithful    the first mapping of least objective in the original's order of enumeration, and the original's model;
                otherwise the corrected model, and ties go to the smaller of the other quantity
    Layers with two activations need `machine.with_twin("I1", "I2")` and `layer.relinked({second: "I2"})`.
    Raises InputError when an operand is linked to no memory. Infeasible is a value: `Found.fits` is False.
    """
    rules = get_version(version, faithful)
    placed = place(layer, machine)
    spatial = by_level(placed, layer, machine)
    factors = limited_factors(temporal_sizes(layer, placed, rules), lpf_limit)
    program = compile_program(layer, machine, spatial, rules)
    dims = [d for d, _ in layer.loops]
    pool = sorted(factors, reverse=True)
    rank = {factor: i for i, factor in enumerate(sorted(set(pool)))}
    out_dims, out_sizes = np.zeros(len(pool) + 1, np.int64), np.ones(len(pool) + 1, np.int64)
    out_cut = np.zeros((len(layer.operands), program.room.shape[1]), np.int64)
    _, _, seen, fitting = search_orders(
        program,
        np.array([rank[f] for f in pool], np.int64),
        np.array([dims.index(d) for d, _ in pool], np.int64),
        np.array([size for _, size in pool], np.int64),
        OBJECTIVES[objective],
        faithful,
        not rules.narrow_links,
        not uneven,
        make_work(program),
        make_room(program, len(pool)),
        out_dims,
        out_sizes,
        out_cut,
    )
    if not fitting:
        return Found(None, None, seen, reason=too_small(layer, machine))
    order = [(dims[out_dims[i]], int(out_sizes[i])) for i in range(len(pool))]
    mapping = cut_order(layer, spatial, order, out_cut, program)
    return Found(mapping, evaluate(layer, machine, mapping, rules), seen)


def cut_order(
    layer: ZigzagLayer, spatial: tuple[Levels, ...], order: Sequence[TemporalLoop], cut: Ints, program: Program
) -> ZigzagMapping:
    """The mapping that an order and its cuts stand for."""
    temporal = []
    for o in range(len(layer.operands)):
        ends = [0, *(int(cut[o, m]) for m in range(program.levels[o]))]
        temporal.append(tuple(tuple(order[a:b]) for a, b in zip(ends, ends[1:])))
    return ZigzagMapping(tuple(o.name for o in layer.operands), spatial, tuple(temporal))


def make_room(program: Program, n: int) -> tuple[Ints, ...]:
    """Scratch arrays of the allocation in kernels.py."""
    count, dims = program.kind.shape
    line = (count, n + 2)
    floats = (np.ones((count, dims)), np.ones(dims), np.zeros(line), np.zeros(line))
    return (*floats, *(np.zeros(count, np.int64) for _ in range(5)))  # type: ignore[return-value]


def too_small(layer: ZigzagLayer, machine: ZigzagMachine) -> str:
    """Why nothing fits, as far as one can tell without an order: the memories and what the whole layer needs."""
    tops = {o.name: machine.top(o.memory_operand) for o in layer.operands}
    needs = [
        f"{o.name} has {o.elements(layer.sizes) * o.bits} bits, its top memory '{tops[o.name].name}' {tops[o.name].size_bits}"
        for o in layer.operands
    ]
    return f"layer '{layer.name}' fits on machine '{machine.name}' in no order of its loops: " + "; ".join(needs)
