"""`evaluate` and `map` with NeuroSpector's own files (`--arch CHIP.cfg`): reading, computing and showing go through here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tileloom.cli import options as o
from tileloom.cli.show import emit_json, make_table, note, print_table, progress_bar
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.units import ENERGY, common_unit, short

if TYPE_CHECKING:
    from tileloom.architecture.notation.neurospector import Accelerator
    from tileloom.cost.models.neurospector.analysis import Analysis
    from tileloom.explore.neurospector_run import Run
    from tileloom.mapping.notation.neurospector import SchedulingTable
    from tileloom.workload.frontends.neurospector import ConvLayer

MODEL = "neurospector"


def is_native(arch: str) -> bool:
    """Whether the chip is one of NeuroSpector's accelerator files."""
    return arch.lower().endswith(".cfg")


def evaluate(table: str, problem: str | None, arch: str, model: str | None, mode: str, json: bool) -> None:
    """A scheduling table of a layer of a network file; under another model the table is turned into a loop nest."""
    from tileloom.architecture.notation.neurospector import read_accelerator
    from tileloom.cost.models.neurospector.analysis import analyze_packed, broken_rules
    from tileloom.cost.models.neurospector.machine import pack
    from tileloom.explore.neurospector_run import analysis_record
    from tileloom.mapping.notation.neurospector import read_table
    from tileloom.workload.frontends.neurospector import read_layers

    if mode not in ("corrected", "faithful"):
        near = did_you_mean(mode, ["corrected", "faithful"])
        raise InputError(f"--mode is '{mode}'{near}; expected corrected or faithful")
    if problem is None:
        raise InputError(f"{table}: give the network file that holds its layer (--problem)")
    faithful = mode == "faithful"
    accelerator, network = read_accelerator(arch), read_layers(problem)
    layer, rows = read_table(table, accelerator, network)
    broken = broken_rules(accelerator, layer, rows, faithful=faithful)
    if broken:
        _refuse(table, layer, broken, json)
    if model not in (None, MODEL):
        _other_model(accelerator, layer, rows, model, json)
        return
    analysis = analyze_packed(pack(accelerator, layer.stride, faithful=faithful), rows)
    if json:
        emit_json({"accelerator": accelerator.name, "mode": mode, **analysis_record(accelerator, layer, analysis)})
    else:
        typer.echo(f"{layer.name} on {accelerator.name}, {mode} mode\n")
        print_analysis(accelerator, analysis)


def _refuse(table: str, layer: ConvLayer, broken: Sequence[str], json: bool) -> None:
    """An infeasible table: its reasons, exit code 1."""
    if json:
        emit_json({"layer": layer.name, "status": "infeasible", "reasons": list(broken)})
    else:
        note(f"{table}: the table of '{layer.name}' does not fit:")
        for reason in broken:
            note(f"  {reason}")
    raise typer.Exit(1)


def _other_model(accelerator: Accelerator, layer: ConvLayer, rows: SchedulingTable, model: str, json: bool) -> None:
    from tileloom import api
    from tileloom.architecture.notation.neurospector_chip import accelerator_of, architecture_of
    from tileloom.cli.cost_view import print_cost
    from tileloom.explore.record import cost_record
    from tileloom.mapping.normalise import hoist
    from tileloom.mapping.notation.neurospector_tree import tree_of
    from tileloom.workload.frontends.neurospector import layer_of

    problem, chip = layer.problem(accelerator.precision_bits), architecture_of(accelerator)
    _, names = layer_of(problem)
    _, places = accelerator_of(chip, problem, names)
    # A dataflow says what stays in a buffer, so each tensor is held outside the loops that do not move it.
    tree = hoist(tree_of(accelerator, rows, problem, names, places), problem)
    cost = api.evaluate(problem, chip, tree, model)
    if json:
        emit_json({"problem": problem.name, "architecture": chip.name, **cost_record(cost)})
    else:
        print_cost(problem, tree, cost)


def print_analysis(accelerator: Accelerator, analysis: Analysis) -> None:
    """The table, every level's traffic, energy and time, and the latency with transfers overlapped."""
    from tileloom.cost.models.neurospector.overlap import overlap

    typer.echo(f"{analysis.table}\n")
    unit, scale = common_unit([analysis.energy_pj], ENERGY)
    heads = [
        ("level", False),
        ("tiles sent I W O", True),
        ("reads I W O", True),
        ("writes", True),
        (unit, True),
        ("cycles", True),
    ]
    shown = make_table("Levels", heads)
    shown.add_row(
        "MAC",
        "-",
        "-",
        "-",
        short((analysis.mac_energy_pj + analysis.mac_static_pj) / scale),
        short(analysis.mac_cycles),
    )
    for name, use in analysis.levels.items():
        energy = use.energy_upper_pj + use.energy_lower_pj + use.static_pj
        sent, reads = (" ".join(short(v) for v in values) for values in (use.sent, use.reads))
        shown.add_row(name, sent, reads, short(use.writes), short(energy / scale), short(use.cycles))
    print_table(shown)
    latency = overlap(accelerator, analysis)
    typer.echo(
        f"energy {short(analysis.energy_pj / scale)} {unit} ({short(analysis.static_pj / scale)} static), "
        f"{short(analysis.cycles)} cycles one after another, {short(latency.cycles)} overlapped"
    )
    stalls = ", ".join(f"{name} {short(cycles)}" for name, cycles in latency.stalls if cycles)
    typer.echo(f"stalls when overlapped: {stalls or 'none'}")
    if latency.exposed:
        typer.echo(f"cannot hold two sets of tiles: {', '.join(latency.exposed)}")


def map_network(
    network: str, arch: str, objective: str | None, mapper: str, model: str | None, option: Sequence[str] | None,
    layers: Sequence[str] | None, out: Path | None, progress: bool, json: bool,
) -> None:  # fmt: skip
    """A network file through NeuroSpector's optimizers; tables that go straight back into `evaluate` with --out."""
    from tileloom.architecture.notation.neurospector import read_accelerator
    from tileloom.explore.neurospector_run import optimize, read_options, run_record, write_run
    from tileloom.workload.frontends.neurospector import read_layers

    if model not in (None, MODEL):
        raise InputError(
            f"'{arch}' is a NeuroSpector accelerator; map onto it with --model neurospector, not '{model}'"
        )
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"'{out}' is there already and not empty; name another folder")
    options = read_options(mapper, objective or "energy", o.pairs("--option", option))
    accelerator, read = read_accelerator(arch), read_layers(network)
    with progress_bar(f"Mapping {read.name}", progress) as callback:
        run = optimize(accelerator, read, options, layers or (), callback)
    if out is not None:
        written = write_run(run, out)
        note(f"{len(written)} files in {out}")
    if json:
        emit_json(run_record(run))
    else:
        _print_run(run)
    raise typer.Exit(1 if run.unfit else 0)


def _print_run(run: Run) -> None:
    what = "energy" if run.options.metric == "energy" else "cycles"
    unit, scale = ("cycles", 1.0)
    if what == "energy":
        unit, scale = common_unit([x.value for x in run.layers if x.value is not None] or [1.0], ENERGY)
    heads = [("layer", False), ("status", False), (unit, True), ("strategies", False), ("dataflows", False)]
    heads += [("reused", True)] if run.options.reuse else []
    heads += [("runs", False), ("chips", True)] if run.partition else []
    shown = make_table(f"{run.network.name} on {run.accelerator.name}, {run.options.mode} mode", heads)
    for i, x in enumerate(run.layers):
        cells: list[Any] = [x.layer.name, x.status, "-" if x.value is None else short(x.value / scale)]
        cells += ["-", "-"] if x.chosen is None else [x.chosen.strategies or "-", _flows(x.chosen.accelerator)]
        cells += [short(x.reused)] if run.options.reuse else []
        if run.partition is not None:
            share = run.partition.shares[i]
            cells += ["side by side" if share.parallel else "alone", str(share.chips)]
        shown.add_row(*cells)
    print_table(shown)
    if run.total is None:
        typer.echo(f"all layers: - (no table for {', '.join(run.unfit)})")
    else:
        mark = f" (with answers that break rules: {', '.join(run.unfit)})" if run.unfit else ""
        typer.echo(f"all layers: {short(run.total / scale)} {unit}{mark}")
    if run.partition is not None:
        _print_partition(run)
    for x in run.layers:
        for reason in x.reasons:
            note(f"{x.layer.name}: {reason}")


def _print_partition(run: Run) -> None:
    from tileloom.explore.neurospector_run import partition_record

    placed = partition_record(run) or {}
    side = [p for p in placed["layers"] if p["runs"] == "side by side"]
    beside = " | ".join(f"{p['layer']} on {p['chips']}" for p in side)
    used = sum(p["chips"] for p in side)
    typer.echo(f"side by side: {beside} ({used} of {placed['chips']} chips)" if side else "side by side: none")
    for group in placed.get("sharing_an_input", []):
        typer.echo(f"read one input together: {', '.join(group)}")
    typer.echo(f"saved input reads from DRAM: {short(placed['saved_pj'])} pJ")
    if "printed_result" in placed:
        typer.echo(f"the original prints as its result: {placed['printed_result']:.7g}")


def _flows(accelerator: Accelerator) -> str:
    buffers = (accelerator.local_buffer, accelerator.global_buffer)
    return " ".join(b.dataflow or "none" for b in buffers if b is not None)
