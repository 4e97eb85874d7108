"""`tileloom fuse NETWORK --arch ARCH --optimal`: the proven best fused schedule, on the screen and as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

if TYPE_CHECKING:
    from tileloom.fusion.optimal.mapper import FusedResult
    from tileloom.search.objective import Objective

MAX_SHOWN = 40


def run_optimal(
    network: str,
    arch: str,
    objective: str,
    *,
    bind: list[str] | None = None,
    gap: float = 0.0,
    max_fused_loops: int | None = 1,
    out: Path | None = None,
    as_json: bool = False,
    tree: bool = False,
) -> int:
    """Finds, prints and writes the fused optimum; returns the exit code (1: nothing fits, or not proven).

    max_fused_loops   shared loops above one layer at most; None for no limit
    """
    from tileloom import api
    from tileloom.cli import mapping_view as view
    from tileloom.cli.show import emit_json, note
    from tileloom.core.errors import InputError
    from tileloom.explore.fused_record import record_of, write_fused_run
    from tileloom.fusion.optimal.mapper import fused_optimal
    from tileloom.fusion.optimal.network_graph import graph_of_network
    from tileloom.search.objective import OBJECTIVES

    if objective not in OBJECTIVES:
        raise InputError(f"--objective {objective}: expected {', '.join(OBJECTIVES)}")
    loaded = view.load_workload(network, bind, None, None, {})
    chip = api.load_architecture(arch, workload=loaded)
    graph = graph_of_network(loaded, chip)
    result = fused_optimal(graph, cast("Objective", objective), gap=gap, max_fused_loops=max_fused_loops)
    if out is not None:
        write_fused_run(result, out, source=network, architecture=chip.name)
        note(f"Report: {out / 'report.html'}")
    if as_json:
        emit_json(record_of(result))
    else:
        _print(result, tree=tree)
    return 0 if result.status == "optimal" or (gap and result.cost is not None) else 1


def _print(result: FusedResult, *, tree: bool) -> None:
    from tileloom.cli.show import make_table, note, print_table, shorten
    from tileloom.core.units import short
    from tileloom.mapping.text import to_text

    for line in result.graph.notes:
        note(line)
    if result.cost is None or result.mapping is None:
        typer.echo(f"{result.graph.name}: nothing fits")
        for reason in result.reasons:
            typer.echo(f"  {reason}")
        return
    heads = [("stack", True), ("layers", False), ("kept on chip", False)]
    table = make_table(f"{result.graph.name}: {len(result.stacks)} stacks of {len(result.graph.layers)} problems", heads)
    for number, stack in enumerate(result.stacks[:MAX_SHOWN], 1):
        kept = [t for t, _, _ in result.kept if any(t in layer.tensors for layer in result.graph.layers if layer.name in stack)]
        names = stack[0] if len(stack) == 1 else f"{stack[0]} .. {stack[-1]} ({len(stack)})"
        table.add_row(str(number), shorten(names, 60), str(len(kept)))
    print_table(table)
    for memory in result.graph.memories:
        capacity = result.graph.layers[0].chip.memory(memory).capacity_bits
        peak = result.cost.peak_bits(memory)
        share = f" of {short(capacity)} ({peak / capacity:.0%})" if capacity else ""
        typer.echo(f"{memory}: at most {short(peak)} bits{share}")
    saved = f"; {1 - result.value / result.unfused:.1%} below layer by layer" if result.unfused < float("inf") else ""
    typer.echo(f"{result.status}: {result.cost}; lower bound {result.lower_bound:.6g} ({result.objective}){saved}")
    if tree:
        typer.echo(to_text(result.mapping, [layer.problem for layer in result.graph.layers]))
