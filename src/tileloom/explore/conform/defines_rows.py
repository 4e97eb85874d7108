"""Finds DeFiNES's published rows in a directory: automatic cuts, points without mapping search, and full points.

Knows file formats only; nothing is computed here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tileloom.architecture.notation.zigzag import read_defines_architectures
from tileloom.core.errors import InputError
from tileloom.cost.models.zigzag.layer import ZigzagNetwork
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.workload.frontends.zigzag import read_defines_workloads

CUTS, STRUCTURE, POINT = "stack cuts", "structure", "point"


@dataclass(frozen=True)
class Row:
    """kind: one of the three above;  inputs: as in the file;  expected: what the original gave."""

    kind: str
    name: str
    inputs: Mapping[str, Any]
    expected: Any


@dataclass(frozen=True)
class Reference:
    """networks by 'name@family of machines'."""

    machines: Mapping[str, ZigzagMachine]
    networks: Mapping[str, ZigzagNetwork]
    rows: tuple[Row, ...]

    def machine(self, row: Row) -> ZigzagMachine:
        return _known(self.machines, row.inputs["arch"], "accelerator")

    def network(self, row: Row) -> ZigzagNetwork:
        family = row.inputs.get("workload_spatial_mapping_for") or row.inputs["arch"].removesuffix("_DF")
        return _known(self.networks, f"{row.inputs['workload']}@{family}", "network")


T = TypeVar("T")


def _known(table: Mapping[str, T], name: str, kind: str) -> T:
    if name not in table:
        raise InputError(f"no {kind} '{name}' in the directory; there are {sorted(table)}")
    return table[name]


def read_reference(folder: Path) -> Reference:
    """All rows of a directory. Raises InputError when it has none, or rows without machines or networks."""
    rows = [*_cuts(folder), *_structure(folder), *_points(folder)]
    if not rows:
        raise InputError(f"{folder}: holds no rows of DeFiNES (stack_cuts.json, structure_points.json, points/*.json)")
    return Reference(
        read_defines_architectures(folder / "architectures.json"),
        read_defines_workloads(folder / "workloads.json"),
        tuple(rows),
    )


def _cuts(folder: Path) -> list[Row]:
    found = _load(folder / "stack_cuts.json") or {}
    rows = []
    for key, expected in found.items():
        arch, _, workload = key.partition("|")
        rows.append(Row(CUTS, f"cuts {key}", {"arch": arch, "workload": workload}, expected))
    return rows


def _structure(folder: Path) -> list[Row]:
    points = (_load(folder / "structure_points.json") or {}).get("points", ())
    return [Row(STRUCTURE, f"structure {_name(p['inputs'])}", p["inputs"], p) for p in points]


def _points(folder: Path) -> list[Row]:
    rows = {p.name: _load(p) for p in sorted((folder / "points").glob("*.json"))}
    found = [Row(POINT, name, point["inputs"], point) for name, point in rows.items()]
    summary = folder / "points_summary.csv"
    if summary.is_file():
        with summary.open(newline="", encoding="utf-8") as file:
            for line in csv.DictReader(file):
                name = Path(line["file"]).name
                if name not in rows:
                    found.append(Row(POINT, name, _inputs(line), {"totals": _totals(line)}))
    return found


def _inputs(line: Mapping[str, str]) -> dict[str, Any]:
    numbers = ("mode", "tile_x", "tile_y", "lpf_limit")
    return {k: int(v) if k in numbers else v for k, v in line.items()}


def _totals(line: Mapping[str, str]) -> dict[str, float]:
    """The columns of the summary under the names that the points use."""
    names = {
        "energy_pj": "energy_pj",
        "latency1_cycles": "latency_total1",
        "mac_energy_pj": "mac_energy",
        "mem_energy_pj": "mem_energy_layers",
        "copy_energy_pj": "copy_energy",
        "copy_latency": "copy_latency",
        "mac_count": "mac_count",
        "ideal_cycles": "ideal_cycle",
        "temporal_cycles": "ideal_temporal_cycle",
        "latency0": "latency_total0",
        "onload": "data_loading",
        "offload": "data_offloading",
    }
    return {ours: float(line[column]) for column, ours in names.items() if line.get(column)}


def _name(inputs: Mapping[str, Any]) -> str:
    return f"{inputs['arch']} {inputs['workload']} mode {inputs['mode']} tile {inputs['tile_x']}x{inputs['tile_y']}"


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
