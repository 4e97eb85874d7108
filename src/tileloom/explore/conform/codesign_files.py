"""Reads the reference files of the co-design study into rows; what a row must equal is codesign.py's business."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tileloom.core.errors import InputError


@dataclass(frozen=True)
class Item:
    """kind: which check;  name: for people;  values: of the row."""

    kind: str
    name: str
    values: dict[str, Any]


def read_items(folder: Path) -> list[Item]:
    """Every row of a directory: seeds and models, layer costs, network costs, correlations, fronts, optima, summary.

    Raises InputError where nothing is recognised.
    """
    found = [item for path in sorted(folder.rglob("*")) if path.is_file() for item in _read(path)]
    if not found:
        raise InputError(f"{folder}: no co-design rows; expected files such as layer_costs_alphanet.csv")
    return found


def csv_items(folder: Path, stem: str) -> list[Item]:
    """The rows of the files whose names begin with `stem`."""
    return [item for path in sorted(folder.glob(f"{stem}*")) for item in _read(path)]


def _read(path: Path) -> Iterator[Item]:
    name = path.name
    if path.suffix == ".m":
        yield Item("model", f"{path.parent.name}/{name}", {"path": str(path)})
    elif name.startswith("alphanet") and path.suffix == ".csv":
        yield from (Item("alphanet", f"{name}: config {r['config_index']}", r) for r in _csv(path))
    elif name.startswith("layer_costs") and path.suffix == ".csv":
        yield from (Item("layer", f"{name}:{line}", r) for line, r in enumerate(_csv(path), 2))
    elif name.startswith("authors") and path.suffix == ".csv":
        yield from (Item("authors", f"{name}: pos {r['pos']}", r) for r in _csv(path))
    elif name.startswith("srcc_") and path.suffix == ".csv":
        yield from _srcc(path)
    elif name.startswith("network_costs") and path.suffix == ".npz":
        yield from _arrays(path)
    elif name.startswith("darts_selected"):
        yield from (Item("darts", f"{name}: seed {a['seed']}", a) for a in json_file(path)["archs"])
    elif name.startswith("proxy_fronts"):
        fronts = json_file(path)["fronts"]
        yield from (Item("front", f"{name}: {k}", {"label": k, "front": v}) for k, v in fronts.items())
    elif name.startswith("codesign_optima"):
        yield from _optima(path)
    elif name.startswith("codesign_summary"):
        yield from (Item("summary", f"{name}: {r['hw_subset']} {r['proxy']}", r) for r in json_file(path))


def _optima(path: Path) -> Iterator[Item]:
    seen: dict[tuple[str, str], int] = {}
    for row in json_file(path):
        key = (row["hw_subset"], row["proxy"])
        index = seen.get(key, 0)
        seen[key] = index + 1
        values = {**row, "subset": key[0], "index": index}
        yield Item("optimum", f"{path.name}: {key[0]} {key[1]} #{index}", values)


def _srcc(path: Path) -> Iterator[Item]:
    space, _, metric = path.stem.removeprefix("srcc_").partition("_")
    if space.startswith("darts"):
        size, _, metric = metric.partition("_")
        space = f"{space}_{size}"
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    for row in rows[1:]:
        values = {
            "space": space,
            "metric": metric.removeprefix("energy_"),
            "label": row[0],
            "others": rows[0][1:],
            "values": np.array([float(v) for v in row[1:]]),
        }
        yield Item("srcc", f"{path.name}: {row[0]}", values)


def _arrays(path: Path) -> Iterator[Item]:
    space = path.stem.removeprefix("network_costs_")
    with np.load(path, allow_pickle=False) as arrays:
        labels = [str(v) for v in arrays["accelerators"]]
        names = ("latency_cycles", "energy_nJ_original", "energy_nJ_corrected")
        tables = {name: arrays[name] for name in names}
    for i, label in enumerate(labels):
        values = {"space": space, "label": label, **{name: table[i] for name, table in tables.items()}}
        yield Item("network", f"{path.name}: {label}", values)


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@cache
def _json(path: str, size: int) -> Any:
    return json.loads(Path(path).read_text())


def json_file(path: Path) -> Any:
    return _json(str(path), path.stat().st_size)


def selected(folder: Path, space: str) -> list[int]:
    """Numbers of the selected networks in the order of their positions."""
    if space.startswith("alphanet"):
        rows = [r for p in sorted(folder.glob("alphanet*.csv")) for r in _csv(p) if r["selected_pos"]]
        places = {int(r["selected_pos"]): int(r["config_index"]) for r in rows}
    else:
        archs = [a for p in sorted(folder.glob("darts_selected*.json")) for a in json_file(p)["archs"]]
        places = {int(a["pos"]): int(a["seed"]) for a in archs}
    return [places[i] for i in _complete(folder, space, places)]


def accuracies(folder: Path) -> list[float]:
    """Of the selected AlphaNet networks, by position."""
    rows = [r for p in sorted(folder.glob("alphanet*.csv")) for r in _csv(p) if r["selected_pos"]]
    found = {int(r["selected_pos"]): float(r["pred_acc"]) for r in rows}
    return [found[i] for i in _complete(folder, "alphanet", found)]


def _complete(folder: Path, space: str, places: dict[int, Any]) -> range:
    missing = [i for i in range(len(places)) if i not in places]
    if missing or not places:
        raise InputError(f"{folder}: the list of selected networks of '{space}' has no position {missing[:3] or 0}")
    return range(len(places))
