"""The memory study at 256 PEs: sizes of scratchpad and register file, each with its energy, and the best EDP of a layer.

The grid of the whole design sweep is in design.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.search.dmazerunner.full import Exploration, explore
from tileloom.workload.frontends.dmazerunner import DmazeLayer

Variant = Literal["paper_settings", "shipped_code"]
BANK_BYTES = 2048
SPM_PJ = {16: 4.0, 32: 6.0, 64: 9.0, 128: 13.5, 256: 20.25, 512: 30.375, 1024: 45.5625}
"""Scratchpad size in KiB -> pJ per access. Source: dMazeRunner, memory study."""
RF_PJ = {16: 0.03, 32: 0.06, 64: 0.12, 128: 0.24, 256: 0.48, 512: 0.96, 1024: 1.92}
"""Register file in bytes -> pJ per access. Source: dMazeRunner, memory study."""

AUTHORS_BEST = {
    "resnet_conv1": (512, 256), "resnet_conv2_2": (512, 256), "resnet_conv3_2": (1024, 256),
    "resnet_conv4_2": (1024, 256), "resnet_conv5_1": (1024, 256), "resnet_conv5_2": (128, 256),
}  # fmt: skip
"""Scratchpad in KiB and registers in bytes with the least EDP. Source: the authors' tables, June 2019."""


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """A chip of the grid with the filters of its search."""

    spm_kib: int
    rf_bytes: int
    chip: DmazeChip
    pruning: Pruning


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """The best EDP at a point; None when no mapping passed the filters."""

    point: MemoryPoint
    exploration: Exploration

    @property
    def edp(self) -> float | None:
        best = self.exploration.best
        return None if best is None else best["edp"].value


def memory_point(spm_kib: int, rf_bytes: int, variant: Variant = "paper_settings", pes: int = 256) -> MemoryPoint:
    """Settings of one point.

    paper_settings  registers hold rf_bytes / 2 values, at least half the scratchpad is used: what the authors' tables
                    were made with
    shipped_code    the label in bytes is taken for values (twice the capacity), at least 0.6 of the scratchpad
    """
    shipped = variant == "shipped_code"
    chip = DmazeChip(
        cgra_size=pes,
        rf_elements=rf_bytes if shipped else rf_bytes / 2,
        spm_banks=spm_kib * 1024 / 2 / BANK_BYTES,
        bank_bytes=BANK_BYTES,
        rf_energy=RF_PJ[rf_bytes],
        spm_energy=SPM_PJ[spm_kib],
    )
    pruning = Pruning(pe=0.8, rf=0.8, spm=0.6 if shipped else 0.5, no_feature_dram=True, no_spatial_reduction=True)
    return MemoryPoint(spm_kib, rf_bytes, chip, pruning)


def memory_study(
    layer: DmazeLayer,
    variant: Variant = "paper_settings",
    spm_kib: Iterable[int] = tuple(SPM_PJ),
    rf_bytes: Iterable[int] = tuple(RF_PJ),
    *,
    faithful: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[MemoryRow, ...]:
    """Every point of the grid, register file running fastest."""
    nest = Nest.of(layer.problem())
    registers = tuple(rf_bytes)
    points = [memory_point(spm, rf, variant) for spm in spm_kib for rf in registers]
    rows = []
    for done, point in enumerate(points, 1):
        rows.append(MemoryRow(point, explore(nest, point.chip, point.pruning, faithful=faithful)))
        if progress is not None:
            progress(f"{point.spm_kib} KiB, {point.rf_bytes} B", done, len(points))
    return tuple(rows)
