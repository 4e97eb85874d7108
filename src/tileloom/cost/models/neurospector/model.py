"""NeuroSpector's cost as a cost model over our loop nests: the nest is read as a table and analyzed (corrected rules).

Compute and transfers do not overlap: cycles are the sum over the levels. A nest that a table cannot hold is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.neurospector import TYPES, Accelerator, Buffer, Triple
from tileloom.architecture.notation.neurospector_chip import Places, accelerator_of
from tileloom.cost.base import Cost, Occupancy, Profile, Traffic, require_chain
from tileloom.cost.models.neurospector.analysis import Analysis, LevelUse, analyze_packed
from tileloom.cost.models.neurospector.machine import pack
from tileloom.cost.models.neurospector.overlap import overlap
from tileloom.mapping.notation.neurospector_tree import table_of
from tileloom.mapping.tree import MappingTree
from tileloom.workload.frontends.neurospector import layer_of
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True, slots=True)
class NeurospectorModel:
    """Energy = MACs + accesses of each level by tile and count + static power * cycles; cycles = sum over the levels.

    Dataflows come from the loop order of the nest. Source: NeuroSpector 1.5 (IEEE TPDS 34(8), 2023), docs/neurospector.md.
    """

    name: ClassVar[str] = "neurospector"
    profile: ClassVar[Profile] = Profile(
        operations=("conv2d", "matmul"),
        max_inputs=2,
        min_memories=2,
        max_memories=3,
        imperfect=False,
        uneven=False,
        orders="reuse",
        padding=False,
    )

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        require_chain(mapping, self.name)
        layer, names = layer_of(problem)
        plain, places = accelerator_of(architecture, problem, names)
        read = table_of(plain, mapping, problem, names, places)
        accelerator = plain.with_dataflows(read.local_flow, read.global_flow)
        analysis = analyze_packed(pack(accelerator, layer.stride, faithful=False), read.table)
        return cost_of(problem, accelerator, places, analysis, read.losses)


def cost_of(problem: Problem, a: Accelerator, places: Places, analysis: Analysis, notes: tuple[str, ...] = ()) -> Cost:
    """The analysis as a `Cost`, by memory and tensor."""
    tensors: dict[str, Tensor] = {t.role: t for t in problem.tensors}
    units = {
        "local_buffer": analysis.active_pes * analysis.active_chips,
        "global_buffer": analysis.active_chips,
        "dram": 1,
    }
    buffers = {"local_buffer": a.local_buffer, "global_buffer": a.global_buffer, "dram": a.dram}
    nodes = {"local_buffer": places.local_buffer, "global_buffer": places.global_buffer, "dram": places.dram}
    order = [n for n in ("local_buffer", "global_buffer", "dram") if n in analysis.levels]
    traffic = [
        Traffic(
            component=places.mac, tensor="", action="compute", accesses=problem.macs,
            accesses_per_instance=analysis.mac_cycles, energy_pj=analysis.mac_energy_pj,
        )
    ]  # fmt: skip
    for i, name in enumerate(order):
        below = analysis.levels[order[i + 1]] if i + 1 < len(order) else None
        buffer = buffers[name]
        assert buffer is not None
        for t, role in enumerate(TYPES):
            read, write = _moved(analysis.levels[name], below, t)
            for action, count in (("read", read), ("write", write)):
                traffic.append(_row(nodes[name], tensors[role].name, action, count, units[name], buffer.energy_pj, t))
    static = [(places.mac, analysis.mac_static_pj)] + [(nodes[n], analysis.levels[n].static_pj) for n in order]
    peak = a.array("mac_array").size * a.array("pe_array").size * a.array("multi_chips").size * analysis.cycles
    return Cost(
        energy_pj=sum(t.energy_pj for t in traffic) + sum(e for _, e in static),
        cycles=analysis.cycles,
        macs=problem.macs,
        utilization=problem.macs / peak if peak else 0.0,
        traffic=tuple(traffic),
        leakage_pj=tuple((n, e) for n, e in static if e),
        cycles_by_component=(
            (places.mac, analysis.mac_cycles),
            *((nodes[n], analysis.levels[n].cycles) for n in order),
        ),
        occupancy=tuple(
            Occupancy(memory=nodes[n], tensor=tensors[r].name, bits=analysis.levels[n].held[t] * a.precision_bits)
            for n in order
            for t, r in enumerate(TYPES)
            if r not in _bypass(buffers[n])
        ),
        spatial_use=_spatial(analysis, places),
        model=NeurospectorModel.name,
        overlapped_cycles=overlap(a, analysis).cycles,
        notes=notes,
    )


def _bypass(buffer: Buffer | None) -> tuple[str, ...]:
    return buffer.bypass if buffer else ()


def _moved(use: LevelUse, below: LevelUse | None, t: int) -> tuple[int, int]:
    """Elements that one instance reads and writes: towards the multipliers, and from and to the memory below it."""
    if t < 2:
        return use.sent[t] * use.reads[t], use.held[t] * below.reads[t] if below else 0
    back = below.reads[2] * use.held[2] if below else 0
    down = below.writes * use.held[2] if below else 0
    return use.sent[2] * use.reads[2] + down, use.sent[2] * use.writes + back


def _row(memory: str, tensor: str, action: str, count: int, units: int, energy: Triple, t: int) -> Traffic:
    return Traffic(
        component=memory,
        tensor=tensor,
        action="read" if action == "read" else "write",
        accesses=count * units,
        accesses_per_instance=count,
        energy_pj=count * units * energy[t],
    )


def _spatial(analysis: Analysis, places: Places) -> tuple[tuple[str, str, int], ...]:
    found = []
    for fanout, first in ((places.chips, 7), (places.pes, 4), (places.macs, 1)):
        for axis, row in (("X", first), ("Y", first + 1)):
            used = 1
            for factor in analysis.table.rows[row]:
                used *= factor
            if fanout:
                found.append((fanout, axis, used))
    return tuple(found)
