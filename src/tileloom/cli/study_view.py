"""A study on a terminal: its figures, its table, its notes."""

from __future__ import annotations

from pathlib import Path

import typer

from tileloom.cli.show import make_table, print_table
from tileloom.core.units import short
from tileloom.explore.study import Column, StudyResult, Value


def print_study(study: StudyResult) -> None:
    """The most interesting rows, and how many more there are."""
    shown = study.shown()
    places = [i for i, c in enumerate(study.columns) if not study.brief or c.name in study.brief]
    more = len(study.rows) - len(shown)
    caption = f"The best {len(shown)} of {len(study.rows)} rows; --json or --out gives all." if more else None
    if not caption and len(places) < len(study.columns):
        caption = f"{len(study.columns) - len(places)} more columns with --json or --out."
    numeric = [any(isinstance(row[i], int | float) for row in shown) for i in places]
    heads = [(study.columns[i].title, n) for i, n in zip(places, numeric, strict=True)]
    table = make_table(study.title, heads, caption)
    for row in shown:
        table.add_row(*(_text(study.columns[i], row[i]) for i in places))
    print_table(table)
    for what, value, remark in study.headline:
        typer.echo(f"{what}: {value}{f' ({remark})' if remark else ''}")
    for note in study.notes:
        typer.echo(note)


def show_study(study: StudyResult, out: Path | None, json: bool) -> None:
    """Print, write, and end: exit code 1 when something has no mapping."""
    from tileloom.cli.mapping_view import command_line
    from tileloom.cli.show import emit_json, note

    if out is not None:
        from tileloom.report.study_page import write_study_report

        page = write_study_report(study, out, command_line())
    if json:
        emit_json(study.as_plain())
    else:
        print_study(study)
    if out is not None:
        note(f"Report: {page}")
    raise typer.Exit(0 if study.complete else 1)


def _text(column: Column, value: Value) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return escape(value)
    if column.scale != 1:
        return short(value / column.scale)
    if (
        column.name.endswith("percent")
        or abs(value) < 1e4
        or isinstance(value, int)
        or column.name in ("mappings", "costed")
    ):
        return short(value)
    return f"{value:.3e}"
