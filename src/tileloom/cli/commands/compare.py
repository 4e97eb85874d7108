"""`tileloom compare`: one mapping under every cost model."""

from __future__ import annotations

from dataclasses import asdict

from tileloom.cli import options as o


def command(
    mapping: o.MappingFile,
    problem: o.ProblemSource,
    arch: o.Arch,
    size: o.Size = None,
    bind: o.Bind = None,
    bits: o.Bits = None,
    variables: o.Variables = None,
    json: o.Json = False,
) -> None:
    """Evaluate MAPPING under every cost model, and say which rule makes each differ from the literal one.

    A model that does not take it says why.
    """
    from tileloom import api
    from tileloom.cli.cost_view import print_differences, print_verdicts
    from tileloom.cli.show import emit_json
    from tileloom.explore.differences import differences
    from tileloom.explore.record import cost_record

    work, chip = o.read_problem_and_chip(problem, arch, size, bind, bits, variables)
    tree = o.read_mapping(mapping, work, chip)
    with o.naming(mapping):
        verdicts = api.compare(work, chip, tree)
    found = differences(work, chip, tree, [(v.model, v.cost) for v in verdicts if v.cost is not None])
    if json:
        rows = [{"model": v.model, "refusal": v.refusal, "cost": v.cost and cost_record(v.cost)} for v in verdicts]
        emit_json({"problem": work.name, "architecture": chip.name, "models": rows, "differences": list(map(asdict, found))})
    else:
        print_verdicts(verdicts)
        print_differences(found)
