"""A number per design that behaves as one number, so that formulae written for one design serve all of them at once.

Elementwise arithmetic of float64 rounds as that of one design does, so results are the same to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Many:
    """values: float64[designs]. Arithmetic with numbers and with others of the same length; hashed by content.

    True when any value is not 0. float() is the largest value, which answers whether any is infinite.
    """

    __slots__ = ("values",)

    def __init__(self, values: npt.ArrayLike) -> None:
        self.values: Floats = np.ascontiguousarray(values, np.float64)

    def _with(self, other: object, compute: Callable[[Any, Any], Any]) -> Many:
        return Many(compute(self.values, other.values if isinstance(other, Many) else other))

    def __add__(self, other: object) -> Many:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: object) -> Many:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: object) -> Many:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: object) -> Many:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: object) -> Many:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: object) -> Many:
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other: object) -> Many:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: object) -> Many:
        return self._with(other, lambda a, b: b / a)

    def __bool__(self) -> bool:
        return bool(self.values.any())

    def __float__(self) -> float:
        return float(self.values.max())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Many) and bool(np.array_equal(self.values, other.values))

    def __hash__(self) -> int:
        return hash(self.values.tobytes())

    def __repr__(self) -> str:
        return f"Many({self.values})"


def many(values: list[float]) -> Any:
    """One number where all designs agree, else a `Many`; None stays None."""
    first = values[0]
    return first if all(v == first for v in values) else Many(values)


def spread(value: object, count: int) -> Floats:
    """float64[designs] of a number or a `Many`."""
    if isinstance(value, Many):
        return value.values
    return np.full(count, float(value))  # type: ignore[arg-type]
