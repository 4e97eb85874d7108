"""Charts for notebooks and papers, made with altair from the dataset; the page itself does not use them.

Needs the extra `plot`. `save_chart` writes SVG, PNG or PDF without a browser, or Vega-Lite JSON.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from tileloom.core.errors import InputError, MissingDependencyError
from tileloom.report.charts import SERIES_NAMES
from tileloom.report.data import SERIES, ReportData
from tileloom.report.extraction import extract
from tileloom.report.palette import LIGHT, RAMP_LIGHT, ramp
from tileloom.search.network import NetworkResult

FORMATS = (".svg", ".png", ".pdf", ".json")


def altair_module() -> Any:
    """altair, or MissingDependencyError that says how to install it."""
    try:
        import altair
    except ImportError as error:
        raise MissingDependencyError("altair", "plot", "drawing a chart") from error
    return altair


def _dataset(result: NetworkResult | ReportData) -> ReportData:
    return result if isinstance(result, ReportData) else extract(result)


def energy_chart(result: NetworkResult | ReportData, by: Literal["component", "operand"] = "component") -> Any:
    """Stacked bars: energy of every layer with all its runs in mJ, by memory or by operand."""
    alt, data = altair_module(), _dataset(result)
    names, colours = _component_range(data) if by == "component" else _series_range()
    rows = [
        {
            "layer": layer.name,
            "energy_mj": p.energy_pj * layer.count / 1e9,
            "part": p.component if by == "component" else SERIES_NAMES[p.series],
            "rank": names.index(p.component if by == "component" else SERIES_NAMES[p.series]),
        }
        for layer in data.mapped
        for p in layer.energy
    ]
    return (
        alt.Chart(alt.Data(values=rows), title=f"{data.network} on {data.architecture}")
        .mark_bar()
        .encode(
            y=alt.Y("layer:N", sort=[la.name for la in data.mapped], title=None),
            x=alt.X("sum(energy_mj):Q", title="energy, all runs (mJ)"),
            color=alt.Color("part:N", scale=alt.Scale(domain=names, range=colours), title=None),
            order=alt.Order("rank:Q"),
            tooltip=["layer:N", "part:N", alt.Tooltip("sum(energy_mj):Q", title="mJ", format=".4g")],
        )
    )


def cycles_chart(result: NetworkResult | ReportData) -> Any:
    """Bars: cycles of every layer with all its runs, coloured by the component that is the bottleneck."""
    alt, data = altair_module(), _dataset(result)
    names, colours = _component_range(data)
    rows = [
        {"layer": la.name, "cycles": (la.cycles or 0.0) * la.count, "bottleneck": la.bottleneck} for la in data.mapped
    ]
    return (
        alt.Chart(alt.Data(values=rows), title=f"{data.network} on {data.architecture}")
        .mark_bar()
        .encode(
            y=alt.Y("layer:N", sort=[la.name for la in data.mapped], title=None),
            x=alt.X("cycles:Q", title="cycles, all runs"),
            color=alt.Color("bottleneck:N", scale=alt.Scale(domain=names, range=colours)),
            tooltip=["layer:N", "bottleneck:N", alt.Tooltip("cycles:Q", format=",.0f")],
        )
    )


def utilization_chart(result: NetworkResult | ReportData) -> Any:
    """Bars: useful operations over what the array could have done in the same cycles."""
    alt, data = altair_module(), _dataset(result)
    rows = [{"layer": la.name, "utilization": la.utilization} for la in data.mapped]
    return (
        alt.Chart(alt.Data(values=rows), title=f"{data.network} on {data.architecture}")
        .mark_bar(color=LIGHT["accent"])
        .encode(
            y=alt.Y("layer:N", sort=[la.name for la in data.mapped], title=None),
            x=alt.X("utilization:Q", title="utilisation", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            tooltip=["layer:N", alt.Tooltip("utilization:Q", format=".1%")],
        )
    )


def roofline_chart(result: NetworkResult | ReportData) -> Any:
    """Points under the roofs of the array and of the outermost memory, both axes logarithmic."""
    alt, data = altair_module(), _dataset(result)
    names, colours = _component_range(data)
    points = [
        {
            "layer": la.name,
            "intensity": 8 * la.macs / la.outer_bits,
            "macs_per_cycle": la.macs / (la.cycles or 1.0),
            "cycles": (la.cycles or 0.0) * la.count,
            "bottleneck": la.bottleneck,
        }
        for la in data.mapped
        if la.outer_bits and la.cycles
    ]
    log = alt.Scale(type="log", nice=False)
    circles = (
        alt.Chart(alt.Data(values=points))
        .mark_circle(opacity=0.85)
        .encode(
            x=alt.X("intensity:Q", scale=log, title="MACs per byte moved at the outermost memory"),
            y=alt.Y("macs_per_cycle:Q", scale=log, title="MACs per cycle"),
            size=alt.Size("cycles:Q", legend=None),
            color=alt.Color("bottleneck:N", scale=alt.Scale(domain=names, range=colours)),
            tooltip=["layer:N", "bottleneck:N", alt.Tooltip("macs_per_cycle:Q", format=".4g")],
        )
    )
    line = alt.Chart(alt.Data(values=_roof(data, points))).mark_line(color=LIGHT["ink"])
    return (line.encode(x="intensity:Q", y="macs_per_cycle:Q") + circles).properties(
        title=f"{data.network} on {data.architecture}"
    )


def _roof(data: ReportData, points: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Corners of the roof from half the lowest to twice the highest intensity."""
    if not points:
        return []
    peak = max(la.peak_macs_per_cycle for la in data.mapped)
    low, high = min(p["intensity"] for p in points) / 2, max(p["intensity"] for p in points) * 2
    bandwidth = data.outer_memory.bits_per_cycle if data.outer_memory else None
    if bandwidth is None:
        return [{"intensity": x, "macs_per_cycle": peak} for x in (low, high)]
    knee = 8 * peak / bandwidth
    corners = sorted({min(low, knee), knee, max(high, knee)})
    return [{"intensity": x, "macs_per_cycle": min(peak, x * bandwidth / 8)} for x in corners]


def _component_range(data: ReportData) -> tuple[list[str], list[str]]:
    units = {u.name for u in data.units if u.kind == "compute"}
    names = list(data.components())
    memories = iter(ramp(RAMP_LIGHT, sum(n not in units for n in names)))
    return names, [LIGHT["compute"] if n in units else next(memories) for n in names]


def _series_range() -> tuple[list[str], list[str]]:
    return [SERIES_NAMES[s] for s in SERIES], [LIGHT[s] for s in SERIES]


def save_chart(chart: Any, path: str | Path) -> Path:
    """Writes a chart; the ending decides the format. Raises InputError for another ending."""
    file = Path(path)
    if file.suffix not in FORMATS:
        raise InputError(f"{file}: cannot write a chart as '{file.suffix}'; use one of {', '.join(FORMATS)}")
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.stem}.", suffix=file.suffix)
    os.close(handle)
    try:
        chart.save(temporary)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(file)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return file
