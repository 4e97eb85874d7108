"""Charts of a sweep as Vega-Lite, made with altair: trade-offs, parallel coordinates, sensitivities. Reads no files.

They are one specification per card of the page; sweep_page.py puts them in. Field names with dots or brackets would be
paths to Vega, so rows are renamed to f0, f1, ...
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import isfinite
from typing import Any

from tileloom.core.errors import MissingDependencyError
from tileloom.explore.sweep.schema import METRICS
from tileloom.report.palette import LIGHT
from tileloom.report.sweep_data import TITLES, UNITS, SweepData, known_metrics, parameters

ACCENT, QUIET = LIGHT["accent"], "#c3c9d4"
HUES = (LIGHT["input"], LIGHT["weight"], LIGHT["output"])
LOG_FROM = 20.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""


def _altair() -> Any:
    try:
        import altair
    except ImportError as error:
        raise MissingDependencyError("altair", "plot", "the page of a sweep") from error
    return altair


def trade_offs(data: SweepData) -> dict[str, Any]:
    """Every pair of the first three objectives: valid designs grey, the front coloured; brushing links the panels."""
    alt = _altair()
    names = [*parameters(data), *known_metrics(data)]
    at = {name: f"f{i}" for i, name in enumerate(names)}
    rows = [{at[n]: p[n] for n in names} | {"front": p["front"], "design": p["design"]} for p in data.points]
    wanted = [m for m in known_metrics(data) if _varies(data, m)] or list(data.study.objectives)
    pairs = list(combinations(wanted[: max(3, len(data.study.objectives))][:3], 2)) or [(wanted[0], wanted[0])]
    brush = alt.selection_interval(name="brush")
    tips = [alt.Tooltip("design:Q", title="design", format="d")]
    tips += [alt.Tooltip(f"{at[n]}:{'N' if isinstance(rows[0][at[n]], str) else 'Q'}", title=n) for n in names]
    colour = alt.condition(
        brush,
        alt.Color(
            "front:N", scale=alt.Scale(domain=[True, False], range=[ACCENT, QUIET]),
            legend=alt.Legend(title=None, labelExpr="datum.value ? 'on the front' : 'valid'", orient="top"),
        ),
        alt.value("#e9ecf1"),
    )  # fmt: skip
    panels = [
        alt.Chart(width=305, height=260)
        .mark_circle(size=34, opacity=0.85)
        .encode(
            x=_axis(data, x, at[x]), y=_axis(data, y, at[y]), color=colour,
            order=alt.Order("front:N", sort="ascending"), tooltip=tips,
        )
        for x, y in pairs
    ]  # fmt: skip
    with warnings.catch_warnings():
        # One brush for all panels is what is wanted; altair warns that it does not make one for each.
        warnings.filterwarnings("ignore", message="Automatically deduplicated", category=UserWarning)
        return _spec(alt.hconcat(*panels, data=alt.Data(values=rows), spacing=34).add_params(brush))


def parallel(data: SweepData) -> dict[str, Any]:
    """The front as lines over parameters and metrics, each scaled to its own range; coloured by the first objective."""
    alt = _altair()
    names = [*parameters(data), *known_metrics(data)]
    first = data.study.objectives[0]
    scales = {n: _scale([p[n] for p in data.front]) for n in names}
    values = [p[first] for p in data.front]
    rows = [
        {
            "design": p["design"],
            "axis": TITLES.get(n, n),
            "at": scales[n](p[n]),
            "value": p[n] if isinstance(p[n], str) else f"{p[n]:.4g}",
            "shade": p[first],
        }
        for p in data.front
        for n in names
    ]
    order = [TITLES.get(n, n) for n in names]
    hover = alt.selection_point(fields=["design"], on="mouseover", nearest=True, empty=False, name="hover")
    base = alt.Chart(alt.Data(values=rows), width=1040, height=300).encode(
        x=alt.X("axis:N", sort=order, title=None, axis=alt.Axis(labelAngle=-18, grid=True, labelLimit=200)),
        y=alt.Y("at:Q", title="lowest to highest", axis=alt.Axis(labels=False, ticks=False, grid=False)),
        detail="design:N",
    )
    scale = alt.Scale(
        scheme="viridis", type="log" if min(values) > 0 and max(values) / min(values) >= LOG_FROM else "linear"
    )
    lines = base.mark_line().encode(
        color=alt.Color(
            "shade:Q", scale=scale, legend=alt.Legend(title=f"{TITLES[first]} ({UNITS[first]})", format=".3~s")
        ),
        opacity=alt.condition(hover, alt.value(1.0), alt.value(0.45)),
        strokeWidth=alt.condition(hover, alt.value(3.5), alt.value(1.3)),
    )
    points = base.mark_circle(size=45).encode(
        opacity=alt.condition(hover, alt.value(1.0), alt.value(0.0)),
        tooltip=[
            alt.Tooltip("design:Q", title="design", format="d"), alt.Tooltip("axis:N", title="axis"),
            alt.Tooltip("value:N", title="value"),
        ],
    ).add_params(hover)  # fmt: skip
    return _spec(lines + points)


def _moves(data: SweepData, wanted: Sequence[str]) -> list[dict[str, Any]]:
    """A row per step and metric, with its share of the reference."""
    assert data.moved is not None
    rows: list[dict[str, Any]] = []
    for step in data.moved.steps:
        for m in wanted:
            value, reference = step.metrics[METRICS.index(m)], data.moved.metrics[METRICS.index(m)]
            if isfinite(value) and reference:
                rows.append(
                    {
                        "parameter": step.parameter, "value": step.value, "metric": TITLES[m],
                        "share": value / reference, "absolute": value, "valid": step.valid,
                    }
                )  # fmt: skip
    return rows


def sensitivities(data: SweepData) -> dict[str, Any]:
    """Per parameter, how the objectives change when it alone leaves the reference design; hollow: breaks a limit."""
    alt = _altair()
    assert data.moved is not None
    wanted = list(data.study.objectives)[:3]
    rows = _moves(data, wanted)
    shares = [r["share"] for r in rows if r["share"] > 0]
    wide = bool(shares) and max(shares) / min(shares) >= LOG_FROM
    panels = []
    for name in dict.fromkeys(r["parameter"] for r in rows):
        own = [r for r in rows if r["parameter"] == name]
        numbers = [r["value"] for r in own if not isinstance(r["value"], str)]
        log = bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_FROM
        reference = data.moved.values[name]
        shape = alt.X(
            "value:Q",
            scale=alt.Scale(type="log" if log else "linear", zero=False),
            title=name,
            axis=alt.Axis(format="~s", tickCount=5),
        )
        base = alt.Chart(alt.Data(values=own), width=212, height=170).encode(
            x=shape if numbers else alt.X("value:N", title=name),
            y=alt.Y(
                "share:Q",
                scale=alt.Scale(type="log" if wide else "linear", zero=False),
                title="of the reference",
                axis=alt.Axis(format=".3~g", tickCount=5),
            ),
            color=alt.Color(
                "metric:N",
                scale=alt.Scale(domain=[TITLES[m] for m in wanted], range=list(HUES)),
                legend=alt.Legend(title=None, orient="top"),
            ),
        )
        tips = ["metric:N", alt.Tooltip("value", type="quantitative" if numbers else "nominal", title=name)]
        tips += [alt.Tooltip("absolute:Q", format=".4~s"), alt.Tooltip("share:Q", format=".3~g"), "valid:N"]
        dots = base.mark_point(filled=True, size=46).encode(
            fillOpacity=alt.condition("datum.valid", alt.value(1.0), alt.value(0.0)), tooltip=tips
        )
        mark = (
            alt.Chart(alt.Data(values=[{"value": reference}]))
            .mark_rule(strokeDash=[3, 3], color="#8b93a1")
            .encode(x=alt.X("value:Q") if numbers else alt.X("value:N"))
        )
        panels.append(mark + base.mark_line() + dots)
    return _spec(alt.concat(*panels, columns=4, spacing=26))


def _varies(data: SweepData, metric: str) -> bool:
    return len({p[metric] for p in data.points}) > 1


def _axis(data: SweepData, metric: str, field: str) -> Any:
    values = [p[metric] for p in data.points if p[metric] > 0]
    log = bool(values) and max(values) / min(values) >= LOG_FROM
    return {
        "field": field, "type": "quantitative", "title": f"{TITLES[metric]} ({UNITS[metric]})",
        "scale": {"type": "log" if log else "linear", "zero": False, "nice": True}, "axis": {"format": "~s", "tickCount": 6},
    }  # fmt: skip


def _scale(values: Sequence[Any]) -> Any:
    """Onto 0 .. 1: names by their order, numbers linearly or, over wide ranges, by their logarithm."""
    from math import log

    if any(isinstance(v, str) for v in values):
        names = sorted(set(values))
        return lambda v: names.index(v) / max(1, len(names) - 1)
    low, high = min(values), max(values)
    if low > 0 and high / low >= LOG_FROM:
        return lambda v: (log(v) - log(low)) / (log(high) - log(low))
    return lambda v: (v - low) / (high - low) if high > low else 0.5


def _spec(chart: Any) -> dict[str, Any]:
    themed = chart.configure(
        background="transparent", font="system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans, sans-serif"
    ).configure_axis(
        gridColor="#e1e5eb",
        domainColor="#8b93a1",
        tickColor="#8b93a1",
        labelColor="#5b6472",
        titleColor="#5b6472",
        titleFontWeight=500,
    )
    return dict(themed.configure_view(stroke=None).to_dict(validate=False))


def all_charts(data: SweepData) -> Iterable[tuple[str, dict[str, Any]]]:
    """(id of the element, specification); nothing for a sweep without valid designs."""
    if data.front:
        yield "trade-offs", trade_offs(data)
        yield "parallel", parallel(data)
        if data.moved is not None and data.moved.steps:
            yield "sensitivity", sensitivities(data)
