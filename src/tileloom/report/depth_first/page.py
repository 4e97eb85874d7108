"""The page of a depth-first study, from the dataset that the study left (report.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.report import quantities as q
from tileloom.report.depth_first.heat import heat_maps, megacycles, millijoule
from tileloom.report.depth_first.plots import CYCLE_PARTS, ENERGY_PARTS, access_bars, part_bars, top_memories, trade_off
from tileloom.report.markup import Child, Safe, damaged_record, el, join
from tileloom.report.palette import scheme_rules

Data = Mapping[str, Any]
FORMAT = "tileloom depth-first run 1"
TABLE = (
    ("mode", "Mode"), ("tile_x", "Tile x"), ("tile_y", "Tile y"), ("energy_pj", "Energy"), ("cycles", "Cycles"),
    ("macs", "MACs"), ("copy_pj", "Copies"), ("copy_cycles", "Copy cycles"), ("tile_types", "Kinds of tiles"),
    ("weight_memory", "Weights in"), ("h_memory", "Columns in"), ("v_memory", "Rows in"),
)  # fmt: skip


def write_page(folder: str | Path) -> Path:
    """Writes report.html into the folder of a study. Raises InputError when its dataset cannot be read."""
    out = Path(folder)
    try:
        data = json.loads((out / "report.json").read_text(encoding="utf-8"))
        if data.get("format") != FORMAT:
            raise ValueError(f"its format is not '{FORMAT}'")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{out / 'report.json'}: cannot be read: {str(error)[:200]}") from error
    try:
        page = render(data)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise damaged_record(out / "report.json", error) from error
    write_text_atomic(out / "report.html", page)
    return out / "report.html"


def render(data: Data) -> str:
    """The whole page as text."""
    points, modes = data["points"], data["modes"]
    shades = {m["name"]: f"var(--m{i})" for i, m in enumerate(reversed(data["memories"]))}
    search = data["search"] or {"front": [], "best": {}}
    return Template(_template("depth_first.html")).substitute(
        title=el("title", f"{data['network']} on {data['architecture']}, depth first – Tileloom"),
        variables=scheme_rules(len(data["memories"])),
        style=_template("depth_first.css"),
        heading=_heading(data),
        warnings=_warnings(data),
        tiles=_tiles(data),
        energy=heat_maps(points, modes, "energy_pj", millijoule),
        cycles=heat_maps(points, modes, "cycles", megacycles),
        macs=heat_maps(points, modes, "macs", lambda v: q.count(v).replace(" ", ""), objective_is_low=False),
        types=heat_maps(points, modes, "tile_types", lambda v: str(int(v)), objective_is_low=False),
        tradeoff=trade_off(points, data["baselines"], search["front"], modes),
        plans=_plans(data),
        accesses=access_bars(points, data["memories"], modes),
        energy_parts=part_bars(points, modes, ENERGY_PARTS, "energy"),
        cycle_parts=part_bars(points, modes, CYCLE_PARTS, "cycles"),
        tops=top_memories(data["top_memories"], data["memories"], modes, shades),
        table=_table(data),
        provenance=_provenance(data),
    )


def _template(name: str) -> str:
    return (files("tileloom.report") / "templates" / name).read_text(encoding="utf-8")


def _ok(data: Data) -> list[Data]:
    return [p for p in data["points"] if p["status"] == "ok"]


def _heading(data: Data) -> Safe:
    title = data["title"] or f"{data['network']} on {data['architecture']}"
    study = data["study"]
    words = (
        f"Depth-first scheduling of {data['layers']} layers: {len(data['points'])} points, {study['rules']} rules, "
        f"tile-layers mapped for {study['objective']} "
        + (
            "by proven optimum"
            if study["lpf_limit"] == "optimal"
            else f"by LOMA, at most {study['lpf_limit']} loop factors"
        )
    )
    return join((el("h1", title), el("p", words)))


def _warnings(data: Data) -> Safe:
    failed = [p for p in data["points"] if p["status"] != "ok"]
    notes: list[Child] = []
    if failed:
        reasons = list(dict.fromkeys(p["reason"] for p in failed))
        notes.append(
            el("p", f"{len(failed)} of {len(data['points'])} points cannot run: {reasons[0]}", class_="warning")
        )
    return join(notes)


def _tiles(data: Data) -> Safe:
    found = _ok(data)
    if not found:
        return Safe("")
    energy, fast = min(found, key=lambda p: p["energy_pj"]), min(found, key=lambda p: p["cycles"])
    cards = [
        _card("Least energy", q.energy(energy["energy_pj"]), _where(energy, data)),
        _card("Least latency", f"{q.count(fast['cycles'])} cycles", _where(fast, data)),
    ]
    for base in data["baselines"]:
        if base["energy_pj"] is not None:
            text = f"{base['energy_pj'] / energy['energy_pj']:.1f} × the energy, {base['cycles'] / fast['cycles']:.2f} × the cycles of the best points"
            cards.append(_card(base["name"].capitalize(), q.energy(base["energy_pj"]), text))
    counts = data["tile_layers"]
    cards.append(_card("Tile-layers", f"{counts['searched']:,}", f"searched, of {counts['asked']:,} in all points"))
    return join(cards)


def _card(name: str, value: str, small: str) -> Safe:
    return el("div", el("span", name), el("b", value), el("small", small), class_="tile-card")


def _where(point: Data, data: Data) -> str:
    return f"{data['modes'][str(point['mode'])]}, tile {point['tile_x']} × {point['tile_y']}"


def _plans(data: Data) -> Safe:
    search = data["search"]
    if not search:
        return el("p", "No strategy runs the whole network.", class_="soft")
    words = (
        f"{search['strategies']:,} strategies of {search['stacks']:,} {'stack' if search['stacks'] == 1 else 'stacks'}, all of "
        "them evaluated: the best over the declared modes, tiles and cuts is proven."
    )
    best = search["best"]
    head = ("Least", "Energy", "Cycles", "Stacks")
    rows = [
        el(
            "tr",
            el("td", wanted),
            _num(q.energy(p["energy_pj"])),
            _num(q.count(p["cycles"])),
            _num(str(len(p["stacks"]))),
        )
        for wanted, p in best.items()
    ]
    chosen = best[data["study"]["objective"]]["stacks"]
    columns = ("Layers", "Map", "Mode", "Tile", "Energy", "Cycles", "Weights in", "Columns in", "Rows in")
    lines = [_stack_line(s, data["modes"]) for s in chosen]
    return join(
        (
            el("p", words, class_="lead"),
            el("table", el("thead", el("tr", (_head(h) for h in head))), el("tbody", rows), class_="small narrow"),
            el("h4", f"Stacks of the least {data['study']['objective']}"),
            el(
                "div",
                el("table", el("thead", el("tr", (_head(h) for h in columns))), el("tbody", lines), class_="small"),
                class_="wide",
            ),
        )
    )


def _stack_line(stack: Data, modes: Mapping[str, str]) -> Safe:
    one_tile = stack["tile"] == stack["map"]
    return el(
        "tr",
        el("td", stack["stack"]),
        el("td", "{} × {}".format(*stack["map"])),
        el("td", "one tile" if one_tile else modes.get(str(stack["mode"]), str(stack["mode"]))),
        el("td", "{} × {}".format(*stack["tile"])),
        _num(q.energy(stack["energy_pj"])),
        _num(q.count(stack["cycles"])),
        el("td", stack["weight_memory"] or "–"),
        el("td", ", ".join(stack["h_memories"]) or "–"),
        el("td", ", ".join(stack["v_memories"]) or "–"),
    )


NUMBERS = {"Energy", "Cycles", "MACs", "Copies", "Copy cycles", "Kinds of tiles", "Tile x", "Tile y", "Stacks"}


def _head(label: str) -> Safe:
    return el("th", label, class_="num" if label in NUMBERS else None)


def _num(text: str) -> Safe:
    return el("td", text, class_="num")


def _table(data: Data) -> Safe:
    objective = {"energy": "energy_pj", "latency": "cycles", "edp": "edp_pj_cycles"}[data["study"]["objective"]]
    rows = sorted(data["points"], key=lambda p: (p[objective] is None, p[objective] or 0))
    heads = el("tr", (_head(label) for _, label in TABLE))
    return el("table", el("thead", heads), el("tbody", (_point_line(p, data["modes"]) for p in rows)), class_="small")


def _point_line(point: Data, modes: Mapping[str, str]) -> Safe:
    cells = [el("td", modes[str(point["mode"])]), _num(f"{point['tile_x']:,}"), _num(f"{point['tile_y']:,}")]
    if point["status"] != "ok":
        return el("tr", cells, el("td", f"cannot run: {point['reason']}", colspan=len(TABLE) - 3, class_="bad"))
    cells += [_num(q.energy(point["energy_pj"])), _num(f"{point['cycles']:,}"), _num(q.count(point["macs"]))]
    cells += [_num(q.energy(point["copy_pj"])), _num(q.count(point["copy_cycles"])), _num(str(point["tile_types"]))]
    cells += [el("td", _few(point[k])) for k in ("weight_memory", "h_memory", "v_memory")]
    return el("tr", cells)


def _few(names: str) -> str:
    """Memories of all stacks, each once."""
    found = [n for n in dict.fromkeys(names.split()) if n != "-"]
    return ", ".join(found) or "–"


def _provenance(data: Data) -> Safe:
    study: Mapping[str, Any] = data["study"]
    rows: list[tuple[str, Sequence[str]]] = [
        ("Study", [f"{k} = {v}" for k, v in study.items() if v not in ("", None)]),
        ("Left out", data["notes"]),
        ("Versions", [f"{k} {v}" for k, v in data["versions"].items()]),
    ]
    return el(
        "dl", (join((el("dt", name), el("dd", (el("div", line) for line in lines)))) for name, lines in rows if lines)
    )
