"""What the model gives for one layer and mapping: energy and accesses by operand, level and direction, and latency parts.

Only values; they are computed in evaluate.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

N = TypeVar("N", int, float)


class Moves(NamedTuple, Generic[N]):
    """The four ways data leaves or enters a memory level: toward the level below (low) and above (high)."""

    read_to_low: N
    written_by_low: N
    read_to_high: N
    written_by_high: N


@dataclass(frozen=True)
class ZigzagCost:
    """operands, memories   names; everything below is indexed [operand][level], level 0 the lowest memory
    mac_pj                energy of the operations
    energy                pJ;  words: accesses of the full width;  elements: values moved
    ideal_cycles          if every MAC unit worked in every cycle
    temporal_cycles       product of the temporal loops
    stall_cycles, loading_cycles, offloading_cycles   whole numbers in DeFiNES's version; 3.9 spreads loading, so they may not be
    double_buffered       [operand][architecture level], level 0 the MAC
    shared_utilization    [operand][level] share of the memory used by all operands in it
    """

    operands: tuple[str, ...]
    memories: tuple[tuple[str, ...], ...]
    mac_pj: float
    energy: tuple[tuple[Moves[float], ...], ...]
    words: tuple[tuple[Moves[float], ...], ...]
    elements: tuple[tuple[Moves[int], ...], ...]
    energy_pj: float
    ideal_cycles: int
    temporal_cycles: int
    stall_cycles: int
    loading_cycles: float
    offloading_cycles: float
    double_buffered: tuple[tuple[bool, ...], ...]
    shared_utilization: tuple[tuple[float, ...], ...]

    @property
    def cycles_computing(self) -> int:
        """DeFiNES's latency 0: computation with stalls."""
        return self.temporal_cycles + self.stall_cycles

    @property
    def cycles_with_loading(self) -> float:
        """DeFiNES's latency 1: with the first tiles loaded. What depth-first totals add up."""
        return self.cycles_computing + self.loading_cycles

    @property
    def cycles(self) -> float:
        """DeFiNES's latency 2: with the last results stored. What ZigZag reports."""
        return self.cycles_with_loading + self.offloading_cycles

    @property
    def edp(self) -> float:
        return self.energy_pj * self.cycles
