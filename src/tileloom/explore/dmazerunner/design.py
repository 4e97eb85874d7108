"""The full design sweep: PEs, scratchpad and registers, filters found per point, then the best EDP at each.

`faithful` repeats the original with its three mistakes: the plausibility filter is inverted, the energies of the sizes
never reach the model, and the label of the registers in bytes is taken for values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.explore.dmazerunner.memory import BANK_BYTES, SPM_PJ
from tileloom.search.dmazerunner.full import Exploration, count_methods, explore
from tileloom.workload.frontends.dmazerunner import DmazeLayer

PES = tuple(2**k for k in range(6, 17))
SPM_ENERGY = {**SPM_PJ, 2048: 68.3475, 4096: 99.0984375}
RF_BYTES = tuple(2**k for k in range(11))
RF_PJ_PER_BYTE = 0.001875
FIRST, STEP, ENOUGH = 0.99, 0.03, 10
MAX_RF_TOTAL = 256 * 1024
MAX_RATIO = 16


@dataclass(frozen=True, slots=True)
class DesignPoint:
    pes: int
    spm_kib: int
    rf_bytes: int

    @property
    def plausible(self) -> bool:
        """Registers of all PEs within 256 Ki values of two bytes, neither memory more than 16 times the other."""
        total = self.pes * self.rf_bytes
        return total <= 2 * MAX_RF_TOTAL and 1 / MAX_RATIO <= self.spm_kib * 1024 / total <= MAX_RATIO

    def chip(self, *, faithful: bool = False) -> DmazeChip:
        """Its chip; the corrected one has registers of at least one value, and the energies of its sizes."""
        chip = DmazeChip(
            cgra_size=self.pes,
            rf_elements=self.rf_bytes if faithful else self.rf_bytes / 2,
            spm_banks=self.spm_kib * 1024 / 2 / BANK_BYTES,
            bank_bytes=BANK_BYTES,
        )
        if faithful:
            return chip
        return replace(chip, rf_energy=RF_PJ_PER_BYTE * self.rf_bytes, spm_energy=SPM_ENERGY[self.spm_kib])


@dataclass(frozen=True, slots=True)
class DesignRow:
    """pruning: the first filters under which enough mappings exist; None when there are none, and then no exploration."""

    point: DesignPoint
    pruning: Pruning | None
    exploration: Exploration | None

    @property
    def edp(self) -> float:
        """The best EDP, or -1 as in the original's tables."""
        best = self.exploration.best if self.exploration else None
        return best["edp"].value if best else -1.0


def points(
    pes: Iterable[int] = PES,
    spm_kib: Iterable[int] = tuple(SPM_ENERGY),
    rf_bytes: Iterable[int] = RF_BYTES,
    *,
    faithful: bool = False,
) -> tuple[DesignPoint, ...]:
    """Points of the grid that are evaluated: the plausible ones, or the others where the original is repeated."""
    spm, rf = tuple(spm_kib), tuple(rf_bytes)
    grid = [DesignPoint(p, s, r) for p in pes for s in spm for r in rf]
    return tuple(p for p in grid if p.plausible != faithful)


def find_pruning(nest: Nest, chip: DmazeChip) -> Pruning | None:
    """The strictest filters, from 0.99 down in steps of 0.03, that leave at least 10 mappings; None when none do.

    At the bottom the filter loops are set free, then the spatial reduction.
    """
    current = Pruning(pe=FIRST, rf=FIRST, spm=FIRST, no_feature_dram=True, no_spatial_reduction=True)
    while count_methods(nest, chip, current, ENOUGH) < ENOUGH:
        lowest = min(current.pe, current.rf, current.spm)
        if abs(lowest) >= STEP:
            current = replace(current, pe=current.pe - STEP, rf=current.rf - STEP, spm=current.spm - STEP)
        elif current.no_feature_dram:
            current = replace(current, no_feature_dram=False)
        elif current.no_spatial_reduction:
            current = replace(current, no_spatial_reduction=False)
        else:
            return None
    return current


def design_sweep(
    layer: DmazeLayer,
    chosen: Iterable[DesignPoint],
    *,
    faithful: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[DesignRow, ...]:
    """Filters and the best mapping of each point."""
    nest = Nest.of(layer.problem())
    rows: list[DesignRow] = []
    todo = tuple(chosen)
    for point in todo:
        chip = point.chip(faithful=faithful)
        pruning = find_pruning(nest, chip)
        found = None if pruning is None else explore(nest, chip, pruning, faithful=faithful)
        rows.append(DesignRow(point, pruning, found))
        if progress is not None:
            progress(f"{point.pes} PEs", len(rows), len(todo))
    return tuple(rows)
