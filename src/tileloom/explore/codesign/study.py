"""The study file of co-design, as classes that check it, and the values it stands for. Runs nothing.

space: alphanet                       # or darts, darts16aux, zoo, a plug-in, or a list of networks
networks: {sample: 1000, seed: 1}     # or {file: table.csv, column: config_index}, {numbers: [0, 7]}; all when absent
accuracy: {table: accuracy.csv, id: config_index, column: pred_acc}
accelerators: {dataflows: [kcp_ws, xp_ws, rs], hardware: hardware.csv}
limits: {latency_cycles: 5.0e+6, energy_nj: 1.5e+6}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.files import is_file
from tileloom.core.validate import Schema, validate
from tileloom.core.yamlio import Document, load_yaml
from tileloom.explore.codesign.modes import MODES, Limits, Mode
from tileloom.explore.codesign.space import SPACES, NetworkSpace, Space, select

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Counts = Annotated[list[Annotated[int, Field(ge=1, le=2**31 - 1)]], Field(min_length=1)]


class Chosen(Schema):
    """Which networks of the space: a sample, a column of a table, or numbers."""

    sample: Annotated[int, Field(ge=1)] | None = None
    seed: int = 0
    file: str | None = None
    column: str = "number"
    numbers: list[int] | None = None

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        given = [k for k in ("sample", "file", "numbers") if raw.get(k) is not None]
        if len(given) != 1:
            yield None, f"give one of sample, file, numbers; got {', '.join(given) or 'none'}"


class Accuracy(Schema):
    """A table of accuracies: CSV or Parquet with a column of network numbers (or labels) and one of percents."""

    table: str
    id: str = "number"
    column: str = "accuracy"


class Grid(Schema):
    """Hardware of every combination."""

    num_pes: Counts
    noc_elements_per_cycle: Counts
    offchip_elements_per_cycle: Counts
    l1_bytes: Counts = Field(default=[100])
    l2_bytes: Counts = Field(default=[3000])


class Accelerators(Schema):
    """MAESTRO's model: dataflows on hardware of a table or a grid. Any other: architectures, a mapper and a model."""

    dataflows: list[str] | None = None
    hardware: str | None = None
    grid: Grid | None = None
    flexible: bool = False
    technology: str = "released"
    architectures: list[str] | None = None
    mapper: str = "optimal"
    model: str = "loopnest"
    objective: Literal["energy", "latency", "edp"] = "edp"

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        fixed, mapped = raw.get("dataflows"), raw.get("architectures")
        if bool(fixed) == bool(mapped):
            yield None, "give dataflows (with hardware or grid), or architectures"
        if fixed and bool(raw.get("hardware")) == bool(raw.get("grid")):
            yield "dataflows", "need one of hardware (a CSV table) and grid"


class LimitsFile(Schema):
    """What the answer must keep."""

    latency_cycles: Positive | None = None
    energy_nj: Positive | None = None
    area_um2: Positive | None = None
    power_mw: Positive | None = None
    accuracy: float | None = None


class Transfer(Schema):
    """Semi-decoupled against coupled over a grid of limits at these quantiles."""

    quantiles: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] | None = None


class StudyFile(Schema):
    """Every key of a study file."""

    space: str | list[str]
    networks: Chosen | None = None
    accuracy: Accuracy | Literal["macs", "published", "none"] | None = None
    accelerators: Accelerators
    energy: Literal["corrected", "faithful"] = "corrected"
    objective: Literal["accuracy", "latency", "energy", "edp"] = "accuracy"
    limits: LimitsFile = LimitsFile()
    modes: Annotated[list[str], Field(min_length=1)] | None = None
    proxies: Annotated[list[str], Field(min_length=1)] | Literal["auto"] = "auto"
    sweep_steps: Annotated[int, Field(ge=1, le=100)] | None = None
    slack: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mac_budget: Positive | None = None
    transfer: Transfer | bool = True

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        if raw.get("accuracy") == "none" and raw.get("objective", "accuracy") == "accuracy":
            yield "accuracy", "none leaves latency, energy and edp as objectives; give one of them"
        space = raw.get("space")
        if isinstance(space, str) and space not in SPACES.names():
            yield (
                "space",
                f"no space '{space}'{did_you_mean(space, SPACES.names())}; there are {', '.join(SPACES.names())}",
            )
        for mode in raw["modes"] if isinstance(raw.get("modes"), list) else ():
            if mode not in MODES:
                yield "modes", f"no mode '{mode}'{did_you_mean(str(mode), MODES)}; there are {', '.join(MODES)}"


class Study:
    """A checked study file and the folder its paths are relative to."""

    def __init__(self, document: Document) -> None:
        self.file: StudyFile = validate(StudyFile, document)
        self.name = Path(document.file).stem
        self.source = document.file
        self.folder = Path(document.file).parent
        self.modes: tuple[Mode, ...] = tuple(m for m in MODES if self.file.modes is None or m in self.file.modes)

    def path(self, name: str) -> Path:
        return Path(name) if Path(name).is_absolute() else self.folder / name

    def space(self) -> Space:
        """Raises InputError for an unknown space."""
        if isinstance(self.file.space, list):
            beside = (self.path(s) for s in self.file.space)
            return NetworkSpace("networks", tuple(str(p) if is_file(p) else s for p, s in zip(beside, self.file.space)))
        return SPACES.get(self.file.space)

    def numbers(self, space: Space) -> tuple[int, ...]:
        """The networks that take part."""
        chosen = self.file.networks
        if chosen is None:
            return select(space, None)
        if chosen.sample is not None:
            if chosen.sample > len(space):
                raise InputError(
                    f"{self.source}: sample of {chosen.sample} from the {len(space)} networks of '{space.name}'"
                )
            return tuple(sorted(Random(chosen.seed).sample(range(len(space)), chosen.sample)))
        if chosen.numbers is not None:
            return select(space, chosen.numbers)
        values = read_columns(self.path(chosen.file or ""), (chosen.column,))[chosen.column]
        return select(space, [int(v) for v in values if v not in (None, "")])

    def limits(self) -> Limits:
        given = {k: v for k, v in self.file.limits.model_dump().items() if v is not None}
        return Limits(**given)

    def accuracies(self, space: Space, numbers: tuple[int, ...], macs: np.ndarray) -> tuple[np.ndarray, str]:
        """(one accuracy per network, where it comes from). Raises InputError for rows that are missing or repeated."""
        source = self.file.accuracy
        if isinstance(source, Accuracy):
            return self._table(source, space, numbers), f"{source.table}, column {source.column}"
        if source == "macs":
            return np.asarray(macs / 1e6, np.float64), "millions of MACs, a stand-in for accuracy"
        if source == "none":
            return np.zeros(len(numbers)), "none: networks differ in latency and energy only"
        published = [space.accuracy(n) for n in numbers]
        if any(a is None for a in published):
            raise InputError(
                f"{self.source}: space '{space.name}' comes without accuracies; give accuracy: {{table: FILE, id: COLUMN, "
                "column: COLUMN}, accuracy: none for latency and energy alone, or accuracy: macs as a stand-in"
            )
        return np.array(published, np.float64), "published with the space"

    def _table(self, source: Accuracy, space: Space, numbers: tuple[int, ...]) -> np.ndarray:
        path = self.path(source.table)
        columns = read_columns(path, (source.id, source.column))
        problems: list[str] = []
        found: dict[str, float] = {}
        for line, (key, value) in enumerate(zip(columns[source.id], columns[source.column]), 2):
            name = str(key)
            if name in found:
                problems.append(f"{path}:{line}: {source.id} '{name}' occurs a second time")
            try:
                found[name] = float(value)
            except (TypeError, ValueError):
                problems.append(f"{path}:{line}: {source.column} '{value}' is not a number")
        wanted = [(str(n), space.label(n)) for n in numbers]
        missing = [f"{n}" for n, label in wanted if n not in found and label not in found]
        if missing:
            shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
            problems.append(f"{path}: no accuracy of {len(missing)} of {len(wanted)} networks ({shown})")
        if problems:
            raise InputError(problems[:20], file=str(path))
        values = np.array([found[n] if n in found else found[label] for n, label in wanted])
        if not np.isfinite(values).all():
            raise InputError(f"{path}: {source.column} holds values that are not finite")
        return values


def load_study(path: str | Path) -> Study:
    """The study of a YAML file. Raises InputError with every fault and its line."""
    return Study(load_yaml(path))


HEAD_BYTES = 1_000_000
MAX_COLUMNS = 2000


def _refuse_wide(path: Path) -> None:
    """The library takes gigabytes, and ends the process, for a table of a hundred thousand columns."""
    with path.open("rb") as stream:
        columns = stream.readline(HEAD_BYTES).count(b",") + 1
    if columns > MAX_COLUMNS:
        raise InputError(f"{path}: {columns} columns; at most {MAX_COLUMNS} are read")


def read_columns(path: Path, names: tuple[str, ...]) -> dict[str, list[Any]]:
    """Columns of a CSV or Parquet file. Raises InputError for a missing file or column."""
    import polars as pl

    try:
        if path.suffix != ".parquet":
            _refuse_wide(path)
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None
    missing = [n for n in names if n not in frame.columns]
    if missing:
        raise InputError(
            [
                f"{path}: no column '{n}'{did_you_mean(n, frame.columns)}; there are {', '.join(frame.columns)}"
                for n in missing
            ]
        )
    return {n: frame[n].to_list() for n in names}
