"""The top of the page: heading, warnings, summary figures, and the short texts beside the drawings."""

from __future__ import annotations

from tileloom.report import quantities as q
from tileloom.report.charts import swatch
from tileloom.report.data import ReportData
from tileloom.report.markup import Safe, el, join, short
from tileloom.report.palette import component_colours

UNMAPPED_TOO = ("MACs", "Proof", "Search")
"""Figures that still say something when no layer has a mapping."""
MINIMISED = {"energy": "energy", "latency": "latency", "edp": "energy-delay product"}


def heading(data: ReportData) -> Safe:
    aim = MINIMISED.get(data.objective, data.objective)
    return join(
        (
            el("h1", data.network, el("span", " on "), data.architecture),
            el(
                "p",
                f"Every layer mapped for its own least {aim} by the mapper ‘{data.mapper}’ under the cost model ‘{data.model}’.",
            ),
        )
    )


def warnings(data: ReportData) -> Safe:
    missing = [la for la in data.layers if not la.mapped]
    notes = []
    if missing:
        names = ", ".join(short(la.name) for la in missing[:6]) + (" …" if len(missing) > 6 else "")
        notes.append(f"{len(missing)} of {len(data.layers)} layers have no mapping and are not in the totals: {names}.")
    if data.skipped:
        nodes = "1 node of the network" if len(data.skipped) == 1 else f"{len(data.skipped)} nodes of the network"
        notes.append(f"Not understood and not in the totals: {nodes}, listed under ‘Not mapped’ with the reason.")
    return join(el("p", note, class_="warning") for note in notes)


def tiles(data: ReportData) -> Safe:
    proven, total = data.count_status("optimal"), len(data.layers)
    watts = data.energy_pj / q.PJ_PER_J / data.seconds if data.seconds else 0.0
    per_watt = 2 * data.mapped_macs / data.energy_pj if data.energy_pj else 0.0
    rate = data.mapped_macs / data.seconds if data.seconds else 0.0
    kind = (
        ""
        if not total
        else "good"
        if proven == total
        else "warn"
        if not [la for la in data.layers if not la.mapped]
        else "bad"
    )
    weights = "proven optimal" if proven else "proven"
    cards = (
        ("Energy", q.energy(data.energy_pj), f"{q.digits(data.energy_pj / (data.mapped_macs or 1))} pJ per MAC", ""),
        ("Time", q.seconds(data.seconds), f"{q.count(data.cycles)} cycles at {q.hertz(data.frequency_hz)}", ""),
        (
            "Energy × delay",
            q.edp(data.energy_pj * data.cycles, data.frequency_hz),
            f"{q.digits(watts)} W on average",
            "",
        ),
        ("MACs", q.count(data.macs), f"{q.count(rate)} MAC/s", ""),
        (
            "Efficiency",
            f"{q.digits(per_watt)} TOPS/W" if per_watt >= 0.1 else f"{q.digits(1000 * per_watt)} GOPS/W",
            "2 operations per MAC",
            "",
        ),
        ("Utilisation", q.share(data.utilization, 1), "of the array, mean over time", ""),
        ("Proof", f"{proven} of {total}", f"distinct layers {weights}", kind),
        (
            "Search",
            q.seconds(data.search_seconds),
            f"{q.count(sum(la.evaluated for la in data.layers))} mappings costed",
            "",
        ),
    )
    return join(
        el("div", el("span", label), _figure(value), el("small", note), class_=f"tile-card {state}".strip())
        for label, value, note, state in (cards if data.mapped else [c for c in cards if c[0] in UNMAPPED_TOO])
    )


def _figure(value: str) -> Safe:
    """A number large, its unit smaller."""
    number, _, unit = value.partition(" ")
    return el("b", number, el("small", f" {unit}") if unit else None)


def about(data: ReportData) -> Safe:
    facts = [data.architecture_description]
    if data.technology_nm and f"{q.plain(data.technology_nm)} nm" not in data.architecture_description:
        facts.append(f"{q.plain(data.technology_nm)} nm")
    if data.area_mm2:
        facts.append(f"{q.digits(data.area_mm2)} mm²")
    lines = [
        " · ".join(f for f in facts if f),
        f"Source: {data.architecture_source}" if data.architecture_source else "",
    ]
    return join(el("p", line, class_="soft") for line in lines if line)


def roofline_note(data: ReportData) -> Safe:
    outer = data.outer_memory
    if outer is None or outer.bits_per_cycle is None:
        return el(
            "p",
            "The outermost memory has no bandwidth limit in this architecture, so only the peak is drawn.",
            class_="soft",
        )
    return Safe("")


def bottlenecks(data: ReportData) -> Safe:
    """Share of the network's time by the component that sets it."""
    colours = component_colours(data)
    times_by: dict[str, float] = {}
    for layer in data.mapped:
        times_by[layer.bottleneck] = times_by.get(layer.bottleneck, 0.0) + (layer.cycles or 0.0) * layer.count
    rows = [
        el(
            "li",
            swatch(colours.get(name, "var(--compute)")),
            el("b", short(name, 24) or "unnamed"),
            f" {q.share(cycles, data.cycles)}",
        )
        for name, cycles in sorted(times_by.items(), key=lambda item: -item[1])
    ]
    return el("ul", rows, class_="keys")
