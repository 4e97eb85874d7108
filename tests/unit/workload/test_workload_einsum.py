import pytest

from tileloom.core.errors import InputError
from tileloom.workload.frontends.einsum import MAX_LENGTH, einsum_text, parse_einsum


def test_letters():
    problem = parse_einsum("bmk,kn->bmn", {"b": 2, "m": 3, "n": 4, "k": 5})
    assert problem.equation == "C[b, m, n] += A[b, m, k] * B[k, n]"
    assert [t.role for t in problem.tensors] == ["input", "weight", "output"]
    assert problem.macs == 2 * 3 * 4 * 5
    assert [d.name for d in problem.dims] == ["b", "m", "n", "k"]


def test_output_first():
    problem = parse_einsum("abcd-dbea-ec", dict.fromkeys("abcde", 2))
    assert problem.equation == "C[a, b, c, d] += A[d, b, e, a] * B[e, c]"


@pytest.mark.parametrize(
    "text",
    ["Out[row, col] = Left[row, k] * Right[k, col]", "Left[row][k], Right[k][col] -> Out[row][col]",
     "Out[row,col]+=Left[row,k]*Right[k,col]"],
)  # fmt: skip
def test_words_in_brackets(text):
    problem = parse_einsum(text, {"row": 2, "col": 3, "k": 4})
    assert problem.equation == "Out[row, col] += Left[row, k] * Right[k, col]"


def test_affine_indices():
    problem = parse_einsum("O[n,p] = I[n, p*2 + 3*r - 1, 2*2*n, 0] * W[r + r, 7 + n]", {"n": 2, "p": 4, "r": 3})
    axes = problem.tensor("I").axes
    assert [(a.terms, a.offset) for a in axes] == [
        ((("n", 1),), 0), ((("p", 2), ("r", 3)), -1), ((("n", 4),), 0), ((), 0),
    ]  # fmt: skip
    assert [(a.terms, a.offset) for a in problem.tensor("W").axes] == [((("r", 2),), 0), ((("n", 1),), 7)]


def test_text_reads_back():
    sizes = {"n": 2, "p": 4, "r": 3}
    problem = parse_einsum("O[n,p] = I[n, p*2 + 3*r - 1, 0, 4] * W[r + 5] * V[]", sizes)
    assert parse_einsum(einsum_text(problem), sizes) == problem


def test_diagonals_and_single_operands():
    assert parse_einsum("ii->i", {"i": 3}).tensor("A").axes[0] == parse_einsum("ii->i", {"i": 3}).tensor("A").axes[1]
    assert parse_einsum("ij->ji", {"i": 3, "j": 2}).copy
    assert not parse_einsum("ij->i", {"i": 3, "j": 2}).copy


def test_roles_and_bits():
    sizes = {"m": 2, "n": 2, "k": 2}
    problem = parse_einsum("O[m,n] = W[m,k] * X[k,n]", sizes, roles={"W": "weight", "X": "input"}, bits={"W": 4})
    assert [(t.name, t.role, t.bits) for t in problem.tensors] == [
        ("W", "weight", 4), ("X", "input", 8), ("O", "output", 8),
    ]  # fmt: skip
    three = parse_einsum("a,a,a->a", {"a": 2}, roles=["weight", "input", "input"])
    assert [t.role for t in three.inputs] == ["weight", "input", "input"]


def test_all_size_faults_at_once_with_nearest_names():
    with pytest.raises(InputError) as caught:
        parse_einsum("C[row,col] = A[row,k] * B[k,col]", {"rwo": 2, "col": -3, "k": 2**50})
    told = str(caught.value)
    assert "index 'row' has no size (did you mean 'rwo'?)" in told
    assert "index 'col' has size -3" in told
    assert "size given for 'rwo'" in told
    with pytest.raises(InputError, match="extent 1125899906842624"):
        parse_einsum("k->k", {"k": 2**50})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C[a] = A[a*b]", "column 12: 'a\\*b' is not affine"),
        ("C[a] = A[a", "expected ',' or ']', got the end"),
        ("C[a] = A[a] $ B[a]", "column 13: unexpected '\\$'"),
        ("C[a] = A[2*a - 3*a]", "coefficient -1"),
        ("C[a] A[a]", "expected '=', '\\+=' or '->', got 'A'"),
        ("C[a], D[a] = A[a]", "2 outputs"),
        ("C[a] = A[a] * A[a]", "tensor 'A' appears 2 times"),
        ("C[a, z] = A[a]", "output index 'z' is in no input"),
        ("C[a] = A[a] B[a]", "expected the end, got 'B'"),
        ("C[a] = A[99999999999999999999*a]", "unexpected '9'"),
        ("__import__('os')", "in no known form"),
        ("", "in no known form"),
        ("a" * (MAX_LENGTH + 1), "at most"),
    ],
)  # fmt: skip
def test_text_that_cannot_be_read(text, message):
    with pytest.raises(InputError, match=message):
        parse_einsum(text, {"a": 2, "b": 2, "z": 2})


def test_wrong_roles():
    with pytest.raises(InputError, match="role 'output' of an input"):
        parse_einsum("a,a->a", {"a": 2}, roles=["output", "input"])
    with pytest.raises(InputError, match=r"role for unknown tensor 'AA' \(did you mean 'A'"):
        parse_einsum("a,a->a", {"a": 2}, roles={"AA": "input"})
    with pytest.raises(InputError, match="1 roles for 2 inputs"):
        parse_einsum("a,a->a", {"a": 2}, roles=["input"])
