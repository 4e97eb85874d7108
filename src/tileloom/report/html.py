"""Puts the page together: one HTML file with its style, script and drawings inside, that needs nothing from outside.

The parts are made in overview.py, charts.py, machine.py, roofline.py, listing.py and layers.py (with nest.py
and front.py); this
file only arranges them in templates/page.html.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.report.charts import energy_by_component, energy_by_series, layer_bars, legend
from tileloom.report.data import ReportData, read_dataset
from tileloom.report.extraction import extract
from tileloom.report.layers import layer_section
from tileloom.report.listing import layer_table, others, provenance
from tileloom.report.machine import machine
from tileloom.report.markup import el, join, short
from tileloom.report.overview import about, bottlenecks, heading, roofline_note, tiles, warnings
from tileloom.report.palette import component_colours, css_variables
from tileloom.report.roofline import roofline
from tileloom.search.network import NetworkResult

REPORT_FILE = "report.html"


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
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{file.parent}: cannot be made: {error.strerror or error}; give another place") from error
    write_text_atomic(file, render_html(data))
    return file


def render_html(data: ReportData) -> str:
    """The whole page as text."""
    colours = component_colours(data)
    return Template(_template("page.html")).substitute(
        title=el("title", f"{data.network} on {data.architecture} – Tileloom"),
        variables=css_variables(data),
        style=_template("page.css"),
        script=_template("page.js"),
        heading=heading(data),
        warnings=warnings(data),
        tiles=tiles(data),
        machine=machine(data),
        about=about(data),
        energy=energy_by_component(data),
        operands=energy_by_series(data),
        components=legend((short(c, 20), colour) for c, colour in colours.items()),
        layer_bars=layer_bars(data),
        roofline=roofline(data),
        roofline_note=roofline_note(data),
        bottlenecks=bottlenecks(data),
        table=layer_table(data),
        sections=join(layer_section(i, la, data, colours) for i, la in enumerate(data.layers)),
        others=others(data),
        provenance=provenance(data),
    )


def _template(name: str) -> str:
    return (files("tileloom.report") / "templates" / name).read_text(encoding="utf-8")
