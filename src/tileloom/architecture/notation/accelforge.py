"""Architecture files of AccelForge, resolved per einsum to an Architecture.

An AccelForge file is an expression: sizes, enabled units and kept tensors depend on the einsum, so reading gives an
`AccelforgeArchitecture` and `resolve` gives the hardware as one einsum meets it. Joules become pJ, seconds cycles of
1 GHz, square metres mm2. Component models (`component_class`) are not run: their numbers are handed in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from tileloom.architecture.model import (
    EVERYTHING,
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    Node,
    Port,
    TensorSet,
)
from tileloom.architecture.notation.accelforge_latency import LatencyForm, latency_form
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.expression import Value, evaluate, number, parse
from tileloom.core.tagged_yaml import TaggedMap
from tileloom.core.templated_yaml import load_templated
from tileloom.workload.frontends.accelforge import AccelforgeEinsum, einsum_of
from tileloom.workload.problem import Problem
from tileloom.workload.tensor_sets import TensorNames, evaluate_set

PICOJOULES = 1e12
CLOCK_HZ = 1e9
SQUARE_MILLIMETRES = 1e6

_COMMON_KEYS = ("name", "component_class", "actions", "leak_power", "leak_power_scale", "area", "area_scale",
                "total_latency", "energy_scale", "latency_scale", "spatial", "enabled",
                "extra_attributes_for_component_model")  # fmt: skip
_KEYS = {
    "Memory": (*_COMMON_KEYS, "size", "tensors", "bits_per_value", "skip_initial_output_write"),
    "Container": ("name", "spatial", "enabled"),
    "Compute": _COMMON_KEYS,
}
_SPATIAL_KEYS = ("name", "fanout", "reuse", "may_reuse", "min_usage", "usage_scale", "loop_bounds", "power_gateable")
_TENSOR_KEYS = ("keep", "may_keep", "force_memory_hierarchy_order")
_ACTION_KEYS = ("name", "energy", "energy_scale", "throughput", "throughput_scale", "bits_per_action",
                "extra_attributes_for_component_model")  # fmt: skip
_REFUSED = {
    "Toll": "a toll (an action on passing values) has no counterpart; model it as a memory",
    "Network": "a network between nodes has no counterpart",
    "Fork": "branches of the hierarchy are not read; give one path",
    "Parallel": "branches of the hierarchy are not read; give one path",
}
FREE = "Dummy"
"""The component class without energy, time, leakage or area."""


@dataclass(frozen=True, kw_only=True)
class ActionNumbers:
    """What a component model gives for one action: energy in J and actions per second."""

    energy_j: float
    throughput_hz: float = inf


@dataclass(frozen=True, kw_only=True)
class ComponentNumbers:
    """What a component model gives for a component: actions by name, leakage in W per instance."""

    actions: Mapping[str, ActionNumbers]
    leak_power_w: float = 0.0
    area_m2: float = 0.0


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
    ) -> Architecture:
        """The architecture that an einsum meets.

        components  numbers of the component models, by component
        fused       False: every tensor is kept in the outermost memory;  True: as the file says
        min_usage   replaces `min_usage` of every spatial dimension

        Raises InputError with every fault of every node, UnsupportedError for what has no counterpart.
        """
        met = einsum_of(einsum) if isinstance(einsum, Problem) else einsum
        resolver = _Resolver(self, met, components or {}, fused, min_usage)
        return resolver.architecture()

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


class _Resolver:
    """Turns the nodes into ours for one einsum, collecting every fault."""

    def __init__(
        self,
        file: AccelforgeArchitecture,
        einsum: AccelforgeEinsum,
        components: Mapping[str, ComponentNumbers],
        fused: bool,
        min_usage: float | None,
    ) -> None:
        self.file, self.einsum, self.components = file, einsum, components
        self.fused, self.min_usage = fused, min_usage
        self.names: dict[str, Value] = {**file.variables, **einsum.sets}
        self.faults: list[str] = []
        self.outermost = True

    def architecture(self) -> Architecture:
        nodes: list[Node] = []
        for node in self.file.nodes:
            try:
                nodes += self._node(node)
            except InputError as error:
                self.faults += error.problems
        if self.faults:
            raise InputError(self.faults, file=self.file.source)
        last = max((i for i, n in enumerate(nodes) if isinstance(n, Compute)), default=-1)
        # Our list ends at a unit: what lies below the innermost one serves nothing.
        return Architecture(self.file.name, tuple(nodes[: last + 1]), CLOCK_HZ, source=self.file.source)

    def _node(self, node: TaggedMap) -> list[Node]:
        place = self._place(node)
        fanout = self._fanout(node, place)
        if node.tag == "Container":
            return fanout if self._enabled(node, place) else []
        if node.tag == "Compute":
            return [*fanout, self._compute(node, place)]
        return [*fanout, self._memory(node, place)] if self._enabled(node, place) else []

    def _place(self, node: TaggedMap) -> str:
        return f"{self.file.source}: {node['name']} (einsum '{self.einsum.name}')"

    def _enabled(self, node: TaggedMap, place: str) -> bool:
        value = evaluate(node.get("enabled", True), self.names, f"{place}: enabled")
        return value.length() > 0 if isinstance(value, TensorNames) else bool(value)

    def _number(self, value: object, place: str) -> float | int:
        if not isinstance(value, str | int | float):
            raise InputError(f"{place}: {str(value)[:80]} is not a number")
        return number(value, self.names, place)

    def _fanout(self, node: TaggedMap, place: str) -> list[Node]:
        axes = tuple(self._axis(entry, f"{place}: spatial '{entry['name']}'") for entry in node.get("spatial") or [])
        return [Fanout(name=node["name"], axes=axes)] if axes else []

    def _axis(self, entry: Mapping[str, Any], place: str) -> FanoutAxis:
        size = self._number(entry.get("fanout", 1), f"{place}: fanout")
        if size != int(size) or size < 1:
            raise InputError(f"{place}: fanout {size} is not a whole number of at least 1")
        if self._number(entry.get("usage_scale", 1), place) != 1:
            raise UnsupportedError(f"{place}: usage_scale other than 1 has no counterpart")
        reuse = self._set(entry["reuse"], f"{place}: reuse") if "reuse" in entry else None
        if "may_reuse" in entry:
            multicast = _names_of(self._set(entry["may_reuse"], f"{place}: may_reuse"))
        else:
            multicast = EVERYTHING if reuse is None else _names_of(reuse)
        given = entry.get("min_usage", 0) if self.min_usage is None else self.min_usage
        return FanoutAxis(
            name=str(entry["name"]),
            size=int(size),
            multicast=multicast,
            stationary=_names_of(reuse) if reuse is not None else TensorSet(()),
            dims=self._loop_bounds(entry.get("loop_bounds"), place),
            min_utilization=float(self._number(given, f"{place}: min_usage")),
        )

    def _loop_bounds(self, bounds: object, place: str) -> tuple[str, ...]:
        if bounds in (None, []):
            return ()
        raise UnsupportedError(f"{place}: loop_bounds are not read; state the allowed dimensions in a Tileloom file")

    def _set(self, text: object, place: str) -> TensorNames:
        if not isinstance(text, str | list):
            raise InputError(
                f"{place}: {str(text)[:80]} is no set of tensors; write e.g. 'input | output' or 'Nothing'"
            )
        return evaluate_set(text, self.names, place)

    def _compute(self, node: TaggedMap, place: str) -> Compute:
        numbers = self._component(node, ("compute",), place)
        form = self._latency(node, place)
        rate = _rate(numbers.actions["compute"], form)
        return Compute(
            name=node["name"],
            energy_pj=numbers.actions["compute"].energy_j * PICOJOULES,
            ops_per_cycle=rate,
            n_inputs=self._arity(node, place),
            leakage_pj_per_cycle=numbers.leak_power_w * PICOJOULES / CLOCK_HZ,
            area_mm2=numbers.area_m2 * SQUARE_MILLIMETRES,
            source=self.file.source,
        )

    def _arity(self, node: TaggedMap, place: str) -> tuple[int, ...]:
        """`enabled: len(All) == 3` is a unit for two inputs; a unit disabled otherwise takes no number of inputs."""
        stated = _stated_arity(node.get("enabled"), place)
        if stated is not None:
            return (stated - 1,)
        return () if self._enabled(node, place) else (0,)

    def _memory(self, node: TaggedMap, place: str) -> Memory:
        numbers = self._component(node, ("read", "write"), place)
        form = self._latency(node, place)
        widths = {str(a["name"]): self._number(a.get("bits_per_action", 1), place) for a in node.get("actions") or []}
        keep, may_keep = self._kept(node, place)
        ports = {
            name: Port(
                energy_pj=action.energy_j * PICOJOULES,
                width_bits=float(widths.get(name, 1)),
                accesses_per_cycle=_rate(action, form),
            )
            for name, action in numbers.actions.items()
        }
        skips = self._number(node.get("skip_initial_output_write", True), f"{place}: skip_initial_output_write")
        return Memory(
            name=node["name"],
            capacity_bits=self._size(node, place),
            read=ports["read"],
            write=ports["write"],
            ports=form.ports,
            keep=_names_of(keep),
            may_keep=_names_of(may_keep),
            value_bits=self._value_bits(node, place),
            refetch_first_output=not skips,
            leakage_pj_per_cycle=numbers.leak_power_w * PICOJOULES / CLOCK_HZ,
            area_mm2=numbers.area_m2 * SQUARE_MILLIMETRES,
            source=self.file.source,
        )

    def _size(self, node: TaggedMap, place: str) -> int | None:
        if "size" not in node:
            raise InputError(f"{place}: 'size' (bits) is missing; 'inf' for a memory without limit")
        size = self._number(node["size"], f"{place}: size")
        if size < 0:
            raise InputError(f"{place}: size {size} is negative")
        return None if size == inf else int(size)

    def _kept(self, node: TaggedMap, place: str) -> tuple[TensorNames, TensorNames]:
        """(must keep, may keep), and the memory's name as a set for the rules further in."""
        rules = node.get("tensors") or {}
        everything = self._set("All", place)
        keep = self._set(rules.get("keep", "Nothing"), f"{place}: keep")
        may_keep = self._set(rules.get("may_keep", "Nothing" if "keep" in rules else "All"), f"{place}: may_keep")
        if self.outermost and not self.fused:
            keep = everything
        self.outermost = False
        held = TensorNames(keep.certain, keep.possible | may_keep.possible, everything.universe)
        self.names[node["name"]] = held
        keep_now = TensorNames(keep.certain, keep.certain, everything.universe)
        may_now = TensorNames(held.possible, held.possible, everything.universe)
        return keep_now, may_now

    def _value_bits(self, node: TaggedMap, place: str) -> tuple[tuple[str, int], ...]:
        rules = node.get("bits_per_value")
        if rules is None:
            return ()
        given = rules if isinstance(rules, Mapping) else {"All": rules}
        bits: dict[str, int] = {}
        for key, width in sorted(given.items(), key=lambda item: str(item[0]) != "All"):
            value = self._number(width, f"{place}: bits_per_value of {key}")
            if value != int(value) or value < 1:
                raise InputError(f"{place}: bits_per_value of {key} is {value}; a whole number is needed")
            bits.update({name: int(value) for name in self._set(key, place).certain})
        return tuple(sorted(bits.items()))

    def _latency(self, node: TaggedMap, place: str) -> LatencyForm:
        form = latency_form(node.get("total_latency"), self.names, place)
        scale = float(self._number(node.get("latency_scale", 1), f"{place}: latency_scale"))
        return replace(form, scale=form.scale * scale)

    def _component(self, node: TaggedMap, names: tuple[str, ...], place: str) -> ComponentNumbers:
        """Numbers of a component: stated in the file, else handed in, else zero for a Dummy; otherwise a fault."""
        kind = node.get("component_class")
        given = self.components.get(str(node["name"]))
        known = given.actions if given is not None else {}
        entries = {str(a["name"]): a for a in node.get("actions") or []}
        odd = sorted(set(entries) - set(names))
        if odd:
            raise InputError(f"{place}: action '{odd[0]}'{did_you_mean(odd[0], names)}; it has {' and '.join(names)}")
        needs_rate = latency_form(node.get("total_latency"), self.names, place).by_throughput
        actions: dict[str, ActionNumbers] = {}
        missing: list[str] = []
        for name in names:
            entry, backup = entries.get(name, {}), known.get(name)
            backup = ActionNumbers(energy_j=0.0) if backup is None and kind == FREE else backup
            energy = self._stated(entry, "energy", backup.energy_j if backup else None, place)
            rate = self._stated(entry, "throughput", backup.throughput_hz if backup else None, place)
            rate = inf if rate is None and not needs_rate else rate
            missing += [f"{what} of '{name}'" for what, v in (("energy", energy), ("throughput", rate)) if v is None]
            actions[name] = ActionNumbers(energy_j=energy or 0.0, throughput_hz=inf if rate is None else rate)
        leak = self._stated(node, "leak_power", given.leak_power_w if given else None, place)
        if leak is None and kind not in (None, FREE):
            missing.append("leak_power")
        if missing:
            raise InputError(
                f"{place}: {', '.join(missing)} not stated; component class '{kind}' is not run: "
                "state the numbers in the file or hand them in by component"
            )
        scale = float(self._number(node.get("energy_scale", 1), place))
        scaled = {n: replace(a, energy_j=a.energy_j * scale) for n, a in actions.items()}
        area = self._stated(node, "area", given.area_m2 if given else None, place)
        return ComponentNumbers(actions=scaled, leak_power_w=leak or 0.0, area_m2=area or 0.0)

    def _stated(self, entry: Mapping[str, Any], key: str, backup: float | None, place: str) -> float | None:
        """The number under `key`, or `backup`, times `<key>_scale`; None when there is neither."""
        if entry.get(key) is not None:
            value: float | None = float(self._number(entry[key], f"{place}: {key}"))
        else:
            value = backup
        if value is not None and (value < 0 or value != value):
            raise InputError(f"{place}: {key} {value} is negative")
        scale = float(self._number(entry.get(f"{key}_scale", 1), f"{place}: {key}_scale"))
        return None if value is None else value * scale


def _rate(action: ActionNumbers, form: LatencyForm) -> float:
    """Actions per cycle of the clock."""
    if form.scale == 0:
        return inf
    hertz = action.throughput_hz if form.by_throughput else 1.0
    if hertz == 0:
        raise InputError("a throughput of 0 actions per second")
    return hertz / form.scale / CLOCK_HZ


def _names_of(tensors: TensorNames) -> TensorSet:
    """'all' is kept as such so that the architecture reads the same for every einsum."""
    if not tensors.is_certain:
        raise UnsupportedError("a set that depends on what the search keeps elsewhere can only be kept, not reused")
    return EVERYTHING if tensors.certain == tensors.all else TensorSet(tuple(sorted(tensors.certain)))


def _stated_arity(enabled: object, place: str) -> int | None:
    """N of `enabled: len(All) == N`."""
    if not isinstance(enabled, str):
        return None
    tree = parse(enabled, f"{place}: enabled")
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or not isinstance(tree.ops[0], ast.Eq):
        return None
    left, right = tree.left, tree.comparators[0]
    counts_all = (
        isinstance(left, ast.Call)
        and isinstance(left.func, ast.Name)
        and left.func.id == "len"
        and len(left.args) == 1
        and isinstance(left.args[0], ast.Name)
        and left.args[0].id == "All"
    )
    if counts_all and isinstance(right, ast.Constant) and type(right.value) is int:
        return right.value
    return None
