"""The trade-offs of one layer as SVG: energy against latency of every mapping that no other beats in both.

Drawn only where the search was asked for the whole front. Other drawings are in charts.py and roofline.py.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor, log10

from tileloom.core.units import ENERGY, common_unit
from tileloom.report import quantities as q
from tileloom.report.data import FrontPoint, LayerData
from tileloom.report.markup import Child, Safe, el

WIDTH, HEIGHT = 430, 210
LEFT, RIGHT, TOP, BOTTOM = 66, 28, 12, 44
LOG_FROM = 10
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


class _Scale:
    """Values of one axis onto [start, end] of the drawing, with some air at both ends."""

    def __init__(self, values: list[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        self.log = low > 0 and high / low >= LOG_FROM
        low, high = (log10(low), log10(high)) if self.log else (low, high)
        air = 0.08 * (high - low) or 0.08 * abs(high) or 1.0
        self.low, self.high, self.start, self.end = low - air, high + air, start, end

    def __call__(self, value: float) -> float:
        at = log10(value) if self.log else value
        return self.start + (at - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Three to six round values."""
        if self.log:
            decades = range(floor(self.low), ceil(self.high) + 1)
            steps = (1, 2, 5) if self.high - self.low < 2 else (1,)
            return [s * 10.0**d for d in decades for s in steps if self.low <= log10(s * 10.0**d) <= self.high]
        rough = (self.high - self.low) / 4.001
        power = 10.0 ** floor(log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
        return [i * step for i in range(ceil(self.low / step), floor(self.high / step) + 1)]


def front_part(layer: LayerData) -> list[Child]:
    """Heading and drawing for the section of a layer; a sentence for a single point, nothing without a front."""
    if not layer.front:
        return []
    title = el("h4", "Energy against latency")
    if len(layer.front) == 1:
        return [title, el("p", "One mapping has both the least energy and the least latency: there is no trade-off.")]
    first, last = layer.front[0], layer.front[-1]
    words = (
        f"{len(layer.front)} mappings that no other beats in both, from {_values(first)} to {_values(last)}. "
        "The filled one is drawn on the left; all are in the run directory, numbered from the least energy."
    )
    return [title, front_plot(layer.front), el("p", words, class_="soft")]


def front_plot(front: tuple[FrontPoint, ...]) -> Safe:
    """The drawing of at least one point; `front` has ascending energy and descending cycles."""
    name, unit = common_unit((p.energy_pj for p in front), ENERGY)
    x = _Scale([p.cycles for p in front], LEFT, WIDTH - RIGHT)
    y = _Scale([p.energy_pj / unit for p in front], HEIGHT - BOTTOM, TOP)
    places = [(x(p.cycles), y(p.energy_pj / unit)) for p in front]
    drawn = [*_grid(x, y, name), el("polyline", points=_stairs(places), class_="front")]
    for number, (point, (cx, cy)) in enumerate(zip(front, places), start=1):
        tip = el("title", f"No. {number}: {_values(point)}")
        kind = "front-point chosen" if point.chosen else "front-point"
        drawn.append(el("circle", tip, cx=cx, cy=cy, r=5 if point.chosen else 4, class_=kind))
    label = f"Energy against latency of {len(front)} mappings"
    return el("svg", drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="plot", role="img", aria_label=label)


def _values(point: FrontPoint) -> str:
    return f"{q.energy(point.energy_pj)} in {q.count(point.cycles)} cycles"


def _stairs(places: list[tuple[float, float]]) -> str:
    """The least energy within so many cycles: up to the next point's energy, then along to its cycles."""
    corners = places[:1]
    for (before, _), (x, y) in pairwise(places):
        corners += [(before, y), (x, y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _grid(x: _Scale, y: _Scale, unit: str) -> list[Safe]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    drawn = []
    for value in x.ticks():
        drawn.append(el("line", x1=x(value), x2=x(value), y1=TOP, y2=bottom, class_="grid"))
        drawn.append(el("text", q.count(value), x=x(value), y=bottom + 16, class_="tick", text_anchor="middle"))
    for value in y.ticks():
        drawn.append(el("line", x1=LEFT, x2=right, y1=y(value), y2=y(value), class_="grid"))
        drawn.append(el("text", f"{value:.6g}", x=LEFT - 6, y=y(value) + 4, class_="tick", text_anchor="end"))
    middle = (TOP + bottom) / 2
    drawn.append(el("text", "cycles", x=(LEFT + right) / 2, y=HEIGHT - 8, class_="axis"))
    drawn.append(el("text", unit, x=14, y=middle, class_="axis", transform=f"rotate(-90 14 {middle})"))
    return drawn
