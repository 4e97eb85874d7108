"""`tileloom explore-arch`: shapes of a chip's array and the bandwidth that fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from tileloom.cli import options as o

if TYPE_CHECKING:
    from tileloom.search.objective import Objective


def command(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="Library name, file, or an einsum with --size.")],
    arch: o.Arch,
    aspect: Annotated[
        str | None, typer.Option(metavar="RxC,RxC", help="Rows x columns of the array, as 1x256,2x128; or all.")
    ] = None,
    fill_bandwidth: Annotated[
        str | None, typer.Option(metavar="N,N", help="GB/s of the memory outside the array, as 1,2,4.")
    ] = None,
    memory: Annotated[str | None, typer.Option(help="The memory whose bandwidth changes.")] = None,
    fanout: Annotated[str | None, typer.Option(help="The array that changes; default: the largest.")] = None,
    dims_per_axis: Annotated[str, typer.Option(help="any, or one: an axis of the array takes one dim only.")] = "any",
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
    """Map every layer on every variant of ARCH: aspect ratios, fill bandwidths, or both.

    Exit code 1 when something does not fit.
    """
    from tileloom import api
    from tileloom.cli import mapping_view as view
    from tileloom.cli.show import progress_bar
    from tileloom.cli.study_view import show_study
    from tileloom.core.errors import InputError
    from tileloom.explore.algorithms import ONE, RULES, with_dims_per_axis
    from tileloom.explore.arch_study import arch_result, explore_architecture
    from tileloom.explore.arch_variants import all_aspects, parse_aspects, parse_bandwidths

    if aspect is None and fill_bandwidth is None:
        raise InputError("nothing varies; give --aspect 1x256,2x128 (or all), --fill-bandwidth 1,2,4, or both")
    if dims_per_axis not in RULES:
        raise InputError(f"--dims-per-axis is '{dims_per_axis}'; expected any or one")
    given = o.plain_pairs("--set", variables)
    loaded = view.choose_layers(view.load_workload(network, bind, size, bits, given), layer)
    chip = api.load_architecture(arch, variables=given, workload=loaded)
    if dims_per_axis == ONE:
        chip = with_dims_per_axis(chip, 1)
    shapes = [] if aspect is None else all_aspects(chip, fanout) if aspect == "all" else parse_aspects(aspect)
    chosen = cast("Objective", objective)
    with progress_bar("Variants", progress) as callback:
        found = explore_architecture(
            [d.problem for d in loaded.problems],
            chip,
            chosen,
            aspects=shapes,
            bandwidths=[] if fill_bandwidth is None else parse_bandwidths(fill_bandwidth),
            memory=memory,
            fanout=fanout,
            mapper=mapper,
            model=model,
            options=view.mapper_options({"gap": gap, "node_limit": node_limit} if mapper == "optimal" else {}, option),
            cache=not no_cache,
            progress=callback,
        )
    show_study(arch_result(found, chip, chosen, memory), out, json)
