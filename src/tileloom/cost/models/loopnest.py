"""The default cost model: literal counts over the mapping tree, perfect overlap of all transfers and compute.

Energy is accesses times energy per access plus leakage; latency is that of the busiest component. What is counted is
decided in cost/counts.py; whether the mapping fits is not asked here (mapping/legality.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory, Port
from tileloom.core.errors import InputError
from tileloom.cost.base import Cost, Occupancy, Profile, Traffic, require_chain
from tileloom.cost.counts import AccessCount, Counts, Halo, count
from tileloom.cost.reuse import require_plain
from tileloom.mapping.residency import reservations
from tileloom.mapping.tree import Compute as ComputeNode
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class LoopnestModel:
    """Literal loop-nest model.

        accesses = values * bits of a value / width of the port
        energy   = sum(accesses * energy per access) + MACs * energy + leakage per cycle * instances * cycles
        cycles   = max over memories of accesses of the busiest instance / accesses per cycle
                   (read + write time on shared ports, the longer of the two on separate ones),
                   and over compute of steps / operations per cycle
    Assumes perfect overlap: no fill, no drain, no stalls; capacity for it is `Memory.buffers`.
    halo          'sliding': of a window that overlaps the one before, only the new part is fetched
    first_read    'count': the first visit of an output element reads and writes as any later one, at every memory
    faithful_accelforge   occupancy as there, where a loop of one trip can keep a whole tile reserved
    Source: AccelForge 1.0 (the same numbers, tests/reference/accelforge).
    """

    halo: Halo = "refetch"
    first_read: Literal["skip", "count"] = "skip"
    faithful_accelforge: bool = False

    name: ClassVar[str] = "loopnest"
    profile: ClassVar[Profile] = Profile()

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        require_chain(mapping, self.name)
        require_plain(mapping, self.name)
        if self.first_read == "count":
            architecture = refetching(architecture)
        counts = count(problem, architecture, mapping, halo=self.halo)
        return cost_of(problem, architecture, mapping, counts, faithful_accelforge=self.faithful_accelforge)


def cost_of(
    problem: Problem,
    architecture: Architecture,
    mapping: MappingTree,
    counts: Counts,
    *,
    faithful_accelforge: bool = False,
) -> Cost:
    """Energy and cycles of given counts."""
    unit = compute_unit(problem, architecture, mapping)
    traffic: list[Traffic] = []
    for row in counts.accesses:
        traffic.extend(_traffic(problem, architecture.memory(row.memory), row))
    traffic.append(
        Traffic(
            component=unit.name,
            tensor="",
            action="compute",
            accesses=counts.macs,
            accesses_per_instance=counts.steps,
            energy_pj=_times(counts.macs, unit.energy_pj),
        )
    )
    busy = [(m.name, _memory_cycles(m, traffic)) for m in architecture.memories]
    busy.append((unit.name, counts.steps / unit.ops_per_cycle))
    cycles = max(c for _, c in busy)
    leakage = tuple(
        (n.name, _times(n.leakage_pj_per_cycle, architecture.instances(n) * cycles))
        for n in architecture.nodes
        if not isinstance(n, Fanout) and n.leakage_pj_per_cycle
    )
    peak = cycles * architecture.instances(unit) * unit.ops_per_cycle
    return Cost(
        energy_pj=sum(t.energy_pj for t in traffic) + sum(e for _, e in leakage),
        cycles=cycles,
        macs=counts.macs,
        utilization=counts.macs / peak if peak else 0.0,
        traffic=tuple(traffic),
        leakage_pj=leakage,
        cycles_by_component=tuple(busy),
        occupancy=tuple(
            Occupancy(memory=memory, tensor=tensor, bits=bits)
            for memory, tensor, bits in reservations(
                problem, architecture, mapping, faithful_accelforge=faithful_accelforge
            )
        ),
        spatial_use=counts.spatial_use,
        model=LoopnestModel.name,
    )


def refetching(architecture: Architecture) -> Architecture:
    """The same hardware where every memory reads and writes an output element on its first visit too."""
    nodes = tuple(replace(n, refetch_first_output=True) if isinstance(n, Memory) else n for n in architecture.nodes)
    return replace(architecture, nodes=nodes)


def compute_unit(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Compute:
    """The unit that the mapping's leaf names. Raises InputError when the architecture has none of that name."""
    leaf = mapping.nodes[-1]
    named = leaf.unit if isinstance(leaf, ComputeNode) else ""
    for unit in architecture.computes:
        if unit.name == named:
            return unit
    known = [c.name for c in architecture.computes]
    raise InputError(f"problem '{problem.name}' is mapped on compute unit '{named}'; '{architecture.name}' has {known}")


def _traffic(problem: Problem, memory: Memory, row: AccessCount) -> tuple[Traffic, Traffic]:
    tensor = problem.tensor(row.tensor)

    def one(action: Literal["read", "write"], port: Port, values: int, each: int) -> Traffic:
        bits = memory.bits_of(tensor)
        accesses = values * bits / port.width_bits
        return Traffic(
            component=memory.name,
            tensor=tensor.name,
            action=action,
            accesses=accesses,
            accesses_per_instance=each * bits / port.width_bits,
            energy_pj=_times(accesses, port.energy_for(tensor)),
        )

    return (
        one("read", memory.read, row.reads, row.reads_per_instance),
        one("write", memory.write, row.writes, row.writes_per_instance),
    )


def _memory_cycles(memory: Memory, traffic: list[Traffic]) -> float:
    mine = [t for t in traffic if t.component == memory.name]
    read = sum(t.accesses_per_instance for t in mine if t.action == "read") / memory.read.accesses_per_cycle
    write = sum(t.accesses_per_instance for t in mine if t.action == "write") / memory.write.accesses_per_cycle
    return read + write if memory.ports == "shared" else max(read, write)


def _times(amount: float, price: float) -> float:
    """amount * price, where nothing of an infinitely expensive thing costs nothing."""
    return amount * price if amount and price else 0.0
