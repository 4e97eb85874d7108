"""Costs below tile loops: every kind of tile times how often it runs, and what is loaded beside them.

Loads and tiles follow one another in time, as in DeFiNES. Which tiles and loads there are is read in mapping/halo.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.architecture.model import Architecture, Memory
from tileloom.cost.base import Cost, Traffic
from tileloom.mapping.halo import Load
from tileloom.workload.problem import Problem, Tensor


def summed(parts: Sequence[tuple[Cost, int]]) -> Cost:
    """One cost for several runs after one another: (cost of a run, how often)."""
    traffic: dict[tuple[str, str, str], list[float]] = {}
    busy: dict[str, float] = {}
    leakage: dict[str, float] = {}
    for cost, times in parts:
        for t in cost.traffic:
            row = traffic.setdefault((t.component, t.tensor, t.action), [0.0, 0.0, 0.0])
            row[0] += t.accesses * times
            row[1] += t.accesses_per_instance * times
            row[2] += t.energy_pj * times
        for name, cycles in cost.cycles_by_component:
            busy[name] = busy.get(name, 0.0) + cycles * times
        for name, energy in cost.leakage_pj:
            leakage[name] = leakage.get(name, 0.0) + energy * times
    total = sum(c.cycles * n for c, n in parts)
    ideal = sum(c.utilization * c.cycles * n for c, n in parts)
    return Cost(
        energy_pj=sum(row[2] for row in traffic.values()) + sum(leakage.values()),
        cycles=total,
        macs=sum(c.macs * n for c, n in parts),
        utilization=ideal / total if total else 0.0,
        traffic=tuple(
            Traffic(component=c, tensor=t, action=a, accesses=row[0], accesses_per_instance=row[1], energy_pj=row[2])  # type: ignore[arg-type]
            for (c, t, a), row in traffic.items()
        ),
        leakage_pj=tuple(leakage.items()),
        cycles_by_component=tuple(busy.items()),
    )


def load_cost(load: Load, problem: Problem, chip: Architecture) -> Cost:
    """Every element is read once from its source and written once to its target."""
    tensor = problem.tensor(load.tensor)
    energy, cycles = moved_cost(tensor, load.elements, chip.memory(load.source), chip.memory(load.target))
    rows = []
    for name, action, pj in ((load.source, "read", energy[0]), (load.target, "write", energy[1])):
        memory = chip.memory(name)
        port = memory.read if action == "read" else memory.write
        accesses = load.elements * memory.bits_of(tensor) / port.width_bits
        rows.append(
            Traffic(component=name, tensor=load.tensor, action=action, accesses=accesses,  # type: ignore[arg-type]
                    accesses_per_instance=accesses, energy_pj=pj)
        )  # fmt: skip
    return Cost(
        energy_pj=sum(r.energy_pj for r in rows),
        cycles=max(cycles),
        macs=0,
        utilization=0.0,
        traffic=tuple(rows),
        cycles_by_component=((load.source, cycles[0]), (load.target, cycles[1])),
    )


def moved_cost(
    tensor: Tensor, elements: float, source: Memory, target: Memory
) -> tuple[tuple[float, float], tuple[float, float]]:
    """((pJ read, pJ written), (cycles of the source, of the target)) of moving elements from one memory to another."""
    read = elements * source.bits_of(tensor) / source.read.width_bits
    write = elements * target.bits_of(tensor) / target.write.width_bits
    return (
        (read * source.read.energy_for(tensor), write * target.write.energy_for(tensor)),
        (read / source.read.accesses_per_cycle, write / target.write.accesses_per_cycle),
    )
