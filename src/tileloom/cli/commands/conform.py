"""`tileloom conform`: another tool's published rows, computed again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Whose rows: accelforge, codesign, defines, dmazerunner, fused, maestro, neurospector, union, zigzag.",
        ),
    ],
    reference: Annotated[Path, typer.Option("--reference", metavar="DIR", help="Directory of reference rows.")],
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many rows.")] = None,
    progress: o.Progress = False,
    json: o.Json = False,
) -> None:
    """Recompute another tool's published rows.

    Exit code 1 unless every row matches.
    """
    from tileloom.cli.show import emit_json, progress_bar
    from tileloom.explore.conform.registry import CONFORM

    recompute = CONFORM.get(model)
    with progress_bar(f"Recomputing {model}", progress) as callback:
        report = recompute(reference, limit, callback)
    if json:
        emit_json(report.as_plain())
    else:
        typer.echo(str(report))
    raise typer.Exit(0 if report.conforms else 1)
