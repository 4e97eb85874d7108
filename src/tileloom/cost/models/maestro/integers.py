"""Whole-number rules of the original: division that truncates toward zero, and ratios that may be nan or inf."""

from __future__ import annotations

from math import copysign, inf, nan


def div(a: int, b: int) -> int:
    """a / b truncated toward zero, as C does. b is never zero here.

    >>> div(7, 2), div(-7, 2)
    (3, -3)
    """
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def ceil_div(a: int, b: int) -> int:
    """The smallest whole number not below a / b."""
    return -(-a // b)


def ratio(a: float, b: float) -> float:
    """a / b as IEEE gives it: nan for 0/0, inf for x/0."""
    if b == 0:
        return nan if a == 0 or a != a else copysign(inf, a)
    return a / b
