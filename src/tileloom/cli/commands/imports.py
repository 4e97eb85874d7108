"""`tileloom import`: what is in a network file, and what could not be understood."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="File of any format in `tileloom list formats`, library name, or hf:NAME."),
    ],
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    to: Annotated[str | None, typer.Option("--to", metavar="FORMAT", help="Write it in this format instead.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --to: write here, not on standard output.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="With --to: option of the format, as template=kcp_ws."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="With --to: write nothing if anything is lost.")] = False,
    json: o.Json = False,
) -> None:
    """Show what is in FILE and what was skipped, or write it in another format.

    For hf:NAME, --bind takes N, S, H, W and --set fields of the configuration (head=causal-lm for a language model).

    Exit code 1 when a node was skipped, or with --strict when something would be lost.
    """
    from tileloom import api
    from tileloom.cli.network_view import print_import
    from tileloom.cli.show import emit_json
    from tileloom.workload.load import import_report

    network = api.load_network(
        file, bind=o.sizes("--bind", bind), bits=bits, variables=o.plain_pairs("--set", variables)
    )
    if to is not None:
        from tileloom.explore.convert import write_network

        found = write_network(network, to, o.plain_pairs("--option", option))
        if json:
            lost = {"format": to, "text": None if strict and found.losses else found.text, "losses": list(found.losses)}
            emit_json(lost)
        raise typer.Exit(o.give_text(found.text, found.losses, out, strict, quiet=json))
    if json:
        emit_json(import_report(network))
    else:
        print_import(network)
    raise typer.Exit(1 if network.skipped else 0)
