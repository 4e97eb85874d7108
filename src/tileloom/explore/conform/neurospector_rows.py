"""A directory of NeuroSpector's rows: CSV files of results, and the input files under inputs/. Compares nothing."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tileloom.architecture.notation.neurospector import Accelerator, read_accelerator
from tileloom.core.errors import InputError
from tileloom.mapping.notation.neurospector import ONES, ROWS, SchedulingTable
from tileloom.workload.frontends.neurospector import ConvLayer, LayerList, read_layers

KINDS = {
    "analyzer": "analyzer_tables.csv",
    "bottom-up": "optimizer_bottom_up.csv",
    "brute-force": "optimizer_brute_force.csv",
    "cross-layer": "optimizer_cross_layer.csv",
    "multi-chip": "optimizer_multi_chip.csv",
}
UNFINISHED = "optimizer_not_finished.csv"


@dataclass(frozen=True)
class Row:
    """One line of a file. `values` as printed; empty where the tool printed nothing."""

    kind: str
    name: str
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    @cached_property
    def table(self) -> SchedulingTable:
        """The table in the row_* columns. Raises InputError where one is missing or is not eight numbers."""
        rows = [ONES]
        for name in ROWS[1:]:
            text = self.values.get(f"row_{name}", "")
            factors = text.split()
            if len(factors) != 8 or not all(f.isdigit() for f in factors):
                raise InputError(f"column row_{name} is '{text}'; expected eight numbers")
            rows.append(tuple(int(f) for f in factors))
        return SchedulingTable(tuple(rows))

    @property
    def run(self) -> tuple[str, ...]:
        """What rows of one run of the tool have in common."""
        keys = ("accelerator", "network", "metric", "dataflow_mode", "layers_together", "cross_layer")
        return tuple(self.values.get(k, "") for k in keys)


@dataclass(frozen=True)
class Inputs:
    """The input files of a directory, each read once and by name."""

    folder: Path
    accelerators: dict[str, Accelerator]
    networks: dict[str, LayerList]

    def accelerator(self, name: str) -> Accelerator:
        if name not in self.accelerators:
            self.accelerators[name] = read_accelerator(self.folder / "accelerators" / f"{name}.cfg")
        return self.accelerators[name]

    def network(self, name: str) -> LayerList:
        if name not in self.networks:
            self.networks[name] = read_layers(self.folder / "networks" / f"{name}.cfg")
        return self.networks[name]

    def layer(self, row: Row) -> ConvLayer:
        return self.network(row["network"]).layer(row["layer"])

    def table_file(self, name: str) -> Path | None:
        path = self.folder / "tables" / f"{name}.cfg"
        return path if path.is_file() else None


def read_rows(folder: Path) -> tuple[tuple[Row, ...], Inputs]:
    """All rows of the files that are there. Raises InputError for a directory without any."""
    rows: list[Row] = []
    for kind, file in KINDS.items():
        path = folder / file
        if path.is_file():
            rows += [Row(kind, _name(kind, values), values) for values in _lines(path)]
    if not rows:
        raise InputError(f"{folder}: no rows; expected one of {', '.join(KINDS.values())}", file=str(folder))
    return tuple(rows), Inputs(folder / "inputs", {}, {})


def unfinished(folder: Path) -> int:
    """Runs that the original did not finish: they have no numbers to compare."""
    path = folder / UNFINISHED
    return len(_lines(path)) if path.is_file() else 0


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [{k: v or "" for k, v in line.items() if k} for line in csv.DictReader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}", file=str(path)) from error


def _name(kind: str, values: dict[str, str]) -> str:
    if "id" in values:
        return f"{kind} {values['id']}"
    keys = ("accelerator", "network", "layer", "metric", "dataflow_mode", "layers_together")
    parts = [values.get(k, "").replace(" ", "+") for k in keys]
    parts += ["reuse"] if values.get("cross_layer") == "true" else []
    return " ".join([kind, *(p for p in parts if p)])
