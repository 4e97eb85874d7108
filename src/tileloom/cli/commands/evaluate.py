"""`tileloom evaluate`: what one mapping of one problem costs."""

from __future__ import annotations

from typing import Annotated

import typer

from tileloom.cli import options as o


def command(
    mapping: o.MappingFile,
    problem: o.ProblemSource,
    arch: o.Arch,
    model: o.Model = "loopnest",
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="rules=faithful: a NeuroSpector table as the tool counts."),
    ] = None,
    json: o.Json = False,
) -> None:
    """Evaluate MAPPING of problem P on ARCH.

    With a NeuroSpector accelerator (CHIP.cfg), MAPPING is a scheduling table and P a network file of the same tool.
    """
    from tileloom.cli import neurospector
    from tileloom.core.errors import InputError

    if neurospector.is_native(arch):
        neurospector.evaluate(mapping, problem, arch, model, option, json)
        return
    if option:
        raise InputError("--option belongs to NeuroSpector's scheduling tables (--arch CHIP.cfg)")
    from tileloom import api
    from tileloom.cli.cost_view import print_cost
    from tileloom.cli.show import emit_json
    from tileloom.explore.record import cost_record

    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    tree = o.read_mapping(mapping, work)
    with o.naming(mapping):
        cost = api.evaluate(work, chip, tree, model)
    if json:
        emit_json({"problem": work.name, "architecture": chip.name, **cost_record(cost)})
    else:
        print_cost(work, tree, cost)
