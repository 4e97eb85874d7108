"""Any contraction and any convolution gives the same values under every algorithm that takes it, from files, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.explore.sources import load_network, load_problem
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.frontends.yaml_writer import write_workload
from tileloom.workload.layers import conv2d
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite import numeric
from tileloom.workload.rewrite.algorithms import rewrites
from tileloom.workload.rewrite.network import rewrite_network

SEEN_IN = ("AB", "AC", "BC", "ABC")
"""Where a dim of a contraction may stand; C is the output."""


@st.composite
def contractions(draw: st.DrawFn) -> Problem:
    """Up to six dims of extent 1 to 3, each in two or three tensors, in any order in each."""
    where = draw(st.lists(st.sampled_from(SEEN_IN), min_size=1, max_size=6))
    dims = "abcdef"[: len(where)]
    stored = {t: [d for d, seen in zip(dims, where) if t in seen] for t in "ABC"}
    if not all(stored.values()):
        dims, stored = dims + "z", {t: [*names, "z"] for t, names in stored.items()}
    text = {t: ", ".join(draw(st.permutations(names))) for t, names in stored.items()}
    sizes = {d: draw(st.integers(1, 3)) for d in dims}
    return parse_einsum(f"C[{text['C']}] += A[{text['A']}] * B[{text['B']}]", sizes, name="any")


@settings(max_examples=60, deadline=None)
@given(contractions())
def test_contractions(problem: Problem) -> None:
    arrays = numeric.sample_arrays(problem)
    letters = {t.name: "".join(d for axis in t.axes for d, _ in axis.terms) for t in problem.tensors}
    expected = np.einsum(f"{letters['A']},{letters['B']}->{letters['C']}", arrays["A"], arrays["B"])
    found = rewrites(problem)
    assert {"native", "ttgt"} <= {r.label for r in found}
    for r in found:
        assert (numeric.run_rewritten(r, arrays) == expected).all(), r.label
        assert r.problem.macs == problem.macs


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_convolutions(data: st.DataObject) -> None:
    number = st.integers(1, 2)
    n, g, k, c, pad, stride, dilation = (data.draw(number) for _ in range(7))
    r, s = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    height, width = dilation * (r - 1) + data.draw(st.integers(2, 4)), dilation * (s - 1) + data.draw(st.integers(2, 4))
    layer = conv2d(
        "any", N=n, G=g, K=k * g, C=c * g, H=height, W=width, R=r, S=s, stride=stride, dilation=dilation, pad=pad - 1
    )
    arrays = numeric.sample_arrays(layer)
    expected = numeric.run(layer, arrays)
    for found in rewrites(layer):
        assert (numeric.run_rewritten(found, arrays) == expected).all(), found.label
        assert found.problem.macs == layer.macs


SUITE = """
intensli2: abcd-dbea-ec & a:2;b:3;c:2;d:3;e:2;
ccsd7: abc-adec-ebd & a:2;b:3;c:2;d:2;e:3;
ccsd-t4: abcdef-dfgb-geac & a:2;b:2;c:2;d:2;e:2;f:2;g:3;
"""
GENERIC = """
#A = affine_map<(a, b, c, d, e) -> (d, b, e, a)>
#B = affine_map<(a, b, c, d, e) -> (e, c)>
#C = affine_map<(a, b, c, d, e) -> (a, b, c, d)>
func.func @contract(%A: tensor<3x3x2x2xf32>, %B: tensor<2x2xf32>, %C: tensor<2x3x2x3xf32>) -> tensor<2x3x2x3xf32> {
  %0 = linalg.generic {indexing_maps = [#A, #B, #C],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%A, %B : tensor<3x3x2x2xf32>, tensor<2x2xf32>) outs(%C : tensor<2x3x2x3xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %p = arith.mulf %x, %y : f32
    %s = arith.addf %z, %p : f32
    linalg.yield %s : f32
  } -> tensor<2x3x2x3xf32>
  return %0 : tensor<2x3x2x3xf32>
}
"""


def test_files_of_contractions(tmp_path: Path) -> None:
    """A TCCG list and MLIR text: rewritten, written as YAML, read back, and run against the einsum they state."""
    (tmp_path / "suite.tccg").write_text(SUITE)
    (tmp_path / "one.mlir").write_text(GENERIC)
    for name, expressions in (
        ("suite.tccg", ["dbea,ec->abcd", "adec,ebd->abc", "dfgb,geac->abcdef"]),
        ("one.mlir", ["dbea,ec->abcd"]),
    ):
        network = load_network(tmp_path / name)
        found = rewrite_network(network, "ttgt")
        assert len(found.rewrites) == len(expressions) and not found.kept
        (tmp_path / "back.yaml").write_text(write_workload(found.network))
        for layer, rewritten, expression in zip(network.layers, found.rewrites, expressions, strict=True):
            first, second = (t.name for t in layer.problem.inputs)
            arrays = numeric.sample_arrays(layer.problem)
            expected = np.einsum(expression, arrays[first], arrays[second])
            assert (numeric.run_rewritten(rewritten, arrays) == expected).all()
            back = load_problem(f"{tmp_path / 'back.yaml'}:{layer.name}")
            assert back.extents == rewritten.problem.extents
