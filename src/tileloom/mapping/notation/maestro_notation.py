"""MAESTRO's .m files among the notations: one layer with its dataflow as a mapping, a network as a model file.

Reader and writer of the text are maestro_reader.py and maestro_writer.py; the steps to and from loops are in maestro_tree.py
and maestro_directives.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.mapping.notation.maestro import DirectiveLayer, MaestroFile
from tileloom.mapping.notation.maestro_directives import directives_of_tree
from tileloom.mapping.notation.maestro_meaning import problem_of
from tileloom.mapping.notation.maestro_problem import layer_of, word
from tileloom.mapping.notation.maestro_reader import read_mapping
from tileloom.mapping.notation.maestro_templates import apply_template
from tileloom.mapping.notation.maestro_tree import AxisPlace, assign_axes, levels_of, loops_of, tree_of
from tileloom.mapping.notation.maestro_writer import format_mapping
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import MappingTree
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem

MAX_NAME = 200


def pick_layer(file: MaestroFile, layer: str | None) -> DirectiveLayer:
    """The layer of that name, or the only one. Raises InputError with the names there are."""
    names = [one.name for one in file.layers]
    longest = max(map(len, names), default=0)
    if longest > MAX_NAME:
        raise InputError(f"{file.path}: a layer's name has {longest} characters; at most {MAX_NAME} are read")
    if layer is None and len(names) == 1:
        return file.layers[0]
    if layer not in names:
        given = "has several layers" if layer is None else f"has no layer '{layer}'{did_you_mean(layer, names)}"
        raise InputError(f"{file.path} {given}; name one of {', '.join(names) or 'none'} (--layer)")
    return file.layers[names.index(layer)]


def _read(path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None) -> ReadMapping:
    if architecture is None:
        raise InputError(f"{path}: directives become loops on a chip's axes; give it (--arch)")
    chosen = pick_layer(read_mapping(path), layer)
    if not chosen.dataflow:
        raise InputError(f"{path}: layer '{chosen.name}' has no Dataflow; it is a model file (map it with a template)")
    work = problem or problem_of(chosen)
    levels = levels_of(chosen)
    axes = [AxisPlace(f.name, a.name, a.size) for f in architecture.fanouts for a in f.axes]
    nest = loops_of(work, layer_of(work), chosen, assign_axes(len(levels), [size for _, size in levels], axes))
    losses = (*nest.losses, "where tiles are held is not said: at MAESTRO's places (docs/maestro.md)")
    return ReadMapping(work, tree_of(work, architecture, nest), losses)


def _write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    named = layer_of(problem)
    flow, losses = directives_of_tree(problem, named, mapping)
    file = MaestroFile("network", (replace(named.layer, dataflow=flow),))
    return Written(format_mapping(file) + "\n", (*named.losses, *losses))


def write_network(network: Network, template: str | None = None, num_pes: int = 256) -> Written:
    """A model file of every layer that MAESTRO can say, in order; the others, and all that is no layer, are losses.

    template, num_pes   with a template's dataflow in each layer (a mapping file), clusters cut down to that many PEs
    A layer that runs several times is written once for each.
    """
    layers: list[DirectiveLayer] = []
    losses: list[str] = []
    seen: dict[str, int] = {}
    for layer in network.layers:
        try:
            named = layer_of(layer.problem)
            found = named.layer if template is None else apply_template(template, named.layer, num_pes)
        except UnsupportedError as error:
            losses.append(f"layer '{layer.name}' is left out: {error}")
            continue
        losses += [f"layer '{layer.name}': {loss}" for loss in named.losses]
        for _ in range(layer.count):
            name = word(layer.name)
            seen[name] = seen.get(name, 0) + 1
            layers.append(replace(found, name=name if seen[name] == 1 else f"{name}_{seen[name]}"))
    silent = Counter(op.operator for op in network.vector_ops if op.elements)
    losses += [f"{many} {kind} left out: no multiplications" for kind, many in silent.items()]
    losses += [f"{s.operator} '{s.node}' is left out: {s.reason}" for s in network.skipped]
    file = MaestroFile(word(network.name), tuple(layers))
    return Written(format_mapping(file, dataflows=template is not None) + "\n", tuple(losses))


MAESTRO = Notation(name="maestro", write=_write, read=_read, network=write_network)
