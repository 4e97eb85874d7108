"""Charts of a study as HTML and SVG: heat maps, stacked bars, labelled points. Lines are in line_chart.py. Nothing from outside is needed.

Colours of heat maps are the memories' ramp on a logarithmic scale, dark = low; numbers stand in the cells where they fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from math import log10

from tileloom.core.units import ENERGY, common_unit
from tileloom.core.units import short as number
from tileloom.explore.study import Bars, Chart, HeatMap, Lines, Mark, Points
from tileloom.report.axis import Axis
from tileloom.report.charts import legend, stacked
from tileloom.report.line_chart import lines
from tileloom.report.markup import Safe, el, join, short
from tileloom.report.palette import RAMP_LIGHT, ramp

PART_COLOURS = ("var(--compute)", "var(--output)", "var(--input)", "var(--weight)", "var(--m0)", "var(--m1)")
SHADES = tuple(ramp(RAMP_LIGHT, 64))


def chart(drawn: Chart) -> Safe:
    """A card with the chart in it."""
    match drawn:
        case HeatMap():
            body = _maps(drawn)
        case Bars():
            body = _bars(drawn)
        case Lines():
            body = lines(drawn)
        case Points():
            body = _points(drawn)
    return el("section", el("h2", drawn.title), el("p", drawn.lead, class_="lead"), body, class_="card")


def _bars(drawn: Bars) -> Safe:
    few = len(drawn.parts) <= 2
    colours = (("var(--accent)", "var(--faint)") if few else PART_COLOURS)[: len(drawn.parts)]
    widest = max((_length(sum(values), drawn.logarithmic) for _, _, values, _ in drawn.rows), default=0.0)
    energies = [sum(values) for _, _, values, _ in drawn.rows]
    unit, scale = common_unit(energies, ENERGY) if drawn.unit == "pJ" else (drawn.unit, 1.0)
    lines = []
    for group, rows in groupby(drawn.rows, key=lambda row: row[0]):
        for i, (_, label, values, tail) in enumerate(rows):
            whole = sum(values)
            named = list(zip(drawn.parts, colours, values, strict=True))
            parts = [
                (f"{label} · {p}: {number(v / scale)} {unit}", c, _length(v, drawn.logarithmic)) for p, c, v in named
            ]
            first = " first" if i == 0 and group else ""
            lines.append(
                el(
                    "div",
                    el("b", group if i == 0 else ""),
                    el("span", label, class_="name", title=label),
                    stacked(parts, _length(whole, drawn.logarithmic), widest, "fixed"),
                    el("span", f"{number(whole / scale)} {unit if drawn.unit == 'pJ' else ''}", class_="num"),
                    el("span", tail, class_="num tail soft"),
                    class_=f"srow{first}",
                )
            )
    keys = legend(zip(drawn.parts, colours, strict=True)) if len(drawn.parts) > 1 else None
    return join((keys, el("div", lines, class_="sbars" if any(g for g, *_ in drawn.rows) else "sbars flat")))


def _length(value: float, logarithmic: bool) -> float:
    return log10(max(value, 1.0)) if logarithmic else value


def _maps(drawn: HeatMap) -> Safe:
    values = [v for _, rows in drawn.panels for row in rows for v in row if v is not None]
    low, high = (log10(min(values)), log10(max(values))) if values else (0.0, 0.0)
    scale = el(
        "p",
        number(10**low),
        el("span", "", class_="scale", style=f"background:linear-gradient(90deg,{','.join(SHADES[::8])})"),
        f"{number(10**high)} {drawn.unit}",
        *(
            el("span", el("i", "", class_="swatch", style=f"background:var(--{c})"), text, class_="key")
            for text, c in _mark_keys(drawn.marks)
        ),
        class_="legend",
    )
    alone = " alone" if len(drawn.panels) == 1 else ""
    panels = (
        el("div", el("h4", title), _map(drawn, number_, rows, low, high), class_=f"map{alone}")
        for number_, (title, rows) in enumerate(drawn.panels)
    )
    return join((scale, el("div", panels, class_="maps")))


def _mark_keys(marks: Sequence[Mark]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((m.text, "weight" if m.kind == "best" else "input") for m in marks))


def _map(drawn: HeatMap, panel: int, rows: Sequence[Sequence[float | None]], low: float, high: float) -> Safe:
    wide, tall = (60, 32) if len(drawn.panels) == 1 else (26, 22)
    ticks = "tick" if len(drawn.panels) == 1 else "small-tick"
    longest = max(map(len, (*drawn.rows, *drawn.columns)), default=0)
    slanted = max(map(len, drawn.columns), default=0) > 8 and len(drawn.panels) == 1
    left, top = max(62, 22 + 6.6 * longest), 6
    foot = 26 + 4.2 * longest if slanted else 40
    width, height = left + wide * len(drawn.columns) + 4, top + tall * len(rows) + foot
    cells = [
        _cell(drawn, (c, r), value, (left + wide * c, top + tall * r, wide, tall), low, high)
        for r, row in enumerate(rows)
        for c, value in enumerate(row)
    ]
    marks = [
        el("rect", x=left + wide * m.column + 1.5, y=top + tall * m.row + 1.5, width=wide - 3, height=tall - 3, rx=3,
           class_=f"mark-{m.kind}")
        for m in drawn.marks
        if m.panel == panel
    ]  # fmt: skip
    bottom = top + tall * len(rows)
    names = [
        _column_name(label, left + wide * (c + 0.5), bottom + 15, ticks, slanted)
        for c, label in enumerate(drawn.columns)
    ]
    names += [
        el("text", label, x=left - 6, y=top + tall * (r + 0.5) + 4, class_="tick", text_anchor="end")
        for r, label in enumerate(drawn.rows)
    ]
    middle = top + tall * len(rows) / 2
    axes = (
        el("text", drawn.x, x=left + wide * len(drawn.columns) / 2, y=height - 7, class_="axis"),
        el("text", drawn.y, x=12, y=middle, class_="axis", transform=f"rotate(-90 12 {middle:.0f})"),
    )
    return el("svg", cells, marks, names, axes, viewBox=f"0 0 {width} {height}", class_="plot", role="img",
              aria_label=f"{drawn.title}, {drawn.panels[panel][0]}")  # fmt: skip


def _column_name(label: str, x: float, y: float, class_: str, slanted: bool) -> Safe:
    if not slanted:
        return el("text", label, x=x, y=y, class_=class_, text_anchor="middle")
    return el(
        "text", label, x=x + 6, y=y, class_=class_, text_anchor="end", transform=f"rotate(-35 {x + 6:.0f} {y:.0f})"
    )


def _cell(
    drawn: HeatMap,
    place: tuple[int, int],
    value: float | None,
    box: tuple[float, float, float, float],
    low: float,
    high: float,
) -> Safe:
    x, y, wide, tall = box
    where = f"{drawn.columns[place[0]]} · {drawn.rows[place[1]]}"
    inside = len(drawn.panels) == 1
    if value is None:
        cell = el("rect", el("title", f"{where}: none"), x=x, y=y, width=wide, height=tall, class_="cell none")
        dash = el("text", "–", x=x + wide / 2, y=y + tall / 2, class_="cell-text tick") if inside else None
        return join((cell, dash))
    share = (log10(value) - low) / (high - low) if high > low else 0.0
    shade = SHADES[min(len(SHADES) - 1, int(share * (len(SHADES) - 1)))]
    tip = el("title", f"{where}: {value:.4g} {drawn.unit}")
    cell = el("rect", tip, x=x, y=y, width=wide, height=tall, class_="cell", fill=shade)
    ink = "on-dark" if share < 0.62 else "on-light"
    shown = el("text", f"{value:.2g}".replace("e+", "e"), x=x + wide / 2, y=y + tall / 2, class_=f"cell-text {ink}")
    return join((cell, shown if inside else None))


def _points(drawn: Points) -> Safe:
    if not drawn.points:
        return el("p", "Nothing to show.", class_="soft")
    width, height, left, top = 1080, 400, 84, 16
    right, bottom = width - 40, height - 54
    xs = Axis([p[1] for p in drawn.points], drawn.log_x, left, right - 150)
    ys = Axis([p[2] for p in drawn.points], drawn.log_y, bottom, top, drawn.from_zero)
    marks: list[Safe] = []
    for at, text in xs.ticks():
        marks.append(el("line", x1=at, x2=at, y1=top, y2=bottom, class_="grid"))
        marks.append(el("text", text, x=at, y=bottom + 18, class_="tick", text_anchor="middle"))
    for at, text in ys.ticks():
        marks.append(el("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
        marks.append(el("text", text, x=left - 8, y=at + 4, class_="tick", text_anchor="end"))
    corners = " ".join(f"{xs.at(p[1]):.1f},{ys.at(p[2]):.1f}" for p in drawn.points)
    if drawn.log_y:
        marks.append(el("polyline", points=corners, class_="curve"))
    taken: list[tuple[float, float]] = []
    for label, x, y, tip, strong in drawn.points:
        px, py = xs.at(x), ys.at(y)
        marks.append(
            el("circle", el("title", tip), cx=px, cy=py, r=7.0 if strong else 5.5, class_=f"dot{' strong' * strong}")
        )
        row = _free(taken, px, py)
        taken.append((px, row))
        marks.append(el("text", short(label, 60), x=px + 10, y=row + 4, class_="point-label"))
    axes = (
        el("text", drawn.x, x=(left + right) / 2, y=height - 12, class_="axis"),
        el(
            "text", drawn.y, x=16, y=(top + bottom) / 2, class_="axis", transform=f"rotate(-90 16 {(top + bottom) / 2})"
        ),
    )
    return el("svg", marks, axes, viewBox=f"0 0 {width} {height}", class_="plot", role="img", aria_label=drawn.title)


def _free(taken: Sequence[tuple[float, float]], x: float, y: float) -> float:
    """A height for a label at which none written before is in the way; upwards from the point."""
    row = y
    while any(abs(row - other) < 14 and abs(x - left) < 230 for left, other in taken):
        row -= 14
    return row
