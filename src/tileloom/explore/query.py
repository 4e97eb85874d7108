"""SQL over the stored designs of a sweep, by DuckDB (extra 'sql'). One SELECT, on a copy in memory, without any file access."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, MissingDependencyError
from tileloom.explore.store import listed, read_parts, require_sweep
from tileloom.explore.sweep.run import FRONT_FILE


@dataclass(frozen=True)
class Answer:
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def as_plain(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row)) for row in self.rows]


def query(folder: Path, sql: str, *, force: bool = False) -> Answer:
    """The rows of one SELECT over the tables `designs` (what is stored) and `front`.

    force   leave unreadable parts out
    Raises InputError: no sweep there, unreadable parts, anything but one SELECT, what DuckDB says of the statement.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingDependencyError("duckdb", "sql", "tileloom query") from error
    require_sweep(folder)
    broken = _broken(folder, force)
    database = duckdb.connect(":memory:")
    try:
        statements = database.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputError(f"expected one SELECT over the tables `designs` and `front`, got: {sql.strip()[:80]}")
        _load(database, folder, broken)
        # From here on nothing outside the two tables can be read or written, and no setting brings that back.
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        done = database.execute(statements[0])
        return Answer(tuple(d[0] for d in done.description), tuple(done.fetchall()))
    except duckdb.Error as error:
        raise InputError(f"{folder}: {error}") from error
    finally:
        database.close()


def _broken(folder: Path, force: bool) -> set[Path]:
    """Parts that cannot be read. Raises as `read_parts` unless `force`."""
    if not force:
        read_parts(folder)
        return set()
    found = set()
    import polars as pl

    for path, _ in listed(folder):
        try:
            pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError):
            found.add(path)
    return found


def _load(database: Any, folder: Path, broken: set[Path]) -> None:
    parts = [str(path) for path, _ in listed(folder) if path not in broken]
    for table, files in (("designs", parts), ("front", [str(folder / FRONT_FILE)])):
        present = [f for f in files if Path(f).is_file()]
        if present:
            database.execute(f"CREATE TABLE {table} AS SELECT * FROM read_parquet(?)", [present])
