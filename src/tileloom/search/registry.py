"""The mappers by name, and how their options are filled in. Imports no mapper until it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from tileloom.core.errors import UnsupportedError, did_you_mean
from tileloom.core.registry import Registry, from_module
from tileloom.cost.registry import get_model
from tileloom.search.objective import Mapper

MAPPERS: Registry[type[Mapper]] = Registry(
    kind="mapper",
    group="tileloom.mappers",
    builtin={
        "optimal": from_module("tileloom.search.mappers.optimal:OptimalMapper"),
        "exhaustive": from_module("tileloom.search.mappers.exhaustive:ExhaustiveMapper"),
        "random": from_module("tileloom.search.mappers.random:RandomMapper"),
    },
    about={
        "optimal": "branch and bound over the whole space; proves its answer optimal (default)",
        "exhaustive": "evaluates every mapping of a small space",
        "random": "best of randomly drawn mappings, from a seed",
    },
)


def make_mapper(name: str, options: Mapping[str, Any] | None = None, model: str = "loopnest") -> Mapper:
    """A mapper with these options (its fields). UnsupportedError names the fields it has, when one is not among them."""
    cls = MAPPERS.get(name)
    known: list[str] = [f.name for f in fields(cls)] if is_dataclass(cls) else []
    given = dict(options or {})
    if "model" in known:
        given["model"] = get_model(model)
    elif model != "loopnest":
        raise UnsupportedError(f"mapper '{name}' searches with the cost model 'loopnest' only, not '{model}'")
    if given.get("imperfect") and "imperfect" not in known and "remainders" in known:
        given.setdefault("remainders", 1)
        del given["imperfect"]
    unknown = [
        f"mapper '{name}' has no option '{key}'{did_you_mean(key, known)}; it has: {', '.join(known) or 'none'}"
        for key in given
        if key not in known
    ]
    if unknown:
        raise UnsupportedError("\n".join(unknown))
    return cls(**given)
