"""Opens an ONNX file, binds its symbolic dimensions and infers every shape, without ever loading weights.

Yields a `Graph` that answers questions about tensors by name; it knows nothing of problems or layers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, MissingDependencyError, UnsupportedError, did_you_mean
from tileloom.core.files import is_file
from tileloom.workload.frontends.onnx_fold import folded
from tileloom.workload.problem import MAX_EXTENT

MAX_FILE_BYTES = 2**31
"""The format's own limit; weights beyond it live in external files, which are never opened."""
SHAPE_DATA_ELEMENTS = 4096
"""Constants up to this size may hold shapes and are kept for shape inference; larger ones lose their data."""
FOLD_ROUNDS = 32
"""Shapes that depend on each other in turn: at most this many times, numbers are worked out and shapes inferred."""
SMALL_CONSTANT = 64
"""Constants of at most this many whole numbers are read as bounds and indices."""
WEIGHTS_KEY = "tileloom.weights"
"""Metadata entry of a weightless model: JSON list of the graph inputs that are weights."""


@dataclass(frozen=True)
class Graph:
    """Nodes in file order, tensors by name.

    shapes     tensor -> dims; None stands for a dim that shape inference could not give
    bits       tensor -> width of one element of its type
    constants  tensors known before the network runs: weights, and what is computed from weights and shapes only
    trouble    what shape inference complained about, '' when nothing
    values     whole numbers of small constants: indices, bounds of slices
    inputs, outputs   tensors that the file takes and returns
    """

    nodes: tuple[Any, ...]
    shapes: Mapping[str, tuple[int | None, ...]]
    bits: Mapping[str, int]
    constants: frozenset[str]
    trouble: str = ""
    values: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def shape(self, tensor: str) -> tuple[int, ...]:
        """The tensor's dims; UnsupportedError when a dim is unknown."""
        found = self.shapes.get(tensor)
        if found is None or any(d is None for d in found):
            what = "has no known shape" if found is None else f"has shape {['?' if d is None else d for d in found]}"
            because = f" (shape inference: {self.trouble})" if self.trouble else ""
            raise UnsupportedError(
                f"tensor '{tensor}' {what}{because}; state it in the file (value_info), or map its layer from YAML"
            )
        return tuple(d for d in found if d is not None)

    def known_shape(self, tensor: str) -> tuple[int, ...]:
        """The tensor's dims, () when one is unknown."""
        found = self.shapes.get(tensor) or ()
        known = tuple(d for d in found if d is not None)
        return known if len(known) == len(found) else ()

    def elements(self, tensor: str) -> int:
        return prod(self.shape(tensor))


def open_graph(path: Path, bind: Mapping[str, int]) -> Graph:
    model = _load(path)
    weights = _drop_weights(model)
    _bind(model, bind, path)
    nodes = tuple(model.graph.node)
    inferred, trouble = _infer(model)
    shapes, bits = _tensors(inferred)
    for _ in range(FOLD_ROUNDS):
        # What was inferred before, unknown sizes among it, must not stand in the way: each round begins anew.
        if not _gaps(inferred, shapes) or not folded(model, shapes):
            break
        inferred, trouble = _infer(model)
        shapes, bits = _tensors(inferred)
    outputs = tuple(o.name for o in model.graph.output)
    constants = _constants(nodes, weights, shapes)
    inputs = tuple(i.name for i in model.graph.input if i.name not in weights)
    return Graph(nodes, shapes, bits, constants, trouble, _values(model), inputs, outputs)


def _onnx() -> Any:
    try:
        import onnx
        import onnx.inliner
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as missing:
        raise MissingDependencyError("onnx", "onnx", "reading ONNX files") from missing
    return onnx


def _load(path: Path) -> Any:
    onnx = _onnx()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if not is_file(path):
        raise InputError(f"{path}: no such file", file=str(path))
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"{path}: {size} bytes; an ONNX file holds at most {MAX_FILE_BYTES}. Save it with external data "
            "(the data file is not needed here)",
            file=str(path),
        )
    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as fault:
        raise InputError(
            f"{path}: not an ONNX model, or cut short ({size} bytes). Export it again, or copy it again in binary mode; "
            "a Git LFS pointer must be fetched first",
            file=str(path),
        ) from fault
    if not model.graph.node or not model.opset_import:
        raise InputError(
            f"{path}: holds no ONNX graph ({len(model.graph.node)} nodes, opset "
            f"{'given' if model.opset_import else 'missing'}). Export the model again",
            file=str(path),
        )
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    return model


def _drop_weights(model: Any) -> set[str]:
    """Turns every initializer whose data is elsewhere or large into a graph input; returns the names of all weights."""
    onnx = _onnx()
    graph = model.graph
    declared = {i.name for i in graph.input}
    weights = _declared_weights(model)
    kept = []
    for tensor in graph.initializer:
        weights.add(tensor.name)
        external = tensor.data_location == onnx.TensorProto.EXTERNAL
        if not external and prod(tensor.dims) <= SHAPE_DATA_ELEMENTS:
            kept.append(tensor)
        elif tensor.name not in declared:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    for sparse in graph.sparse_initializer:
        weights.add(sparse.values.name)
        graph.input.append(
            onnx.helper.make_tensor_value_info(sparse.values.name, sparse.values.data_type, list(sparse.dims))
        )
    kept_copies = [onnx.TensorProto.FromString(t.SerializeToString()) for t in kept]
    del graph.initializer[:]
    del graph.sparse_initializer[:]
    graph.initializer.extend(kept_copies)
    return weights


def _declared_weights(model: Any) -> set[str]:
    for entry in model.metadata_props:
        if entry.key == WEIGHTS_KEY:
            try:
                listed = json.loads(entry.value)
            except (ValueError, RecursionError):
                listed = None
            if not isinstance(listed, list) or not all(isinstance(w, str) for w in listed):
                raise InputError(
                    f"metadata '{WEIGHTS_KEY}' must be a JSON list of input names, got {entry.value[:60]!r}"
                )
            return set(listed)
    return set()


def _bind(model: Any, bind: Mapping[str, int], path: Path) -> None:
    """Replaces symbolic dims by their sizes, everywhere in the graph; raises one InputError with all faults."""
    symbols: dict[str, str] = {}
    for tensor in model.graph.input:
        for position, dim in enumerate(tensor.type.tensor_type.shape.dim):
            # Some exporters write -1 or 0 for "any size".
            if not dim.HasField("dim_value") or dim.dim_value < 1:
                dim.dim_param = dim.dim_param or f"{tensor.name}.{position}"
                symbols.setdefault(dim.dim_param, f"input '{tensor.name}', axis {position}")
    faults = [
        f"{path}: '{name}' is not a symbolic dimension{did_you_mean(name, symbols)}; the file has {sorted(symbols) or 'none'}"
        for name in bind
        if name not in symbols
    ]
    faults += [
        f"{path}: dimension '{n}' bound to {v}; expected 1 to {MAX_EXTENT}"
        for n, v in bind.items()
        if not 1 <= v <= MAX_EXTENT
    ]
    unbound = [s for s in symbols if s not in bind]
    if unbound:
        places = ", ".join(f"{s} ({symbols[s]})" for s in unbound)
        remedy = " ".join(f"--bind {s}=1" for s in unbound)
        faults.append(f"{path}: symbolic dimensions without a size: {places}. Give each one, for example {remedy}")
    if faults:
        raise InputError(faults, file=str(path))
    for info in (*model.graph.input, *model.graph.value_info, *model.graph.output):
        for dim in info.type.tensor_type.shape.dim:
            if dim.dim_param in bind:
                dim.dim_value = bind[dim.dim_param]
            elif not dim.HasField("dim_value") or dim.dim_value < 1:
                dim.Clear()


def _infer(model: Any) -> tuple[Any, str]:
    """The model with inferred shapes, and the first complaint of the strict run if the lenient one left gaps."""
    onnx = _onnx()
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True, strict_mode=True), ""
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError) as fault:
        trouble = " ".join(str(fault).split())[:300]
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True), trouble
    except (onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return model, trouble


def _gaps(model: Any, shapes: Mapping[str, tuple[int | None, ...]]) -> bool:
    return any(None in shapes.get(o, (None,)) for node in model.graph.node for o in node.output if o)


def _tensors(model: Any) -> tuple[dict[str, tuple[int | None, ...]], dict[str, int]]:
    graph = model.graph
    shapes: dict[str, tuple[int | None, ...]] = {}
    bits: dict[str, int] = {}
    for info in (*graph.output, *graph.value_info, *graph.input):
        tensor = info.type.tensor_type
        if info.type.HasField("tensor_type"):
            bits[info.name] = element_bits(tensor.elem_type)
            if tensor.HasField("shape"):
                shapes[info.name] = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    for tensor in graph.initializer:
        shapes[tensor.name], bits[tensor.name] = tuple(tensor.dims), element_bits(tensor.data_type)
    return shapes, bits


def _values(model: Any) -> dict[str, tuple[int, ...]]:
    """Small constants of whole numbers, flat."""
    onnx = _onnx()
    tensors = {t.name: t for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output:
            tensors |= dict.fromkeys(node.output[:1], next((a.t for a in node.attribute if a.name == "value"), None))
    whole = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
    found: dict[str, tuple[int, ...]] = {}
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        external = tensor.data_location == onnx.TensorProto.EXTERNAL
        if tensor.data_type in whole and not external and prod(tensor.dims) <= SMALL_CONSTANT:
            try:
                found[name] = tuple(int(v) for v in onnx.numpy_helper.to_array(tensor).flat)
            except ValueError:
                # A damaged constant says nothing; whatever needs it is reported by its own shape.
                continue
    return found


def element_bits(element_type: int) -> int:
    """Width of an ONNX element type in bits; 8 when it has none (strings, undefined)."""
    types = _onnx().TensorProto.DataType
    name: str = types.Name(element_type) if element_type in types.values() else "UNDEFINED"
    widths = {"FLOAT": 32, "DOUBLE": 64, "BOOL": 8, "COMPLEX64": 64, "COMPLEX128": 128}
    if name in widths:
        return widths[name]
    digits = "".join(c for c in name.split("E")[0] if c.isdigit())
    return int(digits) if digits else 8


def _constants(nodes: Iterable[Any], weights: set[str], shapes: Mapping[str, tuple[int | None, ...]]) -> frozenset[str]:
    """Weights, and results of nodes that read only constants or the shape of a tensor of known shape."""
    constants = set(weights)
    for node in nodes:
        if any(a.type in (a.GRAPH, a.GRAPHS) for a in node.attribute):
            continue
        from_shape = node.op_type in ("Shape", "Size") and None not in shapes.get("".join(node.input), (None,))
        if from_shape or all(i in constants for i in _given(node.input)):
            constants.update(_given(node.output))
    return frozenset(constants)


def _given(names: Iterable[str]) -> Iterator[str]:
    return (n for n in names if n)
