"""What one kind of problem costs at least, whatever the others do: the sum over problems is the first bound of a graph.

The better it is, the fewer choices of memories and loops have to be listed.
"""

from __future__ import annotations

from math import inf

import numpy as np

from tileloom.fusion.optimal.budget import Budget
from tileloom.fusion.optimal.exact import refine
from tileloom.fusion.optimal.rows import KindRows
from tileloom.search.optimal.kernels import EDP, LATENCY

STEP = 1.01
"""Growth of the limit up to which choices are listed."""


def least_of(kind: KindRows, budget: Budget) -> tuple[float, float]:
    """(energy, cycles) of the cheapest group: exact for one objective; for EDP the first bounds of both.

    Raises OutOfBudgetError.
    """
    least = kind.least()
    if kind.kind.problem.copy or kind.objective == EDP or not len(kind.bounds):
        return least
    column = 1 if kind.objective == LATENCY else 0
    limit, listed = least[column], -inf
    while True:
        if limit > listed:
            kind.expand(limit, (0.0, 0.0))
            listed = limit
        costs = kind.known(inf)[0][:, column]
        best = int(np.argmin(costs)) if len(costs) else -1
        value = float(costs[best]) if len(costs) else inf
        if value > limit:
            # What is not listed yet costs more than the limit.
            unlisted = kind.next_bound()
            if unlisted >= value:
                limit = value
                if value == inf:
                    break
                continue
            limit = min(value, max(unlisted, limit * STEP))
        elif kind.listed[best].refined:
            break
        else:
            budget.spend()
            refine(kind, kind.listed[best])
    return (0.0, value) if column else (value, 0.0)
