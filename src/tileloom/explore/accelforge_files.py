"""AccelForge's own files in place of ours: told apart by their top-level keys, read and resolved for a workload.

The reading itself is in the notation folders of workload and architecture; conformity checks are in conform/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.core.files import is_file
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem

YAML_ENDINGS = (".yaml", ".yml", ".jinja")
HEAD_BYTES = 1_000_000


def has_section(path: str | Path, section: str) -> bool:
    """Whether it is a YAML file (or a template of one) with the top-level key `section`: 'arch' or 'workload'."""
    file = Path(path)
    if file.suffix.lower() not in YAML_ENDINGS or not is_file(file):
        return False
    with file.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    return re.search(rb"^" + section.encode() + rb"\s*:", head, re.MULTILINE) is not None


def read_network(path: str | Path, variables: Mapping[str, object]) -> Network:
    """A workload file as a network. Raises InputError with every fault."""
    from tileloom.workload.frontends.accelforge import read_workload, to_network

    return to_network(read_workload(path, variables))


def read_chip(path: str | Path, variables: Mapping[str, object], problems: Sequence[Problem]) -> Architecture:
    """An architecture file, resolved for these problems. InputError without any; UnsupportedError where they disagree.

    Its rules speak of sets of tensors, which every einsum fills with its own; several einsums share one chip where the
    same can be said of roles.
    """
    from tileloom.architecture.notation.accelforge import read_architecture
    from tileloom.architecture.notation.accelforge_merge import merge

    if not problems:
        raise InputError(
            f"{path}: an AccelForge architecture is another chip for every workload; give both, as in "
            f"'tileloom map WORKLOAD --arch {path}'"
        )
    file = read_architecture(path, variables)
    met = [(problem, file.resolve(problem)) for problem in problems]
    if len(met) == 1:
        return met[0][1]
    chip, others = merge(met)
    if others:
        together = [problem.name for problem in problems if problem.name not in others]
        raise UnsupportedError(
            f"{path}: its rules give {', '.join(others[:5])}{' and others' * (len(others) > 5)} another chip than the "
            f"rest; map them apart: first with {_layers(together or others[:1])}, then the others with --layer"
        )
    return chip


def _layers(names: Sequence[str]) -> str:
    return " ".join(f"--layer {name}" for name in names)
