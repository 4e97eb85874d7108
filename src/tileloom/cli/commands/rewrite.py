"""`tileloom rewrite`: a problem computed by another algorithm, and what that moves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tileloom.cli import options as o


def command(
    problem: Annotated[
        str, typer.Argument(metavar="PROBLEM", help="YAML, network.onnx:layer, or an einsum with --size.")
    ],
    algorithm: Annotated[str, typer.Option(help="native, ttgt, ttgt-comet, im2col or im2col-implicit.")] = "native",
    candidate: Annotated[
        int | None, typer.Option(min=1, help="ttgt-comet: take its n-th layouts, not its best.")
    ] = None,
    arch: Annotated[
        str | None, typer.Option("--arch", metavar="ARCH", help="Also cost the moves on this chip.")
    ] = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    out: Annotated[Path | None, typer.Option(help="Write the rewritten problem here, as YAML.")] = None,
    json: o.Json = False,
) -> None:
    """Write PROBLEM as the one that ALGORITHM computes instead, with layouts, moved data and how results map back."""
    from tileloom import api
    from tileloom.cli.show import emit_json, note
    from tileloom.core.files import write_text_atomic
    from tileloom.cost.rewrite import rewrite_cost
    from tileloom.explore.run import problem_to_yaml
    from tileloom.workload.rewrite.algorithms import rewrite

    given = o.plain_pairs("--set", variables)
    work = api.load_problem(
        problem, sizes=o.sizes("--size", size), bind=o.sizes("--bind", bind), bits=bits, variables=given
    )
    found = rewrite(work, algorithm, candidate)
    text = problem_to_yaml(found.problem)
    cost = None
    if arch is not None:
        cost = rewrite_cost(found, api.load_architecture(arch, variables=given, workload=work))
    if json:
        record: dict[str, Any] = {
            "algorithm": found.label,
            "native": str(found.native),
            "problem": str(found.problem),
            "yaml": text,
            "merges": {new: list(parts) for new, parts in found.merges},
            "layouts": {name: list(order) for name, order in found.layouts},
            "moves": [
                {"tensor": m.tensor, "kind": m.kind, "reads": m.reads, "writes": m.writes, "bits": m.bits}
                for m in found.moves
            ],
            "moved_elements": found.moved_elements,
            "notes": list(found.notes),
        }
        if cost is not None:
            record["cost"] = {"energy_pj": cost.energy_pj, "cycles": cost.cycles, "extra_bits": cost.extra_bits}
        emit_json(record)
    else:
        for line in lines(found):
            typer.echo(line)
        if cost is not None:
            typer.echo(f"moves cost: {cost.energy_pj:g} pJ, {cost.cycles:g} cycles, {cost.extra_bits} bits more stored")
    if out is not None:
        write_text_atomic(out, text)
        note(f"Written: {out}")


def lines(found: Any) -> list[str]:
    """What changed, for people."""
    shown = [f"native:    {found.native}", f"{found.label}: {found.problem}"]
    shown += [f"  {new} counts through {', '.join(parts) or 'nothing (1)'}" for new, parts in found.merges]
    shown += [f"  {name} is stored as [{', '.join(order)}]" for name, order in found.layouts]
    shown += [f"  {move}" for move in found.moves] or ["  nothing moves"]
    return [*shown, *(f"  {n}" for n in found.notes)]
