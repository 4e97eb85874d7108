"""The roofline as SVG: achieved MACs per cycle against MACs per byte moved at the outermost memory.

Roofs: the array's peak, and the outermost memory's bandwidth times intensity. Source: Williams, Waterman, Patterson,
"Roofline", CACM 52(4), 2009. Other memories' limits are not drawn; a point's colour names its bottleneck.
"""

from __future__ import annotations

from itertools import pairwise
from math import atan2, ceil, degrees, floor, log10, sqrt

from tileloom.report import quantities as q
from tileloom.report.data import LayerData, ReportData
from tileloom.report.markup import Safe, el, short
from tileloom.report.palette import component_colours

WIDTH, HEIGHT = 880, 430
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 22, 46
LABELLED = 10


class _Plane:
    """Log-log axes: decades [x0, x1] and [y0, y1] onto the drawing."""

    def __init__(self, xs: list[float], ys: list[float]) -> None:
        self.x0, self.x1 = _decades(xs)
        self.y0, self.y1 = _decades(ys)

    def x(self, value: float) -> float:
        return LEFT + (log10(value) - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (log10(value) - self.y0) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)


def _decades(values: list[float]) -> tuple[float, float]:
    """The range in tenths of a decade with some air, so that points are not drawn on the frame."""
    low, high = log10(min(values)) - 0.25, log10(max(values)) + 0.15
    if high - low < 1.5:
        low = high - 1.5
    return floor(low * 10) / 10, ceil(high * 10) / 10


def roofline(data: ReportData) -> Safe:
    """The drawing, or a sentence when no layer moves data at the outermost memory."""
    points = [(i, la, *_position(la)) for i, la in enumerate(data.layers) if la.mapped and la.outer_bits and la.cycles]
    if not points or data.outer_memory is None:
        return el("p", "No layer moves data at the outermost memory, so there is no roofline to draw.", class_="soft")
    peak = max(la.peak_macs_per_cycle for _, la, _, _ in points) or 1.0
    bandwidth = data.outer_memory.bits_per_cycle
    knee = [8 * peak / bandwidth] if bandwidth else []
    plane = _Plane([p[2] for p in points] + knee, [p[3] for p in points] + [peak])
    corners = _roofs(plane, peak, bandwidth)
    slope = f"{short(data.outer_memory.name, 16)} {q.plain((bandwidth or 0) / 8)} B/cycle"
    drawn = [
        *_grid(plane, data.outer_memory.name),
        el("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners), class_="roof"),
        *_roof_labels(corners, peak, slope, [(plane.x(p[2]), plane.y(p[3])) for p in points]),
        *_points(plane, points, data, [*_along(corners), _peak_box(corners)]),
    ]
    return el(
        "svg",
        drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="plot",
        role="img",
        aria_label="Roofline: MACs per cycle against MACs per byte of the outermost memory",
    )


def _position(layer: LayerData) -> tuple[float, float]:
    """(MACs per byte, MACs per cycle)."""
    return layer.macs / (layer.outer_bits / 8), layer.macs / (layer.cycles or 1.0)


def _grid(plane: _Plane, memory: str) -> list[Safe]:
    drawn = []
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for value in _ticks(plane.x0, plane.x1):
        x = plane.x(value)
        drawn.append(el("line", x1=x, x2=x, y1=TOP, y2=bottom, class_="grid"))
        drawn.append(el("text", _tick(value), x=x, y=bottom + 17, class_="tick", text_anchor="middle"))
    for value in _ticks(plane.y0, plane.y1):
        y = plane.y(value)
        drawn.append(el("line", x1=LEFT, x2=right, y1=y, y2=y, class_="grid"))
        drawn.append(el("text", _tick(value), x=LEFT - 7, y=y + 4, class_="tick", text_anchor="end"))
    middle = (TOP + bottom) / 2
    drawn.append(
        el("text", f"MACs per byte moved at {short(memory, 20)}", x=(LEFT + right) / 2, y=HEIGHT - 8, class_="axis")
    )
    drawn.append(el("text", "MACs per cycle", x=14, y=middle, class_="axis", transform=f"rotate(-90 14 {middle})"))
    return drawn


def _tick(value: float) -> str:
    return q.count(value) if value >= 1 else q.plain(value)


def _ticks(low: float, high: float) -> list[float]:
    """1, 10, 100 ... and, when that gives few, 2 and 5 in between."""
    steps = (1.0,) if high - low > 2.6 else (1.0, 3.0) if high - low > 1.8 else (1.0, 2.0, 5.0)
    decades = range(floor(low), ceil(high) + 1)
    return [s * 10.0**d for d in decades for s in steps if low <= log10(s * 10.0**d) <= high]


def _roofs(plane: _Plane, peak: float, bandwidth: float | None) -> list[tuple[float, float]]:
    """Corners of the roof line in the drawing, left to right."""
    end = plane.x(10**plane.x1)
    if bandwidth is None:
        return [(plane.x(10**plane.x0), plane.y(peak)), (end, plane.y(peak))]
    low = max(10**plane.x0, 8 * 10**plane.y0 / bandwidth)
    return [
        (plane.x(low), plane.y(low * bandwidth / 8)), (plane.x(8 * peak / bandwidth), plane.y(peak)), (end, plane.y(peak)),
    ]  # fmt: skip


def _roof_labels(
    corners: list[tuple[float, float]], peak: float, slope: str, points: list[tuple[float, float]]
) -> list[Safe]:
    """The peak above its end; the bandwidth along the slope, where the points leave most room."""
    right = WIDTH - RIGHT - 6
    top = corners[-1][1]
    drawn = [
        el("text", f"peak {q.count(peak)} MACs per cycle", x=right, y=top - 7, class_="roof-label", text_anchor="end")
    ]
    (xa, ya), (xb, yb) = corners[0], corners[1]
    if len(corners) < 3 or xb - xa < 120:
        return drawn
    places = [(xa + t * (xb - xa), ya + t * (yb - ya)) for t in (0.25, 0.4, 0.55, 0.7)]
    x, y = max(places, key=lambda p: min((p[0] - u) ** 2 + (p[1] - v) ** 2 for u, v in points))
    turn = f"rotate({degrees(atan2(yb - ya, xb - xa)):.1f} {x:.1f} {y:.1f})"
    label = el("text", slope, x=x, y=y - 8, class_="roof-label", text_anchor="middle", transform=turn)
    return [*drawn, label]


def _peak_box(corners: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    """Where the label of the peak is."""
    right, top = corners[-1]
    return right - 170, top - 20, right, top - 2


def _along(corners: list[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    """Small boxes along the roof: labels of points keep off it."""
    boxes = []
    for (xa, ya), (xb, yb) in pairwise(corners):
        steps = max(1, round((xb - xa) / 8))
        for i in range(steps + 1):
            x, y = xa + (xb - xa) * i / steps, ya + (yb - ya) * i / steps
            boxes.append((x - 3, y - 3, x + 3, y + 3))
    return boxes


def _points(
    plane: _Plane,
    points: list[tuple[int, LayerData, float, float]],
    data: ReportData,
    taken: list[tuple[float, float, float, float]],
) -> list[Safe]:
    colours = component_colours(data)
    whole = data.cycles or 1.0
    drawn = []
    by_weight = sorted(points, key=lambda p: -(p[1].cycles or 0.0) * p[1].count)
    labels = []
    for rank, (index, layer, intensity, achieved) in enumerate(by_weight):
        x, y = plane.x(intensity), plane.y(achieved)
        part = (layer.cycles or 0.0) * layer.count / whole
        radius = 4 + 14 * sqrt(part)
        title = (
            f"{layer.name}: {q.digits(achieved)} MACs per cycle ({q.share(layer.utilization, 1)} of peak), "
            f"{q.digits(intensity)} MACs per byte; bottleneck {layer.bottleneck or '–'}; {q.share(part, 1)} of the time"
        )
        circle = el("circle", el("title", title), cx=x, cy=y, r=radius, class_="point",
                    style=f"fill:{colours.get(layer.bottleneck, 'var(--compute)')}")  # fmt: skip
        drawn.append(el("a", circle, href=f"#layer-{index}"))
        taken.append((x - radius, y - radius, x + radius, y + radius))
        if rank < LABELLED:
            labels.append((x, y, radius, short(layer.name, 20)))
    for x, y, radius, name in labels:
        placed = _place(x, y, radius, name, taken)
        if placed is not None:
            drawn.append(el("text", name, x=placed[0], y=placed[1], class_="point-label"))
    return drawn


def _place(
    x: float, y: float, radius: float, name: str, taken: list[tuple[float, float, float, float]]
) -> tuple[float, float] | None:
    """Left end and baseline of a label beside its point where nothing else is; None when there is no room."""
    width, height = 6.0 * len(name), 12.0
    beside = ((radius + 4, 4.0), (-radius - 4 - width, 4.0), (-width / 2, radius + 13), (-width / 2, -radius - 5))
    corners = [(dx, dy) for dx in (radius, -radius - width) for dy in (radius + 11, -radius - 3)]
    for dx, dy in (*beside, *corners):
        box = (x + dx, y + dy - height + 2, x + dx + width, y + dy + 3)
        inside = box[0] > LEFT and box[2] < WIDTH - RIGHT and box[1] > TOP and box[3] < HEIGHT - BOTTOM
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return x + dx, y + dy
    return None


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
