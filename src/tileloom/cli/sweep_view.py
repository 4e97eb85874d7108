"""How a sweep looks on a terminal: its size, a bar with rate and estimate, counts and the front. Computes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING

import typer

from tileloom.cli.show import emit_json, make_table, note, print_table
from tileloom.core.units import short

if TYPE_CHECKING:
    from tileloom.explore.sweep.run import Progress, SweepResult
    from tileloom.explore.sweep.study import Study

SHOWN = 20
"""Designs of the front that are printed."""


def say_size(study: Study, json: bool) -> None:
    """How many designs there are, and by which parameters."""
    parameters = {p.name: len(p.values) for p in study.space.parameters}
    if json:
        emit_json({"study": study.given.name, "designs": study.space.size, "parameters": parameters})
        return
    for name, count in parameters.items():
        typer.echo(f"{count:>12,}  {name}")
    typer.echo(f"{study.space.size:>12,}  designs")


@contextmanager
def rate_bar(what: str, wanted: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A bar on standard error with designs per second and the time left; None where nobody looks."""
    if not (wanted or sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, told="")

        def advance(p: Progress) -> None:
            told = f"{p.done:,} of {p.total:,}, {short(p.designs_per_s)} designs/s, {p.counts.valid:,} valid, {_span(p.seconds_left)} left"
            bar.update(task, completed=p.done, total=p.total, told=told)

        yield advance


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def print_result(result: SweepResult) -> None:
    """Counts, and the front's first designs."""
    c = result.counts
    typer.echo(
        f"{result.study.given.name}: {c.searched:,} designs searched, {c.evaluated:,} evaluated, {c.valid:,} valid"
        + (f", {c.pruned:,} ruled out with their sub-space" if c.pruned else "")
        + (f", {c.refused:,} without a mapping" if c.refused else "")
    )
    rate = f"{short(result.designs_per_s)} designs/s" if c.searched > result.known else "nothing was left to do"
    typer.echo(f"{result.seconds:.1f} s, {rate}" + (f"; {result.known:,} were known before" if result.known else ""))
    if not len(result.front):
        note("No design meets every constraint.")
        return
    names = [*result.study.space.names, *result.study.objectives]
    title = f"Pareto front in {', '.join(result.study.objectives)}: {len(result.front):,} designs"
    caption = f"the first {SHOWN}; all are in front.parquet" if len(result.front) > SHOWN else None
    rows = [[cell(row[n]) for n in names] for row in result.front.head(SHOWN).iter_rows(named=True)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    headings = [(heading(n, w), n not in ("dataflow", "technology")) for n, w in zip(names, widths)]
    table = make_table(title, headings, caption)
    for row in rows:
        table.add_row(*row)
    print_table(table)


def heading(name: str, width: int) -> str:
    """A name on several lines, as narrow as its longest word and the column's cells allow, so that no cell is cut.

    >>> heading("noc_elements_per_cycle", 3)
    'noc\\nelements\\nper\\ncycle'
    """
    words = name.replace("_", " ").replace(".", " ")
    return fill(words, max(width, *map(len, words.split())), break_on_hyphens=False)


def cell(value: object) -> str:
    """A value for a table: four digits, whole numbers in full."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) and abs(value) < 10**7 else f"{value:.4g}"
