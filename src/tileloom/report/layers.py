"""The section of one layer: what it is, its loop nest, where its energy and time go, and what is proven about it."""

from __future__ import annotations

from collections.abc import Mapping

from tileloom.core.units import ENERGY, common_unit
from tileloom.report import quantities as q
from tileloom.report.charts import stacked, swatch, times
from tileloom.report.data import LayerData, ReportData
from tileloom.report.front import front_part
from tileloom.report.markup import Child, Safe, el, join, short
from tileloom.report.nest import nest

BADGES = {
    "optimal": ("good", "✓ proven optimal"),
    "feasible": ("warn", "best found"),
    "stopped": ("warn", "stopped early"),
    "infeasible": ("bad", "does not fit"),
}


def badge(layer: LayerData) -> Safe:
    """The proof status in two words; a gap is said where one is left."""
    kind, label = BADGES.get(layer.status, ("warn", layer.status))
    if layer.status == "stopped" and layer.lower_bound > 0:
        label = f"within {q.share(layer.gap, 1)}"
    return el("span", label, class_=f"badge {kind}")


def objective_text(value: float, data: ReportData) -> str:
    """A value of the searched objective with its unit."""
    if data.objective == "energy":
        return q.energy(value)
    return f"{q.count(value)} cycles" if data.objective == "latency" else q.edp(value, data.frequency_hz)


def layer_section(index: int, layer: LayerData, data: ReportData, colours: Mapping[str, str]) -> Safe:
    """One expandable section, closed at first."""
    figures = [
        f"{q.energy(layer.energy_pj)}" if layer.energy_pj is not None else "–",
        f"{q.count(layer.cycles)} cycles" if layer.cycles is not None else "–",
        f"{q.share(layer.utilization, 1)}" if layer.mapped else "–",
    ]
    summary = el(
        "summary",
        el("span", short(layer.name, 44), times(layer.count), class_="name", title=layer.name),
        el("span", _dims(layer), class_="dims"),
        (el("span", f, class_="num") for f in figures),
        badge(layer),
    )
    body = _mapped_body(layer, data, colours) if layer.mapped else _unmapped_body(layer)
    return el("details", summary, el("div", body, class_="body"), id=f"layer-{index}", class_="layer")


def _dims(layer: LayerData) -> str:
    return " ".join(f"{name}{size}" if name[-1:].isalpha() else f"{name}={size}" for name, size in layer.dims)


def _unmapped_body(layer: LayerData) -> list[Child]:
    reasons = layer.reasons or ("the search gave no reason",)
    listed = el("ul", (el("li", reason) for reason in reasons))
    return [
        el("div", el("h4", "Why there is no mapping"), listed, class_="left"),
        el("div", el("h4", "Layer"), _facts(layer), class_="right"),
    ]


def _mapped_body(layer: LayerData, data: ReportData, colours: Mapping[str, str]) -> list[Child]:
    left = [
        el("h4", "Loop nest, outermost first"),
        nest(layer, data, colours),
        el(
            "details",
            el("summary", "As text, with the energy of one run"),
            el("pre", layer.text),
            class_="text",
            open="",
        )
        if layer.text
        else None,
    ]
    right = [
        el("h4", "Layer"),
        _facts(layer),
        el("h4", "Proof"),
        _proof(layer, data),
        *front_part(layer),
        el("h4", "Energy of one run"),
        _breakdown(layer, colours),
        el("h4", "Busy cycles of one run"),
        _busy(layer, colours),
    ]
    return [el("div", left, class_="left"), el("div", right, class_="right")]


def _facts(layer: LayerData) -> Safe:
    shared = ", ".join(layer.layers)
    rows: list[tuple[str, Child]] = [
        ("Computes", el("code", layer.equation)),
        ("Extents", ", ".join(f"{name} = {size:,}" for name, size in layer.dims)),
        ("MACs", f"{layer.macs:,}"),
        ("Used by", f"{_plural(len(layer.layers), 'layer')}, run {_plural(layer.count, 'time')}: {shared}")
        if layer.count > 1
        else ("", None),
        *(("Note", note) for note in layer.notes),
    ]
    return el("dl", (join((el("dt", key), el("dd", value))) for key, value in rows if key))


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _proof(layer: LayerData, data: ReportData) -> Safe:
    value = {"energy": layer.energy_pj, "latency": layer.cycles}.get(data.objective, layer.edp_pj_cycles) or 0.0
    costs = objective_text(value, data)
    bound = objective_text(layer.lower_bound, data)
    space = f"the {q.power_of_ten(layer.space_size)} mappings of the space" if layer.space_size else "the space"
    sentence = {
        "optimal": f"None of {space} costs less than {costs}: the lower bound equals the best mapping.",
        "stopped": f"Stopped early. The best mapping costs {costs}; none of {space} costs less than {bound}, "
        f"so at most {q.share(layer.gap, 1)} can be gained.",
    }.get(layer.status, f"The best of the mappings tried costs {costs}; nothing is proven about the others.")
    effort = f"{q.count(layer.evaluated)} mappings costed in {q.seconds(layer.search_seconds)}."
    rows = [el("tr", el("td", what), el("td", f"{number:,}", class_="num")) for what, number in layer.explain]
    pruned = [
        el(
            "table",
            el("thead", el("tr", el("th", "In the search"), el("th", "Count", class_="num"))),
            el("tbody", rows),
            class_="small",
        )
    ]
    return join((el("p", badge(layer), " ", sentence, " ", effort), *(pruned if rows else [])))


def _breakdown(layer: LayerData, colours: Mapping[str, str]) -> Safe:
    whole = layer.energy_pj or 0.0
    keys = list(dict.fromkeys((p.component, p.tensor, p.series) for p in layer.energy))
    order = {name: i for i, name in enumerate(colours)}
    rows = []
    unit, factor = common_unit((_energy_of(layer, key) for key in keys), ENERGY)
    largest = max((_energy_of(layer, key) for key in keys), default=0.0) / factor
    places = 1 if largest >= 100 else 2 if largest >= 10 else 3
    for key in sorted(keys, key=lambda k: order.get(k[0], len(order))):
        component, tensor, series = key
        energy = _energy_of(layer, key)
        accesses = {p.action: p.accesses for p in layer.energy if (p.component, p.tensor, p.series) == key}
        rows.append(
            el(
                "tr",
                el("td", swatch(colours[component]), short(component, 18)),
                el("td", swatch(f"var(--{series})"), tensor or series),
                el("td", q.count(accesses.get("read", accesses.get("compute", 0.0))), class_="num"),
                el("td", q.count(accesses["write"]) if "write" in accesses else "", class_="num"),
                el("td", f"{energy / factor:.{places}f}", class_="num"),
                el(
                    "td",
                    stacked([(q.share(energy, whole), f"var(--{series})", energy)], energy, whole, "fixed"),
                    class_="cellbar",
                ),
                el("td", q.share(energy, whole), class_="num"),
            )
        )
    heads = ("Where", "What", "Reads", "Writes", unit, "", "Share")
    head = el("tr", (el("th", h, class_="num" if i in (2, 3, 4, 6) else None) for i, h in enumerate(heads)))
    return el("table", el("thead", head), el("tbody", rows), class_="small breakdown")


def _energy_of(layer: LayerData, key: tuple[str, str, str]) -> float:
    return sum(p.energy_pj for p in layer.energy if (p.component, p.tensor, p.series) == key)


def _busy(layer: LayerData, colours: Mapping[str, str]) -> Safe:
    most = max((c for _, c in layer.cycles_by_component), default=0.0)
    rows = []
    for name, cycles in layer.cycles_by_component:
        tip = f"{name}: busy {q.count(cycles)} of {q.count(layer.cycles or 0.0)} cycles"
        label = el("b", short(name, 16)) if name == layer.bottleneck else short(name, 16)
        rows.append(
            el(
                "div",
                el("span", swatch(colours[name]), label, class_="name", title=name),
                stacked([(tip, colours[name], cycles)], cycles, most),
                el("span", q.count(cycles), class_="num"),
                class_="brow three",
            )
        )
    if layer.overlapped_cycles is not None:
        rows.append(el("div", f"With transfers overlapped: {q.count(layer.overlapped_cycles)} cycles, stalls included"))
    return el("div", rows, class_="bars")
