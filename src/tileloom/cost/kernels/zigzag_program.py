"""A layer on a machine as arrays of plain numbers, for the compiled form of ZigZag's model in zigzag.py.

Everything that a temporal mapping does not change is worked out here once. Operands, dimensions and memories are numbered
in the order of the layer and the machine; operand 0 is the output.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileloom.cost.models.zigzag.flow import growth, unit_counts
from tileloom.cost.models.zigzag.latency import ORDER, SHARED
from tileloom.cost.models.zigzag.layer import ZigzagLayer, ZigzagOperand
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.spatial import Levels, whole
from tileloom.cost.models.zigzag.version import Version

RELEVANT, IRRELEVANT, HALO = 1, 2, 3
(
    NARROW, WHOLE_ACCESSES, STATIONARY, CAPPED, WHOLE_FOOTPRINTS, EARLY_SUMS, OVERFLOW, SPARE_TIME, OVERWRITES,
    OFFLOAD_ONE,
) = range(10)  # fmt: skip
NO_CAP = 2**62

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Program(NamedTuple):
    """o operand, l data level (0 = MAC), m memory level, d dimension, way: read low, written low, read high, written high.

    flags          of the version, by the constants above
    levels         [o] memory levels
    kind           [o, d] RELEVANT, IRRELEVANT, HALO or 0
    halos          [o] how many;  halo [o, h] first dim, second dim, reduced first step, reduced second step, cap
    loops          [o, l] how many spatial loops;  loop_dim [o, l, i];  loop_size [variant, o, l, i], exact and whole
    sums_above     [variant, o, l] whether an irrelevant spatial loop lies at data level l or above
    bits           [o] of a value;  partial_bits [o]
    units, unique  [o, l];  boost [variant, o, l]
    wide, least    [o, m, way] bits of the port and its smallest part, 0 where there is none
    below          [o, m, way < 2] width of the other end times its copies
    price          [o, m, way] pJ per access
    room           [o, m] bits of the memory;  memory [o, m] its number
    held           [k] how many operands memory k holds;  held_by [k, j];  held_level [k, j];  capacity [k]
    port           [o, m, way] number of the port or -1;  shared [o, m, way] whether it serves both inputs
    activities     [p] how many;  activity [p, i] operand, level, way, in the order of ties;  port_bits [p]
    drain          cycles of the middle memories when the output leaves;  mac_pj of all operations
    """

    flags: Ints
    levels: Ints
    kind: Ints
    halos: Ints
    halo: Ints
    loops: Ints
    loop_dim: Ints
    loop_size: Floats
    sums_above: Ints
    bits: Ints
    partial_bits: Ints
    units: Floats
    unique: Floats
    boost: Ints
    wide: Ints
    least: Ints
    below: Floats
    price: Floats
    room: Floats
    memory: Ints
    held: Ints
    held_by: Ints
    held_level: Ints
    capacity: Floats
    port: Ints
    shared: Ints
    activities: Ints
    activity: Ints
    port_bits: Ints
    drain: Ints
    mac_pj: Floats


def compile_program(
    layer: ZigzagLayer, machine: ZigzagMachine, spatial: tuple[Levels, ...], version: Version
) -> Program:
    """The program of a layer on a machine with its spatial loops (`by_level`). Raises InputError for unlinked operands."""
    dims = [d for d, _ in layer.loops]
    operands = layer.operands
    chains = [machine.levels(o.memory_operand) for o in operands]
    count, deep = len(operands), max(len(c) for c in chains)
    wide_loops = max((len(loops) for s in spatial for loops in s), default=0) or 1
    fields: dict[str, Any] = {
        "flags": _flags(version),
        "levels": np.array([len(c) for c in chains], np.int64),
        "kind": np.array([[_kind(o, d) for d in dims] for o in operands], np.int64),
        "halos": np.array([len(o.halos) for o in operands], np.int64),
        "halo": np.zeros((count, max(1, *(len(o.halos) for o in operands)), 5), np.int64),
        "bits": np.array([o.bits for o in operands], np.int64),
        "partial_bits": np.array([o.partial_bits for o in operands], np.int64),
        "drain": np.array([sum(m.latency_cycles for m in chains[0][1:-1])], np.int64),
        "mac_pj": np.array([machine.mac_pj * layer.macs]),
    }
    for position, operand in enumerate(operands):
        for index, halo in enumerate(operand.halos):
            common = int(np.gcd(halo.first_step, halo.second_step))
            cap = NO_CAP if halo.cap is None or not version.capped_halos else halo.cap
            fields["halo"][position, index] = (
                dims.index(halo.first), dims.index(halo.second),
                halo.first_step // common, halo.second_step // common, cap,
            )  # fmt: skip
    fields |= _spatial(layer, dims, spatial, version, deep, wide_loops)
    fields |= _memories(layer, machine, fields["unique"], deep)
    return Program(**fields)


def _flags(version: Version) -> Ints:
    values = (
        version.narrow_links, version.whole_accesses, version.stationary_reads, version.capped_halos,
        version.whole_footprints, version.early_sums, version.overflow_is_allowed, version.loads_in_spare_time,
        version.half_shared_overwrites, version.offload_latency_only,
    )  # fmt: skip
    return np.array(values, np.int64)


def _kind(operand: ZigzagOperand, dim: str) -> int:
    if dim in operand.relevant:
        return RELEVANT
    if any(dim in (h.first, h.second) for h in operand.halos):
        return HALO
    return IRRELEVANT if dim in operand.irrelevant else 0


def _spatial(
    layer: ZigzagLayer, dims: list[str], spatial: tuple[Levels, ...], version: Version, deep: int, wide: int
) -> dict[str, Any]:
    count = len(layer.operands)
    arrays: dict[str, Any] = {
        "loops": np.zeros((count, deep + 1), np.int64),
        "loop_dim": np.zeros((count, deep + 1, wide), np.int64),
        "loop_size": np.ones((2, count, deep + 1, wide)),
        "sums_above": np.zeros((2, count, deep + 3), np.int64),
        "units": np.ones((count, deep + 1)),
        "unique": np.ones((count, deep + 1)),
        "boost": np.ones((2, count, deep + 1), np.int64),
    }
    to_whole = round if version.round_boost else int
    counts = unit_counts(spatial, version)
    for variant in range(2):
        chosen = spatial if variant == 0 else tuple(whole(s, version) for s in spatial)
        for o, (operand, levels) in enumerate(zip(layer.operands, chosen)):
            across = growth(operand, levels, version)
            unique = [prod(e for e, _ in across[lv:]) for lv in range(len(levels))]
            for lv, loops in enumerate(levels):
                arrays["loops"][o, lv] = len(loops)
                for i, (dim, size) in enumerate(loops):
                    arrays["loop_dim"][o, lv, i] = dims.index(dim)
                    arrays["loop_size"][variant, o, lv, i] = size
                arrays["sums_above"][variant, o, lv] = any(
                    size > 1 and d in operand.irrelevant for above in levels[lv:] for d, size in above
                )
                if lv + 1 < len(levels):
                    arrays["boost"][variant, o, lv] = to_whole(unique[lv] / unique[lv + 1])
                if variant == 0:
                    arrays["units"][o, lv] = counts[o][lv]
                    arrays["unique"][o, lv] = unique[lv]
    return arrays


def _memories(layer: ZigzagLayer, machine: ZigzagMachine, unique: Floats, deep: int) -> dict[str, Any]:
    operands = layer.operands
    position = {o.memory_operand: i for i, o in enumerate(operands)}
    used = [m for m in machine.memories if any(o in position for o in m.operands)]
    ports = [(m, p) for m in used for p in m.ports]
    shape = (len(operands), deep, 4)
    arrays: dict[str, Any] = {
        "wide": np.zeros(shape, np.int64),
        "least": np.zeros(shape, np.int64),
        "below": np.zeros(shape),
        "price": np.zeros(shape),
        "room": np.ones(shape[:2]),
        "memory": np.zeros(shape[:2], np.int64),
        "held": np.zeros(len(used), np.int64),
        "held_by": np.zeros((len(used), len(operands)), np.int64),
        "held_level": np.zeros((len(used), len(operands)), np.int64),
        "capacity": np.array([float(m.size_bits) for m in used]),
        "port": np.full(shape, -1, np.int64),
        "shared": np.zeros(shape, np.int64),
        "activities": np.zeros(len(ports), np.int64),
        "activity": np.zeros((len(ports), 4 * len(operands), 3), np.int64),
        "port_bits": np.array([next(k.bits for k in m.links if k.port == p) for m, p in ports], np.int64),
    }
    for o, operand in enumerate(operands):
        for m, memory in enumerate(machine.levels(operand.memory_operand)):
            arrays["room"][o, m] = memory.size_bits
            arrays["memory"][o, m] = used.index(memory)
            for way, direction in enumerate(ORDER):
                link = memory.link(operand.memory_operand, direction)
                if link is None:
                    continue
                arrays["wide"][o, m, way], arrays["least"][o, m, way] = link.bits, link.min_bits
                arrays["price"][o, m, way] = memory.write_pj if way % 2 else memory.read_pj
                number = next(i for i, (owner, p) in enumerate(ports) if owner is memory and p == link.port)
                arrays["port"][o, m, way] = number
                serves = {k.operand for k in memory.links if k.port == link.port}
                arrays["shared"][o, m, way] = serves >= set(SHARED)
                if m and way < 2:
                    lower = machine.levels(operand.memory_operand)[m - 1]
                    other = lower.link(operand.memory_operand, "fh" if way == 0 else "th")
                    bits = other.bits if other else link.bits
                    arrays["below"][o, m, way] = bits * unique[o, m] / unique[o, m + 1]
    for k, memory in enumerate(used):
        for name in memory.operands:
            if name in position:
                j = arrays["held"][k]
                arrays["held_by"][k, j] = position[name]
                arrays["held_level"][k, j] = machine.level(name, memory.name)
                arrays["held"][k] += 1
    for p, (memory, name) in enumerate(ports):
        for link in memory.links:
            if link.port == name and link.operand in position:
                level = machine.level(link.operand, memory.name)
                entry = (position[link.operand], level, ORDER.index(link.direction))
                arrays["activity"][p, arrays["activities"][p]] = entry
                arrays["activities"][p] += 1
    return arrays
