"""Reads an ONNX file into a `Network`: shapes are inferred, weights are never needed, every node is accounted for.

What an operator means as a problem is in onnx_operators.py; opening, binding and shape inference in onnx_model.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.onnx_model import Graph, open_graph
from tileloom.workload.frontends.onnx_moves import mixed_axes, move_of
from tileloom.workload.frontends.onnx_operators import (
    CONTROL_FLOW,
    CONVERTERS,
    MOVES_NOTHING,
    RECURRENT,
    VECTOR,
    pooling_window,
)
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Layer, Network, Skipped, VectorOp
from tileloom.workload.problem import Problem

Bits = int | Literal["as-file"]
REMEDY = "export it as standard operators, or state its work as an einsum in a YAML network"


def read_onnx(path: str | Path, bind: Mapping[str, int] | None = None, *, bits: Bits = DEFAULT_BITS) -> Network:
    """The network in an ONNX file.

    `bind` gives symbolic dimensions their size (`{"N": 1}`; an unnamed one is called '<input>.<axis>').
    `bits` is the width of every value, or 'as-file' for the width of each tensor's element type.
    Raises InputError for an unreadable file and for symbolic dimensions that are not bound. A node that cannot be
    understood becomes a `Skipped`; work without multiply-accumulates a `VectorOp`.
    """
    try:
        return _read(Path(path), bind or {}, bits)
    except UnicodeDecodeError as fault:
        raise InputError(
            f"{path}: damaged: a name in it is not text. Copy or export it again", file=str(path)
        ) from fault


def _read(path: Path, bind: Mapping[str, int], bits: Bits) -> Network:
    graph = open_graph(path, bind)
    layers: list[Layer] = []
    vector_ops: list[VectorOp] = []
    skipped: list[Skipped] = []
    names = _unique_names(graph)
    for name, node in zip(names, graph.nodes):
        operator = _operator(node)
        activations = tuple(i for i in node.input if i and i not in graph.constants)
        outputs = tuple(o for o in node.output if o)
        try:
            entry = _understand(graph, node, name, bits)
        except (InputError, UnsupportedError) as fault:
            skipped.append(
                Skipped(node=name, operator=operator, reason=str(fault), inputs=activations, outputs=outputs)
            )
            continue
        if isinstance(entry, Problem):
            layers.append(Layer(name=name, problem=entry, operator=operator, inputs=activations, outputs=outputs))
        else:
            vector_ops.append(
                VectorOp(
                    name=name,
                    operator=operator,
                    elements=entry,
                    inputs=activations,
                    outputs=outputs,
                    shape=graph.known_shape(outputs[0]) if outputs else (),
                    window=pooling_window(graph, node),
                    move=move_of(graph, node),
                    axes=mixed_axes(graph, node),
                )
            )
    return Network(
        name=path.stem,
        layers=tuple(layers),
        vector_ops=tuple(vector_ops),
        skipped=tuple(skipped),
        source=str(path),
        inputs=graph.inputs,
        outputs=graph.outputs,
        shapes={t: graph.known_shape(t) for t in graph.shapes if graph.known_shape(t)},
    )


def _understand(graph: Graph, node: Any, name: str, bits: Bits) -> Problem | int:
    """The node's problem, or for work without multiply-accumulates the number of output elements."""
    operator: str = node.op_type
    if node.domain not in ("", "ai.onnx"):
        raise UnsupportedError(
            f"operator '{operator}' is of domain '{node.domain}'; only standard ONNX is read; {REMEDY}"
        )
    if operator in CONTROL_FLOW:
        raise UnsupportedError(f"control flow '{operator}': which branch or how many rounds run is not in the file")
    if operator in RECURRENT:
        raise UnsupportedError(f"recurrent operator '{operator}': export the network with its steps unrolled to MatMul")
    # Whatever depends on constants and shapes only is folded before the network runs.
    if all(o in graph.constants for o in node.output if o):
        return 0
    convert: Callable[..., Problem | int] | None = CONVERTERS.get(operator)
    if convert is not None:
        return convert(graph, node, name, bits)
    if operator in MOVES_NOTHING:
        return 0
    if operator in VECTOR:
        return sum(graph.elements(o) for o in node.output if o)
    raise UnsupportedError(f"operator '{operator}' is not known to this front end; {REMEDY}")


def _unique_names(graph: Graph) -> list[str]:
    """Node names made unique; a node without one is called after its operator and position."""
    taken: set[str] = set()
    names = []
    for position, node in enumerate(graph.nodes):
        base = name = node.name or f"{node.op_type}_{position}"
        copy = 2
        while name in taken:
            name, copy = f"{base}_{copy}", copy + 1
        taken.add(name)
        names.append(name)
    return names


def _operator(node: Any) -> str:
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
