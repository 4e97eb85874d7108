"""Every operator that becomes a problem, against ONNX's own reference evaluator: same numbers, point by point."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from onnx_models import model, run, saved
from tileloom.workload.frontends.onnx import read_onnx

CONV = {"kernel_shape": [3, 3]}
# operator, attributes, shapes of the two operands
CASES = {
    "conv": ("Conv", {"kernel_shape": [3, 2]}, [2, 3, 6, 5], [4, 3, 3, 2]),
    "conv strided, padded unevenly": (
        "Conv",
        {**CONV, "strides": [2, 3], "pads": [1, 0, 2, 1]},
        [1, 2, 7, 8],
        [2, 2, 3, 3],
    ),
    "conv dilated": ("Conv", {**CONV, "dilations": [2, 1]}, [1, 2, 7, 5], [2, 2, 3, 3]),
    "conv grouped": ("Conv", {**CONV, "group": 2, "pads": [1, 1, 1, 1]}, [1, 4, 4, 4], [6, 2, 3, 3]),
    "conv depthwise": ("Conv", {**CONV, "group": 3, "strides": [2, 2]}, [1, 3, 6, 6], [3, 1, 3, 3]),
    "conv depthwise, two outputs a channel": ("Conv", {**CONV, "group": 2}, [1, 2, 5, 5], [4, 1, 3, 3]),
    "conv same upper": ("Conv", {**CONV, "strides": [2, 2], "auto_pad": "SAME_UPPER"}, [1, 1, 6, 7], [1, 1, 3, 3]),
    "conv same lower": ("Conv", {**CONV, "strides": [2, 2], "auto_pad": "SAME_LOWER"}, [1, 1, 6, 7], [1, 1, 3, 3]),
    "conv valid": ("Conv", {**CONV, "auto_pad": "VALID"}, [1, 1, 6, 7], [1, 1, 3, 3]),
    "conv pointwise strided": ("Conv", {"kernel_shape": [1, 1], "strides": [2, 2]}, [1, 2, 6, 6], [3, 2, 1, 1]),
    "conv 1-D": ("Conv", {"kernel_shape": [3], "pads": [1, 1]}, [2, 2, 7], [3, 2, 3]),
    "conv 3-D": ("Conv", {"kernel_shape": [2, 2, 2], "strides": [1, 2, 1]}, [1, 2, 4, 5, 3], [2, 2, 2, 2, 2]),
    "transposed": ("ConvTranspose", {"strides": [2, 2]}, [1, 2, 3, 4], [2, 3, 3, 3]),
    "transposed, cropped": ("ConvTranspose", {"strides": [2, 2], "pads": [1, 0, 1, 2]}, [1, 2, 3, 4], [2, 3, 3, 3]),
    "transposed, widened": (
        "ConvTranspose",
        {"strides": [2, 3], "pads": [1, 0, 1, 0], "output_padding": [1, 2]},
        [1, 2, 3, 4],
        [2, 3, 3, 3],
    ),
    "transposed, dilated": ("ConvTranspose", {"dilations": [2, 1]}, [2, 1, 3, 3], [1, 2, 2, 2]),
    "transposed, 1-D": ("ConvTranspose", {"strides": [2]}, [1, 2, 4], [2, 3, 3]),
    "gemm": ("Gemm", {}, [3, 4], [4, 5]),
    "gemm, both transposed": ("Gemm", {"transA": 1, "transB": 1}, [4, 3], [5, 4]),
    "matmul": ("MatMul", {}, [3, 4], [4, 5]),
    "matmul, shared second": ("MatMul", {}, [2, 3, 4], [4, 5]),
    "matmul, batched": ("MatMul", {}, [2, 2, 3, 4], [2, 2, 4, 5]),
    "matmul, shared first": ("MatMul", {}, [3, 4], [2, 4, 5]),
    "matmul, broadcast both ways": ("MatMul", {}, [2, 1, 3, 4], [1, 3, 4, 2]),
    "matmul, mixed": ("MatMul", {}, [2, 3, 2, 2, 2], [3, 1, 2, 3]),
    "matmul, vector first": ("MatMul", {}, [4], [2, 4, 3]),
    "matmul, vector second": ("MatMul", {}, [2, 3, 4], [4]),
    "matmul, two vectors": ("MatMul", {}, [4], [4]),
    "einsum": ("Einsum", {"equation": "bij , jk -> bik"}, [2, 3, 4], [4, 2]),
    "einsum, implicit output": ("Einsum", {"equation": "ij,jk"}, [3, 4], [4, 2]),
    "einsum, ellipsis": ("Einsum", {"equation": "...ij,...jk->...ik"}, [2, 3, 2, 4], [3, 4, 2]),
    "einsum, transposing": ("Einsum", {"equation": "bhqd,bhkd->bqkh"}, [1, 2, 3, 4], [1, 2, 5, 4]),
    "einsum, broadcast of one": ("Einsum", {"equation": "ij,ij->ij"}, [3, 4], [1, 4]),
}


@pytest.mark.parametrize("case", CASES)
def test_problem_computes_what_the_operator_does(case, tmp_path):
    operator, attributes, first, second = CASES[case]
    nodes, inputs = [(operator, "ab", "y", attributes)], {"a": first, "b": second}
    network = read_onnx(saved(tmp_path, nodes, inputs))
    assert not network.skipped
    problem = network.layers[0].problem
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-4, 5, shape).astype(np.float32) for shape in (first, second))
    if operator == "ConvTranspose":
        expected = _transposed(a, b, attributes)
        assert list(expected.shape) == list(
            ReferenceEvaluator(model(nodes, inputs)).run(None, {"a": a, "b": b})[0].shape
        )
    else:
        expected = ReferenceEvaluator(model(nodes, inputs)).run(None, {"a": a, "b": b})[0]
    np.testing.assert_array_equal(run(problem, a, b).reshape(expected.shape), expected)


def _transposed(x, w, attributes):
    """Scatter by definition; ONNX's evaluator is not used for its values because it has had faults with output_padding."""
    rank = x.ndim - 2
    strides, dilations = attributes.get("strides", [1] * rank), attributes.get("dilations", [1] * rank)
    pads, extra = attributes.get("pads", [0] * 2 * rank), attributes.get("output_padding", [0] * rank)
    full = [
        s * (n - 1) + d * (k - 1) + 1 + e for s, n, d, k, e in zip(strides, x.shape[2:], dilations, w.shape[2:], extra)
    ]
    y = np.zeros((x.shape[0], w.shape[1], *full))
    for at in np.ndindex(*x.shape[2:]):
        for k in np.ndindex(*w.shape[2:]):
            to = tuple(s * p + d * r for s, p, d, r in zip(strides, at, dilations, k))
            y[(slice(None), slice(None), *to)] += x[(slice(None), slice(None), *at)] @ w[(slice(None), slice(None), *k)]
    return y[(slice(None), slice(None), *(slice(lo, n - hi) for lo, hi, n in zip(pads[:rank], pads[rank:], full)))]


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "NOTSET"])
def test_transposed_convolution_to_a_given_size(auto_pad, tmp_path):
    attributes = {"strides": [2, 2], "output_shape": [6, 7], "auto_pad": auto_pad}
    network = read_onnx(
        saved(tmp_path, [("ConvTranspose", "ab", "y", attributes)], {"a": [1, 1, 3, 4], "b": [1, 1, 3, 4]})
    )
    # Full size is 2*2+3 = 7 by 2*3+4 = 10, so 1 row and 3 columns are cropped; the odd one at the end for SAME_UPPER.
    rows, columns = network.layers[0].problem.output.axes[3:]
    upper = auto_pad == "SAME_UPPER"
    assert (rows.pad_lo, rows.pad_hi) == ((0, 1) if upper else (1, 0))
    assert (columns.pad_lo, columns.pad_hi) == ((1, 2) if upper else (2, 1))


@pytest.mark.parametrize(
    ("operator", "inputs", "expected_macs"),
    [
        ("ConvInteger", {"a": [1, 2, 5, 5], "b": [3, 2, 3, 3]}, 2 * 3 * 9 * 9),
        ("MatMulInteger", {"a": [3, 4], "b": [4, 5]}, 60),
    ],
)
def test_integer_operators(operator, inputs, expected_macs, tmp_path):
    path = saved(tmp_path, [(operator, "ab", "y")], inputs, kind=TensorProto.UINT8)
    problem = read_onnx(path, bits="as-file").layers[0].problem
    assert problem.macs == expected_macs
    assert [t.bits for t in problem.tensors] == [8, 8, 32]


def test_quantised_operators_take_their_fourth_operand_as_weight(tmp_path):
    values = {s: np.float32(1) for s in ("as", "bs", "ys")} | {z: np.uint8(0) for z in ("az", "bz", "yz")}
    operands = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
    nodes = [("QLinearConv", operands, ["c"]), ("QLinearMatMul", ["c", *operands[1:3], "d", *operands[4:]], ["y"])]
    inputs = {"a": [1, 2, 5, 5], "b": [3, 2, 3, 3], "d": [1, 3, 3, 4]}
    network = read_onnx(saved(tmp_path, nodes, inputs, values=values, kind=TensorProto.UINT8))
    assert [layer.problem.macs for layer in network.layers] == [2 * 3 * 9 * 9, 3 * 3 * 3 * 4]
    assert not network.skipped


def test_einsum_of_one_operand_is_vector_work(tmp_path):
    network = read_onnx(saved(tmp_path, [("Einsum", "a", "y", {"equation": "ij->ji"})], {"a": [3, 4]}))
    assert [(v.operator, v.elements) for v in network.vector_ops] == [("Einsum", 12)]


@pytest.mark.parametrize(
    ("operator", "attributes", "inputs", "reason"),
    [
        ("Conv", {"group": 2}, {"a": [1, 4, 5, 5], "b": [3, 2, 3, 3]}, "do not fit"),
        ("Conv", {"strides": [0, 1]}, {"a": [1, 2, 5, 5], "b": [3, 2, 3, 3]}, "strides"),
        ("Conv", {"strides": 2}, {"a": [1, 2, 5, 5], "b": [3, 2, 3, 3]}, "attribute 'strides' is '2'; expected list"),
        ("Conv", {"group": 0}, {"a": [1, 2, 5, 5], "b": [3, 2, 3, 3]}, "group=0 do not fit"),
        ("ConvTranspose", {"output_padding": [-1, 0]}, {"a": [1, 2, 5, 5], "b": [2, 3, 3, 3]}, "output_padding"),
        ("Conv", {"pads": [-1, 0, 0, 0]}, {"a": [1, 2, 5, 5], "b": [3, 2, 3, 3]}, "none negative"),
        ("Conv", {}, {"a": [1, 2, 2, 2], "b": [3, 2, 3, 3]}, "gives 0 outputs"),
        ("Conv", {}, {"a": [1, 2, 2, 2, 2, 2], "b": [3, 2, 1, 1, 1, 1]}, "1 to 3 spatial axes"),
        ("Gemm", {}, {"a": [3, 4], "b": [5, 6]}, "inner sizes differ"),
        ("MatMul", {}, {"a": [2, 3, 4], "b": [3, 4, 5]}, "do not broadcast"),
        ("Einsum", {"equation": "ij,jk->ik"}, {"a": [3, 4], "b": [5, 6]}, "index 'j' is 4 in one operand, 5 in another"),
        ("MatMul", {}, {"a": [2**41, 4], "b": [4, 5]}, "extent 2199023255552"),
    ],
)  # fmt: skip
def test_a_node_that_makes_no_sense_is_skipped_with_its_reason(operator, attributes, inputs, reason, tmp_path):
    network = read_onnx(saved(tmp_path, [(operator, "ab", "y", attributes)], inputs))
    assert not network.layers
    assert network.skipped[0].operator == operator
    assert reason in network.skipped[0].reason
