"""The loop nest of a layer as styled HTML: one band per memory or fanout, outermost first, loops indented inside.

A band's left side names the place and shows how full it is; its right side lists what is held (tile and KiB) and the
loops that run there. It draws rows of the dataset and works out no sizes of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from tileloom.report import quantities as q
from tileloom.report.charts import stacked
from tileloom.report.data import LayerData, NestRow, ReportData, TensorTile, Unit
from tileloom.report.markup import Safe, el, short


def nest(layer: LayerData, data: ReportData, colours: Mapping[str, str]) -> Safe:
    """The drawing of one mapped layer."""
    units = {u.name: u for u in data.units}
    depth, bands = 0, []
    seen: set[str] = set()
    for place, rows in _bands(layer.nest):
        lines = []
        for row in rows:
            lines.append(_line(row, depth))
            depth += row.kind in ("loop", "spatial")
        side = _side(place, units.get(place), layer, data, place in seen)
        seen.add(place)
        colour = colours.get(place, "var(--accent)")
        spatial = " fan" if rows[0].kind == "spatial" else ""
        bands.append(el("div", side, el("div", lines, class_="lines"), class_=f"band{spatial}", style=f"--c:{colour}"))
    return el("div", bands, class_="nest")


def _bands(rows: tuple[NestRow, ...]) -> Iterator[tuple[str, list[NestRow]]]:
    """Rows by the place they belong to: a hold opens its memory's band, loops in time stay in the band they are in."""
    places, current = [], ""
    for row in rows:
        current = row.place if row.kind != "loop" else current
        places.append(current)
    for place, group in groupby(zip(places, rows), key=lambda pair: pair[0]):
        yield place, [row for _, row in group]


def _side(place: str, unit: Unit | None, layer: LayerData, data: ReportData, again: bool) -> Safe:
    name = el("b", short(place, 22) or "–", title=place)
    if unit is None:
        return el("div", name, class_="side")
    if again:
        return el("div", name, el("span", "continued", class_="note"), class_="side")
    copies = el("span", f"{unit.instances:,} copies", class_="note") if unit.instances > 1 else None
    if unit.kind == "fanout":
        return el("div", name, _fanout_use(unit, layer), class_="side")
    if unit.kind == "compute":
        return el("div", name, copies, class_="side")
    return el("div", name, copies, _fullness(unit, layer), class_="side")


def _fanout_use(unit: Unit, layer: LayerData) -> list[Safe]:
    used = {axis: n for fanout, axis, n in layer.spatial_use if fanout == unit.name}
    size, busy = 1, 1
    notes = []
    for axis, extent in unit.axes:
        n = used.get(axis, 1)
        size, busy = size * extent, busy * n
        notes.append(el("span", f"{axis}: {n} of {extent}", class_="note"))
    bar = stacked([(f"{busy} of {size} used", "var(--accent)", busy)], busy, size, "fixed")
    return [*notes, bar, el("span", f"{q.share(busy, size)} used", class_="note")]


def _fullness(unit: Unit, layer: LayerData) -> list[Safe]:
    parts = [(tensor, series, bits) for memory, tensor, series, bits in layer.occupied_bits if memory == unit.name]
    filled = sum(bits for _, _, bits in parts)
    if unit.capacity_bits is None:
        return [el("span", f"{q.size(filled)} used, unbounded" if filled else "unbounded", class_="note")]
    tips = [(f"{tensor}: {q.size(bits)}", f"var(--{series})", float(bits)) for tensor, series, bits in parts]
    note = f"{q.size(filled)} of {q.size(unit.capacity_bits)}, {q.share(filled, unit.capacity_bits)}"
    bar = stacked(tips, filled, max(unit.capacity_bits, filled), "fixed")
    return [bar, el("span", note, class_="note")]


def _line(row: NestRow, depth: int) -> Safe:
    indent = f"--d:{depth}"
    if row.kind in ("hold", "stream"):
        word = el("span", "passes through" if row.kind == "stream" else "holds", class_="word")
        return el("div", word, (_tile(t) for t in row.tiles), class_="line hold", style=indent)
    if row.kind == "loop":
        return el("div", el("span", "for", class_="word"), _loops(row), class_="line", style=indent)
    if row.kind == "spatial":
        axis = el(
            "span", f"∥ {row.axis}", class_="axis-chip", title=f"in parallel along axis {row.axis} of {row.place}"
        )
        return el("div", axis, _loops(row), class_="line", style=indent)
    label = "compute" if row.kind == "compute" else row.place
    return el("div", el("span", label, class_="word strong"), class_="line", style=indent)


def _loops(row: NestRow) -> list[Safe]:
    shown = []
    for loop in row.loops:
        ragged = f", the last {loop.last}" if loop.last is not None else ""
        step = f"{loop.outside} in tiles of {loop.tile}{ragged}" if loop.tile > 1 else ""
        shown.append(
            el(
                "span",
                el("b", loop.dim),
                f" × {loop.trips:,}",
                class_="loop",
                title=f"{loop.dim}: {loop.outside} → {loop.tile}",
            )
        )
        shown.append(el("span", step, class_="note"))
    return shown


def _tile(tile: TensorTile) -> Safe:
    shape = _shape(tile.shape)
    title = f"{tile.tensor} ({tile.series}): {shape}, {tile.bits:,} bits at once"
    if tile.visit_bits != tile.bits:
        title += f", of a tile {_shape(tile.visit_shape)} ({q.size(tile.visit_bits)}) that the loops below walk through"
    return el(
        "span",
        el("b", tile.tensor),
        f" {shape} ",
        el("em", q.size(tile.bits)),
        class_="tile",
        style=f"--c:var(--{tile.series})",
        title=title,
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape) or "1"
