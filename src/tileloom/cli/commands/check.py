"""`tileloom check`: every rule that a mapping breaks, and whether cost model and mapper take what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from tileloom.cli import options as o

if TYPE_CHECKING:
    from tileloom.search.objective import Objective


def command(
    problem: o.ProblemSource,
    arch: o.Arch,
    mapping: Annotated[
        str | None, typer.Argument(metavar="[MAPPING]", help="Mapping file (YAML); - reads standard input.")
    ] = None,
    model: o.Model = "loopnest",
    model_option: o.ModelOption = None,
    mapper: Annotated[str | None, typer.Option(help="Search method; without MAPPING: optimal.")] = None,
    objective: Annotated[str | None, typer.Option(help="What it is to minimise: energy, latency or edp.")] = None,
    constraints: o.ConstraintFiles = None,
    auto_rewrite: Annotated[
        bool,
        typer.Option("--auto-rewrite", help="If the model does not take P, check the first rewrite that it takes."),
    ] = False,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    persistent: o.Persistent = None,
    json: o.Json = False,
) -> None:
    """Name every rule that MAPPING breaks, and what the cost model does not take.

    A mapping with seq, pipe or par branches runs several problems: P is then a network, or einsums with ';' between.
    Without MAPPING: whether problem P can be searched on ARCH at all. Exit code 1 when anything is wrong.
    """
    from dataclasses import asdict

    from tileloom import api
    from tileloom.cli.show import emit_json, note
    from tileloom.core.errors import InputError

    fused, text = o.fused_mapping(mapping) if mapping is not None else (None, None)
    if mapping is not None and fused is not None:
        from tileloom.cli import fused_view

        several, chip = o.read_fused_problems(problem, arch, size, bind, bits, variables)
        raise typer.Exit(fused_view.check(mapping, fused, several, chip, model, persistent or (), json))
    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    tree = o.read_mapping(mapping, work, chip, text) if mapping is not None else None
    chosen = cast("Objective | None", objective)
    spec = o.model_spec(model, model_option)
    said: dict[str, object] = {}
    if auto_rewrite and tree is not None:
        raise InputError("--auto-rewrite changes the problem, which MAPPING would no longer fit: leave one of them out")
    if auto_rewrite:
        from tileloom.search.auto_rewrite import first_that_is_taken

        found_rewrite = first_that_is_taken(work, chip, spec, mapper, chosen)
        if found_rewrite is None:
            note(f"No rewrite of '{work.name}' is taken either")
            said["rewritten"] = None
        if found_rewrite is not None and found_rewrite.algorithm != "native":
            note(f"Rewritten with {found_rewrite.label}: {found_rewrite.problem}")
            said["rewritten"] = {"algorithm": found_rewrite.label, "problem": str(found_rewrite.problem)}
            work = found_rewrite.problem
    diagnostics = api.check(work, chip, tree, model=spec, mapper=mapper, objective=chosen)
    if constraints:
        from tileloom.mapping.constraint_check import constraint_faults
        from tileloom.mapping.constraints import for_problem
        from tileloom.mapping.constraints_file import read_constraints
        from tileloom.search.space_report import size_report

        rules = for_problem(read_constraints(constraints, chip, tell=note), work)
        if tree is not None:
            diagnostics = (*diagnostics, *constraint_faults(work, chip, tree, rules))
        else:
            sizes = size_report(work, chip, rules)
            said["space"] = [{"group": g.group, "before": g.before, "after": g.after} for g in sizes]
            for line in () if json else sizes:
                typer.echo(str(line))
    errors = [d for d in diagnostics if d.severity == "error"]
    if json:
        emit_json({"legal": not errors, "diagnostics": [asdict(d) | {"text": str(d)} for d in diagnostics], **said})
    else:
        for diagnostic in diagnostics:
            typer.echo(f"{mapping}: {diagnostic}" if mapping else str(diagnostic))
        kind = "broken rule" if mapping else "obstacle"
        found = f"{len(errors)} {kind}{'s' if len(errors) > 1 else ''}"
        typer.echo(found if errors else f"{'legal' if mapping else 'conforms'}: {work.name} on {chip.name}")
    raise typer.Exit(1 if errors else 0)
