"""A drawn axis: values to places and ticks with round values. It draws nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, log10


class Axis:
    """Values to places along an axis, linear from zero or logarithmic."""

    def __init__(
        self, values: Sequence[float], logarithmic: bool, start: float, end: float, from_zero: bool = True
    ) -> None:
        self.start, self.end = start, end
        self.logarithmic = logarithmic and min(values) > 0
        if self.logarithmic:
            self.low, self.high = log10(min(values)) - 0.08, log10(max(values)) + 0.08
        elif from_zero or min(values) == max(values):
            self.low, self.high = 0.0, max(values) * 1.1 or 1.0
        else:
            margin = 0.12 * (max(values) - min(values))
            self.low, self.high = min(values) - margin, max(values) + margin

    def at(self, value: float) -> float:
        place = log10(value) if self.logarithmic else value
        return self.start + (place - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        if self.logarithmic:
            whole, narrow = self.high - self.low > 2.5, self.high - self.low < 0.8
            for power in range(floor(self.low), ceil(self.high) + 1):
                for digit in (1,) if whole else range(1, 10) if narrow else (1, 2, 5):
                    value = digit * 10.0**power
                    if self.low <= log10(value) <= self.high:
                        yield self.at(value), f"{value:g}" if 1e-3 <= value < 1e6 else f"{value:.0e}".replace("e+", "e")
            return
        span = self.high - self.low
        step = 10.0 ** floor(log10(span))
        step = next(s for s in (step / 10, step / 5, step / 2, step, 2 * step) if span / s <= 8)
        for i in range(ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9) + 1):
            yield self.at(i * step), f"{i * step:.6g}"
