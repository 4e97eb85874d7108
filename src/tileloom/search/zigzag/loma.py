"""LOMA: every order of the prime factors of the temporal loops, each operand's share of it allocated bottom-up.

The cost of a mapping is in cost/models/zigzag; the proven optimum is in optimum.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf, prod
from typing import Any, Literal

import numpy as np

from tileloom.core.errors import InputError
from tileloom.cost.kernels.zigzag_program import MAX_LEVELS, MAX_OPERANDS, Ints, compile_program
from tileloom.cost.kernels.zigzag_work import make_work
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.result import ZigzagCost
from tileloom.cost.models.zigzag.spatial import Levels, by_level, place, temporal_sizes
from tileloom.cost.models.zigzag.version import Version, get_version
from tileloom.mapping.notation.zigzag import TemporalLoop, ZigzagMapping
from tileloom.search.zigzag.factors import limited_factors
from tileloom.search.zigzag.fastest import fastest_chain
from tileloom.search.zigzag.optimum import NODE_LIMIT, cheapest_chain, joined
from tileloom.search.zigzag.orders import EDP, ENERGY, LATENCY, search_orders
from tileloom.workload.frontends.zigzag_layer import filled_order

Objective = Literal["energy", "latency", "edp"]
VersionName = Literal["defines", "3.9"]
DEFAULT_LIMIT = 6
OTHER_LIMITS = (4, 5, 7)
NEST_LIMIT = 50_000
EQUAL = 1e-9
"""Relative difference of sums in another order."""
OBJECTIVES = {"energy": ENERGY, "latency": LATENCY, "edp": EDP}


@dataclass(frozen=True)
class Found:
    """mapping and cost are None when nothing fits: `reason` says where.

    evaluated   orders looked at;  proven: no mapping with the same spatial part is better
    bound       no mapping with the same spatial part has a smaller objective; 0 when nothing is known
    """

    mapping: ZigzagMapping | None
    cost: ZigzagCost | None
    evaluated: int
    proven: bool = False
    reason: str = ""
    bound: float = 0.0

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

    lpf_limit   most factors that are ordered; None: the optimum over all orders of primes and all allocations;
                `Found.proven` says whether the proof came to its end, `Found.bound` how much better a mapping could be
    faithful    the first mapping of least objective in the original's order of enumeration, and the original's model;
                otherwise the corrected model, and ties go to the smaller of the other quantity
    Layers with two activations need `machine.with_twin("I1", "I2")` and `layer.relinked({second: "I2"})`.
    Raises InputError when an operand is linked to no memory, for an unknown objective and for a limit below 1.
    Infeasible is a value: `Found.fits` is False.
    """
    if objective not in OBJECTIVES:
        raise InputError(f"objective is '{objective}'; expected one of: {', '.join(OBJECTIVES)}")
    if lpf_limit is not None and lpf_limit < 1:
        raise InputError(f"lpf_limit is {lpf_limit}; expected at least 1, or None for the optimum")
    rules = get_version(version, faithful)
    placed = place(layer, machine)
    task = Task(layer, machine, by_level(placed, layer, machine), temporal_sizes(layer, placed, rules), rules)
    program = compile_program(layer, machine, task.spatial, rules)
    found = ordered(task, program, lpf_limit or DEFAULT_LIMIT, objective, uneven, faithful)
    if lpf_limit is not None or layer.order:
        return found
    if objective == "energy":
        return _proven(task, program, found)
    return _bounded(task, program, objective, faithful, found)


@dataclass(frozen=True)
class Task:
    """A layer with its spatial loops placed; sizes: what time has to cover."""

    layer: ZigzagLayer
    machine: ZigzagMachine
    spatial: tuple[Levels, ...]
    sizes: dict[str, int]
    rules: Version


def ordered(task: Task, program: Any, limit: int, objective: Objective, uneven: bool, faithful: bool) -> Found:
    """LOMA itself: every order of at most `limit` factors."""
    layer = task.layer
    dims = [d for d, _ in layer.loops]
    # Factors of one rank have a single order: the one given.
    pool = _fixed(task) or sorted(limited_factors(task.sizes, limit), reverse=True)
    rank = dict.fromkeys(pool, 0) if layer.order else {f: i for i, f in enumerate(sorted(set(pool)))}
    out_dims, out_sizes = np.zeros(len(pool) + 1, np.int64), np.ones(len(pool) + 1, np.int64)
    out_cut = np.zeros((MAX_OPERANDS, MAX_LEVELS), np.int64)
    _, _, seen, fitting = search_orders(
        program,
        np.array([rank[f] for f in pool], np.int64),
        np.array([dims.index(d) for d, _ in pool], np.int64),
        np.array([size for _, size in pool], np.int64),
        OBJECTIVES[objective],
        faithful,
        not task.rules.narrow_links,
        not uneven,
        make_work(),
        out_dims,
        out_sizes,
        out_cut,
    )
    if not fitting:
        return Found(None, None, seen, reason=too_small(layer, task.machine))
    order = [(dims[out_dims[i]], int(out_sizes[i])) for i in range(len(pool))]
    mapping = cut_order(layer, task.spatial, order, out_cut)
    return Found(mapping, evaluate(layer, task.machine, mapping, task.rules), seen)


def best_nest(layer: ZigzagLayer, machine: ZigzagMachine, rings: Sequence[Sequence[int]], rules: Version) -> Found:
    """The mapping of least energy among those that are loop nests; `rings` as in `cheapest_chain`."""
    placed = place(layer, machine)
    task = Task(layer, machine, by_level(placed, layer, machine), temporal_sizes(layer, placed, rules), rules)
    program = compile_program(layer, machine, task.spatial, rules)
    return _proven(task, program, Found(None, None, 0, reason=too_small(layer, machine)), rings, NEST_LIMIT)


def _bounded(task: Task, program: Any, objective: Objective, faithful: bool, found: Found) -> Found:
    """For latency and EDP: the optimum over all orders and allocations, or the best found with a bound for all of them.

    Layers with too many contents get the simple bound: cycles are at least the product of the temporal loops, energy at
    least its optimum.
    """
    cheap = _proven(task, program, ordered(task, program, DEFAULT_LIMIT, "energy", True, faithful))
    # More factors are no superset: the allocation is greedy, so fewer factors can end better.
    others = [ordered(task, program, limit, objective, True, faithful) for limit in OTHER_LIMITS]
    tried = [f for f in (found, *others, cheap) if f.cost is not None]
    best = min(tried, key=lambda f: objective_of(f.cost, objective), default=found)
    seen = sum(f.evaluated for f in (found, *others, cheap))
    known = objective_of(best.cost, objective)
    chain = fastest_chain(task.layer, program, task.sizes, known, objective == "edp", task.rules)
    if chain is None:
        floor = prod(task.sizes.values()) * (cheap.bound if objective == "edp" else 1.0)
        proven = best.fits and known <= floor * (1 + EQUAL)
        return replace(best, evaluated=seen, proven=proven, bound=floor if best.fits else 0.0)
    if chain.order is not None and chain.cut is not None:
        mapping = cut_order(task.layer, task.spatial, *joined(chain.order, chain.cut))
        best = Found(mapping, evaluate(task.layer, task.machine, mapping, task.rules), 0)
    reached = objective_of(best.cost, objective)
    proven = reached <= chain.bound * (1 + EQUAL) if best.fits else chain.bound == inf
    bound = min(reached, chain.bound) if best.fits else 0.0
    return replace(best, evaluated=seen + chain.seen, proven=proven, bound=bound)


def objective_of(cost: ZigzagCost | None, objective: Objective) -> float:
    """pJ, cycles or their product; infinite where nothing fits."""
    if cost is None:
        return inf
    return {"energy": cost.energy_pj, "latency": float(cost.cycles), "edp": cost.edp}[objective]


def _fixed(task: Task) -> list[TemporalLoop]:
    """The layer's own order of loops, checked. InputError when it does not cover what time has to cover."""
    try:
        order = [(d, size) for d, size in filled_order(task.layer.order or (), task.sizes) if size > 1]
    except InputError as error:
        raise InputError([f"layer '{task.layer.name}': temporal_ordering: {p}" for p in error.problems]) from None
    covered: dict[str, int] = {}
    for dim, size in order:
        covered[dim] = covered.get(dim, 1) * size
    if order and covered != task.sizes:
        raise InputError(
            f"layer '{task.layer.name}': temporal_ordering covers {covered}, but the loops left for time are {task.sizes}"
        )
    return order


def _proven(
    task: Task, program: Any, known: Found, rings: Sequence[Sequence[int]] | None = None, limit: int = NODE_LIMIT
) -> Found:
    """The optimum, starting from what LOMA found."""
    best = known.cost.energy_pj if known.cost else inf
    chain = cheapest_chain(task.layer, program, task.sizes, best, task.rules, rings, limit)
    seen = known.evaluated + chain.nodes
    if chain.order is None or chain.cut is None:
        return replace(known, evaluated=seen, proven=chain.proven, bound=best if chain.proven and known.cost else 0.0)
    order, cut = joined(chain.order, chain.cut)
    mapping = cut_order(task.layer, task.spatial, order, cut)
    cost = evaluate(task.layer, task.machine, mapping, task.rules)
    if cost.energy_pj > best:
        return replace(known, evaluated=seen)
    proven = chain.proven and cost.energy_pj <= chain.energy_pj * (1 + 1e-9)
    return Found(mapping, cost, seen, proven, bound=min(cost.energy_pj, chain.energy_pj) if chain.proven else 0.0)


def cut_order(
    layer: ZigzagLayer, spatial: tuple[Levels, ...], order: Sequence[TemporalLoop], cut: Ints
) -> ZigzagMapping:
    """The mapping that an order and its cuts stand for."""
    temporal = []
    for o, levels in enumerate(spatial):
        ends = [0, *(int(cut[o, m]) for m in range(len(levels) - 1))]
        temporal.append(tuple(tuple(order[a:b]) for a, b in pairwise(ends)))
    return ZigzagMapping(tuple(o.name for o in layer.operands), spatial, tuple(temporal))


def too_small(layer: ZigzagLayer, machine: ZigzagMachine) -> str:
    """Why nothing fits, as far as one can tell without an order: the memories and what the whole layer needs."""
    tops = {o.name: machine.top(o.memory_operand) for o in layer.operands}
    needs = [
        f"{o.name} has {o.elements(layer.sizes) * o.bits} bits, its top memory '{tops[o.name].name}' {tops[o.name].size_bits}"
        for o in layer.operands
    ]
    named = f"layer '{layer.name}'" if layer.name else "the layer"
    return f"{named} fits on machine '{machine.name}' in no order of its loops: " + "; ".join(needs)
