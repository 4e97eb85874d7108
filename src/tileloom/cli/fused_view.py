"""A mapping of several problems on a terminal: every broken rule, and what it costs by problem, tensor and moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from tileloom.cli import options as o
from tileloom.cli.show import emit_json, make_table, print_table
from tileloom.core.errors import IllegalMappingError, UnsupportedError
from tileloom.core.units import ENERGY, common_unit, short

if TYPE_CHECKING:
    from tileloom.architecture.model import Architecture
    from tileloom.cost.fused import FusedCost
    from tileloom.explore.sources import FusedWork
    from tileloom.mapping.tree import MappingTree
    from tileloom.workload.problem import Problem


def check(
    source: str,
    tree: MappingTree,
    work: FusedWork,
    chip: Architecture,
    model: str,
    persistent: Sequence[str],
    json: bool,
) -> int:
    """Prints all diagnostics; the exit code."""
    from dataclasses import asdict

    from tileloom.mapping.fused_legality import check_fused

    _only_loopnest(model)
    found = check_fused(work.problems, chip, tree, persistent=persistent, joined=work.joined, aligned=work.aligned)
    errors = [d for d in found if d.severity == "error"]
    if json:
        emit_json({"legal": not errors, "diagnostics": [asdict(d) | {"text": str(d)} for d in found]})
        return 1 if errors else 0
    for diagnostic in found:
        typer.echo(f"{source}: {diagnostic}")
    names = ", ".join(p.name for p in work.problems)
    many = f"{len(errors)} broken rule{'s' if len(errors) > 1 else ''}"
    typer.echo(many if errors else f"legal: {names} on {chip.name}")
    return 1 if errors else 0


def evaluate(
    source: str,
    tree: MappingTree,
    work: FusedWork,
    chip: Architecture,
    model: str,
    persistent: Sequence[str],
    json: bool,
) -> None:
    """Prints the cost. Raises InputError with every broken rule of an illegal mapping."""
    from tileloom.cost.fused import fused_cost
    from tileloom.explore.fused_record import cost_record
    from tileloom.mapping.fused_legality import check_fused

    _only_loopnest(model)
    found = check_fused(work.problems, chip, tree, persistent=persistent, joined=work.joined, aligned=work.aligned)
    errors = [d for d in found if d.severity == "error"]
    with o.naming(source):
        if errors:
            raise IllegalMappingError(errors)
    chips = dict.fromkeys((p.name for p in work.problems), chip)
    cost = fused_cost(work.problems, chips, tree, persistent=frozenset(persistent), joined=work.joined)
    warnings = [str(d) for d in found]
    if json:
        emit_json({"architecture": chip.name, **cost_record(cost, chip), "warnings": warnings})
    else:
        _print(work.problems, tree, cost, chip)
        for line in warnings:
            typer.echo(f"note: {line}")


def _only_loopnest(model: str) -> None:
    if model.partition(":")[0] != "loopnest":
        raise UnsupportedError(f"model '{model}' takes one problem at a time; fused mappings are costed by 'loopnest'")


def _print(problems: Sequence[Problem], tree: MappingTree, cost: FusedCost, chip: Architecture) -> None:
    from tileloom.mapping.text import to_text

    typer.echo(to_text(tree, problems))
    typer.echo(f"\n{cost}\n")
    unit, scale = common_unit([cost.energy_pj], ENERGY)
    by_problem = cost.energy_by("problem")
    heads = [("problem", False), (unit, True), ("share", True), ("cycles alone", True), ("bottleneck", False)]
    table = make_table("Problems", heads)
    for (name, own), n in zip(cost.costs, cost.counts):
        energy = by_problem.get((name,), 0.0)
        share = f"{energy / (cost.energy_pj or 1.0):.1%}"
        table.add_row(name, short(energy / scale), share, short(own.cycles * n), own.bottleneck or "-")
    print_table(table)
    table = make_table("Energy", [("component", False), ("tensor", False), (unit, True), ("share", True)])
    for (component, tensor), energy in cost.energy_by("component", "tensor").items():
        table.add_row(component, tensor or "-", short(energy / scale), f"{energy / (cost.energy_pj or 1.0):.1%}")
    print_table(table)
    for memory in chip.memories:
        if memory.capacity_bits is None:
            continue
        title = f"{memory.name}: bits held, of {memory.capacity_bits}"
        table = make_table(title, [("while", False), ("bits", True), ("what", False)])
        for moment in cost.moments:
            rows = [r for r in moment.alive if r.memory == memory.name and r.bits]
            what = ", ".join(f"{r.tensor}{f' of {r.owner}' if r.owner else ''} {r.bits}" for r in rows)
            table.add_row(moment.problem, str(moment.bits(memory.name)), what or "-")
        print_table(table)
