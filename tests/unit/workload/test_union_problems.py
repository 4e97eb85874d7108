"""Layers and contractions of the Union case studies import to the expected problems, up to names and operand order."""

import json
from itertools import permutations
from pathlib import Path

import pytest

from onnx_models import saved, stored_shape
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.frontends.onnx import read_onnx

ROWS = json.loads((Path(__file__).resolve().parents[2] / "reference" / "union" / "import_problems.json").read_text())


def canonical(extents, output, inputs):
    """Dimensions numbered as the axes are walked, output first, so that names no longer matter; size-1 dims dropped."""
    number = {}
    tensors = []
    for axes in (output, *inputs):
        walked = []
        for axis in axes:
            terms = [(d, c) for d, c in axis.items() if extents[d] > 1]
            for d, _ in sorted(terms, key=lambda term: (term[0] not in number, number.get(term[0], 0))):
                number.setdefault(d, len(number))
            if terms:
                walked.append(tuple(sorted((number[d], c) for d, c in terms)))
        tensors.append(tuple(walked))
    return tuple(extents[d] for d in number), tuple(tensors)


def any_order(extents, output, inputs):
    return {canonical(extents, output, order) for order in permutations(inputs)}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r["name"])
def test_imports_to_the_expected_problem(row, tmp_path):
    if "onnx" in row:
        made = row["onnx"]
        path = saved(tmp_path, [(made["operator"], "ab", "y", made["attributes"])], dict(zip("ab", made["inputs"])))
        network = read_onnx(path)
        assert not network.skipped
        problem = network.layers[0].problem
    else:
        problem = parse_einsum(row["einsum"], row["dims"])
    assert problem.macs == row["macs"]
    expected = {role: [t["projection"] for t in row["tensors"] if t["role"] == role] for role in ("input", "output")}
    found = [[dict(axis.terms) for axis in t.axes] for t in (problem.output, *problem.inputs)]
    assert canonical(problem.extents, found[0], found[1:]) in any_order(
        row["dims"], expected["output"][0], expected["input"]
    )
    stored = [t["stored"] for t in row["tensors"] if "stored" in t]
    if stored:
        assert stored_shape(problem, problem.tensor("I")) == stored[0]
