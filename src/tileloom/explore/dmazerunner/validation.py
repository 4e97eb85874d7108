"""The energy validation: mappings of ResNet conv5_2 whose energy Yang et al. published, by spatial dataflow.

As in the original, the orders of the file are looked up and then replaced by those of least energy.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.core.errors import MAX_PROBLEMS, InputError
from tileloom.core.jsonio import parse_json
from tileloom.core.yamlio import parse_yaml
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.reference import method_costs
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, method_of_loops
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer

PARTS = ("MAC", "RF", "NOC", "SPM", "DRAM")
_NAMES = {"IC": "C", "OC": "M", "ON": "N", "OX": "Ox", "OY": "Oy", "FX": "Fx", "FY": "Fy"}
_COLUMNS = {
    "mechanism": ("data_flow_mechanism", "dataflow_mechanism"),
    "dram": ("dram_tiling",), "spm": ("spm_tiling",), "rf": ("rf_tiling",), "spatial": ("spatial_tiling",),
    "total": ("energy", "yang_et_al_energy"),
}  # fmt: skip
_PART_COLUMNS = ("energy_rf", "energy_noc", "energy_spm", "energy_dram")


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A mapping with the energy of Yang et al.; parts_pj: (RF, NOC, SPM, DRAM), or () where a table has none."""

    mechanism: str
    method: ExecutionMethod
    total_pj: float
    parts_pj: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """parts_pj: (MAC, RF, NOC, SPM, DRAM) by the model; total_pj rounded; published_pj: Yang et al., its parts
    (RF, NOC, SPM, DRAM)."""

    dataflow: str
    parts_pj: tuple[float, float, float, float, float]
    total_pj: int
    published_pj: float
    published_parts_pj: tuple[float, ...] = ()
    tiling: str = ""

    @property
    def error_percent(self) -> float:
        return 100 * abs(self.total_pj - self.published_pj) / self.published_pj


def dataflow_name(mechanism: str) -> str:
    """The loops on the PEs as the tables name them, second token first.

    >>> dataflow_name("FY_OC")
    'M | Fy'
    """
    return " | ".join(_NAMES.get(token, token) for token in reversed(mechanism.split("_")))


def validation_row(
    method: ExecutionMethod,
    mechanism: str,
    published_pj: float,
    layer: DmazeLayer = RESNET[5],
    chip: DmazeChip | None = None,
    published_parts_pj: tuple[float, ...] = (),
) -> ValidationRow:
    """One mapping of the table at its orders of least energy."""
    costs = method_costs(Nest.of(layer.problem()), chip or DmazeChip(), method)
    best = costs.best("energy")[2]
    return ValidationRow(
        dataflow_name(mechanism),
        best.parts_pj,
        best.energy_pj,
        published_pj,
        published_parts_pj,
        str(method.tiling),
    )


def validation_study(rows: Iterable[PublishedRow] | None = None) -> tuple[ValidationRow, ...]:
    """Every row of a table (default: `published`) by the model."""
    return tuple(
        validation_row(r.method, r.mechanism, r.total_pj, published_parts_pj=r.parts_pj)
        for r in (published() if rows is None else rows)
    )


def mean_error(rows: Iterable[ValidationRow]) -> float:
    """Mean of the rows' errors, percent."""
    errors = [r.error_percent for r in rows]
    return sum(errors) / len(errors)


def published() -> tuple[PublishedRow, ...]:
    """The rows that come with Tileloom (yang_conv5_2.yaml)."""
    text = (files("tileloom.explore.dmazerunner") / "yang_conv5_2.yaml").read_text(encoding="utf-8")
    data: Any = parse_yaml(text).data
    rows = []
    for entry in data["rows"]:
        method = _method({k: entry[k] for k in ("dram", "spm", "rf", "spatial")})
        parts = tuple(float(entry["yang_pj"][k]) for k in PARTS[1:])
        rows.append(PublishedRow(entry["mechanism"], method, float(entry["yang_pj"]["total"]), parts))
    return tuple(rows)


def read_table(path: str | Path) -> tuple[PublishedRow, ...]:
    """Rows of a table (CSV) as the original's energy validation takes it; those not verified are left out, as there.

    Columns, in any case: Data_flow_mechanism, DRAM_tiling, SPM_tiling, RF_tiling, Spatial_tiling, Energy, and where there
    are such Energy_RF, Energy_NoC, Energy_SPM, Energy_DRAM, Verify Tiling. Raises InputError with every faulty row.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            # A short row has empty values at its end.
            return _rows(csv.DictReader(stream, restval=""), str(path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as a table: {error}", file=str(path)) from error


def _rows(entries: Iterable[Mapping[str, str]], path: str) -> tuple[PublishedRow, ...]:
    faults: list[str] = []
    rows: list[PublishedRow] = []
    for line, entry in enumerate(entries, 2):
        # Millions of rows may be wrong; no error carries as many.
        if len(faults) >= MAX_PROBLEMS - 1:
            faults = [*faults[: MAX_PROBLEMS - 1], f"{path}:{line}: not read from here on: too many faults"]
            break
        known = {(k or "").strip().lower().removeprefix("yang_et_al_"): v for k, v in entry.items()}
        if known.get("verify tiling", "True").strip().lower() not in ("true", "1"):
            continue
        try:
            rows.append(_table_row(known))
        except InputError as error:
            faults += [f"{path}:{line}: {p}" for p in error.problems]
    if not rows and not faults:
        faults.append(f"{path}: no rows")
    if faults:
        raise InputError(faults, file=path)
    return tuple(rows)


def _table_row(entry: Mapping[str, str]) -> PublishedRow:
    found = {what: next((entry[n] for n in names if entry.get(n)), None) for what, names in _COLUMNS.items()}
    missing = [f"no column or value '{_COLUMNS[what][0]}'" for what, value in found.items() if value is None]
    if missing:
        raise InputError(missing)
    try:
        factors = {k: parse_json(str(found[k])) for k in ("dram", "spm", "rf", "spatial")}
        total = float(str(found["total"]))
        parts = tuple(float(entry[c]) for c in _PART_COLUMNS if entry.get(c))
    except (ValueError, InputError) as error:
        raise InputError(f"not a list of factors or a number: {error}") from error
    return PublishedRow(str(found["mechanism"]), _method(factors), total, parts if len(parts) == 4 else ())


def _method(levels: Mapping[str, Any]) -> ExecutionMethod:
    layer = RESNET[5]
    extents = dict(zip(layer.loops, layer.extents, strict=True))
    wrong = [
        f"{k} factors {v!r}: expected {len(extents)} whole numbers ({' '.join(extents)})"
        for k, v in levels.items()
        if not isinstance(v, list) or len(v) != len(extents)
    ]
    if wrong:
        raise InputError(wrong)
    order = ("dram", "spm", "rf", "spatial")
    return method_of_loops({n: [levels[k][i] for k in order] for i, n in enumerate(extents)}, extents)
