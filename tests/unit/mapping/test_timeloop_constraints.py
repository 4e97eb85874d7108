"""Timeloop's constraints as our rules: what they mean, what has no form here, and faults with their lines."""

from pathlib import Path

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.core.errors import InputError
from tileloom.mapping.constraints import constrain
from tileloom.mapping.constraints_file import read_constraints
from tileloom.mapping.space import MapSpace
from tileloom.workload.layers import gemm

CHIP = parse_architecture(
    "name: chip\nnodes:\n- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}}\n"
    "- {memory: L2, size_bits: 9000, access: {energy_pj: 8, width_bits: 8}}\n"
    "- {fanout: PE, axes: [{name: X, size: 2}, {name: Y, size: 2}]}\n"
    "- {memory: L1, size_bits: 9000, access: {energy_pj: 8, width_bits: 8}}\n- {compute: MAC, energy_pj: 1}\n"
)
WORK = gemm("g", M=4, N=4, K=4)
FILE = """mapspace_constraints:
  targets:
  - {target: L1, type: temporal, factors: M=1 N=2 K<=2, permutation: KN}
  - {target: L2, type: spatial, factors: "N=1", permutation: MKN, split: 1}
  - {target: L2, type: temporal, factors: [N=2], permutation: NMK}
  - {target: L1, type: datatype, keep: [Weights, Outputs], bypass: [Inputs]}
  - {target: L2, type: datatype, bypass: [Weights]}
"""


def rules(tmp_path: Path, text: str = FILE):
    (tmp_path / "c.yaml").write_text(text)
    told: list[str] = []
    return read_constraints([tmp_path / "c.yaml"], CHIP, told.append), told


def test_targets_are_rules_on_tiles_axes_orders_and_tensors(tmp_path: Path) -> None:
    found, told = rules(tmp_path)
    assert {(t.memory, t.dim, t.relation, t.value) for t in found.tiles} == {
        ("L1", "M", "=", 1), ("L1", "N", "=", 2), ("L1", "K", "<=", 2), ("L2", "N", "=", 4),
    }  # fmt: skip
    assert [(a.axis, a.dims) for a in found.axes] == [("X", ("M",)), ("Y", ("K",))]
    assert {r.memory: r.inner for r in found.orders} == {"L1": ("N", "K"), "L2": ("K", "M", "N")}
    assert [(name, t.names) for name, t in found.tensors] == [("L1", ("weight", "output"))]
    assert len(told) == 1 and "c.yaml:7: 'L2': keep [], bypass ['Weights']" in told[0]


def test_they_narrow_the_space_and_every_mapping_keeps_them(tmp_path: Path) -> None:
    found, _ = rules(tmp_path)
    space = MapSpace(WORK, CHIP, constraints=found)
    assert 0 < space.size() < MapSpace(WORK, CHIP).size()
    narrowed = constrain(WORK, CHIP, found)
    assert narrowed.fanouts[0].axis("X").dims == ("M",)


def test_a_factor_of_one_in_space_keeps_a_dim_off_the_array(tmp_path: Path) -> None:
    found, _ = rules(tmp_path, "architecture_constraints:\n- {target: L2, type: spatial, factors: M=1 K=1}\n")
    narrowed = constrain(WORK, CHIP, found)
    assert [a.dims for a in narrowed.fanouts[0].axes] == [("N",), ("N",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mapspace_constraints: 3\n", "c.yaml:1: expected 'targets'"),
        ("mapspace_constraints:\n- {target: L9, type: temporal}\n", "c.yaml:2: 'L9' is no memory of 'chip'"),
        ("mapspace_constraints:\n- {target: L1, type: temporl}\n", "did you mean 'temporal'"),
        ("mapspace_constraints:\n- {target: L1, type: temporal, factors: 'M=='}\n", "not read as factors"),
        ("mapspace_constraints:\n- {target: L1, type: temporal, permutation: MM}\n", "names a dimension twice"),
        ("mapspace_constraints:\n- {target: L1, type: spatial, split: -1}\n", "split is -1"),
        ("mapspace_constraints:\n- {type: utilization, min: 3}\n", "a share from 0 to 1"),
    ],
)
def test_faults_have_lines(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        rules(tmp_path, text)


def test_without_a_chip_they_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FILE)
    with pytest.raises(InputError, match="name a chip's memories; give it"):
        read_constraints([tmp_path / "c.yaml"])


def test_free_factors_further_in_are_told(tmp_path: Path) -> None:
    found, told = rules(tmp_path, "mapspace_constraints:\n- {target: L2, type: temporal, factors: M=2}\n")
    assert found.tiles == ()
    assert "'M=2' in time below 'L2': a factor further in is free" in told[0]
