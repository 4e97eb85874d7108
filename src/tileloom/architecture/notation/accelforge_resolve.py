"""The nodes of an AccelForge architecture as one einsum meets them: sizes, sets and units evaluated, units converted.

Joules become pJ, seconds cycles of 1 GHz, square metres mm2. Reading files is in accelforge.py, numbers of components in
accelforge_numbers.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from math import inf
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
from tileloom.architecture.notation.accelforge_numbers import ActionNumbers, ComponentNumbers, component_numbers
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.core.expression import Value, evaluate, number, parse
from tileloom.core.tagged_yaml import TaggedMap
from tileloom.workload.frontends.accelforge import AccelforgeEinsum
from tileloom.workload.tensor_sets import TensorNames, evaluate_set

PICOJOULES = 1e12
CLOCK_HZ = 1e9
SQUARE_MILLIMETRES = 1e6


class Resolver:
    """Turns the nodes into ours for one einsum, collecting every fault."""

    def __init__(
        self,
        source: str,
        variables: Mapping[str, Value],
        einsum: AccelforgeEinsum,
        *,
        components: Mapping[str, ComponentNumbers],
        fused: bool,
        min_usage: float | None,
        inside: frozenset[str] | None = None,
    ) -> None:
        self.source, self.einsum, self.components = source, einsum, components
        self.fused, self.min_usage, self.inside = fused, min_usage, inside
        self.names: dict[str, Value] = {**variables, **einsum.sets}
        self.faults: list[str] = []
        self.outermost = True

    def architecture(self, name: str, given: Iterable[TaggedMap]) -> Architecture:
        """Our nodes for the file's. Raises InputError with every fault, UnsupportedError for the first such thing."""
        nodes: list[Node] = []
        for node in given:
            try:
                nodes += self._node(node)
            except InputError as error:
                self.faults += error.problems
        if self.faults:
            raise InputError(self.faults, file=self.source)
        last = max((i for i, n in enumerate(nodes) if isinstance(n, Compute)), default=-1)
        # Our list ends at a unit: what lies below the innermost one serves nothing.
        return Architecture(name, tuple(nodes[: last + 1]), CLOCK_HZ, source=self.source)

    def _node(self, node: TaggedMap) -> list[Node]:
        place = self._place(node)
        fanout = self._fanout(node, place)
        if node.tag == "Container":
            return fanout if self._enabled(node, place) else []
        if node.tag == "Compute":
            return [*fanout, self._compute(node, place)]
        return [*fanout, self._memory(node, place)] if self._enabled(node, place) else []

    def _place(self, node: TaggedMap) -> str:
        return f"{self.source}: {node['name']} (einsum '{self.einsum.name}')"

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
        form = latency_form(node.get("total_latency"), self.names, place)
        numbers = self._component(node, ("compute",), form, place)
        return Compute(
            name=node["name"],
            energy_pj=numbers.actions["compute"].energy_j * PICOJOULES,
            ops_per_cycle=_rate(numbers.actions["compute"], form),
            n_inputs=self._arity(node, place),
            leakage_pj_per_cycle=numbers.leak_power_w * PICOJOULES / CLOCK_HZ,
            area_mm2=numbers.area_m2 * SQUARE_MILLIMETRES,
            source=self.source,
        )

    def _component(self, node: TaggedMap, actions: tuple[str, ...], form: LatencyForm, place: str) -> ComponentNumbers:
        return component_numbers(node, actions, self.components.get(node["name"]), form, self._number, place)

    def _arity(self, node: TaggedMap, place: str) -> tuple[int, ...]:
        """`enabled: len(All) == 3` is a unit for two inputs; a unit disabled otherwise takes no number of inputs."""
        stated = _stated_arity(node.get("enabled"), place)
        if stated is not None:
            return (stated - 1,)
        return () if self._enabled(node, place) else (0,)

    def _memory(self, node: TaggedMap, place: str) -> Memory:
        form = latency_form(node.get("total_latency"), self.names, place)
        numbers = self._component(node, ("read", "write"), form, place)
        width = node.get("bits_per_action", 1)
        widths = {a["name"]: a.get("bits_per_action", width) for a in node.get("actions") or []}
        keep, may_keep = self._kept(node, place)
        ports = {
            name: Port(
                energy_pj=action.energy_j * PICOJOULES,
                width_bits=float(self._number(widths.get(name, width), f"{place}: bits_per_action")),
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
            source=self.source,
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
        if self.outermost and self.fused and self.inside is not None:
            keep = may_keep = self._outermost(keep, may_keep, place)
        self.outermost = False
        held = TensorNames(keep.certain, keep.possible | may_keep.possible, everything.universe)
        self.names[node["name"]] = held
        keep_now = TensorNames(keep.certain, keep.certain, everything.universe)
        may_now = TensorNames(held.possible, held.possible, everything.universe)
        return keep_now, may_now

    def _outermost(self, keep: TensorNames, may_keep: TensorNames, place: str) -> TensorNames:
        """What the outermost memory holds when the tensors `inside` are to live further in."""
        inside = self.inside or frozenset()
        held = keep.all - inside
        wrong = sorted((inside & keep.certain) | (held - keep.possible - may_keep.possible))
        if wrong:
            raise InputError(f"{place}: its rules leave no choice for {', '.join(wrong)}")
        return TensorNames(held, held, keep.universe)

    def outermost_choice(self, given: Iterable[TaggedMap]) -> tuple[frozenset[str], frozenset[str]]:
        """(tensors that need not, tensors that must not be in the outermost memory)."""
        node = next(n for n in given if n.tag == "Memory")
        place, rules = self._place(node), node.get("tensors") or {}
        keep = self._set(rules.get("keep", "Nothing"), place)
        may_keep = self._set(rules.get("may_keep", "Nothing" if "keep" in rules else "All"), place)
        free = keep.all - keep.certain
        return free, free - keep.possible - may_keep.possible

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


def _rate(action: ActionNumbers, form: LatencyForm) -> float:
    """Actions per cycle of the clock."""
    if form.scale == 0:
        return inf
    return (action.throughput_hz if form.by_throughput else 1.0) / form.scale / CLOCK_HZ


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
