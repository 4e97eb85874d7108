"""The best execution method of a layer over all perfect factor splits inside the chip's limits and the given filters.

`explore` walks the space with the compiled kernel; cost/models/dmazerunner/capacity.py defines what belongs to it. The steps by which the original
lowers its filters are in auto.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.core.factors import divisors
from tileloom.cost.kernels.dmazerunner_arrays import chip_numbers, nest_arrays
from tileloom.cost.models.dmazerunner.capacity import NO_FILTERS
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import order_names
from tileloom.mapping.notation.dmazerunner import ExecutionMethod
from tileloom.search.dmazerunner.kernels import walk

GOALS = ("energy", "latency", "edp")


@dataclass(frozen=True, slots=True)
class Best:
    """The least value of an objective (pJ, cycles, pJ * cycles) and a method that has it, its orders included."""

    value: float
    method: ExecutionMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """methods: how many passed the filters (orders not counted). best: by objective; None when no method passed."""

    methods: int
    best: dict[str, Best] | None
    pruning: Pruning
    seconds: float = 0.0


def explore(nest: Nest, chip: DmazeChip, pruning: Pruning = NO_FILTERS, *, faithful: bool = True) -> Exploration:
    """All methods inside the limits and filters, each with all its reuse-distinct orders."""
    started = perf_counter()
    methods, values, factors, rows = _walk(nest, chip, pruning, faithful, count_only=False, stop_at=0)
    arrays = nest_arrays(nest)
    best = None
    if methods:
        best = {}
        for goal, name in enumerate(GOALS):
            dram, spm, rf, space = (tuple(int(f) for f in row) for row in factors[goal])
            orders = [order_names(nest, arrays.orders[arrays.table[r, 0]]) for r in rows[goal]]
            method = ExecutionMethod(
                loops=nest.loops, dram=dram, spm=spm, rf=rf, spatial=space, dram_order=orders[0], spm_order=orders[1]
            )
            best[name] = Best(float(values[goal]), method)
    return Exploration(methods=int(methods), best=best, pruning=pruning, seconds=perf_counter() - started)


def count_methods(nest: Nest, chip: DmazeChip, pruning: Pruning = NO_FILTERS, stop_at: int = 0) -> int:
    """Methods inside the limits and filters; stops counting at `stop_at` when that is positive."""
    return int(_walk(nest, chip, pruning, True, count_only=True, stop_at=stop_at)[0])


def _walk(nest: Nest, chip: DmazeChip, pruning: Pruning, faithful: bool, *, count_only: bool, stop_at: int):  # type: ignore[no-untyped-def]
    a = nest_arrays(nest)
    listed = [divisors(e) for e in nest.extents]
    most = max(len(d) for d in listed)
    table = np.ones((len(listed), most), dtype=np.int64)
    quotient = np.full((len(listed), most, most), -1, dtype=np.int64)
    for v, ds in enumerate(listed):
        table[v, : len(ds)] = ds
        number = {d: i for i, d in enumerate(ds)}
        for i, whole in enumerate(ds):
            for j, part in enumerate(ds[: i + 1]):
                if whole % part == 0:
                    quotient[v, i, j] = number[whole // part]
    limits = np.array(
        [chip.cgra_size, chip.rf_elements, chip.spm_banks, chip.bank_bytes, chip.bytes_per_data,
         pruning.pe, pruning.rf, pruning.spm], dtype=np.float64
    )  # fmt: skip
    last = np.array([len(d) - 1 for d in listed], dtype=np.int64)
    return walk(
        a.axes, a.starts, a.reductions, a.output_loops, a.filters, a.table_starts, a.table, chip_numbers(nest, chip),
        faithful, a.most, table, quotient, last, limits, pruning.no_feature_dram, pruning.no_spatial_reduction,
        count_only, stop_at,
    )  # fmt: skip
