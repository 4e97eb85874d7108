"""Small ONNX models for the tests, built here so that no file has to be carried; and the slow meaning of a problem."""

from __future__ import annotations

from itertools import product

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tileloom.workload.problem import Problem, Tensor


def model(nodes, inputs, outputs=("y",), *, weights=(), values=None, opset=17, **extra):
    """Nodes are (operator, inputs, outputs, attributes); `weights` are initializers without data stored inline."""
    graph_inputs = [
        helper.make_tensor_value_info(n, extra.get("kind", TensorProto.FLOAT), d) for n, d in inputs.items()
    ]
    initializers = []
    for name, dims in dict(weights).items():
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights-that-do-not-exist.bin")
        initializers.append(tensor)
    initializers += [numpy_helper.from_array(np.asarray(v), n) for n, v in (values or {}).items()]
    made = [
        helper.make_node(n[0], list(n[1]), list(n[2]), **{"domain": extra.get("domain", ""), **(n[3] if n[3:] else {})})
        for n in nodes
    ]
    results = [helper.make_empty_tensor_value_info(o) for o in outputs]
    graph = helper.make_graph(made, "test", graph_inputs, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def saved(folder, *arguments, **keywords):
    path = folder / "model.onnx"
    path.write_bytes(model(*arguments, **keywords).SerializeToString())
    return path


def stored_shape(problem: Problem, tensor: Tensor) -> list[int]:
    return [(a.extent or a.span(problem.extents)) - a.pad_lo - a.pad_hi for a in tensor.axes]


def run(problem: Problem, *operands: np.ndarray) -> np.ndarray:
    """What the problem computes, point by point, from operands given in any shape of the right size."""
    padded = []
    for tensor, operand in zip(problem.inputs, operands, strict=True):
        data = operand.reshape(stored_shape(problem, tensor))
        padded.append(np.pad(data, [(a.pad_lo, a.pad_hi) for a in tensor.axes]))
    output = problem.output
    result = np.zeros([a.extent or a.span(problem.extents) for a in output.axes])
    names = list(problem.extents)
    for point in product(*(range(e) for e in problem.extents.values())):
        at = dict(zip(names, point))

        def index(tensor, at=at):
            return tuple(a.offset + sum(c * at[d] for d, c in a.terms) for a in tensor.axes)

        value = 1.0
        for tensor, data in zip(problem.inputs, padded):
            value = value * data[index(tensor)]
        result[index(output)] += value
    return result[tuple(slice(a.pad_lo, n - a.pad_hi) for a, n in zip(output.axes, result.shape))]
