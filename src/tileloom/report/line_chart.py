"""Lines of several series over one axis, each in its colour with its name at the end. SVG text, nothing from outside."""

from __future__ import annotations

from tileloom.explore.study import Lines
from tileloom.report.axis import Axis
from tileloom.report.markup import Safe, el, short

COLOURS = (
    "var(--input)",
    "var(--weight)",
    "var(--output)",
    "var(--accent)",
    "var(--bad)",
    "var(--m0)",
    "var(--compute)",
)
LEFT, TOP, WIDTH, HEIGHT, NAMES = 84.0, 16.0, 1080.0, 400.0, 200.0
APART = 15.0
"""Pixels between two names."""


def lines(drawn: Lines) -> Safe:
    """The plot, or a sentence when there is nothing in it."""
    points = [p for _, series in drawn.series for p in series]
    if not points:
        return el("p", "Nothing to show.", class_="soft")
    right, bottom = WIDTH - NAMES, HEIGHT - 54
    xs = Axis([p[0] for p in points], drawn.log_x, LEFT, right, from_zero=False)
    ys = Axis([p[1] for p in points], drawn.log_y, bottom, TOP, from_zero=False)
    marks: list[Safe] = []
    for at, text in [(xs.at(v), t) for v, t in drawn.ticks] or list(xs.ticks()):
        marks.append(el("line", x1=at, x2=at, y1=TOP, y2=bottom, class_="grid"))
        marks.append(el("text", text, x=at, y=bottom + 18, class_="tick", text_anchor="middle"))
    for at, text in ys.ticks():
        marks.append(el("line", x1=LEFT, x2=right, y1=at, y2=at, class_="grid"))
        marks.append(el("text", text, x=LEFT - 8, y=at + 4, class_="tick", text_anchor="end"))
    for i, (_, series) in enumerate(drawn.series):
        colour = COLOURS[i % len(COLOURS)]
        corners = " ".join(f"{xs.at(x):.1f},{ys.at(y):.1f}" for x, y, _ in series)
        marks.append(el("polyline", points=corners, fill="none", stroke=colour, stroke_width=2))
        marks += [
            el("circle", el("title", tip), cx=round(xs.at(x), 1), cy=round(ys.at(y), 1), r=4, fill=colour)
            for x, y, tip in series
        ]
    marks += _names(drawn, xs, ys, bottom)
    middle = (TOP + bottom) / 2
    axes = (
        el("text", drawn.x, x=(LEFT + right) / 2, y=HEIGHT - 12, class_="axis"),
        el("text", drawn.y, x=16, y=middle, class_="axis", transform=f"rotate(-90 16 {middle})"),
    )
    return el(
        "svg", marks, axes, viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}", class_="plot", role="img", aria_label=drawn.title
    )


def _names(drawn: Lines, xs: Axis, ys: Axis, bottom: float) -> list[Safe]:
    """Each name right of its last point; those that would overlap are moved apart, upwards from the lowest."""
    ends = [(ys.at(series[-1][1]), i) for i, (_, series) in enumerate(drawn.series) if series]
    found: list[Safe] = []
    above = bottom + APART
    for y, i in sorted(ends, reverse=True):
        above = min(y, above - APART)
        name, series = drawn.series[i]
        x = xs.at(series[-1][0]) + 12
        found.append(
            el(
                "text",
                short(name, 28),
                x=x,
                y=above + 4,
                class_="point-label",
                style=f"fill:{COLOURS[i % len(COLOURS)]}",
            )
        )
    return found
