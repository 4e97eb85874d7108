"""Recomputes reference data in the form of the Union study: problems, contractions, layers and mappings.

A directory may hold any part of it. Each kind of row is one function in `KINDS` that lists rows from the directory;
what a kind checks lies in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tileloom.core.errors import InputError, TileloomError
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip
from tileloom.explore.conform.union_mappings import mapping_files, printed_figures
from tileloom.explore.conform.union_problems import contractions, imported_files, layers
from tileloom.explore.conform.union_row import UnionRow
from tileloom.explore.conform.union_two_tools import two_tools

KINDS: tuple[Callable[[Path], Iterable[UnionRow]], ...] = (
    imported_files, contractions, layers, printed_figures, mapping_files, two_tools,
)  # fmt: skip


def conform_union(reference: str | Path, limit: int | None = None, progress: Progress | None = None) -> ConformReport:
    """Recomputes every row of a directory (at most `limit` rows), of whichever parts are there.

    A row that cannot be recomputed is skipped with the reason and counts as not matched. Raises InputError for a
    directory without rows.
    """
    folder = Path(reference)
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no directory; give one with expected_problems.json, mlir/, onnx/, contractions.csv"
        )
    rows = [row for kind in KINDS for row in kind(folder)][:limit]
    if not rows:
        raise InputError(f"{folder}: no row of a known form; expected expected_problems.json with mlir/, or a table")
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, row in enumerate(rows, 1):
        try:
            checks.extend(row.checks())
        except (TileloomError, KeyError, ValueError) as error:
            reason = f"field {error} is missing" if isinstance(error, KeyError) else str(error).split("\n")[0]
            skipped.append(Skip(row.name, reason))
        if progress is not None:
            progress(row.name, done, len(rows))
    return ConformReport("union", tuple(r.name for r in rows), tuple(checks), tuple(skipped))
