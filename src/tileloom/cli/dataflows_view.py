"""How `tileloom dataflows` reads its networks and shows its table."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tileloom.cli.show import make_table, note, print_table
from tileloom.core.errors import InputError
from tileloom.core.units import short
from tileloom.explore.maestro_study import Series, StudyTable, series_of_file, series_of_network

TEMPLATES = ("kcp_ws", "xp_ws", "rs")


def read_series(
    sources: Sequence[str], templates: Sequence[str] | None, pes: Sequence[int], bind: Mapping[str, int]
) -> list[Series]:
    """Every network with every template and number of PEs. templates: as typed; None for the usual ones.

    A .m file with dataflows of its own is shown with those, and with templates where they are typed.
    """
    from tileloom import api
    from tileloom.mapping.notation.maestro_reader import read_mapping

    found: list[Series] = []
    for source in sources:
        file = read_mapping(source) if source.endswith(".m") else None
        for warning in file.warnings if file is not None else ():
            note(f"warning: {warning}")
        if file is not None and any(layer.dataflow for layer in file.layers):
            found += [series_of_file(file, n) for n in pes]
            if templates is None:
                continue
        network = api.load_network(source, bind=bind)
        found += [series_of_network(network, t, n) for n in pes for t in templates or TEMPLATES]
    return found


def print_summary(found: StudyTable, bandwidth: int) -> None:
    """One line per network and dataflow at one bandwidth; cycles and energy of all runs of the layers that are not refused."""
    heads = [
        ("network", False), ("dataflow", False), ("PEs", True), ("layers", True), ("cycles", True), ("energy (mJ)", True), ("at work", True),
    ]  # fmt: skip
    table = make_table(f"{bandwidth} NoC elements per cycle", heads)
    refused: dict[tuple[str, str], int] = {}
    for network, label in found.refused_of:
        refused[network, label] = refused.get((network, label), 0) + 1
    groups: dict[tuple[str, str, int], list[tuple[float, float, float]]] = {}
    for r in found.rows:
        if r["noc_elements_per_cycle"] == bandwidth:
            cycles = float(r["runtime_cycles"] * r["count"])
            values = (cycles, r["energy_nj"] * r["count"] / 1e6, r["active_pes"] * cycles)
            groups.setdefault((r["network"], r["dataflow"], r["num_pes"]), []).append(values)
    for (network, dataflow, num_pes), rows in groups.items():
        cycles, energy, busy = (sum(column) for column in zip(*rows))
        missing = refused.pop((network, f"{dataflow}, {num_pes} PEs"), 0)
        marks = f"{len(rows)} of {len(rows) + missing}" if missing else str(len(rows))
        numbers = (short(cycles), short(energy), f"{busy / (cycles or 1):.1f}")
        table.add_row(network, dataflow, str(num_pes), marks, *numbers)
    for (network, label), missing in refused.items():
        dataflow, num_pes_told = label.rsplit(", ", 1)
        table.add_row(network, dataflow, num_pes_told.removesuffix(" PEs"), f"0 of {missing}", "-", "-", "-")
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
