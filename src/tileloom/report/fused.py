"""The page of a fused optimum: cost and proof, what fusing saves, what every memory holds while each layer runs.

Drawn from run.json of the run directory; nothing is computed again. The pictures are in fused_charts.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import read_json
from tileloom.report.data import FrontPoint
from tileloom.report.front import front_plot
from tileloom.report.fused_charts import lifetimes, occupancy, savings
from tileloom.report.markup import Safe, damaged_record, el
from tileloom.report.quantities import count, energy

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1b1e23; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem } h3 { font-size: 1rem; margin-bottom: .2rem }
table { border-collapse: collapse; font-size: .9rem } td, th { padding: .2rem .7rem; border-bottom: 1px solid #ddd;
text-align: left; vertical-align: top } td.n, th.n { text-align: right; white-space: nowrap }
svg { width: 100%; height: auto } svg text { font-size: 11px; fill: #555 } svg text.limit { fill: #b00020 }
svg text.inside { fill: #fff } svg text.strong { font-weight: 600; fill: #1b1e23 }
pre { overflow: auto; background: #f6f7f9; padding: 1rem; font-size: .8rem } summary { cursor: pointer }
.figures { display: flex; gap: 2rem; flex-wrap: wrap } .figures b { display: block; font-size: 1.25rem }
.plot { max-width: 34rem } .grid { stroke: #e4e6ea } .front { fill: none; stroke: #4269d0 } .front-point { fill: #fff; stroke: #4269d0 }
.chosen { fill: #4269d0 } .axis { text-anchor: middle }
.key { display: inline-flex; align-items: center; gap: .3rem; margin-right: 1rem; font-size: .85rem }
.key i { width: .8rem; height: .8rem; display: inline-block } .small { font-size: .85rem; color: #555; margin: .2rem 0 }
"""
UNITS = {"energy": "pJ", "latency": "cycles", "edp": "pJ x cycles"}
NUMBERS = ("#", "Energy", "Alone", "Saved", "Cycles", "Count")


def write_fused_page(folder: str | Path) -> Path:
    """Writes report.html beside run.json. Raises InputError when that cannot be read."""
    out = Path(folder)
    data = read_json(out / "run.json")
    if not isinstance(data, Mapping) or "occupancy" not in data:
        raise InputError(f"{out / 'run.json'}: not the record of a fused optimum")
    try:
        page = fused_page(data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise damaged_record(out / "run.json", error) from error
    write_text_atomic(out / "report.html", page)
    return out / "report.html"


def fused_page(data: Mapping[str, Any]) -> str:
    """The whole page as text."""
    title = f"{data['network']} on {data['architecture']}, fused"
    parts: list[Safe | None] = [el("h1", title), _figures(data)]
    if data["reasons"]:
        parts += [el("h2", "Nothing fits"), el("ul", [el("li", r) for r in data["reasons"]])]
    if data.get("front"):
        parts += _front(data)
    if data["layers"]:
        parts += _section("What fusing saves", savings(data))
        parts += [el("h2", "What is kept where, and when"), el("p", TIME)]
        kept = lifetimes(data)
        if kept is None:
            parts.append(el("p", "No tensor stays on chip between layers."))
        parts += [kept, *(occupancy(data, name) for name in data["capacity_bits"])]
        parts += [el("h2", "Stacks"), _stacks(data)]
        if data.get("tiles"):
            parts += [el("h2", "Tiles and their overlaps"), _tiles(data)]
        if data.get("nest"):
            nest = el("details", el("summary", "The mapping tree, loop by loop"), el("pre", str(data["nest"])))
            parts += [el("h2", "Schedule"), nest]
    if data["notes"]:
        parts += [el("h2", "How the network was read"), el("ul", [el("li", n) for n in data["notes"]])]
    rows = [(k, f"{v:,}") for k, v in data["search"].items()]
    parts += [el("h2", "Search"), el("p", _proof(data)), _table(("What", "Count"), rows)]
    head = el("head", el("meta", charset="utf-8"), el("title", title), el("style", Safe(STYLE)))
    return f"<!doctype html>\n{el('html', head, el('body', [p for p in parts if p is not None]), lang='en')}\n"


TIME = (
    "Time runs to the right, one column per problem, as wide as its share of the cycles (at least a sliver). "
    "Colours: tensors that pass between problems; pale bars are tiles of a tensor below shared loops."
)


def _section(title: str, picture: Safe | None) -> list[Safe | None]:
    return [] if picture is None else [el("h2", title), picture]


def _front(data: Mapping[str, Any]) -> list[Safe]:
    """The trade-off as a drawing and a table; the schedule drawn below is the one of least EDP."""
    points = tuple(FrontPoint(energy_pj=p["energy_pj"], cycles=p["cycles"], chosen=p["chosen"]) for p in data["front"])
    rows = [
        (str(n), f"{p['energy_pj'] / 1e6:.6g}", f"{p['cycles']:.6g}", f"{p['edp'] / 1e6:.6g}", str(len(p["kept"])), p["mapping"])
        for n, p in enumerate(data["front"], 1)
    ]  # fmt: skip
    said = "No other schedule of the space is missing." if data["status"] == "optimal" else "The search was stopped."
    text = f"{len(points)} schedules that none beats in both. {said} What follows shows the one of least EDP (filled)."
    heads = ("No.", "µJ", "Cycles", "µJ x cycles", "Tensors on chip", "File")
    return [el("h2", "Energy against latency"), el("p", text), front_plot(points), _table(heads, rows)]


def _figures(data: Mapping[str, Any]) -> Safe:
    rows = [("status", str(data["status"]))]
    if data["energy_pj"] is not None:
        rows += [("energy", energy(data["energy_pj"])), ("latency", f"{count(data['cycles'])} cycles")]
    if data["unfused"] and data["value"]:
        rows.append(
            (f"saved against layer by layer ({data['objective']})", f"{1 - data['value'] / data['unfused']:.1%}")
        )
    if data["layers"]:
        rows.append(("problems in stacks", f"{len(data['layers'])} in {len(data['stacks'])}"))
        rows.append(("tensors kept on chip", str(len(data["kept"]))))
    return el("div", [el("span", el("b", value), name) for name, value in rows], class_="figures")


def _proof(data: Mapping[str, Any]) -> str:
    if data["value"] is None:
        return "No schedule of the space fits the hardware."
    if data.get("front"):
        proved = "no schedule that none beats is missing" if data["status"] == "optimal" else "schedules may be missing"
        return f"The front of energy and latency: {proved}."
    unit = UNITS.get(data["objective"], "")
    gap = (data["value"] - data["lower_bound"]) / data["value"] if data["value"] else 0.0
    if gap <= 0:
        return f"Proven: no schedule of the space has a lower {data['objective']} than {data['value']:.7g} {unit}."
    return (
        f"Stopped: the best schedule found has {data['objective']} {data['value']:.7g} {unit}; none of the space is below "
        f"{data['lower_bound']:.7g}, so it is within {gap:.2%} of the optimum."
    )


def _stacks(data: Mapping[str, Any]) -> Safe:
    cost = {row["name"]: row for row in data["layers"]}
    rows = []
    for number, stack in enumerate(data["stacks"], 1):
        names = set(stack)
        fused = sum(cost[n]["energy_pj"] * cost[n]["count"] for n in stack)
        cycles = sum(cost[n]["cycles"] * cost[n]["count"] for n in stack)
        own = [cost[n].get("alone") for n in stack]
        before = sum(a["energy_pj"] for a in own if a) if all(own) else None
        kept = [k for k in data["kept"] if k.get("from") in names]
        listed = ", ".join(stack) if len(stack) < 9 else f"{', '.join(stack[:4])} … {', '.join(stack[-3:])}"
        tiled = sum(bool(k["loops_above"]) for k in kept)
        holds = f"{len(kept)} whole" if not tiled else f"{len(kept) - tiled} whole, {tiled} tile by tile"
        rows.append(
            (str(number), f"{listed} ({len(stack)})", holds if kept else "none", energy(fused),
             "–" if before is None else energy(before), "–" if not before else f"{1 - fused / before:.1%}", count(cycles))
        )  # fmt: skip
    return _table(("#", "Problems that run together", "Kept on chip", "Energy", "Alone", "Saved", "Cycles"), rows)


def _tiles(data: Mapping[str, Any]) -> Safe:
    """Per tensor and tile loop (outermost first): windows, and what happens to what neighbours share."""
    rows = []
    for t in data["tiles"]:
        fate = "none" if not t["overlap"] else f"kept in {t['strip']}" if t["strip"] else "made again"
        loop = f"{t['trips']} (last layer: {t['tile']})"
        rows.append((t["tensor"], str(t["axis"]), loop, str(t["window"]), str(t["overlap"]), fate))
    return _table(("Tensor", "Axis", "Tiles", "Largest window", "Overlap", "Overlap is"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Safe:
    classes = ["n" if h in NUMBERS else None for h in heads]
    head = el("tr", [el("th", h, class_=c) for h, c in zip(heads, classes)])
    body = [el("tr", [el("td", cell, class_=c) for cell, c in zip(row, classes)]) for row in rows]
    return el("table", head, body)
