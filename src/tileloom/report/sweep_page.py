"""The page of a sweep: one HTML file with its charts, their library and the front's chips inside; works offline."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from tileloom.core.errors import MissingDependencyError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.core.units import short
from tileloom.explore.sweep.sensitivity import swing
from tileloom.report.html import REPORT_FILE
from tileloom.report.markup import Child, Safe, el, join
from tileloom.report.palette import LIGHT
from tileloom.report.sweep_charts import all_charts
from tileloom.report.sweep_data import TITLES, UNITS, SweepData, known_metrics, parameters, read_sweep


def write_sweep_report(folder: Path, *, force: bool = False) -> Path:
    """report.html of a sweep's directory; returns its path. Needs the extra 'plot'."""
    page = folder / REPORT_FILE
    write_text_atomic(page, render_sweep(read_sweep(folder, force=force)))
    return page


def render_sweep(data: SweepData) -> str:
    """The whole page as text."""
    home = files("tileloom.report") / "templates"
    variables = ":root{" + "".join(f"--{k}:{v};" for k, v in LIGHT.items()) + "}"
    return Template((home / "sweep.html").read_text(encoding="utf-8")).substitute(
        title=el("title", f"{data.study.given.name} – Tileloom sweep"),
        variables=variables,
        style=(home / "page.css").read_text(encoding="utf-8"),
        heading=_heading(data),
        tiles=_tiles(data),
        body=_body(data),
        table=_table(data),
        about=_about(data),
        library=_library() if data.front else "",
        specs=_script_json(dict(all_charts(data))),
        script=(home / "sweep.js").read_text(encoding="utf-8"),
    )


@lru_cache(maxsize=1)
def _library() -> str:
    """vega-embed with all it needs, as one script without a browser or a network; the same for every page."""
    try:
        import vl_convert
    except ImportError as error:
        raise MissingDependencyError("vl_convert", "plot", "the page of a sweep") from error
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")).replace("</script", "<\\/script")


def _script_json(value: Any) -> str:
    """JSON that may stand in a script element, whatever names it holds."""
    return to_json(value, indent=None).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _heading(data: SweepData) -> Safe:
    given = data.study.given
    count = len(data.study.problems)
    layers = "1 layer" if count == 1 else f"{count} distinct layers"
    what = f"{given.engine} engine, model {given.model}, on {data.study.network.name}: {layers}"
    lines: list[Child] = [el("h1", given.name), el("p", what)]
    if given.description:
        lines.append(el("p", given.description))
    return join(lines)


def _tiles(data: SweepData) -> Safe:
    c = data.counts
    shown = [
        ("Designs searched", f"{c.searched:,}", f"of {data.study.space.size:,}"),
        ("Evaluated", f"{c.evaluated:,}", f"{c.pruned:,} ruled out with their sub-space" if c.pruned else ""),
        ("Valid", f"{c.valid:,}", f"{c.refused:,} have no mapping" if c.refused else ""),
        ("On the front", f"{len(data.front):,}", "in " + ", ".join(TITLES[m] for m in data.study.objectives)),
    ]
    for m in data.study.objectives[:4]:
        if data.front:
            values = [p[m] for p in data.front]
            best = max(values) if m == "utilization" else min(values)
            shown.append((f"Best {TITLES[m]}", f"{best:.4g}", UNITS[m]))
    return join(el("div", el("span", a), el("b", b), el("small", c), class_="tile-card") for a, b, c in shown)


def _body(data: SweepData) -> Safe:
    if not data.front:
        limits = ", ".join(f"{li.metric} {li.low:g} to {li.high:g}" for li in data.study.limits) or "the buffers' sizes"
        return el("p", f"No design meets every constraint ({limits}).", class_="warning")
    cards = [
        _card(
            "trade-offs",
            "Trade-offs",
            "Every valid design that is stored; coloured ones are beaten by no other in all objectives. Drag to mark a region in all panels, double-click to clear.",
        ),
        _card(
            "parallel",
            "The front across parameters",
            "One line per design of the front, each axis from its lowest to its highest value. Point at a line to bring it out.",
        ),
    ]
    if data.moved is not None and data.moved.steps:
        cards.append(
            _card(
                "sensitivity", "What each parameter does",
                f"One parameter at a time leaves the reference, design {data.moved.design} (least EDP of the front, dashed); hollow points break a limit.",
                _swings(data),
            )
        )  # fmt: skip
    return join(cards)


def _card(name: str, title: str, lead: str, *more: Child) -> Safe:
    return el(
        "section",
        el("h2", title),
        el("p", lead, class_="lead"),
        *more,
        el("div", id=name, class_="chart"),
        class_="card",
    )


def _swings(data: SweepData) -> Safe:
    """Per objective the parameters that move it most."""
    assert data.moved is not None
    lines = []
    for m in data.study.objectives[:3]:
        found = sorted(swing(data.moved.steps, m).items(), key=lambda item: -item[1])
        told = ", ".join(f"{name} {ratio:.3g}×" for name, ratio in found if ratio > 1.0005) or "nothing moves it"
        lines.append(el("li", el("b", TITLES[m]), f": {told}"))
    return el("ul", lines, class_="soft")


def _table(data: SweepData) -> Safe:
    if not data.front:
        return Safe("")
    columns = [*parameters(data), *known_metrics(data)]
    head = el(
        "tr", [el("th", "design", class_="num"), el("th", "file"), *(el("th", _head(c), class_="num") for c in columns)]
    )
    rows = []
    for row, (name, text) in zip(data.front, data.files):
        cells = [el("td", _cell(row[c]), class_="num") for c in columns]
        file = el("details", el("summary", name), el("pre", text), el("button", "copy", type="button", class_="copy"))
        rows.append(el("tr", el("td", f"{row['design']}", class_="num"), el("td", file), cells))
    more = len(data.front) - len(rows)
    note = (
        f"The first {len(rows)} of {len(data.front):,}; all are in front.parquet, files in best/."
        if more
        else "Files are in best/."
    )
    return el(
        "section", el("h2", "The front"),
        el("p", f"{note} A file is a chip for --arch, or the machine of another study.", class_="lead"),
        el("div", el("table", el("thead", head), el("tbody", rows)), class_="scroll"), class_="card", id="front",
    )  # fmt: skip


def _head(column: str) -> str:
    return f"{TITLES[column]} ({UNITS[column]})" if column in TITLES else column


def _cell(value: object) -> str:
    if isinstance(value, float):
        return short(value) if value >= 1e-3 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _about(data: SweepData) -> Safe:
    versions = ", ".join(f"{k} {v}" for k, v in data.versions.items())
    parts: list[Child] = [el("h2", "Where the numbers come from"), el("ul", [el("li", s) for s in data.sources])]
    parts += [el("details", el("summary", "The study"), el("pre", data.study.text)), el("p", versions, class_="soft")]
    return el("section", parts, class_="card")
