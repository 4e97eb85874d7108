"""How results look on a terminal: JSON on standard output, tables, progress on standard error. Computes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from tileloom.core.jsonio import to_json

if TYPE_CHECKING:
    from rich.table import Table

    from tileloom.search.network import Progress

WIDTH = 100


def emit_json(value: object) -> None:
    """One JSON document on standard output."""
    typer.echo(to_json(value, indent=2))


def note(text: str) -> None:
    """A line for people, on standard error."""
    typer.echo(text, err=True)


def print_table(table: Table) -> None:
    """A rich table, as wide as the terminal or `WIDTH` columns where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def make_table(title: str, columns: Sequence[tuple[str, bool]], caption: str | None = None) -> Table:
    """An empty table with these columns: (heading, whether it holds numbers)."""
    from rich import box
    from rich.table import Table

    table = Table(
        title=title,
        caption=caption,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for heading, is_number in columns:
        # Where space is short names are folded; a number is never cut.
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return table


def print_pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Two plain columns, fit for scripts: name and what it is."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        typer.echo(f"{name:<{width}}  {text}".rstrip())


def shorten(name: str, width: int) -> str:
    """The end of a long name, which says more than its beginning ('/layer4/layer4.1/conv2/Conv')."""
    return name if len(name) <= width else f"…{name[1 - width :]}"


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
