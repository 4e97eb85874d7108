"""What the evaluation of a range of designs gives, whichever engine did it: counts, the front, rows to keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Counts:
    """Designs: searched = evaluated + pruned + refused; valid are those evaluated ones that meet every limit.

    pruned    ruled out together with their sub-space, because its cheapest design would break a limit
    refused   that the model or the mapper takes no mapping for
    """

    searched: int = 0
    evaluated: int = 0
    valid: int = 0
    pruned: int = 0
    refused: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.searched + other.searched,
            self.evaluated + other.evaluated,
            self.valid + other.valid,
            self.pruned + other.pruned,
            self.refused + other.refused,
        )


@dataclass(frozen=True)
class Front:
    """Designs that no other one equals or beats in every objective; numbers ascending, values float64[n, objectives]."""

    indices: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """indices int64[n], metrics float64[n, 6] as in schema.METRICS; extra: further columns by name."""

    indices: npt.NDArray[np.int64]
    metrics: npt.NDArray[np.float64]
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class ChunkResult:
    """Of designs start .. stop - 1. fits: per row, whether its buffers are large enough; empty: all are."""

    start: int
    stop: int
    counts: Counts
    front: Front
    rows: Rows
    fits: tuple[bool, ...] = ()
