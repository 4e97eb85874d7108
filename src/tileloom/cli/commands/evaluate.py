"""`tileloom evaluate`: what one mapping of one problem costs."""

from __future__ import annotations

from tileloom.cli import options as o


def command(
    mapping: o.MappingFile,
    problem: o.ProblemSource,
    arch: o.Arch,
    model: o.Model = "loopnest",
    model_option: o.ModelOption = None,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    json: o.Json = False,
) -> None:
    """Evaluate MAPPING of problem P on ARCH."""
    from tileloom import api
    from tileloom.cli.cost_view import print_cost
    from tileloom.cli.show import emit_json
    from tileloom.explore.record import cost_record

    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    tree = o.read_mapping(mapping, work, chip)
    with o.naming(mapping):
        cost = api.evaluate(work, chip, tree, o.model_spec(model, model_option))
    if json:
        emit_json({"problem": work.name, "architecture": chip.name, **cost_record(cost)})
    else:
        print_cost(work, tree, cost)
