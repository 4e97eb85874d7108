"""`tileloom convert`: a mapping from one notation into another, with what is lost on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o
from tileloom.cli.commands.evaluate import Problem


def command(
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="Mapping file.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="What to write (tileloom list formats).")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Of MAPPING, if its name does not say.")
    ] = None,
    problem: Problem = None,
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="Library name or file of the chip.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a file that holds several.")] = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    out: Annotated[Path | None, typer.Option(help="Write here instead of on standard output.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Write nothing if anything is lost.")] = False,
    json: o.Json = False,
) -> None:
    """Write MAPPING in another format; losses go to standard error.

    Exit code 1 with --strict when something would be lost.
    """
    from tileloom import api
    from tileloom.cli.show import emit_json
    from tileloom.explore.convert import convert
    from tileloom.mapping.notation.registry import notation_of

    given = o.plain_pairs("--set", variables)
    work = None
    if problem is not None and (source or notation_of(mapping)) == "neurospector":
        problem = _with_layer(problem, Path(mapping), layer)
    if problem is not None:
        work = api.load_problem(
            problem, sizes=o.sizes("--size", size), bind=o.sizes("--bind", bind), bits=bits, variables=given
        )
    chip = None if arch is None else api.load_architecture(arch, variables=given, workload=work)
    found = convert(mapping, to, source=source, problem=work, architecture=chip, layer=layer)
    refused = strict and bool(found.losses)
    if json:
        emit_json({"format": to, "text": None if refused else found.text, "losses": list(found.losses)})
    raise typer.Exit(o.give_text(found.text, found.losses, out, strict, quiet=json))


def _with_layer(problem: str, table: Path, layer: str | None) -> str:
    """FILE as FILE:LAYER where the file has several layers and --layer or the scheduling table names one of them."""
    from tileloom import api
    from tileloom.core.tokens import read_text
    from tileloom.mapping.notation.neurospector_notation import named_layer

    wanted = layer or named_layer(read_text(table))
    if wanted is None or not Path(problem).is_file():
        return problem
    names = [x.name for x in api.load_network(problem).layers]
    found = [n for n in names if n.lower() == wanted.lower()]
    return f"{problem}:{found[0]}" if len(names) > 1 and found else problem
