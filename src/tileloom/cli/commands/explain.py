"""`tileloom explain`: a mapping of any notation as its loop nest."""

from __future__ import annotations

from typing import Annotated

import typer

from tileloom.cli import options as o
from tileloom.cli.commands.evaluate import Problem


def command(
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="Mapping file of any format that is read.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Of MAPPING, if its name does not say.")
    ] = None,
    problem: Problem = None,
    arch: Annotated[
        str | None,
        typer.Option("--arch", metavar="ARCH", help="Library name or file of the chip, where MAPPING needs it."),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file that holds several.")] = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    json: o.Json = False,
) -> None:
    """Print MAPPING as a loop nest with trip counts, the steps and copies that makes, and the tile of every hold."""
    from dataclasses import asdict

    from tileloom import api
    from tileloom.cli.show import emit_json
    from tileloom.explore.convert import read_any
    from tileloom.explore.explain import explain

    given = o.plain_pairs("--set", variables)
    work = None
    if problem is not None:
        work = api.load_problem(
            problem, sizes=o.sizes("--size", size), bind=o.sizes("--bind", bind), bits=bits, variables=given
        )
    chip = None if arch is None else api.load_architecture(arch, variables=given, workload=work)
    read = read_any(mapping, source=source, problem=work, architecture=chip, layer=layer)
    found = explain(read.problem, read.mapping)
    if json:
        emit_json({"problem": str(read.problem), **asdict(found), "utilization": found.utilization})
        return
    typer.echo(f"{read.problem}\n{found.nest}")
    typer.echo(
        f"{found.steps} steps x {found.copies} copies for {found.points} points: {found.utilization:.3g} of them used"
    )
    for memory, tensor, words in found.tiles:
        typer.echo(f"  {memory} holds {words} of {tensor}")
    for loss in read.losses:
        typer.echo(f"lost: {loss}", err=True)
