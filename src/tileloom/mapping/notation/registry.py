"""Notations that mappings and networks can be written in and read from, by name. Imports none until it is asked for.

A notation is a module-level value with the fields of `Notation`; what a step loses is listed, never dropped silently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.core.registry import Registry, from_module
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class Written:
    """A text, and what it says less exactly than the value it was made from."""

    text: str
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadMapping:
    """A mapping of a problem, and what it does otherwise than the text it was read from."""

    problem: Problem
    mapping: MappingTree
    losses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """How one format is written and read. What a format has no word for is None.

    write      (problem, architecture, mapping) -> text; the architecture is None where the caller has none
    read       (file, problem, architecture, layer) -> mapping; the last three may be None: a format that holds its problem
               takes it from there, one that holds several layers picks `layer`
    network    (network, options of the format by name) -> text
    """

    name: str
    write: Callable[[Problem, Architecture | None, MappingTree], Written] | None = None
    read: Callable[[Path, Problem | None, Architecture | None, str | None], ReadMapping] | None = None
    network: Callable[..., Written] | None = None


NOTATIONS: Registry[Notation] = Registry(
    kind="format",
    group="tileloom.notations",
    builtin={
        "yaml": from_module("tileloom.mapping.notation.own:YAML"),
        "maestro": from_module("tileloom.mapping.notation.maestro_notation:MAESTRO"),
        "neurospector": from_module("tileloom.mapping.notation.neurospector_notation:NEUROSPECTOR"),
        "union": from_module("tileloom.mapping.notation.union_file:UNION"),
        "timeloop": from_module("tileloom.mapping.notation.timeloop:TIMELOOP"),
        "accelforge": from_module("tileloom.mapping.notation.others:ACCELFORGE"),
        "dmazerunner": from_module("tileloom.mapping.notation.others:DMAZERUNNER"),
        "zigzag": from_module("tileloom.mapping.notation.zigzag_notation:ZIGZAG"),
        "gamma": from_module("tileloom.mapping.notation.gamma:GAMMA"),
    },
    about={
        "yaml": "mapping: Tileloom's own files",
        "maestro": "mapping and network: MAESTRO's .m files (directives; model files)",
        "union": "mapping: Union's clusters and blocks of tile sizes, with their problem",
        "timeloop": "mapping: Timeloop's directives (factors with residuals, permutations, split, bypass)",
        "accelforge": "mapping: AccelForge's nodes (Storage, Temporal, Spatial, Compute)",
        "neurospector": "mapping: NeuroSpector's scheduling tables",
        "zigzag": "mapping: ZigZag's mapping files (spatial_mapping, temporal_ordering)",
        "dmazerunner": "mapping: dMazeRunner's execution methods",
        "gamma": "mapping: GAMMA's genomes, 7 genes a level",
    },
)

SUFFIXES = {".m": "maestro", ".cfg": "neurospector", ".yaml": "yaml", ".yml": "yaml"}
"""Of files that are recognised by their names."""


def notation_of(file: str) -> str:
    """The notation of a file by its suffix. Raises InputError where it has none of them."""
    found = next((name for suffix, name in SUFFIXES.items() if file.endswith(suffix)), None)
    if found is None:
        raise InputError(
            f"the format of '{file}' cannot be told from its name; give --from, one of {', '.join(NOTATIONS.names())}"
        )
    return found
