"""`tileloom study union ...`: the case studies of Union, each with its findings beside what comes out here."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tileloom.cli import options as o
from tileloom.cli.study_view import show_study

app = typer.Typer(no_args_is_help=True, help="Union's case studies: algorithms, mappers, array shapes, fill bandwidth.")

Chip = Annotated[str, typer.Option("--arch", metavar="ARCH", help="Library name or YAML file of the chip.")]
LayerNames = Annotated[
    list[str] | None,
    typer.Option("--layer", metavar="NAME", help="resnet50-1..3, dlrm-1..3 or bert-1..3; may be repeated."),
]
Mapper = Annotated[str, typer.Option(help="Search method.")]
NODES = 2_000_000


@app.command("algorithms")
def algorithms(
    arch: Chip = "union-cloud",
    contraction: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="intensli2, ccsd7 or ccsd-t4; may be repeated.")
    ] = None,
    extent: Annotated[
        list[int] | None, typer.Option(min=1, help="Of every index; may be repeated (16 and 32).")
    ] = None,
    gap: o.Gap = 0.0,
    node_limit: o.NodeLimit = NODES,
    no_cache: o.NoCache = False,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Native loops against TTGT on tensor contractions, with any dims and with one dim on an axis of the array."""
    from tileloom import api
    from tileloom.cli.show import progress_bar
    from tileloom.explore.union.studies import EXTENTS, algorithm_study
    from tileloom.workload.rewrite.contractions import CONTRACTIONS

    with progress_bar("Algorithms", progress) as callback:
        found = algorithm_study(
            api.load_architecture(arch),
            extent or EXTENTS,
            contraction or tuple(CONTRACTIONS),
            options={"gap": gap, "node_limit": node_limit},
            cache=not no_cache,
            progress=callback,
        )
    show_study(found, out, json)


@app.command("mappers")
def mappers(
    arch: Chip = "union-edge",
    layer: LayerNames = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="MODEL", help="May be repeated (loopnest and maestro).")
    ] = None,
    gap: o.Gap = 0.0,
    node_limit: o.NodeLimit = NODES,
    no_cache: o.NoCache = False,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Every mapper, and fixed dataflows with their best tiles, under every cost model."""
    from tileloom import api
    from tileloom.cli.show import progress_bar
    from tileloom.explore.union.layers import case_layers
    from tileloom.explore.union.studies import mapper_study

    with progress_bar("Mappers", progress) as callback:
        found = mapper_study(
            api.load_architecture(arch),
            case_layers(layer or ("dlrm-2",)),
            models=tuple(model or ("loopnest", "maestro")),
            options={"gap": gap, "node_limit": node_limit},
            cache=not no_cache,
            progress=callback,
        )
    show_study(found, out, json)


@app.command("aspect")
def aspect(
    arch: Chip = "union-edge",
    shapes: Annotated[
        str | None, typer.Option("--aspect", metavar="RxC,RxC", help="Rows x columns; default: every shape.")
    ] = None,
    layer: LayerNames = None,
    mapper: Mapper = "optimal",
    model: o.Model = "loopnest",
    gap: o.Gap = 0.0,
    node_limit: o.NodeLimit = NODES,
    no_cache: o.NoCache = False,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Shapes of a flexible array with one dim per axis: union-edge from 1x256 to 16x16, union-cloud from 1x2048 to 32x64."""
    from tileloom import api
    from tileloom.cli.show import progress_bar
    from tileloom.explore.arch_variants import parse_aspects
    from tileloom.explore.union.layers import case_layers
    from tileloom.explore.union.studies import ASPECT_LAYERS, aspect_study

    with progress_bar("Shapes", progress) as callback:
        found = aspect_study(
            api.load_architecture(arch),
            case_layers(layer or ASPECT_LAYERS),
            [] if shapes is None else parse_aspects(shapes),
            mapper=mapper,
            model=model,
            options=_limits(mapper, gap, node_limit),
            cache=not no_cache,
            progress=callback,
        )
    show_study(found, out, json)


@app.command("fill-bandwidth")
def fill_bandwidth(
    arch: Chip = "simba-package",
    bandwidths: Annotated[
        str | None,
        typer.Option(
            "--fill-bandwidth", metavar="N,N", help="GB/s of what fills the chiplets (powers of two to 1024)."
        ),
    ] = None,
    layer: LayerNames = None,
    mapper: Mapper = "optimal",
    model: o.Model = "loopnest",
    gap: o.Gap = 0.0,
    node_limit: o.NodeLimit = NODES,
    no_cache: o.NoCache = False,
    progress: o.Progress = False,
    out: o.StudyOut = None,
    json: o.Json = False,
) -> None:
    """Bandwidth from the top memory into the chiplets of a package, and where more of it stops helping."""
    from tileloom import api
    from tileloom.cli.show import progress_bar
    from tileloom.explore.arch_variants import parse_bandwidths
    from tileloom.explore.union.layers import case_layers
    from tileloom.explore.union.studies import BANDWIDTH_LAYERS, BANDWIDTHS, bandwidth_study

    with progress_bar("Bandwidths", progress) as callback:
        found = bandwidth_study(
            api.load_architecture(arch),
            case_layers(layer or BANDWIDTH_LAYERS),
            BANDWIDTHS if bandwidths is None else parse_bandwidths(bandwidths),
            mapper=mapper,
            model=model,
            options=_limits(mapper, gap, node_limit),
            cache=not no_cache,
            progress=callback,
        )
    show_study(found, out, json)


def _limits(mapper: str, gap: float, node_limit: int) -> dict[str, Any]:
    return {"gap": gap, "node_limit": node_limit} if mapper == "optimal" else {}
