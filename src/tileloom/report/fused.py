"""The page of a fused optimum: what it costs, its stacks, and what every memory holds while each layer runs.

Drawn from run.json of the run directory; nothing is computed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import read_json
from tileloom.report.markup import Safe, el, join, short

COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0")
OWN = "#c9ccd3"
WIDTH, HEIGHT, LEFT, BOTTOM = 1000.0, 240.0, 64.0, 18.0
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1b1e23; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } table { border-collapse: collapse; font-size: .9rem }
td, th { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: left } td.n, th.n { text-align: right }
svg { width: 100%; height: auto } svg text { font-size: 11px; fill: #555 } pre { overflow: auto; background: #f6f7f9; padding: 1rem; font-size: .8rem }
.figures { display: flex; gap: 2rem; flex-wrap: wrap } .figures b { display: block; font-size: 1.25rem }
.key { display: inline-flex; align-items: center; gap: .3rem; margin-right: 1rem; font-size: .85rem }
.key i { width: .8rem; height: .8rem; display: inline-block }
"""


def write_fused_page(folder: str | Path) -> Path:
    """Writes report.html beside run.json. Raises InputError when that cannot be read."""
    out = Path(folder)
    data = read_json(out / "run.json")
    if not isinstance(data, Mapping) or "occupancy" not in data:
        raise InputError(f"{out / 'run.json'}: not the record of a fused optimum")
    write_text_atomic(out / "report.html", fused_page(data))
    return out / "report.html"


def fused_page(data: Mapping[str, Any]) -> str:
    """The whole page as text."""
    title = f"{data['network']} on {data['architecture']}, fused"
    parts: list[Safe] = [el("h1", title), _figures(data)]
    if data["reasons"]:
        parts.append(el("ul", [el("li", r) for r in data["reasons"]]))
    if data["layers"]:
        parts.append(el("h2", "What is kept, layer by layer"))
        parts.append(
            el(
                "p",
                "Time runs to the right, one column per layer as wide as its share of the cycles (at least a sliver). "
                "Coloured: tensors that pass between layers; grey: the layer's own tiles. The line is the capacity.",
            )
        )
        parts += [_memory(data, name) for name in data["capacity_bits"]]
        parts += [el("h2", "Stacks"), _stacks(data)]
        if data.get("tiles"):
            parts += [el("h2", "Tiles and their overlaps"), _tiles(data)]
        if data.get("nest"):
            parts += [el("h2", "Schedule"), el("pre", str(data["nest"]))]
    if data["notes"]:
        parts += [el("h2", "Not part of the schedule"), el("ul", [el("li", n) for n in data["notes"]])]
    parts += [el("h2", "Search"), _table(("What", "Count"), [(k, f"{v:,}") for k, v in data["search"].items()])]
    head = el("head", el("meta", charset="utf-8"), el("title", title), el("style", Safe(STYLE)))
    return f"<!doctype html>\n{el('html', head, el('body', parts), lang='en')}\n"


def _figures(data: Mapping[str, Any]) -> Safe:
    rows = [("status", str(data["status"]))]
    if data["energy_pj"] is not None:
        rows += [("energy", f"{data['energy_pj'] / 1e6:.6g} µJ"), ("latency", f"{data['cycles']:.6g} cycles")]
        rows.append((f"proven bound ({data['objective']})", f"{data['lower_bound']:.6g}"))
    if data["unfused"] and data["value"]:
        rows.append(("saved against layer by layer", f"{1 - data['value'] / data['unfused']:.1%}"))
    return el("div", [el("span", el("b", value), name) for name, value in rows], class_="figures")


def _memory(data: Mapping[str, Any], memory: str) -> Safe:
    """Occupancy over time: one column per layer, what passes between layers below, the layer's own tiles on top."""
    capacity = data["capacity_bits"][memory]
    moments = data["occupancy"]
    alive = [[r for r in m["alive"] if r["memory"] == memory and r["bits"]] for m in moments]
    peak = max((sum(r["bits"] for r in rows) for rows in alive), default=0)
    top = float(max(peak, capacity if capacity and capacity < 4 * peak else peak, 1))
    passed = list(dict.fromkeys(r["tensor"] for rows in alive for r in rows if not r["owner"]))
    shade = {t: COLOURS[i % len(COLOURS)] for i, t in enumerate(passed)}
    cycles = {row["name"]: row["cycles"] * row["count"] for row in data["layers"]}
    whole = sum(cycles.values()) or 1.0
    least = 0.35 / max(len(moments), 1)
    times = Counter(m["while"] for m in moments)
    weights = [max(cycles[m["while"]] / whole, least) / times[m["while"]] for m in moments]
    unit = (WIDTH - LEFT) / sum(weights)
    shapes: list[Safe] = []
    x = LEFT
    for moment, rows, weight in zip(moments, alive, weights):
        y = HEIGHT
        for r in sorted(rows, key=lambda r: (bool(r["owner"]), passed.index(r["tensor"]) if not r["owner"] else 0)):
            tall = r["bits"] / top * (HEIGHT - 8)
            y -= tall
            own = "" if not r["owner"] else f" (own tile of {r['owner']})"
            tip = el("title", f"while {moment['while']} runs: {r['tensor']}{own}, {r['bits']:,} bits")
            shapes.append(
                el("rect", tip, x=x, y=y, width=max(weight * unit - 0.6, 0.6), height=max(tall, 0.4),
                   fill=OWN if r["owner"] else shade[r["tensor"]])
            )  # fmt: skip
        x += weight * unit
    shapes += [_scale(0.0, top), _scale(top / 2, top), _scale(top, top)]
    if capacity and capacity <= top:
        y = HEIGHT - capacity / top * (HEIGHT - 8)
        shapes.append(el("line", x1=LEFT, x2=WIDTH, y1=y, y2=y, stroke="#b00", stroke_dasharray="5 3"))
    words = f"{memory}: at most {peak:,} bits" + (f" of {capacity:,} ({peak / capacity:.0%})" if capacity else "")
    picture = el("svg", shapes, viewBox=f"0 0 {WIDTH:.0f} {HEIGHT + BOTTOM:.0f}", role="img")
    keys = [el("span", el("i", style=f"background:{shade[t]}"), short(t), class_="key") for t in passed[: len(COLOURS)]]
    more = el("span", f"and {len(passed) - len(COLOURS)} more (colours repeat)") if len(passed) > len(COLOURS) else None
    return el("section", el("h3", words), picture, el("p", join([*keys, more])))


def _scale(bits: float, top: float) -> Safe:
    y = HEIGHT - bits / top * (HEIGHT - 8)
    return el("text", f"{bits / 8192:.4g} KiB", x=LEFT - 6, y=y + 4, text_anchor="end")


def _stacks(data: Mapping[str, Any]) -> Safe:
    cost = {row["name"]: row for row in data["layers"]}
    rows = []
    for number, stack in enumerate(data["stacks"], 1):
        energy = sum(cost[n]["energy_pj"] * cost[n]["count"] for n in stack)
        cycles = sum(cost[n]["cycles"] * cost[n]["count"] for n in stack)
        names = (
            ", ".join(stack) if len(stack) < 9 else f"{', '.join(stack[:4])} … {', '.join(stack[-3:])} ({len(stack)})"
        )
        rows.append((str(number), names, f"{energy / 1e6:.4g}", f"{cycles:.4g}"))
    return _table(("Stack", "Layers that run together", "µJ", "Cycles"), rows)


def _tiles(data: Mapping[str, Any]) -> Safe:
    """Per tensor and tile loop (outermost first): windows, and what happens to what neighbours share."""
    rows = []
    for t in data["tiles"]:
        fate = "none" if not t["overlap"] else f"kept in {t['strip']}" if t["strip"] else "made again"
        loop = f"{t['trips']} (last layer: {t['tile']})"
        rows.append((t["tensor"], str(t["axis"]), loop, str(t["window"]), str(t["overlap"]), fate))
    return _table(("Tensor", "Axis", "Tiles", "Largest window", "Overlap", "Overlap is"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Safe:
    head = el("tr", [el("th", h) for h in heads])
    return el("table", head, [el("tr", [el("td", c) for c in row]) for row in rows])
