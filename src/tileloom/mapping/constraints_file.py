"""Constraints files: sections hardware, workload and mapper, read with the line of every mistake.

What the rules mean is in constraints.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

from tileloom.architecture.model import Architecture, TensorSet
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, load_yaml, parse_yaml
from tileloom.mapping.constraints import AxisRule, Constraints, MapperRules, OrderRule, Relation, TileRule, merged
from tileloom.mapping.notation.timeloop_constraints import constraints_from_timeloop, is_timeloop

Where: TypeAlias = "tuple[str | int, ...]"
HARDWARE_AXIS = ("dims", "max_dims", "min_util", "allow_reduction", "max_size")
MAPPER = ("perfect", "min_utilisation", "sample_ratio", "max_evaluations", "seed", "templates")


def read_constraints(
    files: Sequence[str | Path], architecture: Architecture | None = None, tell: Callable[[str], None] | None = None
) -> Constraints:
    """All files merged by intersection. InputError names the two sources of every contradiction.

    architecture   whose memories and axes Timeloop's constraints name; without it only files of our own are read
    tell           called with each rule of a file of Timeloop's that has no form here
    """
    read = []
    for file in files:
        document = load_yaml(file)
        if not is_timeloop(document):
            read.append(_Reader(document).read())
        elif architecture is None:
            raise InputError(f"{file}: Timeloop's constraints name a chip's memories; give it (--arch)", file=str(file))
        else:
            found, losses = constraints_from_timeloop(document, architecture)
            read.append(found)
            if tell is not None:
                for loss in losses:
                    tell(loss)
    return reduce(merged, read, Constraints())


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
            order: {GLB: "n ... k"}
          mapper: {perfect: true, min_utilisation: 0.8, max_evaluations: 10000, seed: 0}

    Raises InputError with every mistake and its line.
    """
    is_text = isinstance(source, str) and "\n" in source
    document = parse_yaml(str(source), file="<constraints>") if is_text else load_yaml(source)
    return _Reader(document).read()


_SIZE = re.compile(r"[0-9]{1,12}")


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[str] = []

    def read(self) -> Constraints:
        top = self.table(self.document.data, (), ("constraints",))
        body = self.table(top.get("constraints", {}), ("constraints",), ("hardware", "workload", "mapper"))
        at: Where = ("constraints", "hardware")
        axes: list[AxisRule] = []
        tensors: list[tuple[str, TensorSet]] = []
        together: list[tuple[str, int]] = []
        sources: list[tuple[str, str]] = []
        for name, value in self.table(body.get("hardware", {}), at).items():
            if name == "clusters":
                axes += self.clusters(value, (*at, name), together, sources)
            elif "." in name:
                axes.append(self.axis(name, value, (*at, name)))
            else:
                table = self.table(value, (*at, name), ("tensors",))
                tensors.append((name, TensorSet(self.names(table.get("tensors", []), (*at, name, "tensors")))))
                sources.append((f"tensors {name}", self.source((*at, name))))
        result = self.workload(self.table(body.get("workload", {}), ("constraints", "workload")))
        mapper = self.mapper(body.get("mapper", {}), ("constraints", "mapper"))
        at = ("constraints", "mapper")
        sources += [(n, self.source((*at, n))) for n in ("seed", "templates") if n in (body.get("mapper") or {})]
        if self.faults:
            raise InputError(self.faults, file=self.document.file)
        return replace(
            result,
            axes=tuple(axes),
            clusters=tuple(together),
            tensors=tuple(tensors),
            mapper=mapper,
            sources=(*result.sources, *sources),
        )

    def fault(self, path: Where, message: str) -> None:
        self.faults.append(f"{self.document.at(path)}: {'.'.join(map(str, path)) or 'file'}: {message}")

    def source(self, path: Where) -> str:
        return f"{self.document.at(path)}: "

    def clusters(
        self, value: Any, path: Where, together: list[tuple[str, int]], sources: list[tuple[str, str]]
    ) -> list[AxisRule]:
        """{PE.X: {max_size: 8}}: at most so many places are used along an axis; {PE: {max_size: 64}}: on all axes together."""
        found = []
        for name, rules in self.table(value, path).items():
            fanout, dot, axis = str(name).partition(".")
            table = self.table(rules, (*path, name), ("max_size",))
            most = self.number(table.get("max_size"), (*path, name, "max_size"), 1, 1e9, True)
            if not dot:
                together.append((fanout, most or 1))
                sources.append((f"clusters {fanout}", self.source((*path, name))))
                continue
            found.append(AxisRule(fanout=fanout, axis=axis, max_size=most, source=self.source((*path, name))))
        return found

    def mapper(self, value: Any, path: Where) -> MapperRules:
        table = self.table(value, path, MAPPER)

        def number(name: str, low: float, high: float, whole: bool) -> Any:
            return self.number(table[name], (*path, name), low, high, whole) if name in table else None

        return MapperRules(
            perfect=self.truth(table.get("perfect", False), (*path, "perfect")),
            min_utilization=number("min_utilisation", 0, 1, False),
            sample_ratio=number("sample_ratio", 0, 1, False),
            max_evaluations=number("max_evaluations", 1, 1e15, True),
            seed=number("seed", 0, 2**63, True),
            templates=self.names(table.get("templates", []), (*path, "templates")),
        )

    def truth(self, value: Any, path: Where) -> bool:
        if not isinstance(value, bool):
            self.fault(path, f"expected true or false, got {value!r}")
        return value is True

    def order(self, memory: str, text: Any, path: Where) -> OrderRule:
        """'n ... k': n outermost, k innermost; without '...' all names stand outermost in this order."""
        words = str(text).split()
        if words.count("...") > 1 or len({w for w in words if w != "..."}) < len([w for w in words if w != "..."]):
            self.fault(path, f"expected dims, outermost first, with '...' for the others at most once, got {text!r}")
            return OrderRule(memory)
        at = words.index("...") if "..." in words else len(words)
        return OrderRule(memory, tuple(words[:at]), tuple(words[at + 1 :]), self.source(path))

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
        table = self.table(value, path, HARDWARE_AXIS)
        fanout, _, axis = name.partition(".")
        most, share = table.get("max_dims"), table.get("min_util")
        return AxisRule(
            fanout=fanout,
            axis=axis,
            dims=self.names(table.get("dims", []), (*path, "dims")),
            max_dims=None if most is None else self.number(most, (*path, "max_dims"), 1, 100, True),
            min_utilization=None if share is None else self.number(share, (*path, "min_util"), 0, 1, False),
            allow_reduction=self.truth(table.get("allow_reduction", True), (*path, "allow_reduction")),
            max_size=self.number(table["max_size"], (*path, "max_size"), 1, 1e9, True) if "max_size" in table else None,
            source=self.source(path),
        )

    def workload(self, table: Mapping[str, Any]) -> Constraints:
        no_spatial: set[str] = set()
        full_at: set[tuple[str, str]] = set()
        tiles: list[TileRule] = []
        orders: list[OrderRule] = []
        sources: list[tuple[str, str]] = []
        for name, value in table.items():
            path: Where = ("constraints", "workload", name)
            if name == "tile":
                for memory, dims in self.table(value, path).items():
                    for dim, text in self.table(dims, (*path, memory)).items():
                        tiles.append(self.tile(memory, dim, text, (*path, memory, dim)))
                continue
            if name == "order":
                orders += [self.order(m, text, (*path, m)) for m, text in self.table(value, path).items()]
                continue
            rules = self.table(value, path, ("no_spatial", "full_at"))
            sources.append((f"full_at {name}", self.source(path)))
            if self.truth(rules.get("no_spatial", False), (*path, "no_spatial")):
                no_spatial.add(name)
            if "full_at" in rules:
                full_at.add((name, str(rules["full_at"])))
        return Constraints(
            no_spatial=frozenset(no_spatial),
            full_at=frozenset(full_at),
            tiles=tuple(tiles),
            orders=tuple(orders),
            sources=tuple(sources),
        )

    def tile(self, memory: str, dim: str, text: Any, path: Where) -> TileRule:
        word, _, rest = str(text).strip().rpartition(" ")
        relations: dict[str, Relation] = {"": "=", "=": "=", "<=": "<=", ">=": ">=", "multiple_of": "multiple_of"}
        relation = relations.get(word.strip())
        if relation is None or not _SIZE.fullmatch(rest) or int(rest) < 1:
            self.fault(path, f"expected a size, or '<= 7', '>= 2', 'multiple_of 4', got {text!r}")
            return TileRule(memory, dim, "=", 1)
        return TileRule(memory, dim, relation, int(rest), self.source(path))
