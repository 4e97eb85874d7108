"""What the page of a sweep shows, as plain values drawn from its directory. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError
from tileloom.explore.store import listed, read_parts, require_sweep
from tileloom.explore.sweep.best import design_yaml, file_name
from tileloom.explore.sweep.chunk import Counts
from tileloom.explore.sweep.front import front_of, valid_rows
from tileloom.explore.sweep.plan import plan_of
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.sensitivity import Sensitivity, reference_of, sensitivity
from tileloom.explore.sweep.study import Study, parse_study

SHOWN_POINTS = 2500
"""Valid designs in the plots besides the front; above that evenly chosen ones."""
SHOWN_FRONT = 60
"""Designs of the front in the table, with their files."""
UNITS = {
    "cycles": "cycles", "energy_pj": "pJ", "area_mm2": "mm²", "power_mw": "mW", "edp": "pJ·cycles", "utilization": "of the peak",
}  # fmt: skip
TITLES = {
    "cycles": "latency", "energy_pj": "energy", "area_mm2": "area", "power_mw": "power", "edp": "EDP", "utilization": "utilisation",
}  # fmt: skip


@dataclass(frozen=True)
class SweepData:
    """points: valid designs to plot (rows with `front` true or false); front: rows of the front; files: (row, YAML)."""

    study: Study
    counts: Counts
    points: list[dict[str, Any]]
    front: list[dict[str, Any]]
    files: list[tuple[str, str]]
    moved: Sensitivity | None
    sources: tuple[str, ...]
    versions: dict[str, str]


def read_sweep(folder: Path, *, force: bool = False) -> SweepData:
    """The dataset of a sweep's directory. Raises InputError as `read_parts` does."""
    import polars as pl

    record = require_sweep(folder)
    if "study" not in record:
        raise InputError(f"{folder}/sweep.json: 'study' is missing; it was written by something else")
    text, home = str(record["study"]), str(record.get("folder", "."))
    named = record.get("versions")
    versions = {str(k): str(v) for k, v in named.items()} if isinstance(named, dict) else {}
    study = parse_study(text, home, file=f"{folder}/sweep.json (study)")
    plan = plan_of(text, home, "study")
    counts = sum((part.counts for _, part in listed(folder)), Counts())
    frames = [f for f in read_parts(folder, force=force) if len(f)]
    rows = valid_rows(study, pl.concat(frames)) if frames else pl.DataFrame()
    front = front_of(study, rows) if len(rows) else pl.DataFrame()
    points: list[dict[str, Any]] = []
    files: list[tuple[str, str]] = []
    moved = None
    if len(front):
        best = set(front["design"])
        others = rows.filter(~pl.col("design").is_in(list(best)))
        step = max(1, len(others) // SHOWN_POINTS)
        points = [r | {"front": False} for r in others.gather_every(step).to_dicts()]
        points += [r | {"front": True} for r in front.to_dicts()]
        moved = sensitivity(plan, reference_of(front))
        files = [(file_name(int(d)), design_yaml(plan, int(d))) for d in front["design"][:SHOWN_FRONT]]
    return SweepData(study, counts, points, front.to_dicts(), files, moved, _sources(study), versions)


def _sources(study: Study) -> tuple[str, ...]:
    if study.on_machine:
        from tileloom.explore.sweep.machine import prices_of

        return prices_of(study.given.technology, study.given.prices, study.folder).sources
    chip = study.chip
    nodes = [] if chip is None else [f"{n.name}: {n.source}" for n in chip.nodes if n.source]
    return (*([chip.source] if chip is not None and chip.source else []), *nodes)


def parameters(data: SweepData) -> list[str]:
    """Swept parameters with more than one value, then linked ones."""
    space = data.study.space
    return [*(p.name for p in space.parameters if len(p.values) > 1), *(link.name for link in space.links)]


def known_metrics(data: SweepData) -> list[str]:
    """Objectives first, then every other metric that is not the same everywhere."""
    others = [m for m in METRICS if m not in data.study.objectives]
    varying = [m for m in others if len({p[m] for p in data.points}) > 1]
    return [*data.study.objectives, *varying]
