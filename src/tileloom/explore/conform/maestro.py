"""Recomputes MAESTRO's results: every column of its CSV files and screen reports, its logs, and what it refuses.

Files are found in maestro_rows.py, logs read in maestro_log.py. Whole numbers must be equal, reals agree to 1e-9; nan
and the number that C++ prints for an undefined average count as the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path

from tileloom.core.errors import InputError
from tileloom.cost.models.maestro.columns import Row as Columns
from tileloom.cost.models.maestro.columns import csv_rows, screen
from tileloom.cost.models.maestro.engine import Step
from tileloom.cost.models.maestro.evaluate import evaluate_layer, evaluate_layers
from tileloom.cost.models.maestro.layer import couplings
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, close
from tileloom.explore.conform.maestro_log import LogCase, log_cases
from tileloom.explore.conform.maestro_rows import Failure, Log, Reference, Row, read_reference
from tileloom.mapping.notation.maestro_reader import parse_mapping

TOLERANCE = 1e-9
_UNDEFINED = "-9223372036854775808"


def conform_maestro(reference: str | Path, limit: int | None = None, progress: Progress | None = None) -> ConformReport:
    """Recomputes every row of a directory (at most `limit` rows).

    The directory holds CSV files of results, `*_failures.csv`, mapping files (`*.m`, or many in `*_mappings.txt`), and
    configs.json or hw/*.m. A row that cannot be recomputed is skipped with the reason and counts as not matched.
    Raises InputError for a directory without rows.
    """
    known = read_reference(Path(reference))
    rows = known.rows[:limit]
    checks: list[Check] = []
    skipped: list[Skip] = []
    runs: dict[str, tuple[Columns, ...] | str] = {}
    for done, row in enumerate(rows, 1):
        if isinstance(row, Row):
            # Rows of a run stand together; one run at a time is remembered.
            if row.group not in runs:
                runs = {row.group: _run(known, row)}
            ours = runs[row.group]
            if isinstance(ours, str):
                skipped.append(Skip(row.name, ours))
            elif row.index >= len(ours):
                skipped.append(Skip(row.name, f"{row.mapping_file} has only {len(ours)} layers"))
            else:
                checks += _numbers(row, ours[row.index])
        else:
            found = _refused(known, row) if isinstance(row, Failure) else _log(known, row)
            checks += found if isinstance(found, list) else []
            skipped += [found] if isinstance(found, Skip) else []
        if progress is not None:
            progress(row.name, done, len(rows))
    return ConformReport("maestro", tuple(r.name for r in rows), tuple(checks), tuple(skipped))


def _run(known: Reference, row: Row) -> tuple[Columns, ...] | str:
    """The columns of all layers of the row's mapping file, or why there are none."""
    if isinstance(row.hardware, str):
        return row.hardware
    if row.mapping_file not in known.mappings:
        return f"no mapping file {row.mapping_file}"
    try:
        file = parse_mapping(known.mappings[row.mapping_file], row.mapping_file, faithful=True)
        layers = evaluate_layers(file.layers, row.hardware)
    except InputError as error:
        return str(error).split("\n")[0]
    csv = csv_rows(file.network, layers)
    return tuple(
        {f"csv:{k}": v for k, v in columns.items()} | {f"screen:{k}": v for k, v in screen(layer).items()}
        for columns, layer in zip(csv, layers)
    )


def _numbers(row: Row, ours: Columns) -> Iterator[Check]:
    for column, expected in row.numbers.items():
        kind, what = column.split(":", 1)
        name = {"csv": "CSV columns", "screen": "screen report"}[kind]
        if column not in ours:
            yield Check(name, row.name, what, False, expected, "no such column")
            continue
        yield _number(name, row.name, what, expected, ours[column])


def _number(kind: str, row: str, what: str, expected: str, got: float | str) -> Check:
    if isinstance(got, str):
        return Check(kind, row, what, expected == got, expected, got)
    try:
        number = float(expected)
    except ValueError:
        return Check(kind, row, what, False, expected, got)
    if isnan(got):
        return Check(kind, row, what, isnan(number) or expected == _UNDEFINED, expected, "nan")
    # Python holds these as whole numbers, and the original prints them as such.
    whole = isinstance(got, int) and expected.lstrip("-").isdigit()
    return close(kind, row, what, int(expected) if whole else number, got, 0.0 if whole else TOLERANCE)


def _refused(known: Reference, row: Failure) -> list[Check] | Skip:
    if isinstance(row.hardware, str):
        return Skip(row.name, row.hardware)
    if row.mapping_file not in known.mappings:
        return Skip(row.name, f"no mapping file {row.mapping_file}")
    expected = f"refused (exit status {row.exit_status})"
    try:
        file = parse_mapping(known.mappings[row.mapping_file], row.mapping_file, faithful=True)
        evaluate_layers(file.layers, row.hardware)
    except InputError as error:
        return [Check("refusals", row.name, "verdict", bool(str(error)), expected, str(error).split("\n")[0])]
    return [Check("refusals", row.name, "verdict", False, expected, "evaluated")]


def _log(known: Reference, row: Log) -> list[Check] | Skip:
    if row.mapping_file not in known.mappings:
        return Skip(row.name, f"no mapping file {row.mapping_file}")
    steps: list[Step] = []
    try:
        file = parse_mapping(known.mappings[row.mapping_file], row.mapping_file, faithful=True)
        for layer, coupling in zip(file.layers, couplings(file.layers)):
            evaluate_layer(layer, row.hardware, coupling, trace=steps.append)
    except InputError as error:
        return Skip(row.name, str(error).split("\n")[0])
    # The log shows two levels only.
    return list(_cases(row.name, list(log_cases(row.text)), [_as_case(s) for s in steps if s.depth < 2]))


def _cases(row: str, expected: Sequence[LogCase], ours: Sequence[LogCase]) -> Iterator[Check]:
    yield close("log", row, "number of cases", len(expected), len(ours), 0.0)
    for number, (theirs, own) in enumerate(zip(expected, ours)):
        for key, value in theirs.items():
            got = own.get(key, "nothing")
            yield Check("log", row, f"case {number}: {key}", value == got, str(value), str(got))


def _as_case(step: Step) -> LogCase:
    names = {0: "Init", 1: "Steady", 2: "Edge"}
    states = " ".join(f"{dim}:{names[s.position]}" for dim, s in sorted(step.case.by_dim.items()))
    case: LogCase = {"level": step.depth, "case": step.number, "states": states, "occurrences": step.case.count}
    case |= {"egress": step.egress, "macs": step.macs}
    if step.compute_cycles is not None:
        case |= {"ingress input": step.ingress[0], "ingress filter": step.ingress[1], "cycles": step.cycles}
        case |= {"ingress cycles": step.ingress_cycles, "egress cycles": step.egress_cycles}
        case["compute cycles"] = step.compute_cycles
    return case
