"""`tileloom explore-algorithms`: native loops against TTGT and im2col on one chip."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from tileloom.cli import options as o


def command(
    arch: o.Arch,
    network: Annotated[
        str | None, typer.Argument(metavar="[NETWORK]", help="Library name, file, or an einsum with --size.")
    ] = None,
    contraction: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Of the case study: intensli2, ccsd7, ccsd-t4; may be repeated."),
    ] = None,
    extent: Annotated[
        list[int] | None, typer.Option(min=1, help="Of every index of --contraction; may be repeated.")
    ] = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help="Only this one (native, ttgt, ttgt-comet, im2col, im2col-gather, im2col-implicit)."),
    ] = None,
    dims_per_axis: Annotated[str, typer.Option(help="any, one, or both.")] = "both",
    overlap: Annotated[bool, typer.Option("--overlap", help="Moves run beside the product.")] = False,
    objective: Annotated[str, typer.Option(help="What to minimise: energy, latency or edp.")] = "edp",
    mapper: Annotated[str, typer.Option(help="Search method.")] = "optimal",
    model: o.Model = "loopnest",
    gap: o.Gap = 0.0,
    node_limit: o.NodeLimit = 300_000,
    option: o.MapperOption = None,
    layer: o.OnlyLayers = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    no_cache: o.NoCache = False,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """EDP, energy, cycles and utilisation of every algorithm, alone and with the data it moves.

    Run twice: any dims on an axis of the array, and one per axis, which the published finding depends on. Exit code 1 when
    something does not fit.
    """
    from tileloom import api
    from tileloom.cli import mapping_view as view
    from tileloom.cli.show import progress_bar
    from tileloom.cli.study_view import show_study
    from tileloom.core.errors import InputError
    from tileloom.explore.algorithms import RULES, algorithms_result, compare_algorithms
    from tileloom.search.objective import Objective
    from tileloom.workload.rewrite.contractions import SIZES, case_study

    if dims_per_axis != "both" and dims_per_axis not in RULES:
        raise InputError(f"--dims-per-axis is '{dims_per_axis}'; expected any, one or both")
    given = o.plain_pairs("--set", variables)
    problems = [case_study(name, n) for name in contraction or () for n in extent or SIZES[:1]]
    if network is not None:
        loaded = view.choose_layers(view.load_workload(network, bind, size, bits, given), layer)
        problems += [d.problem for d in loaded.problems]
    if not problems:
        raise InputError("nothing to compare; give NETWORK, an einsum with --size, or --contraction intensli2")
    chip = api.load_architecture(arch, variables=given)
    with progress_bar("Algorithms", progress) as callback:
        found = compare_algorithms(
            problems,
            chip,
            cast("Objective", objective),
            algorithms=algorithm or (),
            rules=tuple(RULES) if dims_per_axis == "both" else (dims_per_axis,),
            overlap=overlap,
            mapper=mapper,
            model=model,
            options=view.mapper_options({"gap": gap, "node_limit": node_limit} if mapper == "optimal" else {}, option),
            cache=not no_cache,
            progress=callback,
        )
    show_study(algorithms_result(found, chip, cast("Objective", objective)), out, json)
