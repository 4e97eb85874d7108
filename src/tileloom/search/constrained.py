"""Constraints as options of a mapper: the rules of one problem, and what a file's mapper section asks of the search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.core.options import field_kinds
from tileloom.mapping.constraints import Constraints, for_problem
from tileloom.mapping.space import MapSpace
from tileloom.search.registry import MAPPERS
from tileloom.workload.problem import Problem

LIMITS = {"random": "samples", "exhaustive": "max_mappings", "hybrid": "evaluations", "optimal": "node_limit"}
"""Mapper -> its option that `max_evaluations` sets; genetic and decoupled share it out."""


def settled(mapper: str, options: Mapping[str, Any], problem: Problem, architecture: Architecture) -> dict[str, Any]:
    """Options for one problem: rules on dims that it lacks left out, the mapper section turned into options.

    What the caller set himself stays. Raises InputError for contradictions with it.
    """
    given = dict(options)
    rules = given.get("constraints")
    if not isinstance(rules, Constraints):
        return given
    own = for_problem(rules, problem)
    asked = own.mapper
    if asked.perfect and (given.get("imperfect") or given.get("remainders")):
        raise InputError("constraints ask for even divisions (mapper.perfect: true), the call for imperfect ones")
    known = field_kinds(MAPPERS.get(mapper))
    wanted: dict[str, Any] = {}
    if asked.seed is not None:
        wanted["seed"] = asked.seed
    if asked.max_evaluations is not None:
        wanted |= _limits(mapper, asked.max_evaluations, given)
    if asked.sample_ratio is not None and mapper == "random":
        size = MapSpace(problem, architecture, constraints=own).size()
        drawn = max(1, ceil(asked.sample_ratio * size))
        wanted["samples"] = min(drawn, wanted.get("samples", drawn))
    if asked.templates and mapper == "template":
        if len(asked.templates) > 1 and "template" not in given:
            raise InputError(f"constraints allow templates {', '.join(asked.templates)}; choose one with --template")
        if given.get("template", asked.templates[0]) not in asked.templates:
            raise InputError(
                f"template '{given['template']}' is none of those that constraints allow: {asked.templates}"
            )
        wanted["template"] = asked.templates[0]
    given = {k: v for k, v in wanted.items() if k in known} | given
    # Axes carry the share from here on, so that every mapper keeps it.
    given["constraints"] = replace(own, sources=())
    if mapper == "template":
        del given["constraints"]
    return given


def _limits(mapper: str, most: int, given: Mapping[str, Any]) -> dict[str, Any]:
    if mapper == "genetic":
        population = max(1, min(given.get("population", 40), most))
        return {"population": population, "generations": max(1, most // population - 1)}
    if mapper == "decoupled":
        tilings = given.get("off_chip", 8)
        return {"evaluations": max(1, most // max(1, tilings))}
    return {LIMITS[mapper]: most} if mapper in LIMITS else {}
