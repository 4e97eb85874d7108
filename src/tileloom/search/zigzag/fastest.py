"""The mapping of least latency or energy-delay product over all orders of primes and all allocations, with a bound.

The search is in fastest_kernels.py, its bounds in cycle_kernels.py; the mapping of least energy is in optimum.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tileloom.cost.kernels.zigzag_program import IRRELEVANT, MAX_DIMS, MAX_LEVELS, MAX_OPERANDS, Ints
from tileloom.cost.kernels.zigzag_work import make_work
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.version import Version
from tileloom.mapping.notation.zigzag import TemporalLoop
from tileloom.search.zigzag.cycle_kernels import cut_facts, mac_facts, slot_ports
from tileloom.search.zigzag.fastest_kernels import fastest
from tileloom.search.zigzag.optimum import list_contents, list_cuts
from tileloom.search.zigzag.optimum_kernels import content_elements, content_footprint, inner_energy, price_cuts

MAX_TABLE = 1_500_000
"""Most contents times cuts: what the search keeps in tables."""
WORK_LIMIT = 20_000_000


@dataclass(frozen=True)
class Fastest:
    """order with the place of every cut [operand][memory]; None: nothing better than what was known.

    value   cycles, or pJ times cycles;  bound: no mapping is below;  seen: bounds and orders worked out
    """

    order: tuple[TemporalLoop, ...] | None
    cut: Ints | None
    value: float
    bound: float
    seen: int


def fastest_chain(
    layer: ZigzagLayer,
    program: Any,
    sizes: dict[str, int],
    known: float,
    edp: bool,
    version: Version,
    limit: int = WORK_LIMIT,
) -> Fastest | None:
    """The order and cuts of least cycles (edp: times energy) below `known` (infinite: any). None: too large to look at."""
    contents = list_contents(layer, program, sizes)
    if contents is None:
        return None
    cut_o, cut_m, place = list_cuts(program, version)
    if len(cut_o) * len(contents.cycles) > MAX_TABLE:
        return None
    work, total = make_work(), int(contents.cycles[-1])
    price = np.zeros((len(cut_o), len(contents.cycles)))
    foot = np.zeros_like(price)
    price_cuts(program, contents.values, contents.cycles, contents.done, cut_o, cut_m, work, price, foot)
    full, top_bits = np.zeros(MAX_OPERANDS), np.zeros(MAX_OPERANDS)
    for o in range(int(program["operands"])):
        top = int(program["levels"][o]) - 1
        full[o] = content_footprint(program, o, top, contents.values[-1], work)
        partial = o == 0 and program["sums_above"][0, 0, top + 2]
        bits = program["partial_bits"][o] if partial else program["bits"][o]
        top_bits[o] = content_elements(program, o, top, 0, contents.values[-1], work) * bits
    sums = any(program["kind"][0, d] == IRRELEVANT for d in range(MAX_DIMS) if contents.values[-1, d] > 1)
    start = float(program["mac_pj"]) + sum(
        inner_energy(program, o, total, sums)
        for o in range(int(program["operands"]))
        if not (version.stationary_reads and o)
    )
    port = slot_ports(program, cut_o, cut_m)
    facts, real, room = cut_facts(
        program, contents.values, contents.cycles, contents.done, cut_o, cut_m, port, price, work
    )
    mac = mac_facts(program, cut_o, cut_m, total, sums)
    length = int(contents.exponents[-1].sum()) + 1
    dims, primes = np.full(length, -1, np.int64), np.ones(length, np.int64)
    cut = np.zeros((MAX_OPERANDS, MAX_LEVELS), np.int64)
    value, bound, seen, n = fastest(
        program, edp, cut_o, cut_m, place, port, contents.values, contents.packed, contents.guard, contents.cycles,
        contents.done, contents.exponents, contents.slot_dim, contents.slot_prime, foot, full, facts, real, room, top_bits,
        mac, sums, start, known, limit, work, dims, primes, cut,
    )  # fmt: skip
    if not value < known:
        return Fastest(None, None, float(value), float(bound), int(seen))
    names = [d for d, _ in layer.loops]
    order = tuple((names[dims[i]], int(primes[i])) for i in range(int(n)))
    return Fastest(order, cut, float(value), float(bound), int(seen))
