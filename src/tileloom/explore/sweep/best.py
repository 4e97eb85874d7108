"""The front's designs as files that can be fed back in: a chip for `--arch`, or a machine for another study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tileloom.architecture.dump import architecture_to_yaml
from tileloom.core.errors import InputError
from tileloom.core.files import write_text_atomic
from tileloom.core.yamlio import dump_yaml
from tileloom.explore.sweep.bulk import DEFAULTS
from tileloom.explore.sweep.machine import FIELDS
from tileloom.explore.sweep.plan import Plan

if TYPE_CHECKING:
    import polars as pl

BEST = "best"
MOST = 200
"""Designs of a front that are written as files."""


def design_yaml(plan: Plan, design: int) -> str:
    """An architecture, or the fields of MAESTRO's machine with what else makes the design in comments."""
    values = plan.space.values(design)
    if not plan.study.on_machine:
        return architecture_to_yaml(plan.chip(values))
    machine = {k: v for k, v in (DEFAULTS | plan.study.machine | values).items() if k in FIELDS}
    others = "".join(f"# {k}: {v}\n" for k, v in values.items() if k not in FIELDS)
    return others + dump_yaml({k: machine[k] for k in FIELDS})


def file_name(design: int) -> str:
    return f"design-{design}.yaml"


def write_best(plan: Plan, folder: Path, front: pl.DataFrame) -> None:
    """best/design-N.yaml for the first designs of the front; files of earlier fronts go away."""
    home = folder / BEST
    try:
        home.mkdir(exist_ok=True)
        for old in home.glob("design-*.yaml"):
            old.unlink()
    except OSError as error:
        raise InputError(f"{home}: cannot be written: {error.strerror or error}") from error
    for design in front["design"][:MOST] if len(front) else []:
        write_text_atomic(home / file_name(int(design)), design_yaml(plan, int(design)))
