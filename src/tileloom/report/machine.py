"""The architecture as SVG: memories from the outside in, a frame around everything that a fanout multiplies.

Only what the dataset's units say is drawn; colours of memories are those of every other chart.
"""

from __future__ import annotations

from tileloom.report import quantities as q
from tileloom.report.data import ReportData, Unit
from tileloom.report.markup import Safe, el, short
from tileloom.report.palette import component_colours

WIDTH = 520
BOX, GAP, INSET, FRAME_HEAD = 50, 12, 16, 54
GLYPH_CELLS = 12


def machine(data: ReportData) -> Safe:
    """The drawing of the whole hierarchy."""
    colours = component_colours(data)
    drawn: list[Safe] = []
    frames: list[tuple[Unit, float, float]] = []
    y, inset = 2.0, 2.0
    for position, unit in enumerate(data.units):
        if unit.kind == "fanout":
            frames.append((unit, inset, y))
            drawn.extend(_frame_head(unit, inset, y))
            y += FRAME_HEAD
            inset += INSET
            continue
        if position:
            drawn.append(_wire(y - GAP if data.units[position - 1].kind != "fanout" else y - 8, y))
        drawn.extend(_box(unit, inset, y, colours.get(unit.name, "var(--compute)")))
        y += BOX + GAP
    bottoms = []
    for _, left, top in reversed(frames):
        bottoms.append(el("rect", x=left, y=top, width=WIDTH - 2 * left, height=y - top, rx=10, class_="frame"))
        y += GAP
    return el(
        "svg",
        reversed(bottoms),
        drawn,
        viewBox=f"0 0 {WIDTH} {y:.0f}",
        class_="plot machine",
        role="img",
        aria_label="Architecture, outermost memory first",
    )


def _wire(top: float, bottom: float) -> Safe:
    return el("line", x1=WIDTH / 2, x2=WIDTH / 2, y1=top, y2=bottom, class_="wire")


def _frame_head(unit: Unit, left: float, top: float) -> list[Safe]:
    axes = " × ".join(f"{name} {size}" for name, size in unit.axes)
    total = 1
    for _, size in unit.axes:
        total *= size
    sizes = [size for _, size in unit.axes]
    columns, rows = min(sizes[0] if sizes else 1, GLYPH_CELLS), min(sizes[1] if len(sizes) > 1 else 1, GLYPH_CELLS)
    cell = min(4.0, 32 / max(rows, 1))
    x0 = WIDTH - left - 16 - columns * (cell + 1.5)
    cells = [
        el(
            "rect",
            x=x0 + c * (cell + 1.5),
            y=top + 11 + r * (cell + 1.5) * min(1.0, 32 / (rows * (cell + 1.5))),
            width=cell,
            height=cell * min(1.0, 32 / (rows * (cell + 1.5))),
            class_="cell",
        )
        for r in range(rows)
        for c in range(columns)
    ]
    return [
        el(
            "text",
            el("title", unit.name),
            f"{short(unit.name, 26)} × {total:,}",
            x=left + 14,
            y=top + 24,
            class_="box-name",
        ),
        el("text", axes, x=left + 14, y=top + 41, class_="box-note"),
        *cells,
    ]


def _box(unit: Unit, inset: float, y: float, colour: str) -> list[Safe]:
    left, width = inset + 14 * (inset > 2), WIDTH - 2 * inset - 28 * (inset > 2)
    right = left + width - 12
    corner = (q.size(unit.capacity_bits) if unit.capacity_bits else "unbounded") if unit.kind == "memory" else ""
    copies = f"{unit.instances:,} copies" if unit.instances > 1 else ""
    return [
        el("rect", x=left, y=y, width=width, height=BOX, rx=7, class_="box"),
        el("rect", x=left, y=y, width=6, height=BOX, rx=3, style=f"fill:{colour}"),
        el("text", el("title", unit.name), short(unit.name, 30), x=left + 18, y=y + 21, class_="box-name"),
        el("text", corner, x=right, y=y + 21, class_="box-size", text_anchor="end"),
        el(
            "text",
            el("title", _partitions(unit)) if unit.partitions else None,
            _note(unit),
            x=left + 18,
            y=y + 39,
            class_="box-note",
        ),
        el("text", copies, x=right, y=y + 39, class_="box-note", text_anchor="end"),
    ]


def _partitions(unit: Unit) -> str:
    return "split: " + ", ".join(f"{tensors} {q.size(bits)}" for tensors, bits in unit.partitions)


def _note(unit: Unit) -> str:
    if unit.kind == "compute":
        rate = "1 operation" if unit.ops_per_cycle == 1 else f"{q.plain(unit.ops_per_cycle)} operations"
        return f"{q.plain(unit.energy_pj)} pJ per operation · {rate} per cycle"
    read, write = f"{unit.pj_per_bit_read:.2g}", f"{unit.pj_per_bit_write:.2g}"
    energy = f"{read} pJ/bit" if read == write else f"read {read}, write {write} pJ/bit"
    rate = "" if unit.bits_per_cycle is None else f" · {q.plain(unit.bits_per_cycle)} bit/cycle"
    return (
        energy
        + rate
        + (f" · {unit.buffers} buffers" if unit.buffers > 1 else "")
        + (" · split per operand" if unit.partitions else "")
    )
