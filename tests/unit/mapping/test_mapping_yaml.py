"""Reading and writing mapping files: the form, factors, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapping_cases import MATMUL, MATMUL_MAPPING
from tileloom.core.errors import InputError
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq
from tileloom.mapping.yaml import mapping_from_yaml, mapping_to_yaml, named_mapping_from_yaml

WRITTEN = """\
mapping:
  problem: mm
  nodes:
  - hold: {memory: DRAM, tensors: [A, B, Z]}
  - {for: k, tile: 8}
  - hold: {memory: GLB, tensors: [A, Z]}
  - {for: m, tile: 4}
  - {pfor: n, tile: 4, axis: Y, target: PE}
  - {pfor: k, tile: 2, axis: X, target: PE}
  - hold: {memory: RF, tensors: [B]}
  - {for: m, tile: 1}
  - {for: n, tile: 1}
  - {for: k, tile: 1}
  - {compute: MAC}
"""


def faults(text: str, with_problem: bool = False) -> list[str]:
    with pytest.raises(InputError) as caught:
        mapping_from_yaml(text, MATMUL if with_problem else None)
    return list(caught.value.problems)


def test_written_form() -> None:
    assert mapping_to_yaml(MATMUL_MAPPING, "mm") == WRITTEN
    assert named_mapping_from_yaml(WRITTEN) == ("mm", MATMUL_MAPPING)


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(WRITTEN)
    assert mapping_from_yaml(path, MATMUL) == MATMUL_MAPPING
    assert mapping_from_yaml(str(path)) == MATMUL_MAPPING
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read"):
        mapping_from_yaml("nowhere.yaml")


def test_branches_joints_streams_and_ends_round_trip() -> None:
    tree = MappingTree(
        (
            Hold(("true", "a b", "1"), "L 2", "stream"),
            Loop("n", 3, "DRAM", first=1, last=2),
            Joint((Loop("p", 1, "PE", "Y"), Loop("r", 1, "PE", "Y"))),
            Seq(
                (
                    (Loop("k", 2), Pipe(((Compute("MAC", "one"),), (Compute("MAC", "two"),)))),
                    (Par(((Compute("VEC", "three"),), ())),),
                )
            ),
        )
    )
    assert mapping_from_yaml(mapping_to_yaml(tree, "on")) == tree


def test_factor_in_place_of_tile() -> None:
    text = "mapping:\n  nodes:\n  - {for: k, factor: 4}\n  - {for: k, factor: 3}\n  - {compute: MAC}\n"
    tree = mapping_from_yaml(text, MATMUL)
    assert tree.nodes == (Loop("k", 8), Loop("k", 3), Compute("MAC"))
    assert faults(text)[0] == (
        "<mapping>:3: mapping.nodes.0: 'factor' of 'k' needs the problem to be given; write 'tile' in its place"
    )


def test_every_mistake_is_reported_with_its_line() -> None:
    text = """\
mapping:
  nodes:
  - hold: {memory: DRAM, tensor: [A]}
  - {for: k, tyle: 8}
  - {fro: k, tile: 8}
  - {for: m, tile: 0}
  - {for: m, tile: 4, factor: 2}
  - {pfor: n, tile: 4}
  - {for: m, compute: MAC}
  - hold: {memory: GLB, tensors: A, mode: drop}
  - joint: [{for: p, tile: 1}]
  - seq: 3
  - 7
  - {compute: 5}
notes: 1
"""
    assert faults(text) == [
        "<mapping>:15: notes: unknown key 'notes'; expected mapping",
        "<mapping>:3: mapping.nodes.0.hold.tensor: unknown key 'tensor' (did you mean 'tensors'?); "
        "expected memory, tensors, mode",
        "<mapping>:3: mapping.nodes.0.hold: 'tensors' is missing",
        "<mapping>:4: mapping.nodes.1.tyle: unknown key 'tyle' (did you mean 'tile'?); "
        "expected for, tile, factor, target, first, last",
        "<mapping>:4: mapping.nodes.1: give either 'tile' (extent inside the loop) or 'factor' (trips)",
        "<mapping>:5: mapping.nodes.2: unknown node 'fro' (did you mean 'for'?); "
        "expected one of hold, for, pfor, joint, seq, pipe, par, compute",
        "<mapping>:6: mapping.nodes.3.tile: expected a whole number from 1 to 1099511627776, got 0",
        "<mapping>:7: mapping.nodes.4: give either 'tile' (extent inside the loop) or 'factor' (trips)",
        "<mapping>:8: mapping.nodes.5: 'pfor' over 'n' must name its axis (and target): "
        "a spatial loop lies on one axis",
        "<mapping>:9: mapping.nodes.6: a node is one thing, got for and compute",
        "<mapping>:10: mapping.nodes.7.hold.tensors: expected a list of tensors, got 'A'",
        "<mapping>:10: mapping.nodes.7.hold.mode: expected keep, stream or strip, got 'drop'",
        "<mapping>:11: mapping.nodes.8.joint.0.for: unknown key 'for' (did you mean 'pfor'?); "
        "expected pfor, tile, factor, axis, target, first, last",
        "<mapping>:11: mapping.nodes.8.joint.0: 'pfor' is missing",
        "<mapping>:12: mapping.nodes.9.seq: expected a list of branches, got 3",
        "<mapping>:13: mapping.nodes.10: expected one of hold, for, pfor, joint, seq, pipe, par, compute, got 7",
        "<mapping>:14: mapping.nodes.11.compute: expected a name, got 5 (put it in quotes)",
    ]


def test_names_are_checked_against_the_problem() -> None:
    text = "mapping:\n  nodes:\n  - hold: {memory: DRAM, tensors: [a]}\n  - {for: kk, tile: 1}\n  - {compute: MAC}\n"
    assert faults(text, with_problem=True) == [
        "<mapping>:3: mapping.nodes.0.hold.tensors.0: unknown tensor 'a'; the problem has ['A', 'B', 'Z']",
        "<mapping>:4: mapping.nodes.1.for: unknown dim 'kk' (did you mean 'k'?); the problem has ['m', 'n', 'k']",
    ]


def test_not_a_mapping_file() -> None:
    assert faults("a: 1\nb: 2\n")[0].startswith("<mapping>:1: a: unknown key 'a'")
    assert faults("- 1\n- 2\n")[0] == "<mapping>:1: file: expected a table with mapping, got a list"
