"""What `tileloom map` reads from its arguments and prints of its result. The mapping itself is done by the API."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from tileloom.cli.options import plain_pairs, sizes
from tileloom.cli.show import make_table, note, print_table, shorten
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.units import COUNT, ENERGY, common_unit, short
from tileloom.search.objective import SearchResult

if TYPE_CHECKING:
    from pathlib import Path

    from tileloom.architecture.model import Architecture
    from tileloom.mapping.constraints import Constraints
    from tileloom.search.network import LayerResult, NetworkResult
    from tileloom.workload.network import Network

MARKS = {"optimal": "[green]✓[/] optimal", "feasible": "[yellow]~[/] feasible", "infeasible": "[red]✗ infeasible[/]"}
NAME_WIDTH = 28


def load_workload(
    source: str,
    bind: Sequence[str] | None,
    size: Sequence[str] | None,
    bits: int | None,
    variables: Mapping[str, object],
) -> Network:
    """The network to map; `--size` does for an einsum what `--bind` does for a file."""
    from tileloom import api

    given = sizes("--bind", bind) | sizes("--size", size)
    return api.load_network(source, bind=given, bits=bits, variables=variables)


def command_line() -> str:
    """The command as it was typed, without the place of the program."""
    return shlex.join(["tileloom", *sys.argv[1:]])


def choose_layers(network: Network, names: Sequence[str] | None) -> Network:
    """The network with only these layers. InputError names every layer that does not exist."""
    if not names:
        return network
    known = [layer.name for layer in network.layers]
    wrong = [f"network '{network.name}' has no layer '{n}'{did_you_mean(n, known)}" for n in names if n not in known]
    if wrong:
        listed = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
        raise InputError([*wrong, f"its layers are: {listed} ('tileloom import' lists them all)"])
    return replace(network, layers=tuple(layer for layer in network.layers if layer.name in names))


def rewritten(network: Network, name: str, chip: Architecture, model: str, mapper: str) -> Network:
    """The network computed by an algorithm; 'auto' rewrites what model and mapper refuse. Says what the moves cost."""
    from tileloom.cost.rewrite import rewrite_cost
    from tileloom.search.auto_rewrite import rewrite_refused
    from tileloom.workload.rewrite.network import rewrite_network

    found = rewrite_refused(network, chip, model, mapper) if name == "auto" else rewrite_network(network, name)
    counts = {d.problem.signature: d.count for d in network.problems}
    changed = [r for r in found.rewrites if r.algorithm != "native"]
    costs = [(counts[r.native.signature], rewrite_cost(r, chip)) for r in changed]
    energy, cycles = sum(n * c.energy_pj for n, c in costs), sum(n * c.cycles for n, c in costs)
    labels = ", ".join(dict.fromkeys(r.label for r in changed)) or "nothing"
    note(f"Rewritten with {labels}: {len(changed)} of {len(counts)} distinct layers")
    if any(r.moves for r in changed):
        note(f"Not in the table: moving their data takes {energy:g} pJ and {cycles:g} cycles over all runs")
    for layer, why in found.kept:
        note(f"{layer} stays native: {why}")
    return found.network


def mapper_options(flags: Mapping[str, Any], others: Sequence[str] | None) -> dict[str, Any]:
    """Options of the mapper: the flags that were given, and NAME=VALUE with numbers and true/false understood."""
    given = {name: value for name, value in flags.items() if value is not None}
    return given | {name.replace("-", "_"): value for name, value in plain_pairs("--option", others).items()}


def read_rules(files: Sequence[Path], network: Network, chip: Architecture) -> Constraints:
    """All constraint files at once. InputError for contradictions and for dims that no layer has."""
    from tileloom.mapping.constraints_file import read_constraints

    rules = read_constraints(files, chip, tell=note)
    known = {d for entry in network.problems for d in entry.problem.extents}
    named = {d for d, _ in rules.full_at} | {t.dim for t in rules.tiles} | rules.no_spatial
    named |= {d for r in rules.orders for d in (*r.outer, *r.inner)} | {
        d for a in rules.axes for d in (*a.dims, *a.not_dims)
    }
    wrong = [f"constraints: no layer has a dim '{d}'{did_you_mean(d, known)}" for d in sorted(named - known)]
    if wrong:
        raise InputError(wrong)
    return rules


def print_network(result: NetworkResult, *, explain: bool) -> None:
    """One row per distinct layer, a line of totals, and what was not mapped because it has nothing to map."""
    runs = [r.distinct.count for r in result.layers]
    energies = [r.result.cost.energy_pj * r.distinct.count for r in result.layers if r.result.cost is not None]
    energy_unit, energy_scale = common_unit(energies, ENERGY)
    macs = [r.distinct.problem.macs * r.distinct.count for r in result.layers]
    macs_unit, macs_scale = common_unit(macs, COUNT, at_least=10)
    missing = any(r.result.cost is None for r in result.layers)
    heads = ["layer", "runs", f"{macs_unit}MACs", energy_unit, "cycles", "use", "bottleneck", "status", "s"]
    table = make_table(
        f"{result.network.name} on {result.architecture.name}, {result.objective}",
        [(h, h not in ("layer", "bottleneck", "status")) for h in heads],
        "MACs, energy and cycles of a row are of all its runs."
        + (" The total's energy and cycles leave out layers without a mapping." if missing else ""),
    )
    for r in result.layers:
        table.add_row(*_row(r, energy_scale, macs_scale))
    table.add_section()
    without = sum(r.result.cost is None for r in result.layers)
    none = without == len(result.layers)
    table.add_row(
        f"total without {without}" if without and not none else "total",
        str(sum(runs)),
        short(result.network.macs / macs_scale),
        "-" if none else short(result.energy_pj / energy_scale),
        "-" if none else short(result.cycles),
        "-" if none else f"{_use(result):.0%}",
        "",
        _proof(result),
        short(result.seconds),
        style="bold",
    )
    print_table(table)
    if result.network.vector_ops:
        kinds = Counter(v.operator for v in result.network.vector_ops)
        listed = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
        typer.echo(f"Without multiply-accumulates, not mapped: {listed}.")
    if any(r.result.front for r in result.layers):
        _print_fronts(result)
    if explain:
        _print_explanations(result)


def _print_fronts(result: NetworkResult) -> None:
    """Every trade-off of one run of each layer; the chosen ones, which the first table shows, are marked."""
    unit, scale = common_unit([c.energy_pj for r in result.layers for _, c in r.result.front], ENERGY)
    heads = [("layer", False), ("no.", True), (unit, True), ("cycles", True), ("", False)]
    table = make_table("Energy against latency", heads, "Of one run; no mapping is better in both.")
    for r in result.layers:
        name = _plain(shorten(r.distinct.problem.name, NAME_WIDTH))
        for number, (mapping, cost) in enumerate(r.result.front, start=1):
            chosen = f"chosen: least {result.objective}" if mapping == r.result.mapping else ""
            first = name if number == 1 else ""
            table.add_row(first, str(number), f"{cost.energy_pj / scale:.6g}", short(cost.cycles), chosen)
    print_table(table)


def _row(r: LayerResult, energy_scale: float, macs_scale: float) -> tuple[str, ...]:
    count, cost = r.distinct.count, r.result.cost
    name, macs = shorten(r.distinct.problem.name, NAME_WIDTH), short(r.distinct.problem.macs * count / macs_scale)
    found = ("-", "-", "-", "-")
    if cost is not None:
        energy, cycles = short(cost.energy_pj * count / energy_scale), short(cost.cycles * count)
        found = (energy, cycles, f"{cost.utilization:.0%}", shorten(cost.bottleneck, 14))
    return (_plain(name), str(count), macs, *found[:3], _plain(found[3]), _status(r.result), short(r.result.seconds))


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _status(result: SearchResult) -> str:
    if result.status in MARKS:
        return MARKS[result.status]
    if result.cost is None:
        return "[red]… nothing found[/]"
    return f"[yellow]…[/] within {result.gap:.1%}" if result.lower_bound > 0 else "[yellow]…[/] stopped"


def _use(result: NetworkResult) -> float:
    """Mean over time of the mapped layers' utilisation."""
    mapped = [(r.result.cost, r.distinct.count) for r in result.layers if r.result.cost is not None]
    return sum(c.utilization * c.cycles * n for c, n in mapped) / (result.cycles or 1.0)


def _proof(result: NetworkResult) -> str:
    proven = sum(r.result.status == "optimal" for r in result.layers)
    return f"{proven}/{len(result.layers)} proven"


def _print_explanations(result: NetworkResult) -> None:
    for r in result.layers:
        s = r.result
        typer.echo(f"\n{r.distinct.problem}")
        if s.mapping is not None:
            from tileloom.mapping.text import to_text

            typer.echo(to_text(s.mapping, r.distinct.problem, s.cost))
        typer.echo(f"  {s.evaluated:,} mappings evaluated of {s.space_size:,}; lower bound {s.lower_bound:.6g}")
        for what, count in s.explain:
            typer.echo(f"  {count:>16,}  {what}")


def say_what_is_missing(result: NetworkResult) -> int:
    """Name on standard error what was skipped or fits nowhere, each reason once; 1 when there is any, else 0."""
    for s in result.network.skipped:
        note(f"skipped {s.node} ({s.operator}): {s.reason}")
    unmapped = [r for r in result.layers if r.result.cost is None]
    layers: dict[tuple[str, str], list[str]] = {}
    for r in unmapped:
        reasons = "; ".join(r.result.reasons) or "no mapping was found"
        layers.setdefault((r.result.status, reasons), []).append(r.distinct.problem.name)
    for (status, reasons), names in layers.items():
        note(f"{status} {', '.join(names)}: {reasons}")
    return 1 if unmapped or result.network.skipped else 0
