"""NeuroSpector's scheduling tables as a notation: a loop nest written as the tool's table file, and a table file as a nest.

A table holds no dataflows; the tool takes them from the accelerator file. They are written as a comment that is read back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.neurospector import DATAFLOWS, Dataflow
from tileloom.architecture.notation.neurospector_chip import accelerator_of
from tileloom.core.errors import InputError
from tileloom.core.tokens import read_text
from tileloom.mapping.normalise import blocked, hoist
from tileloom.mapping.notation.levels import form
from tileloom.mapping.notation.neurospector import read_table, write_table
from tileloom.mapping.notation.neurospector_tree import table_of, tree_of
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import MappingTree
from tileloom.workload.frontends.neurospector import LayerList, layer_of
from tileloom.workload.problem import Problem

MAX_NAME = 200
_COMMENT = "# dataflows of LOCAL_BUFFER and GLOBAL_BUFFER: "


def write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    """The table file. Losses are orders that say more than a dataflow, and buffers that hold less than the chip keeps."""
    if architecture is None:
        raise InputError("a scheduling table belongs to an accelerator: give the chip (--arch)")
    layer, names = layer_of(problem)
    accelerator, places = accelerator_of(architecture, problem, names)
    read = table_of(accelerator, blocked(mapping, problem), problem, names, places)
    flows = " ".join(flow or "NONE" for flow in (read.local_flow, read.global_flow))
    losses = read.losses
    chip = accelerator.with_dataflows(read.local_flow, read.global_flow)
    if not losses:
        again = hoist(tree_of(chip, read.table, problem, names, places), problem)
        if form(again, problem) != form(mapping, problem):
            losses = (
                "E-ORDER: the order of loops beyond which tensor stays still, and where tiles are held among them",
            )
    return Written(f"{_COMMENT}{flows}\n" + write_table(accelerator, layer, read.table), losses)


def read(
    file: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None = None
) -> ReadMapping:
    """The loop nest of a table file. Raises InputError with every fault of the file, and without problem or chip."""
    if problem is None or architecture is None:
        raise InputError(f"{file}: a scheduling table holds neither problem nor chip; give both (--problem, --arch)")
    found, names = layer_of(problem)
    text = read_text(file)
    flows, losses = _dataflows(text)
    accelerator, places = accelerator_of(architecture, problem, names, flows)
    name = named_layer(text)
    if name and len(name) > MAX_NAME:
        raise InputError(f"{file}: the layer's name has {len(name)} characters; at most {MAX_NAME} are read")
    # The problem given is meant, whatever the file calls it.
    known = LayerList(problem.name, (replace(found, name=name or found.name),))
    _, table = read_table(file, accelerator, known, text=text)
    tree = hoist(tree_of(accelerator, table, problem, names, places), problem)
    return ReadMapping(problem, tree, losses)


def named_layer(text: str) -> str | None:
    """The name of its layer that a table gives, in small letters."""
    named = re.search(r"(?im)^\s*(?:layer_name|name)\s*=\s*(\S+)", text)
    return named.group(1).lower() if named else None


def _dataflows(text: str) -> tuple[tuple[Dataflow | None, Dataflow | None], tuple[str, ...]]:
    line = next((x for x in text.splitlines() if x.startswith(_COMMENT)), None)
    if line is None:
        return ("WS", "OS"), ("the table names no dataflows; WS in the local and OS in the global buffer are taken",)
    local, shared = (next((f for f in DATAFLOWS if f == w), None) for w in (*line[len(_COMMENT) :].split(), "", "")[:2])
    return (local, shared), ()  # type: ignore[return-value]


NEUROSPECTOR = Notation(name="neurospector", write=write, read=read)
