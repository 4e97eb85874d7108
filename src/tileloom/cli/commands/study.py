"""`tileloom study`: a published mapper against the proven optimum of its own space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    accelerators: Annotated[
        list[Path], typer.Argument(metavar="ACCELERATOR...", help="NeuroSpector accelerator files.")
    ],
    network: Annotated[list[Path], typer.Option("--network", help="NeuroSpector network file; repeatable.")],
    metric: Annotated[str, typer.Option(help="energy or cycle.")] = "energy",
    dataflow: Annotated[str, typer.Option(help="fixed (as in the file) or flexible.")] = "fixed",
    layer: Annotated[str | None, typer.Option(help="Only the layer of this name.")] = None,
    corrected: Annotated[bool, typer.Option("--corrected", help="Tileloom's rules, not the tool's own.")] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(min=0, help="CPU seconds a layer, after which its best so far and a bound are given."),
    ] = None,
    progress: o.Progress = False,
    json: o.Json = False,
) -> None:
    """NeuroSpector's bottom-up search against the proven optimum, layer by layer."""
    from tileloom.architecture.notation.neurospector import read_accelerator
    from tileloom.cli.show import emit_json, progress_bar
    from tileloom.core.errors import InputError
    from tileloom.explore.neurospector_study import study
    from tileloom.workload.frontends.neurospector import read_layers

    if metric not in ("energy", "cycle"):
        raise InputError(f"--metric is '{metric}'; expected energy or cycle")
    if dataflow not in ("fixed", "flexible"):
        raise InputError(f"--dataflow is '{dataflow}'; expected fixed or flexible")
    # Two files may hold the same name (both published Eyeriss ones do), so rows are told apart by the file.
    chips = [replace(read_accelerator(a), name=a.stem) for a in accelerators]
    networks = [read_layers(n) for n in network]
    with progress_bar("Proving optima", progress) as callback:
        found = study(
            chips, networks, "energy" if metric == "energy" else "cycle", "fixed" if dataflow == "fixed" else "flexible",
            faithful=not corrected, layer=layer, time_limit_s=time_limit, progress=callback,
        )  # fmt: skip
    if json:
        emit_json(found.as_plain())
    else:
        typer.echo(str(found))
    raise typer.Exit(1 if any(r.best is None for r in found.rows) else 0)
