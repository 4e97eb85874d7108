"""A layer on a machine as arrays of plain numbers, for the compiled form of ZigZag's model in zigzag_cost.py.

Everything that a temporal mapping does not change is worked out here once. Operands, dimensions and memories are numbered
in the order of the layer and the machine; operand 0 is the output.
"""

from __future__ import annotations

from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tileloom.core.errors import InputError
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


MAX_OPERANDS, MAX_DIMS, MAX_LEVELS, MAX_LOOPS, MAX_HALOS = 3, 16, 12, 16, 4
MAX_MEMORIES, MAX_PORTS, MAX_ACTIVITIES = 24, 64, 12

_O, _OL, _OM = (MAX_OPERANDS,), (MAX_OPERANDS, MAX_LEVELS + 2), (MAX_OPERANDS, MAX_LEVELS)
_WAYS = (*_OM, 4)
PROGRAM = np.dtype(
    [
        ("operands", np.int64),
        ("dims", np.int64),
        ("memories", np.int64),
        ("ports", np.int64),
        ("drain", np.int64),
        ("mac_pj", np.float64),
        ("flags", np.int64, (10,)),
        ("levels", np.int64, _O),
        ("kind", np.int64, (MAX_OPERANDS, MAX_DIMS)),
        ("halos", np.int64, _O),
        ("halo", np.int64, (MAX_OPERANDS, MAX_HALOS, 5)),
        ("loops", np.int64, _OL),
        ("loop_dim", np.int64, (*_OL, MAX_LOOPS)),
        ("loop_size", np.float64, (2, *_OL, MAX_LOOPS)),
        ("sums_above", np.int64, (2, *_OL)),
        ("bits", np.int64, _O),
        ("partial_bits", np.int64, _O),
        ("units", np.float64, _OL),
        ("unique", np.float64, _OL),
        ("boost", np.int64, (2, *_OL)),
        ("wide", np.int64, _WAYS),
        ("least", np.int64, _WAYS),
        ("below", np.float64, _WAYS),
        ("price", np.float64, _WAYS),
        ("room", np.float64, _OM),
        ("memory", np.int64, _OM),
        ("held", np.int64, (MAX_MEMORIES,)),
        ("held_by", np.int64, (MAX_MEMORIES, MAX_OPERANDS)),
        ("held_level", np.int64, (MAX_MEMORIES, MAX_OPERANDS)),
        ("capacity", np.float64, (MAX_MEMORIES,)),
        ("shared", np.int64, _WAYS),
        ("activities", np.int64, (MAX_PORTS,)),
        ("activity", np.int64, (MAX_PORTS, MAX_ACTIVITIES, 3)),
        ("port_bits", np.int64, (MAX_PORTS,)),
    ],
    align=True,
)
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
shared         [o, m, way] whether its port serves both inputs
activities     [p] how many;  activity [p, i] operand, level, way, in the order of ties;  port_bits [p]
operands, dims, memories, ports   how many there are
drain          cycles of the middle memories when the output leaves;  mac_pj of all operations

One record of fixed size: compiled code gets a pointer, where a tuple of arrays would be copied from call to call.
"""


def compile_program(layer: ZigzagLayer, machine: ZigzagMachine, spatial: tuple[Levels, ...], version: Version) -> Any:
    """A `PROGRAM` record for a layer on a machine with its spatial loops (`by_level`).

    Raises InputError for operands linked to no memory, and for more levels, dimensions or memories than a record has.
    """
    _check(layer, machine, spatial)
    program: Any = np.zeros(1, PROGRAM)[0]
    dims = [d for d, _ in layer.loops]
    program["flags"] = _flags(version)
    program["operands"], program["dims"] = len(layer.operands), len(dims)
    program["mac_pj"] = machine.mac_pj * layer.macs
    for o, operand in enumerate(layer.operands):
        chain = machine.levels(operand.memory_operand)
        program["levels"][o], program["halos"][o] = len(chain), len(operand.halos)
        program["kind"][o, : len(dims)] = [_kind(operand, d) for d in dims]
        program["bits"][o], program["partial_bits"][o] = operand.bits, operand.partial_bits
        if operand.is_output:
            program["drain"] = sum(m.latency_cycles for m in chain[1:-1])
        for h, halo in enumerate(operand.halos):
            common = gcd(halo.first_step, halo.second_step)
            cap = NO_CAP if halo.cap is None or not version.capped_halos else halo.cap
            steps = (halo.first_step // common, halo.second_step // common)
            program["halo"][o, h] = (dims.index(halo.first), dims.index(halo.second), *steps, cap)
    _fill_spatial(program, layer, dims, spatial, version)
    _fill_memories(program, layer, machine)
    return program


def _check(layer: ZigzagLayer, machine: ZigzagMachine, spatial: tuple[Levels, ...]) -> None:
    links = [o.memory_operand for o in layer.operands]
    depths = [len(machine.levels(link)) for link in links]
    found = (
        ("operands", len(links), MAX_OPERANDS),
        ("loop dimensions", len(layer.loops), MAX_DIMS),
        ("memory levels of an operand", max(depths), MAX_LEVELS),
        ("memories", len(machine.memories), MAX_MEMORIES),
        ("ports", sum(len(m.ports) for m in machine.memories), MAX_PORTS),
        ("spatial loops at one level", max(len(loops) for s in spatial for loops in s), MAX_LOOPS),
        ("halos of an operand", max(len(o.halos) for o in layer.operands), MAX_HALOS),
    )
    faults = [f"{count} {what}; at most {most} are supported" for what, count, most in found if count > most]
    if len(set(links)) < len(links):
        faults.append(f"two operands share a memory operand ({links}); give the second its own with `with_twin`")
    if faults:
        raise InputError([f"layer '{layer.name}' on machine '{machine.name}': {f}" for f in faults])


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


def _fill_spatial(
    program: Any, layer: ZigzagLayer, dims: list[str], spatial: tuple[Levels, ...], version: Version
) -> None:
    to_whole = round if version.round_boost else int
    counts = unit_counts(spatial, version)
    for variant in range(2):
        chosen = spatial if variant == 0 else tuple(whole(s, version) for s in spatial)
        for o, (operand, levels) in enumerate(zip(layer.operands, chosen)):
            across = growth(operand, levels, version)
            unique = [prod(e for e, _ in across[lv:]) for lv in range(len(levels))]
            for lv, loops in enumerate(levels):
                program["loops"][o, lv] = len(loops)
                for i, (dim, size) in enumerate(loops):
                    program["loop_dim"][o, lv, i] = dims.index(dim)
                    program["loop_size"][variant, o, lv, i] = size
                program["sums_above"][variant, o, lv] = any(
                    size > 1 and d in operand.irrelevant for above in levels[lv:] for d, size in above
                )
                if lv + 1 < len(levels):
                    program["boost"][variant, o, lv] = to_whole(unique[lv] / unique[lv + 1])
                if variant == 0:
                    program["units"][o, lv] = counts[o][lv]
                    program["unique"][o, lv] = unique[lv]


def _fill_memories(program: Any, layer: ZigzagLayer, machine: ZigzagMachine) -> None:
    operands = layer.operands
    position = {o.memory_operand: i for i, o in enumerate(operands)}
    used = [m for m in machine.memories if any(o in position for o in m.operands)]
    ports = [(m, p) for m in used for p in m.ports]
    unique = program["unique"]
    program["memories"], program["ports"] = len(used), len(ports)
    program["capacity"][: len(used)] = [m.size_bits for m in used]
    program["port_bits"][: len(ports)] = [next(k.bits for k in m.links if k.port == p) for m, p in ports]
    for o, operand in enumerate(operands):
        for m, memory in enumerate(machine.levels(operand.memory_operand)):
            program["room"][o, m] = memory.size_bits
            program["memory"][o, m] = used.index(memory)
            for way, direction in enumerate(ORDER):
                link = memory.link(operand.memory_operand, direction)
                if link is None:
                    continue
                program["wide"][o, m, way], program["least"][o, m, way] = link.bits, link.min_bits
                program["price"][o, m, way] = memory.write_pj if way % 2 else memory.read_pj
                serves = {k.operand for k in memory.links if k.port == link.port}
                program["shared"][o, m, way] = serves >= set(SHARED)
                if m and way < 2:
                    lower = machine.levels(operand.memory_operand)[m - 1]
                    other = lower.link(operand.memory_operand, "fh" if way == 0 else "th")
                    bits = other.bits if other else link.bits
                    program["below"][o, m, way] = bits * unique[o, m] / unique[o, m + 1]
    for k, memory in enumerate(used):
        for name in memory.operands:
            if name in position:
                j = program["held"][k]
                program["held_by"][k, j] = position[name]
                program["held_level"][k, j] = machine.level(name, memory.name)
                program["held"][k] += 1
    for p, (memory, name) in enumerate(ports):
        for link in memory.links:
            if link.port == name and link.operand in position:
                level = machine.level(link.operand, memory.name)
                entry = (position[link.operand], level, ORDER.index(link.direction))
                program["activity"][p, program["activities"][p]] = entry
                program["activities"][p] += 1
