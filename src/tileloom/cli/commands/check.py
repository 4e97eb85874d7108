"""`tileloom check`: every rule that a mapping breaks, and whether cost model and mapper take what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from tileloom.cli import options as o

if TYPE_CHECKING:
    from tileloom.search.objective import Objective


def command(
    problem: o.ProblemSource,
    arch: o.Arch,
    mapping: Annotated[
        str | None, typer.Argument(metavar="[MAPPING]", help="Mapping file (YAML); - reads standard input.")
    ] = None,
    model: o.Model = "loopnest",
    model_option: o.ModelOption = None,
    mapper: Annotated[str | None, typer.Option(help="Search method; without MAPPING: optimal.")] = None,
    objective: Annotated[str | None, typer.Option(help="What it is to minimise: energy, latency or edp.")] = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    json: o.Json = False,
) -> None:
    """Name every rule that MAPPING breaks, and what the cost model does not take.

    Without MAPPING: whether problem P can be searched on ARCH at all. Exit code 1 when anything is wrong.
    """
    from dataclasses import asdict

    from tileloom import api
    from tileloom.cli.show import emit_json

    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    tree = o.read_mapping(mapping, work, chip) if mapping is not None else None
    chosen = cast("Objective | None", objective)
    diagnostics = api.check(work, chip, tree, model=o.model_spec(model, model_option), mapper=mapper, objective=chosen)
    errors = [d for d in diagnostics if d.severity == "error"]
    if json:
        emit_json({"legal": not errors, "diagnostics": [asdict(d) | {"text": str(d)} for d in diagnostics]})
    else:
        for diagnostic in diagnostics:
            typer.echo(f"{mapping}: {diagnostic}" if mapping else str(diagnostic))
        kind = "broken rule" if mapping else "obstacle"
        found = f"{len(errors)} {kind}{'s' if len(errors) > 1 else ''}"
        typer.echo(found if errors else f"{'legal' if mapping else 'conforms'}: {work.name} on {chip.name}")
    raise typer.Exit(1 if errors else 0)
