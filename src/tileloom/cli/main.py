"""The `tileloom` program: one file per command in commands/, errors turned into exit codes here.

Exit codes: 0 done, 1 infeasible or not conforming or something skipped, 2 a mistake in the input or the call.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from tileloom import __version__
from tileloom.cli.commands import (
    check,
    codesign,
    compare,
    conform,
    convert,
    dataflows,
    doctor,
    evaluate,
    explain,
    explore_algorithms,
    explore_arch,
    fuse,
    imports,
    listing,
    map,
    query,
    report,
    rewrite,
    studies,
    sweep,
)
from tileloom.core.errors import TileloomError

USER_ERROR = 2

app = typer.Typer(
    name="tileloom",
    help="Map deep-learning layers onto spatial accelerators: energy, cycles and a proof of optimality.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("map")(map.command)
app.command("evaluate")(evaluate.command)
app.command("check")(check.command)
app.command("compare")(compare.command)
app.command("convert")(convert.command)
app.command("convert-mapping", hidden=True)(convert.command)
app.command("explain")(explain.command)
app.command("import")(imports.command)
app.command("rewrite")(rewrite.command)
app.command("explore-algorithms")(explore_algorithms.command)
app.command("explore-arch")(explore_arch.command)
app.command("fuse")(fuse.command)
app.command("list")(listing.command)
app.command("report")(report.command)
app.command("codesign")(codesign.command)
app.command("conform")(conform.command)
app.command("dataflows")(dataflows.command)
app.add_typer(studies.app, name="study")
app.command("sweep")(sweep.command)
app.command("query")(query.command)
app.command("doctor")(doctor.command)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tileloom {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Map deep-learning layers onto spatial accelerators: energy, cycles and a proof of optimality."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; always ends in SystemExit. A TileloomError is printed without a traceback."""
    with warnings.catch_warnings():
        warnings.showwarning = _note
        try:
            app(args=None if arguments is None else list(arguments))
        except TileloomError as error:
            typer.echo(f"error: {error}", err=True)
            sys.exit(USER_ERROR)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
                raise
            typer.echo(f"error: the output could not be written: {error.strerror}", err=True)
            # What is still buffered would fail again, with a traceback, when the interpreter closes the stream.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(USER_ERROR)


def _note(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"note: {message}", err=True)
