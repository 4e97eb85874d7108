"""How results look on a terminal: JSON on standard output, tables, progress on standard error. Computes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from tileloom.search.network import Progress

WIDTH = 100


def emit_json(value: object) -> None:
    """One JSON document. Infinities and NaN become null, as JSON has neither."""
    typer.echo(json.dumps(_finite(value), indent=2, allow_nan=False, ensure_ascii=False))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def note(text: str) -> None:
    """A line for people, on standard error."""
    typer.echo(text, err=True)


def print_table(table: Table) -> None:
    """A rich table, as wide as the terminal or `WIDTH` columns where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


@contextmanager
def progress_bar(what: str, wanted: bool) -> Iterator[Progress | None]:
    """A callback that draws a bar on standard error when that is a terminal or when `wanted`; None otherwise."""
    if not (wanted or sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)

        def advance(name: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=f"{what}: {name}")

        yield advance
