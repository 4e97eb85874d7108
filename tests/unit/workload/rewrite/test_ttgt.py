"""TTGT: equal results element by element, the fewest moved elements, and COMET's own choice."""

import csv
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import conv2d
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite import numeric
from tileloom.workload.rewrite.algorithms import rewrite, rewrites
from tileloom.workload.rewrite.base import Rewrite, classes_of
from tileloom.workload.rewrite.contractions import CONTRACTIONS, case_study
from tileloom.workload.rewrite.ttgt import Ttgt, comet_candidate, comet_candidates, comet_time

REFERENCE = Path(__file__).parents[3] / "reference" / "union" / "contraction_sizes.csv"
EXPRESSIONS = sorted(
    {row["expr"] for row in csv.DictReader(line for line in REFERENCE.open() if not line.startswith("#"))}
)
BATCHED = ["bij-bik-bkj", "bij-kib-bkj", "cab-abk-kcb"]


def small(expression: str) -> Problem:
    letters = sorted(set(expression) - {"-"})
    return parse_einsum(expression, {d: 2 + i % 2 for i, d in enumerate(letters)}, name=expression)


@pytest.mark.parametrize("expression", EXPRESSIONS[::3] + BATCHED)
def test_every_rewrite_gives_the_einsum_element_by_element(expression: str) -> None:
    problem = small(expression)
    arrays = numeric.sample_arrays(problem)
    out, first, second = expression.split("-")
    expected = np.einsum(f"{first},{second}->{out}", arrays["A"], arrays["B"])
    for found in rewrites(problem):
        assert (numeric.run_rewritten(found, arrays) == expected).all(), found.label


@pytest.mark.parametrize("expression", EXPRESSIONS[1::3] + BATCHED)
def test_what_does_not_move_lies_in_memory_as_the_product_reads_it(expression: str) -> None:
    problem = small(expression)
    arrays = numeric.sample_arrays(problem)
    for name in ("ttgt", "ttgt-comet"):
        found = rewrite(problem, name)
        moved = {m.tensor for m in found.moves}
        for tensor in problem.inputs:
            if tensor.name not in moved:
                assert lies_as_read(found, tensor.name, arrays[tensor.name]), (name, tensor.name)


def lies_as_read(found: Rewrite, name: str, values: numeric.Array) -> bool:
    """The stored words in order are those of the matrix, or of its transpose (the batch stays outermost)."""
    tensor = next(t for t in found.problem.inputs if t.name == name)
    matrix = numeric._laid_out(found, tensor, values)
    words = values.ravel().tolist()
    return words in (matrix.ravel().tolist(), np.swapaxes(matrix, -1, -2).ravel().tolist())


def fewest_by_trying(problem: Problem) -> int:
    """Elements moved by the best of all orders of every class, either block first: the definition, slowly."""
    classes = classes_of(problem)
    a, b, c = (*problem.inputs, problem.output)
    stored = {t.name: tuple(x.terms[0][0] for x in t.axes) for t in problem.tensors}
    best = sum(problem.size(t.name) for t in problem.tensors)
    for m, n, k in product(*(permutations(g) for g in (classes.rows, classes.columns, classes.summed))):
        forms = {a.name: (m + k, k + m), b.name: (k + n, n + k), c.name: (m + n, n + m)}
        best = min(best, sum(problem.size(t) for t, f in forms.items() if stored[t] not in f))
    return best


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_cheapest_moves_the_fewest_elements(expression: str) -> None:
    problem = small(expression)
    found = rewrite(problem, "ttgt")
    assert found.moved_elements == fewest_by_trying(problem)
    assert found.moved_elements <= rewrite(problem, "ttgt-comet").moved_elements


def test_a_pointwise_layer_is_a_product_as_it_lies() -> None:
    layer = conv2d("1x1", N=2, K=3, C=4, H=3, W=5, R=1, S=1)
    arrays = numeric.sample_arrays(layer)
    for name in ("ttgt", "ttgt-comet"):
        found = rewrite(layer, name)
        assert found.problem.extents == {"M": 30, "N": 3, "K": 4}
        assert (numeric.run_rewritten(found, arrays) == numeric.run(layer, arrays)).all()
    # With one image nothing moves: the image is [k, m], the weights [n, k], the output [n, m].
    assert rewrite(conv2d("1x1", K=3, C=4, H=3, W=5, R=1, S=1), "ttgt").moves == ()


def test_shapes_of_the_case_study() -> None:
    t = 16
    shapes = {"intensli2": (t**3, t, t), "ccsd7": (t**2, t, t**2), "ccsd-t4": (t**3, t**3, t)}
    for name in CONTRACTIONS:
        extents = rewrite(case_study(name, t), "ttgt").problem.extents
        assert (extents["M"], extents["N"], extents["K"]) == shapes[name]


def test_comet_s_cost_by_hand() -> None:
    # ab = acd * dbc: A is [m, k] as stored; B [d, b, c] must become [k, n] = [c, d, b] and its slowest index moves.
    problem = parse_einsum("ab-acd-dbc", {"a": 2, "b": 3, "c": 4, "d": 5}, name="hand")
    assert comet_candidate(problem).cost == pytest.approx(3 * 4 * 5 / 0.71)
    assert comet_time(problem) == pytest.approx(60 / 0.71 + 2 * 2 * 3 * 4 * 5)


def test_a_candidate_can_be_forced_with_the_form_outermost() -> None:
    problem = small("abc-adec-ebd")
    listed = list(comet_candidates(problem, form_outermost=True))
    assert [c.form for c in listed] == [0] * 4 + [1] * 4
    assert Ttgt("comet", 5).apply(problem).variant == "comet 5"
    assert comet_candidate(problem, 5) == listed[4]
    with pytest.raises(InputError, match=r"candidate 9 .* 1 to 8"):
        comet_candidate(problem, 9)


def test_one_that_is_a_product_already_moves_nothing() -> None:
    for text in ("ab-ak-kb", "ab-ka-kb", "ab-ak-bk", "ba-ak-kb"):
        assert rewrite(small(text), "ttgt").moves == ()


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (conv2d("c", K=2, C=2, H=4, W=4, R=3, S=3), "plain indices"),
        (parse_einsum("C[i] += A[i, i] * B[i]", {"i": 3}, name="diagonal"), "no diagonals"),
        (parse_einsum("C[i] += A[i, k] * B[i]", {"i": 3, "k": 2}, name="lonely"), "dim k stands in one tensor only"),
        (parse_einsum("C[i] += A[i, k] * B[k] * D[i]", {"i": 3, "k": 2}, name="three"), "takes two inputs"),
    ],
)
def test_what_is_no_contraction_is_refused(problem: Problem, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason):
        rewrite(problem, "ttgt")


def test_unknown_names_are_mistakes() -> None:
    with pytest.raises(InputError, match="did you mean 'ttgt'"):
        rewrite(small("ab-ak-kb"), "tgt")
    with pytest.raises(InputError, match="no candidates"):
        rewrite(small("ab-ak-kb"), "ttgt", 2)
    with pytest.raises(InputError, match="did you mean 'ccsd7'"):
        case_study("ccsd", 4)
