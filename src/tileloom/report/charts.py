"""Bars of the page as HTML: energy of the network by memory and operand, and every layer on one line.

Widths are shares of the widest row, so charts need no layout code and grow with the number of layers. Titles on the
parts hold the exact numbers; page.js shows them as tooltips.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tileloom.report import quantities as q
from tileloom.report.data import SERIES, LayerData, ReportData
from tileloom.report.markup import Safe, el, join, short
from tileloom.report.palette import component_colours

SERIES_NAMES = {
    "input": "Inputs",
    "weight": "Weights",
    "output": "Outputs",
    "compute": "Arithmetic",
    "leakage": "Leakage",
}


def legend(items: Iterable[tuple[str, str]]) -> Safe:
    """(label, CSS colour) pairs in one line."""
    return el("div", (el("span", swatch(colour), label, class_="key") for label, colour in items), class_="legend")


def swatch(colour: str) -> Safe:
    return el("i", class_="swatch", style=f"background:{colour}")


def stacked(parts: Iterable[tuple[str, str, float]], total: float, widest: float, class_: str = "") -> Safe:
    """One stacked bar of (title, CSS colour, value); `total` against `widest` is its length.

    class_  of the track: 'by-component', 'by-series' (shown by choice) or 'fixed' (never stretched to a share)
    """
    segments = [
        el("i", title=title, style=f"flex-grow:{1000 * value / total:.2f};background:{colour}")
        for title, colour, value in parts
        if total > 0 and value / total >= 0.0005
    ]
    width = 100 * total / widest if widest > 0 else 0.0
    bar = el("div", segments, class_="bar", style=f"--w:{width:.2f}%")
    return el("div", bar, class_=f"track {class_}".rstrip())


def energy_by_component(data: ReportData) -> Safe:
    """One row per memory and unit, stacked by operand: where the network's energy goes."""
    colours = component_colours(data)
    pairs = {s: (SERIES_NAMES[s], f"var(--{s})") for s in SERIES}
    return _matrix(data.energy_table(), {c: (c, colours[c]) for c in colours}, pairs, data.energy_pj)


def energy_by_series(data: ReportData) -> Safe:
    """One row per operand, stacked by memory: the same energies the other way round."""
    table = {(series, component): energy for (component, series), energy in data.energy_table().items()}
    colours = component_colours(data)
    rows = {s: (SERIES_NAMES[s], f"var(--{s})") for s in SERIES if any(k[0] == s for k in table)}
    return _matrix(table, rows, {c: (c, colours[c]) for c in colours}, data.energy_pj)


def _matrix(
    table: Mapping[tuple[str, str], float],
    rows: Mapping[str, tuple[str, str]],
    columns: Mapping[str, tuple[str, str]],
    whole: float,
) -> Safe:
    """A stacked bar per row; rows and columns are key -> (label, CSS colour)."""
    sums = {row: sum(table.get((row, column), 0.0) for column in columns) for row in rows}
    widest = max(sums.values(), default=0.0)
    lines = []
    for row, (label, colour) in rows.items():
        parts = [
            (f"{label} · {name}: {q.energy(e)}, {q.share(e, whole)} of all", shade, e)
            for column, (name, shade) in columns.items()
            if (e := table.get((row, column), 0.0))
        ]
        lines.append(
            el(
                "div",
                el("span", swatch(colour), short(label, 22), class_="name", title=label),
                stacked(parts, sums[row], widest),
                el("span", q.energy(sums[row]), class_="num"),
                el("span", q.share(sums[row], whole), class_="num soft"),
                class_="brow",
            )
        )
    keys = [pair for column, pair in columns.items() if any(table.get((row, column)) for row in rows)]
    return join((legend((short(label, 22), colour) for label, colour in keys), el("div", lines, class_="bars")))


def layer_bars(data: ReportData) -> Safe:
    """Every mapped layer on one line: energy stacked by memory or operand, cycles by bottleneck, utilisation."""
    layers = [(i, la) for i, la in enumerate(data.layers) if la.mapped]
    colours = component_colours(data)
    most_energy = max(((la.energy_pj or 0.0) * la.count for _, la in layers), default=0.0)
    most_cycles = max(((la.cycles or 0.0) * la.count for _, la in layers), default=0.0)
    rows = [_layer_line(i, la, colours, most_energy, most_cycles, data) for i, la in layers]
    head = el(
        "div",
        el("span", "Layer"),
        el("span", "Energy", class_="wide"),
        el("span", "Cycles, coloured by bottleneck", class_="wide"),
        el("span", "Utilisation", class_="wide"),
        class_="lrow head",
    )
    return el("div", head, rows, class_="lbars", id="layer-bars", data_split="component", data_scale="absolute")


def _layer_line(
    index: int,
    layer: LayerData,
    colours: Mapping[str, str],
    most_energy: float,
    most_cycles: float,
    data: ReportData,
) -> Safe:
    energy, cycles = (layer.energy_pj or 0.0) * layer.count, (layer.cycles or 0.0) * layer.count
    by_component = {c: e * layer.count for c, e in layer.energy_by_component().items()}
    by_series = {s: e * layer.count for s, e in layer.energy_by_series().items()}
    components = [(_tip(c, e, energy), colours[c], e) for c in colours if (e := by_component.get(c, 0.0))]
    series = [(_tip(SERIES_NAMES[s], e, energy), f"var(--{s})", e) for s in SERIES if (e := by_series.get(s, 0.0))]
    busy = f"{q.count(cycles)} cycles = {q.seconds(cycles / data.frequency_hz)}; bottleneck {layer.bottleneck or '–'}"
    colour = colours.get(layer.bottleneck, "var(--compute)")
    used = min(1.0, layer.utilization)
    return el(
        "div",
        el("a", short(layer.name), times(layer.count), href=f"#layer-{index}", class_="name", title=layer.name),
        stacked(components, energy, most_energy, "by-component"),
        stacked(series, energy, most_energy, "by-series"),
        el("span", q.energy(energy), class_="num"),
        stacked([(busy, colour, cycles)], cycles, most_cycles, "fixed"),
        el("span", q.count(cycles), class_="num"),
        stacked([(f"{q.share(used, 1)} of the peak", "var(--accent)", used)], used, 1.0, "fixed"),
        el("span", q.share(used, 1), class_="num"),
        class_="lrow",
        data_order=index,
        data_energy=f"{energy:.6g}",
        data_cycles=f"{cycles:.6g}",
        data_utilization=f"{layer.utilization:.6g}",
    )


def times(count: int) -> Safe:
    return el("small", f" ×{count}", class_="times") if count > 1 else Safe("")


def _tip(label: str, energy: float, whole: float) -> str:
    return f"{label}: {q.energy(energy)}, {q.share(energy, whole)}"
