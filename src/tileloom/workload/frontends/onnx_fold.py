"""Works out small whole numbers that an ONNX file computes from shapes and constants, so that shapes can be inferred.

Exporters write the target of a reshape as arithmetic on the shape of a tensor; shape inference follows only some of
it. Only small operators on small constants are worked out, by ONNX's own reference; nothing large is ever made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FOLDS = frozenset(
    [
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Mod",
        "Neg",
        "Min",
        "Max",
        "Gather",
        "Slice",
        "Concat",
        "Reshape",
        "Unsqueeze",
        "Squeeze",
        "Cast",
        "Identity",
        "Equal",
        "Less",
        "Greater",
        "And",
        "Or",
        "Not",
        "Where",
        "ConstantOfShape",
    ]
)
"""Operators whose output is about as large as their inputs together, but for the last, which says how large it is."""
MOST = 64
"""Elements of a constant that is worked with."""


def folded(model: Any, shapes: Mapping[str, tuple[int | None, ...]]) -> bool:
    """Turns nodes of small known inputs into initializers, in place; whether there were any."""
    import numpy as np
    from onnx import TensorProto, numpy_helper
    from onnx.reference import ReferenceEvaluator

    whole = (TensorProto.INT64, TensorProto.INT32)
    known: dict[str, Any] = {
        t.name: numpy_helper.to_array(t)
        for t in model.graph.initializer
        if t.data_type in whole and t.data_location != TensorProto.EXTERNAL and _small(t.dims)
    }
    before = set(known)
    made = set()
    for node in model.graph.node:
        if len(node.output) != 1 or node.domain not in ("", "ai.onnx"):
            continue
        shape = shapes.get(node.input[0]) if node.input else None
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            if value is not None and value.data_type in whole and _small(value.dims):
                known[node.output[0]] = numpy_helper.to_array(value)
        elif node.op_type == "Shape" and shape is not None and None not in shape and not node.attribute:
            known[node.output[0]] = np.array(shape, dtype=np.int64)
            made.add(node.output[0])
        elif node.op_type in FOLDS and all(not i or i in known for i in node.input):
            inputs = {i: known[i] for i in node.input if i}
            if node.op_type == "ConstantOfShape" and not _small(known[node.input[0]].flat):
                continue
            try:
                (value,) = ReferenceEvaluator(node).run(None, inputs)
            except (ValueError, TypeError, IndexError, ZeroDivisionError, RuntimeError, NotImplementedError):
                # What the node means is told by shape inference, which has refused it.
                continue
            value = np.asarray(value)
            if value.dtype.kind in "ib" and value.size <= MOST:
                known[node.output[0]] = value
                made.add(node.output[0])
    fresh = made - before
    if not fresh:
        return False
    kept = [n for n in model.graph.node if not set(n.output) & fresh]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in sorted(fresh))
    return True


def _small(dims: Any) -> bool:
    count = 1
    for d in dims:
        count *= d
    return 0 <= count <= MOST
