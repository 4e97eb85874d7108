"""Heat maps over tile sizes, one per mode, as SVG: rows are tile heights, columns tile widths, colour is logarithmic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import Any

from tileloom.report import quantities as q
from tileloom.report.markup import Child, Safe, el, join

CELL_W, CELL_H, LEFT, TOP, BOTTOM = 62, 30, 48, 8, 42
STOPS = ((0xF7, 0xF4, 0xD2), (0xF2, 0xB5, 0x5A), (0xD4, 0x4D, 0x5C), (0x5B, 0x1E, 0x6B), (0x1D, 0x10, 0x3D))
"""Light = little, dark = much; lightness alone tells them apart."""
Row = Mapping[str, Any]


def heat_maps(
    points: Sequence[Row],
    modes: Mapping[str, str],
    column: str,
    show: Callable[[float], str],
    objective_is_low: bool = True,
) -> Safe:
    """One map per mode on one colour scale. Points that failed are crossed out; the least of all is framed."""
    values = [p[column] for p in points if p[column] is not None]
    if not values:
        return el("p", "No point could run.", class_="soft")
    low, high = min(values), max(values)
    figures = []
    for mode, name in modes.items():
        own = {(p["tile_x"], p["tile_y"]): p for p in points if str(p["mode"]) == mode}
        figures.append(el("figure", el("figcaption", name), _map(own, column, show, low, high, objective_is_low)))
    return join((el("div", figures, class_="maps"), _scale(low, high, show)))


def _map(
    own: Mapping[tuple[int, int], Row], column: str, show: Callable[[float], str], low: float, high: float, frame: bool
) -> Safe:
    xs, ys = sorted({x for x, _ in own}), sorted({y for _, y in own})
    width, height = LEFT + CELL_W * len(xs) + 4, TOP + CELL_H * len(ys) + BOTTOM
    parts: list[Child] = []
    for j, y in enumerate(ys):
        top = TOP + CELL_H * j
        parts.append(el("text", str(y), x=LEFT - 7, y=top + CELL_H / 2 + 4, class_="tick", text_anchor="end"))
        for i, x in enumerate(xs):
            point = own.get((x, y))
            if point is not None:
                parts.append(_cell(point, column, show, low, high, LEFT + CELL_W * i, top, frame))
    bottom = TOP + CELL_H * len(ys)
    for i, x in enumerate(xs):
        parts.append(
            el("text", str(x), x=LEFT + CELL_W * (i + 0.5), y=bottom + 16, class_="tick", text_anchor="middle")
        )
    parts.append(
        el("text", "width (x)", x=LEFT + CELL_W * len(xs) / 2, y=bottom + 34, class_="axis", text_anchor="middle")
    )
    middle = TOP + CELL_H * len(ys) / 2
    parts.append(
        el(
            "text",
            "height (y)",
            x=11,
            y=middle,
            class_="axis",
            text_anchor="middle",
            transform=f"rotate(-90 11 {middle})",
        )
    )
    style = f"max-width:{round(width * 1.3)}px"
    return el("svg", parts, viewBox=f"0 0 {width} {height}", class_="heat", role="img", style=style)


def _cell(
    point: Row, column: str, show: Callable[[float], str], low: float, high: float, x: float, y: float, frame: bool
) -> Safe:
    value = point[column]
    where = f"tile {point['tile_x']} x {point['tile_y']}"
    if value is None:
        tip = el("title", f"{where}: {point['reason']}")
        box = el("rect", tip, x=x + 1, y=y + 1, width=CELL_W - 2, height=CELL_H - 2, class_="failed")
        cross = el("path", d=f"M{x + 18} {y + 8}L{x + 44} {y + 22}M{x + 44} {y + 8}L{x + 18} {y + 22}", class_="cross")
        return el("g", box, cross)
    at = 0.0 if high <= low or low <= 0 else log(value / low) / log(high / low)
    fill, ink = colour(at), "#ffffff" if at > 0.45 else "#1b1f27"
    tip = el("title", f"{where}: {show(value)}")
    best = frame and value == low
    box = el(
        "rect", tip, x=x + 1, y=y + 1, width=CELL_W - 2, height=CELL_H - 2, rx=3, fill=fill,
        class_="best" if best else None,
    )  # fmt: skip
    label = el(
        "text",
        show(value),
        x=x + CELL_W / 2,
        y=y + CELL_H / 2 + 4,
        class_="value",
        text_anchor="middle",
        style=f"fill:{ink}",
    )
    return el("g", box, label)


def colour(at: float) -> str:
    """The colour at 0 (light) to 1 (dark)."""
    place = min(max(at, 0.0), 1.0) * (len(STOPS) - 1)
    low = min(int(place), len(STOPS) - 2)
    mixed = [round(a + (b - a) * (place - low)) for a, b in zip(STOPS[low], STOPS[low + 1])]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def _scale(low: float, high: float, show: Callable[[float], str]) -> Safe:
    steps = [el("i", style=f"background:{colour(i / 23)}") for i in range(24)]
    return el(
        "div", el("span", show(low)), el("span", steps, class_="ramp"), el("span", show(high)), class_="heatscale"
    )


def millijoule(picojoules: float) -> str:
    """Three digits in mJ, as in the published figure; other units where it is far from that."""
    return q.digits(picojoules / 1e9) if 1e7 <= picojoules < 1e13 else q.energy(picojoules).replace(" ", "")


def megacycles(cycles: float) -> str:
    return q.digits(cycles / 1e6) if 1e4 <= cycles < 1e10 else q.count(cycles).replace(" ", "")
