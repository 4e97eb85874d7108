"""Recomputes ZigZag's results: every layer under the two mappings it printed, its mapper's choice, and our optimum beside it.

A directory holds result files (JSON with `run` and `layers`) and hw/ with the machines they name. Word accesses and cycles
must be equal, energies agree to 1e-9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.zigzag import read_machine
from tileloom.core.errors import InputError, TileloomError
from tileloom.core.yamlio import load_yaml
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.flow import merge_down
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.result import ZigzagCost
from tileloom.cost.models.zigzag.spatial import by_level, place, whole
from tileloom.cost.models.zigzag.version import ZIGZAG39
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, close
from tileloom.mapping.notation.zigzag import TemporalLoop, ZigzagMapping
from tileloom.search.zigzag.loma import Found, best_mapping
from tileloom.workload.frontends.zigzag import make_layer
from tileloom.workload.frontends.zigzag_problem import input_extents

ENERGY = 1e-9
_LOOP = re.compile(r"\((\w+), (\d+)\)")
_WAYS = ("rd_out_to_low", "wr_in_by_low", "rd_out_to_high", "wr_in_by_high")
_OBJECTIVES = {"energy": "energy", "latency": "latency", "edp": "edp"}


@dataclass(frozen=True)
class Row:
    """One layer of one result file."""

    name: str
    run: Mapping[str, Any]
    data: Mapping[str, Any]


def conform_zigzag(reference: str | Path, limit: int | None = None, progress: Progress | None = None) -> ConformReport:
    """Recomputes every layer of every result file of a directory (at most `limit` of them), and each run's totals.

    A row that cannot be recomputed is skipped with the reason and counts as not matched. Raises InputError for a
    directory without result files.
    """
    folder = Path(reference)
    rows = list(_rows(folder))
    if not rows:
        raise InputError(
            f"{folder}: no result files (JSON with 'run' and 'layers'); is this a ZigZag reference directory?"
        )
    chosen = rows[:limit]
    work = _Work(folder)
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, row in enumerate(chosen, 1):
        try:
            checks.extend(work.total(row, rows) if row.name.endswith("/total") else work.layer(row))
        except (TileloomError, KeyError, ValueError, TypeError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).split("\n")[0]
            skipped.append(Skip(row.name, reason))
        if progress is not None:
            progress(row.name, done, len(chosen))
    notes = (f"our optimum lowers the energy of {work.better} of {work.compared} layers",) if work.compared else ()
    return ConformReport("zigzag", tuple(r.name for r in chosen), tuple(checks), tuple(skipped), notes)


def _rows(folder: Path) -> Iterator[Row]:
    for path in sorted(folder.glob("*.json")):
        data: Any = load_yaml(path).data
        if isinstance(data, dict) and isinstance(data.get("layers"), list) and "run" in data:
            for layer in data["layers"]:
                yield Row(f"{path.stem}/{layer.get('layer', '?')}", data["run"], layer)
            if "energy_pJ" in data["run"]:
                yield Row(f"{path.stem}/total", data["run"], {})


class _Work:
    """Recomputes rows; machines are read and equal layers searched once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machines: dict[str, ZigzagMachine] = {}
        self.found: dict[object, tuple[Found, Found]] = {}
        self.costs: dict[str, ZigzagCost] = {}
        self.compared = self.better = 0

    def machine(self, name: str) -> ZigzagMachine:
        if name not in self.machines:
            self.machines[name] = read_machine(self.folder / "hw" / name)
        return self.machines[name]

    def layer(self, row: Row) -> Iterator[Check]:
        machine = self.machine(row.run["arch"])
        layer = layer_of(row.data["layer_def"], str(row.run["workload"]))
        spatial = by_level(place(layer, machine), layer, machine)
        mapping = ZigzagMapping(
            tuple(o.name for o in layer.operands),
            spatial,
            tuple(tuple(_loops(level) for level in row.data["temporal_mapping"][o.name]) for o in layer.operands),
        )
        for operand, levels in zip(layer.operands, spatial):
            ours = [sorted(loops) for loops in whole(levels, ZIGZAG39)]
            theirs = [sorted(_loops(level)) for level in row.data["spatial_mapping"][operand.name]]
            yield Check("spatial mapping", row.name, operand.name, ours == theirs, str(theirs), str(ours))
        cost = evaluate(layer, machine, mapping, ZIGZAG39)
        self.costs[row.name] = cost
        yield from _numbers(row, cost)
        yield from self._searched(row, layer, machine, mapping, cost)

    def _searched(
        self, row: Row, layer: ZigzagLayer, machine: ZigzagMachine, mapping: ZigzagMapping, cost: ZigzagCost
    ) -> Iterator[Check]:
        objective = _OBJECTIVES[str(row.run["opt"]).lower()]
        limit = int(row.run["lpf_limit"])
        key = (machine.name, layer.loops, layer.operands, layer.spatial, objective, limit)
        if key not in self.found:
            self.found[key] = (
                best_mapping(layer, machine, limit, objective, version="3.9"),  # type: ignore[arg-type]
                best_mapping(layer, machine, None, objective, version="3.9"),  # type: ignore[arg-type]
            )
        loma, optimum = self.found[key]
        if loma.mapping is None or loma.cost is None or optimum.cost is None:
            yield Check("mapper", row.name, "loma", False, "a mapping", loma.reason or optimum.reason)
            return
        merged = [merge_down(o, t) for o, t in zip(layer.operands, loma.mapping.temporal)]
        yield Check("mapper", row.name, "mapping", merged == list(mapping.temporal), str(mapping.temporal), str(merged))
        yield close("mapper", row.name, "energy", cost.energy_pj, loma.cost.energy_pj, ENERGY)
        yield close("mapper", row.name, "cycles", cost.cycles, loma.cost.cycles, 0.0)
        theirs, ours = _value(cost, objective), _value(optimum.cost, objective)
        self.compared += 1
        self.better += optimum.cost.energy_pj < cost.energy_pj * (1 - ENERGY)
        yield Check("optimum never worse", row.name, objective, ours <= theirs * (1 + 1e-12), theirs, ours)

    def total(self, row: Row, rows: list[Row]) -> Iterator[Check]:
        start = row.name.removesuffix("total")
        names = [r.name for r in rows if r.name.startswith(start) and r.name != row.name]
        missing = [n for n in names if n not in self.costs]
        if missing:
            raise InputError(f"layers without a result: {', '.join(missing[:3])}")
        costs = [self.costs[n] for n in names]
        yield close("total", row.name, "energy", row.run["energy_pJ"], sum(c.energy_pj for c in costs), ENERGY)
        yield close("total", row.name, "cycles", row.run["latency_cycles"], sum(c.cycles for c in costs), 0.0)


def layer_of(definition: Mapping[str, Any], network: str) -> ZigzagLayer:
    """The layer of a result file. Input sizes without padding are not in it: they come from our network of that name."""
    sizes = {str(d): int(n) for d, n in definition["loop_dimensions"].items()}
    relations = [str(r) for r in definition["equation_relations"]]
    spatial = {
        d: tuple((k, int(n)) for k, n in loops.items()) for d, loops in definition["user_spatial_mapping"].items()
    }
    return make_layer(
        str(definition["name"]),
        str(definition["equation"]),
        relations,
        sizes,
        definition["operand_precision"],
        definition["memory_operand_links"],
        spatial,
        caps=input_extents(Path(network).stem, sizes, relations),
        kind=str(definition["type"]),
    )


def _loops(level: list[str]) -> tuple[TemporalLoop, ...]:
    found = [_LOOP.fullmatch(text) for text in level]
    if None in found:
        raise InputError(f"loops {level} are not of the form (K, 32)")
    return tuple((match[1], int(match[2])) for match in found if match)


def _value(cost: ZigzagCost, objective: str) -> float:
    return {"energy": cost.energy_pj, "latency": cost.cycles, "edp": cost.edp}[objective]


def _numbers(row: Row, cost: ZigzagCost) -> Iterator[Check]:
    outputs = row.data["outputs"]
    energy, latency = outputs["energy"], outputs["latency"]
    yield close("energy", row.name, "total", energy["energy_total"], cost.energy_pj, ENERGY)
    yield close("energy", row.name, "operations", energy["operational_energy"], cost.mac_pj, ENERGY)
    parts = energy["memory_energy_breakdown_per_level_per_operand"]
    for position, name in enumerate(cost.operands):
        for m, moves in enumerate(parts[name]):
            for way, direction in enumerate(_WAYS):
                what = f"{name} level {m} {direction}"
                yield close("energy", row.name, what, moves[direction], cost.energy[position][m][way], ENERGY)
                words = outputs["memory"]["word_accesses"][name][m][direction]
                yield close("accesses", row.name, what, words, cost.words[position][m][way], 0.0)
        shares = zip(outputs["memory"]["utilization"][name], cost.shared_utilization[position])
        for m, (theirs, ours) in enumerate(shares):
            yield close("utilization", row.name, f"{name} level {m}", theirs, ours, ENERGY)
    yield close("latency", row.name, "computation", latency["computation"], cost.cycles_computing, 0.0)
    yield close("latency", row.name, "loading", latency["data_onloading"], cost.loading_cycles, 0.0)
    yield close("latency", row.name, "offloading", latency["data_offloading"], cost.offloading_cycles, 0.0)
    used = outputs["spatial"]["mac_utilization"]
    yield close("utilization", row.name, "MACs", used["ideal"], cost.ideal_cycles / cost.temporal_cycles, ENERGY)
    whole_run = cost.ideal_cycles / cost.cycles
    yield close("utilization", row.name, "MACs overall", used["stalls_onloading_offloading"], whole_run, ENERGY)
