"""Recomputes NeuroSpector's results: tables analyzed and refused, and the tables that its optimizers choose.

Rows are read in neurospector_rows.py, our numbers put into their columns in neurospector_columns.py. The rows hold nine
digits of single-precision numbers; ours are rounded to as many and must then be equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.core.errors import InputError, TileloomError
from tileloom.cost.models.neurospector.analysis import analyze, broken_rules
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, close
from tileloom.explore.conform.neurospector_columns import columns, kind_of
from tileloom.explore.conform.neurospector_rows import Inputs, Row, read_rows, unfinished
from tileloom.mapping.notation.neurospector import ROWS, SchedulingTable, read_table
from tileloom.search.neurospector.bottom_up import Chosen, Metric, Mode, bottom_up
from tileloom.search.neurospector.brute_force import brute_force
from tileloom.search.neurospector.cross_layer import Reused, across_layers
from tileloom.search.neurospector.multi_chip import Partition, partition
from tileloom.workload.frontends.neurospector import ConvLayer

DIGITS = 9
PRINTED_DIGITS = 6
"""Digits of the two multi-chip columns that are copied from the tool's screen."""


def conform_neurospector(
    reference: str | Path, limit: int | None = None, progress: Progress | None = None
) -> ConformReport:
    """Recomputes every row of a directory (at most `limit` rows), of whichever of its files are there.

    A row that cannot be recomputed is skipped with the reason and counts as not matched. Raises InputError for a
    directory without rows.
    """
    folder = Path(reference)
    rows, inputs = read_rows(folder)
    work = _Work(rows, inputs)
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, row in enumerate(rows[:limit], 1):
        try:
            checks.extend(work.checks(row))
        except (TileloomError, KeyError, ValueError) as error:
            reason = f"column {error} is missing" if isinstance(error, KeyError) else str(error).split("\n")[0]
            skipped.append(Skip(row.name, reason))
        if progress is not None:
            progress(row.name, done, len(rows[:limit]))
    lost = unfinished(folder)
    notes = (f"{lost} runs that NeuroSpector did not finish have no numbers to compare",) if lost else ()
    return ConformReport("neurospector", tuple(r.name for r in rows[:limit]), tuple(checks), tuple(skipped), notes)


class _Work:
    """Recomputes rows; runs that several rows belong to are done once."""

    def __init__(self, rows: tuple[Row, ...], inputs: Inputs) -> None:
        self.rows, self.inputs = rows, inputs
        self.partitions: dict[tuple[str, ...], Partition] = {}
        self.networks: dict[tuple[str, ...], tuple[Reused, ...]] = {}

    def checks(self, row: Row) -> Iterator[Check]:
        accelerator, layer = self.inputs.accelerator(row["accelerator"]), self.inputs.layer(row)
        dims = " ".join(map(str, layer.dims))
        if "params_after_group_division" in row.values:
            yield _same("layer", row, "K B P Q C R S G", row["params_after_group_division"], dims)
        if row.kind == "analyzer":
            yield from self._analyzed(row, accelerator, layer)
        elif row.kind == "cross-layer":
            yield from self._reused(row, accelerator)
        elif row.kind == "multi-chip":
            yield from self._partitioned(row, accelerator)
        else:
            optimize = bottom_up if row.kind == "bottom-up" else brute_force
            chosen = optimize(accelerator, layer, _metric(row), _mode(row), faithful=True)
            yield from _chosen(row, chosen)
            yield from _numbers(row, columns(chosen.accelerator, chosen.analysis))

    def _analyzed(self, row: Row, accelerator: Accelerator, layer: ConvLayer) -> Iterator[Check]:
        file = self.inputs.table_file(row["id"])
        if file is not None:
            named, table = read_table(file, accelerator, self.inputs.network(row["network"]))
            yield _same("table", row, "layer of the table file", layer.name, named.name)
            yield from _tables(row, table)
        broken = broken_rules(accelerator, layer, row.table, faithful=True)
        expected = "taken" if row["valid"] == "True" else "refused"
        yield _same(expected, row, "table", expected, "refused" if broken else "taken")
        if expected == "taken" and not broken:
            analysis = analyze(accelerator, layer, row.table, faithful=True)
            yield from _dataflows(row, accelerator)
            yield from _numbers(row, columns(accelerator, analysis))

    def _reused(self, row: Row, accelerator: Accelerator) -> Iterator[Check]:
        network = self.inputs.network(row["network"])
        key = tuple(row[c] for c in ("accelerator", "network", "metric", "dataflow_mode"))
        if key not in self.networks:
            self.networks[key] = across_layers(accelerator, network.layers, _metric(row), _mode(row), faithful=True)
        found = next(r for r in self.networks[key] if r.chosen.layer.name == row["layer"].lower())
        ours = dict(columns(found.chosen.accelerator, found.chosen.analysis))
        if row["cross_layer"] == "true":
            ours["total_dynamic_energy"], ours["total_energy"] = found.dynamic_pj, found.energy_pj
            ours["total_cycle"] = found.cycles
        yield from _chosen(row, found.chosen)
        yield from _numbers(row, ours)

    def _partitioned(self, row: Row, accelerator: Accelerator) -> Iterator[Check]:
        if row.run not in self.partitions:
            layers = self._together(row)
            self.partitions[row.run] = partition(accelerator, layers, _metric(row), faithful=True)
        found = self.partitions[row.run]
        chosen = next(c for c in found.layers if c.layer.name == row["layer"].lower())
        yield from _chosen(row, chosen)
        yield from _numbers(row, columns(chosen.accelerator, chosen.analysis))
        yield _number("partition", row, "best_partition_cost_printed", found.cost, PRINTED_DIGITS)
        yield _number("partition", row, "result_printed", found.printed_result, PRINTED_DIGITS)

    def _together(self, row: Row) -> list[ConvLayer]:
        """The layers of a run: by name when all of its rows are here, otherwise by their places in the network file."""
        network = self.inputs.network(row["network"])
        places = [int(place) for place in row["layers_together"].replace(",", " ").split()]
        names = list(dict.fromkeys(r["layer"] for r in self.rows if r.kind == row.kind and r.run == row.run))
        if len(names) == len(places):
            return [network.layer(name) for name in names]
        if max(places) > len(network.layers):
            raise InputError(f"layers {row['layers_together']} of {len(network.layers)} in network '{network.name}'")
        return [network.layers[place - 1] for place in places]


def _metric(row: Row) -> Metric:
    if row["metric"] not in ("energy", "cycle"):
        raise InputError(f"metric is '{row['metric']}'; expected energy or cycle")
    return "energy" if row["metric"] == "energy" else "cycle"


def _mode(row: Row) -> Mode:
    # As in the original, every other word means flexible.
    return "fixed" if row["dataflow_mode"] == "fixed" else "flexible"


def _chosen(row: Row, chosen: Chosen) -> Iterator[Check]:
    yield from _tables(row, chosen.table)
    if row.kind != "brute-force":
        yield _same("strategies", row, "strategies", row["strategies"], chosen.strategies)
    yield from _dataflows(row, chosen.accelerator)


def _tables(row: Row, ours: SchedulingTable) -> Iterator[Check]:
    wrong = [name for name, a, b in zip(ROWS, row.table.rows, ours.rows) if a != b]
    place = ROWS.index(wrong[0]) if wrong else len(ROWS) - 1
    expected, got = (" ".join(map(str, t.rows[place])) for t in (row.table, ours))
    yield Check("table", row.name, ROWS[place], not wrong, expected, got)


def _dataflows(row: Row, accelerator: Accelerator) -> Iterator[Check]:
    for column, buffer in (("lb_dataflow", accelerator.local_buffer), ("gb_dataflow", accelerator.global_buffer)):
        ours = (buffer.dataflow or "NONE") if buffer is not None else ""
        yield _same("dataflow", row, column, row[column] or ("NONE" if ours == "NONE" else ""), ours)


def _numbers(row: Row, ours: Mapping[str, float]) -> Iterator[Check]:
    for column, text in row.values.items():
        known = column in ours
        if text and known:
            yield _number(kind_of(column), row, column, ours[column], DIGITS)
        elif known and ours[column] and not text:
            yield Check(kind_of(column), row.name, column, False, "nothing", ours[column])


def _number(kind: str, row: Row, column: str, got: float, digits: int) -> Check:
    return close(kind, row.name, column, float(row[column]), float(f"{got:.{digits}g}"), 0.0)


def _same(kind: str, row: Row, what: str, expected: str, got: str) -> Check:
    return Check(kind, row.name, what, expected.lower() == got.lower(), expected, got)
