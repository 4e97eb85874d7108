"""Pictures of a fused optimum as SVG: what memories hold over time, how long each tensor is kept, what fusing saves.

All are drawn from the record of a run (explore/fused_record.py); the page around them is fused.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from tileloom.report.markup import Safe, el, join, short
from tileloom.report.quantities import count, energy, size

COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#7a8190")
OWN = "#d5d8de"
WIDTH, LEFT, RIGHT = 1000.0, 150.0, 12.0
PLOT, TOP, BOTTOM, ROW = 190.0, 18.0, 34.0, 18.0
MOST_ROWS = 48
NAMED = 38
"""Layers whose names fit below a picture, slanted."""

Row = Mapping[str, Any]


class Time:
    """Where each layer stands on the axis to the right: as wide as its share of the cycles, but at least a sliver."""

    def __init__(self, data: Row) -> None:
        self.names: list[str] = [m["while"] for m in data["occupancy"]]
        cycles = {row["name"]: row["cycles"] * row["count"] for row in data["layers"]}
        whole = sum(cycles.values()) or 1.0
        least = 0.4 / max(len(self.names), 1)
        # A layer below tile loops has one column per kind of its tiles.
        times = Counter(self.names)
        weights = [max(cycles[n] / whole, least) / times[n] for n in self.names]
        unit = (WIDTH - LEFT - RIGHT) / sum(weights)
        self.edges: list[float] = list(accumulate((w * unit for w in weights), initial=LEFT))
        self.shares = [cycles[n] / whole / times[n] for n in self.names]

    def left(self, i: int) -> float:
        return self.edges[i]

    def right(self, i: int) -> float:
        return self.edges[i + 1]

    def labels(self, y: float) -> tuple[list[Safe], float]:
        """Names below the columns that have room, slanted, and the height they take."""
        if len(self.names) > NAMED:
            first, last = short(self.names[0], 40), short(self.names[-1], 40)
            ends = [
                el("text", first, x=LEFT, y=y + 14),
                el("text", last, x=WIDTH - RIGHT, y=y + 14, text_anchor="end"),
                el("text", f"{len(self.names)} problems, time runs to the right", x=(WIDTH + LEFT) / 2, y=y + 14,
                   text_anchor="middle"),
            ]  # fmt: skip
            return ends, 20.0
        shown: list[Safe] = []
        free = 0.0
        for i, name in enumerate(self.names):
            x = (self.left(i) + self.right(i)) / 2
            if x < free or name in self.names[:i]:
                continue
            free = x + 13.0
            shown.append(
                el("text", _tail(name), x=x, y=y + 10, text_anchor="end", transform=f"rotate(-40 {x:.1f} {y + 10:.1f})")
            )
        longest = max(len(_tail(name)) for name in self.names)
        return shown, 22.0 + 3.6 * longest


def _tail(name: str) -> str:
    """The end of a long name, which tells layers apart."""
    return name if len(name) <= 18 else f"…{name[-17:]}"


def occupancy(data: Row, memory: str) -> Safe:
    """What one memory holds while each layer runs, stacked; its capacity as a line."""
    time, capacity = Time(data), data["capacity_bits"][memory]
    alive = [[r for r in m["alive"] if r["memory"] == memory and r["bits"]] for m in data["occupancy"]]
    totals = [sum(r["bits"] for r in rows) for rows in alive]
    peak = max(totals, default=0)
    words = f"{memory}: at most {size(peak)}" + (f" of {size(capacity)} ({peak / capacity:.0%})" if capacity else "")
    if not peak:
        return el("section", el("h3", words), el("p", "Nothing is held there."))
    shows_line = bool(capacity) and capacity <= 3 * peak
    top = float(max(peak, capacity) if shows_line else peak)
    shade = _shades(alive)
    base = TOP + PLOT
    shapes = [_grid(bits, top, base) for bits in (0.0, top / 2, top)]
    for i, rows in enumerate(alive):
        y = base
        for r in sorted(
            rows, key=lambda r: (bool(r["owner"]), list(shade).index(r["tensor"]) if not r["owner"] else 0)
        ):
            tall = r["bits"] / top * PLOT
            y -= tall
            own = f" (tile of {r['owner']} only)" if r["owner"] else ""
            tip = el("title", f"while {time.names[i]} runs: {r['tensor']}{own}, {r['bits']:,} bits")
            shapes.append(
                el("rect", tip, x=time.left(i), y=y, width=max(time.right(i) - time.left(i) - 0.8, 0.5),
                   height=max(tall, 0.5), fill=OWN if r["owner"] else shade[r["tensor"]])
            )  # fmt: skip
    if shows_line:
        y = base - capacity / top * PLOT
        shapes += [
            el(
                "line",
                x1=LEFT,
                x2=WIDTH - RIGHT,
                y1=y,
                y2=y,
                stroke="#b00020",
                stroke_width=1.5,
                stroke_dasharray="6 3",
            ),
            el("text", f"capacity {size(capacity)}", x=WIDTH - RIGHT, y=y - 4, text_anchor="end", class_="limit"),
        ]
    fullest = totals.index(peak)
    x = (time.left(fullest) + time.right(fullest)) / 2
    shapes.append(el("path", d=f"M{x:.1f} {base + 2:.1f} l-4 7 h8 z", fill="#1b1e23"))
    names, height = time.labels(base + 8)
    picture = _svg([*shapes, *names], base + 8 + height)
    note = el("p", f"Fullest while {time.names[fullest]} runs (▲).", class_="small")
    return el("section", el("h3", words), picture, note, _keys(shade, any(r["owner"] for rows in alive for r in rows)))


def lifetimes(data: Row) -> Safe | None:
    """One bar per tensor kept on chip, from the layer that writes it to its last reader."""
    kept = data["kept"][:MOST_ROWS]
    if not kept or any("from" not in k for k in kept):
        return None
    time = Time(data)
    begins = {name: i for i, name in reversed(list(enumerate(time.names)))}
    ends = {name: i for i, name in enumerate(time.names)}
    memories = list(dict.fromkeys(k["memory"] for k in data["kept"]))
    shade = {m: COLOURS[i % len(COLOURS)] for i, m in enumerate(memories)}
    bits = {
        r["tensor"]: r["bits"] for m in data["occupancy"] for r in m["alive"] if not r["owner"] and not _outer(data, r)
    }
    shapes: list[Safe] = []
    for n, k in enumerate(kept):
        first, last = begins[k["from"]], ends[k["until"]]
        y = TOP + n * ROW
        left, right = time.left(first), time.right(last)
        loops = " × ".join(map(str, k["loops_above"]))
        held = size(bits.get(k["tensor"], 0)) + (f", a tile below {loops} iterations" if loops else "")
        tip = el("title", f"{k['tensor']} in {k['memory']} from {k['from']} to {k['until']}: {held}")
        shapes += [
            el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y + ROW - 2, y2=y + ROW - 2, stroke="#eceef1"),
            el("text", short(k["tensor"], 22), x=LEFT - 6, y=y + 12, text_anchor="end"),
            el("rect", tip, x=left, y=y + 1, width=max(right - left - 0.8, 1.0), height=ROW - 5, rx=2,
               fill=shade[k["memory"]], fill_opacity=0.55 if loops else 1.0),
        ]  # fmt: skip
        inside = right - left > 150
        place = {"x": left + 5} if inside else {"x": right + 4} if right < WIDTH - 160 else {"x": left - 4}
        anchor = "end" if not inside and right >= WIDTH - 160 else "start"
        shapes.append(
            el("text", f"{size(bits.get(k['tensor'], 0))}{f' · tiled {loops}' if loops else ''}", y=y + 12,
               text_anchor=anchor, class_="inside" if inside else "", **place)
        )  # fmt: skip
    base = TOP + len(kept) * ROW
    names, height = time.labels(base + 2)
    more = len(data["kept"]) - len(kept)
    tail = el("p", f"{more} more tensors are in run.json.", class_="small") if more > 0 else None
    return el("section", _svg([*shapes, *names], base + height), _keys(shade, False), tail)


def _outer(data: Row, r: Row) -> bool:
    return r["memory"] not in data["capacity_bits"]


def savings(data: Row) -> Safe | None:
    """Per stack what it costs layer by layer and fused, the largest first; both totals on top."""
    layers = {row["name"]: row for row in data["layers"]}
    if not layers or any(row.get("alone") is None for row in layers.values()):
        return None
    field = "cycles" if data["objective"] == "latency" else "energy_pj"
    shown = energy if field == "energy_pj" else lambda v: f"{count(v)} cycles"
    rows = []
    for number, stack in enumerate(data["stacks"], 1):
        before = sum(layers[n]["alone"][field] for n in stack)
        after = sum(layers[n][field] * layers[n]["count"] for n in stack)
        rows.append((f"stack {number}", before, after))
    rows.sort(key=lambda r: r[2] - r[1])
    listed = [("all", sum(r[1] for r in rows), sum(r[2] for r in rows)), *(rows if len(rows) > 1 else ())][:13]
    if len(data["stacks"]) == 1:
        # One stack holds everything: its layers say more.
        own = [(n, layers[n]["alone"][field], layers[n][field] * layers[n]["count"]) for n in data["stacks"][0]]
        listed += sorted(own, key=lambda r: r[2] - r[1])[:12]
    shapes: list[Safe] = []
    y = 4.0
    room = WIDTH - LEFT - 190
    for i, (name, before, after) in enumerate(listed):
        top = max(listed[0][1], listed[0][2]) if i == 0 else max(max(b, a) for _, b, a in listed[1:])
        text = f"{shown(before)} → {shown(after)} ({(after - before) / before:+.1%})" if before else shown(after)
        shapes += [
            el(
                "text",
                short(_tail(name), 22),
                x=LEFT - 6,
                y=y + 14,
                text_anchor="end",
                class_="strong" if i == 0 else "",
            ),
            el("rect", x=LEFT, y=y, width=max(before / top * room, 1.0), height=8, fill="#b9bec8"),
            el("rect", x=LEFT, y=y + 9, width=max(after / top * room, 1.0), height=8, fill="#4269d0"),
            el("text", text, x=LEFT + max(before, after) / top * room + 6, y=y + 13),
        ]
        y += 26.0 if i else 34.0
    keys = _keys({"layer by layer": "#b9bec8", "fused": "#4269d0"}, False)
    words = "The first pair has a scale of its own; below it what changes most, one pair each."
    scale = el("p", words, class_="small") if len(listed) > 1 else None
    return el("section", _svg(shapes, y), keys, scale)


def _shades(alive: Sequence[Sequence[Row]]) -> dict[str, str]:
    passed = dict.fromkeys(r["tensor"] for rows in alive for r in rows if not r["owner"])
    return {t: COLOURS[i % len(COLOURS)] for i, t in enumerate(passed)}


def _grid(bits: float, top: float, base: float) -> Safe:
    y = base - bits / top * PLOT
    line = el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, stroke="#e3e5e9")
    return join([line, el("text", size(bits), x=LEFT - 6, y=y + 4, text_anchor="end")])


def _keys(shade: Mapping[str, str], own: bool) -> Safe:
    listed = list(shade.items())[: len(COLOURS)]
    keys = [el("span", el("i", style=f"background:{c}"), short(t, 34), class_="key") for t, c in listed]
    if len(shade) > len(listed):
        keys.append(el("span", f"and {len(shade) - len(listed)} more (colours repeat; point at one)", class_="key"))
    if own:
        keys.append(el("span", el("i", style=f"background:{OWN}"), "the running layer's own tiles", class_="key"))
    return el("p", join(keys))


def _svg(shapes: Sequence[Safe], height: float) -> Safe:
    return el("svg", shapes, viewBox=f"0 0 {WIDTH:.0f} {height:.0f}", role="img")
