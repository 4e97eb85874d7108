"""Mistakes in MAESTRO's files as told on the command line: all at once, refused unless asked to read as the original does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tileloom.architecture.notation.maestro import parse_hardware
from tileloom.core.errors import InputError
from tileloom.mapping.notation.maestro_reader import parse_mapping

GOOD = "Network n { Layer A { Type: CONV Dimensions { K: 8, C: 8, R: 3, S: 3, Y: 6, X: 6 } Dataflow { SpatialMap(1,1) K; } } }"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("K: 8", "K: -8", "m:1: '-8' is read as 8 by the original, which drops the minus; give a number without one"),
        ("K: 8", "K: 8abc", "m:1: the size of K is '8abc', no whole number (the original reads 8)"),
        ("C: 8", "C: 8, K: 4", "m:1: Dimensions: K is given again, 4 after 8; remove one"),
        ("Dataflow", "Dimensions { K: 4 } Dataflow", "m:1: Dimensions of layer 'A' is given again, after line 1; remove one"),
        ("SpatialMap(1,1)", "SpatialMap(1,-1)", "m:1: '-1' is read as 1"),
    ],
)  # fmt: skip
def test_what_the_original_reads_as_something_else_is_refused(old: str, new: str, told: str) -> None:
    text = GOOD.replace(old, new, 1)
    with pytest.raises(InputError) as error:
        parse_mapping(text, "m")
    assert error.value.problems[0].startswith(told)
    assert len(parse_mapping(text, "m", faithful=True).layers) == 1


def test_names_and_equal_sizes_given_twice_are_mentioned() -> None:
    layer = GOOD[len("Network n { ") : -1].replace("K: 8", "K: 8, K: 8")
    file = parse_mapping(f"Network n {{ {layer} {layer} }}", "m")
    assert len(file.layers) == 2
    assert [w.split(";")[0] for w in file.warnings] == [
        "m:1: Dimensions: K is given again, 8 after 8",
        "m:1: layer 'A' is there already, in line 1",
        "m:1: Dimensions: K is given again, 8 after 8",
    ]


def test_everything_wrong_is_told_at_once() -> None:
    text = """Network n {
Layer A { Type: CNOV
Dimensions { K: 8, C: 0, R: 3 }
Dataflow { SpatialMap(0,1) K; Tmporal(1,1) C; TemporalMap(Sz(W),1) R; Cluster(4,Q); } }
Layer B { Type: CONV Dimensions K: 8 } }
Layer C { Type: POOL Dimensions { K: 8 } }
"""
    with pytest.raises(InputError) as error:
        parse_mapping(text, "m")
    lines = [p.split(":")[1] for p in error.value.problems]
    assert lines == ["2", "3", "4", "4", "4", "4", "4", "5", "6", "6"]
    assert "(did you mean 'CONV'?)" in error.value.problems[0]
    assert "expected '{', got 'K'" in error.value.problems[-3]


def test_hardware_is_refused_by_key_and_line() -> None:
    text = "num_pes: 0\nnoc_bw_cstr: -4\nl1_size_cstr: 4k\nl1_size_cstr: 5\n"
    with pytest.raises(InputError) as error:
        parse_hardware(text, "hw")
    assert [p.split(";")[0] for p in error.value.problems] == [
        "hw:1: num_pes is 0",
        "hw:2: '-4' is read as 4 by the original, which drops the minus",
        "hw:3: l1_size_cstr is '4k', no whole number (the original reads 4)",
        "hw:4: l1_size_cstr is given again, after line 3",
    ]
    read = parse_hardware(text.replace("num_pes: 0", "num_pes: 2"), faithful=True)
    assert (read.num_pes, read.noc_elements_per_cycle, read.l1_bytes) == (2, 4, 5)


def test_a_skipped_layer_is_marked_with_its_reason(run: Callable[..., Any], tmp_path: Path) -> None:
    mapping, hardware = tmp_path / "a.m", tmp_path / "hw.m"
    mapping.write_text(GOOD.replace("Y: 6, X: 6", "Y: 2, X: 2"))
    hardware.write_text("num_pes: 8\n")
    shown = run("evaluate", mapping, "--arch", hardware, "--mode", "faithful")
    assert "A (skipped)" in shown.out
    assert "skipped A (line 1): every step is skipped, as Y=2 is less than the filter's R=3 and X=2" in shown.err
    data = run("evaluate", mapping, "--arch", hardware, "--mode", "faithful", "--json").json
    assert data["layers"][0]["skipped"].startswith("every step is skipped")


def test_dataflows_takes_typed_templates_and_counts_refused_layers(run: Callable[..., Any], tmp_path: Path) -> None:
    mapping = tmp_path / "a.m"
    second = "Layer B { Type: GEMM Dimensions { M: 4, N: 4, K: 4 } Dataflow { TemporalMap(1,1) M; } } }"
    mapping.write_text(GOOD[:-1] + second)
    options = ("--pes", 8, "--bandwidth", 8)
    both = run("dataflows", mapping, "--template", "rs", *options, "--json").json
    assert {r["dataflow"] for r in both["rows"]} == {"own", "rs"}
    shown = run("dataflows", mapping, *options)
    assert (shown.code, "1 of 2" in shown.out) == (1, True)
