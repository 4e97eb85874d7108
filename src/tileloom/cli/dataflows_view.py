"""How `tileloom dataflows` reads its networks and shows its table."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tileloom.cli.show import make_table, print_table
from tileloom.core.errors import InputError
from tileloom.core.units import short
from tileloom.explore.maestro_study import Series, StudyTable, series_of_file, series_of_network


def read_series(
    sources: Sequence[str], templates: Sequence[str], pes: Sequence[int], bind: Mapping[str, int]
) -> list[Series]:
    """Every network with every template and number of PEs; a .m file with dataflows of its own only with those."""
    from tileloom import api
    from tileloom.mapping.notation.maestro_reader import read_mapping

    found: list[Series] = []
    for source in sources:
        file = read_mapping(source) if source.endswith(".m") else None
        if file is not None and any(layer.dataflow for layer in file.layers):
            found += [series_of_file(file, n) for n in pes]
            continue
        network = api.load_network(source, bind=bind)
        found += [series_of_network(network, t, n) for n in pes for t in templates]
    return found


def print_summary(found: StudyTable, bandwidth: int) -> None:
    """One line per network and dataflow at one bandwidth; cycles and energy of all runs."""
    heads = [
        ("network", False), ("dataflow", False), ("PEs", True), ("cycles", True), ("energy (mJ)", True), ("at work", True),
    ]  # fmt: skip
    table = make_table(f"{bandwidth} NoC elements per cycle", heads)
    groups: dict[tuple[str, str, int], list[tuple[float, float, float]]] = {}
    for r in found.rows:
        if r["noc_elements_per_cycle"] == bandwidth:
            cycles = float(r["runtime_cycles"] * r["count"])
            values = (cycles, r["energy_nj"] * r["count"] / 1e6, r["active_pes"] * cycles)
            groups.setdefault((r["network"], r["dataflow"], r["num_pes"]), []).append(values)
    for (network, dataflow, num_pes), rows in groups.items():
        cycles, energy, busy = (sum(column) for column in zip(*rows))
        table.add_row(network, dataflow, str(num_pes), short(cycles), short(energy), f"{busy / (cycles or 1):.1f}")
    print_table(table)


def give_table(found: StudyTable, path: Path) -> None:
    """Writes all rows as CSV or Parquet, by the ending; whole or not at all."""
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path}: give a table that ends in .csv or .parquet")
    frame = found.frame()
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    os.close(handle)
    try:
        if path.suffix == ".csv":
            frame.write_csv(temporary)
        else:
            frame.write_parquet(temporary)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
