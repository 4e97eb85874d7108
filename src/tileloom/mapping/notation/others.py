"""AccelForge's mappings and dMazeRunner's execution methods among the notations; the steps are in their own files."""

from __future__ import annotations

from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError
from tileloom.mapping.notation import accelforge, dmazerunner, dmazerunner_file
from tileloom.mapping.notation.levels import form
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


def _write_nodes(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    found = accelforge.export_mapping(mapping, problem.name)
    return Written(found.text, found.losses)


def _read_nodes(
    path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None
) -> ReadMapping:
    if problem is None:
        raise InputError(f"{path}: nodes of AccelForge name the dims and tensors of a problem; give it (--problem)")
    chain = accelforge.chain_of(accelforge.read_mapping(path), problem, layer or problem.name)
    unknown = sorted({x.dim for x in chain.loops} - set(problem.extents))
    if unknown:
        raise InputError(
            f"{path}: problem '{problem.name}' has no dims {', '.join(unknown)}; it has {list(problem.extents)}"
        )
    return ReadMapping(problem, chain)


def _write_method(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    if architecture is None:
        raise InputError("an execution method is of a chip with three memories and an array; give it (--arch)")
    found = dmazerunner.from_tree(mapping, problem, architecture)
    exact = any(e != w for e, w in zip(found.method.extents, problem.extents.values()))
    again = dmazerunner.to_tree(found.method, problem, architecture).mapping
    losses = list(found.losses)
    if form(again, problem) != form(mapping, problem):
        losses.append("the axes of loops in space, and tiles fetched again although no loop has moved them")
    return Written(dmazerunner_file.method_to_yaml(found.method, problem.name, imperfect=exact), tuple(losses))


def _read_method(
    path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None
) -> ReadMapping:
    if problem is None or architecture is None:
        raise InputError(f"{path}: an execution method is read with its problem and chip (--problem, --arch)")
    found = dmazerunner.to_tree(dmazerunner_file.read_method(path, problem), problem, architecture)
    axes = "E-AXIS: the axes of loops in space are not said; large factors were given the roomiest axis first"
    spread = any(x.spatial for x in found.mapping.loops) and len(architecture.fanouts[0].axes) > 1
    return ReadMapping(problem, found.mapping, (*found.losses, *([axes] if spread else [])))


ACCELFORGE = Notation(name="accelforge", write=_write_nodes, read=_read_nodes)
DMAZERUNNER = Notation(name="dmazerunner", write=_write_method, read=_read_method)
