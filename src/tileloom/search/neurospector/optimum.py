"""The best of all scheduling tables of a layer, proven: every other table has a bound that is no lower, or was priced.

Bounds and the search are in optimum_kernels.py; here the parts are laid out and the dataflow combinations gone through.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time

import numpy as np
from numpy.typing import NDArray

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.core.factors import divisors
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.analysis import analyze_packed
from tileloom.cost.models.neurospector.machine import Machine, pack
from tileloom.mapping.notation.neurospector import CHIP_X, GB, LB, MAC_X, PE_X
from tileloom.search.neurospector.bottom_up import (
    Chosen,
    Metric,
    Mode,
    as_table,
    bottom_up,
    dataflow_choices,
    searched_rows,
)  # fmt: skip
from tileloom.search.neurospector.optimum_kernels import best_inside, outer_costs, spreads
from tileloom.search.neurospector.splits import row_splits
from tileloom.workload.frontends.neurospector import ConvLayer

Ints = NDArray[np.int64]
SLACK = {True: 1 - 4e-6, False: 1 - 1e-12}
"""Bounds are lowered by this share before they are compared: more than rounding can add up to in each precision."""


@dataclass(frozen=True, kw_only=True)
class Proven:
    """The best table, or None where no table is valid. start: what bottom-up found;  priced: tables priced in the proof; CPU seconds."""

    chosen: Chosen | None
    start: Chosen
    priced: int
    seconds: float

    @property
    def gap(self) -> float:
        """How much dearer bottom-up's table is, as a share of the best."""
        if self.chosen is None:
            return 0.0
        return self.start.value / self.chosen.value - 1


def optimum(
    accelerator: Accelerator,
    layer: ConvLayer,
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = False,
) -> Proven:
    """The best table over the dataflow combinations of `mode`, under the same rules and numbers as the analyzer's."""
    started = process_time()
    start = bottom_up(accelerator, layer, metric, mode, faithful=faithful)
    best = start if start.feasible else None
    priced = 0
    for choice in dataflow_choices(accelerator, mode):
        machine = pack(choice, layer.stride, faithful=faithful)
        limit = best.value if best is not None else float("inf")
        table, more = _search(choice, machine, layer, metric, limit, SLACK[faithful])
        priced += more
        if table is not None:
            analysis = analyze_packed(machine, as_table(table))
            best = Chosen(accelerator=choice, layer=layer, metric=metric, strategies="optimum", analysis=analysis)
    return Proven(chosen=best, start=start, priced=priced, seconds=process_time() - started)


def _search(
    accelerator: Accelerator, machine: Machine, layer: ConvLayer, metric: Metric, limit: float, margin: float
) -> tuple[Ints | None, int]:
    """A table that costs less than `limit`, the best one, or None; and how many were priced."""
    energy, rows = metric == "energy", searched_rows(accelerator)
    per_cycle = _per_cycle(machine) if energy else 1.0
    free = machine.chip.copy()
    free[k.GB_BYPASS] = 0
    found, priced = None, 0
    for c_tile, c_rows in zip(*_spread(machine, rows, layer.dims, CHIP_X, k.CHIP_X)):
        extents = tuple(e // int(c) for e, c in zip(layer.dims, c_tile))
        lists = [divisors(e) for e in extents]
        sizes = np.array([len(x) for x in lists], np.int64)
        table = np.ones((8, np.max(sizes)), np.int64)
        for d, x in enumerate(lists):
            table[d, : len(x)] = x
        steps = np.array([int(np.prod(sizes[d + 1 :])) for d in range(8)], np.int64)
        cells = int(np.prod(sizes))
        m = np.ones((10, 8), np.int64)
        m[7], m[8] = c_rows
        inside = np.array(extents, np.int64)
        outer = outer_costs(inside, cells, table, sizes, m, machine.chip, free, machine.prices, energy, per_cycle)
        a_tiles, a_rows = _spread(machine, rows, extents, MAC_X, k.MAC_X)
        u_tiles, u_rows = _spread(machine, rows, extents, PE_X, k.PE_X)
        value, best, more = best_inside(
            inside, cells, table, sizes, steps, int(np.prod(c_tile)), a_tiles, a_rows, u_tiles, u_rows,
            LB in rows, GB in rows, outer, machine.chip, machine.prices, energy, per_cycle, margin, m, limit,
        )  # fmt: skip
        priced += int(more)
        if value < limit:
            limit, found = float(value), best
    return found, priced


def _per_cycle(machine: Machine) -> float:
    """Static energy of the whole machine in one cycle, in pJ."""
    chip, p = machine.chip, machine.prices.astype(np.float64)
    macs, pes, chips = (
        int(np.prod(chip[i:j])) for i, j in ((k.MAC_X, k.HAS_GB), (k.PE_X, k.HAS_GB), (k.CHIP_X, k.HAS_GB))
    )
    return float(p[k.CLOCK] * (p[k.P_MAC] * macs + p[k.P_LB] * pes + p[k.P_GB] * chips + p[k.P_DRAM]))


def _spread(
    machine: Machine, rows: tuple[int, ...], extents: tuple[int, ...], first: int, axis: int
) -> tuple[Ints, Ints]:
    """Products of the two rows from `first` that fit their axes, each once, and one way to lay each out."""
    searched = [r - first for r in rows if r in (first, first + 1)]
    splits = row_splits(extents, len(searched))
    tiles, layouts = spreads(
        np.array(searched, dtype=np.int64), splits.size, splits.factor, machine.chip[axis : axis + 2],
        machine.chip[k.ALLOWED + axis : k.ALLOWED + axis + 2],
    )  # fmt: skip
    _, once = np.unique(tiles, axis=0, return_index=True)
    return tiles[once], layouts[once]
