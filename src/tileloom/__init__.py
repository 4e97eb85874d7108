"""Tileloom: maps deep-learning layers onto spatial accelerators and says what that costs, with proof.

The public names are below. Nothing heavy is loaded before the first of them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tileloom.api import (
        check,
        compare,
        evaluate,
        load_architecture,
        load_mapping,
        load_network,
        load_problem,
        map,
        networks,
    )
    from tileloom.architecture.model import Architecture
    from tileloom.cost.base import Cost
    from tileloom.mapping.tree import MappingTree
    from tileloom.search.objective import SearchResult
    from tileloom.workload.problem import Problem

_HOME = {
    "load_mapping": "tileloom.api",
    "load_network": "tileloom.api",
    "load_problem": "tileloom.api",
    "load_architecture": "tileloom.api",
    "networks": "tileloom.api",
    "map": "tileloom.api",
    "evaluate": "tileloom.api",
    "compare": "tileloom.api",
    "check": "tileloom.api",
    "Problem": "tileloom.workload.problem",
    "Architecture": "tileloom.architecture.model",
    "MappingTree": "tileloom.mapping.tree",
    "Cost": "tileloom.cost.base",
    "SearchResult": "tileloom.search.objective",
}

__all__ = [
    "Architecture",
    "Cost",
    "MappingTree",
    "Problem",
    "SearchResult",
    "check",
    "compare",
    "evaluate",
    "load_architecture",
    "load_mapping",
    "load_network",
    "load_problem",
    "map",
    "networks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tileloom' has no attribute '{name}'")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
