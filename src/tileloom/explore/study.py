"""What a study found, as values: a table with units, figures worth naming, and the data of its charts.

Studies themselves are in the folders of their originals; how this looks is decided in report/ and cli/.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json

Value = str | int | float | bool | None
STUDY_FORMAT = "tileloom study 1"
OWN = {"study.json", "table.csv", "table.parquet", "report.html", "methods"}
"""Everything a study's folder may hold; one with anything else in it is not written to."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name with the unit in it, and what it says. heading, scale: as shown to people, divided by `scale`."""

    name: str
    meaning: str
    heading: str = ""
    scale: float = 1.0

    @property
    def title(self) -> str:
        """For a table on a terminal or page."""
        return self.heading or self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Mark:
    """A cell of a heat map that is pointed out."""

    panel: int
    column: int
    row: int
    text: str
    kind: str = "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Panels of cells, each with a value; None where there is none. Colours are on a logarithmic scale.

    panels  (title, rows from the top, one value per column);  tips: a line per cell in the same shape, or ()
    """

    title: str
    lead: str
    x: str
    y: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    panels: tuple[tuple[str, tuple[tuple[float | None, ...], ...]], ...]
    unit: str
    marks: tuple[Mark, ...] = ()
    tips: tuple[tuple[tuple[str, ...], ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Horizontal bars, stacked of parts; rows of one group stand together.

    rows    (group, label, one value per part, text at the end)
    logarithmic  lengths follow the logarithm of the sum
    """

    title: str
    lead: str
    parts: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[float, ...], str], ...]
    unit: str = ""
    logarithmic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Points with labels; both axes may be logarithmic. from_zero: a linear y axis starts at zero.

    points  (label, x, y, hover text, emphasised)
    """

    title: str
    lead: str
    x: str
    y: str
    points: tuple[tuple[str, float, float, str, bool], ...]
    log_x: bool = True
    log_y: bool = False
    from_zero: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """One line per series over a shared axis.

    series  (name, points of (x, y, hover text) in the order of x);  ticks: (x, text) in place of round values
    """

    title: str
    lead: str
    x: str
    y: str
    series: tuple[tuple[str, tuple[tuple[float, float, str], ...]], ...]
    ticks: tuple[tuple[float, str], ...] = ()
    log_x: bool = True
    log_y: bool = True


Chart = HeatMap | Bars | Lines | Points


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """A study.

    name      'dmazerunner memory';  settings: what it was asked for
    headline  (label, value, remark) of the few figures that matter
    notes     sentences on what was done and what the figures mean
    first     rows that a terminal shows, of `rows` sorted by `order` (all when None);  brief: columns it shows (all when ())
    complete  everything asked for was found
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    settings: Mapping[str, Value] = field(default_factory=dict)
    headline: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    first: int | None = None
    order: tuple[int, ...] | None = None
    brief: tuple[str, ...] = ()
    complete: bool = True

    def __post_init__(self) -> None:
        wrong = [i for i, row in enumerate(self.rows) if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"study '{self.name}': rows {wrong[:3]} do not have {len(self.columns)} values")

    def column(self, name: str) -> tuple[Value, ...]:
        """The values of one column, top to bottom."""
        place = [c.name for c in self.columns].index(name)
        return tuple(row[place] for row in self.rows)

    def shown(self) -> tuple[tuple[Value, ...], ...]:
        """The rows that a terminal shows, the most interesting first."""
        places = self.order if self.order is not None else range(len(self.rows))
        return tuple(self.rows[i] for i in list(places)[: self.first])

    def as_plain(self) -> dict[str, Any]:
        """Plain values, one object per row."""
        names = [c.name for c in self.columns]
        return {
            "format": STUDY_FORMAT,
            "study": self.name,
            "title": self.title,
            "settings": dict(self.settings),
            "headline": [{"what": w, "value": v, "remark": r} for w, v, r in self.headline],
            "notes": list(self.notes),
            "columns": [{"name": c.name, "meaning": c.meaning} for c in self.columns],
            "rows": [dict(zip(names, row, strict=True)) for row in self.rows],
        }

    def to_csv(self) -> str:
        """The table as CSV; missing values are empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([c.name for c in self.columns])
        writer.writerows(["" if v is None else v for v in row] for row in self.rows)
        return text.getvalue()


def write_study(study: StudyResult, folder: str | Path, others: Collection[str] = ()) -> Path:
    """Write study.json, table.csv and table.parquet; each file appears whole or not at all. Returns the folder.

    Raises InputError when the folder holds anything that no study wrote.
    """
    import polars as pl

    target = Path(folder)
    refuse_folder(target, others)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be made: {error.strerror}") from error
    write_text_atomic(target / "study.json", to_json(study.as_plain()))
    write_text_atomic(target / "table.csv", study.to_csv())
    columns = {c.name: _series([row[i] for row in study.rows]) for i, c in enumerate(study.columns)}
    pl.DataFrame(columns, strict=False).write_parquet(target / "table.parquet")
    return target


def _series(values: Sequence[Value]) -> list[Value]:
    """One kind per column: whole numbers among floats become floats."""
    if any(isinstance(v, float) for v in values):
        return [float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values]
    return list(values)


def refuse_folder(folder: Path, others: Collection[str] = ()) -> None:
    """InputError unless the folder is new, empty or an earlier study's; `others`: further files a study of its kind has."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; give --out a folder")
    foreign = sorted(p.name for p in folder.iterdir() if p.name not in OWN and p.name not in others)
    if foreign:
        raise InputError(
            f"{folder}: holds files that are not of a study ({', '.join(foreign[:3])}); give another folder"
        )
