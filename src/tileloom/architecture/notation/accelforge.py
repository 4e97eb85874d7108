"""Architecture files of AccelForge, resolved per einsum to an Architecture.

An AccelForge file is an expression: sizes, enabled units and kept tensors depend on the einsum, so reading gives an
`AccelforgeArchitecture` and `resolve` gives the hardware as one einsum meets it. Joules become pJ, seconds cycles of
1 GHz, square metres mm2. Component models (`component_class`) are not run: their numbers are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.accelforge_numbers import FREE, ComponentNumbers
from tileloom.architecture.notation.accelforge_resolve import Resolver
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.expression import Value, evaluate
from tileloom.core.tagged_yaml import TaggedMap
from tileloom.core.templated_yaml import load_templated
from tileloom.workload.frontends.accelforge import AccelforgeEinsum, einsum_of
from tileloom.workload.problem import Problem

_COMMON_KEYS = ("name", "component_class", "actions", "leak_power", "leak_power_scale", "area", "area_scale",
                "total_latency", "energy_scale", "throughput_scale", "latency_scale", "n_parallel_instances", "spatial",
                "enabled", "extra_attributes_for_component_model")  # fmt: skip
_KEYS = {
    "Memory": (*_COMMON_KEYS, "size", "tensors", "bits_per_value", "bits_per_action", "skip_initial_output_write"),
    "Container": ("name", "spatial", "enabled"),
    "Compute": _COMMON_KEYS,
}
_SPATIAL_KEYS = ("name", "fanout", "reuse", "may_reuse", "min_usage", "usage_scale", "loop_bounds", "power_gateable")
_TENSOR_KEYS = ("keep", "may_keep", "force_memory_hierarchy_order")
_ACTION_KEYS = ("name", "energy", "energy_scale", "throughput", "throughput_scale", "latency", "latency_scale",
                "bits_per_action", "extra_attributes_for_component_model")  # fmt: skip
_REFUSED = {
    "Toll": "a toll (an action on passing values) has no counterpart; model it as a memory",
    "Network": "a network between nodes has no counterpart",
    "Fork": "branches of the hierarchy are not read; give one path",
    "Parallel": "branches of the hierarchy are not read; give one path",
}


@dataclass(frozen=True)
class AccelforgeArchitecture:
    """A file read and its templates rendered; `resolve` makes the hardware for one einsum."""

    name: str
    nodes: tuple[TaggedMap, ...]
    variables: Mapping[str, Value] = field(default_factory=dict)
    source: str = ""

    def resolve(
        self,
        einsum: AccelforgeEinsum | Problem,
        *,
        components: Mapping[str, ComponentNumbers] | None = None,
        fused: bool = False,
        min_usage: float | None = None,
        inside: frozenset[str] | None = None,
    ) -> Architecture:
        """The architecture that an einsum meets.

        components  numbers of the component models, by component
        fused       False: every tensor is kept in the outermost memory;  True: as the file says
        min_usage   replaces `min_usage` of every spatial dimension
        inside      with `fused`: exactly these tensors are not held in the outermost memory

        Raises InputError with every fault of every node, UnsupportedError for what has no counterpart.
        """
        met = einsum_of(einsum) if isinstance(einsum, Problem) else einsum
        resolver = Resolver(
            self.source, self.variables, met, components=components or {}, fused=fused, min_usage=min_usage, inside=inside,
        )  # fmt: skip
        return resolver.architecture(self.name, self.nodes)

    def resolve_fused(
        self,
        einsum: AccelforgeEinsum,
        *,
        components: Mapping[str, ComponentNumbers] | None = None,
        min_usage: float | None = None,
    ) -> dict[frozenset[str], Architecture]:
        """Set of tensors that are not in the outermost memory -> the architecture then, for every set the rules allow.

        Raises as `resolve`.
        """
        resolver = Resolver(
            self.source, self.variables, einsum, components=components or {}, fused=True, min_usage=min_usage
        )
        free, never = resolver.outermost_choice(self.nodes)
        sets = [
            never.union(extra)
            for count in range(len(free - never) + 1)
            for extra in combinations(sorted(free - never), count)
        ]
        return {s: self.resolve(einsum, components=components, fused=True, min_usage=min_usage, inside=s) for s in sets}

    def components_without_numbers(self) -> tuple[str, ...]:
        """Components whose class would have to be run to know their numbers, outermost first."""
        return tuple(str(n["name"]) for n in self.nodes if n.get("component_class") not in (None, FREE))


def read_architecture(
    path: str | Path, variables: Mapping[str, object] | None = None, folders: Iterable[Path] = ()
) -> AccelforgeArchitecture:
    """Reads an architecture file; `variables` are the values of its templates, `folders` further places for includes.

    Raises InputError with file and line, MissingDependencyError when templates need jinja2.
    """
    path = Path(path)
    document = load_templated(path, variables or {}, folders)
    arch = document.get("arch")
    nodes = arch.get("nodes") if isinstance(arch, Mapping) else None
    if not isinstance(nodes, list) or not nodes:
        raise InputError(f"{path}: no 'arch: nodes:' list; keys there: {', '.join(document) or 'none'}", file=str(path))
    given = document.get("variables")
    own = {str(k): v for k, v in given.items()} if isinstance(given, Mapping) else {}
    flat = tuple(_flatten(nodes, str(path)))
    faults = [f for node in flat for f in _key_faults(node, str(path))]
    if faults:
        raise InputError(faults, file=str(path))
    return AccelforgeArchitecture(path.stem, flat, _variables(own, str(path)), str(path))


def _variables(given: Mapping[str, Any], file: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in given.items():
        found[name] = evaluate(value, found, f"{file}: variable {name}")
    return found


def _flatten(nodes: list[Any], file: str) -> Iterable[TaggedMap]:
    for node in nodes:
        if not isinstance(node, TaggedMap) or not node.tag:
            raise InputError(f"{file}: a node needs a tag such as !Memory, got {str(node)[:80]}", file=file)
        if node.tag == "Hierarchical":
            yield from _flatten(list(node.get("nodes") or []), file)
        elif node.tag in _REFUSED:
            raise UnsupportedError(f"{file}:{node.line}: !{node.tag} '{node.get('name', '')}': {_REFUSED[node.tag]}")
        else:
            yield node


def _key_faults(node: TaggedMap, file: str) -> Iterable[str]:
    place = f"{file}: !{node.tag} '{node.get('name', '')}' (line {node.line})"
    if node.tag not in _KEYS:
        yield f"{place}: unknown tag{did_you_mean(node.tag, _KEYS)}; there are !{', !'.join(_KEYS)}"
        return
    if not isinstance(node.get("name"), str):
        yield f"{place}: 'name' is missing"
    yield from _unknown(node, _KEYS[node.tag], place)
    if isinstance(node.get("tensors"), Mapping):
        yield from _unknown(node["tensors"], _TENSOR_KEYS, f"{place}: tensors")
    for key, known in (("actions", _ACTION_KEYS), ("spatial", _SPATIAL_KEYS)):
        entries = node.get(key)
        if entries is not None and not isinstance(entries, list):
            yield f"{place}: '{key}' must be a list"
            continue
        for entry in entries or []:
            if not isinstance(entry, Mapping) or "name" not in entry:
                yield f"{place}: {key}: every entry is a mapping with a 'name'"
            else:
                yield from _unknown(entry, known, f"{place}: {key} '{entry['name']}'")


def _unknown(given: Mapping[str, Any], known: Iterable[str], place: str) -> Iterable[str]:
    names = list(known)
    for key in given:
        if key not in names:
            yield f"{place}: '{key}' is not understood{did_you_mean(key, names)}"
