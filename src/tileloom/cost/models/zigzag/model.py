"""ZigZag's cost as a cost model over our loop nests: the nest is read as its loop lists, the chip as its machine.

A nest that the lists cannot hold is refused; what is lost stands in the cost's notes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Literal

from tileloom.architecture.model import Architecture, Compute, Memory
from tileloom.architecture.notation.zigzag_chip import Chip, chip_of
from tileloom.cost.base import Cost, Occupancy, Profile, Traffic, require_chain
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.result import Moves, ZigzagCost
from tileloom.cost.models.zigzag.spatial import by_level
from tileloom.cost.models.zigzag.version import get_version
from tileloom.mapping.notation.zigzag import ZigzagMapping
from tileloom.mapping.notation.zigzag_tree import lists_of
from tileloom.mapping.tree import MappingTree
from tileloom.workload.frontends.zigzag_problem import layer_of
from tileloom.workload.problem import Problem

NAMES = ("read", "write", "read", "write")


@dataclass(frozen=True, slots=True)
class ZigzagModel:
    """Energy by level and direction; cycles = computation + port stalls + first loads + last stores.

    version   '3.9' or 'defines'
    mode      'corrected' repairs the quirks named in docs/zigzag.md; 'faithful' gives the original's numbers
    Source: ZigZag 3.9 and DeFiNES (HPCA 2023).
    """

    version: str = "3.9"
    mode: Literal["corrected", "faithful"] = "corrected"

    name: ClassVar[str] = "zigzag"
    profile: ClassVar[Profile] = Profile(max_inputs=2, max_terms_per_axis=2, imperfect=False)

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        require_chain(mapping, self.name)
        layer = layer_of(problem, partial_bits(problem, architecture))
        links = {o.name: o.memory_operand for o in layer.operands}
        held: dict[str, set[str]] = {}
        for hold in mapping.holds:
            held.setdefault(hold.memory, set()).update(hold.tensors)
        chip = chip_of(architecture, problem, links, held)
        read = lists_of(mapping, problem, layer, chip)
        lists = ZigzagMapping(
            tuple(o.name for o in layer.operands), by_level(read.spatial, layer, chip.machine), read.temporal
        )
        found = evaluate(layer, chip.machine, lists, get_version(self.version, self.mode == "faithful"))
        used = tuple((*chip.axes[dim], round(prod(size for _, size in loops))) for dim, loops in read.spatial)
        return cost_of(problem, architecture, layer, chip, found, used, (*chip.losses, *read.losses))


def partial_bits(problem: Problem, architecture: Architecture) -> int:
    """Bits of a partial sum: of the memory that keeps outputs widest."""
    return max((m.bits_of(problem.output) for m in architecture.memories), default=problem.output.bits)


def cost_of(
    problem: Problem,
    architecture: Architecture,
    layer: ZigzagLayer,
    chip: Chip,
    found: ZigzagCost,
    used: tuple[tuple[str, str, int], ...] = (),
    notes: tuple[str, ...] = (),
) -> Cost:
    """ZigZag's cost as a `Cost`, by memory and tensor. Leakage is added for the cycles that the model gives."""
    unit = architecture.compute_for(problem)
    assert unit is not None
    cycles = float(found.cycles)
    traffic = [
        Traffic(
            component=unit.name, tensor="", action="compute", accesses=problem.macs,
            accesses_per_instance=float(found.temporal_cycles), energy_pj=found.mac_pj,
        )
    ]  # fmt: skip
    occupied = []
    for o, operand in enumerate(layer.operands):
        for m, memory in enumerate(chip.machine.levels(operand.memory_operand)):
            name = chip.memories[memory.name]
            copies = max(1, chip.machine.copies(memory))
            words, energy = found.words[o][m], found.energy[o][m]
            for action in ("read", "write"):
                count, pj = _sum(words, action), _sum(energy, action)
                traffic.append(
                    Traffic(
                        component=name, tensor=operand.name, action="read" if action == "read" else "write",
                        accesses=count, accesses_per_instance=count / copies, energy_pj=pj,
                    )
                )  # fmt: skip
            bits = round(found.shared_utilization[o][m] * memory.size_bits) if len(memory.operands) == 1 else 0
            if bits:
                occupied.append(Occupancy(memory=name, tensor=operand.name, bits=bits))
    parts: tuple[Memory | Compute, ...] = (*architecture.memories, unit)
    leakage = tuple(
        (node.name, node.leakage_pj_per_cycle * architecture.instances(node) * cycles)
        for node in parts
        if node.leakage_pj_per_cycle
    )
    busy = (
        (unit.name, float(found.temporal_cycles)),
        ("port stalls", float(found.stall_cycles)),
        ("first loads", float(found.loading_cycles)),
        ("last stores", float(found.offloading_cycles)),
    )
    return Cost(
        energy_pj=sum(t.energy_pj for t in traffic) + sum(e for _, e in leakage),
        cycles=cycles,
        macs=problem.macs,
        utilization=problem.macs / (cycles * chip.machine.units * unit.ops_per_cycle),
        traffic=tuple(traffic),
        leakage_pj=leakage,
        cycles_by_component=busy,
        occupancy=tuple(occupied),
        spatial_use=used,
        model=ZigzagModel.name,
        notes=notes,
    )


def _sum(moves: Moves[float], action: str) -> float:
    return sum(value for value, name in zip(moves, NAMES) if name == action)
