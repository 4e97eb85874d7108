"""AccelForge workload files: einsums, bounds, widths, roles, copies, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.core.errors import InputError
from tileloom.workload.frontends.accelforge import AccelforgeWorkload, read_workload, to_network

REFERENCE = Path(__file__).parents[2] / "reference" / "accelforge" / "workload"


def read(folder: Path, text: str, **variables: object) -> AccelforgeWorkload:
    path = folder / "work.yaml"
    path.write_text(text, encoding="utf-8")
    return read_workload(path, variables)


ROLES = "renames: {weight: B, input: A, output: Z}"


def einsum(body: str, sizes: str = "{M: 4, N: 5, K: 6}", extra: str = "") -> str:
    return f"workload:\n  rank_sizes: {sizes}\n  bits_per_value: {{All: 8}}\n  {extra}\n  einsums:\n  - {body}\n"


def test_a_strided_convolution() -> None:
    variables = {"NB": 2, "S": 2, "P": 7, "Q": 5, "C": 3, "M": 4, "R": 3}
    problem = read_workload(REFERENCE / "convolution.yaml", variables).einsum("O").problem
    assert problem.extents == {"n": 2, "c": 3, "p": 7, "r": 3, "q": 5, "s": 3, "m": 4}
    assert problem.equation == "O[p, q, n, m] += I[n, c, 2*p+r, 2*q+s] * F[r, s, c, m]"
    assert [(t.name, t.role) for t in problem.tensors] == [("I", "input"), ("F", "weight"), ("O", "output")]
    assert problem.size("I") == 2 * 3 * 15 * 11


def test_a_chain_written_by_a_loop() -> None:
    workload = read_workload(REFERENCE / "matmul_chain.yaml", {"N_EINSUMS": 3, "M": 8, "KN": 4})
    assert [e.name for e in workload.einsums] == ["Matmul0", "Matmul1", "Matmul2"]
    assert workload.intermediates == {"T1", "T2"}
    assert workload.einsums[1].sets["Intermediates"].certain == {"T1", "T2"}
    assert to_network(workload).macs == 3 * 8 * 4 * 4


def test_a_transformer_layer_with_included_attention() -> None:
    workload = read_workload(REFERENCE / "transformer_layer.yaml", {"BATCH_SIZE": 1, "N_NEW_TOKENS": 16})
    assert [e.name for e in workload.einsums] == ["I", "V", "K", "Q", "QK", "QK_softmax", "AV", "Z", "FFA", "FFB"]
    assert workload.persistent == {"WV", "WK", "WQ", "WZ", "WFFA", "WFFB"}
    roles = {e.name: {t.name: t.role for t in e.problem.tensors} for e in workload.einsums}
    assert roles["QK"] == {"Q": "input", "K": "weight", "QK": "output"}
    assert roles["QK_softmax"] == {"QK": "input", "QK_softmax": "output"}
    assert roles["Z"] == {"AV": "input", "WZ": "weight", "Z": "output"}
    assert [e.problem.copy for e in workload.einsums] == [True] + [False] * 9
    assert workload.einsum("AV").problem.extents == {"b": 1, "m": 16, "p": 16, "h": 32, "f": 128}
    assert {t.bits for e in workload.einsums for t in e.problem.tensors} == {16}
    network = to_network(workload)
    assert network.layers[0].operator == "copy"
    assert [p.count for p in network.problems if "V" in p.layers] == [3]
    with pytest.raises(InputError, match="the context holds 2048 tokens"):
        read_workload(REFERENCE / "transformer_layer.yaml", {"BATCH_SIZE": 1, "N_NEW_TOKENS": 4096})


def test_bounds_of_ranks_and_expressions(tmp_path: Path) -> None:
    """H of size 9 read at 2p + r with r < 3 leaves p < 4; a rank read at 3q of size 7 leaves q < 3."""
    body = f'{{einsum: "Z[p, q] = A[H: 2 * p + r, W: q * 3] * B[r]", {ROLES}}}'
    problem = read(tmp_path, einsum(body, "{H: 9, R: 3, W: 7}")).einsums[0].problem
    assert problem.extents == {"p": 4, "r": 3, "q": 3}


def test_projections_as_lists_and_mappings(tmp_path: Path) -> None:
    body = (
        "{name: E, tensor_accesses: [{name: A, projection: {M: m, H: k + 2 * n + 1}, bits_per_value: 4}, "
        f"{{name: B, projection: [n, K: k], persistent: True}}, {{name: Z, projection: [m], output: True}}], {ROLES}}}"
    )
    found = read(tmp_path, einsum(body, "{M: 4, N: 5, K: 6, H: 15}"))
    problem = found.einsums[0].problem
    axis = problem.tensor("A").axes[1]
    assert (axis.terms, axis.offset, problem.tensor("A").bits) == ((("k", 1), ("n", 2)), 1, 4)
    assert found.persistent == {"B"}
    with pytest.raises(InputError, match="indexed up to 14"):
        read(tmp_path, einsum(body, "{M: 4, N: 5, K: 6, H: 14}"))


def test_widths_and_repeats(tmp_path: Path) -> None:
    body = f'{{einsum: "Z[m, n] = A[m, k] * B[k, n]", n_instances: 3, {ROLES}}}'
    text = einsum(body, extra="n_instances: 2").replace("{All: 8}", "{Outputs: 32, All: 8, B: 4}")
    found = read(tmp_path, text).einsums[0]
    assert {t.name: t.bits for t in found.problem.tensors} == {"A": 8, "B": 4, "Z": 32}
    assert found.n_instances == 6
    assert to_network(read(tmp_path, text)).layers[0].count == 6


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{einsum: "Z[m, n] = A[m, k] * B[k, n]", renames: {weight: C}}', "unknown name 'C'"),
        ('{einsum: "Z[m, n] = A[m, k * n] * B[k, n]"}', "multiplies variables"),
        ('{einsum: "Z[m, n] = A[m, x] * B[x, n]"}', "no bound for x"),
        ('{einsum: "Z[m, n] + A[m, k]"}', "is no einsum"),
        ('{einsum: "Z[m] = A[m, __import__]", iteration_space_shape: [0 < m < 4]}', "no bound"),
        ('{einsum: "Z[m] = A[m]", iteration_space_shape: [1 <= m < 4]}', "is no bound"),
        ('{einsum: "Z[m] = A[m]", is_copy: True}', "unknown key 'is_copy'"),
        ("{name: E, tensor_accesses: [{name: A, projection: [m]}]}", "exactly one output tensor"),
        ("{name: E, tensor_accesses: [{nam: A, projection: [m]}]}", "needs 'name' and 'projection'"),
        ("3", "a text or a mapping is needed"),
    ],
)
def test_mistakes(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, einsum(body))


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = einsum('"Z[m] = A[m, x]"\n  - "Y[m] = Z[m, y]"')
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match=r"unknown key 'einsms' \(did you mean 'einsums'"):
        read(tmp_path, "workload:\n  einsms: []\n  einsums: ['Z[m] = A[m]']\n")


def test_a_rename_that_finds_the_wrong_number(tmp_path: Path) -> None:
    default = (
        "renames: {einsums: [{name: default, tensor_accesses: [{name: input, source: Inputs, expected_count: 1}]}]}\n"
    )
    with pytest.raises(InputError, match=r"gives A, B, but 1 tensors are expected; add 'renames: \{input: TENSOR\}'"):
        read(tmp_path, default + einsum('"Z[m, n] = A[m, k] * B[k, n]"'))
