"""The exact file form of a mapping: YAML that reads back to the same tree, with every mistake reported by line.

Whether a mapping suits a problem and an architecture is legality.py's question; here only the form is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, load_yaml, parse_yaml
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import MAX_EXTENT, Problem

BRANCHES: dict[str, type[Seq] | type[Pipe] | type[Par]] = {"seq": Seq, "pipe": Pipe, "par": Par}
KEYS: dict[str, tuple[str, ...]] = {
    "hold": (),
    "for": ("tile", "factor", "target", "first", "last"),
    "pfor": ("tile", "factor", "axis", "target", "first", "last"),
    "joint": (),
    "seq": (),
    "pipe": (),
    "par": (),
    "compute": ("problem",),
}
"""Node kinds, and the keys each takes beside its own."""

Where: TypeAlias = "tuple[str | int, ...]"
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
NOT_PLAIN = {"null", "true", "false", "yes", "no", "on", "off"}
"""Words that some YAML readers turn into something else. They are written in quotes."""


def mapping_to_yaml(mapping: MappingTree, problem_name: str) -> str:
    """The mapping as YAML, one node a line. `mapping_from_yaml` gives the same tree back.

    mapping:
      problem: gemm1
      nodes:
      - hold: {memory: DRAM, tensors: [A, B, C]}
      - {for: k, tile: 16}
      - {pfor: m, tile: 1, axis: X, target: PE}
      - {compute: MAC}
    """
    lines = ["mapping:", f"  problem: {scalar(problem_name)}", "  nodes:" + ("" if mapping.nodes else " []")]
    _write(mapping.nodes, "  ", lines)
    return "\n".join(lines) + "\n"


def mapping_from_yaml(source: str | Path, problem: Problem | None = None) -> MappingTree:
    """Read a mapping from a path, or from text (a string with a line break in it).

    problem  needed where a loop gives `factor` (trips) in place of `tile`; its dims and tensors are then checked too
    Raises InputError with every mistake: file:line, the place, the value, and what is expected.
    """
    return named_mapping_from_yaml(source, problem)[1]


def named_mapping_from_yaml(source: str | Path, problem: Problem | None = None) -> tuple[str, MappingTree]:
    """As `mapping_from_yaml`, with the name of the problem that the file is for."""
    is_text = isinstance(source, str) and "\n" in source
    document = parse_yaml(str(source), file="<mapping>") if is_text else load_yaml(source)
    return _Reader(document, problem).read()


def branched_mapping_from_yaml(source: str | Path) -> MappingTree | None:
    """The mapping where the file is one with seq, pipe or par branches; None for anything else, readable or not."""
    is_text = isinstance(source, str) and "\n" in source
    try:
        document = parse_yaml(str(source), file="<mapping>") if is_text else load_yaml(source)
    except (InputError, OSError, UnicodeDecodeError):
        return None
    body = document.data.get("mapping") if isinstance(document.data, dict) else None
    nodes = body.get("nodes") if isinstance(body, dict) else None
    if not isinstance(nodes, list) or not any(isinstance(n, dict) and n.keys() & BRANCHES.keys() for n in nodes):
        return None
    return _Reader(document, None).read()[1]


@lru_cache(maxsize=1024)
def scalar(name: str) -> str:
    """A name as YAML that every reader takes for a text: quoted where it could be taken for something else."""
    plain = PLAIN.fullmatch(name) and name.lower() not in NOT_PLAIN
    return name if plain else json.dumps(name, ensure_ascii=True)


def _flow(names: Sequence[str]) -> str:
    return f"[{', '.join(scalar(n) for n in names)}]"


def _write(nodes: Sequence[TreeNode], indent: str, lines: list[str]) -> None:
    for node in nodes:
        if isinstance(node, Hold):
            mode = "" if node.mode == "keep" else f", mode: {node.mode}"
            lines.append(f"{indent}- hold: {{memory: {scalar(node.memory)}, tensors: {_flow(node.tensors)}{mode}}}")
        elif isinstance(node, Loop):
            lines.append(f"{indent}- {_loop_text(node)}")
        elif isinstance(node, Joint):
            lines.append(f"{indent}- joint:" + ("" if node.loops else " []"))
            lines.extend(f"{indent}  - {_loop_text(loop)}" for loop in node.loops)
        elif isinstance(node, Compute):
            problem = "" if node.problem is None else f", problem: {scalar(node.problem)}"
            lines.append(f"{indent}- {{compute: {scalar(node.unit)}{problem}}}")
        else:
            _write_branches(node, indent, lines)


def _write_branches(node: Seq | Pipe | Par, indent: str, lines: list[str]) -> None:
    word = next(k for k, kind in BRANCHES.items() if isinstance(node, kind))
    lines.append(f"{indent}- {word}:" + ("" if node.children else " []"))
    for child in node.children:
        lines.append(f"{indent}  - nodes:" + ("" if child else " []"))
        _write(child, indent + "    ", lines)


def _loop_text(loop: Loop) -> str:
    pairs = [("pfor" if loop.spatial else "for", scalar(loop.dim)), ("tile", str(loop.tile))]
    pairs += [(key, scalar(value)) for key, value in (("axis", loop.axis), ("target", loop.target)) if value]
    pairs += [(key, str(value)) for key, value in (("first", loop.first), ("last", loop.last)) if value is not None]
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"


class _Reader:
    """Walks the parsed file once and gathers every fault with its line."""

    def __init__(self, document: Document, problem: Problem | None) -> None:
        self.document, self.problem = document, problem
        self.faults: list[str] = []

    def read(self) -> tuple[str, MappingTree]:
        top = self.table(self.document.data, (), ("mapping",), required=("mapping",))
        body = self.table(top.get("mapping", {}), ("mapping",), ("problem", "nodes"), required=("nodes",))
        name = self.text(body.get("problem", ""), ("mapping", "problem")) if "problem" in body else ""
        extents = dict(self.problem.extents) if self.problem else {}
        nodes: tuple[TreeNode, ...] = ()
        if "nodes" in body:
            nodes = self.nodes(body["nodes"], ("mapping", "nodes"), extents)
        if self.faults:
            raise InputError(self.faults, file=self.document.file)
        return name, MappingTree(nodes)

    def fault(self, path: Where, message: str) -> None:
        where = ".".join(str(p) for p in path) or "file"
        self.faults.append(f"{self.document.at(path)}: {where}: {message}")

    def table(self, value: Any, path: Where, allowed: Sequence[str], required: Sequence[str] = ()) -> dict[str, Any]:
        """The value as a table; unknown and missing keys are reported."""
        if not isinstance(value, dict):
            self.fault(path, f"expected a table with {', '.join(allowed)}, got {_show(value)}")
            return {}
        for key in value:
            if key not in allowed:
                near = did_you_mean(str(key), allowed)
                self.fault((*path, key), f"unknown key '{key}'{near}; expected {', '.join(allowed)}")
        for key in required:
            if key not in value:
                self.fault(path, f"'{key}' is missing")
        return {k: v for k, v in value.items() if k in allowed}

    def text(self, value: Any, path: Where, known: Sequence[str] = (), kind: str = "") -> str:
        if not isinstance(value, str) or not value:
            quote = " (put it in quotes)" if isinstance(value, bool | int | float) else ""
            self.fault(path, f"expected a name, got {_show(value)}{quote}")
            return ""
        if known and value not in known:
            self.fault(path, f"unknown {kind} '{value}'{did_you_mean(value, known)}; the problem has {list(known)}")
        return value

    def size(self, value: Any, path: Where) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_EXTENT:
            self.fault(path, f"expected a whole number from 1 to {MAX_EXTENT}, got {_show(value)}")
            return 1
        return int(value)

    def items(self, value: Any, path: Where, of: str) -> list[Any]:
        if not isinstance(value, list):
            self.fault(path, f"expected a list of {of}, got {_show(value)}")
            return []
        return list(value)

    def nodes(self, value: Any, path: Where, extents: dict[str, int]) -> tuple[TreeNode, ...]:
        found = [self.node(item, (*path, i), extents) for i, item in enumerate(self.items(value, path, "nodes"))]
        return tuple(node for node in found if node is not None)

    def node(self, value: Any, path: Where, extents: dict[str, int]) -> TreeNode | None:
        kinds = [k for k in KEYS if isinstance(value, dict) and k in value]
        if len(kinds) != 1:
            self.fault(path, self.what_is_wrong(value, kinds))
            return None
        kind = kinds[0]
        table = self.table(value, path, (kind, *KEYS[kind]))
        if kind in BRANCHES:
            return self.branches(kind, table[kind], (*path, kind), extents)
        readers: dict[str, Callable[[], TreeNode]] = {
            "hold": lambda: self.hold(table["hold"], (*path, "hold")),
            "for": lambda: self.loop(table, "for", path, extents),
            "pfor": lambda: self.loop(table, "pfor", path, extents),
            "joint": lambda: self.joint(table["joint"], (*path, "joint"), extents),
            "compute": lambda: self.compute(table, path),
        }
        return readers[kind]()

    def what_is_wrong(self, value: Any, kinds: list[str]) -> str:
        one_of = f"expected one of {', '.join(KEYS)}"
        if kinds:
            return f"a node is one thing, got {' and '.join(kinds)}"
        if isinstance(value, dict) and value:
            key = str(next(iter(value)))
            return f"unknown node '{key}'{did_you_mean(key, KEYS)}; {one_of}"
        return f"{one_of}, got {_show(value)}"

    def hold(self, value: Any, path: Where) -> Hold:
        table = self.table(value, path, ("memory", "tensors", "mode"), required=("memory", "tensors"))
        memory = self.text(table["memory"], (*path, "memory")) if "memory" in table else ""
        known = [t.name for t in self.problem.tensors] if self.problem else []
        at = (*path, "tensors")
        listed = self.items(table["tensors"], at, "tensors") if "tensors" in table else []
        tensors = tuple(self.text(t, (*at, i), known, "tensor") for i, t in enumerate(listed))
        modes: dict[object, Literal["stream", "strip"]] = {"stream": "stream", "strip": "strip"}
        if table.get("mode", "keep") not in ("keep", *modes):
            self.fault((*path, "mode"), f"expected keep, stream or strip, got {_show(table['mode'])}")
        return Hold(tensors, memory, modes.get(str(table.get("mode")), "keep"))

    def loop(self, table: dict[str, Any], kind: str, path: Where, extents: dict[str, int]) -> Loop:
        known = list(self.problem.extents) if self.problem else []
        dim = self.text(table[kind], (*path, kind), known, "dim")
        numbers: dict[str, int] = {
            k: self.size(table[k], (*path, k)) for k in ("tile", "factor", "first", "last") if k in table
        }
        names = {k: self.text(table[k], (*path, k)) for k in ("axis", "target") if k in table}
        if kind == "pfor" and "axis" not in table:
            self.fault(path, f"'pfor' over '{dim}' must name its axis (and target): a spatial loop lies on one axis")
        tile = self.tile(numbers, dim, path, extents)
        if dim in extents:
            extents[dim] = min(tile, extents[dim])
        return Loop(dim, tile, names.get("target"), names.get("axis"), numbers.get("first"), numbers.get("last"))

    def tile(self, numbers: dict[str, int], dim: str, path: Where, extents: dict[str, int]) -> int:
        if ("tile" in numbers) == ("factor" in numbers):
            self.fault(path, "give either 'tile' (extent inside the loop) or 'factor' (trips)")
        if "tile" in numbers:
            return numbers["tile"]
        if "factor" in numbers and dim not in extents and not self.problem:
            self.fault(path, f"'factor' of '{dim}' needs the problem to be given; write 'tile' in its place")
        return -(-extents.get(dim, 1) // numbers.get("factor", 1))

    def joint(self, value: Any, path: Where, extents: dict[str, int]) -> Joint:
        loops = []
        for i, item in enumerate(self.items(value, path, "pfor loops")):
            at = (*path, i)
            table = self.table(item, at, ("pfor", *KEYS["pfor"]), required=("pfor",))
            if "pfor" in table:
                loops.append(self.loop(table, "pfor", at, extents))
        return Joint(tuple(loops))

    def branches(self, kind: str, value: Any, path: Where, extents: dict[str, int]) -> TreeNode:
        children = []
        for i, item in enumerate(self.items(value, path, "branches")):
            at = (*path, i)
            table = self.table(item, at, ("nodes",), required=("nodes",))
            if "nodes" in table:
                children.append(self.nodes(table["nodes"], (*at, "nodes"), dict(extents)))
        return BRANCHES[kind](tuple(children))

    def compute(self, table: dict[str, Any], path: Where) -> Compute:
        unit = self.text(table["compute"], (*path, "compute"))
        problem = self.text(table["problem"], (*path, "problem")) if "problem" in table else None
        return Compute(unit, problem)


def _show(value: object) -> str:
    text = repr(value) if not isinstance(value, dict | list) else f"a {'table' if isinstance(value, dict) else 'list'}"
    return text if len(text) <= 60 else text[:57] + "..."
