"""An imported network on a terminal: distinct problems, operations without arithmetic, and what was skipped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer

from tileloom.cli.show import make_table, note, print_table, shorten
from tileloom.core.units import COUNT, common_unit, short

if TYPE_CHECKING:
    from tileloom.workload.network import Network


def print_import(network: Network) -> None:
    """One row per distinct problem; skipped nodes go to standard error with their reasons."""
    unit, scale = common_unit([d.problem.macs * d.count for d in network.problems], COUNT, at_least=10)
    heads = [("layer", False), ("operation", False), ("runs", True), (f"{unit}MACs", True), ("sizes", False)]
    table = make_table(f"{network.name}: {len(network.layers)} layers, {len(network.problems)} distinct", heads)
    for d in network.problems:
        sizes = " ".join(f"{n}={e}" for n, e in d.problem.extents.items())
        macs = short(d.problem.macs * d.count / scale)
        table.add_row(shorten(d.problem.name, 26), d.problem.op, str(d.count), macs, sizes)
    table.add_section()
    table.add_row(
        "total", "", str(sum(d.count for d in network.problems)), short(network.macs / scale), "", style="bold"
    )
    print_table(table)
    if network.vector_ops:
        kinds = Counter(v.operator for v in network.vector_ops)
        typer.echo("Without multiply-accumulates: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))
    for s in network.skipped:
        note(f"skipped {s.node} ({s.operator}): {s.reason}")
