"""NeuroSpector's brute force: every table over the searched rows, the lowest total, ties to the smaller DRAM row.

Only for tiny layers; the number of tables is known beforehand and a limit refuses more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.core.errors import UnsupportedError
from tileloom.cost.models.neurospector.analysis import analyze_packed
from tileloom.cost.models.neurospector.machine import pack
from tileloom.search.neurospector.bottom_up import (
    Chosen,
    Metric,
    Mode,
    as_table,
    dataflow_choices,
    searched_rows,
    untouched,
)  # fmt: skip
from tileloom.search.neurospector.kernels import search_all
from tileloom.search.neurospector.splits import joint_splits
from tileloom.workload.frontends.neurospector import ConvLayer

MAX_TABLES = 10**9


def brute_force(
    accelerator: Accelerator,
    layer: ConvLayer,
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = False,
    max_tables: int = MAX_TABLES,
) -> Chosen:
    """The best of all tables, over the dataflow combinations of `mode`. UnsupportedError above `max_tables` tables each."""
    rows = searched_rows(accelerator)
    splits = joint_splits(layer.dims, len(rows))
    if splits.total > max_tables:
        raise UnsupportedError(
            f"layer '{layer.name}' on '{accelerator.name}' has {splits.total} tables; brute force goes up to {max_tables}"
        )
    best = untouched(accelerator, layer, metric, faithful=faithful)
    evaluated = best.evaluated
    for choice in dataflow_choices(accelerator, mode):
        machine = pack(choice, layer.stride, faithful=faithful)
        seen, _, tables, priced = search_all(
            np.array(rows, dtype=np.int64),
            splits.size,
            splits.factor,
            machine.chip,
            machine.prices,
            metric == "energy",
            False,
        )
        evaluated += int(priced)
        if not seen[0]:
            continue
        analysis = analyze_packed(machine, as_table(tables[0]))
        if not best.feasible or not best.strategies or analysis.value(metric) < best.value:
            best = Chosen(accelerator=choice, layer=layer, metric=metric, strategies="all", analysis=analysis)
    return replace(best, evaluated=evaluated)
