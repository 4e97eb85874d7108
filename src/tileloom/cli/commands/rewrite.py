"""`tileloom rewrite`: problems computed by another algorithm, and what that moves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tileloom.cli import options as o

if TYPE_CHECKING:
    from tileloom.workload.problem import Problem


def command(
    problem: Annotated[
        str,
        typer.Argument(metavar="PROBLEM", help="File, library network, either with :layer, or an einsum with --size."),
    ],
    algorithm: Annotated[
        str,
        typer.Option(help="native, ttgt, ttgt-comet, im2col, im2col-gather, im2col-implicit; log lists every choice."),
    ] = "native",
    candidate: Annotated[
        int | None, typer.Option(min=1, help="ttgt-comet: take its n-th layouts, not its best.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="Also cost the moves on this chip.")
    ] = None,
    layer: o.OnlyLayers = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    out: Annotated[Path | None, typer.Option(help="Write the rewritten network here, as YAML.")] = None,
    json: o.Json = False,
) -> None:
    """Write PROBLEM as the one that ALGORITHM computes instead, with layouts, moved data and how results map back.

    Of a file with several layers, each that ALGORITHM takes is rewritten and the others stay, with the reason.
    """
    from tileloom import api
    from tileloom.cli import rewrite_view as view
    from tileloom.cli.mapping_view import choose_layers
    from tileloom.cli.show import emit_json, note
    from tileloom.core.errors import InputError
    from tileloom.core.files import write_text_atomic
    from tileloom.workload.frontends.yaml_writer import write_workload
    from tileloom.workload.rewrite.network import rewrite_network

    given = o.plain_pairs("--set", variables)
    network = _load(problem, o.sizes("--size", size), o.sizes("--bind", bind), bits, given)
    network = choose_layers(network, layer)
    chip = None if arch is None else api.load_architecture(arch, variables=given, workload=network)
    if algorithm == "log":
        if candidate is not None or out is not None:
            raise InputError("--algorithm log chooses nothing: leave out --candidate and --out")
        logs = [view.log_record(d.problem, chip) for d in network.problems]
        if json:
            emit_json(logs[0] if len(logs) == 1 else {"problems": logs})
        else:
            typer.echo("\n".join(line for log in logs for line in view.log_lines(log)))
        return
    found = rewrite_network(network, algorithm, candidate)
    records = [view.record(r, chip) for r in found.rewrites]
    if json:
        single = len(records) == 1 and not found.kept
        kept = [{"layer": name, "reason": why} for name, why in found.kept]
        emit_json(records[0] if single else {"rewrites": records, "kept": kept})
    else:
        typer.echo("\n".join(line for r in found.rewrites for line in view.lines(r, chip)))
        for name, why in found.kept:
            note(f"{name} stays native: {why}")
    if out is not None:
        write_text_atomic(out, write_workload(found.network))
        note(f"Written: {out}")


def _load(problem: str, sizes: dict[str, int], bind: dict[str, int], bits: int | None, given: dict[str, Any]) -> Any:
    """The network of a file or name; one layer of it, and an einsum, as a network of one."""
    from tileloom import api
    from tileloom.explore.sources import is_einsum, split_layer
    from tileloom.workload.network import Layer, Network

    if not is_einsum(problem) and split_layer(problem)[1] is None and not sizes:
        return api.load_network(problem, bind=bind, bits=bits, variables=given)
    work: Problem = api.load_problem(problem, sizes=sizes, bind=bind, bits=bits, variables=given)
    return Network(work.name, (Layer(name=work.name, problem=work, operator=work.op),))
