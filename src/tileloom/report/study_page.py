"""The page of a study: headline, charts, every row. One HTML file that needs nothing from outside."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from string import Template

from tileloom import __version__
from tileloom.core.files import write_text_atomic
from tileloom.core.units import short
from tileloom.explore.study import Column, StudyResult, Value, write_study
from tileloom.report.html import REPORT_FILE
from tileloom.report.markup import Safe, el
from tileloom.report.palette import scheme_rules
from tileloom.report.study_charts import chart


def write_study_report(study: StudyResult, folder: str | Path, command: str = "", others: Collection[str] = ()) -> Path:
    """`write_study`, with the page; returns its path. `command`: what made it, for the page to show."""
    target = write_study(study, folder, others)
    write_text_atomic(target / REPORT_FILE, study_page(study, command))
    return target / REPORT_FILE


def study_page(study: StudyResult, command: str = "") -> str:
    """The page as text."""
    settings = [f"{k} {_text(v)}" for k, v in study.settings.items() if isinstance(v, str)]
    return Template(_template("study.html")).substitute(
        title=el("title", f"{study.title} – Tileloom"),
        variables=scheme_rules(2),
        style=_template("page.css"),
        heading=Safe(el("h1", study.title) + el("p", " · ".join([study.name, *settings]))),
        tiles=Safe("".join(_tile(*entry) for entry in study.headline)),
        charts=Safe("".join(chart(c) for c in study.charts)),
        notes=Safe("".join(el("li", note) for note in study.notes)),
        table=_table(study),
        footer=el("p", f"Tileloom {__version__}. ", el("code", command) if command else None),
    )


def _tile(label: str, value: str, remark: str) -> Safe:
    return el("div", el("span", label), el("b", value), el("small", remark), class_="tile-card")


def _table(study: StudyResult) -> Safe:
    numeric = [any(_number(row[i]) for row in study.rows) for i in range(len(study.columns))]
    sides = ["num" if n else None for n in numeric]
    # A column of mixed 1.3e+15 and 672,736,189,454,746 cannot be read down.
    huge = [any(_number(r[i]) and abs(r[i] / c.scale) >= 1e12 for r in study.rows) for i, c in enumerate(study.columns)]  # type: ignore[arg-type, operator]
    head = el("tr", (el("th", c.title, title=c.meaning, class_=s) for c, s in zip(study.columns, sides, strict=True)))
    order = study.order if study.order is not None else range(len(study.rows))
    body = (
        el("tr", (_data(v, c, s, h) for v, c, s, h in zip(study.rows[i], study.columns, sides, huge, strict=True)))
        for i in order
    )
    return el("table", el("thead", head), el("tbody", body), class_="small")


def _data(value: Value, column: Column, side: str | None, huge: bool) -> Safe:
    exact = None if value is None or isinstance(value, str | bool) else f"{value!r}"
    scaled = value / column.scale if _number(value) and column.scale != 1 else value  # type: ignore[operator]
    shown = f"{scaled:.3e}" if huge and _number(scaled) else _text(scaled)
    return el("td", shown, class_=side, title=exact)


def _number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else short(value)


def _template(name: str) -> str:
    return (files("tileloom.report") / "templates" / name).read_text(encoding="utf-8")
