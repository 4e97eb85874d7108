"""ZigZag's and DeFiNES's layers: what dimensions are to operands, tiles, files, networks, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.frontends.zigzag import defines_network, make_layer
from tileloom.workload.frontends.zigzag_files import read_mapping, read_workload
from tileloom.workload.frontends.zigzag_layer import Halo
from tileloom.workload.frontends.zigzag_library import list_zigzag_networks, load_zigzag_network
from tileloom.workload.frontends.zigzag_problem import input_extents, layer_of
from tileloom.workload.load import load_network

EQUATION = "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]"
RELATIONS = ("ix=2*ox+1*fx", "iy=2*oy+1*fy")
SIZES = {"B": 1, "K": 8, "C": 3, "OY": 6, "OX": 5, "FY": 3, "FX": 3}
BITS = {"O": 16, "O_final": 8, "W": 8, "I": 8}


def test_relations_are_decided_by_the_whole_layer_and_kept_in_tiles() -> None:
    layer = make_layer("conv", EQUATION, RELATIONS, SIZES, BITS)
    output, weight, image = layer.operands
    assert (output.relevant, output.irrelevant) == (("K", "OY", "OX"), ("C", "FY", "FX"))
    assert (weight.relevant, weight.irrelevant) == (("K", "C", "FY", "FX"), ("OY", "OX"))
    assert (image.relevant, image.irrelevant) == (("C",), ("K",))
    assert {h.axis for h in image.halos} == {"IX", "IY"}
    tile = layer.resized({"K": 1, "OX": 1})
    assert tile.operands == layer.operands
    assert tile.elements("I") == 3 * (2 * 6 + 1) * 3
    assert layer.macs == 8 * 3 * 6 * 5 * 9


@pytest.mark.parametrize(
    ("steps", "extents", "expected"), [((1, 1), (5, 3), 7), ((2, 1), (4, 3), 9), ((2, 1), (7, 1), 7)]
)
def test_halo_extents(steps: tuple[int, int], extents: tuple[int, int], expected: int) -> None:
    assert Halo("IX", "OX", "FX", *steps).extent(*extents) == expected


def test_all_faults_of_a_layer_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        make_layer(
            "bad", EQUATION, ("ix=ox", RELATIONS[1]), {**SIZES, "K": 0}, {"O": 16, "W": 8}, {"O": "O", "W": "I2"}
        )
    text = "\n".join(caught.value.problems)
    for part in (
        "'K' has size 0",
        "relation 'ix=ox'",
        "'I' has no precision",
        "'I' is linked to no memory operand",
        "'ix' of operand 'I'",
    ):
        assert part in text


def test_the_library_has_defines_networks() -> None:
    counts = {name: len(load_zigzag_network(name).nodes) - 1 for name, _ in list_zigzag_networks()}
    assert counts == {
        "defines-dmcnn-vd": 20,
        "defines-fsrcnn": 8,
        "defines-mccnn": 4,
        "defines-mobilenetv1": 29,
        "defines-resnet18": 28,
    }


def node(sources: dict[str, list[int]]) -> dict[str, Any]:
    links = {"O": "O", "W": "I2", "I": "I1"}
    return {
        "equation": EQUATION, "equation_relations": RELATIONS, "loop_dim_size": SIZES, "operand_precision": BITS,
        "operand_source": sources, "memory_operand_links": links,
    }  # fmt: skip


def test_a_cycle_names_its_layers() -> None:
    with pytest.raises(InputError, match=r"layers \[0, 1\] form a cycle"):
        defines_network("loop", {"0": node({"I": [1]}), "1": node({"I": [0]})})


def test_an_unknown_producer_is_named() -> None:
    with pytest.raises(InputError, match="layer 0: operand 'I' comes from layer 7, which does not exist"):
        defines_network("open", {"0": node({"I": [7]})})


WORKLOAD = """
- id: 0
  operator_type: Gemm
  equation: O[d0][d1]+=A[d0][d2]*B[d2][d1]
  dimension_relations: []
  loop_dims: [D0, D1, D2]
  loop_sizes: [4, 6, 8]
  operand_precision: {A: 8, B: 8, O: 16, O_final: 8}
  operand_source: {A: 0, B: 0}
"""
MAPPING = """
- name: default
  spatial_mapping: {D1: ["D1, 2", "K, 4"]}
  memory_operand_links: {O: O, A: I1, B: I2}
- name: Gemm
  spatial_mapping: {D2: ["D0, 4"]}
  memory_operand_links: {O: O, A: I1, B: I2}
  temporal_ordering: [[D2, 8], [D1, 6]]
"""


def test_workload_and_mapping_files(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    (tmp_path / "m.yaml").write_text(MAPPING)
    layer = read_workload(tmp_path / "w.yaml", read_mapping(tmp_path / "m.yaml")).node(0).layer
    assert layer.spatial == (("D2", (("D0", 4),)),)
    assert layer.order == (("D2", 8), ("D1", 6))
    assert [o.memory_operand for o in layer.operands] == ["O", "I1", "I2"]
    (tmp_path / "m.yaml").write_text(MAPPING.replace("Gemm", "Conv"))
    layer = read_workload(tmp_path / "w.yaml", read_mapping(tmp_path / "m.yaml")).node(0).layer
    assert layer.spatial == (("D1", (("D1", 2),)),)


def test_faults_of_workload_and_mapping_files_have_lines(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(WORKLOAD.replace("loop_sizes", "loop_size").replace("id: 0", "id: 0\n  speed: 3"))
    with pytest.raises(InputError) as caught:
        read_workload(tmp_path / "w.yaml")
    text = "\n".join(caught.value.problems)
    assert "w.yaml:3" in text and "speed: unknown key" in text and "did you mean 'loop_sizes'?" in text
    (tmp_path / "m.yaml").write_text(MAPPING.replace("default", "other").replace("K, 4", "K4"))
    with pytest.raises(InputError) as caught:
        read_mapping(tmp_path / "m.yaml")
    text = "\n".join(caught.value.problems)
    assert "no mapping named 'default'" in text and "is not a list of 'K, 32'" in text


def test_our_problems_as_layers() -> None:
    problem = load_network("resnet18").problems[0].problem
    layer = layer_of(problem)
    image = layer.operand("I")
    assert layer.macs == problem.macs
    assert [(h.first, h.second, h.first_step, h.cap) for h in image.halos] == [("P", "R", 2, 224), ("Q", "S", 2, 224)]
    assert (image.memory_operand, layer.operand("W").memory_operand) == ("I1", "I2")
    three = parse_einsum("Z[m] += A[m, k] * B[k] * C[k]", {"m": 2, "k": 2})
    with pytest.raises(UnsupportedError, match="3 inputs; at most two"):
        layer_of(three)


def test_input_sizes_come_from_the_library_network_of_that_name() -> None:
    sizes = {"B": 1, "K": 64, "G": 1, "OX": 112, "OY": 112, "C": 3, "FX": 7, "FY": 7}
    relations = ["IX = 2*OX + 1*FX", "IY = 2*OY + 1*FY"]
    assert input_extents("resnet18", sizes, relations) == {"IX": 224, "IY": 224}
    assert input_extents("unknown", {**sizes, "OX": 10}, relations) == {"IX": 20, "IY": 224}
