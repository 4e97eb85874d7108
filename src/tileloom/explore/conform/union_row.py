"""One row of Union reference data: its name and how it is recomputed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tileloom.explore.conform.base import Check


@dataclass(frozen=True)
class UnionRow:
    """`checks` recomputes the row when called; TileloomError, KeyError or ValueError when that cannot be done."""

    name: str
    checks: Callable[[], Iterable[Check]]


def same(kind: str, row: str, what: str, expected: object, got: object) -> Check:
    """A check that two values are equal; long ones are shown shortened."""
    return Check(kind, row, what, expected == got, _shown(expected), _shown(got))


def _shown(value: object) -> float | str:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)[:200]
