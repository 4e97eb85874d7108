"""What the moved data of a rewrite costs: reads and writes of the outermost memory, before and after the product runs.

The product itself is costed by a cost model; nothing here depends on which one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from tileloom.architecture.model import Architecture, Memory, Port
from tileloom.cost.base import Cost
from tileloom.workload.problem import Tensor
from tileloom.workload.rewrite.base import Move, Rewrite


@dataclass(frozen=True, slots=True)
class RewriteCost:
    """Energy, and the cycles the outermost memory is busy with moves alone; storage in bits on top of the tensors."""

    energy_pj: float = 0.0
    cycles: float = 0.0
    extra_bits: int = 0

    def with_core(self, core: Cost, overlap: bool = False) -> tuple[float, float]:
        """(energy, cycles) of moves and product together. overlap: both at once, the longer one counts."""
        cycles = max(self.cycles, core.cycles) if overlap else self.cycles + core.cycles
        return self.energy_pj + core.energy_pj, cycles


def rewrite_cost(rewrite: Rewrite, architecture: Architecture) -> RewriteCost:
    """Every move reads and writes its elements once at the outermost memory.

    Time of one move of E elements: ceil(2 E / bandwidth) where reads and writes share the ports, the longer of both
    where they do not. 100 values of 8 bits through a shared port of 64 bits a cycle take ceil(200 * 8 / 64) = 25.
    """
    memory = architecture.memories[0]
    tensors = {t.name: t for t in rewrite.native.tensors}
    energy = cycles = 0.0
    extra = 0
    for move in rewrite.moves:
        tensor = tensors[move.tensor]
        bits = memory.bits_of(tensor)
        energy += _energy(memory.read, tensor, move.reads * bits) + _energy(memory.write, tensor, move.writes * bits)
        cycles += _cycles(memory, move, bits)
        extra += move.extra_elements * bits
    return RewriteCost(energy, cycles, extra)


def _energy(port: Port, tensor: Tensor, bits: int) -> float:
    return bits / port.width_bits * port.energy_for(tensor)


def _cycles(memory: Memory, move: Move, bits: int) -> float:
    parts = [_time(memory.read, move.reads * bits), _time(memory.write, move.writes * bits)]
    return float(ceil(sum(parts) if memory.ports == "shared" else max(parts)))


def _time(port: Port, bits: int) -> float:
    """0 where the port is never the bottleneck."""
    if port.accesses_per_cycle == inf or bits == 0:
        return 0.0
    return bits / (port.width_bits * port.accesses_per_cycle)
