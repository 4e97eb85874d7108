"""Energy and cycles of counts that are known, for many chips of one structure at once: the arithmetic of model loopnest.

The order of operations is that of cost/models/loopnest.py, so that every number is the model's to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory, Port
from tileloom.cost.counts import Counts
from tileloom.explore.sweep.many import Many
from tileloom.workload.problem import Problem

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Priced:
    """Of one problem on every chip: float64[chips]."""

    energy_pj: Floats
    cycles: Floats


@dataclass(frozen=True)
class Row:
    """What one tensor does at a memory's port: energy and busy time on every chip."""

    memory: str
    action: str
    energy_pj: Floats
    accesses_each: Floats


def price(problem: Problem, chips: Architecture, count: int, counts: Counts, unit: Compute) -> Priced:
    """chips   of `chips.together`, for `count` designs;  unit: the compute unit that the mapping names"""
    rows: list[Row] = []
    for access in counts.accesses:
        memory = chips.memory(access.memory)
        rows += [
            _row(problem, memory, access.tensor, "read", memory.read, access.reads, access.reads_per_instance, count),
            _row(
                problem, memory, access.tensor, "write", memory.write, access.writes, access.writes_per_instance, count
            ),
        ]
    arithmetic = times(np.full(count, float(counts.macs)), unit.energy_pj, count)
    cycles = np.zeros(count)
    for memory in chips.memories:
        cycles = np.maximum(cycles, memory_cycles(memory, rows, count))
    cycles = np.maximum(cycles, counts.steps / array(unit.ops_per_cycle, count))
    energy = np.zeros(count)
    for row in rows:
        energy = energy + row.energy_pj
    energy = energy + arithmetic
    leaked = np.zeros(count)
    for node in chips.nodes:
        if not isinstance(node, Fanout):
            leaked = leaked + times(chips.instances(node) * cycles, node.leakage_pj_per_cycle, count)
    return Priced(energy + leaked, cycles)


def _row(
    problem: Problem, memory: Memory, name: str, action: str, port: Port, values: int, each: int, count: int
) -> Row:
    tensor = problem.tensor(name)
    bits, width = memory.bits_of(tensor), array(port.width_bits, count)
    return Row(memory.name, action, times(values * bits / width, port.energy_for(tensor), count), each * bits / width)


def memory_cycles(memory: Memory, rows: Sequence[Row], count: int) -> Floats:
    """Busy cycles of a memory on every chip."""
    busy = []
    for action, port in (("read", memory.read), ("write", memory.write)):
        total = np.zeros(count)
        for row in rows:
            if row.memory == memory.name and row.action == action:
                total = total + row.accesses_each
        busy.append(total / array(port.accesses_per_cycle, count))
    return busy[0] + busy[1] if memory.ports == "shared" else np.maximum(busy[0], busy[1])


def times(amount: Floats, price: float | Many, count: int) -> Floats:
    """amount * price, where nothing of an infinitely expensive thing costs nothing."""
    each = array(price, count)
    product = np.zeros(count)
    np.multiply(amount, each, out=product, where=(amount != 0) & (each != 0))
    return product


def array(value: float | Many, count: int) -> Floats:
    """float64[chips] of a field that may be the same everywhere."""
    return value.values if isinstance(value, Many) else np.full(count, float(value))
