"""dMazeRunner's auto-optimizer: strict filters first, lowered step by step until enough methods are found.

Every search starts from scratch. What a filter does is in full.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.search.dmazerunner.full import Exploration, count_methods, explore

START = Pruning(pe=0.8, rf=0.8, spm=0.5, no_feature_dram=True, no_spatial_reduction=True, min_methods=100)
STEP = 0.1


@dataclass(frozen=True, slots=True)
class AutoResult:
    """The last search, the filters of every round, and the filters as they stood at the end.

    thresholds  (PE, RF, SPM) at the end; below zero when the layer was given up, and then `exploration.best` is None
    """

    exploration: Exploration
    rounds: tuple[Pruning, ...]
    thresholds: tuple[float, float, float]
    pruning: Pruning

    @property
    def given_up(self) -> bool:
        return self.exploration.best is None


def auto_optimize(
    nest: Nest,
    chip: DmazeChip,
    start: Pruning = START,
    *,
    begin_reduce_spm: float = 0.6,
    disable_prunings: float = 0.3,
    faithful: bool = True,
) -> AutoResult:
    """Search; while fewer than `start.min_methods` methods are found, lower the filters and search again.

        PE, RF -= 0.1;  SPM -= 0.1 once PE or RF <= begin_reduce_spm;
        prunings off and one method is enough once PE or RF <= disable_prunings;  give up below zero
    Subtractions are in double precision as written there, so 0.8 - 0.1 - 0.1 is not yet <= 0.6.
    """
    current, rounds = start, [start]
    pe, rf, spm = start.pe, start.rf, start.spm
    methods = count_methods(nest, chip, current, current.min_methods)
    while methods < current.min_methods:
        lowered = pe > 0 and rf > 0
        if lowered:
            pe, rf = pe - STEP, rf - STEP
        if pe <= begin_reduce_spm or rf <= begin_reduce_spm:
            spm -= STEP
        if pe <= disable_prunings or rf <= disable_prunings:
            current = replace(current, no_feature_dram=False, no_spatial_reduction=False, min_methods=1)
        if min(pe, rf, spm) < 0:
            nothing = Exploration(methods=methods, best=None, pruning=current)
            return AutoResult(nothing, tuple(rounds), (pe, rf, spm), current)
        current = replace(current, pe=pe, rf=rf, spm=spm)
        rounds.append(current)
        methods = count_methods(nest, chip, current, current.min_methods)
    return AutoResult(explore(nest, chip, current, faithful=faithful), tuple(rounds), (pe, rf, spm), current)
