"""`tileloom convert` between tools' notations, what `--strict` refuses, and the reasons that `tileloom compare` gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

CHIP = """name: figure
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 100, width_bits: 8, bits_per_cycle: 8}, keep: all}
- {memory: L2, size_kib: 100, access: {energy_pj: 6, width_bits: 8, bits_per_cycle: 64}, keep: all}
- fanout: PE
  axes: [{name: Y, size: 2}, {name: X, size: 4}]
- {memory: L1, size_kib: 4, access: {energy_pj: 1, width_bits: 8, bits_per_cycle: 8}, keep: all}
- {compute: MAC, energy_pj: 1}
"""
DIRECTIVES = """mapping:
- {target: DRAM, type: temporal, factors: M1 N2 K2, permutation: KNM}
- {target: L2, type: temporal, factors: M2 N2 K2, permutation: KNM}
- {target: L2, type: spatial, factors: M1 N2 K4, permutation: KNM, split: 1}
- {target: L1, type: temporal, factors: M8 N8 K2, permutation: KNM}
"""
PROBLEM = ("--problem", "C[M, N] += A[M, K] * B[K, N]", "--size", "M=16", "--size", "N=64", "--size", "K=32")


@pytest.fixture
def given(tmp_path: Path) -> tuple[Path, tuple[Any, ...]]:
    (tmp_path / "chip.yaml").write_text(CHIP)
    (tmp_path / "t.yaml").write_text(DIRECTIVES)
    return tmp_path / "t.yaml", (*PROBLEM, "--arch", tmp_path / "chip.yaml")


def test_directives_become_every_other_notation(run, given) -> None:
    path, context = given
    formats = {"yaml": "mapping:", "union": "target_cluster", "accelforge": "!Storage", "maestro": "Cluster(4,P)",
               "neurospector": "[SCHEDULING_TABLE]", "dmazerunner": "execution_method", "zigzag": "temporal_ordering",
               "timeloop": "permutation: KNM"}  # fmt: skip
    for name, word in formats.items():
        done = run("convert", path, "--from", "timeloop", "--to", name, *context)
        assert done.code == 0, (name, done.err)
        assert word in done.out, name


def test_strict_refuses_where_something_is_lost(run, given) -> None:
    path, context = given
    told = run("convert", path, "--from", "timeloop", "--to", "union", *context)
    assert (told.code, "one boundary per memory" in told.err) == (0, True)
    refused = run("convert", path, "--from", "timeloop", "--to", "union", *context, "--strict")
    assert (refused.code, refused.out) == (1, "")
    assert run("convert", path, "--from", "timeloop", "--to", "timeloop", *context, "--strict").code == 0


def test_what_has_no_form_ends_with_the_reason(run, given) -> None:
    path, context = given
    refused = run("convert", path, "--from", "timeloop", "--to", "gamma", *context)
    assert (refused.code != 0, "1x1 convolution" in refused.err) == (True, True)
    missing = run("convert", path, "--from", "timeloop", "--to", "yaml", *PROBLEM)
    assert (missing.code, "--arch" in missing.err) == (2, True)


def test_compare_says_which_rule_differs(run, given, tmp_path) -> None:
    path, context = given
    (tmp_path / "m.yaml").write_text(run("convert", path, "--from", "timeloop", "--to", "yaml", *context).out)
    found = run("compare", tmp_path / "m.yaml", *context, "--json").json
    rules = {(d["model"], d["what"]): d["rule"] for d in found["differences"]}
    assert "first fill" in rules["maestro", "cycles"]
    assert "first loads" in rules["zigzag", "cycles"]
    assert "why" in run("compare", tmp_path / "m.yaml", *context).out


def test_a_mapping_of_any_notation_is_explained(run: Any, given: tuple[Path, tuple[Any, ...]], tmp_path: Path) -> None:
    # The worked example of the Union paper: 4096 steps on 8 PEs.
    path, context = given
    told = run("explain", path, "--from", "timeloop", *context)
    assert told.code == 0 and "4096 steps x 8 copies for 32768 points: 1 of them used" in told.out
    assert "PE.X" in told.out and "L2 holds" in told.out
    union = tmp_path / "m.union.yaml"
    assert run("convert-mapping", path, "--from", "timeloop", "--to", "union", *context, "--out", union).code == 0
    data = run("explain", union, "--from", "union", "--json").json
    assert (data["steps"], data["copies"], data["utilization"]) == (4096, 8, 1)
    words = {(memory, tensor): n for memory, tensor, n in data["tiles"]}
    assert words["L2", "A"] == 16 * 16 and words["L1", "C"] == 8 * 8
