import pytest

from tileloom.core.errors import InputError
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.frontends.yaml import parse_workload, read_workload, write_workload
from tileloom.workload.layers import conv2d, conv3d, conv_transpose, elementwise, gemm, matmul
from tileloom.workload.network import Layer, Network, Skipped, VectorOp

EXAMPLE = """
network: example
bits: 4
layers:
  - name: conv1
    op: conv2d
    K: 64
    C: 3
    H: 224
    W: 224
    R: 7
    S: 7
    stride: 2
    pad: 3
    outputs: [a]
  - {name: dw, op: depthwise, channels: 64, P: 10, Q: 10, R: 3, S: 3, stride: [1, 1], bits: 8}
  - {name: fc, op: gemm, M: 1, N: 1000, K: 512, count: 3, inputs: [a], bits: {W: 2}}
  - name: attention
    einsum: "S[h, q, k] = Q[h, q, d] * K[h, k, d]"
    sizes: {h: 12, q: 128, k: 128, d: 64}
    roles: {Q: input, K: input}
vector_ops:
  - {name: pool, operator: MaxPool, elements: 200704, inputs: [a], outputs: [b]}
skipped:
  - {node: odd, operator: Fancy, reason: not known}
"""


def test_reads_every_kind_of_entry():
    network = parse_workload(EXAMPLE)
    conv, dw, fc, attention = network.layers
    assert (network.name, conv.problem.extents["P"], conv.outputs) == ("example", 112, ("a",))
    assert {t.bits for t in conv.problem.tensors} == {4}
    assert (dw.problem.extents["G"], dw.problem.tensors[0].bits) == (64, 8)
    assert (fc.count, [t.bits for t in fc.problem.tensors], fc.inputs) == (3, [8, 2, 8], ("a",))
    assert [t.role for t in attention.problem.inputs] == ["input", "input"]
    assert network.vector_ops[0] == VectorOp(
        name="pool", operator="MaxPool", elements=200704, inputs=("a",), outputs=("b",)
    )
    assert network.skipped == (Skipped(node="odd", operator="Fancy", reason="not known"),)
    assert network.macs == sum(layer.problem.macs * layer.count for layer in network.layers)


def test_written_text_reads_back_to_the_same():
    network = parse_workload(EXAMPLE)
    again = parse_workload(write_workload(network))
    assert again.layers == network.layers
    assert (again.vector_ops, again.skipped, again.name) == (network.vector_ops, network.skipped, network.name)


ODD = [
    conv2d("a", K=4, C=3, H=9, W=7, R=3, S=1, stride=(2, 1), pad=(1, 0, 2, 1), dilation=(1, 2), bits=16),
    conv2d("b", K=4, C=3, G=2, N=3, P=5, Q=5, R=3, S=3),
    conv3d("c", K=4, C=3, D=5, H=9, W=7, T=2, R=3, S=1),
    conv_transpose("d", 2, K=4, C=3, P=5, Q=6, R=3, S=3, stride=2, pad=(1, 0, 0, 1), output_padding=(0, 1)),
    gemm("e", M=2, N=3, K=4, transpose_a=True),
    matmul("f", batch=[("B0", 2), ("B1", 3)], M=4, N=5, K=6, batch_of_second=["B1"], roles=("weight", "input")),
    elementwise("g", shape=[3, 4]),
    parse_einsum("O[n,p] = I[n, p*2 + 3*r - 1, 0] * V[r] * U[]", {"p": 4, "n": 2, "r": 3}, name="h", bits={"V": 2}),
    parse_einsum("ij->ji", {"i": 2, "j": 3}, name="i"),
]


@pytest.mark.parametrize("problem", ODD, ids=lambda p: p.name)
def test_any_problem_round_trips(problem):
    network = Network("n", (Layer(name=problem.name, problem=problem, operator=problem.op),))
    text = write_workload(network)
    assert parse_workload(text).layers == network.layers
    assert ("einsum:" in text) == (problem.name in "fghi")


FAULTS = {
    "unknown key": (
        "{name: a, op: gemm, M: 1, N: 1, K: 1, coutn: 2}",
        "4: unknown key 'coutn' (did you mean 'count'?)",
    ),
    "an op of another kind": ("{name: a, op: []}", "4: unknown op '[]'; known: "),
    "unknown op": ("{name: a, op: conv2}", "4: unknown op 'conv2' (did you mean 'conv2d'?)"),
    "negative": ("{name: a, op: gemm, M: -1, N: 1, K: 1}", "4: 'M' is -1; expected a whole number from 1"),
    "absurd": ("{name: a, op: gemm, M: 1, N: 1, K: 9999999999999}", "4: 'K' is 9999999999999; expected"),
    "fraction": ("{name: a, op: gemm, M: 1.5, N: 1, K: 1}", "4: 'M' is 1.5"),
    "truth is no number": ("{name: a, op: gemm, M: true, N: 1, K: 1}", "4: 'M' is True"),
    "missing": ("{name: a, op: gemm, M: 1}", "4: layer 'a': missing 'N', 'K'"),
    "missing kernel": ("{name: a, op: conv1d, K: 1, C: 1, P: 3}", "4: layer 'a': kernel size 'R' is missing"),
    "both": ("{name: a, op: gemm, einsum: 'a->a'}", "4: layer 'a': give either 'op' or 'einsum'"),
    "no name": ("{op: gemm, M: 1, N: 1, K: 1}", "4: an entry without 'name'"),
    "bad bits": ("{name: a, op: gemm, M: 1, N: 1, K: 1, bits: 0}", "4: 'bits' is 0"),
    "bits of nothing": ("{name: a, op: gemm, M: 1, N: 1, K: 1, bits: {X: 2}}", "4: bits for unknown tensor 'X'"),
    "bad flag": (
        "{name: a, op: gemm, M: 1, N: 1, K: 1, transpose_a: 1}",
        "4: 'transpose_a' is 1; expected true or false",
    ),
    "bad edge": ("{name: a, op: gemm, M: 1, N: 1, K: 1, inputs: b}", "4: 'inputs' must be a list"),
    "einsum sizes": ("{name: a, einsum: 'mk,kn->mn', sizes: {m: 1, n: 0, kk: 3}}", "4: 'n' is 0"),
    "einsum text": ("{name: a, einsum: 'O[a] = I[a', sizes: {a: 1}}", "4: einsum, column 11"),
    "einsum axes": ("{name: a, einsum: 'i->i', sizes: {i: 3}, axes: {B: {4: {pad: [0, 1]}}}}", "4: axis '4' of 'B'"),
    "pad of an axis": (
        "{name: a, einsum: 'i->i', sizes: {i: 3}, axes: {B: {0: {pad: 1}}}}",
        "4: pad is 1; expected [low",
    ),
    "not a mapping": ("gemm", "4: an entry of 'layers' must be a mapping"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_told_with_line_value_and_remedy(fault, tmp_path):
    entry, message = FAULTS[fault]
    path = tmp_path / "net.yaml"
    path.write_text(f"network: n\nlayers:\n  - {{name: fine, op: gemm, M: 1, N: 1, K: 1}}\n  - {entry}\n")
    with pytest.raises(InputError) as caught:
        read_workload(path)
    assert f"net.yaml:{message}" in str(caught.value)


def test_all_faults_at_once():
    with pytest.raises(InputError) as caught:
        parse_workload("""
layer: []
layers:
  - {name: a, op: gemm, M: -1, N: 0, K: 1}
  - {name: a, op: gemm, M: 1, N: 1, K: 1, bit: 2}
vector_ops: 3
""")
    told = str(caught.value).splitlines()
    assert [t.split(":")[1] for t in told] == ["2", "4", "4", "5", "5", "6"]
    assert "name 'a' appears twice (first at <text>:4)" in told[3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"layers: [", "not valid YAML"),
        (b"a: 1\na: 2\nlayers: []", "a"),
        (b"[1, 2]", "not a workload"),
        (b"layers: []", "no layers"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"layers: !!python/object/apply:os.system [ls]", "."),
    ],
)
def test_files_that_are_no_workload(content, message, tmp_path):
    path = tmp_path / "net.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_workload(path)
    assert "net.yaml" in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_workload(tmp_path / "none.yaml")
