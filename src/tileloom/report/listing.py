"""The lists of the page: the table of all layers, the nodes that were not mapped, and where the numbers come from."""

from __future__ import annotations

from tileloom.report import quantities as q
from tileloom.report.data import LayerData, ReportData
from tileloom.report.layers import badge
from tileloom.report.markup import Child, Safe, el, join, short

SHOWN_NODES = 400
"""Vector operations listed one by one; a larger network's are summed by operator as well, and the rest is counted."""

COLUMNS = (
    ("Layer", "text"), ("Runs", "number"), ("Operation", "text"), ("MACs", "number"), ("Energy", "number"),
    ("Cycles", "number"), ("EDP", "number"), ("Utilisation", "number"), ("Bottleneck", "text"), ("Search", "number"),
    ("Status", "text"),
)  # fmt: skip


def layer_table(data: ReportData) -> Safe:
    """The network table; `data-v` holds the exact number a column is sorted by."""
    heads = [
        el(
            "th",
            el("button", label, type="button"),
            class_="num" if kind == "number" else None,
            data_kind=kind,
            scope="col",
            aria_sort="none",
        )
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
        "table",
        el("thead", el("tr", heads)),
        el("tbody", rows),
        el("tfoot", foot),
        class_="network",
        id="network-table",
    )


def _row_cells(index: int, layer: LayerData, data: ReportData) -> list[Safe]:
    """Energies, cycles and MACs of ONE run, as the column titles' note says."""

    def number(value: float | None, shown: str) -> Safe:
        return el(
            "td", shown if value is not None else "–", class_="num", data_v="-1" if value is None else repr(value)
        )

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


def others(data: ReportData) -> Safe:
    if not data.vector_ops and not data.skipped:
        return el("p", "Every node of the network is one of the layers above.", class_="soft")
    parts: list[Child] = []
    if data.skipped:
        rows = [
            el("tr", el("td", short(s.name, 48), title=s.name), el("td", s.operator), el("td", s.reason))
            for s in data.skipped
        ]
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
    head = el(
        "thead",
        el("tr", el("th", "Operator"), el("th", "Nodes", class_="num"), el("th", "Output elements", class_="num")),
    )
    listed = [f"{short(op.name, 60)} ({op.operator}, {op.elements:,} elements)" for op in data.vector_ops[:SHOWN_NODES]]
    rest = len(data.vector_ops) - len(listed)
    more = [f"and {rest:,} more"] if rest else []
    return join(
        (
            el(
                "p",
                f"{len(data.vector_ops):,} operations without multiply-accumulates. They are kept in the network and not costed.",
                class_="soft",
            ),
            el("table", head, el("tbody", rows), class_="small narrow"),
            el(
                "details",
                el("summary", "All of them by name"),
                el("ul", (el("li", line) for line in listed + more), class_="names"),
            ),
        )
    )


def provenance(data: ReportData) -> Safe:
    p = data.provenance
    rows: list[tuple[str, Child]] = [
        ("Network", data.network_source),
        ("Command", el("code", p.command) if p.command else ""),
        ("Made", p.created),
        ("Inputs", join((el("div", name, " ", el("code", digest)) for name, digest in p.inputs))),
        ("Options", join((el("span", f"{k} = {v}", class_="pair") for k, v in p.options), " ")),
        ("Versions", join((el("span", f"{k} {v}", class_="pair") for k, v in p.versions), " ")),
        ("Architecture", join(el("div", f"{u.name}: {u.source}") for u in data.units if u.source)),
    ]
    return el("dl", (join((el("dt", key), el("dd", value))) for key, value in rows if value))
