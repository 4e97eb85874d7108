"""A run directory: everything one run found, in files that can be fed back in. Written whole or not at all.

    run.json  results.parquet  architecture.yaml  problems/<layer>.yaml  best/<layer>.yaml  (report.json, report.html)
    best/<layer>/front-001.yaml ...   every trade-off, energy ascending, where the search was asked for the front

What the files say is decided in record.py and search/columns.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from tileloom.architecture.dump import architecture_to_yaml
from tileloom.core.errors import InputError
from tileloom.core.jsonio import to_json
from tileloom.explore.record import RUN_FORMAT, describe
from tileloom.mapping.yaml import mapping_to_yaml
from tileloom.search.network import NetworkResult
from tileloom.search.table import to_frame
from tileloom.workload.frontends.yaml_writer import write_workload
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Problem

RUN_FILE = "run.json"
OWN = {RUN_FILE, "results.parquet", "architecture.yaml", "problems", "best", "report.json", "report.html"}
"""Everything a run directory may hold; a folder with anything else in it is never replaced."""


def write_run(result: NetworkResult, folder: Path, finish: Callable[[Path], object] | None = None) -> Path:
    """Write the run directory; an earlier run in its place is replaced, any other folder refused with InputError.

    finish  called with the directory before it is moved into place; what it writes there belongs to the run
    """
    refuse_target(folder)
    target = folder.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=_draft_prefix(target, os.getpid())))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from error
    try:
        _fill(draft, result)
        if finish is not None:
            finish(draft)
        # mkdtemp makes the folder private; results should be as readable as the user's other files.
        draft.chmod(0o755)
        _put_in_place(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def refuse_target(folder: Path) -> None:
    """Raise InputError unless the run can be written there: nothing, an empty folder or an earlier run is there."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; give --out a folder")
    foreign = sorted(p.name for p in folder.iterdir() if p.name not in OWN)
    if foreign:
        raise InputError(
            f"{folder}: holds files that are not of a Tileloom run ({', '.join(foreign[:3])}); give another folder"
        )
    if any(folder.iterdir()):
        require_run(folder)


def require_run(folder: Path) -> Path:
    """The folder, when it holds a run; otherwise InputError."""
    read_run(folder)
    return folder


def read_run(folder: Path) -> dict[str, Any]:
    """run.json of a run directory. Raises InputError when it is missing or not of this format."""
    path = folder / RUN_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder}: not a run directory (no {RUN_FILE}); make one with 'tileloom map ... --out'"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("format") != RUN_FORMAT:
        raise InputError(f"{path}: its format is not '{RUN_FORMAT}'; it was written by something else")
    return data


def file_names(layers: Iterable[str]) -> list[str]:
    """A distinct, portable file name (without suffix) for each layer name, in order.

    >>> file_names(["layer1/conv", "layer1 conv"])
    ['layer1_conv', 'layer1_conv-2']
    """
    names: list[str] = []
    taken: set[str] = set()
    for layer in layers:
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", layer).strip("._")[:100] or "layer"
        # Compared without case: two names that differ in case only are one file on some systems.
        numbered = (stem if i == 1 else f"{stem}-{i}" for i in count(1))
        names.append(next(n for n in numbered if n.lower() not in taken))
        taken.add(names[-1].lower())
    return names


def _fill(draft: Path, result: NetworkResult) -> None:
    record = describe(result)
    (draft / "problems").mkdir()
    (draft / "best").mkdir()
    stems = file_names(layer.distinct.problem.name for layer in result.layers)
    for layer, entry, stem in zip(result.layers, record["layers"], stems, strict=True):
        problem, mapping = layer.distinct.problem, layer.result.mapping
        entry["problem_file"] = f"problems/{stem}.yaml"
        (draft / entry["problem_file"]).write_text(problem_to_yaml(problem), encoding="utf-8")
        entry["mapping_file"] = f"best/{stem}.yaml" if mapping else None
        if mapping:
            (draft / "best" / f"{stem}.yaml").write_text(mapping_to_yaml(mapping, problem.name), encoding="utf-8")
        if layer.result.front:
            (draft / "best" / stem).mkdir()
        for number, point in enumerate(entry["front"], start=1):
            point["mapping_file"] = f"best/{stem}/front-{number:03}.yaml"
            (draft / point["mapping_file"]).write_text(point["mapping"], encoding="utf-8")
    (draft / "architecture.yaml").write_text(architecture_to_yaml(result.architecture), encoding="utf-8")
    to_frame(result).write_parquet(draft / "results.parquet")
    (draft / RUN_FILE).write_text(to_json(record), encoding="utf-8")


def problem_to_yaml(problem: Problem) -> str:
    """YAML of one problem, as a network of one layer: what `--problem` takes."""
    return write_workload(Network(problem.name, (Layer(name=problem.name, problem=problem, operator=problem.op),)))


def _draft_prefix(target: Path, process: int | str) -> str:
    return f".{target.name}.{socket.gethostname()}-{process}."


def _sweep(target: Path) -> None:
    """Remove what killed runs into the same folder left beside it. An earlier run that stepped aside comes back."""
    form = re.compile(re.escape(_draft_prefix(target, "#")).replace("\\#", r"(\d+)"))
    for left in target.parent.iterdir():
        if (match := form.match(left.name)) and left.is_dir() and not _is_running(int(match[1])):
            if not target.exists() and (left / "old" / RUN_FILE).is_file():
                (left / "old").rename(target)
            shutil.rmtree(left, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _put_in_place(draft: Path, target: Path) -> None:
    """Rename the draft to the target; an earlier run steps aside first and comes back when that fails."""
    if not target.exists():
        draft.rename(target)
        return
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=_draft_prefix(target, os.getpid()))) / "old"
    target.rename(aside)
    try:
        draft.rename(target)
    except OSError:
        aside.rename(target)
        raise
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
