"""A nest and a chip as the arrays that the compiled model of dmazerunner.py takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import UnsupportedError
from tileloom.cost.kernels.dmazerunner import array_stage
from tileloom.cost.kernels.dmazerunner import evaluate as _evaluate
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import Order, candidate_orders
from tileloom.mapping.notation.dmazerunner import ExecutionMethod

Ints = npt.NDArray[np.int64]
MAX_LOOPS = 12
"""Reuse is tabulated over which loops have a factor above one: 2 ** loops entries."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NestArrays:
    """See the functions in dmazerunner.py. axes of an operand are innermost first; `orders` are innermost first."""

    axes: Ints
    starts: Ints
    reductions: npt.NDArray[np.bool_]
    output_loops: npt.NDArray[np.bool_]
    filters: npt.NDArray[np.bool_]
    table_starts: Ints
    table: Ints
    most: int
    orders: tuple[Order, ...]


@lru_cache(maxsize=256)
def nest_arrays(nest: Nest) -> NestArrays:
    """UnsupportedError for more than MAX_LOOPS loops."""
    n = len(nest.loops)
    if n > MAX_LOOPS:
        raise UnsupportedError(f"dMazeRunner's search takes up to {MAX_LOOPS} loops; this problem has {n}")
    axes = []
    starts = [0]
    for operand in nest.operands:
        for a in reversed(operand.axes):
            (v, c), (w, e) = (*a.terms, (-1, 0), (-1, 0))[:2]
            # An axis without dims has one position, whatever loop it is said to follow.
            axes.append((max(v, 0), c, w, e, a.declared, a.realised))
        starts.append(len(axes))
    candidates = candidate_orders(nest)
    table_starts, table = _reuse_table(nest, candidates)
    most = int(np.diff(table_starts).max()) + 1
    return NestArrays(
        axes=np.array(axes, dtype=np.int64),
        starts=np.array(starts, dtype=np.int64),
        reductions=np.array([v in nest.reductions for v in range(n)]),
        output_loops=np.array([v in nest.output.index for v in range(n)]),
        filters=np.array([v in nest.filters for v in range(n)]),
        table_starts=table_starts,
        table=table,
        most=most,
        orders=candidates,
    )


def _reuse_table(nest: Nest, candidates: tuple[Order, ...]) -> tuple[Ints, Ints]:
    """(starts, rows): for every set of loops with factors above one, orders that differ in what they reuse."""
    n = len(nest.loops)
    moving = [sum(1 << v for v in o.index) for o in nest.operands]
    starts: list[int] = [0]
    rows: list[tuple[int, ...]] = []
    for mask in range(1 << n):
        seen: dict[tuple[int, ...], int] = {}
        if all(nest.extents[v] > 1 for v in range(n) if mask >> v & 1):
            for number, order in enumerate(candidates):
                live = [v for v in order if mask >> v & 1]
                seen.setdefault(tuple(_leading(live, bits) for bits in moving), number)
        rows.extend((number, *bits) for bits, number in seen.items())
        starts.append(len(rows))
    return np.array(starts, dtype=np.int64), np.array(rows, dtype=np.int64)


def _leading(order: list[int], moving: int) -> int:
    bits = 0
    for v in order:
        if moving >> v & 1:
            break
        bits |= 1 << v
    return bits


def chip_numbers(nest: Nest, chip: DmazeChip) -> npt.NDArray[np.float64]:
    """The chip's prices in the order of the names in dmazerunner.py."""
    base = nest.macs * chip.mac_energy + 4 * nest.macs * chip.rf_energy
    ratio = chip.dataflow_accel_frequency / chip.dma_frequency
    return np.array(
        [chip.rf_energy, chip.communication_energy, chip.spm_energy, chip.dram_energy, chip.mac_energy,
         chip.dma_init_cycles, chip.dma_cycles_per_byte, chip.data_type_size_in_bytes, ratio, base]
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Minima:
    """Least energy (pJ), cycles and EDP of a method, each with its (DRAM, SPM) orders as loop numbers, innermost first."""

    values: tuple[float, float, float]
    orders: tuple[tuple[Order, Order], ...]


def minima(nest: Nest, chip: DmazeChip, method: ExecutionMethod, *, faithful: bool = True) -> Minima:
    """What `method_costs(...).best` gives, compiled."""
    a, numbers = nest_arrays(nest), chip_numbers(nest, chip)
    dram, spm, rf, space = (np.array(f, dtype=np.int64) for f in method.tiling)
    m = len(nest.operands)
    fixed, prices = np.empty(1 + 2 * m, dtype=np.int64), np.empty(3 * m)
    best, rows = np.empty(3), np.zeros((3, 2), dtype=np.int64)
    whole, array, _ = (np.array(t, dtype=np.int64) for t in method.tiles(nest.extents))
    array_stage(a.axes, a.starts, a.reductions, numbers, rf, space, array, fixed, prices)
    _evaluate(a.axes, a.starts, a.reductions, a.output_loops, a.table_starts, a.table, numbers, faithful,
              dram, spm, whole, fixed, prices, np.empty((4, a.most, m), dtype=np.int64), best, rows)  # fmt: skip
    orders = tuple((a.orders[a.table[d, 0]], a.orders[a.table[s, 0]]) for d, s in rows)
    return Minima((float(best[0]), float(best[1]), float(best[2])), orders)
