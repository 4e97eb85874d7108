"""A network through NeuroSpector's optimizers, from its files to its files: what was chosen, why not, and tables to feed back.

The searches are in search/neurospector; here their results become rows, plain values and files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tileloom.architecture.notation.neurospector import Accelerator, write_accelerator
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.files import write_text_atomic
from tileloom.cost.models.neurospector.analysis import Analysis
from tileloom.cost.models.neurospector.overlap import overlap
from tileloom.mapping.notation.neurospector import row_names, write_table
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Mode, bottom_up
from tileloom.search.neurospector.brute_force import brute_force
from tileloom.search.neurospector.cross_layer import across_layers
from tileloom.search.neurospector.multi_chip import Partition, input_sharers, partition
from tileloom.search.neurospector.optimum import optimum
from tileloom.search.neurospector.reasons import why_invalid, why_nothing_fits
from tileloom.workload.frontends.neurospector import ConvLayer, LayerList, write_layers

MAPPERS = ("bottom_up", "brute_force", "optimal")
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a network is optimized. together: layers that may run side by side on the chips;  reuse: between layers."""

    mapper: Literal["bottom_up", "brute_force", "optimal"] = "bottom_up"
    metric: Metric = "energy"
    dataflow: Mode = "fixed"
    mode: Literal["corrected", "faithful"] = "corrected"
    reuse: bool = False
    together: tuple[str, ...] = ()

    @property
    def faithful(self) -> bool:
        return self.mode == "faithful"


def read_options(mapper: str, objective: str, given: dict[str, str]) -> Options:
    """Options as typed. InputError names every wrong one, with the nearest right one."""
    wrong: list[str] = []

    def one_of(what: str, value: str, allowed: Sequence[str]) -> str:
        if value not in allowed:
            wrong.append(f"{what} is '{value}'{did_you_mean(value, list(allowed))}; expected {' or '.join(allowed)}")
            return allowed[0]
        return value

    known = ("dataflow", "mode", "reuse", "together")
    wrong += [
        f"there is no option '{n}'{did_you_mean(n, list(known))}; there are: {', '.join(known)}"
        for n in given
        if n not in known
    ]
    found = Options(
        mapper=one_of("--mapper", mapper, MAPPERS),  # type: ignore[arg-type]
        metric="energy" if one_of("--objective", objective, ("energy", "latency")) == "energy" else "cycle",
        dataflow=one_of("dataflow", given.get("dataflow", "fixed"), ("fixed", "flexible")),  # type: ignore[arg-type]
        mode=one_of("mode", given.get("mode", "corrected"), ("corrected", "faithful")),  # type: ignore[arg-type]
        reuse=one_of("reuse", given.get("reuse", "false").lower(), ("false", "true")) == "true",
        together=tuple(n.strip() for n in given.get("together", "").split(",") if n.strip()),
    )
    if (found.reuse or found.together) and found.mapper != "bottom_up":
        wrong.append(f"reuse and together belong to --mapper bottom_up, not to {found.mapper}")
    if found.reuse and found.together:
        wrong.append("reuse and together cannot both be asked for")
    if wrong:
        raise InputError(wrong)
    return found


@dataclass(frozen=True, kw_only=True)
class LayerRun:
    """One layer. value: energy in pJ or cycles, after reuse;  lower_bound: of a proof, else None.

    status   feasible, optimal, stopped; infeasible (no table); invalid (faithful mode: the original's answer breaks rules)
    reasons  why nothing fits, or what the answer breaks
    """

    layer: ConvLayer
    status: str
    chosen: Chosen | None
    value: float | None
    lower_bound: float | None = None
    reused: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    accelerator: Accelerator
    network: LayerList
    options: Options
    layers: tuple[LayerRun, ...]
    total: float | None
    """Energy in pJ or cycles of all layers; of layers side by side the cost of their combination; None if one is missing."""
    partition: Partition | None = None
    """Of layers side by side."""

    @property
    def unfit(self) -> tuple[str, ...]:
        """Names of layers without a table that keeps the rules."""
        return tuple(x.layer.name for x in self.layers if x.status in ("infeasible", "invalid") or x.chosen is None)


def optimize(
    accelerator: Accelerator,
    network: LayerList,
    options: Options,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> Run:
    """Every layer (or those of `names`), one after another, or side by side as the options say."""
    layers = [network.layer(n) for n in names or options.together] or list(network.layers)
    if options.together:
        return _side_by_side(accelerator, network, options, layers)
    if options.reuse:
        reused = across_layers(accelerator, layers, options.metric, options.dataflow, faithful=options.faithful)
        found = [_run(r.chosen, options, r.value(options.metric), reused=r.overlap) for r in reused]
    else:
        found = []
        for done, layer in enumerate(layers, 1):
            found.append(_one(accelerator, layer, options))
            if progress is not None:
                progress(layer.name, done, len(layers))
    values = [f.value for f in found if f.value is not None]
    return Run(accelerator, network, options, tuple(found), sum(values) if len(values) == len(found) else None)


def _one(accelerator: Accelerator, layer: ConvLayer, options: Options) -> LayerRun:
    o = options
    if o.mapper != "optimal":
        search = bottom_up if o.mapper == "bottom_up" else brute_force
        return _run(search(accelerator, layer, o.metric, o.dataflow, faithful=o.faithful), o)
    proven = optimum(accelerator, layer, o.metric, o.dataflow, faithful=o.faithful)
    if proven.chosen is None:
        stopped = ("the original's counts wrap around here, so nothing is proven; bottom-up finds no valid table",)
        reasons = stopped if proven.status == "stopped" else why_nothing_fits(accelerator, layer)
        return LayerRun(layer=layer, status=proven.status, chosen=None, value=None, reasons=reasons)
    return LayerRun(
        layer=layer,
        status=proven.status,
        chosen=proven.chosen,
        value=proven.chosen.value,
        lower_bound=proven.lower_bound,
    )


def _run(chosen: Chosen, options: Options, value: float | None = None, reused: int = 0) -> LayerRun:
    value = chosen.value if value is None else value
    if not chosen.feasible and options.faithful:
        reasons = why_invalid(chosen, options.dataflow)
        return LayerRun(
            layer=chosen.layer, status="invalid", chosen=chosen, value=value, reused=reused, reasons=reasons
        )
    if not chosen.feasible:
        reasons = why_nothing_fits(chosen.accelerator, chosen.layer)
        return LayerRun(layer=chosen.layer, status="infeasible", chosen=None, value=None, reasons=reasons)
    return LayerRun(
        layer=chosen.layer,
        status="feasible",
        chosen=chosen,
        value=value,
        reused=reused,
    )


def _side_by_side(accelerator: Accelerator, network: LayerList, options: Options, layers: list[ConvLayer]) -> Run:
    found = partition(accelerator, layers, options.metric, faithful=options.faithful)
    return Run(accelerator, network, options, tuple(_run(c, options) for c in found.layers), found.cost, found)


def partition_record(run: Run) -> dict[str, Any] | None:
    """Which layers run side by side on how many chips, which share their input, and what that saves; None without any."""
    if run.partition is None:
        return None
    p = run.partition
    placed = [
        {"layer": x.layer.name, "runs": "side by side" if s.parallel else "alone", "chips": s.chips}
        for x, s in zip(run.layers, p.shares)
    ]
    plain: dict[str, Any] = {
        "chips": run.accelerator.array("multi_chips").size,
        "layers": placed,
        "saved_pj": p.saved_pj,
        "cost": p.cost,
    }
    if run.options.faithful:
        return plain | {"printed_result": p.printed_result}
    return plain | {"sharing_an_input": [list(g) for g in input_sharers([x.layer for x in run.layers], p.shares)]}


def analysis_record(accelerator: Accelerator, layer: ConvLayer, analysis: Analysis) -> dict[str, Any]:
    """All numbers of a table as plain values, units in the names."""
    latency = overlap(accelerator, analysis)
    rows = row_names(accelerator)
    return {
        "layer": layer.name,
        "table": {name: list(analysis.table.rows[i]) for name, i in rows.items()},
        "dataflow": {
            "local_buffer": accelerator.local_buffer.dataflow,
            "global_buffer": accelerator.global_buffer.dataflow if accelerator.global_buffer else None,
        },
        "energy_pj": analysis.energy_pj,
        "dynamic_pj": analysis.dynamic_pj,
        "static_pj": analysis.static_pj,
        "mac_energy_pj": analysis.mac_energy_pj,
        "cycles": analysis.cycles,
        "mac_cycles": analysis.mac_cycles,
        "overlapped_cycles": latency.cycles,
        "stall_cycles": dict(latency.stalls),
        "not_double_buffered": list(latency.exposed),
        "active": {"macs": analysis.active_macs, "pes": analysis.active_pes, "chips": analysis.active_chips},
        "levels": {
            name: {
                "held_elements": list(use.held),
                "sent_elements": list(use.sent),
                "reads": list(use.reads),
                "writes": use.writes,
                "energy_pj": use.energy_upper_pj + use.energy_lower_pj,
                "static_pj": use.static_pj,
                "cycles": use.cycles,
            }
            for name, use in analysis.levels.items()
        },
    }


def run_record(run: Run) -> dict[str, Any]:
    """The run as plain values."""
    o = run.options
    return {
        "accelerator": run.accelerator.name,
        "network": run.network.name,
        "mapper": o.mapper,
        "objective": "energy" if o.metric == "energy" else "latency",
        "dataflow": o.dataflow,
        "mode": o.mode,
        "reuse": o.reuse,
        "together": list(o.together),
        "total": run.total,
        "partition": partition_record(run),
        "layers": [_layer_record(x) for x in run.layers],
    }


def _layer_record(found: LayerRun) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": found.layer.name, "status": found.status, "value": found.value}
    plain |= {"lower_bound": found.lower_bound, "reused_elements": found.reused, "reasons": list(found.reasons)}
    if found.chosen is not None:
        plain["strategies"] = found.chosen.strategies
        plain |= {"analysis": analysis_record(found.chosen.accelerator, found.layer, found.chosen.analysis)}
    return plain


def write_run(run: Run, folder: Path) -> list[Path]:
    """network.cfg, and for each layer its table and the accelerator with the dataflows chosen: what the analyzer takes.

    With layers side by side also partition.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / "network.cfg": write_layers(run.network)}
    for found in run.layers:
        if found.chosen is not None:
            written[folder / f"{found.layer.name}.table.cfg"] = write_table(
                found.chosen.accelerator, found.layer, found.chosen.table
            )
            written[folder / f"{found.layer.name}.accelerator.cfg"] = write_accelerator(found.chosen.accelerator)
    placed = partition_record(run)
    if placed is not None:
        written[folder / "partition.json"] = json.dumps(placed, indent=2) + "\n"
    for path, text in written.items():
        write_text_atomic(path, text)
    return list(written)
