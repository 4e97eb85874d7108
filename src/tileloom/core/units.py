"""Numbers as people read them: one unit for a whole column, so that its numbers can be compared by eye."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ENERGY: tuple[tuple[str, float], ...] = (("pJ", 1.0), ("nJ", 1e3), ("µJ", 1e6), ("mJ", 1e9), ("J", 1e12))
"""Units of energy, in pJ."""
COUNT: tuple[tuple[str, float], ...] = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))


def common_unit(
    values: Iterable[float], ladder: Sequence[tuple[str, float]], at_least: float = 1.0
) -> tuple[str, float]:
    """The largest unit of the ladder in which the largest value is at least `at_least`.

    >>> common_unit([2.5e6, 40.0], ENERGY)
    ('µJ', 1000000.0)
    """
    largest = max((abs(v) for v in values), default=0.0)
    fitting = [unit for unit in ladder if largest >= at_least * unit[1]]
    return fitting[-1] if fitting else ladder[0]


def short(value: float) -> str:
    """Three or four significant digits, thousands separated, no exponent for readable numbers; whole ones stay whole.

    >>> short(1234.6), short(12.346), short(0.01234), short(24), short(2**60)
    ('1,235', '12.35', '0.0123', '24', '1.153e+18')
    """
    size = abs(value)
    if size >= 1e15:
        return f"{value:.3e}"
    if size >= 1000 or value == int(value):
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3g}"
