"""Reads ZigZag's workload and mapping YAML files: layers with their spatial mapping, memory links and fixed loop orders.

The values are in zigzag_layer.py, the texts of equations are read in zigzag.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from tileloom.core.errors import InputError
from tileloom.core.validate import Schema, fault, validate
from tileloom.core.yamlio import Document, load_yaml
from tileloom.workload.frontends.zigzag import DEFAULT_LINKS, make_layer, topological
from tileloom.workload.frontends.zigzag_layer import REST, Unroll, ZigzagNetwork, ZigzagNode

Size = Annotated[int, Field(ge=1, le=2**31, strict=True)]
Bits = Annotated[int, Field(ge=0, le=1024, strict=True)]
_WISH = re.compile(r"([A-Z]\w*)\s*,\s*([1-9]\d*)")


class _Layer(Schema):
    id: int
    name: str | None = None
    operator_type: str
    equation: str
    dimension_relations: list[str] = Field(default_factory=list)
    loop_dims: list[str]
    loop_sizes: list[Size]
    operand_precision: dict[str, Bits]
    operand_source: dict[str, int] = Field(default_factory=dict)
    pr_loop_dims: list[str] | None = None
    pr_loop_sizes: list[Size] | None = None
    padding: list[list[int]] | None = None


class _Workload(Schema):
    layers: list[_Layer]


class _Mapping(Schema):
    name: str
    spatial_mapping: dict[str, list[str]] | None = None
    memory_operand_links: dict[str, str] | None = None
    spatial_mapping_hint: dict[str, list[str]] | None = None
    temporal_ordering: list[list[Any]] | None = None


class _Mappings(Schema):
    mappings: list[_Mapping]


@dataclass(frozen=True)
class MappingRule:
    """What a mapping file says for layers of a name or operator type, or for all others ('default')."""

    name: str
    spatial: tuple[tuple[str, tuple[Unroll, ...]], ...]
    links: tuple[tuple[str, str], ...]
    order: tuple[Unroll, ...] | None


def read_mapping(path: str | Path) -> tuple[MappingRule, ...]:
    """The rules of a mapping file. InputError with every fault: unknown keys, wishes that are not 'K, 32', no default."""
    document = _listed(load_yaml(path, last_key_wins=True), "mappings")
    file = validate(_Mappings, document)
    faults: list[str] = []
    rules = []
    for number, entry in enumerate(file.mappings):
        place = ("mappings", number)
        spatial = []
        for dim, wishes in (entry.spatial_mapping or {}).items():
            loops = [_WISH.fullmatch(text) for text in wishes]
            if None in loops or any(len(m[2]) > 12 for m in loops if m):
                faults.append(fault(document, (*place, "spatial_mapping", dim), f"{wishes} is not a list of 'K, 32'"))
            spatial.append((dim, tuple((m[1], int(m[2][:12])) for m in loops if m)))
        order = entry.temporal_ordering
        if order is not None and not all(_is_loop(o) for o in order):
            searched = any(o == ["*", "*"] for o in order)
            what = "expected [LOOP, size] or [LOOP, '*'], innermost first" + (
                "; ['*', '*'] leaves loops to ZigZag's search: name them, or search with mapper loma"
                if searched
                else ""
            )
            faults.append(fault(document, (*place, "temporal_ordering"), what))
            order = None
        loops_ = None if order is None else tuple((str(d), REST if size == "*" else int(size)) for d, size in order)
        links = entry.memory_operand_links or DEFAULT_LINKS
        rules.append(MappingRule(entry.name, tuple(spatial), tuple(links.items()), loops_))
    if "default" not in {r.name for r in rules}:
        faults.append(f"{document.file}: no mapping named 'default'; add one for layers without a rule of their own")
    if faults:
        raise InputError(faults, file=document.file)
    return tuple(rules)


def _is_loop(pair: Sequence[object]) -> bool:
    if len(pair) != 2 or pair[0] == "*" or isinstance(pair[1], bool):
        return False
    return pair[1] == "*" or (isinstance(pair[1], int) and 1 <= pair[1] <= 2**31)


def rule_for(rules: Sequence[MappingRule], name: str, kind: str) -> MappingRule:
    """The rule of a layer: by its name, else by its operator type, else the default."""
    for wanted in (name, kind, "default"):
        for rule in rules:
            if rule.name == wanted:
                return rule
    raise InputError(f"no mapping for layer '{name}' ({kind}) and no default")


def read_workload(path: str | Path, rules: Sequence[MappingRule] = ()) -> ZigzagNetwork:
    """The layers of a workload file under the rules of a mapping file.

    Raises InputError with every fault: unknown keys, sizes and dimensions that do not pair, operands that are linked to
    no memory, sources that do not exist or form a cycle.
    """
    document = _listed(load_yaml(path, last_key_wins=True), "layers")
    file = validate(_Workload, document)
    numbers = {layer.id for layer in file.layers}
    faults: list[str] = []
    nodes = []
    for number, layer in enumerate(file.layers):
        place = ("layers", number)
        if len(layer.loop_dims) != len(layer.loop_sizes):
            what = f"{len(layer.loop_dims)} loop_dims but {len(layer.loop_sizes)} loop_sizes"
            faults.append(fault(document, (*place, "loop_sizes"), what))
            continue
        sources = {o: s for o, s in layer.operand_source.items() if s != layer.id}
        for operand, source in sources.items():
            if source not in numbers:
                what = f"layer {source} does not exist; there are {sorted(numbers)}"
                faults.append(fault(document, (*place, "operand_source", operand), what))
        try:
            nodes.append(_node(layer, sources, rules))
        except InputError as error:
            faults += [f"{document.at(place)}: {problem}" for problem in error.problems]
    if faults:
        raise InputError(faults, file=document.file)
    return ZigzagNetwork(Path(path).stem, topological(Path(path).stem, nodes))


def _node(layer: _Layer, sources: dict[str, int], rules: Sequence[MappingRule]) -> ZigzagNode:
    name = layer.name or f"Layer{layer.id}"
    rule = rule_for(rules, name, layer.operator_type) if rules else None
    sizes = dict(zip(layer.loop_dims, layer.loop_sizes))
    known = {d.upper() for d in sizes}
    spatial = {}
    for dim, loops in rule.spatial if rule else ():
        kept = tuple(loop for loop in loops if loop[0] in known)
        if kept:
            spatial[dim] = kept
    caps = dict(zip(layer.pr_loop_dims or (), layer.pr_loop_sizes or ()))
    made = make_layer(
        name, layer.equation, layer.dimension_relations, sizes, layer.operand_precision,
        dict(rule.links) if rule else None, spatial, caps=caps, order=rule.order if rule else None,
        kind=layer.operator_type,
    )  # fmt: skip
    constants = tuple(o for o, s in layer.operand_source.items() if s == layer.id)
    return ZigzagNode(layer.id, made, tuple((o, (s,)) for o, s in sources.items()), (), constants)


def _listed(document: Document, key: str) -> Document:
    """The document with its top-level list under a key, so that messages have places."""
    if not isinstance(document.data, list):
        raise InputError(f"{document.file}: expected a list of {key}", file=document.file)
    return document.under(key)
