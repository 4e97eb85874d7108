"""What ATen calls become, on calls written by hand: torch is not needed for it."""

import pytest

from tileloom.workload.frontends.nodes import TensorFacts, network_of
from tileloom.workload.frontends.torch_operators import Call, Ref, nodes_of


def network(call: Call, **shapes: tuple[int, ...]):
    tensors = {n: TensorFacts(s, 32, weight=n in ("w", "b")) for n, s in shapes.items()}
    return network_of("m", nodes_of([call], tensors), tensors)


def call(operator: str, *args: object, **kwargs: object) -> Call:
    return Call("node", f"aten.{operator}", args, kwargs, ("y",))


X, W, B, Y = (Ref(n) for n in "xwby")

ONE = [
    (call("linear.default", X, W, B), {"x": (2, 3, 8), "w": (5, 8), "b": (5,), "y": (2, 3, 5)},
     "node: O[M, N] += I[M, K] * W[N, K]  (M=6 N=5 K=8)"),
    (call("addmm.default", B, X, W), {"x": (3, 8), "w": (8, 5), "b": (5,), "y": (3, 5)},
     "node: O[M, N] += I[M, K] * W[K, N]  (M=3 N=5 K=8)"),
    (call("bmm.default", X, Y), {"x": (4, 3, 8), "y": (4, 8, 5)}, "node: O[B, M, N] += I[B, M, K] * W[B, K, N]  (B=4 M=3 N=5 K=8)"),
    (call("baddbmm.default", Y, X, X), {"x": (4, 3, 3), "y": (4, 3, 3)}, "node: O[B, M, N] += I[B, M, K] * W[B, K, N]  (B=4 M=3 N=3 K=3)"),
    (call("einsum.default", "bij,bkj->bik", [X, Y]), {"x": (2, 3, 4), "y": (2, 5, 4)},
     "node: C[b, i, k] += A[b, i, j] * B[b, k, j]  (b=2 i=3 j=4 k=5)"),
    (call("conv2d.default", X, W, None, [2, 2], [1, 1]), {"x": (1, 3, 8, 8), "w": (4, 3, 3, 3), "y": (1, 4, 4, 4)},
     "node: O[N, G, K, P, Q] += I[N, G, C, 2*P+R, 2*Q+S] * W[G, K, C, R, S]  (N=1 G=1 K=4 C=3 P=4 Q=4 R=3 S=3)"),
    (call("conv1d.padding", X, W, None, [1], "same", [2]), {"x": (1, 3, 8), "w": (4, 3, 3), "y": (1, 4, 8)},
     "node: O[N, G, K, P] += I[N, G, C, P+2*R] * W[G, K, C, R]  (N=1 G=1 K=4 C=3 P=8 R=3)"),
    (call("conv3d.default", X, W, groups=2), {"x": (1, 4, 4, 4, 4), "w": (6, 2, 2, 2, 2)},
     "node: O[N, G, K, Z, P, Q] += I[N, G, C, Z+T, P+R, Q+S] * W[G, K, C, T, R, S]  (N=1 G=2 K=3 C=2 Z=3 P=3 Q=3 T=2 R=2 S=2)"),
    (call("conv_transpose2d.input", X, W, None, [2, 2], [1, 1], [1, 1], 2), {"x": (1, 4, 4, 4), "w": (4, 3, 3, 3)},
     "node: O[N, G, K, 2*P+R, 2*Q+S] += I[N, G, C, P, Q] * W[G, C, K, R, S]  (N=1 G=2 K=3 C=2 P=4 Q=4 R=3 S=3)"),
    (call("convolution.default", X, W, None, [1], [0], [1], True, [0], 1), {"x": (1, 4, 6), "w": (4, 3, 3)},
     "node: O[N, G, K, P+R] += I[N, G, C, P] * W[G, C, K, R]  (N=1 G=1 K=3 C=4 P=6 R=3)"),
    (call("conv2d.default", X, W), {"x": (3, 8, 8), "w": (4, 3, 3, 3)},
     "node: O[N, G, K, P, Q] += I[N, G, C, P+R, Q+S] * W[G, K, C, R, S]  (N=1 G=1 K=4 C=3 P=6 Q=6 R=3 S=3)"),
]  # fmt: skip


@pytest.mark.parametrize("made, shapes, expected", ONE, ids=[c.operator for c, _, _ in ONE])
def test_an_operator_becomes_a_problem(made, shapes, expected):
    found = network(made, **shapes)
    assert not found.skipped
    assert str(found.layers[0].problem) == expected
    roles = {t.name: t.role for t in found.layers[0].problem.tensors}
    assert roles.get("W", "weight") == "weight"


def test_attention_is_two_products_and_a_softmax():
    attend = call("scaled_dot_product_attention.default", X, Ref("k"), Ref("v"))
    found = network(attend, x=(2, 4, 16, 8), k=(2, 4, 32, 8), v=(2, 4, 32, 6), y=(2, 4, 16, 6))
    assert [str(la.problem) for la in found.layers] == [
        "node.scores: O[B, M, N] += I[B, M, K] * W[B, N, K]  (B=8 M=16 N=32 K=8)",
        "node.context: O[B, M, N] += I[B, M, K] * W[B, K, N]  (B=8 M=16 N=6 K=32)",
    ]
    assert [v.elements for v in found.vector_ops] == [2 * 4 * 16 * 32]


def test_grouped_attention_shares_heads_of_keys_and_values():
    attend = call("scaled_dot_product_attention.default", X, Ref("k"), Ref("v"), enable_gqa=True)
    found = network(attend, x=(1, 8, 16, 4), k=(1, 2, 16, 4), v=(1, 2, 16, 4), y=(1, 8, 16, 4))
    assert found.macs == 2 * 8 * 16 * 16 * 4
    assert found.layers[0].problem.size("W") == 2 * 16 * 4


def test_views_move_nothing_and_other_work_is_counted():
    found = network(call("view.default", X, [6]), x=(2, 3), y=(6,))
    assert [v.elements for v in found.vector_ops] == [0]
    found = network(call("gelu.default", X), x=(2, 3), y=(2, 3))
    assert [v.elements for v in found.vector_ops] == [6]


def test_what_reads_only_weights_is_folded():
    found = network(call("mm.default", W, B), w=(4, 4), b=(4, 4), y=(4, 4))
    assert not found.layers
    assert [v.elements for v in found.vector_ops] == [0]


@pytest.mark.parametrize(
    "made, shapes, reason",
    [
        (call("lstm.input", X, [W]), {"x": (1, 2, 3), "w": (4, 4)}, "recurrent"),
        (Call("node", "torchvision.nms.default", (X,), {}, ("y",)), {"x": (4, 4)}, "not one of ATen's"),
        (call("linear.default", X, W), {"x": (2, 7), "w": (5, 8)}, "does not fit weights"),
        (call("conv2d.default", X, W, None, [1, 1, 1]), {"x": (1, 3, 8, 8), "w": (4, 3, 3, 3)}, "2 whole numbers"),
        (call("conv2d.default", X, W), {"x": (1, 5, 8, 8), "w": (4, 3, 3, 3)}, "5 input channels"),
        (call("matmul.default", X), {"x": (2, 2)}, "no tensor"),
        (Call("node", "control flow cond", (X,), {}, ("y",)), {"x": (2, 2)}, "not one of ATen's"),
    ],
)
def test_what_cannot_be_read_is_skipped_with_the_reason(made, shapes, reason):
    found = network(made, **shapes)
    assert reason in found.skipped[0].reason


def test_unknown_sizes_are_named():
    tensors = {"x": TensorFacts((None, 8)), "w": TensorFacts((5, 8), weight=True), "y": TensorFacts((None, 5))}
    found = network_of("m", nodes_of([call("linear.default", X, W)], tensors), tensors)
    assert "E-DYN" in found.skipped[0].reason
