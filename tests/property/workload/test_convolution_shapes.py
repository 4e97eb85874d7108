"""Sizes of imported convolutions against ONNX's own shape inference, for random strides, paddings and groups."""

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tileloom.workload.frontends.onnx import read_onnx
from tileloom.workload.layers import stored_elements

SMALL = st.integers(1, 3)


@st.composite
def nodes(draw):
    rank, groups = draw(st.integers(1, 3)), draw(SMALL)

    def ints(low, high):
        return draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

    kernel, dilations, strides = ints(1, 3), ints(1, 2), ints(1, 3)
    data = [draw(st.integers(d * (k - 1) + 1, 12)) for d, k in zip(dilations, kernel)]
    c, k = draw(SMALL), draw(SMALL)
    attributes = {"kernel_shape": kernel, "dilations": dilations, "strides": strides, "group": groups}
    if draw(st.booleans()):
        attributes["auto_pad"] = draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))
    else:
        # Padding of a whole kernel or more would make outputs of nothing but zeros.
        attributes["pads"] = [draw(st.integers(0, n - 1)) for n in kernel * 2]
    return attributes, [draw(SMALL), c * groups, *data], [k * groups, c, *kernel]


@settings(deadline=None, max_examples=60)
@given(nodes())
def test_outputs_and_stored_sizes_agree_with_shape_inference(tmp_path_factory, node):
    attributes, data, weight = node
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", data), ("w", weight))],
        [helper.make_empty_tensor_value_info("y")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path_factory.mktemp("p") / "model.onnx"
    path.write_bytes(model.SerializeToString())
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.output[0].type.tensor_type.shape.dim
    network = read_onnx(path)
    assert not network.skipped
    problem = network.layers[0].problem
    extents = problem.extents
    assert [extents["N"], extents["G"] * extents["K"], *(extents[d] for d in "ZPQ" if d in extents)] == [
        d.dim_value for d in inferred
    ]
    size = 1
    for n in data:
        size *= n
    assert stored_elements(problem, problem.tensor("I")) == size
