"""The best execution method of a layer over all perfect factor splits inside the chip's limits and the given filters.

`explore` walks the space with the compiled kernel; cost/models/dmazerunner/capacity.py defines what belongs to it. The steps by which the original
lowers its filters are in auto.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from time import perf_counter

import numpy as np
import numpy.typing as npt

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.core.factors import divisors
from tileloom.cost.kernels.dmazerunner_arrays import Ints, chip_numbers, nest_arrays
from tileloom.cost.models.dmazerunner.capacity import NO_FILTERS
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import order_names
from tileloom.mapping.notation.dmazerunner import ExecutionMethod
from tileloom.search.dmazerunner.bounds import bound_arrays
from tileloom.search.dmazerunner.chains import chain_tables
from tileloom.search.dmazerunner.kernels import walk
from tileloom.search.dmazerunner.outer import outer_tiles, register_front
from tileloom.search.dmazerunner.uneven import walk_uneven

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
    methods, _, values, factors, rows = _walk(nest, chip, pruning, faithful)
    best = {g: _best(nest, values[i], factors[i], rows[i]) for i, g in enumerate(GOALS)} if methods else None
    return Exploration(methods=int(methods), best=best, pruning=pruning, seconds=perf_counter() - started)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The best method of one objective, proven over the whole space; None when the space is empty.

    evaluated  methods whose cost was computed;  left_out: branches that the bounds cut off
    proven     False when the search stopped early; then nothing is below `floor`
    """

    best: Best | None
    evaluated: int
    left_out: int
    proven: bool = True
    floor: float = 0.0


def optimum(
    nest: Nest, chip: DmazeChip, goal: str, pruning: Pruning = NO_FILTERS, *, faithful: bool = True, known: float = inf
) -> Optimum:
    """The same best value as `explore`, with branches left out that cannot be below it (bounds.py).

    known  a value that some method of this space has; only methods below it are looked for, so None may come back
    """
    place = GOALS.index(goal)
    methods, left_out, values, factors, rows = _walk(nest, chip, pruning, faithful, goal=place, known=known)
    found = np.isfinite(values[place]) and values[place] < known
    best = _best(nest, values[place], factors[place], rows[place]) if found else None
    return Optimum(best=best, evaluated=int(methods), left_out=int(left_out))


def uneven_optimum(
    nest: Nest,
    chip: DmazeChip,
    goal: str,
    pruning: Pruning = NO_FILTERS,
    *,
    known: float = inf,
    most_steps: int = 2**62,
) -> Optimum:
    """`optimum` of the corrected model over tiles that need not divide, cut evenly (chains.py)."""
    place = GOALS.index(goal)
    a, b = nest_arrays(nest), bound_arrays(nest, chip, faithful=False)
    numbers, limits, extents = chip_numbers(nest, chip), _limits(chip, pruning), np.array(nest.extents, dtype=np.int64)
    alone = nest.reductions if pruning.no_spatial_reduction else frozenset()
    whole = nest.filters if pruning.no_feature_dram else frozenset()
    t = chain_tables(nest.extents, chip.cgra_size, chip.rf_elements, alone, whole)
    everything = chain_tables(nest.extents, chip.cgra_size, chip.rf_elements, frozenset(), frozenset())
    front = register_front(a.axes, a.starts, limits, b.lacking, everything.tiles, everything.counts)
    picked, floors = outer_tiles(
        place, a.axes, a.starts, limits, numbers, b.lacking, b.exclusive, t.tiles, t.counts, extents, front, known
    )
    rest, methods, left_out, value, factors, rows = walk_uneven(
        a.axes, a.starts, a.reductions, a.output_loops, a.table_starts, a.table, numbers, a.most, limits, b.lacking,
        b.exclusive, t.tiles, t.starts, t.holds, t.rows, t.cuts, extents, front, picked, floors,
        np.argsort(floors, kind="stable"), place, known, most_steps,
    )  # fmt: skip
    best = _best(nest, value, factors, rows) if value < known else None
    return Optimum(
        best=best,
        evaluated=int(methods),
        left_out=int(left_out),
        proven=not np.isfinite(rest),
        floor=float(min(rest, value)),
    )


def _best(nest: Nest, value: float, factors: Ints, rows: Ints) -> Best:
    arrays = nest_arrays(nest)
    dram, spm, rf, space = (tuple(int(f) for f in row) for row in factors)
    outer, inner = (order_names(nest, arrays.orders[arrays.table[r, 0]]) for r in rows)
    method = ExecutionMethod(
        loops=nest.loops, dram=dram, spm=spm, rf=rf, spatial=space, dram_order=outer, spm_order=inner
    )
    return Best(float(value), method)


def count_methods(nest: Nest, chip: DmazeChip, pruning: Pruning = NO_FILTERS, stop_at: int = 0) -> int:
    """Methods inside the limits and filters; stops counting at `stop_at` when that is positive."""
    return int(_walk(nest, chip, pruning, faithful=True, count_only=True, stop_at=stop_at)[0])


def _limits(chip: DmazeChip, pruning: Pruning) -> npt.NDArray[np.float64]:
    return np.array(
        [chip.cgra_size, chip.rf_elements, chip.spm_banks, chip.bank_bytes, chip.bytes_per_data,
         pruning.pe, pruning.rf, pruning.spm], dtype=np.float64
    )  # fmt: skip


_Walked = tuple[int, int, npt.NDArray[np.float64], Ints, Ints]


def _walk(
    nest: Nest,
    chip: DmazeChip,
    pruning: Pruning,
    faithful: bool,
    *,
    count_only: bool = False,
    stop_at: int = 0,
    goal: int = -1,
    known: float = inf,
) -> _Walked:
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
    limits = _limits(chip, pruning)
    last = np.array([len(d) - 1 for d in listed], dtype=np.int64)
    b = bound_arrays(nest, chip, faithful=faithful)
    found: _Walked = walk(
        a.axes, a.starts, a.reductions, a.output_loops, a.filters, a.table_starts, a.table, chip_numbers(nest, chip),
        faithful, a.most, table, quotient, last, limits, pruning.no_feature_dram, pruning.no_spatial_reduction,
        count_only, stop_at,
        goal, known, b.sizes, b.lacking, b.exclusive, b.dma,
    )  # fmt: skip
    return found
