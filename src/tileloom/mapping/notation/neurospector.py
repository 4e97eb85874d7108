"""NeuroSpector's scheduling tables as a frozen value, read and written. What a table costs is in cost/models/neurospector.

A table has ten rows from the multiplier outwards and eight columns K, B, P, Q, C, R, S, G; a column multiplies to the
layer's dimension. Loop order is not in it: each buffer's dataflow stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

from tileloom.architecture.notation.neurospector import DIMS, Accelerator, Array
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.sections import Faults, Section, check_keys, read_sections
from tileloom.workload.frontends.neurospector import ConvLayer, LayerList

ROWS = (
    "REGISTER", "MAC_ARRAY(X)", "MAC_ARRAY(Y)", "LOCAL_BUFFER", "PE_ARRAY(X)", "PE_ARRAY(Y)", "GLOBAL_BUFFER",
    "MULTI_CHIPS(X)", "MULTI_CHIPS(Y)", "DRAM",
)  # fmt: skip
REG, MAC_X, MAC_Y, LB, PE_X, PE_Y, GB, CHIP_X, CHIP_Y, DRAM = range(10)
Factors = tuple[int, ...]
ONES: Factors = (1,) * 8


@dataclass(frozen=True)
class SchedulingTable:
    """rows: ten tuples of eight factors, nearest the multiplier first (`ROWS`)."""

    rows: tuple[Factors, ...]

    @property
    def dims(self) -> Factors:
        """What the columns multiply to."""
        return tuple(prod(column) for column in zip(*self.rows))

    def __str__(self) -> str:
        width = max(len(r) for r in ROWS)
        head = " " * width + "".join(f"{d:>6}" for d in DIMS)
        return "\n".join([head, *(f"{n:<{width}}" + "".join(f"{f:>6}" for f in r) for n, r in zip(ROWS, self.rows))])


def everything_in_dram(layer: ConvLayer) -> SchedulingTable:
    return SchedulingTable((ONES,) * 9 + (layer.dims,))


def row_names(accelerator: Accelerator) -> dict[str, int]:
    """Rows that a table file for this accelerator must hold, by the name used there -> index in `ROWS`.

    An axis of size 1 of a declared array is named without its suffix.
    """
    names: dict[str, int] = {}
    if accelerator.register is not None:
        names["REGISTER"] = REG
    arrays: tuple[tuple[str, int, Array | None], ...] = (
        ("MAC_ARRAY", MAC_X, accelerator.mac_array),
        ("PE_ARRAY", PE_X, accelerator.pe_array),
        ("MULTI_CHIPS", CHIP_X, accelerator.multi_chips),
    )
    for name, first, array in arrays:
        if array is not None:
            names[f"{name}(X)" if array.size_x > 1 else name] = first
            names[f"{name}(Y)" if array.size_y > 1 else name] = first + 1
    names["LOCAL_BUFFER"] = LB
    if accelerator.global_buffer is not None:
        names["GLOBAL_BUFFER"] = GB
    names["DRAM"] = DRAM
    return dict(sorted(names.items(), key=lambda item: item[1]))


def read_table(
    source: str | Path, accelerator: Accelerator, network: LayerList, *, text: str | None = None
) -> tuple[ConvLayer, SchedulingTable]:
    """The layer that a table file names, and its table.

    Raises InputError with every fault: unknown layer, unknown, missing or repeated rows, columns that do not multiply
    to the layer. Whether the table fits the accelerator is another question (`check` of the cost model).
    """
    sections, faults = read_sections(source, ("LAYER", "SCHEDULING_TABLE"), text=text)
    for needed in ("LAYER", "SCHEDULING_TABLE"):
        if needed not in sections:
            faults.add(1, f"section '[{needed}]' is missing")
    faults.stop()
    layer = _layer(sections["LAYER"], network, faults)
    table = _rows(sections["SCHEDULING_TABLE"], accelerator, faults)
    if layer is not None and not faults.found:
        for dim, wanted, found in zip(DIMS, layer.dims, table.dims):
            if wanted != found:
                line = sections["SCHEDULING_TABLE"].line
                faults.add(line, f"column {dim} multiplies to {found}; layer '{layer.name}' has {dim}={wanted}")
    faults.stop()
    assert layer is not None
    return layer, table


def _layer(section: Section, network: LayerList, faults: Faults) -> ConvLayer | None:
    check_keys(section, ("layer_name", "name"), faults)
    entry = section.get("layer_name") or section.get("name")
    if entry is None:
        faults.add(section.line, "[LAYER] has no layer_name")
        return None
    try:
        return network.layer(entry.value)
    except InputError as error:
        faults.add(entry.line, str(error))
        return None


def _rows(section: Section, accelerator: Accelerator, faults: Faults) -> SchedulingTable:
    names = row_names(accelerator)
    rows = [ONES] * len(ROWS)
    seen = set()
    for entry in section.entries:
        name = entry.key.upper()
        if name not in names:
            near = did_you_mean(name, list(names))
            faults.add(entry.line, f"'{accelerator.name}' has no row '{name}'{near}; its rows: {', '.join(names)}")
            continue
        seen.add(name)
        rows[names[name]] = faults.wholes(entry, len(DIMS), 1)
    faults.found += [
        f"{faults.file}:{section.line}: row '{n}' of '{accelerator.name}' is missing" for n in names if n not in seen
    ]
    return SchedulingTable(tuple(rows))


def write_table(accelerator: Accelerator, layer: ConvLayer, table: SchedulingTable) -> str:
    """The file's text; reading it gives the same layer and table. Raises InputError for factors in undeclared rows."""
    names = row_names(accelerator)
    lost = [ROWS[i] for i, row in enumerate(table.rows) if i not in names.values() and row != ONES]
    if lost:
        raise InputError(f"'{accelerator.name}' has no rows {', '.join(lost)}, but the table has factors there")
    lines = ["[LAYER]", f"layer_name={layer.name}", "[SCHEDULING_TABLE]"]
    lines += [f"{name}={','.join(map(str, table.rows[i]))}" for name, i in names.items()]
    return "\n".join(lines) + "\n"
