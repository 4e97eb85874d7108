"""`tileloom evaluate`: what one mapping of one or several problems costs, or MAESTRO's or NeuroSpector's files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tileloom.cli import options as o

Problem = Annotated[
    str | None,
    typer.Option(
        "--problem",
        metavar="P",
        help="YAML file, network.onnx:layer, or an einsum with --size; of a fused mapping a network, or einsums with ; between.",
    ),
]


def command(
    mapping: o.MappingFile,
    arch: o.Arch,
    problem: Problem = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Cost model (default loopnest).")
    ] = None,
    model_option: o.ModelOption = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    mode: Annotated[
        str, typer.Option(help="Of MAESTRO's and NeuroSpector's files: corrected or faithful.")
    ] = "corrected",
    technology: Annotated[str, typer.Option(help="Of MAESTRO's files: released, 28nm or a YAML file.")] = "released",
    lanes: Annotated[int, typer.Option(min=1, help="Of MAESTRO's files: multipliers per PE.")] = 1,
    csv: Annotated[Path | None, typer.Option(help="Write MAESTRO's CSV file here (faithful mode).")] = None,
    persistent: o.Persistent = None,
    json: o.Json = False,
) -> None:
    """Evaluate MAPPING of problem P on ARCH.

    A mapping with seq, pipe or par branches runs several problems: P is then a network, or einsums with ';' between.
    Two .m files of MAESTRO (mapping and hardware) need no problem; exit code 1 when a layer is refused. With a
    NeuroSpector accelerator (CHIP.cfg), MAPPING is a scheduling table and P a network file of the same tool.
    """
    if mapping.endswith(".m") and model in (None, "maestro"):
        from tileloom.cli.maestro_view import evaluate_files

        raise typer.Exit(evaluate_files(mapping, arch, mode, technology, lanes, csv, json))
    if arch.lower().endswith(".cfg"):
        from tileloom.cli import neurospector

        neurospector.evaluate(mapping, problem, arch, model, mode, json)
        return
    from tileloom import api
    from tileloom.cli.cost_view import print_cost
    from tileloom.cli.show import emit_json
    from tileloom.core.errors import InputError
    from tileloom.explore.record import cost_record

    if problem is None:
        raise InputError(f"{mapping}: give its problem (--problem); only MAESTRO's .m files hold it themselves")
    fused, text = o.fused_mapping(mapping)
    if fused is not None:
        from tileloom.cli import fused_view

        several, chip = o.read_fused_problems(problem, arch, size, bind, bits, variables)
        fused_view.evaluate(mapping, fused, several, chip, model or "loopnest", persistent or (), json)
        return
    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    tree = o.read_mapping(mapping, work, chip, text)
    with o.naming(mapping):
        cost = api.evaluate(work, chip, tree, o.model_spec(model or "loopnest", model_option))
    if json:
        emit_json({"problem": work.name, "architecture": chip.name, **cost_record(cost)})
    else:
        print_cost(work, tree, cost)
