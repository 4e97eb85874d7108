"""Rows of dMazeRunner's results as files hold them: which kind each is, and its layer, chip, filters and mappings.

Files are told apart by what their rows hold, not by name. Nothing is recomputed here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.core.errors import InputError
from tileloom.core.jsonio import read_json
from tileloom.explore.conform.dmazerunner_printed import printed_rows
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, method_of_loops
from tileloom.workload.frontends.dmazerunner import CONV_LOOPS, GEMM_LOOPS, DmazeLayer, merged, read_model

RowKind = Literal["mapping", "validation", "auto", "search", "memory", "design", "table", "printed"]
_ENERGIES = {
    "rf": "rf_energy", "network": "communication_energy", "spm": "spm_energy", "dram": "dram_energy", "mac": "mac_energy"
}  # fmt: skip
_BASIC = {
    "CGRA_SIZE": "cgra_size", "RF_ELEMENTS": "rf_elements", "BYTES_PER_DATA": "bytes_per_data",
    "TOTAL_BANKS_IN_SPM": "spm_banks", "TOTAL_BYTES_IN_BANK": "bank_bytes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its name, kind and values as in the file."""

    name: str
    kind: RowKind
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unread:
    """A row or file that is not understood, and why."""

    name: str
    reason: str


def read_rows(directory: Path) -> tuple[tuple[Row | Unread, ...], tuple[str, ...]]:
    """Rows of all files of a directory and of the texts in its cli/, and the names of files without rows. InputError when there are no rows.

    A table (CSV) is read where no JSON file of the same name holds its rows in full.
    """
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory")
    found: list[Row | Unread] = []
    ignored: list[str] = []
    stems = {p.stem for p in directory.glob("*.json")}
    for path in sorted((*directory.glob("*.json"), *directory.glob("*.csv"))):
        if path.suffix == ".csv" and path.stem in stems:
            continue
        rows = list(_json_rows(path) if path.suffix == ".json" else _csv_rows(path, directory / "inputs"))
        found.extend(rows)
        if not rows:
            ignored.append(path.name)
    for name, kind, values in printed_rows(directory):
        found.append(Row(name, "printed", {**values, "kind": kind}) if kind else Unread(name, values["reason"]))
    if not any(isinstance(r, Row) for r in found):
        raise InputError(f"{directory}: no rows of dMazeRunner in its JSON and CSV files")
    return _numbered(found), tuple(ignored)


def _numbered(rows: Sequence[Row | Unread]) -> tuple[Row | Unread, ...]:
    """Names told apart where rows of one name differ."""
    seen: dict[str, int] = {}
    named = []
    for row in rows:
        count = seen[row.name] = seen.get(row.name, 0) + 1
        named.append(row if count == 1 else replace(row, name=f"{row.name} #{count}"))
    return tuple(named)


def _json_rows(path: Path) -> Iterator[Row | Unread]:
    try:
        document = read_json(path)
    except InputError as error:
        yield Unread(path.name, str(error))
        return
    if isinstance(document, dict) and isinstance(document.get("points"), list):
        yield from _design_rows(path.stem, document)
        return
    entries = document if isinstance(document, list) else [document]
    for position, entry in enumerate(entries):
        row = _row(entry) if isinstance(entry, dict) else None
        if row is not None:
            yield row
        elif isinstance(document, list):
            yield Unread(f"{path.stem}[{position}]", "not a row of a known kind")


def _design_rows(name: str, document: Mapping[str, Any]) -> Iterator[Row]:
    """A row per point, and one for which points of the grid there are."""
    for point in document["points"]:
        size = f"{point['n_PE']} PEs, SPM {point['spm_kB']} kB, RF {point['rf_size']}"
        yield Row(f"design sweep {size}", "design", point)
    if document["points"] and isinstance(document.get("grid"), dict):
        yield Row(f"{name} points", "design", {"grid": document["grid"], "points": document["points"]})


def _row(entry: Mapping[str, Any]) -> Row | None:
    if "tiling_DRAM_SPM_RF_Spatial" in entry:
        return Row(str(entry.get("id", _layer_name(entry))), "mapping", entry)
    if "variant" in entry and "spm_kB" in entry:
        size = f"SPM {entry['spm_kB']} kB, RF {entry.get('rf_bytes_label')} B"
        return Row(f"{entry['variant']}, layer {entry.get('layer_index')}, {size}", "memory", entry)
    if "final_thresholds" in entry or "argv" in entry:
        return Row(f"{entry.get('model', 'model')} {entry.get('index', '')} {_layer_name(entry)}", "auto", entry)
    if "thresholds" in entry and "mappings_evaluated" in entry:
        t = entry["thresholds"]
        flags = "".join(f", {k}" for k in ("no_feature_dram", "no_spatial_reduction") if t.get(k))
        return Row(f"{entry.get('experiment', 'search')} {_layer_name(entry)}{flags}", "search", entry)
    return None


def _layer_name(entry: Mapping[str, Any]) -> str:
    layer = entry.get("layer")
    return str(layer.get("name", "layer")) if isinstance(layer, dict) else "layer"


def _csv_rows(path: Path, inputs: Path) -> Iterator[Row | Unread]:
    with path.open(newline="", encoding="utf-8") as stream:
        for position, entry in enumerate(csv.DictReader(stream)):
            try:
                row = _csv_row(path, entry, inputs)
            except (ValueError, KeyError, TypeError) as error:
                yield Unread(f"{path.stem}[{position}]", f"a column is missing or not of its form: {error}")
                continue
            if row is not None:
                yield row


def _csv_row(path: Path, entry: Mapping[str, str], inputs: Path) -> Row | None:
    if "dataflow_mechanism" in entry:
        return Row(f"energy validation {entry['dataflow_mechanism']}", "validation", entry)
    if "tiling_DRAM_SPM_RF_Spatial" in entry:
        return Row(entry["id"], "mapping", _mapping_of_table(entry))
    if "rf_bytes" in entry and path.stem.rpartition("_")[2].isdigit():
        layer = int(path.stem.rpartition("_")[2])
        name = f"authors' table, layer {layer}, SPM {entry['spm_kB']} kB, RF {entry['rf_bytes']} B"
        return Row(name, "table", {**entry, "layer_index": layer})
    if "final_PE" in entry:
        return Row(f"{entry['model']} {entry['index']} {entry['layer']}", "auto", _auto_of_table(entry, inputs))
    return None


def _mapping_of_table(entry: Mapping[str, str]) -> dict[str, Any]:
    loops = json.loads(entry["loops"])
    layer: dict[str, Any] = {"op": entry["op"], "name": entry["layer"], "loops": loops}
    if entry["op"] != "GEMM":
        layer |= {"stride": int(entry["stride"]), "padding": int(entry["padding"])}
        layer["input_shape"] = json.loads(entry["input_shape"])
    row: dict[str, Any] = {
        "layer": layer,
        "env": {
            "data_type_size_in_bytes": float(entry["data_type_bytes"]),
            "dma_init_cycles": float(entry["dma_init_cycles"]),
            "dma_cycles_per_byte": float(entry["dma_cycles_per_byte"]),
            "dma_frequency": float(entry["dma_frequency"]),
            "dataflow_accel_frequency": float(entry["accel_frequency"]),
            "energy_pJ": json.loads(entry["env_energy_pJ"]),
        },
        "tiling_DRAM_SPM_RF_Spatial": json.loads(entry["tiling_DRAM_SPM_RF_Spatial"]),
        "n_ordering_pairs": int(entry["order_pairs"]),
    }
    for key in ("min_energy", "min_cycles", "min_edp"):
        row[key] = {
            "value": float(entry[key]),
            "dram_order": entry[f"{key}_dram_order"].split(),
            "spm_order": entry[f"{key}_spm_order"].split(),
        }
    row["edp_point"] = {k: float(entry[f"edp_point_{k}"]) for k in ("MAC", "RF", "NOC", "SPM", "DRAM")}
    return row


def _auto_of_table(entry: Mapping[str, str], inputs: Path) -> dict[str, Any]:
    loops = json.loads(entry["loops"])
    layer: dict[str, Any] = {"op": entry["op"], "name": entry["layer"], "loops": loops}
    if entry["op"] != "GEMM":
        layer["stride"] = int(entry["stride"])
        # The table does not say the size of the stored image; the model file does.
        layer |= _stored_image(inputs / Path(entry["model"]).name, int(entry["index"]), tuple(loops.values()))
    row: dict[str, Any] = {
        "layer": layer,
        "argv": ["--auto-optimize"],
        "final_thresholds": {
            "PE": float(entry["final_PE"]),
            "RF": float(entry["final_RF"]),
            "SPM": float(entry["final_SPM"]),
            "no_feature_dram": entry["no_feature_dram"] == "True",
            "no_spatial_reduction": entry["no_spatial_reduction"] == "True",
        },
        "mappings_evaluated": int(entry["mappings_evaluated"]),
    }
    for key, column in (("min_edp", "edp_tiling"), ("min_energy", "energy_tiling"), ("min_cycle", "cycle_tiling")):
        row[key] = float(entry[key])
        row[f"{key}_tiling_DRAM_SPM_RF_SPATIAL"] = json.loads(entry[column])
    return row


def _stored_image(model: Path, index: int, extents: tuple[int, ...]) -> dict[str, Any]:
    layers = merged(read_model(model)) if model.is_file() else ()
    if index < len(layers) and layers[index].extents == extents:
        return {"input_shape": layers[index].declared}
    return {}


def layer_of(values: Mapping[str, Any]) -> DmazeLayer:
    """The layer of a row: {op, name, loops, stride, padding, input_shape}. Raises InputError, KeyError."""
    kind, loops = values["op"], values["loops"]
    if kind not in ("CONV", "DW_CONV", "GEMM"):
        raise InputError(f"operation '{kind}' is not known; there are CONV, DW_CONV, GEMM")
    names = GEMM_LOOPS if kind == "GEMM" else CONV_LOOPS
    extents = tuple(int(loops[n]) for n in names)
    if kind == "GEMM":
        return DmazeLayer(name=values["name"], kind="GEMM", extents=extents)
    stride, padding = int(values["stride"]), int(values.get("padding", 0))
    _, _, _, ox, oy, fx, fy = extents
    shape = values.get("input_shape") or [
        0,
        0,
        (ox - 1) * stride + fx - 2 * padding,
        (oy - 1) * stride + fy - 2 * padding,
    ]
    rows, columns = (int(h) + 2 * padding for h in shape[-2:])
    return DmazeLayer(
        name=values["name"],
        kind=kind,
        extents=extents,
        stride=(stride, stride),
        padding=(padding, padding),
        declared=(rows, columns),
    )


def chip_of(values: Mapping[str, Any]) -> DmazeChip:
    """The chip of a row's `env` and `arch`; what they lack has the original's default."""
    env = dict(values.get("env") or {})
    numbers: dict[str, Any] = {_ENERGIES[k]: v for k, v in env.pop("energy_pJ", {}).items()}
    env.pop("pe_pipelined", None)
    env.pop("pe_pipeline_stages", None)
    numbers |= env
    numbers |= {_BASIC[k]: v for k, v in (values.get("arch") or {}).items() if k in _BASIC}
    unknown = [k for k in numbers if k not in DmazeChip.__dataclass_fields__]
    if unknown:
        raise InputError(f"unknown number of the chip: {', '.join(unknown)}")
    return DmazeChip(**numbers)


def pruning_of(values: Mapping[str, Any]) -> Pruning:
    """Filters from {PE, RF, SPM, no_feature_dram, no_spatial_reduction}."""
    return Pruning(
        pe=values.get("PE", 0),
        rf=values.get("RF", 0),
        spm=values.get("SPM", 0),
        no_feature_dram=bool(values.get("no_feature_dram", False)),
        no_spatial_reduction=bool(values.get("no_spatial_reduction", False)),
    )


def pruning_of_arguments(argv: Sequence[str], start: Pruning) -> Pruning:
    """Filters that a command line of the original's optimizer asks for, over those of `start`."""
    found = start
    for position, word in enumerate(argv):
        if word == "--opt-min-utilization":
            pe, rf, spm = (float(v) for v in argv[position + 1 : position + 4])
            found = replace(found, pe=pe, rf=rf, spm=spm)
        elif word == "--opt-no-feature-dram":
            found = replace(found, no_feature_dram=True)
        elif word == "--opt-no-spatial-reduction":
            found = replace(found, no_spatial_reduction=True)
        elif word == "--opt-min-exec-methods":
            found = replace(found, min_methods=int(argv[position + 1]))
    return found


def method_of(layer: DmazeLayer, tiling: Sequence[Sequence[int]] | Mapping[str, Sequence[int]]) -> ExecutionMethod:
    """A tiling per loop [DRAM, SPM, RF, SPATIAL], or per level in the order of the loops."""
    extents = dict(zip(layer.loops, layer.extents, strict=True))
    if isinstance(tiling, Mapping):
        return method_of_loops(tiling, extents)
    dram, spm, rf, space = (tuple(t) for t in tiling)
    method = ExecutionMethod(loops=layer.loops, dram=dram, spm=spm, rf=rf, spatial=space)
    method.check(extents)
    return method
