"""Several einsums on one AccelForge chip: rules of tensors become rules of roles, and say the same to each einsum."""

from pathlib import Path

import pytest

from tileloom.architecture.notation.accelforge import read_architecture
from tileloom.architecture.notation.accelforge_merge import merge
from tileloom.core.errors import UnsupportedError
from tileloom.explore.accelforge_files import read_chip, read_network
from tileloom.search.driver import map_problem

REFERENCE = Path(__file__).parents[2] / "reference" / "accelforge"
CHIP = REFERENCE / "arch" / "tpu_like.yaml"
CHAIN = """
workload:
  rank_sizes: {M: 4, A: 8, B: 8, C: 8}
  bits_per_value: {All: 8}
  einsums:
  - {einsum: "X[m, a] = Raw[m, a]", is_copy_operation: True}
  - {einsum: "Y[m, b] = X[m, a] * W0[a, b]", renames: {input: X, weight: W0, output: Y}}
  - {einsum: "S[m, b] = Y[m, b]", renames: {input: Y, output: S}}
  - {einsum: "Z[m, c] = S[m, b] * W1[b, c]", renames: {input: S, weight: W1, output: Z}}
renames:
  einsums:
  - name: default
    tensor_accesses:
    - {name: input, source: Inputs if len(All) == 2 else Nothing}
    - {name: output, source: Outputs}
    - {name: weight, source: ~(input | output)}
"""


@pytest.fixture
def problems(tmp_path):
    file = tmp_path / "chain.yaml"
    file.write_text(CHAIN)
    return [layer.problem for layer in read_network(file, {}).layers]


def test_matmuls_and_unary_einsums_share_a_chip(problems) -> None:
    chip = read_chip(CHIP, {}, problems)
    assert [n.name for n in chip.nodes][-1] == "MAC"
    assert chip.memory("Register").keep.names == ("weight",)
    assert chip.memory("LocalBuffer").keep.names == ("input", "output")
    assert [a.stationary.names for a in chip.fanout("ProcessingElement").axes] == [("input",), ("output",)]


def test_a_mapping_costs_on_the_shared_chip_what_it_costs_on_its_own(problems) -> None:
    shared, file = read_chip(CHIP, {}, problems), read_architecture(CHIP)
    for problem in problems:
        together = map_problem(problem, shared, cache=False)
        apart = map_problem(problem, file.resolve(problem), cache=False)
        assert together.status == apart.status == "optimal"
        assert (together.cost.energy_pj, together.cost.cycles) == (apart.cost.energy_pj, apart.cost.cycles)


def test_what_meets_another_chip_is_named(problems, tmp_path) -> None:
    wide = tmp_path / "wide.yaml"
    wide.write_text(
        CHIP.read_text().replace("keep: input | output", "keep: input | output if len(All) == 3 else Nothing")
    )
    file = read_architecture(wide)
    assert merge([(p, file.resolve(p)) for p in problems])[1] == ("X", "S")
    with pytest.raises(UnsupportedError, match=r"X, S another chip.*--layer Y --layer Z"):
        read_chip(wide, {}, problems)
