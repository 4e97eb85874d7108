"""What the engines have in common: a task names a range of designs, its answer is a part file's name and bytes.

Tasks are plain values, so that any executor can carry them; a worker makes the study ready once and keeps it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import tileloom
from tileloom.architecture.model import Architecture
from tileloom.core.digest import digest, digest_tree, plain
from tileloom.explore.store import PartName
from tileloom.explore.sweep.chunk import ChunkResult
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.space import Space
from tileloom.explore.sweep.study import Study, parse_study
from tileloom.explore.sweep.values import Value

if TYPE_CHECKING:
    import polars as pl

CHUNK = {"bulk": 4_000_000, "mapped": 1000}
ALONE_CHUNK = 50
"""Designs per part where every design is mapped by itself."""
CODE = ("architecture", "mapping", "cost", "search", "explore/sweep")
"""Packages that results depend on; of `architecture` with its energy tables."""
KEPT_CHUNK = 500_000
"""Designs per part where every valid design is stored, not only the front."""


class Plan(Protocol):
    """A study made ready by an engine; `space` is in the engine's own order of parameters."""

    study: Study

    @property
    def space(self) -> Space: ...

    def chunk(self, start: int, stop: int) -> ChunkResult:
        """Designs start .. stop - 1, which lie next to each other."""
        ...

    def some(self, designs: tuple[int, ...]) -> ChunkResult:
        """Any designs, every one of which is kept."""
        ...

    def content(self, values: dict[str, Value]) -> object: ...

    def chip(self, values: dict[str, Value]) -> Architecture: ...


@dataclass(frozen=True, slots=True)
class Task:
    """Designs start .. stop - 1 of a study; `only`: those of them that are not known yet (None: all)."""

    text: str
    folder: str
    file: str
    start: int
    stop: int
    only: tuple[int, ...] | None = None

    def __str__(self) -> str:
        return f"designs {self.start} to {self.stop - 1} of {self.file}"


@lru_cache(maxsize=4)
def plan_of(text: str, folder: str, file: str) -> Plan:
    """The plan of a study by its text; kept, so that tasks of one study share all that is worked out."""
    return make_plan(parse_study(text, Path(folder), file=file))


def make_plan(study: Study) -> Plan:
    if study.given.engine == "mapped":
        from tileloom.explore.sweep.mapped import MappedPlan

        return MappedPlan(study)
    if study.given.model == "loopnest":
        from tileloom.explore.sweep.loopnest import LoopnestPlan

        return LoopnestPlan(study)
    from tileloom.explore.sweep.bulk import BulkPlan

    return BulkPlan(study)


def evaluate(task: Task) -> tuple[PartName, bytes]:
    """One task: what a worker runs."""
    plan = plan_of(task.text, task.folder, task.file)
    found = plan.chunk(task.start, task.stop) if task.only is None else plan.some(task.only)
    buffer = BytesIO()
    rows = frame(plan, found)
    rows.write_parquet(buffer)
    label = "" if task.only is None else digest(rows["key"].to_list())[:12]
    return PartName(task.start, task.stop, found.counts, label), buffer.getvalue()


def context_of(study: Study) -> str:
    """Content of everything but the swept values, limits and what is kept: equal contexts can share results.

    For the bulk engine, whose parts are ranges of the space, the whole study counts.
    """
    given = study.given
    raw = given.model_dump(mode="json", exclude={"name", "description", "chunk", "adaptive"})
    if given.engine == "mapped":
        for key in ("sweep", "linked", "constraints", "objectives", "keep", "prune"):
            raw.pop(key)
    return digest(raw, study.network_key, study.data, study.machine, study.files_key)


def code_of() -> str:
    """Content of the code that results depend on."""
    home = Path(tileloom.__file__).parent
    return digest([digest_tree(home / part) for part in CODE] + [digest_tree(home / "architecture", "*.yaml")])


def key_of(context: str, content: object) -> str:
    """32 hex digits: equal designs have equal keys, in every study of the same context."""
    text = json.dumps([context, plain(content)], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def frame(plan: Plan, found: ChunkResult) -> pl.DataFrame:
    """One row per kept design: its number, key, parameters and metrics."""
    import polars as pl

    context = context_of(plan.study)
    chosen = [plan.space.values(int(i)) for i in found.rows.indices]
    columns: dict[str, Any] = {
        "design": pl.Series(found.rows.indices, dtype=pl.Int64),
        "key": pl.Series([key_of(context, plan.content(v)) for v in chosen], dtype=pl.String),
    }
    for name in plan.study.space.names:
        columns[name] = pl.Series([v[name] for v in chosen], dtype=_kind(plan.space, name))
    for j, name in enumerate(METRICS):
        columns[name] = pl.Series(found.rows.metrics[:, j], dtype=pl.Float64)
    for name, values in found.rows.extra:
        columns[name] = pl.Series(values)
    return pl.DataFrame(columns)


def _kind(space: Space, name: str) -> Any:
    """The same type in every part: text, whole numbers, or numbers."""
    import polars as pl

    values = space.table(name)
    if any(isinstance(v, str) for v in values):
        return pl.String
    return pl.Int64 if all(isinstance(v, int) for v in values) else pl.Float64


def chunks(study: Study, size: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of every chunk of the space."""
    given = study.given
    step = CHUNK[given.engine]
    if given.engine == "mapped" and (given.mapper, given.model) != ("optimal", "loopnest"):
        step = ALONE_CHUNK
    elif given.engine == "bulk" and given.keep not in (None, "front"):
        step = KEPT_CHUNK
    step = given.chunk or step
    for start in range(0, size, step):
        yield start, min(start + step, size)
