"""Charts of a MAESTRO study's table (explore/maestro_study.py): bars per layer, bandwidth sweep, roofline, and their page.

The charts are altair's (extra `plot`); the page holds them as drawings, so that it opens without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tileloom.core.files import write_text_atomic
from tileloom.report.markup import Safe, el, join, short
from tileloom.report.palette import LIGHT
from tileloom.report.plots import altair_module

Row = Mapping[str, Any]
COLOURS = ("#0b72b5", "#e69500", "#009b74", "#8a48ba", "#b3261e", "#7c8594", "#3c1a6b", "#5f9e1f")
BARS = (
    ("active_pes", "PEs at work", "PEs"),
    ("runtime_cycles", "Runtime", "cycles of one run"),
    ("energy_nj", "Energy", "nJ of one run"),
)


def series_name(row: Row, rows: Sequence[Row]) -> str:
    """Dataflow, with the PEs where they differ."""
    several = len({r["num_pes"] for r in rows}) > 1
    return f"{row['dataflow']}, {row['num_pes']} PEs" if several else str(row["dataflow"])


def bar_chart(rows: Sequence[Row], column: str, title: str, unit: str) -> Any:
    """One bar per layer and series; the layers in their order."""
    alt = altair_module()
    layers = list(dict.fromkeys(str(r["layer"]) for r in rows))
    values = [{"layer": short(str(r["layer"]), 22), "series": series_name(r, rows), "value": r[column]} for r in rows]
    order = [short(name, 22) for name in layers]
    series = _series(rows)
    return (
        alt.Chart(
            alt.Data(values=values), title=title, width=min(max(430, 8 * len(layers) * len(series)), 1000), height=190
        )
        .mark_bar()
        .encode(
            x=alt.X("layer:N", sort=order, title=None, axis=alt.Axis(labelAngle=-50, labelLimit=150)),
            xOffset=alt.XOffset("series:N", sort=series),
            y=alt.Y("value:Q", title=unit, axis=alt.Axis(format="~s")),
            color=alt.Color("series:N", scale=_colours(series), title=None, legend=alt.Legend(orient="top")),
            tooltip=["layer:N", "series:N", alt.Tooltip("value:Q", format=",.4g")],
        )
    )


def sweep_chart(rows: Sequence[Row]) -> Any:
    """Cycles of a whole network over the NoC bandwidth, a line per series, both axes logarithmic."""
    alt = altair_module()
    sums: dict[tuple[str, int], float] = {}
    for r in rows:
        key = series_name(r, rows), int(r["noc_elements_per_cycle"])
        sums[key] = sums.get(key, 0.0) + r["runtime_cycles"] * r["count"]
    values = [{"series": s, "bandwidth": b, "cycles": c} for (s, b), c in sums.items()]
    series = _series(rows)
    return (
        alt.Chart(alt.Data(values=values), title="NoC bandwidth sweep", width=430, height=280)
        .mark_line(point=True)
        .encode(
            x=alt.X("bandwidth:Q", scale=alt.Scale(type="log", nice=False), title="NoC elements per cycle"),
            y=alt.Y("cycles:Q", scale=alt.Scale(type="log"), title="cycles, all runs", axis=alt.Axis(format="~s")),
            color=alt.Color("series:N", scale=_colours(series), title=None, legend=alt.Legend(orient="top")),
            tooltip=["series:N", "bandwidth:Q", alt.Tooltip("cycles:Q", format=",.0f")],
        )
    )


def roofline_chart(rows: Sequence[Row], lanes: int, bandwidth: int) -> Any:
    """MACs per cycle over MACs per element read from L2, under the roofs of the PEs and of the NoC.

    Points are layers at that bandwidth; multicast moves a point to the right.
    """
    alt = altair_module()
    points = [
        {
            "layer": r["layer"],
            "series": series_name(r, rows),
            "intensity": r["macs_per_l2_read"],
            "rate": r["macs_per_cycle"],
        }
        for r in rows
        if r["macs_per_l2_read"] > 0 and r["macs_per_cycle"] > 0
    ]
    log, axis = alt.Scale(type="log", padding=12), alt.Axis(format="~g")
    series = _series(rows)
    circles = (
        alt.Chart(alt.Data(values=points))
        .mark_circle(size=55, opacity=0.8)
        .encode(
            x=alt.X("intensity:Q", scale=log, title="MACs per element read from L2", axis=axis),
            y=alt.Y("rate:Q", scale=log, title="MACs per cycle", axis=axis),
            color=alt.Color("series:N", scale=_colours(series), title=None, legend=alt.Legend(orient="top")),
            tooltip=["layer:N", "series:N", alt.Tooltip("rate:Q", format=".4g")],
        )
    )
    line = alt.Chart(alt.Data(values=roof_corners(points, rows, lanes, bandwidth))).mark_line(color=LIGHT["ink"])
    roofs = line.encode(x="intensity:Q", y="rate:Q", detail="num_pes:N")
    title = f"Roofline, {bandwidth} NoC elements per cycle"
    return (roofs + circles).properties(title=title, width=430, height=280)


def roof_corners(
    points: Sequence[Mapping[str, Any]], rows: Sequence[Row], lanes: int, bandwidth: int
) -> list[dict[str, float]]:
    """Corners of min(PEs * lanes, bandwidth * intensity) for each number of PEs, beyond the points on both sides."""
    if not points:
        return []
    corners = []
    for pes in sorted({int(r["num_pes"]) for r in rows}):
        knee = pes * lanes / bandwidth
        low = min(knee, *(p["intensity"] for p in points)) / 2
        high = max(knee, *(p["intensity"] for p in points)) * 2
        corners += [
            {"num_pes": pes, "intensity": x, "rate": min(pes * lanes, x * bandwidth)} for x in (low, knee, high)
        ]
    return corners


def _series(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(series_name(r, rows) for r in rows))


def _colours(series: Sequence[str]) -> Any:
    domain = list(series)
    return altair_module().Scale(domain=domain, range=[COLOURS[i % len(COLOURS)] for i in range(len(domain))])


def write_page(
    rows: Sequence[Row],
    out: Path,
    *,
    lanes: int,
    bandwidth: int,
    about: str,
    refused: Sequence[tuple[str, str, str]] = (),
) -> Path:
    """Writes the page, whole or not at all: per network a summary, three bar charts, the sweep and the roofline.

    bandwidth   at which bars and roofline are drawn; one of those in the table
    about       a line that says what was run;  refused   (series, layer, reason) that have no row
    """
    networks = list(dict.fromkeys(str(r["network"]) for r in rows))
    parts = [_network(n, [r for r in rows if r["network"] == n], lanes, bandwidth) for n in networks]
    style = (files("tileloom.report") / "templates" / "plain.css").read_text(encoding="utf-8")
    missing = [el("h2", "Not evaluated"), el("ul", (el("li", f"{s}: {la}: {why}") for s, la, why in refused))]
    page = join(
        (
            el("h1", "Dataflows of MAESTRO"),
            el("p", about, class_="soft"),
            *parts,
            *(missing if refused else []),
        )
    )
    head = el("meta", charset="utf-8") + el("title", "Dataflows of MAESTRO – Tileloom") + el("style", Safe(style))
    write_text_atomic(
        out, f'<!doctype html>\n<html lang="en"><head>{head}</head><body><main>{page}</main></body></html>\n'
    )
    return out


def _network(name: str, rows: Sequence[Row], lanes: int, bandwidth: int) -> Safe:
    at = [r for r in rows if r["noc_elements_per_cycle"] == bandwidth]
    bars = [_drawn(lambda c=c, t=t, u=u: bar_chart(at, c, t, u)) for c, t, u in BARS]  # type: ignore[misc]
    planes = [_drawn(lambda: sweep_chart(rows)), _drawn(lambda: roofline_chart(at, lanes, bandwidth))]
    return el("section", el("h2", name), _summary(at), el("div", bars, class_="pair"), el("div", planes, class_="pair"))


def _drawn(chart: Callable[[], Any]) -> Safe:
    """The chart as SVG markup, made without a browser."""
    import vl_convert

    drawing = vl_convert.vegalite_to_svg(chart().to_dict(format="vega-lite"))
    return el("div", Safe(drawing), class_="chart")


def _summary(rows: Sequence[Row]) -> Safe:
    """One line per series: the network's cycles, energy and mean use of the PEs over time."""
    lines = []
    for series in _series(rows):
        own = [r for r in rows if series_name(r, rows) == series]
        cycles = sum(r["runtime_cycles"] * r["count"] for r in own)
        busy = sum(r["active_pes"] * r["runtime_cycles"] * r["count"] for r in own) / (cycles or 1)
        cells = (
            f"{cycles:,}",
            f"{sum(r['energy_nj'] * r['count'] for r in own) / 1e6:,.3f}",
            f"{busy:,.1f}",
            f"{max(r['l1_bytes'] for r in own):,}",
            f"{max(r['l2_bytes'] for r in own):,}",
        )
        lines.append(el("tr", el("td", series), (el("td", c, class_="num") for c in cells)))
    heads = ("dataflow", "cycles", "energy (mJ)", "PEs at work", "L1 needed (B)", "L2 needed (B)")
    return el("table", el("tr", (el("th", h) for h in heads)), lines)
