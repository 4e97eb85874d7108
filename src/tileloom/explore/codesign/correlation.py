"""Spearman rank correlation between accelerators: do they order the networks alike? The ground semi-decoupled search stands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SAFE, SURE = 0.9, 0.97
"""Below SAFE an order of networks says little about another accelerator."""


def average_ranks(values: Floats) -> Floats:
    """Ranks of each row from 1; equal values share the mean of their places.

    >>> average_ranks(np.array([[3.0, 1.0, 3.0]])).tolist()
    [[2.5, 1.0, 2.5]]
    """
    ranks = np.empty(values.shape)
    for row, out in zip(values, ranks):
        _, place, counts = np.unique(row, return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        out[:] = (last - (counts - 1) / 2)[place]
    return ranks


def spearman(values: Floats) -> Floats:
    """[H, H] correlations of the rows of values[H, A]; nan where a row is constant."""
    ranks = average_ranks(values)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        table = (centred @ centred.T) / np.outer(norms, norms)
    return np.where(np.isfinite(table), np.clip(table, -1.0, 1.0), np.nan)


@dataclass(frozen=True, slots=True)
class PairSummary:
    """Correlations over pairs of different accelerators of two families.

    least, mean, median   of them;  safe, sure: share that is at least 0.9 and 0.97;  worst: the labels of the least
    """

    families: tuple[str, str]
    pairs: int
    least: float
    mean: float
    median: float
    safe: float
    sure: float
    worst: tuple[str, str]


def summarise(matrix: Floats, labels: Sequence[str], families: Sequence[str]) -> tuple[PairSummary, ...]:
    """All pairs first, as families ('all', 'all'), then by pair of families. Undefined correlations are left out."""
    kinds = list(dict.fromkeys(families))
    rows, columns = np.triu_indices(len(labels), 1)
    family = np.array(families)
    everything = _summary(("all", "all"), matrix, labels, rows, columns)
    found = [everything]
    for a, b in combinations_with_replacement(kinds, 2) if len(kinds) > 1 else ():
        here = ((family[rows] == a) & (family[columns] == b)) | ((family[rows] == b) & (family[columns] == a))
        found.append(_summary((a, b), matrix, labels, rows[here], columns[here]))
    return tuple(f for f in found if f is not None)


def _summary(
    families: tuple[str, str],
    matrix: Floats,
    labels: Sequence[str],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
) -> PairSummary | None:
    values = matrix[rows, columns]
    known = np.isfinite(values)
    if not known.any():
        return None
    values, rows, columns = values[known], rows[known], columns[known]
    low = int(np.argmin(values))
    return PairSummary(
        families,
        len(values),
        float(values[low]),
        float(values.mean()),
        float(np.median(values)),
        float((values >= SAFE).mean()),
        float((values >= SURE).mean()),
        (labels[int(rows[low])], labels[int(columns[low])]),
    )


def medoid(matrix: Floats, places: Sequence[int]) -> int:
    """Of these accelerators the one that orders networks most like the others: the highest sum of correlations."""
    inside = np.nan_to_num(matrix[np.ix_(list(places), list(places))], nan=-1.0)
    return list(places)[int(np.argmax(inside.sum(axis=1)))]
