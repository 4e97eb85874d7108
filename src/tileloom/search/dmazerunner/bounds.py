"""Lower bounds on what a partly chosen method can cost, for the search that proves its optimum.

They hold for all orders at once. Where every loop is lacking in at most one operand (convolutions, matrix products), at
each level at most one operand is reused, and the others move in every pass: that makes the bounds tight. Elsewhere every
operand is taken to be reused in full. What costs are is defined by cost/models/dmazerunner/reference.py; that no method
is cheaper than its bounds is checked by tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.cost.kernels.dmazerunner import BASE_PJ, CYCLES, DRAM, ENERGY
from tileloom.cost.models.dmazerunner.nest import Nest, Operand


@dataclass(frozen=True, slots=True, eq=False)
class BoundArrays:
    """sizes     float64[operands]: fewest values that go between DRAM and the chip, each tensor once
    lacking     bool[operands, loops]: loops of more than one trip that do not move the operand
    exclusive   each loop is lacking in at most one operand
    dma         cycles of the DMA per value, start-up left out
    """

    sizes: npt.NDArray[np.float64]
    lacking: npt.NDArray[np.bool_]
    exclusive: bool
    dma: float


def bound_arrays(nest: Nest, chip: DmazeChip, *, faithful: bool) -> BoundArrays:
    lacking = np.array([[e > 1 and v not in o.index for v, e in enumerate(nest.extents)] for o in nest.operands])
    exclusive = bool((lacking.sum(axis=0) <= 1).all())
    ratio = chip.dataflow_accel_frequency / chip.dma_frequency
    # With more than three operands the excesses of several keys may not add up to all transfers.
    dma = chip.dma_cycles_per_byte * chip.data_type_size_in_bytes * ratio if len(nest.operands) <= 3 else 0.0
    sizes = [_touched(nest, o, faithful=faithful) for o in nest.operands]
    return BoundArrays(np.array(sizes, dtype=np.float64), lacking, exclusive, dma)


def _touched(nest: Nest, operand: Operand, *, faithful: bool) -> float:
    """Positions that the loops touch; 0 where the original's burst of a tile may hold fewer values than the tile."""
    if faithful and any(a.declared != a.realised for a in operand.axes):
        return 0.0
    product = 1.0
    for axis in operand.axes:
        positions = {0}
        for v, c in axis.terms:
            positions = {p + c * i for p in positions for i in range(nest.extents[v])}
        product *= len(positions)
    return product


@njit(cache=True, nogil=True, inline="always")
def merit(goal, energy, cycles):
    """Value of an objective; energies are rounded to whole pJ, so one may be missing."""
    if goal == ENERGY:
        return energy - 1.0
    return cycles if goal == CYCLES else (energy - 1.0) * cycles


@njit(cache=True, nogil=True)
def choice_bounds(lacking, exclusive, fixed, prices, passes, base_pj, energies, cycles):
    """Fills energies, cycles float64[operands]: least pJ without DRAM, and cycles, if only that operand is reused
    between scratchpad and PEs. passes: fewest passes over each loop. Returns how many of the choices there are."""
    n, m = passes.shape[0], lacking.shape[0]
    trips = 1.0
    for v in range(n):
        trips *= passes[v]
    total = base_pj
    for o in range(m):
        ways = 2 if o == 0 else 1
        total += trips * (ways * (prices[o] + prices[m + o]) + prices[2 * m + o])
    least = base_pj
    for o in range(m):
        own = 1.0
        for v in range(n):
            if not lacking[o, v]:
                own *= passes[v]
        ways = 2 if o == 0 else 1
        full = trips * (ways * (prices[o] + prices[m + o]) + prices[2 * m + o])
        reused = own * (prices[o] + prices[m + o] + prices[2 * m + o])
        # In one pass over everything even the reused tile goes once.
        energies[o] = total - full + min(reused, full)
        least += min(reused, full)
        spread = 0
        for p in range(m):
            if p != o and fixed[1 + p] > spread:
                spread = fixed[1 + p]
        each = max(fixed[0], spread) if o == 0 else spread + fixed[0] + fixed[1 + m]
        cycles[o] = trips * each
    if exclusive:
        return m
    energies[0] = least
    cycles[0] = trips * fixed[0]
    return 1


@njit(cache=True, nogil=True)
def least_traffic(sizes, lacking, exclusive, dram, chosen):
    """Fewest values moved from or to DRAM, given the DRAM factors of loops 0 .. chosen - 1."""
    m = sizes.shape[0]
    total, spared = 0.0, 0.0
    for o in range(m):
        values = sizes[o]
        if exclusive:
            for v in range(chosen):
                if lacking[o, v]:
                    values *= dram[v]
        total += values
        spared = max(spared, values - sizes[o])
    return total - spared


@njit(cache=True, nogil=True)
def least_value(goal, energies, cycles, choices, traffic, dma, numbers):
    """Lower bound of the objective over the choices of a reused operand."""
    least = np.inf
    for o in range(choices):
        value = merit(goal, energies[o] + traffic * numbers[DRAM], max(cycles[o], traffic * dma))
        least = min(least, value)
    return least


@njit(cache=True, nogil=True)
def array_value(goal, pes, macs, traffic, dma, numbers):
    """Lower bound of the objective when only the number of PEs is known."""
    return merit(goal, numbers[BASE_PJ] + traffic * numbers[DRAM], max(macs / pes, traffic * dma))
