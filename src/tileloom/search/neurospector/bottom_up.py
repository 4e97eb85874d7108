"""NeuroSpector's bottom-up optimizer on its own tables: level by level from DRAM inwards, two candidates a level.

Faithful mode chooses the same tables and strategies; corrected mode checks a row's constraint once the row is decided
and says infeasible where the original answers with everything in DRAM.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tileloom.architecture.notation.neurospector import DATAFLOWS, TYPES, Accelerator, Buffer, Dataflow
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.analysis import Analysis, analyze_packed
from tileloom.cost.models.neurospector.machine import Machine, pack
from tileloom.mapping.notation.neurospector import (
    CHIP_X,
    DRAM,
    GB,
    LB,
    MAC_X,
    PE_X,
    REG,
    SchedulingTable,
    everything_in_dram,
)
from tileloom.search.neurospector.kernels import search_level
from tileloom.search.neurospector.splits import pairs, row_splits
from tileloom.workload.frontends.neurospector import ConvLayer

Metric = Literal["energy", "cycle"]
Mode = Literal["fixed", "flexible"]
Table = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The table that an optimizer chose. strategies: PM or SP per level, DRAM's first; '' where nothing was found.

    accelerator  with the dataflows that were chosen;  feasible: False where no valid table was found
    evaluated    whole tables whose cost was computed on the way
    """

    accelerator: Accelerator
    layer: ConvLayer
    metric: Metric
    strategies: str
    analysis: Analysis
    feasible: bool = True
    evaluated: int = field(default=1, compare=False)

    @property
    def table(self) -> SchedulingTable:
        return self.analysis.table

    @property
    def value(self) -> float:
        return self.analysis.value(self.metric)


def dataflow_choices(accelerator: Accelerator, mode: Mode) -> Iterator[Accelerator]:
    """The accelerator with every combination of dataflows that the mode allows, the local buffer's varying fastest."""
    if mode == "fixed":
        yield accelerator
        return
    local, gb = accelerator.local_buffer, accelerator.global_buffer
    for outer, inner in product(_flows(gb) if gb else (None,), _flows(local)):
        yield accelerator.with_dataflows(inner, outer)


def _flows(buffer: Buffer) -> tuple[Dataflow | None, ...]:
    if buffer.dataflow is None:
        return (None,)
    return tuple(f for f, t in zip(DATAFLOWS, TYPES) if t not in buffer.bypass)  # type: ignore[misc]


def searched_rows(accelerator: Accelerator) -> tuple[int, ...]:
    """Rows that a search fills: declared, not an axis of size 1, not a buffer of one element."""
    rows = []
    for first, name in ((MAC_X, "mac_array"), (PE_X, "pe_array"), (CHIP_X, "multi_chips")):
        array = accelerator.array(name)  # type: ignore[arg-type]
        rows += [first] * (array.size_x > 1) + [first + 1] * (array.size_y > 1)
    for row, buffer in ((LB, accelerator.local_buffer), (GB, accelerator.global_buffer)):
        if buffer is not None and not accelerator.holds_one_element(buffer):
            rows.append(row)
    return tuple(sorted([*rows, DRAM]))


def bottom_up(
    accelerator: Accelerator,
    layer: ConvLayer,
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = False,
    complete: bool = True,
) -> Chosen:
    """The best table over the dataflow combinations of `mode`, compared in order, the first of equals winning.

    complete: where the levels chosen one by one leave nothing valid (a row's constraint, a small buffer), the corrected
    mode looks at all tables, so that infeasible is said only of layers that no table fits; strategies are then 'all'.
    """
    best = untouched(accelerator, layer, metric, faithful=faithful)
    evaluated = best.evaluated
    for choice in dataflow_choices(accelerator, mode):
        found = one_dataflow(choice, layer, metric, faithful=faithful)
        evaluated += found.evaluated
        if found.value < best.value if faithful else _rank(found) < _rank(best):
            best = found
    if not (best.feasible or faithful or not complete):
        best = _any_table(accelerator, layer, metric, mode) or best
    return replace(best, evaluated=evaluated)


def _any_table(accelerator: Accelerator, layer: ConvLayer, metric: Metric, mode: Mode) -> Chosen | None:
    # Imported here because the proof starts from this search.
    from tileloom.search.neurospector.proof import LatticeSearch

    search = LatticeSearch(accelerator, layer, metric, mode, faithful=False)
    search.run(float("inf"))
    found = search.table()
    if found is None:
        return None
    analysis = analyze_packed(pack(found[0], layer.stride, faithful=False), as_table(found[1]))
    return Chosen(accelerator=found[0], layer=layer, metric=metric, strategies="all", analysis=analysis)


def untouched(accelerator: Accelerator, layer: ConvLayer, metric: Metric, *, faithful: bool) -> Chosen:
    """Everything in DRAM: what the optimizers start from, fitting or not."""
    machine = pack(accelerator, layer.stride, faithful=faithful)
    table = everything_in_dram(layer)
    return Chosen(
        accelerator=accelerator,
        layer=layer,
        metric=metric,
        strategies="",
        analysis=analyze_packed(machine, table),
        feasible=fits(machine, as_array(table)),
    )


def _rank(found: Chosen) -> tuple[bool, float]:
    return not found.feasible, found.value


@dataclass(frozen=True, eq=False)
class _Candidate:
    table: Table
    strategies: tuple[str, ...]


def one_dataflow(
    accelerator: Accelerator,
    layer: ConvLayer,
    metric: Metric,
    *,
    faithful: bool,
    start: Table | None = None,
    end: int = DRAM,
) -> Chosen:
    """Bottom-up for the dataflows of the accelerator, from `start` (everything in DRAM) and its row `end` inwards."""
    machine = pack(accelerator, layer.stride, faithful=faithful)
    table = np.ones((10, 8), dtype=np.int64) if start is None else start
    if start is None:
        table[DRAM] = layer.dims
    candidates = [_Candidate(table, ())]
    while end != REG:
        begin = _above(accelerator, end)
        candidates = [c for old in candidates for c in _level(accelerator, machine, old, begin, end, metric, faithful)]
        end = begin
    best, chosen = None, candidates[0]
    for candidate in candidates:
        analysis = analyze_packed(machine, as_table(candidate.table))
        if best is None or analysis.value(metric) < best.value(metric):
            best, chosen = analysis, candidate
    assert best is not None
    feasible = fits(machine, chosen.table)
    return Chosen(
        accelerator=accelerator,
        layer=layer,
        metric=metric,
        strategies="-".join(s for s in chosen.strategies if s),
        analysis=best,
        feasible=feasible,
        evaluated=len(candidates),
    )


def _level(
    accelerator: Accelerator, machine: Machine, old: _Candidate, begin: int, end: int, metric: Metric, faithful: bool
) -> list[_Candidate]:
    rows = tuple(r for r in searched_rows(accelerator) if begin < r < end)
    extents = tuple(int(v) for v in old.table[end])
    split, pair = row_splits(extents, len(rows)), pairs(extents)
    chip, outer_chip = machine.chip, machine.chip
    if not faithful:
        # Rows that a later split still changes are not decided, so their constraints wait.
        inner = [r for r in searched_rows(accelerator) if _above(accelerator, begin) < r < begin]
        chip = _deciding(machine, end if inner else begin)
        outer_chip = _deciding(machine, end + 1)
    buffer = {LB: accelerator.local_buffer, GB: accelerator.global_buffer}.get(begin)
    flow = 0 if buffer is None or buffer.dataflow is None else 1 + DATAFLOWS.index(buffer.dataflow)
    found, primary, supplementary = search_level(
        old.table, begin, end, np.array(rows, dtype=np.int64), split.size, split.factor, split.taken,
        pair.divisor, pair.size, pair.inner, pair.degree, chip, outer_chip, machine.prices, metric == "energy", flow,
    )  # fmt: skip
    if not found:
        return [_Candidate(old.table, (*old.strategies, ""))]
    results = [_Candidate(primary, (*old.strategies, "PM"))]
    if begin != REG and not np.array_equal(primary, supplementary):
        results.append(_Candidate(supplementary, (*old.strategies, "SP")))
    return results


def _deciding(machine: Machine, least: int) -> NDArray[np.int64]:
    """`chip` with the constraints of the rows from `least` outwards only."""
    chip = machine.chip.copy()
    chip[k.DECIDED] = sum(1 << i for i, row in enumerate((LB, GB, DRAM)) if row >= least)
    return chip


def _above(accelerator: Accelerator, end: int) -> int:
    """The row of the next buffer towards the multipliers that has a dataflow; 0 where there is none."""
    for row, buffer in ((GB, accelerator.global_buffer), (LB, accelerator.local_buffer)):
        if row < end and buffer is not None and buffer.dataflow is not None:
            return row
    return REG


def as_array(table: SchedulingTable) -> Table:
    return np.array(table.rows, dtype=np.int64)


def as_table(table: Table) -> SchedulingTable:
    return SchedulingTable(tuple(tuple(int(f) for f in row) for row in table))


def fits(machine: Machine, table: Table) -> bool:
    counts = np.zeros(k.COUNTS_SIZE, dtype=np.int64)
    k.count_tiles(table, machine.chip, counts)
    return bool(k.is_valid(table, machine.chip, counts))
