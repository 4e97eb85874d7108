"""`tileloom query`: SQL over a sweep's designs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of `tileloom sweep`.")],
    sql: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT over the tables designs and front.")],
    force: Annotated[bool, typer.Option("--force", help="Leave unreadable parts out.")] = False,
    json: o.Json = False,
) -> None:
    """Ask the stored designs of a sweep with SQL.

    Nothing is changed and no file is touched; needs the extra 'sql'.
    """
    from tileloom.cli.show import emit_json, make_table, print_table
    from tileloom.cli.sweep_view import cell
    from tileloom.explore.query import query

    found = query(folder, sql, force=force)
    if json:
        emit_json(found.as_plain())
        return
    numbers = [all(isinstance(row[i], int | float) for row in found.rows) for i in range(len(found.columns))]
    table = make_table("", [(c.replace("_", " "), n) for c, n in zip(found.columns, numbers)])
    for row in found.rows:
        table.add_row(*(cell(v) for v in row))
    print_table(table)
