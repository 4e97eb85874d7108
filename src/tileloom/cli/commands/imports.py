"""`tileloom import`: what is in a network file, and what could not be understood."""

from __future__ import annotations

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
    json: o.Json = False,
) -> None:
    """Show what is in FILE and what was skipped.

    For hf:NAME, --bind takes N, S, H, W and --set fields of the configuration (head=causal-lm for a language model).

    Exit code 1 when a node was skipped.
    """
    from tileloom import api
    from tileloom.cli.network_view import print_import
    from tileloom.cli.show import emit_json
    from tileloom.workload.load import import_report

    network = api.load_network(
        file, bind=o.sizes("--bind", bind), bits=bits, variables=o.plain_pairs("--set", variables)
    )
    if json:
        emit_json(import_report(network))
    else:
        print_import(network)
    raise typer.Exit(1 if network.skipped else 0)
