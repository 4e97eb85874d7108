"""Union's blocks in files: YAML (or JSON) with `problem`, `architecture` and `mapping`, read with every fault and written.

There is no public program that reads Union's listings; the keys are those of the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, Place, load_yaml, parse_yaml
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.notation.union import Block, Blocks, Cluster, blocks_of, faults, tree_of
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.yaml import scalar
from tileloom.workload.problem import MAX_EXTENT, Axis, Dim, Problem, Role, Tensor

_CLUSTER = ("cluster", "name", "virtual", "dimension", "memory", "compute", "children", "array")
_BLOCK = ("target_cluster", "temporal_order", "temporal_tile_sizes", "spatial_tile_sizes")
_PROBLEM = ("operation", "name", "shape", "dimensions", "data_spaces", "instance")


def read_blocks(
    source: str | Path, problem: Problem | None = None, *, text: str | None = None
) -> tuple[Problem, Blocks]:
    """The problem and the blocks of a file. Raises InputError with file:line for every fault, legality included.

    problem  takes the place of the file's own, whose dimensions must then be the same
    """
    document = load_yaml(source) if text is None else parse_yaml(text, file=str(source))
    return _Reader(document).read(problem)


@dataclass
class _Reader:
    document: Document
    faults: list[str] = field(default_factory=list)

    def fault(self, place: Place, message: str) -> None:
        self.faults.append(f"{self.document.at(place)}: {message}")

    def stop(self) -> None:
        if self.faults:
            raise InputError(self.faults, file=self.document.file)

    def read(self, given: Problem | None) -> tuple[Problem, Blocks]:
        data = self.document.data
        if not isinstance(data, dict) or "mapping" not in data or "architecture" not in data:
            self.fault((), "expected 'problem', 'architecture' (clusters) and 'mapping' (their blocks)")
            self.stop()
        assert isinstance(data, dict)
        own = self.problem(data["problem"]) if "problem" in data else None
        if own is None and given is None and not self.faults:
            self.fault((), "the file has no 'problem'; give one (--problem)")
        self.stop()
        work = given or own
        assert work is not None
        names = tuple(own.extents) if own is not None else tuple(work.extents)
        dims = self.renamed(names, work)
        if own is not None and not self.faults and dict(zip(dims, own.extents.values())) != work.extents:
            self.fault(("problem", "instance"), f"{own.extents} are not the sizes of the given problem, {work.extents}")
        self.stop()
        clusters = [
            self.cluster(c, ("architecture", i)) for i, c in self.listed(data["architecture"], ("architecture",))
        ]
        blocks = [self.block(b, ("mapping", i), names, dims) for i, b in self.listed(data["mapping"], ("mapping",))]
        self.stop()
        found = Blocks(tuple(c for c in clusters if c), tuple(b for b in blocks if b))
        if [c.name for c in found.clusters] != [b.cluster for b in found.blocks]:
            clusters_text = ", ".join(c.name for c in found.clusters)
            self.fault(("mapping",), f"there must be one block for each of the clusters {clusters_text}, in this order")
        elif len({c.name for c in found.clusters}) < len(found.clusters):
            self.fault(("architecture",), "two clusters have one name")
        elif found.clusters[0].virtual:
            self.fault(("architecture", 0), "the outermost cluster is virtual; it needs a memory")
        self.stop()
        self.faults += [f"{self.document.at(('mapping',))}: {f}" for f in faults(found, work.extents)]
        self.stop()
        return work, found

    def renamed(self, names: Sequence[str], problem: Problem) -> tuple[str, ...]:
        """The problem's name of each dimension of the file; case does not matter."""
        lower = {d.lower(): d for d in problem.extents}
        found = tuple(n if n in problem.extents else lower.get(n.lower(), "") for n in names)
        if sorted(found) != sorted(problem.extents):
            self.fault(("problem",), f"dimensions {' '.join(names)} are not those of the given problem: {problem}")
        return found

    def listed(self, value: object, place: Place) -> list[tuple[int, Any]]:
        if not isinstance(value, list) or not value:
            self.fault(place, "expected a list, outermost first")
            return []
        return list(enumerate(value))

    def table(self, value: object, place: Place, keys: Sequence[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fault(place, f"expected a table with {', '.join(keys)}")
            return {}
        for key in value:
            if key not in keys:
                self.fault(
                    (*place, key), f"unknown key '{key}'{did_you_mean(str(key), keys)}; expected {', '.join(keys)}"
                )
        return value

    def whole(self, value: object, place: Place) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_EXTENT:
            self.fault(place, f"expected a whole number from 1 to {MAX_EXTENT}, got {str(value)[:40]!r}")
            return 1
        return value

    def name(self, value: object, place: Place, *, needed: bool = True) -> str | None:
        if value is None and not needed:
            return None
        if not isinstance(value, str) or not value:
            self.fault(place, f"expected a name, got {str(value)[:40]!r}")
            return None
        return value

    def cluster(self, value: object, place: Place) -> Cluster | None:
        table = self.table(value, place, _CLUSTER)
        name = self.name(table.get("cluster", table.get("name")), place)
        texts = {
            k: self.name(table.get(k), (*place, k), needed=False) for k in ("memory", "dimension", "compute", "array")
        }
        given = table.get("children", 1)
        counts = [
            self.whole(c, (*place, "children"))
            for c in (given if isinstance(given, list) and len(given) == 2 else [given])
        ]
        grid = (counts[0], counts[1]) if len(counts) == 2 else None
        virtual = table.get("virtual", texts["memory"] is None)
        if virtual is not (texts["memory"] is None):
            self.fault(place, f"cluster '{name}': a cluster has a memory or is virtual, never both or neither")
        return None if name is None else Cluster(name=name, children=prod(counts), grid=grid, **texts)

    def block(self, value: object, place: Place, names: Sequence[str], dims: Sequence[str]) -> Block | None:
        table = self.table(value, place, _BLOCK)
        missing = [k for k in _BLOCK if k not in table]
        if missing:
            self.fault(place, f"{', '.join(missing)} missing")
            return None
        cluster = self.name(table["target_cluster"], (*place, "target_cluster"))
        order = self.order(table["temporal_order"], (*place, "temporal_order"), names)
        ours = dict(zip(names, dims))
        time, space = (self.sizes(table[k], (*place, k), names) for k in _BLOCK[2:])
        return (
            None
            if cluster is None
            else Block(cluster, tuple(ours.get(d, d) for d in order), dict(zip(dims, time)), dict(zip(dims, space)))
        )

    def order(self, value: object, place: Place, names: Sequence[str]) -> tuple[str, ...]:
        words = value
        if isinstance(value, str):
            words = value.replace(",", " ").split() if "," in value or " " in value.strip() else list(value.strip())
            words = [value] if value in names else words
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words) or sorted(words) != sorted(names):
            self.fault(place, f"expected each of {' '.join(names)} once, outermost first; got {str(value)[:60]!r}")
            return tuple(names)
        return tuple(words)

    def sizes(self, value: object, place: Place, names: Sequence[str]) -> list[int]:
        if not isinstance(value, list) or len(value) != len(names):
            self.fault(place, f"expected {len(names)} sizes, for {' '.join(names)} in this order")
            return [1] * len(names)
        return [self.whole(v, (*place, i)) for i, v in enumerate(value)]

    def problem(self, value: object) -> Problem | None:
        place: Place = ("problem",)
        table = self.table(value, place, _PROBLEM)
        dims = table.get("dimensions")
        instance = table.get("instance")
        if not isinstance(dims, list) or not all(isinstance(d, str) for d in dims) or not dims:
            self.fault((*place, "dimensions"), "'dimensions' must list names")
            return None
        if not isinstance(instance, dict):
            self.fault((*place, "instance"), "'instance' must map dimensions to sizes")
            return None
        extents = [Dim(d, self.whole(instance.get(d), (*place, "instance", d))) for d in dims]
        tensors = [
            self.tensor(t, (*place, "data_spaces", i), dims, i)
            for i, t in self.listed(table.get("data_spaces"), (*place, "data_spaces"))
        ]
        if self.faults:
            return None
        shape = table.get("shape")
        label = table.get("name", shape.get("name") if isinstance(shape, dict) else None) or table.get(
            "operation", "problem"
        )
        try:
            return Problem(
                str(label),
                tuple(extents),
                tuple(t for t in tensors if t),
                op=str(table.get("operation", "einsum")).lower(),
            )
        except InputError as error:
            for message in error.problems:
                self.fault(place, message)
            return None

    def tensor(self, value: object, place: Place, dims: Sequence[str], position: int) -> Tensor | None:
        table = self.table(value, place, ("name", "projection", "read_write"))
        name = self.name(table.get("name"), place)
        axes = [
            self.axis(a, (*place, "projection", i), dims)
            for i, a in self.listed(table.get("projection"), (*place, "projection"))
        ]
        role: Role = "output" if table.get("read_write") is True else "weight" if position else "input"
        return None if name is None else Tensor(name, role, tuple(axes))

    def axis(self, value: object, place: Place, dims: Sequence[str]) -> Axis:
        """'M', [M], [P, R], [[P, 2], R] or ['2*P', R]: a sum of dims with coefficients."""
        terms: dict[str, int] = {}
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str) and part in dims:
                terms[part] = terms.get(part, 0) + 1
                continue
            words = part if isinstance(part, list) else str(part).split("*")
            dim = next((str(w).strip() for w in words if str(w).strip() in dims), None)
            others = [str(w).strip() for w in words if str(w).strip() != dim]
            if dim is None or len(others) > 1 or not all(o.isascii() and o.isdecimal() and len(o) < 8 for o in others):
                self.fault(
                    place, f"{str(part)[:40]!r} is no dimension with a coefficient{did_you_mean(str(part)[:40], dims)}"
                )
                continue
            terms[dim] = terms.get(dim, 0) + (int(others[0]) if others else 1)
        return Axis(tuple(terms.items()))


def blocks_to_yaml(problem: Problem, blocks: Blocks) -> str:
    """The file's text; `read_blocks` gives the same blocks back, and the problem without bits, offsets and padding."""
    dims = tuple(problem.extents)
    lines = ["problem:", f"  operation: {scalar(problem.op)}", f"  name: {scalar(problem.name)}"]
    lines += [f"  dimensions: [{', '.join(map(scalar, dims))}]"]
    lines += [
        "  instance: {" + ", ".join(f"{scalar(d)}: {e}" for d, e in problem.extents.items()) + "}",
        "  data_spaces:",
    ]
    for t in problem.tensors:
        axes = ", ".join("[" + ", ".join(_term(d, c) for d, c in a.terms) + "]" for a in t.axes)
        write = ", read_write: true" if t.is_output else ""
        lines.append(f"  - {{name: {scalar(t.name)}, projection: [{axes}]{write}}}")
    lines.append("architecture:   # outermost first")
    for c in blocks.clusters:
        pairs = [
            ("cluster", c.name),
            ("memory", c.memory),
            ("dimension", c.dimension),
            ("array", c.array),
            ("compute", c.compute),
        ]
        texts = ", ".join(f"{k}: {scalar(v)}" for k, v in pairs if v is not None)
        lines.append(f"- {{{texts}, virtual: {str(c.virtual).lower()}, children: {c.children}}}")
    lines.append(f"mapping:   # sizes of {' '.join(dims)}")
    short = all(len(d) == 1 for d in dims)
    for b in blocks.blocks:
        order = "".join(b.order) if short else "[" + ", ".join(map(scalar, b.order)) + "]"
        lines += [f"- target_cluster: {b.cluster}", f"  temporal_order: {scalar(order) if short else order}"]
        lines += [f"  temporal_tile_sizes: {[b.temporal[d] for d in dims]}"]
        lines += [f"  spatial_tile_sizes: {[b.spatial[d] for d in dims]}"]
    return "\n".join(lines) + "\n"


def _term(dim: str, coefficient: int) -> str:
    return scalar(dim) if coefficient == 1 else f"[{scalar(dim)}, {coefficient}]"


def _write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    blocks, losses = blocks_of(mapping, problem, architecture)
    return Written(blocks_to_yaml(problem, blocks), losses)


def _read(path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None) -> ReadMapping:
    work, blocks = read_blocks(path, problem)
    try:
        return ReadMapping(work, tree_of(blocks, work, architecture))
    except InputError as error:
        raise InputError([f"{path}: {p}" for p in error.problems], file=str(path)) from None


UNION = Notation(name="union", write=_write, read=_read)
