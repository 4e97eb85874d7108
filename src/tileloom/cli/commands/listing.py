"""`tileloom list`: what there is to choose from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tileloom.cli import options as o


class Kind(StrEnum):
    """What can be listed."""

    architectures = "architectures"
    networks = "networks"
    models = "models"
    mappers = "mappers"
    formats = "formats"


def command(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show only this one, in full.")] = None,
    path: Annotated[bool, typer.Option("--path", help="Print the file of a network or architecture.")] = False,
    json: o.Json = False,
) -> None:
    """List what there is to choose from.

    With a name, that one in full.
    """
    from tileloom.cli.catalogue import entries, entry
    from tileloom.cli.show import emit_json, print_pairs

    if name is None:
        listed = entries(kind.value)
        if json:
            emit_json([{"name": n, "summary": s} for n, s in listed])
        else:
            print_pairs(listed)
        return
    shown = entry(kind.value, name)
    if path:
        typer.echo(shown.path)
    elif json:
        emit_json(shown.as_plain())
    else:
        typer.echo(shown.text)
