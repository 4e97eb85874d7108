import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx_models import model, saved

from tileloom.core.errors import InputError
from tileloom.workload.frontends.onnx import read_onnx
from tileloom.workload.frontends.onnx_model import MAX_FILE_BYTES, element_bits
from tileloom.workload.library import library_entry
from tileloom.workload.network import Network


def test_graph_edges_names_and_roles(tmp_path):
    nodes = [
        ("Conv", "xw", "c"),
        ("Relu", "c", "r"),
        ("Conv", "rv", "d", {"name": "second"}),
        ("Add", "dr", "s", {"name": "second"}),
        ("GlobalAveragePool", "s", "p"),
    ]
    weights = {"w": [4, 3, 3, 3], "v": [4, 4, 1, 1]}
    network = read_onnx(saved(tmp_path, nodes, {"x": [1, 3, 8, 8]}, "p", weights=weights))
    assert [(la.name, la.operator, la.inputs, la.outputs) for la in network.layers] == [
        ("Conv_0", "Conv", ("x",), ("c",)),
        ("second", "Conv", ("r",), ("d",)),
    ]
    assert [(v.name, v.elements, v.inputs) for v in network.vector_ops] == [
        ("Relu_1", 4 * 6 * 6, ("c",)),
        ("second_2", 4 * 6 * 6, ("d", "r")),
        ("GlobalAveragePool_4", 4, ("s",)),
    ]
    assert network.macs == 4 * 3 * 9 * 36 + 4 * 4 * 36


def test_weights_are_found_through_folded_nodes_and_either_operand(tmp_path):
    nodes = [("Transpose", "w", "t"), ("MatMul", "tx", "m"), ("MatMul", "mx", "y")]
    network = read_onnx(saved(tmp_path, nodes, {"x": [4, 4]}, weights={"w": [4, 4]}))
    first, second = (layer.problem for layer in network.layers)
    assert [(t.name, t.role) for t in first.inputs] == [("W", "weight"), ("I", "input")]
    assert [(t.name, t.role) for t in second.inputs] == [("I", "input"), ("W", "weight")]
    assert network.layers[1].inputs == ("m", "x")
    assert [(v.operator, v.elements) for v in network.vector_ops] == [("Transpose", 0)]


def test_equal_layers_are_merged_and_counted(tmp_path):
    nodes = [("MatMul", "xw", "a"), ("MatMul", "aw", "b"), ("MatMul", "bw", "y")]
    network = read_onnx(saved(tmp_path, nodes, {"x": [2, 4]}, weights={"w": [4, 4]}))
    assert [(p.count, p.layers) for p in network.problems] == [(3, ("MatMul_0", "MatMul_1", "MatMul_2"))]


def test_shapes_computed_in_the_graph_are_followed(tmp_path):
    # Flatten by hand: Shape -> Gather -> Concat -> Reshape, as exporters write it.
    nodes = [
        ("Shape", ["x"], ["s"]),
        ("Gather", ["s", "zero"], ["n"]),
        ("Concat", ["n", "rest"], ["target"], {"axis": 0}),
        ("Reshape", ["x", "target"], ["flat"]),
        ("MatMul", ["flat", "w"], ["y"]),
    ]
    values = {"zero": np.array([0]), "rest": np.array([-1])}
    path = saved(tmp_path, nodes, {"x": ["N", 3, 4]}, values=values, weights={"w": [12, 5]})
    network = read_onnx(path, {"N": 7})
    assert network.layers[0].problem.extents == {"M": 7, "N": 5, "K": 12}
    assert {v.operator: v.elements for v in network.vector_ops} == {"Shape": 0, "Gather": 0, "Concat": 0, "Reshape": 0}


def test_symbolic_dimensions_must_be_bound(tmp_path):
    path = saved(tmp_path, [("MatMul", "xw", "y")], {"x": ["batch", None, 4], "w": [4, 5]})
    with pytest.raises(InputError) as caught:
        read_onnx(path)
    told = str(caught.value)
    assert "batch (input 'x', axis 0)" in told and "x.1 (input 'x', axis 1)" in told
    assert "--bind batch=1 --bind x.1=1" in told
    assert read_onnx(path, {"batch": 2, "x.1": 3}).layers[0].problem.extents["M"] == 6


def test_wrong_bindings_are_told_together(tmp_path):
    path = saved(tmp_path, [("MatMul", "xw", "y")], {"x": ["batch", 4], "w": [4, 5]})
    with pytest.raises(InputError) as caught:
        read_onnx(path, {"btach": 1, "batch": 0})
    assert len(caught.value.problems) == 2
    assert "'btach' is not a symbolic dimension (did you mean 'batch'?)" in str(caught.value)
    assert "dimension 'batch' bound to 0" in str(caught.value)


def test_a_binding_beyond_any_size_is_refused(tmp_path):
    path = saved(tmp_path, [("MatMul", "xw", "y")], {"x": ["N", 4], "w": [4, 5]})
    with pytest.raises(InputError, match=r"'N' bound to 1\d{30}; expected 1 to"):
        read_onnx(path, {"N": 10**30})


def test_minus_one_counts_as_unbound(tmp_path):
    path = saved(tmp_path, [("MatMul", "xw", "y")], {"x": [-1, 4], "w": [4, 5]})
    with pytest.raises(InputError, match=r"--bind x.0=1"):
        read_onnx(path)
    assert read_onnx(path, {"x.0": 3}).macs == 60


def test_unknown_operators_are_skipped_and_the_rest_imported(tmp_path):
    nodes = [
        ("MatMul", "xw", "a"),
        ("Fancy", "a", "b", {"domain": "com.example"}),
        ("Relu", "b", "c"),
        ("MatMul", "xw", "y"),
    ]
    network = read_onnx(saved(tmp_path, nodes, {"x": [3, 4], "w": [4, 5]}))
    assert [layer.name for layer in network.layers] == ["MatMul_0", "MatMul_3"]
    assert [(s.node, s.operator) for s in network.skipped] == [("Fancy_1", "com.example.Fancy"), ("Relu_2", "Relu")]
    assert "domain 'com.example'" in network.skipped[0].reason
    assert "einsum in a YAML network" in network.skipped[0].reason
    assert "tensor 'c' has no known shape" in network.skipped[1].reason


def test_control_flow_and_recurrence_are_skipped(tmp_path):
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["o"])],
        "b",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [3])],
    )
    nodes = [
        ("If", ["flag"], ["i"], {"then_branch": branch, "else_branch": branch}),
        ("GRU", "xwv", ["y"], {"hidden_size": 2}),
    ]
    inputs = {"x": [3, 1, 4], "w": [1, 6, 4], "v": [1, 6, 2]}
    network = read_onnx(saved(tmp_path, nodes, inputs, values={"flag": np.array(True)}))
    assert [s.operator for s in network.skipped] == ["If", "GRU"]
    assert "control flow" in network.skipped[0].reason and "recurrent" in network.skipped[1].reason


def test_a_shape_that_cannot_be_inferred_is_told_with_the_reason(tmp_path):
    nodes = [("NonZero", "x", "i"), ("Cast", "i", "f", {"to": 1}), ("MatMul", "xf", "y")]
    network = read_onnx(saved(tmp_path, nodes, {"x": [4, 2]}))
    assert [s.node for s in network.skipped] == ["NonZero_0", "Cast_1", "MatMul_2"]
    assert "tensor 'f' has shape [2, '?']" in network.skipped[2].reason


def test_bits_default_to_one_width_and_follow_the_file_on_demand(tmp_path):
    path = saved(tmp_path, [("MatMul", "xw", "y")], {"x": [3, 4], "w": [4, 5]}, kind=TensorProto.FLOAT16)
    assert {t.bits for t in read_onnx(path).layers[0].problem.tensors} == {8}
    assert {t.bits for t in read_onnx(path, bits=4).layers[0].problem.tensors} == {4}
    assert {t.bits for t in read_onnx(path, bits="as-file").layers[0].problem.tensors} == {16}


@pytest.mark.parametrize(
    ("name", "bits"),
    [("FLOAT", 32), ("DOUBLE", 64), ("BFLOAT16", 16), ("INT8", 8), ("UINT4", 4), ("FLOAT8E4M3FN", 8), ("STRING", 8), ("INT64", 64)],
)  # fmt: skip
def test_element_widths(name, bits):
    assert element_bits(TensorProto.DataType.Value(name)) == bits
    assert element_bits(12345) == 8


def test_functions_of_the_model_are_inlined(tmp_path):
    made = model([("Twice", "xw", "y", {"domain": "local"})], {"x": [3, 4], "w": [4, 4]})
    body = [helper.make_node("MatMul", ["a", "b"], ["t"]), helper.make_node("MatMul", ["t", "b"], ["o"])]
    made.opset_import.append(helper.make_opsetid("local", 1))
    made.functions.append(helper.make_function("local", "Twice", ["a", "b"], ["o"], body, made.opset_import[:1]))
    path = tmp_path / "model.onnx"
    onnx.save(made, path)
    assert [layer.problem.macs for layer in read_onnx(path).layers] == [48, 48]


def test_weightless_models_name_their_weights(tmp_path):
    made = model([("MatMul", "wx", "y")], {"x": [4, 3], "w": [5, 4]})
    helper.set_model_props(made, {"tileloom.weights": json.dumps(["w"])})
    path = tmp_path / "model.onnx"
    onnx.save(made, path)
    assert [t.role for t in read_onnx(path).layers[0].problem.tensors] == ["weight", "input", "output"]
    helper.set_model_props(made, {"tileloom.weights": "{"})
    onnx.save(made, path)
    with pytest.raises(InputError, match="must be a JSON list"):
        read_onnx(path)


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\x00\xff" * 50, b"PK\x03\x04zip"]
)
def test_files_that_are_not_onnx(content, tmp_path):
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"wrong\.onnx: (not an ONNX model|holds no ONNX graph).*xport"):
        read_onnx(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.97])
def test_truncated_files(kept, tmp_path):
    whole = saved(tmp_path, [("MatMul", "xw", "a"), ("MatMul", "aw", "y")], {"x": [3, 4], "w": [4, 4]}).read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InputError, match=r"cut\.onnx"):
        read_onnx(path)


def test_missing_and_oversized_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.onnx: no such file"):
        read_onnx(tmp_path / "none.onnx")
    huge = tmp_path / "huge.onnx"
    with huge.open("wb") as stream:
        stream.truncate(MAX_FILE_BYTES + 1)  # sparse: takes no space
    with pytest.raises(InputError, match="external data"):
        read_onnx(huge)


def test_large_inline_weights_are_dropped_before_shape_inference(tmp_path):
    values = {"w": np.zeros((100, 90), np.float32)}
    network = read_onnx(saved(tmp_path, [("MatMul", "xw", "y")], {"x": [3, 100]}, values=values))
    assert network.layers[0].problem.macs == 3 * 100 * 90
    assert [t.role for t in network.layers[0].problem.inputs] == ["input", "weight"]
    assert network.layers[0].inputs == ("x",)


def test_damaged_files_never_end_in_a_traceback(tmp_path):
    whole = library_entry("gpt3-6.7b-decode").path.read_bytes()
    path, outcomes = tmp_path / "damaged.onnx", set()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), size=1 + seed % 4):
            damaged[at] = rng.integers(0, 256)
        path.write_bytes(damaged)
        try:
            outcomes.add(type(read_onnx(path, {"N": 1, "S": 5})))
        except InputError:
            outcomes.add(InputError)
    assert outcomes == {Network, InputError}
