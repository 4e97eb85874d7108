"""Pareto fronts of stored designs, over parts and studies. The incremental front of a chunk is kernels.enter_front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tileloom.explore.sweep import kernels
from tileloom.explore.sweep.bulk import chosen_metrics, limits_of
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.study import Study

if TYPE_CHECKING:
    import polars as pl


def front_rows(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Rows that no other row equals or beats in every column (less is better), ascending; of equal rows the first.

    >>> front_rows(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]])).tolist()
    [0, 1]
    """
    found: npt.NDArray[np.int64] = kernels.front_rows(np.ascontiguousarray(values, np.float64))
    return found


def brute_force_front(values: npt.NDArray[np.float64]) -> list[int]:
    """The same by its definition, every row against every other."""
    found = []
    for i, row in enumerate(values):
        beaten = (values <= row).all(axis=1) & ((values < row).any(axis=1) | (np.arange(len(values)) < i))
        if not beaten.any():
            found.append(i)
    return found


def valid_rows(study: Study, frame: pl.DataFrame) -> pl.DataFrame:
    """Stored designs that meet every limit (all of them, unless the study keeps invalid ones), in order of design."""
    import polars as pl

    low, high = limits_of(study)
    meets = [pl.col(m).is_between(lo, hi) for m, lo, hi in zip(METRICS, low, high)]
    if "status" in frame.columns:
        meets.append(pl.col("status") != "infeasible")
    if "fits" in frame.columns:
        meets.append(pl.col("fits") == "yes")
    return frame.filter(pl.all_horizontal(meets)).sort("design")


def front_of(study: Study, frame: pl.DataFrame) -> pl.DataFrame:
    """The front of stored designs in the study's objectives."""
    valid = valid_rows(study, frame)
    return valid[objective_values(study.objectives, valid)] if len(valid) else valid


def objective_values(objectives: Sequence[str], frame: pl.DataFrame) -> npt.NDArray[np.int64]:
    _, signs = chosen_metrics(tuple(objectives))
    return front_rows(frame.select(objectives).to_numpy() * signs)
