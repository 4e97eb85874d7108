"""Energy and cycles of one layer under one mapping. This is the definition; the fast form is in cost/kernels.

Flows are in flow.py, the cycles of ports in latency.py, the versions' differences in version.py.
"""

from __future__ import annotations

from math import ceil

from tileloom.cost.models.zigzag.flow import Flow, flow, merge_down, unit_counts
from tileloom.cost.models.zigzag.latency import ORDER, Traffic, double_buffered, loading, stalls
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine, ZigzagMemory
from tileloom.cost.models.zigzag.result import Moves, ZigzagCost
from tileloom.cost.models.zigzag.spatial import Levels, whole
from tileloom.cost.models.zigzag.version import DEFINES, Version
from tileloom.mapping.notation.zigzag import ZigzagMapping


def evaluate(
    layer: ZigzagLayer,
    machine: ZigzagMachine,
    mapping: ZigzagMapping,
    version: Version = DEFINES,
    whole_spatial: tuple[Levels, ...] | None = None,
) -> ZigzagCost:
    """The cost of a mapping.

    whole_spatial   the spatial loops that latency sees, where they are not those of `mapping` made whole
    Raises ValueError for a mapping that is not one of this layer (operands that disagree on the number of MACs).
    """
    operands = layer.operands
    merged = [merge_down(o, t) for o, t in zip(operands, mapping.temporal)]
    rounded = whole_spatial or tuple(whole(s, version) for s in mapping.spatial)
    units = unit_counts(mapping.spatial, version)
    exact = tuple(flow(layer, o, s, t, n, version) for o, s, t, n in zip(operands, mapping.spatial, merged, units))
    real_units = unit_counts(rounded, version)
    actual = tuple(flow(layer, o, s, t, n, version) for o, s, t, n in zip(operands, rounded, merged, real_units))
    levels = tuple(machine.levels(o.memory_operand) for o in operands)
    words = tuple(
        tuple(accesses(f, position_link, memories, m, version) for m in range(len(memories)))
        for f, position_link, memories in zip(exact, (o.memory_operand for o in operands), levels)
    )
    energy = tuple(
        tuple(_energy(w, memory) for w, memory in zip(per_level, memories))
        for per_level, memories in zip(words, levels)
    )
    memory_pj = 0.0
    for per_level in energy:
        for e in per_level:
            memory_pj += (e.read_to_high + e.read_to_low) + (e.written_by_high + e.written_by_low)
    mac_pj = machine.mac_pj * layer.macs
    traffic = Traffic(layer, machine, actual, double_buffered(layer, machine, exact))
    cycles, stall = mapping.cycles, stalls(traffic)
    first, last = loading(traffic, version, cycles + stall)
    return ZigzagCost(
        operands=tuple(o.name for o in operands),
        memories=tuple(tuple(m.name for m in memories) for memories in levels),
        mac_pj=mac_pj,
        energy=energy,
        words=words,
        elements=tuple(f.moved for f in exact),
        energy_pj=memory_pj + mac_pj,
        ideal_cycles=ceil(layer.macs / machine.units),
        temporal_cycles=cycles,
        stall_cycles=stall,
        loading_cycles=first,
        offloading_cycles=last,
        double_buffered=traffic.buffered,
        shared_utilization=utilization(exact, levels),
    )


def accesses(f: Flow, link: str, memories: tuple[ZigzagMemory, ...], m: int, version: Version) -> Moves[float]:
    """Accesses of the full width by all instances of a memory, in each direction."""
    found = []
    for way, direction in enumerate(ORDER):
        amount, width, count = f.amount[m][way], f.width[m][way], f.count[m][way]
        port = memories[m].link(link, direction)
        if not amount or not width or port is None:
            found.append(0.0)
            continue
        steps, step = 1, float(amount)
        if version.narrow_links and way < 2 and m:
            below = memories[m - 1].link(link, "fh" if way == 0 else "th")
            other = (below.bits if below else port.bits) * f.unique[m] / f.unique[m + 1]
            step = min(other / width, port.bits / width, amount)
            steps = ceil(amount / step)
        words = ceil(step * width / port.min_bits) * (port.min_bits / port.bits) * count * steps * f.units[m + 1]
        found.append(float(int(words)) if version.whole_accesses else words)
    return Moves(*found)


def _energy(words: Moves[float], memory: ZigzagMemory) -> Moves[float]:
    return Moves(
        words.read_to_low * memory.read_pj,
        words.written_by_low * memory.write_pj,
        words.read_to_high * memory.read_pj,
        words.written_by_high * memory.write_pj,
    )


def utilization(flows: tuple[Flow, ...], levels: tuple[tuple[ZigzagMemory, ...], ...]) -> tuple[tuple[float, ...], ...]:
    """Share of each memory that is used by all operands in it."""
    used: dict[str, float] = {}
    for f, memories in zip(flows, levels):
        for m, memory in enumerate(memories):
            used[memory.name] = used.get(memory.name, 0) + f.bits[m + 1] / memory.size_bits
    return tuple(tuple(used[memory.name] for memory in memories) for memories in levels)
