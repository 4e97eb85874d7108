"""Accelerators as co-design sees them: a label, a family, and how a layer's cost on them is found.

The families are dataflows of MAESTRO's model, or an architecture with a mapper. Networks are not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from itertools import product
from math import prod
from pathlib import Path

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, TileloomError, did_you_mean
from tileloom.core.tokens import read_text
from tileloom.cost.models.maestro.technology import AreaPower, area_power, get_technology
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer
from tileloom.mapping.notation.maestro_templates import apply_template, get_template

_FIELDS = {
    "num_pes": "num_pes",
    "l1_size_cstr": "l1_bytes",
    "l2_size_cstr": "l2_bytes",
    "noc_bw_cstr": "noc_elements_per_cycle",
    "offchip_bw_cstr": "offchip_elements_per_cycle",
}


@dataclass(frozen=True, slots=True)
class DirectiveAccelerator:
    """A chip whose dataflow is fixed: every convolution takes `dataflow`, depthwise ones the depthwise dataflow.

    flexible   dataflows of which each layer takes the fastest; then `dataflow` is 'flexible'
    """

    dataflow: str
    id: str
    hardware: MaestroHardware
    flexible: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.dataflow}@{self.id}"

    @property
    def family(self) -> str:
        return self.dataflow

    @property
    def dataflows(self) -> tuple[str, ...]:
        return self.flexible or (self.dataflow,)

    def chip(self, technology: str = "released") -> AreaPower:
        """Area and power with the buffers the chip has (not those that a layer would need)."""
        h = self.hardware
        return area_power(
            get_technology(technology), h.num_pes, h.simd_lanes, h.l1_bytes, h.l2_bytes, h.noc_elements_per_cycle
        )


def scheduled(dataflow: str, layer: DirectiveLayer, num_pes: int) -> DirectiveLayer:
    """The layer with the dataflow as published: clusters keep their size.

    Raises TileloomError where a cluster needs more PEs than there are (the original divides by zero there).
    """
    mapped = apply_template(dataflow, layer, 2**31 - 1)
    need = prod(d.size for d in mapped.dataflow or () if isinstance(d, Cluster))
    if need > num_pes:
        raise TileloomError(f"dataflow '{dataflow}' needs clusters of {need} PEs, there are {num_pes}")
    return mapped


def read_hardware_table(path: str | Path) -> dict[str, MaestroHardware]:
    """id -> hardware from a CSV file with columns hw_id, num_pes, l1_size_cstr, l2_size_cstr, noc_bw_cstr, offchip_bw_cstr.

    Raises InputError with every wrong line: missing columns, unreadable numbers, repeated ids.
    """
    reader = csv.DictReader(StringIO(read_text(Path(path)), newline=None))
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: cannot be read as CSV: {error}", file=str(path)) from None
    columns = reader.fieldnames or ()
    problems = [f"{path}:1: no column '{name}'" for name in ("hw_id", *_FIELDS) if name not in columns]
    if problems:
        raise InputError(problems, file=str(path))
    found: dict[str, MaestroHardware] = {}
    for line, row in rows:
        name = str(row["hw_id"])
        if name in found:
            problems.append(f"{path}:{line}: hw_id '{name}' occurs a second time")
        try:
            found[name] = replace(MaestroHardware(num_pes=1), **{f: int(row[k] or "") for k, f in _FIELDS.items()})  # type: ignore[arg-type]
        except ValueError:
            wrong = [f"{key} '{row[key]}'" for key in _FIELDS if not (row[key] or "").strip().isdigit()]
            problems.append(f"{path}:{line}: not a whole number: {', '.join(wrong)}")
        except InputError as error:
            problems += [f"{path}:{line}: {p}" for p in error.problems]
    if problems:
        raise InputError(problems, file=str(path))
    return found


def grid(
    num_pes: Sequence[int],
    noc: Sequence[int],
    offchip: Sequence[int],
    l1_bytes: Sequence[int] = (100,),
    l2_bytes: Sequence[int] = (3000,),
) -> dict[str, MaestroHardware]:
    """Every combination; ids count from 1. The study's published space is {16..512} x {300..1000} x {50..350}."""
    found = (
        MaestroHardware(num_pes=p, noc_elements_per_cycle=n, offchip_elements_per_cycle=o, l1_bytes=a, l2_bytes=b)
        for p, n, o, a, b in product(num_pes, noc, offchip, l1_bytes, l2_bytes)
    )
    return {str(i): h for i, h in enumerate(found, 1)}


def combine(
    dataflows: Iterable[str], hardware: dict[str, MaestroHardware], flexible: bool = False
) -> tuple[DirectiveAccelerator, ...]:
    """Every dataflow on every hardware, dataflow by dataflow; flexible: and once more with the fastest one per layer."""
    names = tuple(dataflows)
    for name in names:
        get_template(name)
    found = [DirectiveAccelerator(name, i, h) for name in names for i, h in hardware.items()]
    if flexible:
        found += [DirectiveAccelerator("flexible", i, h, names) for i, h in hardware.items()]
    return tuple(found)


def find(label: str, labels: Sequence[str]) -> int:
    """The place of an accelerator by its label. Raises InputError with the nearest one."""
    if label not in labels:
        raise InputError(
            f"no accelerator '{label}'{did_you_mean(label, labels)}; there are {len(labels)}, from {labels[0]} to {labels[-1]}"
            if labels
            else f"no accelerator '{label}': there are none"
        )
    return list(labels).index(label)
