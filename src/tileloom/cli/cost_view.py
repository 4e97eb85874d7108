"""One mapping's cost on a terminal: the loop nest, the totals and the energy by component and tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from tileloom.cli.show import make_table, print_table
from tileloom.core.units import ENERGY, common_unit, short

if TYPE_CHECKING:
    from tileloom.api import ModelVerdict
    from tileloom.cost.base import Cost
    from tileloom.explore.differences import Difference
    from tileloom.mapping.tree import MappingTree
    from tileloom.workload.problem import Problem


def print_cost(problem: Problem, mapping: MappingTree, cost: Cost) -> None:
    """The mapping as a loop nest, then what it costs and where."""
    from tileloom.mapping.text import to_text

    typer.echo(to_text(mapping, problem))
    typer.echo(f"\n{cost}\n")
    unit, scale = common_unit([cost.energy_pj], ENERGY)
    table = make_table("Energy", [("component", False), ("tensor", False), (unit, True), ("share", True)])
    for (component, tensor), energy in cost.energy_by("component", "tensor").items():
        table.add_row(component, tensor or "-", short(energy / scale), f"{energy / (cost.energy_pj or 1.0):.1%}")
    print_table(table)
    if cost.cycles_by_component:
        busy = make_table("Busy cycles", [("component", False), ("cycles", True), ("of all", True)])
        for component, cycles in cost.cycles_by_component:
            busy.add_row(component, short(cycles), f"{cycles / (cost.cycles or 1.0):.1%}")
        print_table(busy)
    if cost.overlapped_cycles is not None:
        typer.echo(
            f"with transfers overlapped: {short(cost.overlapped_cycles)} cycles, stalls for bandwidth included\n"
        )
    for line in cost.notes:
        typer.echo(f"note: {line}")


def print_verdicts(verdicts: Sequence[ModelVerdict]) -> None:
    """The models side by side; one that does not take the mapping says why."""
    unit, scale = common_unit([v.cost.energy_pj for v in verdicts if v.cost], ENERGY)
    heads = [("model", False), (unit, True), ("cycles", True), ("use", True), ("bottleneck", False)]
    table = make_table("Cost models", heads)
    for v in verdicts:
        if v.cost is not None:
            energy, use = short(v.cost.energy_pj / scale), f"{v.cost.utilization:.1%}"
            table.add_row(v.model, energy, short(v.cost.cycles), use, v.cost.bottleneck or "-")
        else:
            table.add_row(v.model, "-", "-", "-", "does not take it")
    print_table(table)
    for v in verdicts:
        if v.cost is None:
            typer.echo(f"{v.model}: {v.refusal}")


def print_differences(found: Sequence[Difference]) -> None:
    """What each model says otherwise than the literal one, and by which rule; nothing where all agree."""
    if not found:
        return
    heads = [("model", False), ("what", False), ("loopnest", True), ("this model", True), ("rule", False)]
    table = make_table("Where they differ, and why (energies in pJ)", heads)
    for d in found:
        table.add_row(d.model, d.what, short(d.base), short(d.other), d.rule)
    print_table(table)
