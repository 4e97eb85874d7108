"""Puts the page together: one HTML file with its style, script and drawings inside, that needs nothing from outside.

The parts are drawn in charts.py, roofline.py, machine.py, nest.py and layers.py; this file only arranges them.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

from tileloom.core.errors import InputError
from tileloom.report import quantities as q
from tileloom.report.charts import energy_by_component, layer_bars, legend, swatch, times
from tileloom.report.data import LayerData, ReportData, read_dataset, write_text_atomically
from tileloom.report.extract import extract
from tileloom.report.layers import badge, layer_section
from tileloom.report.machine import machine
from tileloom.report.markup import Child, Safe, el, join, short
from tileloom.report.palette import component_colours, css_variables
from tileloom.report.roofline import roofline
from tileloom.search.network import NetworkResult

REPORT_FILE = "report.html"
MINIMISED = {"energy": "energy", "latency": "latency", "edp": "energy-delay product"}
SHOWN_NODES = 400
"""Vector operations listed one by one; a larger network's are summed by operator as well, and the rest is counted."""


def write_report(source: ReportData | NetworkResult | str | Path, out: str | Path) -> Path:
    """Writes the page of a dataset, a result, or a run directory that holds report.json. Returns the page's path.

    out  the HTML file, or a directory to write report.html into. The file appears whole or not at all.
    Raises InputError when the run directory cannot be read or the page cannot be written.
    """
    if isinstance(source, NetworkResult):
        data = extract(source)
    else:
        data = source if isinstance(source, ReportData) else read_dataset(source)
    file = Path(out)
    file = file / REPORT_FILE if file.is_dir() or not file.suffix else file
    try:
        return write_text_atomically(file, render_html(data))
    except OSError as error:
        raise InputError(f"{file}: cannot write the report ({error}); give another place with --out") from error


def render_html(data: ReportData) -> str:
    """The whole page as text."""
    colours = component_colours(data)
    return Template(_template("page.html")).substitute(
        title=el("title", f"{data.network} on {data.architecture} – Tileloom"),
        variables=css_variables(data),
        style=_template("page.css"),
        script=_template("page.js"),
        heading=_heading(data),
        warnings=_warnings(data),
        tiles=_tiles(data),
        machine=machine(data),
        about=_about(data),
        energy=energy_by_component(data),
        components=legend((short(c, 20), colour) for c, colour in colours.items()),
        layer_bars=layer_bars(data),
        roofline=roofline(data),
        roofline_note=_roofline_note(data),
        bottlenecks=_bottlenecks(data),
        table=_table(data),
        sections=join(layer_section(i, la, data, colours) for i, la in enumerate(data.layers)),
        others=_others(data),
        provenance=_provenance(data),
    )


def _template(name: str) -> str:
    return (files("tileloom.report") / "templates" / name).read_text(encoding="utf-8")


def _heading(data: ReportData) -> Safe:
    aim = MINIMISED.get(data.objective, data.objective)
    return join(
        (
            el("h1", data.network, el("span", " on "), data.architecture),
            el("p", f"Every layer mapped for the least {aim} by the mapper ‘{data.mapper}’ under the cost model ‘{data.model}’."),
        )
    )


def _warnings(data: ReportData) -> Safe:
    missing = [la for la in data.layers if not la.mapped]
    notes = []
    if missing:
        names = ", ".join(short(la.name) for la in missing[:6]) + (" …" if len(missing) > 6 else "")
        notes.append(f"{len(missing)} of {len(data.layers)} layers have no mapping and are not in the totals: {names}.")
    if data.skipped:
        notes.append(f"{len(data.skipped)} nodes of the network could not be understood and are not in the totals; they are listed below.")
    return join(el("p", note, class_="warning") for note in notes)


def _tiles(data: ReportData) -> Safe:
    proven, total = data.count_status("optimal"), len(data.layers)
    watts = data.energy_pj / q.PJ_PER_J / data.seconds if data.seconds else 0.0
    per_watt = 2 * data.mapped_macs / data.energy_pj if data.energy_pj else 0.0
    rate = data.mapped_macs / data.seconds if data.seconds else 0.0
    kind = "good" if proven == total else "warn" if not [la for la in data.layers if not la.mapped] else "bad"
    weights = "proven optimal" if proven else "proven"
    tiles = (
        ("Energy", q.energy(data.energy_pj), f"{q.digits(data.energy_pj / (data.mapped_macs or 1))} pJ per MAC", ""),
        ("Time", q.seconds(data.seconds), f"{q.count(data.cycles)} cycles at {q.hertz(data.frequency_hz)}", ""),
        ("Energy × delay", q.edp(data.energy_pj * data.cycles, data.frequency_hz), f"{q.digits(watts)} W on average", ""),
        ("MACs", q.count(data.macs), f"{q.count(rate)} MAC/s", ""),
        ("Efficiency", f"{q.digits(per_watt)} TOPS/W", "2 operations per MAC", ""),
        ("Utilisation", q.share(data.utilization, 1), "of the array, mean over time", ""),
        ("Layers", f"{proven} of {total}", f"distinct layers {weights}", kind),
        ("Search", q.seconds(data.search_seconds), f"{q.count(sum(la.evaluated for la in data.layers))} mappings costed", ""),
    )
    return join(
        el("div", el("span", label), el("b", value), el("small", note), class_=f"tile-card {state}".strip())
        for label, value, note, state in tiles
    )


def _about(data: ReportData) -> Safe:
    facts = [data.architecture_description]
    if data.technology_nm:
        facts.append(f"{q.digits(data.technology_nm)} nm")
    if data.area_mm2:
        facts.append(f"{q.digits(data.area_mm2)} mm²")
    lines = [" · ".join(f for f in facts if f), f"Source: {data.architecture_source}" if data.architecture_source else ""]
    return join(el("p", line, class_="soft") for line in lines if line)


def _roofline_note(data: ReportData) -> Safe:
    outer = data.outer_memory
    if outer is None or outer.bits_per_cycle is None:
        return el("p", "The outermost memory has no bandwidth limit in this architecture, so only the peak is drawn.", class_="soft")
    return Safe("")


def _bottlenecks(data: ReportData) -> Safe:
    """Share of the network's time by the component that sets it."""
    colours = component_colours(data)
    times_by: dict[str, float] = {}
    for layer in data.mapped:
        times_by[layer.bottleneck] = times_by.get(layer.bottleneck, 0.0) + (layer.cycles or 0.0) * layer.count
    rows = [
        el("li", swatch(colours.get(name, "var(--compute)")), el("b", short(name, 24) or "unnamed"), f" {q.share(cycles, data.cycles)}")
        for name, cycles in sorted(times_by.items(), key=lambda item: -item[1])
    ]
    return el("ul", rows, class_="keys")


COLUMNS = (
    ("Layer", "text"), ("Runs", "number"), ("Operation", "text"), ("MACs", "number"), ("Energy", "number"),
    ("Cycles", "number"), ("EDP", "number"), ("Utilisation", "number"), ("Bottleneck", "text"), ("Search", "number"),
    ("Status", "text"),
)  # fmt: skip


def _table(data: ReportData) -> Safe:
    """The network table; `data-v` holds the exact number a column is sorted by."""
    heads = [
        el("th", el("button", label, type="button"), class_="num" if kind == "number" else None, data_kind=kind,
           scope="col", aria_sort="none")  # fmt: skip
        for label, kind in COLUMNS
    ]
    rows = [el("tr", _row_cells(i, layer, data)) for i, layer in enumerate(data.layers)]
    total: list[tuple[Child, str]] = [
        ("Whole network", ""), (sum(la.count for la in data.layers), "num"), ("", ""), (q.count(data.macs), "num"),
        (q.energy(data.energy_pj), "num"), (q.count(data.cycles), "num"),
        (q.edp(data.energy_pj * data.cycles, data.frequency_hz), "num"), (q.share(data.utilization, 1), "num"),
        ("", ""), (q.seconds(data.search_seconds), "num"), ("", ""),
    ]  # fmt: skip
    foot = el("tr", (el("td", value, class_=kind or None) for value, kind in total))
    return el(
        "table", el("thead", el("tr", heads)), el("tbody", rows), el("tfoot", foot), class_="network", id="network-table"
    )


def _row_cells(index: int, layer: LayerData, data: ReportData) -> list[Safe]:
    """Energies, cycles and MACs of ONE run, as the column titles' note says."""

    def number(value: float | None, shown: str) -> Safe:
        return el("td", shown if value is not None else "–", class_="num", data_v="-1" if value is None else repr(value))

    edp = layer.edp_pj_cycles
    return [
        el("td", el("a", short(layer.name, 40), href=f"#layer-{index}", title=layer.name), data_v=layer.name),
        number(layer.count, f"×{layer.count}"),
        el("td", layer.op),
        number(layer.macs, q.count(layer.macs)),
        number(layer.energy_pj, q.energy(layer.energy_pj or 0.0)),
        number(layer.cycles, q.count(layer.cycles or 0.0)),
        number(edp, q.edp(edp or 0.0, data.frequency_hz)),
        number(layer.utilization if layer.mapped else None, q.share(layer.utilization, 1)),
        el("td", short(layer.bottleneck, 18) or "–"),
        number(layer.search_seconds, q.seconds(layer.search_seconds)),
        el("td", badge(layer), data_v=layer.status),
    ]


def _others(data: ReportData) -> Safe:
    if not data.vector_ops and not data.skipped:
        return el("p", "Every node of the network is one of the layers above.", class_="soft")
    parts: list[Child] = []
    if data.skipped:
        rows = [el("tr", el("td", short(s.name, 48), title=s.name), el("td", s.operator), el("td", s.reason)) for s in data.skipped]
        head = el("thead", el("tr", el("th", "Skipped node"), el("th", "Operator"), el("th", "Reason")))
        parts.append(el("table", head, el("tbody", rows), class_="small"))
    if data.vector_ops:
        parts.append(_vector_ops(data))
    return join(parts)


def _vector_ops(data: ReportData) -> Safe:
    sums: dict[str, tuple[int, int]] = {}
    for op in data.vector_ops:
        number, elements = sums.get(op.operator, (0, 0))
        sums[op.operator] = number + 1, elements + op.elements
    rows = [
        el("tr", el("td", name), el("td", f"{n:,}", class_="num"), el("td", f"{elements:,}", class_="num"))
        for name, (n, elements) in sorted(sums.items(), key=lambda item: -item[1][1])
    ]
    head = el("thead", el("tr", el("th", "Operator"), el("th", "Nodes", class_="num"), el("th", "Output elements", class_="num")))
    listed = [f"{short(op.name, 60)} ({op.operator}, {op.elements:,} elements)" for op in data.vector_ops[:SHOWN_NODES]]
    rest = len(data.vector_ops) - len(listed)
    more = [f"and {rest:,} more"] if rest else []
    return join(
        (
            el("p", f"{len(data.vector_ops):,} operations without multiply-accumulates. They are kept in the network and not costed.", class_="soft"),
            el("table", head, el("tbody", rows), class_="small narrow"),
            el("details", el("summary", "All of them by name"), el("ul", (el("li", line) for line in listed + more), class_="names")),
        )
    )


def _provenance(data: ReportData) -> Safe:
    p = data.provenance
    rows: list[tuple[str, Child]] = [
        ("Network", data.network_source),
        ("Command", el("code", p.command) if p.command else ""),
        ("Made", p.created),
        ("Inputs", join((el("div", name, " ", el("code", digest)) for name, digest in p.inputs))),
        ("Options", join((el("span", f"{k} = {v}", class_="pair") for k, v in p.options), " ")),
        ("Versions", join((el("span", f"{k} {v}", class_="pair") for k, v in p.versions), " ")),
        ("Area and energy", join((el("div", f"{u.name}: {u.source}") for u in data.units if u.source))),
    ]
    return el("dl", (join((el("dt", key), el("dd", value))) for key, value in rows if value))
