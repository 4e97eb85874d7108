"""`tileloom check`: every rule that a mapping breaks."""

from __future__ import annotations

import typer

from tileloom.cli import options as o


def command(
    mapping: o.MappingFile,
    problem: o.ProblemSource,
    arch: o.Arch,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    json: o.Json = False,
) -> None:
    """Name every rule that MAPPING breaks.

    Exit code 1 when it breaks any.
    """
    from dataclasses import asdict

    from tileloom import api
    from tileloom.cli.show import emit_json

    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    diagnostics = api.check(work, chip, api.load_mapping(mapping, work))
    errors = [d for d in diagnostics if d.severity == "error"]
    if json:
        emit_json({"legal": not errors, "diagnostics": [asdict(d) | {"text": str(d)} for d in diagnostics]})
    else:
        for diagnostic in diagnostics:
            typer.echo(f"{mapping}: {diagnostic}")
        found = f"{len(errors)} broken rule{'s' if len(errors) > 1 else ''}"
        typer.echo(found if errors else f"legal: {work.name} on {chip.name}")
    raise typer.Exit(1 if errors else 0)
