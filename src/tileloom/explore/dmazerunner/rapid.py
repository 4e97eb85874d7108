"""The rapid-exploration study: what each combination of filters leaves of the mapping space, and what it loses.

The original compared its filters with each other; here the whole space, without any filter, is the measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf
from time import process_time

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.search.dmazerunner.full import GOALS, count_methods, explore, optimum
from tileloom.workload.frontends.dmazerunner import DmazeLayer

UTILISATION = (0.8, 0.8, 0.5)
"""Least use of PEs, registers and scratchpad. Source: dMazeRunner, rapid exploration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RapidRow:
    """One combination of filters.

    methods      how many mappings it leaves; at least that many where `counted_all` is False
    best         least pJ, cycles and pJ * cycles; None when it leaves nothing
    enumerated   every mapping was costed; False: the best ones were proven by bounds, `costed` mappings looked at
    count_seconds, seconds   CPU time to count, and to find the best of all three objectives
    """

    pruning: Pruning
    methods: int
    counted_all: bool
    best: Mapping[str, float] | None
    enumerated: bool
    costed: int
    count_seconds: float
    seconds: float

    @property
    def utilisation(self) -> bool:
        return self.pruning.pe > 0

    @property
    def filters(self) -> str:
        """The filters in words."""
        used = [
            name
            for name, on in (
                ("utilisation", self.utilisation),
                ("no filter loops at DRAM", self.pruning.no_feature_dram),
                ("no reduction across PEs", self.pruning.no_spatial_reduction),
            )
            if on
        ]
        return ", ".join(used) or "none (the whole space)"

    def lost(self, objective: str, whole: RapidRow) -> float | None:
        """Share by which its best is above the whole space's."""
        if self.best is None or whole.best is None:
            return None
        return self.best[objective] / whole.best[objective] - 1


def combinations() -> tuple[Pruning, ...]:
    """The eight combinations, the strictest first; the last is the whole space."""
    pe, rf, spm = UTILISATION
    return tuple(
        Pruning(
            pe=pe if used else 0,
            rf=rf if used else 0,
            spm=spm if used else 0,
            no_feature_dram=feature,
            no_spatial_reduction=reduction,
        )
        for used, feature, reduction in product((True, False), repeat=3)
    )


def rapid_study(
    layer: DmazeLayer,
    chip: DmazeChip | None = None,
    *,
    faithful: bool = False,
    count_to: int = 20_000_000,
    enumerate_to: int = 200_000,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[RapidRow, ...]:
    """Every combination of filters on one layer.

    count_to      counting stops there;  enumerate_to: up to that many mappings all are costed, else bounds prove the best
    """
    nest, machine = Nest.of(layer.problem()), chip or DmazeChip()
    # Compiled before the first clock starts.
    count_methods(nest, machine, stop_at=1)
    optimum(nest, machine, "edp", combinations()[0], faithful=faithful, known=0.0)
    rows: list[RapidRow] = []
    for pruning in combinations():
        rows.append(_row(nest, machine, pruning, faithful, count_to, enumerate_to, rows))
        if progress is not None:
            progress(rows[-1].filters, len(rows), 8)
    return tuple(rows)


def _row(
    nest: Nest,
    chip: DmazeChip,
    pruning: Pruning,
    faithful: bool,
    count_to: int,
    enumerate_to: int,
    stricter: list[RapidRow],
) -> RapidRow:
    start = process_time()
    methods = count_methods(nest, chip, pruning, count_to)
    counted = process_time() - start
    start = process_time()
    enumerated = methods <= enumerate_to and methods < count_to
    best: dict[str, float] = {}
    if enumerated:
        found = explore(nest, chip, pruning, faithful=faithful)
        best = {g: b.value for g, b in found.best.items()} if found.best else {}
        costed = found.methods
    else:
        costed = 0
        for goal in GOALS:
            known = min((r.best[goal] for r in stricter if r.best and _within(r.pruning, pruning)), default=inf)
            proven = optimum(nest, chip, goal, pruning, faithful=faithful, known=known)
            costed += proven.evaluated
            value = proven.best.value if proven.best else known
            if value < inf:
                best[goal] = value
    return RapidRow(
        pruning=pruning,
        methods=methods,
        counted_all=methods < count_to,
        best=best or None,
        enumerated=enumerated,
        costed=costed,
        count_seconds=counted,
        seconds=process_time() - start,
    )


def _within(inner: Pruning, outer: Pruning) -> bool:
    """Whether everything that passes `inner` passes `outer`."""
    return (
        inner.pe >= outer.pe
        and inner.rf >= outer.rf
        and inner.spm >= outer.spm
        and inner.no_feature_dram >= outer.no_feature_dram
        and inner.no_spatial_reduction >= outer.no_spatial_reduction
    )
