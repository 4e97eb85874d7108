"""Answers remembered on disk by the content of the question, as JSON files written whole or not at all.

An answer is taken only when its mapping still evaluates to the cost that was stored. Entries that cannot be read are
reported through `warnings` and searched again. Nothing here decides what is worth mapping; that is driver.py.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isclose
from pathlib import Path
from typing import Any

import tileloom
from tileloom.architecture.model import Architecture
from tileloom.core.digest import digest, digest_tree
from tileloom.core.errors import TileloomError
from tileloom.core.files import write_text_atomic
from tileloom.cost.base import Cost
from tileloom.cost.registry import get_model
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.yaml import mapping_from_yaml, mapping_to_yaml
from tileloom.search.objective import Objective, SearchResult, value_of
from tileloom.workload.problem import Problem

FORMAT = 1
KEPT: tuple[str, ...] = ("optimal", "feasible")
"""Statuses that are remembered. A search stopped early may do better next time; reasons name their own layer."""


def default_folder() -> Path:
    """$TILELOOM_CACHE, else tileloom/ in $XDG_CACHE_HOME, else ~/.cache/tileloom."""
    if own := os.environ.get("TILELOOM_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tileloom"


def open_cache(cache: Cache | str | os.PathLike[str] | bool) -> Cache | None:
    """True: the user's own folder; False: none; otherwise that folder."""
    if isinstance(cache, Cache):
        return cache
    if isinstance(cache, bool):
        return Cache(default_folder()) if cache else None
    return Cache(Path(cache))


@dataclass(frozen=True)
class Cache:
    """A folder of answers, one file per question."""

    folder: Path
    version: str = field(default=tileloom.__version__)

    @cached_property
    def code(self) -> str:
        """Content of the code that makes the answers: a changed mapper or model never meets its old ones."""
        home = Path(tileloom.__file__).parent
        return digest([digest_tree(home / part) for part in ("mapping", "cost", "search")])

    def key(
        self,
        problem: Problem,
        architecture: Architecture,
        objective: Objective,
        choice: tuple[str, str, Mapping[str, Any]],
    ) -> str:
        """Hash of the question. The names of dims and tensors count, as rules and mappings use them; labels do not."""
        names = ([d.name for d in problem.dims], [t.name for t in problem.tensors])
        nodes = (architecture.nodes, architecture.frequency_hz)
        return digest(FORMAT, self.version, self.code, problem.signature, names, nodes, objective, choice)

    def load(
        self, key: str, problem: Problem, architecture: Architecture, objective: Objective, model: str
    ) -> SearchResult | None:
        """The remembered answer, its mapping evaluated afresh; None when there is none that can be trusted."""
        path = self._path(key)
        try:
            return _from_plain(json.loads(path.read_text(encoding="utf-8")), problem, architecture, objective, model)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError, TileloomError) as error:
            warnings.warn(f"cache entry {path} is ignored: {type(error).__name__}: {error}", stacklevel=2)
            return None

    def store(self, key: str, result: SearchResult) -> None:
        """Remember an answer; a folder that cannot be written is a warning, not the end of the run."""
        if result.status not in KEPT:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_atomic(path, json.dumps(_to_plain(result), indent=1))
        except (OSError, TileloomError) as error:
            warnings.warn(f"cache entry {path} was not written: {error}", stacklevel=2)

    def _path(self, key: str) -> Path:
        return self.folder / "answers" / key[:2] / f"{key}.json"


def _to_plain(result: SearchResult) -> dict[str, Any]:
    found = result.front or (((result.mapping, result.cost),) if result.mapping and result.cost else ())
    return {
        "status": result.status,
        "mapper": result.mapper,
        "lower_bound": result.lower_bound,
        "evaluated": result.evaluated,
        "space_size": result.space_size,
        "seconds": result.seconds,
        "seed": result.seed,
        "reasons": list(result.reasons),
        "explain": [list(e) for e in result.explain],
        "is_front": bool(result.front),
        "found": [
            {
                "mapping": mapping_to_yaml(mapping, result.problem.name),
                "energy_pj": cost.energy_pj,
                "cycles": cost.cycles,
            }
            for mapping, cost in found
        ],
    }


def _from_plain(
    stored: dict[str, Any], problem: Problem, architecture: Architecture, objective: Objective, model: str
) -> SearchResult:
    found = tuple(_evaluated(entry, problem, architecture, model) for entry in stored["found"])
    if not found or stored["status"] not in KEPT:
        raise ValueError(f"status '{stored['status']}' with {len(found)} mappings")
    mapping, cost = min(found, key=lambda pair: value_of(pair[1], objective))
    result = SearchResult(
        problem=problem,
        objective=objective,
        status=stored["status"],
        mapping=mapping,
        cost=cost,
        lower_bound=stored["lower_bound"],
        evaluated=stored["evaluated"],
        space_size=stored["space_size"],
        seconds=stored["seconds"],
        seed=stored["seed"],
        mapper=stored["mapper"],
        reasons=tuple(stored["reasons"]),
        front=found if stored["is_front"] else (),
        explain=tuple((what, count) for what, count in stored["explain"]),
    )
    if result.status == "optimal" and not isclose(result.lower_bound, result.value, rel_tol=1e-9):
        raise ValueError(f"optimal, but its lower bound is {result.lower_bound} and its value {result.value}")
    return result


def _evaluated(
    entry: dict[str, Any], problem: Problem, architecture: Architecture, model: str
) -> tuple[MappingTree, Cost]:
    mapping = mapping_from_yaml(entry["mapping"])
    cost = get_model(model).evaluate(problem, architecture, mapping)
    for what, now in (("energy_pj", cost.energy_pj), ("cycles", cost.cycles)):
        if not isclose(entry[what], now, rel_tol=1e-12):
            raise ValueError(f"its mapping has {what} {now}, not {entry[what]}")
    return mapping, cost
