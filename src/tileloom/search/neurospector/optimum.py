"""The best of all scheduling tables of a layer, proven: every other table has a bound that is no lower, or was priced.

The search is in proof.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import Literal

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.cost.models.neurospector.analysis import analyze_packed
from tileloom.cost.models.neurospector.machine import pack
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Mode, as_table, bottom_up
from tileloom.search.neurospector.proof import ROUNDING, LatticeSearch
from tileloom.workload.frontends.neurospector import ConvLayer

WRAPS = 2**32
"""Counts of the original wrap around here."""

Status = Literal["optimal", "stopped", "infeasible"]


@dataclass(frozen=True, kw_only=True)
class Proven:
    """The best table, or None where no table is valid. start: what bottom-up found;  lower_bound: no table costs less.

    priced   tables s opened and tables priced in the proof;  layouts: of chips, times dataflows;  seconds: CPU seconds of
             all, start_seconds of bottom-up
    """

    chosen: Chosen | None
    start: Chosen
    status: Status
    lower_bound: float
    priced: int
    layouts: int
    seconds: float
    start_seconds: float = 0.0

    @property
    def gap(self) -> float:
        """How much dearer bottom-up's table is, as a share of the best."""
        if self.chosen is None:
            return 0.0
        return self.start.value / self.chosen.value - 1

    @property
    def open_gap(self) -> float:
        """How far the best table found may still be above the optimum, as a share of its cost; 0 when proven."""
        if self.chosen is None or self.status == "optimal":
            return 0.0
        return 1 - self.lower_bound / self.chosen.value


def optimum(
    accelerator: Accelerator,
    layer: ConvLayer,
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = False,
    time_limit_s: float | None = None,
) -> Proven:
    """The best table over the dataflow combinations of `mode`, under the same rules and numbers as the analyzer's.

    time_limit_s: CPU seconds after which the search stops with the best table so far and a bound (status 'stopped').
    """
    started = process_time()
    start = bottom_up(accelerator, layer, metric, mode, faithful=faithful, complete=False)
    start_seconds = process_time() - started
    if faithful and 2 * layer.macs * max(1, layer.stride) ** 2 >= WRAPS:
        # Counts wrap around there in the original, so that larger traffic may cost less: nothing can be bounded.
        return Proven(
            chosen=start if start.feasible else None, start=start, status="stopped", lower_bound=0.0, priced=0, layouts=0,
            seconds=process_time() - started,
        start_seconds=start_seconds,
        )  # fmt: skip
    search = LatticeSearch(accelerator, layer, metric, mode, faithful)
    best = start.value * ROUNDING[faithful] if start.feasible else float("inf")
    stop = None if time_limit_s is None else started + time_limit_s
    lowest = search.run(best, stop)
    table = search.table()
    chosen = start if start.feasible else None
    if table is not None:
        choice, rows = table
        analysis = analyze_packed(pack(choice, layer.stride, faithful=faithful), as_table(rows))
        if chosen is None or analysis.value(metric) < chosen.value:
            chosen = Chosen(accelerator=choice, layer=layer, metric=metric, strategies="optimum", analysis=analysis)
    found = chosen.value if chosen else float("inf")
    if lowest is None and found > search.best * ROUNDING[faithful]:
        # The analyzer's price of the best table disagrees with the search's own: nothing is claimed.
        lowest = search.best
    status: Status = "stopped" if lowest is not None else "optimal" if chosen else "infeasible"
    return Proven(
        chosen=chosen, start=start, status=status, lower_bound=found if lowest is None else min(lowest, found),
        priced=search.priced, layouts=search.layouts, seconds=process_time() - started,
        start_seconds=start_seconds,
    )  # fmt: skip
