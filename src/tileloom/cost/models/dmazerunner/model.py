"""dMazeRunner's model for our problems, chips and mapping trees: the mapping's own orders, the cost in our terms.

The tree becomes an execution method first (mapping/notation/dmazerunner.py), which refuses what has none. All orders of
a method at once are in reference.py and search/dmazerunner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from tileloom.architecture.model import Architecture, Memory
from tileloom.architecture.notation.dmazerunner import DmazeChip, read_architecture
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.options import option_fault, unknown_options
from tileloom.cost.base import Cost, Occupancy, Profile, Traffic, require_chain
from tileloom.cost.models.dmazerunner.capacity import valid
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import order_numbers
from tileloom.cost.models.dmazerunner.reference import PairCost, Passes, cost_under_orders, passes
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, from_tree
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem

NETWORK, ROUNDING = "network", "rounding"
"""Rows of the cost that are no nodes of the chip: the network of the array; what whole energies add to their parts."""
CHIP_OPTIONS = ("dma_init_cycles", "dma_cycles_per_byte", "dma_frequency", "communication_energy", "bank_bytes")
"""Numbers of a chip that an architecture cannot say."""
_OPTIONS = {"mode": "str", "strict": "bool", "arch_spec": "str"}
UNLIMITED = 1e15
"""Values or banks of a memory without a size."""


@dataclass(frozen=True, slots=True)
class DmazerunnerModel:
    """Analytical model of a PE array fed by a scratchpad and one DMA channel.

    mode     'faithful': the original's numbers, its mistakes included (reference.py); 'corrected': without them
    options  what an architecture cannot say: DMA start-up and speed, energy of the network, bytes per bank
    strict   raise InputError for a mapping that does not fit; False: cost it and say so in the notes
    Source: dMazeRunner, TECS 2019; the same numbers in tests/reference/dmazerunner.
    """

    mode: Literal["faithful", "corrected"] = "corrected"
    options: DmazeChip = field(default_factory=DmazeChip)
    strict: bool = False

    name: ClassVar[str] = "dmazerunner"
    parts: ClassVar[tuple[str, ...]] = (NETWORK, ROUNDING)
    corrections: ClassVar[tuple[str, ...]] = (ROUNDING,)
    profile: ClassVar[Profile] = Profile(
        max_terms_per_axis=2, min_memories=3, max_memories=3, imperfect=True, bypass=False, uneven=False
    )

    def __post_init__(self) -> None:
        if self.mode not in ("faithful", "corrected"):
            near = did_you_mean(str(self.mode), ("faithful", "corrected"))
            raise InputError(
                f"mode of model 'dmazerunner' is {self.mode!r}{near}; there are 'faithful' and 'corrected'"
            )

    @classmethod
    def from_options(cls, given: Mapping[str, Any]) -> DmazerunnerModel:
        """Of plain options: mode, strict, arch_spec (an architecture file of dMazeRunner) and what no architecture says:
        dma_init_cycles, dma_cycles_per_byte, dma_frequency (MHz), communication_energy (pJ), bank_bytes.

        InputError with every option that is unknown, unsuitable or the architecture's to say.
        """
        owner, kinds = "model 'dmazerunner'", {**_OPTIONS, **dict.fromkeys(CHIP_OPTIONS, "float")}
        elsewhere = [k for k in given if k in DmazeChip.__dataclass_fields__ and k not in CHIP_OPTIONS]
        faults = [f"option '{k}' of {owner} is the architecture's to say" for k in elsewhere]
        faults += unknown_options(owner, {k: v for k, v in given.items() if k not in elsewhere}, kinds)
        faults += [f for k, v in given.items() if k in kinds and (f := option_fault(owner, k, v, kinds[k]))]
        if faults:
            raise InputError(faults)
        chip = read_architecture(given["arch_spec"]).chip if "arch_spec" in given else DmazeChip()
        chip = replace(chip, **{k: given[k] for k in CHIP_OPTIONS if k in given})
        return cls(mode=given.get("mode", "corrected"), options=chip, strict=given.get("strict", False))

    @property
    def faithful(self) -> bool:
        return self.mode == "faithful"

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        """UnsupportedError for a chip of another shape or a mapping without an execution method."""
        require_chain(mapping, self.name)
        recovered = from_tree(mapping, problem, architecture)
        if self.faithful and recovered.method.extents != tuple(problem.extents.values()):
            raise UnsupportedError("dMazeRunner itself takes tiles that divide only; mode=corrected takes others")
        chip = chip_of(problem, architecture, self.options)
        return self.evaluate_method(problem, architecture, chip, recovered.method, recovered.losses)

    def evaluate_method(
        self,
        problem: Problem,
        architecture: Architecture,
        chip: DmazeChip,
        method: ExecutionMethod,
        notes: tuple[str, ...] = (),
    ) -> Cost:
        """Cost under the method's own orders (canonical ones where it has none)."""
        nest = Nest.of(problem)
        if method.extents != nest.extents:
            notes = (*notes, "tiles do not divide: each is charged as the largest one, so no cost is too low")
        faults = valid(nest, chip, method)
        if faults and self.strict:
            raise InputError([f"problem '{problem.name}': {f}" for f in faults])
        dram, spm = (order_numbers(nest, o or nest.loops) for o in (method.dram_order, method.spm_order))
        p = passes(nest, chip, method, faithful=self.faithful)
        pair = cost_under_orders(nest, chip, method, dram, spm, faithful=self.faithful)
        traffic = _traffic(nest, chip, architecture, p, pair)
        # The original's energies are whole; the sum of the parts is not.
        rounding = pair.energy_pj - sum(t.energy_pj for t in traffic)
        traffic = (*traffic, _row(ROUNDING, "", "compute", 1, rounding))
        used = p.receivers[-1] if len(p.receivers) > 1 else 1
        return Cost(
            energy_pj=float(pair.energy_pj),
            cycles=pair.cycles,
            macs=nest.macs,
            utilization=nest.macs / (pair.cycles * chip.cgra_size),
            traffic=traffic,
            cycles_by_component=_busy(architecture, p, pair),
            occupancy=_occupancy(problem, architecture, nest, p),
            spatial_use=((architecture.fanouts[0].name, architecture.fanouts[0].axes[0].name, used),),
            model=self.name,
            notes=(*notes, *faults),
        )


def chip_of(problem: Problem, architecture: Architecture, options: DmazeChip) -> DmazeChip:
    """The chip that an architecture describes; from `options` what it cannot say.

    All tensors count as wide as the widest. Energies are those of a read, per value. UnsupportedError for memories that
    must not hold every tensor or are split between them.
    """
    dram, spm, rf = (_plain(m, problem) for m in _three(architecture))
    unit = architecture.compute_for(problem)
    bits = max(t.bits for t in problem.tensors)

    def energy(memory: Memory) -> float:
        return memory.read.energy_pj * bits / memory.read.width_bits

    def values(memory: Memory) -> float:
        return UNLIMITED if memory.capacity_bits is None else memory.capacity_bits / memory.buffers / bits

    return replace(
        options,
        data_type_size_in_bytes=bits / 8,
        bytes_per_data=bits / 8,
        dataflow_accel_frequency=architecture.frequency_hz / 1e6,
        dram_energy=energy(dram),
        spm_energy=energy(spm),
        rf_energy=energy(rf),
        mac_energy=unit.energy_pj if unit is not None else 0.0,
        cgra_size=architecture.fanouts[0].size,
        rf_elements=values(rf),
        spm_banks=values(spm) * bits / 8 / options.bank_bytes,
    )


def _three(architecture: Architecture) -> tuple[Memory, Memory, Memory]:
    if len(architecture.memories) != 3 or len(architecture.fanouts) != 1:
        raise UnsupportedError(
            f"dMazeRunner needs three memories and one array; '{architecture.name}' has "
            f"{len(architecture.memories)} and {len(architecture.fanouts)}"
        )
    first, second, third = architecture.memories
    return first, second, third


def _plain(memory: Memory, problem: Problem) -> Memory:
    barred = [t.name for t in problem.tensors if not memory.allows(t)]
    if barred or memory.partitions:
        what = f"{', '.join(barred)} must not be in" if barred else "it is split between tensors:"
        raise UnsupportedError(f"dMazeRunner keeps every tensor in every memory; {what} '{memory.name}'")
    return memory


def _traffic(nest: Nest, chip: DmazeChip, architecture: Architecture, p: Passes, pair: PairCost) -> tuple[Traffic, ...]:
    dram, spm, rf = (m.name for m in architecture.memories)
    rows = [
        _row(architecture.nodes[-1].name, "", "compute", nest.macs + pair.reductions, chip.mac_energy),
        _row(rf, "", "read", 3 * nest.macs + 2 * pair.reductions, chip.rf_energy),
        _row(rf, "", "write", nest.macs + pair.reductions, chip.rf_energy),
        _row(NETWORK, "", "read", pair.reductions, chip.communication_energy),
    ]
    for i, operand in enumerate(nest.operands):
        action: Literal["read", "write"] = "write" if i == 0 else "read"
        moved = p.bursts[i].count * p.bursts[i].values * pair.tiles[i]
        charged = p.held_rf[i] * p.receivers[i] * pair.spread[i]
        rows.append(_row(dram, operand.name, action, moved, chip.dram_energy))
        rows.append(_row(spm, operand.name, action, p.held_array[i] * pair.spread[i], chip.spm_energy))
        rows.append(_row(NETWORK, operand.name, action, charged, chip.communication_energy))
    return tuple(rows)


def _row(component: str, tensor: str, action: Literal["read", "write", "compute"], count: float, pj: float) -> Traffic:
    return Traffic(
        component=component,
        tensor=tensor,
        action=action,
        accesses=count,
        accesses_per_instance=count,
        energy_pj=count * pj,
    )


def _busy(architecture: Architecture, p: Passes, pair: PairCost) -> tuple[tuple[str, float], ...]:
    dma = sum(c * t for c, t in zip(p.dma_cycles, pair.tiles, strict=True))
    dram, spm, *_ = (m.name for m in architecture.memories)
    inside = pair.pass_cycles * p.dram_trips
    return (dram, dma), (spm, inside), (architecture.nodes[-1].name, p.compute * p.spm_trips * p.dram_trips)


def _occupancy(problem: Problem, architecture: Architecture, nest: Nest, p: Passes) -> tuple[Occupancy, ...]:
    _, spm, rf = architecture.memories
    rows = []
    for memory, held in ((spm, p.held_spm), (rf, p.held_rf)):
        for operand, values in zip(nest.operands, held, strict=True):
            bits = values * problem.tensor(operand.name).bits * memory.buffers
            rows.append(Occupancy(memory=memory.name, tensor=operand.name, bits=bits))
    return tuple(rows)
