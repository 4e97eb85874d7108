"""`tileloom map`: a network onto a chip, each distinct layer once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tileloom.cli import options as o

if TYPE_CHECKING:
    from tileloom.search.objective import Objective


def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="ONNX or YAML file, library name, or einsum.")],
    arch: o.Arch,
    objective: Annotated[
        str | None,
        typer.Option(help="What to minimise: energy, latency or edp (default edp; energy on a NeuroSpector chip)."),
    ] = None,
    mapper: Annotated[str, typer.Option(help="Search method.")] = "optimal",
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Cost model (default loopnest; neurospector on its own chips)."),
    ] = None,
    model_option: o.ModelOption = None,
    out: Annotated[Path | None, typer.Option(help="Write a run directory with report.html here.")] = None,
    bind: o.Bind = None,
    size: o.Size = None,
    bits: o.Bits = None,
    layer: Annotated[list[str] | None, typer.Option(help="Map only this layer; may be repeated.")] = None,
    gap: Annotated[float | None, typer.Option(min=0, max=1, help="Stop at this proven relative gap.")] = None,
    pareto: Annotated[bool, typer.Option(help="Find every energy/latency trade-off.")] = False,
    imperfect: Annotated[bool, typer.Option(help="Also try tiles that do not divide.")] = False,
    template: Annotated[str | None, typer.Option(help="Dataflow of the mapper 'template' (kcp_ws, rs, ...).")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of a random mapper.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other mapper option.")] = None,
    rewrite: Annotated[
        str | None,
        typer.Option(
            metavar="ALGORITHM",
            help="First rewrite every layer that it takes (ttgt, im2col, ...), or auto: those MODEL refuses.",
        ),
    ] = None,
    constraints: o.ConstraintFiles = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    cache: Annotated[Path | None, typer.Option(help="Folder of remembered answers.")] = None,
    no_cache: o.NoCache = False,
    variables: o.Variables = None,
    explain: Annotated[bool, typer.Option(help="Say what the search pruned.")] = False,
    progress: o.Progress = False,
    json: o.Json = False,
) -> None:
    """Map every layer of NETWORK onto ARCH, with proof.

    Each distinct layer is searched once. Exit code 1 when a layer has no mapping or a node was skipped. With a NeuroSpector
    accelerator (CHIP.cfg) NETWORK is a file of that tool, the mapper bottom_up, brute_force or optimal, --option takes
    dataflow=flexible, mode=faithful, reuse=true, together=LAYER,LAYER, and --out gets tables that `evaluate` takes.
    """
    from tileloom import api
    from tileloom.cli import mapping_view as view
    from tileloom.cli import neurospector
    from tileloom.cli.show import emit_json, note, progress_bar
    from tileloom.explore.record import describe
    from tileloom.explore.run import read_run, refuse_target

    if neurospector.is_native(arch):
        neurospector.map_network(network, arch, objective, mapper, model, option, layer, out, progress, json)
    objective, model = objective or "edp", model or "loopnest"
    if out is not None:
        refuse_target(out)
    spec = o.model_spec(model, model_option)
    given = o.plain_pairs("--set", variables)
    loaded = view.choose_layers(view.load_workload(network, bind, size, bits, given), layer)
    chip = api.load_architecture(arch, variables=given, workload=loaded)
    if rewrite is not None:
        loaded = view.rewritten(loaded, rewrite, chip, spec, mapper)
    flags = {"gap": gap, "pareto": pareto or None, "imperfect": imperfect or None, "seed": seed, "template": template}
    settings = view.mapper_options(flags, option)
    if constraints:
        settings["constraints"] = view.read_rules(constraints, loaded, chip)
    with progress_bar(f"Mapping {loaded.name}", progress) as callback:
        result = api.map(
            loaded,
            chip,
            cast("Objective", objective),
            mapper=mapper,
            model=spec,
            options=settings,
            workers=workers,
            cache=False if no_cache else (str(cache) if cache else True),
            progress=callback,
        )
    page = result.report(out, command=view.command_line()) if out is not None else None
    if json:
        emit_json(describe(result) if out is None else read_run(out))
    else:
        view.print_network(result, explain=explain)
    if page is not None:
        note(f"Report: {page}")
    raise typer.Exit(view.say_what_is_missing(result))
