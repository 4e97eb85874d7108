"""Drawings of a study besides the heat maps: trade-offs, stacked bars of accesses, energy and cycles, top memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any

from tileloom.report import quantities as q
from tileloom.report.markup import Child, Safe, el, join

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 78, 20, 16, 50
Row = Mapping[str, Any]
SERIES = (("activation", "var(--input)"), ("weight", "var(--weight)"), ("copy", "var(--copy)"))
ENERGY_PARTS = (("mac_pj", "operations", "var(--compute)"), ("memory_pj", "layers' accesses", "var(--input)"), ("copy_pj", "copies", "var(--copy)"))  # fmt: skip
CYCLE_PARTS = (
    ("ideal_cycles", "ideal", "var(--compute)"), ("spatial_stall_cycles", "array not filled", "var(--input)"),
    ("temporal_stall_cycles", "ports too narrow", "var(--weight)"), ("preparation_cycles", "loading and copies", "var(--copy)"),
)  # fmt: skip


def trade_off(points: Sequence[Row], baselines: Sequence[Row], front: Sequence[Row], modes: Mapping[str, str]) -> Safe:
    """Every point, energy against cycles, both logarithmic; the line is the front of the best strategies per stack."""
    found = [p for p in (*points, *baselines) if p["energy_pj"] is not None]
    if not found:
        return el("p", "No point could run.", class_="soft")
    marks = [(float(p["cycles"]), float(p["energy_pj"])) for p in (*found, *front)]
    x = _Log([c for c, _ in marks], LEFT, WIDTH - RIGHT)
    y = _Log([e for _, e in marks], HEIGHT - BOTTOM, TOP)
    parts: list[Child] = [*_grid(x, y)]
    places = sorted((x(float(p["cycles"])), y(float(p["energy_pj"]))) for p in front)
    corners = places[:1]
    for (_, before), (cx, cy) in pairwise(places):
        corners += [(cx, before), (cx, cy)]
    if corners:
        parts.append(el("polyline", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in corners), class_="front"))
        parts += [el("circle", cx=a, cy=b, r=3, class_="frontdot") for a, b in places]
    for p in points:
        if p["energy_pj"] is not None:
            tip = f"{modes[str(p['mode'])]}, {p['tile_x']} x {p['tile_y']}: {q.energy(p['energy_pj'])}, {q.count(p['cycles'])} cycles"
            parts.append(
                el(
                    "circle",
                    el("title", tip),
                    cx=x(p["cycles"]),
                    cy=y(p["energy_pj"]),
                    r=5,
                    class_=f"dot mode{p['mode']}",
                )
            )
    shown: dict[tuple[float, float], list[Row]] = {}
    for b in baselines:
        if b["energy_pj"] is not None:
            shown.setdefault((x(b["cycles"]), y(b["energy_pj"])), []).append(b)
    for (cx, cy), same in shown.items():
        name = " = ".join(b["name"] for b in same)
        tip = f"{name}: {q.energy(same[0]['energy_pj'])}, {q.count(same[0]['cycles'])} cycles"
        parts.append(
            el("path", el("title", tip), d=f"M{cx} {cy - 8}L{cx + 8} {cy}L{cx} {cy + 8}L{cx - 8} {cy}Z", class_="base")
        )
        right = cx > WIDTH * 0.62
        parts.append(
            el(
                "text",
                name,
                x=cx - 13 if right else cx + 13,
                y=cy + 4,
                class_="tick",
                text_anchor="end" if right else "start",
            )
        )
    keys = [el("span", el("i", class_=f"key mode{m}"), name) for m, name in modes.items()]
    keys.append(el("span", el("i", class_="key base"), "baseline"))
    keys.append(el("span", el("i", class_="key line"), "best strategy per stack"))
    svg = el(
        "svg", parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="plot", role="img", aria_label="energy against cycles"
    )
    return join((el("div", keys, class_="legend"), svg))


class _Log:
    """Positive values onto [start, end], logarithmic, with some air."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = log10(min(values)), log10(max(values))
        air = 0.05 * (high - low) or 0.1
        self.low, self.high, self.start, self.end = low - air, high + air, start, end

    def __call__(self, value: float) -> float:
        return round(self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start), 2)

    def ticks(self) -> list[float]:
        wide = self.high - self.low
        tenths: tuple[float, ...] = tuple(1 + i / 5 for i in range(45))
        whole: tuple[float, ...] = (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
        steps = (1.0,) if wide >= 2.5 else (1.0, 2.0, 5.0) if wide >= 1.1 else whole if wide >= 0.35 else tenths
        found = [s * 10.0**d for d in range(floor(self.low), ceil(self.high) + 1) for s in steps]
        shown = [v for v in found if self.low <= log10(v) <= self.high]
        return shown[:: ceil(len(shown) / 8) or 1]


def _grid(x: _Log, y: _Log) -> list[Safe]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    drawn = []
    for value in x.ticks():
        drawn.append(el("line", x1=x(value), x2=x(value), y1=TOP, y2=bottom, class_="grid"))
        drawn.append(el("text", q.count(value), x=x(value), y=bottom + 17, class_="tick", text_anchor="middle"))
    for value in y.ticks():
        drawn.append(el("line", x1=LEFT, x2=right, y1=y(value), y2=y(value), class_="grid"))
        drawn.append(el("text", q.energy(value), x=LEFT - 7, y=y(value) + 4, class_="tick", text_anchor="end"))
    drawn.append(el("text", "cycles", x=(LEFT + right) / 2, y=HEIGHT - 10, class_="axis", text_anchor="middle"))
    return drawn


def diagonal(points: Sequence[Row]) -> list[Row]:
    """Points whose width and height are equally far in their lists: from the smallest tile to the largest."""
    found: list[Row] = []
    for mode in dict.fromkeys(p["mode"] for p in points):
        own = [p for p in points if p["mode"] == mode]
        xs, ys = sorted({p["tile_x"] for p in own}), sorted({p["tile_y"] for p in own})
        pairs = [(xs[min(i, len(xs) - 1)], ys[min(i, len(ys) - 1)]) for i in range(max(len(xs), len(ys)))]
        found += [p for pair in pairs for p in own if (p["tile_x"], p["tile_y"]) == pair]
    return found


def access_bars(points: Sequence[Row], memories: Sequence[Row], modes: Mapping[str, str]) -> Safe:
    """Per memory a row of bars over tile sizes: values moved for activations and weights, bytes moved by copies."""
    chosen = [p for p in diagonal(points) if p.get("accesses")]
    names = [m["name"] for m in reversed(memories)]
    most = {n: max((sum(p["accesses"][n].values()) for p in chosen), default=0) for n in names}
    heads = [el("th", "Memory")]
    for mode, name in modes.items():
        span = sum(str(p["mode"]) == mode for p in chosen)
        if span:
            heads.append(el("th", name, colspan=span))
    sizes = [el("th", ""), *(el("th", f"{p['tile_x']}×{p['tile_y']}", class_="size") for p in chosen)]
    rows = []
    for name in names:
        cells = [el("td", name, el("small", f" ≤ {q.count(most[name])}", class_="soft"))]
        cells += [el("td", _column(p["accesses"][name], most[name], _where(p, modes)), class_="col") for p in chosen]
        rows.append(el("tr", cells))
    keys = [el("span", el("i", class_="key", style=f"background:{c}"), n) for n, c in SERIES]
    table = el("table", el("thead", el("tr", heads), el("tr", sizes)), el("tbody", rows), class_="accesses")
    return join((el("div", keys, class_="legend"), el("div", table, class_="wide")))


def _where(point: Row, modes: Mapping[str, str]) -> str:
    return f"{modes[str(point['mode'])]}, {point['tile_x']} x {point['tile_y']}"


def _column(parts: Mapping[str, int], most: float, where: str) -> Safe:
    """An upright stacked bar, its height the share of the largest in its row."""
    total = sum(parts.values())
    high = 46 * total / most if most else 0.0
    text = ", ".join(f"{n} {q.count(parts[n])}" for n, _ in SERIES)
    bars = [
        el("i", style=f"height:{high * parts[n] / total:.1f}px;background:{c}") for n, c in SERIES if total and parts[n]
    ]
    return el("div", bars, class_="upright", title=f"{where}: {text}")


def part_bars(
    points: Sequence[Row], modes: Mapping[str, str], parts: Sequence[tuple[str, str, str]], kind: str
) -> Safe:
    """A stacked bar of shares per point on the diagonal; sums differ too much for one scale."""
    chosen = [p for p in diagonal(points) if p["energy_pj"] is not None]
    show = q.energy if kind == "energy" else q.count
    lines: list[Child] = []
    mode = None
    for p in chosen:
        if p["mode"] != mode:
            mode = p["mode"]
            lines.append(el("h4", modes[str(mode)]))
        total = sum(p[k] for k, _, _ in parts)
        bars = [
            el(
                "i",
                style=f"width:{100 * p[k] / (total or 1):.2f}%;background:{c}",
                title=f"{label}: {show(p[k])}, {q.share(p[k], total)}",
            )
            for k, label, c in parts
            if p[k] > 0
        ]
        name = el("span", f"{p['tile_x']} × {p['tile_y']}", class_="name")
        lines.append(
            el("div", name, el("div", bars, class_="strip"), el("span", show(total), class_="num"), class_="pline")
        )
    keys = [el("span", el("i", class_="key", style=f"background:{c}"), label) for _, label, c in parts]
    return join((el("div", keys, class_="legend"), el("div", lines, class_="parts")))


def top_memories(
    tops: Sequence[Row], memories: Sequence[Row], modes: Mapping[str, str], shades: Mapping[str, str]
) -> Safe:
    """For the best point of each mode: in which memory each layer's data is highest, as shares of its tiles."""
    blocks = []
    for entry in tops:
        rows = []
        for layer, kinds in entry["layers"].items():
            cells = [el("td", layer)]
            cells += [el("td", _shares(kinds[what], shades), class_="share") for what in ("input", "output", "weight")]
            rows.append(el("tr", cells))
        head = el("thead", el("tr", *(el("th", t) for t in ("Layer", "Inputs", "Output", "Weights"))))
        title = el("figcaption", f"{modes[str(entry['mode'])]}, tile {entry['tile_x']} × {entry['tile_y']}")
        blocks.append(el("figure", title, el("table", head, el("tbody", rows), class_="tops")))
    keys = [
        el("span", el("i", class_="key", style=f"background:{shades[m['name']]}"), m["name"])
        for m in reversed(memories)
    ]
    return join((el("div", keys, class_="legend"), el("div", blocks, class_="maps")))


def _shares(tiles: Mapping[str, int], shades: Mapping[str, str]) -> Safe:
    total = sum(tiles.values())
    bars = [
        el(
            "i",
            style=f"width:{100 * n / total:.2f}%;background:{shades.get(m, 'var(--track)')}",
            title=f"{m}: {n:,} of {total:,} tiles",
        )
        for m, n in tiles.items()
    ]
    return el("div", bars, class_="strip")
