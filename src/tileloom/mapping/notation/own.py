"""Tileloom's own YAML among the notations. The reader and writer themselves are in mapping/yaml.py."""

from __future__ import annotations

from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.yaml import mapping_from_yaml, mapping_to_yaml
from tileloom.workload.problem import Problem


def _write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    return Written(mapping_to_yaml(mapping, problem.name))


def _read(path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None) -> ReadMapping:
    if problem is None:
        raise InputError(f"{path}: a mapping in YAML needs its problem (--problem)")
    return ReadMapping(problem, mapping_from_yaml(path, problem))


YAML = Notation(name="yaml", write=_write, read=_read)
