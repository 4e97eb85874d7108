"""AccelForge's mapping notation to and from the mapping tree.

Nodes are Storage, Toll, Temporal, Spatial, Sequential/Nested (also Pipeline, Parallel) and Compute, outermost first, as
tagged YAML (`!Storage {...}`) or as plain mappings with a `type` or `kind`. Whether a mapping is legal is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.tagged_yaml import TaggedMap, load_tagged
from tileloom.core.templated_yaml import load_templated
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.mapping.yaml import scalar
from tileloom.workload.problem import Problem

_KINDS = ("storage", "toll", "temporal", "spatial", "sequential", "nested", "pipeline", "parallel", "compute")
_BRANCHES: dict[str, type[Seq] | type[Pipe] | type[Par]] = {"sequential": Seq, "pipeline": Pipe, "parallel": Par}
MAX_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Exported:
    """A mapping as text of another notation and what the notation could not say."""

    text: str
    losses: tuple[str, ...] = ()


def read_mapping(
    path: str | Path, variables: Mapping[str, object] | None = None, folders: Iterable[Path] = ()
) -> MappingTree:
    """The mapping of a YAML file (`mapping: nodes: [...]`). InputError when it is not one."""
    return _of_document(load_templated(Path(path), variables or {}, folders), str(path))


def parse_mapping(text: str, where: str = "<mapping>") -> MappingTree:
    """As `read_mapping`, of text without templates."""
    return _of_document(load_tagged(text, where), where)


def _of_document(document: Any, where: str) -> MappingTree:
    mapping = document.get("mapping", document) if isinstance(document, Mapping) else None
    nodes = mapping.get("nodes") if isinstance(mapping, Mapping) else None
    if not isinstance(nodes, list):
        keys = ", ".join(map(str, document)) if isinstance(document, Mapping) else "none"
        raise InputError(f"{where}: no 'mapping: nodes:' list; keys there: {keys}", file=where)
    return import_nodes(nodes, where)


def import_nodes(nodes: Sequence[Mapping[str, Any]], where: str = "mapping") -> MappingTree:
    """The tree of a list of nodes, outermost first. Raises InputError with every faulty node."""
    faults: list[str] = []
    tree = _import(nodes, where, faults, 0)
    if faults:
        raise InputError(faults)
    return MappingTree(tree)


def chain_of(mapping: MappingTree, problem: Problem, name: str | None = None) -> MappingTree:
    """The part of a branching mapping that runs one problem: the nodes on the way to its Compute.

    Holds of other problems' tensors are left out. Raises InputError when no Compute is the problem's.
    """
    wanted = name or problem.name
    path = _path_to(mapping.nodes, wanted)
    if path is None:
        raise InputError(f"the mapping computes no '{wanted}'")
    own = {t.name for t in problem.tensors}
    chain: list[TreeNode] = []
    for node in path:
        if isinstance(node, Hold):
            held = tuple(t for t in node.tensors if t in own)
            if held:
                chain.append(Hold(held, node.memory, node.mode))
        else:
            chain.append(Compute(node.unit) if isinstance(node, Compute) else node)
    return MappingTree(tuple(chain))


def storage_orders(mapping: MappingTree) -> Iterator[MappingTree]:
    """The chain with every Hold of several tensors taken apart, in every order of its tensors.

    Holds of the first memory (backing stores) stay together: nothing about them depends on order.
    """
    backing = mapping.holds[0].memory if mapping.holds else ""
    choices: list[list[tuple[TreeNode, ...]]] = []
    for node in mapping.nodes:
        if isinstance(node, Hold) and len(node.tensors) > 1 and node.memory != backing:
            choices.append([tuple(Hold((t,), node.memory, node.mode) for t in o) for o in permutations(node.tensors)])
        else:
            choices.append([(node,)])
    if all(len(choice) == 1 for choice in choices):
        return
    for parts in product(*choices):
        yield MappingTree(tuple(node for part in parts for node in part))


def export_mapping(mapping: MappingTree, problem: str) -> Exported:
    """The mapping as AccelForge YAML; `problem` names the einsum of a Compute that names none.

    Raises UnsupportedError for loops that advance together, which the notation cannot say at all.
    """
    losses: list[str] = []
    lines = ["mapping:", "  nodes:"]
    _export(mapping.nodes, problem, "  ", lines, losses)
    return Exported("\n".join(lines) + "\n", tuple(dict.fromkeys(losses)))


def _import(nodes: Sequence[Any], where: str, faults: list[str], depth: int) -> tuple[TreeNode, ...]:
    found: list[TreeNode] = []
    if depth > MAX_DEPTH:
        faults.append(f"{where}: nodes are nested deeper than {MAX_DEPTH}")
        return ()
    for position, node in enumerate(nodes):
        place = f"{where}: node {position + 1}"
        try:
            found.extend(_node(node, place, faults, depth))
        except InputError as error:
            faults.extend(error.problems)
    return tuple(found)


def _node(node: Any, place: str, faults: list[str], depth: int) -> tuple[TreeNode, ...]:
    if not isinstance(node, Mapping):
        raise InputError(f"{place}: a node is a mapping, got {node!r}"[:300])
    kind = str(node.tag if isinstance(node, TaggedMap) and node.tag else node.get("type", node.get("kind", ""))).lower()
    if kind not in _KINDS:
        raise InputError(f"{place}: unknown kind '{kind}'{did_you_mean(kind, _KINDS)}; there are {', '.join(_KINDS)}")
    if kind in ("storage", "toll"):
        return (_hold(node, kind, place),)
    if kind in ("temporal", "spatial"):
        return (_loop(node, kind, place),)
    if kind == "compute":
        einsum = node.get("einsum")
        return (Compute(_text(node, "component", place), None if einsum is None else str(einsum)),)
    children = node.get("nodes")
    if not isinstance(children, list):
        raise InputError(f"{place}: {kind} needs a list 'nodes'")
    if kind == "nested":
        return _import(children, place, faults, depth + 1)
    branches = tuple(
        _import([child], f"{place}, branch {i + 1}", faults, depth + 1) for i, child in enumerate(children)
    )
    return (_BRANCHES[kind](branches),)


def _hold(node: Mapping[str, Any], kind: str, place: str) -> Hold:
    tensors = node.get("tensors", node.get("tensor"))
    listed = [tensors] if isinstance(tensors, str) else tensors
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(t, str) for t in listed):
        raise InputError(f"{place}: {kind} needs 'tensors', a list of names; got {tensors!r}"[:300])
    return Hold(tuple(listed), _text(node, "component", place), "stream" if kind == "toll" else "keep")


def _loop(node: Mapping[str, Any], kind: str, place: str) -> Loop:
    variable = _text(node, "rank_variable", place)
    tile = _whole(node, "tile_shape", place)
    first = _whole(node, "initial_tile_shape", place) if node.get("initial_tile_shape") is not None else None
    if kind == "temporal":
        return Loop(variable, tile, first=first)
    axis = node.get("name", node.get("spatial_dim"))
    if not isinstance(axis, str):
        raise InputError(f"{place}: spatial needs 'name', the dimension of the fanout; got {axis!r}"[:300])
    return Loop(variable, tile, target=_text(node, "component", place), axis=axis, first=first)


def _text(node: Mapping[str, Any], key: str, place: str) -> str:
    value = node.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{place}: '{key}' must be a name, got {value!r}"[:300])
    return value


def _whole(node: Mapping[str, Any], key: str, place: str) -> int:
    value = node.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 1:
        raise InputError(f"{place}: '{key}' must be a whole number of at least 1, got {value!r}"[:300])
    return int(value)


def _path_to(nodes: Sequence[TreeNode], problem: str) -> list[TreeNode] | None:
    path: list[TreeNode] = []
    for node in nodes:
        if isinstance(node, Seq | Pipe | Par):
            for branch in node.children:
                rest = _path_to(branch, problem)
                if rest is not None:
                    return [*path, *rest]
            return None
        path.append(node)
        if isinstance(node, Compute):
            return path if node.problem in (None, problem) else None
    return None


def _export(nodes: Sequence[TreeNode], problem: str, indent: str, lines: list[str], losses: list[str]) -> None:
    for node in nodes:
        if isinstance(node, Loop):
            lines.append(indent + _loop_text(node, losses))
        elif isinstance(node, Hold):
            kind = "Toll" if node.mode == "stream" else "Storage"
            tensors = ", ".join(map(scalar, node.tensors))
            lines.append(f"{indent}- !{kind} {{tensors: [{tensors}], component: {scalar(node.memory)}}}")
        elif isinstance(node, Compute):
            einsum = scalar(node.problem or problem)
            lines.append(f"{indent}- !Compute {{einsum: {einsum}, component: {scalar(node.unit)}}}")
        elif isinstance(node, Joint):
            dims = ", ".join(loop.dim for loop in node.loops)
            raise UnsupportedError(f"AccelForge has no loops that advance together ({dims}); export to 'union' instead")
        else:
            kind = next(k for k, made in _BRANCHES.items() if isinstance(node, made)).capitalize()
            lines += [f"{indent}- !{kind}", f"{indent}  nodes:"]
            for branch in node.children:
                lines += [f"{indent}  - !Nested", f"{indent}    nodes:"]
                _export(branch, problem, indent + "    ", lines, losses)


def _loop_text(loop: Loop, losses: list[str]) -> str:
    values = [f"rank_variable: {scalar(loop.dim)}", f"tile_shape: {loop.tile}"]
    if loop.first is not None:
        values.append(f"initial_tile_shape: {loop.first}")
    if loop.last is not None:
        losses.append(f"the size {loop.last} of the last tile of '{loop.dim}' is not stated; it follows from the bound")
    if not loop.spatial:
        return f"- !Temporal {{{', '.join(values)}}}"
    values += [f"component: {scalar(loop.target or '')}", f"name: {scalar(loop.axis or '')}"]
    return f"- !Spatial {{{', '.join(values)}}}"
