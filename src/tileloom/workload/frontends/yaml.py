"""Reads and checks our own YAML for networks: layers by constructor (`op: conv2d`) or by `einsum:`.

Writing is in yaml_writer.py; docs/workloads.md states the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, load_yaml, parse_yaml
from tileloom.workload import layers as build
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.frontends.yaml_writer import write_workload
from tileloom.workload.network import Layer, Network, Skipped, VectorOp
from tileloom.workload.problem import MAX_EXTENT, Problem

__all__ = ["parse_workload", "read_workload", "write_workload"]

Place = tuple[str | int, ...]

TOP_KEYS = ("network", "bits", "layers", "vector_ops", "skipped")
LAYER_KEYS = ("name", "count", "bits", "operator", "inputs", "outputs")
EINSUM_KEYS = ("einsum", "sizes", "roles", "axes", "kind", "copy")
WINDOW_KEYS = ("N", "G", "K", "C", "stride", "dilation", "pad")
MAX_COUNT = 10**6

CONSTRUCTORS: Mapping[str, tuple[Callable[..., Problem], tuple[str, ...]]] = {
    "conv1d": (build.conv1d, (*WINDOW_KEYS, "P", "R", "W")),
    "conv2d": (build.conv2d, (*WINDOW_KEYS, "P", "Q", "R", "S", "H", "W")),
    "conv3d": (build.conv3d, (*WINDOW_KEYS, "Z", "P", "Q", "T", "R", "S", "D", "H", "W")),
    "depthwise": (
        build.depthwise,
        ("channels", "multiplier", "N", "stride", "dilation", "pad", "P", "Q", "R", "S", "H", "W"),
    ),
    "conv_transpose1d": (
        lambda name, **p: build.conv_transpose(name, 1, **p),
        (*WINDOW_KEYS, "output_padding", "P", "R"),
    ),
    "conv_transpose2d": (
        lambda name, **p: build.conv_transpose(name, 2, **p),
        (*WINDOW_KEYS, "output_padding", "P", "Q", "R", "S"),
    ),
    "conv_transpose3d": (
        lambda name, **p: build.conv_transpose(name, 3, **p),
        (*WINDOW_KEYS, "output_padding", "Z", "P", "Q", "T", "R", "S"),
    ),
    "gemm": (build.gemm, ("M", "N", "K", "transpose_a", "transpose_b")),
    "batched_matmul": (build.batched_matmul, ("B", "M", "N", "K", "transpose_a", "transpose_b")),
    "elementwise": (build.elementwise, ("shape", "operands")),
}
REQUIRED = {"gemm": "MNK", "batched_matmul": "BMNK", "elementwise": ("shape",), "depthwise": ("channels",)}
LISTS = ("stride", "dilation", "pad", "output_padding", "shape")
FLAGS = ("transpose_a", "transpose_b")


def read_workload(path: str | Path) -> Network:
    """The network in a YAML file; InputError with file:line for every fault in it."""
    return _read(load_yaml(path), Path(path).stem)


def parse_workload(text: str, *, name: str = "network") -> Network:
    """The network in YAML text, as `read_workload`."""
    return _read(parse_yaml(text), name)


def _read(document: Document, name: str) -> Network:
    reader = _Reader(document)
    network = reader.network(name)
    if reader.faults:
        raise InputError(reader.faults, file=document.file)
    return network


@dataclass
class _Reader:
    """Walks one document and collects every fault; values that are wrong are replaced and reading goes on."""

    document: Document
    faults: list[str] = field(default_factory=list)

    def fault(self, place: Place, message: str) -> None:
        self.faults.append(f"{self.document.at(place)}: {message}")

    def network(self, name: str) -> Network:
        data = self.document.data
        if not isinstance(data, dict) or "layers" not in data:
            raise InputError(
                f"{self.document.file}:1: not a workload: expected a mapping with 'layers'", file=self.document.file
            )
        self.keys(data, (), TOP_KEYS)
        bits = self.bits(data, (), build.DEFAULT_BITS)
        names: dict[str, Place] = {}
        layers = [self.layer(item, place, bits, names) for place, item in self.items(data, "layers")]
        vector_ops = [self.vector_op(item, place, names) for place, item in self.items(data, "vector_ops")]
        skipped = [self.skip(item, place) for place, item in self.items(data, "skipped")]
        if not layers and not self.faults:
            self.fault(("layers",), "no layers")
        return Network(
            name=self.text(data, (), "network", name),
            layers=tuple(layer for layer in layers if layer is not None),
            vector_ops=tuple(op for op in vector_ops if op is not None),
            skipped=tuple(s for s in skipped if s is not None),
            source=self.document.file,
        )

    def items(self, data: dict[str, Any], key: str) -> list[tuple[Place, dict[str, Any]]]:
        listed = data.get(key, [])
        if not isinstance(listed, list):
            self.fault((key,), f"'{key}' must be a list, got {_short(listed)}")
            return []
        for i, item in enumerate(listed):
            if not isinstance(item, dict):
                self.fault((key, i), f"an entry of '{key}' must be a mapping, got {_short(item)}")
        return [((key, i), item) for i, item in enumerate(listed) if isinstance(item, dict)]

    def layer(self, item: dict[str, Any], place: Place, bits: Any, names: dict[str, Place]) -> Layer | None:
        before = len(self.faults)
        name = self.name(item, place, names)
        bits = self.bits(item, place, bits)
        if ("op" in item) == ("einsum" in item):
            self.fault(place, f"layer '{name}': give either 'op' or 'einsum'")
            return None
        make = self.constructed if "op" in item else self.contraction
        count = self.number(item, place, "count", 1, 1, MAX_COUNT)
        edges = [self.words(item, place, key) for key in ("inputs", "outputs")]
        problem = make(item, place, name, bits)
        if problem is None or len(self.faults) > before:
            return None
        operator = self.text(item, place, "operator", problem.op)
        return Layer(name=name, problem=problem, operator=operator, inputs=edges[0], outputs=edges[1], count=count)

    def constructed(self, item: dict[str, Any], place: Place, name: str, bits: Any) -> Problem | None:
        op = item["op"]
        if not isinstance(op, str) or op not in CONSTRUCTORS:
            known = sorted(CONSTRUCTORS)
            self.fault((*place, "op"), f"unknown op '{op}'{did_you_mean(str(op), known)}; known: {', '.join(known)}")
            return None
        make, keys = CONSTRUCTORS[op]
        good = self.keys(item, place, (*LAYER_KEYS, "op", *keys))
        missing = [k for k in REQUIRED.get(op, "KC") if k not in item]
        if missing:
            self.fault(place, f"layer '{name}': missing {', '.join(repr(m) for m in missing)}")
        parameters = {k: self.parameter(item, place, k) for k in keys if k in item}
        if missing or not good or any(v is None for v in parameters.values()):
            return None
        return self.attempt(place, lambda: _widths(make(name, **parameters), bits))

    def contraction(self, item: dict[str, Any], place: Place, name: str, bits: Any) -> Problem | None:
        self.keys(item, place, (*LAYER_KEYS, *EINSUM_KEYS))
        text, sizes = item["einsum"], item.get("sizes")
        if not isinstance(text, str) or not isinstance(sizes, dict):
            self.fault(place, f"layer '{name}': 'einsum' must be text and 'sizes' a mapping of index to size")
            return None
        extents = {str(k): self.number(sizes, (*place, "sizes"), k, 1, 1, MAX_EXTENT) for k in sizes}
        roles = item.get("roles")
        if roles is not None and not isinstance(roles, dict | list):
            self.fault((*place, "roles"), f"'roles' must be a mapping or a list, got {_short(roles)}")
            roles = None
        problem = self.attempt(place, lambda: _widths(parse_einsum(text, extents, name=name, roles=roles), bits))
        if problem is None:
            return None
        copy = item.get("copy", problem.copy)
        if not isinstance(copy, bool):
            self.fault((*place, "copy"), f"'copy' is {_short(copy)}; expected true or false")
            return None
        problem = replace(problem, op=self.text(item, place, "kind", "einsum"), copy=copy)
        return self.axes(problem, item, place)

    def axes(self, problem: Problem, item: dict[str, Any], place: Place) -> Problem:
        """Applies 'axes': tensor -> {axis number: {extent, pad}} for stored sizes that the indices do not say."""
        given = item.get("axes", {})
        if not isinstance(given, dict):
            self.fault((*place, "axes"), "'axes' must map a tensor to {axis: {extent: .., pad: [low, high]}}")
            return problem
        tensors = {t.name: t for t in problem.tensors}
        for tensor, by_axis in given.items():
            at = (*place, "axes", tensor)
            if tensor not in tensors or not isinstance(by_axis, dict):
                self.fault(at, f"unknown tensor '{tensor}'{did_you_mean(str(tensor), tensors)}, or no mapping of axes")
                continue
            axes = list(tensors[tensor].axes)
            for number, facts in by_axis.items():
                if str(number) not in map(str, range(len(axes))) or not isinstance(facts, dict):
                    self.fault(at, f"axis '{number}' of '{tensor}': expected 0 to {len(axes) - 1} with extent or pad")
                    continue
                self.keys(facts, (*at, number), ("extent", "pad"))
                pad = facts.get("pad", [0, 0])
                if not isinstance(pad, list) or len(pad) != 2 or not all(_whole(p) and p >= 0 for p in pad):
                    self.fault((*at, number), f"pad is {_short(pad)}; expected [low, high]")
                    continue
                extent = self.number(facts, (*at, number), "extent", None, 1, MAX_EXTENT)
                axes[int(number)] = replace(axes[int(number)], extent=extent, pad_lo=pad[0], pad_hi=pad[1])
            tensors[tensor] = replace(tensors[tensor], axes=tuple(axes))
        return replace(problem, tensors=tuple(tensors.values()))

    def vector_op(self, item: dict[str, Any], place: Place, names: dict[str, Place]) -> VectorOp | None:
        self.keys(item, place, ("name", "operator", "elements", "inputs", "outputs"))
        return VectorOp(
            name=self.name(item, place, names),
            operator=self.text(item, place, "operator", "vector"),
            elements=self.number(item, place, "elements", 0, 0, 2**62),
            inputs=self.words(item, place, "inputs"),
            outputs=self.words(item, place, "outputs"),
        )

    def skip(self, item: dict[str, Any], place: Place) -> Skipped:
        self.keys(item, place, ("node", "operator", "reason"))
        node, operator, reason = (self.text(item, place, key, "") for key in ("node", "operator", "reason"))
        return Skipped(node=node, operator=operator, reason=reason)

    def attempt(self, place: Place, make: Callable[[], Problem]) -> Problem | None:
        try:
            return make()
        except InputError as error:
            for message in error.problems:
                self.fault(place, message)
            return None

    def keys(self, data: dict[str, Any], place: Place, known: tuple[str, ...]) -> bool:
        unknown = [k for k in data if k not in known]
        for key in unknown:
            self.fault(
                (*place, key), f"unknown key '{key}'{did_you_mean(str(key), known)}; known here: {', '.join(known)}"
            )
        return not unknown

    def name(self, item: dict[str, Any], place: Place, names: dict[str, Place]) -> str:
        name = self.text(item, place, "name", "")
        if not name:
            self.fault(place, "an entry without 'name'")
        elif name in names:
            first = self.document.at((*names[name], "name"))
            self.fault((*place, "name"), f"name '{name}' appears twice (first at {first})")
        else:
            names[name] = place
        return name

    def text(self, item: dict[str, Any], place: Place, key: str, default: str) -> str:
        value = item.get(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            self.fault((*place, key), f"'{key}' must be text, got {_short(value)}")
            return default
        return str(value)

    def words(self, item: dict[str, Any], place: Place, key: str) -> tuple[str, ...]:
        value = item.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str | int) for v in value):
            self.fault((*place, key), f"'{key}' must be a list of tensor names, got {_short(value)}")
            return ()
        return tuple(str(v) for v in value)

    def number(self, item: dict[str, Any], place: Place, key: str, default: Any, low: int, high: int) -> Any:
        value = item.get(key, default)
        if key not in item or (_whole(value) and low <= value <= high):
            return value
        self.fault((*place, key), f"'{key}' is {_short(value)}; expected a whole number from {low} to {high}")
        return low

    def parameter(self, item: dict[str, Any], place: Place, key: str) -> Any:
        """A constructor's parameter, or None after noting what is wrong with it."""
        value = item[key]
        least = 0 if key in ("pad", "output_padding") else 1
        if key in FLAGS and isinstance(value, bool):
            return value
        if key in LISTS and isinstance(value, list) and value and all(_whole(v) and v >= least for v in value):
            return [int(v) for v in value]
        if key not in FLAGS and key != "shape" and _whole(value) and least <= value <= MAX_EXTENT:
            return int(value)
        expected = "true or false" if key in FLAGS else f"a whole number from {least} to {MAX_EXTENT}"
        expected += " or a list of such numbers" if key in LISTS else ""
        self.fault((*place, key), f"'{key}' is {_short(value)}; expected {expected}")
        return None

    def bits(self, item: dict[str, Any], place: Place, default: Any) -> Any:
        """One width, or a width per tensor name."""
        value = item.get("bits", default)
        widths = value.values() if isinstance(value, dict) else [value]
        if all(_whole(v) and 1 <= v <= 1024 for v in widths):
            return value
        self.fault((*place, "bits"), f"'bits' is {_short(value)}; expected 1 to 1024, or one such number per tensor")
        return default


def _widths(problem: Problem, bits: int | Mapping[str, int]) -> Problem:
    names = [t.name for t in problem.tensors]
    if isinstance(bits, Mapping):
        unknown = [n for n in bits if n not in names]
        if unknown:
            raise InputError([f"bits for unknown tensor '{n}'{did_you_mean(str(n), names)}" for n in unknown])
        widths = [int(bits.get(n, build.DEFAULT_BITS)) for n in names]
    else:
        widths = [int(bits)] * len(names)
    return replace(problem, tensors=tuple(replace(t, bits=w) for t, w in zip(problem.tensors, widths)))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: object) -> str:
    return repr(value)[:60]
