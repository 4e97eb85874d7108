"""What a user may forbid or fix in a mapping space, read from a file and merged with what the hardware allows.

Constraints narrow the space before it is searched; they are never checked by drawing and throwing away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, TensorSet
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, load_yaml, parse_yaml
from tileloom.workload.problem import Problem

Relation = Literal["=", "<=", ">=", "multiple_of"]
Where: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisRule:
    """Narrows one axis of a fanout. None leaves what the architecture says."""

    fanout: str
    axis: str
    dims: tuple[str, ...] = ()
    max_dims: int | None = None
    min_utilization: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class TileRule:
    """The extent of `dim` at the innermost hold of `memory` compares so with `value`."""

    memory: str
    dim: str
    relation: Relation
    value: int

    def holds(self, extent: int) -> bool:
        if self.relation == "=":
            return extent == self.value
        if self.relation == "multiple_of":
            return extent % self.value == 0
        return extent <= self.value if self.relation == "<=" else extent >= self.value


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """axes        narrower axes of fanouts
    tensors     (memory, tensors or roles): it keeps exactly these
    no_spatial  dims that run in time only
    full_at     (dim, memory): the whole dim lies inside that memory's tile
    tiles       bounds on tiles
    """

    axes: tuple[AxisRule, ...] = ()
    tensors: tuple[tuple[str, TensorSet], ...] = ()
    no_spatial: frozenset[str] = frozenset()
    full_at: frozenset[tuple[str, str]] = frozenset()
    tiles: tuple[TileRule, ...] = ()


FREE = Constraints()


def constrain(problem: Problem, architecture: Architecture, constraints: Constraints) -> Architecture:
    """The architecture with its axes and keep sets narrowed: intersection of both.

    Raises InputError for names that do not exist and for rules that leave nothing, naming both sides.
    """
    faults: list[str] = []
    nodes = []
    for node in architecture.nodes:
        if isinstance(node, Fanout):
            node = replace(node, axes=tuple(_narrowed(node, a, constraints, faults) for a in node.axes))
        elif isinstance(node, Memory):
            for name, tensors in constraints.tensors:
                if name == node.name:
                    faults += _placement_conflicts(problem, node, tensors)
                    node = replace(node, keep=tensors, may_keep=tensors)
        nodes.append(node)
    known = {f"{f.name}.{a.name}" for f in architecture.fanouts for a in f.axes}
    memories = [m.name for m in architecture.memories]
    for rule in constraints.axes:
        name = f"{rule.fanout}.{rule.axis}"
        if name not in known:
            faults.append(f"{rule.source}no axis '{name}'{did_you_mean(name, known)}; there are {sorted(known)}")
    named = [name for name, _ in constraints.tensors] + [m for _, m in sorted(constraints.full_at)]
    for name in [*named, *(t.memory for t in constraints.tiles)]:
        if name not in memories:
            faults.append(f"no memory '{name}'{did_you_mean(name, memories)}; there are {memories}")
    dims = [d for d, _ in sorted(constraints.full_at)] + [t.dim for t in constraints.tiles]
    for dim in dict.fromkeys([*dims, *sorted(constraints.no_spatial)]):
        if dim not in problem.extents:
            near = did_you_mean(dim, problem.extents)
            faults.append(f"'{problem.name}' has no dim '{dim}'{near}; it has {list(problem.extents)}")
    if faults:
        raise InputError([f"constraints on '{architecture.name}': {f}" for f in faults])
    return replace(architecture, nodes=tuple(nodes))


def _placement_conflicts(problem: Problem, memory: Memory, tensors: TensorSet) -> list[str]:
    faults = []
    for t in problem.tensors:
        if tensors.has(t) and not memory.allows(t):
            faults.append(f"'{memory.name}' is to keep '{t.name}', but the architecture does not let it")
        if memory.keep.has(t) and not tensors.has(t):
            faults.append(f"'{memory.name}' is to leave out '{t.name}', but the architecture makes it keep it")
    return faults


def _narrowed(fanout: Fanout, axis: FanoutAxis, constraints: Constraints, faults: list[str]) -> FanoutAxis:
    for rule in constraints.axes:
        if (rule.fanout, rule.axis) != (fanout.name, axis.name):
            continue
        dims = axis.dims
        if rule.dims:
            dims = tuple(d for d in rule.dims if not axis.dims or d in axis.dims)
            if not dims:
                faults.append(
                    f"{rule.source}'{fanout.name}.{axis.name}' is to take only {list(rule.dims)}, "
                    f"but the architecture lets only {list(axis.dims)} lie there"
                )
        most = [n for n in (axis.max_dims, rule.max_dims) if n is not None]
        share = max(axis.min_utilization, rule.min_utilization or 0.0)
        axis = replace(axis, dims=dims, max_dims=min(most, default=None), min_utilization=share)
    return axis


def constraints_from_yaml(source: str | Path) -> Constraints:
    """Read a constraints file, or text with a line break in it.

        constraints:
          hardware:
            PE.X: {dims: [k, c], max_dims: 1, min_util: 0.5}
            GLB: {tensors: [input, O]}
          workload:
            n: {no_spatial: true}
            r: {full_at: RF}
            tile: {RF: {r: 3, p: "<= 7", q: "multiple_of 2"}}

    Raises InputError with every mistake and its line.
    """
    is_text = isinstance(source, str) and "\n" in source
    document = parse_yaml(str(source), file="<constraints>") if is_text else load_yaml(source)
    return _Reader(document).read()


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[str] = []

    def read(self) -> Constraints:
        top = self.table(self.document.data, (), ("constraints",))
        body = self.table(top.get("constraints", {}), ("constraints",), ("hardware", "workload"))
        at: Where = ("constraints", "hardware")
        axes: list[AxisRule] = []
        tensors: list[tuple[str, TensorSet]] = []
        for name, value in self.table(body.get("hardware", {}), at).items():
            if "." in name:
                axes.append(self.axis(name, value, (*at, name)))
            else:
                table = self.table(value, (*at, name), ("tensors",))
                tensors.append((name, TensorSet(self.names(table.get("tensors", []), (*at, name, "tensors")))))
        result = self.workload(self.table(body.get("workload", {}), ("constraints", "workload")))
        if self.faults:
            raise InputError(self.faults, file=self.document.file)
        return replace(result, axes=tuple(axes), tensors=tuple(tensors))

    def fault(self, path: Where, message: str) -> None:
        self.faults.append(f"{self.document.at(path)}: {'.'.join(map(str, path)) or 'file'}: {message}")

    def table(self, value: Any, path: Where, allowed: tuple[str, ...] = ()) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fault(path, f"expected a table, got {value!r}")
            return {}
        for key in value:
            if allowed and key not in allowed:
                near = did_you_mean(key, allowed)
                self.fault((*path, key), f"unknown key '{key}'{near}; expected {', '.join(allowed)}")
        return {k: v for k, v in value.items() if not allowed or k in allowed}

    def names(self, value: Any, path: Where) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.fault(path, f"expected a list of names, got {value!r}")
            return ()
        return tuple(value)

    def number(self, value: Any, path: Where, low: float, high: float, whole: bool) -> Any:
        right = isinstance(value, int) if whole else isinstance(value, int | float)
        if isinstance(value, bool) or not right or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            self.fault(path, f"expected {kind} from {low:g} to {high:g}, got {value!r}")
            return None
        return value

    def axis(self, name: str, value: Any, path: Where) -> AxisRule:
        table = self.table(value, path, ("dims", "max_dims", "min_util"))
        fanout, _, axis = name.partition(".")
        most, share = table.get("max_dims"), table.get("min_util")
        return AxisRule(
            fanout=fanout,
            axis=axis,
            dims=self.names(table.get("dims", []), (*path, "dims")),
            max_dims=None if most is None else self.number(most, (*path, "max_dims"), 1, 100, True),
            min_utilization=None if share is None else self.number(share, (*path, "min_util"), 0, 1, False),
            source=f"{self.document.at(path)}: ",
        )

    def workload(self, table: Mapping[str, Any]) -> Constraints:
        no_spatial: set[str] = set()
        full_at: set[tuple[str, str]] = set()
        tiles: list[TileRule] = []
        for name, value in table.items():
            path: Where = ("constraints", "workload", name)
            if name == "tile":
                for memory, dims in self.table(value, path).items():
                    for dim, text in self.table(dims, (*path, memory)).items():
                        tiles.append(self.tile(memory, dim, text, (*path, memory, dim)))
                continue
            rules = self.table(value, path, ("no_spatial", "full_at"))
            if rules.get("no_spatial"):
                no_spatial.add(name)
            if "full_at" in rules:
                full_at.add((name, str(rules["full_at"])))
        return Constraints(no_spatial=frozenset(no_spatial), full_at=frozenset(full_at), tiles=tuple(tiles))

    def tile(self, memory: str, dim: str, text: Any, path: Where) -> TileRule:
        word, _, rest = str(text).strip().rpartition(" ")
        relations: dict[str, Relation] = {"": "=", "=": "=", "<=": "<=", ">=": ">=", "multiple_of": "multiple_of"}
        relation = relations.get(word.strip())
        if relation is None or not rest.isdigit() or int(rest) < 1:
            self.fault(path, f"expected a size, or '<= 7', '>= 2', 'multiple_of 4', got {text!r}")
            return TileRule(memory, dim, "=", 1)
        return TileRule(memory, dim, relation, int(rest))
