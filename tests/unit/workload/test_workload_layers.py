import pytest

from tileloom.core.errors import InputError
from tileloom.workload.layers import (
    batched_matmul,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose,
    depthwise,
    elementwise,
    gemm,
    matmul,
    stored_elements,
)


def test_convolution_from_input_size_keeps_padding_and_untouched_rows():
    # 224 + 3 + 3 = 230 padded rows; 112 outputs of stride 2 and kernel 7 reach 2*111 + 7 = 229 of them.
    problem = conv2d("c", K=64, C=3, H=224, W=224, R=7, S=7, stride=2, pad=3)
    assert [(d.name, d.extent) for d in problem.dims] == [
        ("N", 1), ("G", 1), ("K", 64), ("C", 3), ("P", 112), ("Q", 112), ("R", 7), ("S", 7),
    ]  # fmt: skip
    rows = problem.tensor("I").axes[3]
    assert (rows.terms, rows.pad_lo, rows.pad_hi, rows.extent) == ((("P", 2), ("R", 1)), 3, 2, None)
    assert problem.macs == 64 * 3 * 112 * 112 * 7 * 7
    assert problem.size("I") == 3 * 229 * 229
    assert stored_elements(problem, problem.tensor("I")) == 3 * 224 * 224


def test_rows_no_output_reads_stay_allocated():
    # A 1x1 kernel of stride 2 over 56 rows reads rows 0, 2, ..., 54: a span of 55 of 56 allocated.
    rows = conv2d("c", K=1, C=1, H=56, W=56, R=1, S=1, stride=2).tensor("I").axes[3]
    assert rows.extent == 56


def test_output_and_input_sizes_must_agree():
    assert conv2d("c", K=1, C=1, H=8, W=8, P=6, Q=6, R=3, S=3).extents["P"] == 6
    with pytest.raises(InputError, match="gives 6 outputs; P is 7"):
        conv2d("c", K=1, C=1, H=8, W=8, P=7, Q=6, R=3, S=3)
    with pytest.raises(InputError, match="gives -1 outputs; P is free"):
        conv2d("c", K=1, C=1, H=3, W=3, R=5, S=5)


def test_one_and_three_spatial_axes():
    assert conv1d("c", K=4, C=2, W=10, R=3).equation == "O[N, G, K, P] += I[N, G, C, P+R] * W[G, K, C, R]"
    volume = conv3d("c", K=2, C=1, D=4, H=5, W=6, T=2, R=3, S=3)
    assert [volume.extents[d] for d in "ZPQTRS"] == [3, 3, 4, 2, 3, 3]


def test_depthwise_is_one_group_per_channel():
    problem = depthwise("d", channels=32, P=10, Q=10, R=3, S=3)
    assert (problem.extents["G"], problem.extents["K"], problem.extents["C"]) == (32, 1, 1)
    assert problem.macs == 32 * 100 * 9
    assert problem.reduction_dims == {"C", "R", "S"}


def test_transposed_convolution_has_its_halo_on_the_output():
    # 3 inputs, stride 2, kernel 3: positions 0..6, of which padding 1 crops the first and last.
    problem = conv_transpose("t", 1, K=4, C=2, P=3, R=3, stride=2, pad=1)
    axis = problem.output.axes[3]
    assert (axis.terms, axis.pad_lo, axis.pad_hi) == ((("P", 2), ("R", 1)), 1, 1)
    assert stored_elements(problem, problem.output) == 4 * 5
    assert problem.macs == 4 * 2 * 3 * 3
    assert problem.reduction_dims == {"C"}
    widened = conv_transpose("t", 1, K=4, C=2, P=3, R=3, stride=2, pad=1, output_padding=1)
    assert stored_elements(widened, widened.output) == 4 * 6


def test_matrix_products():
    assert str(gemm("g", M=2, N=3, K=4)) == "g: O[M, N] += I[M, K] * W[K, N]  (M=2 N=3 K=4)"
    assert gemm("g", M=2, N=3, K=4, transpose_b=True).equation == "O[M, N] += I[M, K] * W[N, K]"
    assert batched_matmul("b", B=5, M=2, N=3, K=4).equation == "O[B, M, N] += I[B, M, K] * W[B, K, N]"
    shared = matmul("m", batch=[("B0", 2), ("B1", 3)], M=4, N=5, K=6, batch_of_second=["B1"])
    assert shared.equation == "O[B0, B1, M, N] += I[B0, B1, M, K] * W[B1, K, N]"
    swapped = matmul("m", batch=[], M=4, N=5, K=6, roles=("weight", "input"))
    assert [(t.name, t.role) for t in swapped.inputs] == [("W", "weight"), ("I", "input")]


def test_elementwise():
    two = elementwise("e", shape=[2, 3])
    assert (two.macs, two.copy, len(two.inputs)) == (6, False, 2)
    assert elementwise("e", shape=[2, 3], operands=1).copy
    with pytest.raises(InputError, match="1 or 2 operands"):
        elementwise("e", shape=[2, 3], operands=3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stride": 0}, "stride is 0"),
        ({"dilation": (1, 1, 1)}, "expected 2 number"),
        ({"pad": -1}, "none negative"),
        ({"pad": (1, 2, 3)}, "expected one number, 2 or 4"),
        ({"R": 0}, "'R' is 0"),
        ({"X": 3}, "unknown size 'X'"),
        ({"K": -4}, "extent -4"),
        ({"pad": 5, "H": None, "W": None, "P": 2, "Q": 2}, "leaves -6 stored positions of 4"),
    ],
)
def test_wrong_parameters(wrong, message):
    given = {"K": 1, "C": 1, "H": 8, "W": 8, "R": 3, "S": 3} | wrong
    with pytest.raises(InputError, match=message):
        conv2d("c", **{k: v for k, v in given.items() if v is not None})


def test_missing_sizes_are_reported_together():
    with pytest.raises(InputError) as caught:
        conv2d("c", K=1, C=1, H=8, S=3)
    assert caught.value.problems == (
        "layer 'c': kernel size 'R' is missing",
        "layer 'c': give the output size 'Q' or the input size 'W'",
    )
