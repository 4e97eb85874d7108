"""Recomputes AccelForge's results: the same mappings evaluated, refused ones refused, and the same optima proved.

Rows are read in accelforge_rows.py, our numbers are put into their columns in accelforge_columns.py. AccelForge adds in
single precision, so numbers are compared to 1e-6 and whole ones after rounding to single precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from struct import pack, unpack

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.accelforge import (
    CLOCK_HZ,
    PICOJOULES,
    AccelforgeArchitecture,
    ComponentNumbers,
    read_architecture,
)
from tileloom.core.errors import TileloomError
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.explore.conform.accelforge_columns import Evaluation, columns, numbers_of_row, unit_numbers
from tileloom.explore.conform.accelforge_rows import Evaluated, ReferenceRow, Unread, read_rows
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, close, relative_error
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.accelforge import chain_of, import_nodes, storage_orders
from tileloom.mapping.residency import reservations
from tileloom.mapping.tree import MappingTree
from tileloom.search.objective import Objective
from tileloom.workload.frontends.accelforge import AccelforgeEinsum, AccelforgeWorkload, read_workload
from tileloom.workload.problem import Problem

TOLERANCE = 1e-6
MAX_ORDERS = 500
"""Orders of printed Storage nodes that are tried per mapping."""
_KINDS = {"action": "access counts", "energy": "energy", "latency": "latency", "usage": "usage"}
BETTER = "below the tool's best"
_IGNORED = ("Total|energy_delay_product",)
"""AccelForge multiplies in 64-bit integers where costs are whole, which overflows; recomputed as energy * latency."""


def conform_accelforge(
    reference: str | Path, limit: int | None = None, progress: Progress | None = None
) -> ConformReport:
    """Recomputes every row of a directory (at most `limit` rows).

    The directory holds JSON files of rows and the input files in arch/ and workload/. A row that cannot be recomputed
    is skipped with the reason and counts as not matched. Raises InputError for a directory without rows.
    """
    rows = read_rows(Path(reference))[:limit]
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, row in enumerate(rows, 1):
        if isinstance(row, Unread):
            skipped.append(Skip(row.name, row.reason))
        else:
            try:
                checks.extend(_row_checks(row))
            except TileloomError as error:
                skipped.append(Skip(row.name, str(error).split("\n")[0]))
        if progress is not None:
            progress(row.name, done, len(rows))
    return ConformReport("accelforge", tuple(r.name for r in rows), tuple(checks), tuple(skipped), _notes(rows, checks))


def _notes(rows: tuple[ReferenceRow | Unread, ...], checks: list[Check]) -> tuple[str, ...]:
    notes = []
    names = [r.name for r in rows if isinstance(r, ReferenceRow) and _needs_numbers(r)]
    if names:
        notes.append(f"energies, leakage and throughputs of component classes come from the row: {', '.join(names)}")
    for c in checks:
        if c.kind.startswith(BETTER) and isinstance(c.expected, float) and isinstance(c.got, float):
            share = 1 - c.got / c.expected
            notes.append(
                f"{c.row}: a mapping legal by the tool's rules has {c.what} {c.got:.9g}, {share:.2%} below the best that "
                f"its own search found ({c.expected:.9g}); counted as matched"
            )
    return tuple(notes)


def _needs_numbers(row: ReferenceRow) -> bool:
    try:
        return bool(read_architecture(row.arch, row.variables).components_without_numbers())
    except TileloomError:
        return False


@dataclass(frozen=True)
class _Case:
    """A row's inputs, read."""

    row: ReferenceRow
    architecture: AccelforgeArchitecture
    workload: AccelforgeWorkload
    einsums: tuple[AccelforgeEinsum, ...]

    def resolve(self, einsum: AccelforgeEinsum, numbers: Mapping[str, ComponentNumbers]) -> Architecture:
        return self.architecture.resolve(einsum, components=numbers, min_usage=self.row.min_usage)


def _row_checks(row: ReferenceRow) -> Iterator[Check]:
    workload = read_workload(row.workload, row.variables)
    einsums = tuple(workload.einsum(n) for n in row.einsums) if row.einsums else workload.einsums
    case = _Case(row, read_architecture(row.arch, row.variables), workload, einsums)
    if not row.accepted:
        yield _refused(case)
        return
    numbers: Mapping[str, ComponentNumbers] = {}
    for evaluated in row.mappings:
        numbers = _component_numbers(case, evaluated)
        evaluations = _in_stated_order(_evaluate(case, evaluated, numbers), evaluated.numbers)
        yield _accepted(case, evaluations)
        yield from _column_checks(case, evaluated, columns(evaluations))
        if row.occupancy:
            yield from _occupancy_checks(case, evaluations)
    if row.objectives:
        yield from _optimum_checks(case, numbers)


def _evaluate(case: _Case, evaluated: Evaluated, numbers: Mapping[str, ComponentNumbers]) -> tuple[Evaluation, ...]:
    tree = import_nodes(evaluated.nodes, case.row.name)
    model = LoopnestModel(faithful_accelforge=True)
    found = []
    for einsum in case.einsums:
        architecture = case.resolve(einsum, numbers)
        chain = chain_of(tree, einsum.problem)
        found.append(Evaluation(einsum, architecture, chain, model.evaluate(einsum.problem, architecture, chain)))
    return tuple(found)


def _in_stated_order(evaluations: tuple[Evaluation, ...], given: Mapping[str, float]) -> tuple[Evaluation, ...]:
    """Each einsum with its joint Storage nodes taken apart in the order that gives the row's occupancies, if one does.

    A row prints neighbouring Storage nodes of one memory as one node with its tensors sorted, but the tool counted them
    one above the other, and only the lowest can sink into the loops below.
    """
    return tuple(next((e for e in _orders(evaluation) if _fills(e, given)), evaluation) for evaluation in evaluations)


def _orders(evaluation: Evaluation) -> Iterator[Evaluation]:
    yield evaluation
    problem, architecture = evaluation.einsum.problem, evaluation.architecture
    model = LoopnestModel(faithful_accelforge=True)
    for mapping in islice(storage_orders(evaluation.mapping), MAX_ORDERS):
        yield replace(evaluation, mapping=mapping, cost=model.evaluate(problem, architecture, mapping))


def _fills(evaluation: Evaluation, given: Mapping[str, float]) -> bool:
    ours = columns([evaluation])
    mine = f"{evaluation.einsum.name}|usage|memory|"
    return all(relative_error(v, ours.get(k, 0.0)) <= TOLERANCE for k, v in given.items() if k.startswith(mine))


def _component_numbers(case: _Case, evaluated: Evaluated) -> Mapping[str, ComponentNumbers]:
    names = case.architecture.components_without_numbers()
    if not names:
        return {}
    plain = _evaluate(case, evaluated, unit_numbers(case.architecture))
    return numbers_of_row(evaluated.numbers, columns(plain), names, plain[0].architecture)


def _column_checks(case: _Case, evaluated: Evaluated, ours: Mapping[str, float]) -> Iterator[Check]:
    row = case.row.name
    theirs = {k: v for k, v in evaluated.numbers.items() if k not in _IGNORED}
    for key, expected in theirs.items():
        got = ours.get(key, 0.0)
        if "|action|" in key:
            yield _whole("access counts", row, key, expected, got)
        else:
            yield close(_kind(key), row, key, expected, got, TOLERANCE)
    for key, got in ours.items():
        if key not in theirs and got and ("|action|" in key or "|energy|" in key):
            yield close(_kind(key), row, key, 0.0, got, TOLERANCE)


def _kind(key: str) -> str:
    parts = key.split("|")
    if parts[0] == "Total":
        return f"total {'latency' if parts[1] == 'latency' else 'energy'}"
    if parts[0] == "reservation":
        return "occupancy"
    if parts[1] == "usage":
        return "occupancy" if parts[2] == "memory" else "spatial use"
    return _KINDS.get(parts[1], parts[1])


def _whole(kind: str, row: str, what: str, expected: float, got: float) -> Check:
    """Equal after rounding to single precision; sums above 2**24 were rounded on the way and agree to 1e-6."""
    if expected == got or unpack("f", pack("f", got))[0] == expected:
        return Check(kind, row, what, True, expected, got, 0.0)
    error = relative_error(expected, got)
    ok = abs(expected) > 2**24 and error <= TOLERANCE
    return Check(kind, row, what, ok, expected, got, error)


def _occupancy_checks(case: _Case, evaluations: tuple[Evaluation, ...]) -> Iterator[Check]:
    for memory, expected in case.row.occupancy:
        got = max(sum(o.bits for o in e.cost.occupancy if o.memory == memory) for e in evaluations)
        yield close("occupancy", case.row.name, f"{memory} bits", expected, got, 0.0)


def _accepted(case: _Case, evaluations: tuple[Evaluation, ...]) -> Check:
    # A copy that stays in one memory moves nothing, so the rules about what lies below do not bind it.
    moving = [e for e in evaluations if not e.einsum.problem.copy]
    reasons = [r for e in moving for r in _broken(e.einsum.problem, e.architecture, e.mapping)]
    return Check("accepted", case.row.name, "mapping", not reasons, "accepted", reasons[0] if reasons else "accepted")


def _refused(case: _Case) -> Check:
    """A mapping that the tool refuses must break a rule of ours, or not be readable as a mapping of the einsum."""
    try:
        tree = import_nodes(case.row.mappings[0].nodes, case.row.name)
        reasons = [
            reason
            for einsum in case.einsums
            for reason in _broken(einsum.problem, case.resolve(einsum, unit_numbers(case.architecture)),
                                  chain_of(tree, einsum.problem))
        ]  # fmt: skip
    except TileloomError as error:
        reasons = [str(error).split("\n")[0]]
    return Check("refused", case.row.name, "mapping", bool(reasons), "refused", reasons[0] if reasons else "accepted")


def _broken(problem: Problem, architecture: Architecture, mapping: MappingTree) -> list[str]:
    """Rules broken. Space is judged by AccelForge's own occupancy, and a share of a fanout left idle breaks nothing."""
    lenient = [
        str(d)
        for d in check_mapping(problem, architecture, mapping)
        if d.severity == "error" and d.code not in ("E-CAP", "E-UTIL")
    ]
    used: dict[str, int] = {}
    for memory, _, bits in reservations(problem, architecture, mapping, faithful_accelforge=True):
        used[memory] = used.get(memory, 0) + bits
    for memory, bits in used.items():
        capacity = architecture.memory(memory).capacity_bits
        if capacity is not None and bits > capacity:
            lenient.append(f"{memory} holds {bits} bits of {capacity}")
    return lenient


def _optimum_checks(case: _Case, numbers: Mapping[str, ComponentNumbers]) -> Iterator[Check]:
    """Our proved optimum of the row's metric against the best of its mappings."""
    from tileloom.explore.conform.accelforge_optimum import best_point, best_points

    work = [(e, case.resolve(e, numbers)) for e in case.einsums]
    theirs = [(m.numbers["Total|energy"], m.numbers["Total|latency"]) for m in case.row.mappings]
    name = case.row.name
    if len(case.row.objectives) > 1:
        points = [(e / PICOJOULES, c / CLOCK_HZ) for e, c in best_points(work)]
        for energy, latency in theirs:
            reached = any(e <= energy * (1 + TOLERANCE) and t <= latency * (1 + TOLERANCE) for e, t in points)
            yield Check("optimum", name, "Pareto point reached", reached, f"{energy} J, {latency} s", str(reached))
        for e, t in points:
            known = any(energy <= e * (1 + TOLERANCE) and latency <= t * (1 + TOLERANCE) for energy, latency in theirs)
            yield Check("optimum", name, "Pareto point known", known, f"{e} J, {t} s", str(known))
        return
    objective = case.row.objectives[0]
    best = best_point(work, objective)
    expected = min(_value(e, t, objective) for e, t in theirs)
    got = _value(best.energy_pj / PICOJOULES, best.cycles / CLOCK_HZ, objective)
    broken = [r for e, a, m in best.mappings for r in _broken(e.problem, a, m)]
    if got < expected * (1 - TOLERANCE) and best.mappings and not broken:
        # The row holds what the tool's search found; a legal mapping below it shows that search was not exact.
        yield Check(f"{BETTER} ({objective})", name, objective, True, expected, got)
    else:
        yield close(f"optimum ({objective})", name, objective, expected, got, TOLERANCE)
    yield Check("proof", name, "status", best.proved, "optimal", "optimal" if best.proved else "not proved")


def _value(energy: float, latency: float, objective: Objective) -> float:
    return energy if objective == "energy" else latency if objective == "latency" else energy * latency
