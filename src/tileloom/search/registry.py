"""The mappers by name, and how their options are filled in. Imports no mapper until it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.core.options import field_kinds, option_fault, unknown_options
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
        "hybrid": from_module("tileloom.search.mappers.hybrid:HybridMapper"),
        "decoupled": from_module("tileloom.search.mappers.decoupled:DecoupledMapper"),
        "genetic": from_module("tileloom.search.mappers.genetic:GeneticMapper"),
        "auto_optimizer": from_module("tileloom.search.dmazerunner.mapper:AutoOptimizer"),
        "dmazerunner": from_module("tileloom.search.dmazerunner.mapper:DmazerunnerMapper"),
        "bottom_up": from_module("tileloom.search.mappers.neurospector:BottomUpMapper"),
        "brute_force": from_module("tileloom.search.mappers.neurospector:BruteForceMapper"),
        "loma": from_module("tileloom.search.zigzag.mapper:LomaMapper"),
        "template": from_module("tileloom.search.mappers.template:TemplateMapper"),
    },
    about={
        "optimal": "branch and bound over the whole space; proves its answer optimal (default)",
        "exhaustive": "evaluates every mapping of a small space",
        "random": "best of randomly drawn mappings, from a seed",
        "hybrid": "random splits, every order that matters, rejections steer the next draw, from a seed",
        "decoupled": "off-chip tiles with the fewest words first, then the on-chip mapping, from a seed",
        "genetic": "a population of mappings bred over generations, from a seed",
        "auto_optimizer": "dMazeRunner's: minimum utilisations, lowered until mappings are found (model dmazerunner)",
        "dmazerunner": "proven best of all factor splits that fit and orders that differ in reuse (model dmazerunner)",
        "bottom_up": "NeuroSpector's: level by level from DRAM inwards, two candidates a level",
        "brute_force": "NeuroSpector's: every scheduling table of a tiny layer",
        "loma": "ZigZag's: all orders of a few prime factors, or the proven best of all orders, on unrollings found for it",
        "template": "a fixed dataflow (kcp_ws, rs, ...) with the best places for its tiles",
    },
)


def make_mapper(name: str, options: Mapping[str, Any] | None = None, model: str = "loopnest") -> Mapper:
    """A mapper with these options (its fields). UnsupportedError and InputError name what does not fit."""
    cls = MAPPERS.get(name)
    kinds = field_kinds(cls)
    given = dict(options or {})
    if "model" in kinds:
        given["model"] = get_model(model)
    elif model != "loopnest":
        raise UnsupportedError(f"mapper '{name}' searches with the cost model 'loopnest' only, not '{model}'")
    if given.get("imperfect") and "imperfect" not in kinds and "remainders" in kinds:
        given.setdefault("remainders", 1)
        del given["imperfect"]
    owner = f"mapper '{name}'"
    if unknown := unknown_options(owner, given, kinds):
        raise UnsupportedError("\n".join(unknown))
    wrong = [fault for key, value in given.items() if (fault := option_fault(owner, key, value, kinds[key]))]
    if wrong:
        raise InputError(wrong)
    return cls(**given)
