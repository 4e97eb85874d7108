"""What `map` says of NeuroSpector's answers: ones that break rules, layers side by side, defaults, and tables to convert."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs"
CHIP = REFERENCE / "accelerators" / "acc_mini.cfg"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A network of two tiny layers."""
    path = tmp_path / "small.cfg"
    path.write_text("[NETWORK]\nname=small\n[LAYERS]\nt1=4,1,2,2,2,1,1,1,1\nt2=2,1,2,2,4,1,1,1,1\n")
    return path


def test_a_faithful_answer_that_breaks_a_constraint_is_shown_with_what_it_breaks(
    run: Callable[..., Any], small: Path, tmp_path: Path
) -> None:
    held, out = tmp_path / "held.cfg", tmp_path / "out"
    held.write_text(CHIP.read_text().replace("[LOCAL_BUFFER]", "[LOCAL_BUFFER]\nCONSTRAINT=2,0,0,0,0,0,0,0"))
    call = ("map", small, "--arch", held, "--mapper", "bottom_up", "--layer", "t1")
    shown = run(*call, "--option", "mode=faithful", "--out", out, "--json")
    assert shown.code == 1
    layer = shown.json["layers"][0]
    assert layer["status"] == "invalid"
    assert layer["analysis"]["table"]["DRAM"] == [4, 1, 2, 2, 2, 1, 1, 1]
    first, broken, other = layer["reasons"]
    assert "everything in DRAM, without a mark; it checks the CONSTRAINT of LOCAL_BUFFER on half-filled tables" in first
    assert broken == "this breaks LOCAL_BUFFER: K is 1; CONSTRAINT asks for 2"
    assert "corrected mode finds one of" in other
    assert shown.json["total"] == layer["value"]
    assert (out / "t1.table.cfg").is_file()
    # Without --model and --objective: those of the chip's own kind.
    corrected = run(*call, "--json")
    assert (corrected.code, corrected.json["objective"]) == (0, "energy")
    told = run(*call, "--option", "mode=faithful")
    assert "(with answers that break rules: t1)" in told.out


@pytest.mark.parametrize("mode", ["corrected", "faithful"])
def test_layers_side_by_side_are_shown_with_chips_and_savings(
    run: Callable[..., Any], tmp_path: Path, mode: str
) -> None:
    call = (
        "map", REFERENCE / "networks" / "branch_tiny.cfg", "--arch", CHIP.with_name("simba_mini.cfg"),
        "--mapper", "bottom_up", "--option", "together=a1,a2", "--option", f"mode={mode}",
    )  # fmt: skip
    found = run(*call, "--out", tmp_path / "out", "--json").json["partition"]
    assert json.loads((tmp_path / "out" / "partition.json").read_text()) == found
    assert [p["layer"] for p in found["layers"]] == ["a1", "a2"]
    side = [p for p in found["layers"] if p["runs"] == "side by side"]
    assert sum(p["chips"] for p in side) <= found["chips"]
    shown = run(*call).out
    assert f"saved input reads from DRAM: {found['saved_pj']:,.0f} pJ" in shown
    assert all(f"{p['layer']} on {p['chips']}" in shown for p in side)
    assert ("printed_result" in found) == (mode == "faithful") == ("the original prints" in shown)


def test_convert_takes_the_layer_that_the_table_names(run: Callable[..., Any], small: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("map", small, "--arch", CHIP, "--mapper", "bottom_up", "--out", out).code == 0
    call = ("convert", out / "t2.table.cfg", "--to", "yaml", "--arch", "eyeriss", "--problem")
    named, guessed = run(*call, f"{small}:t2"), run(*call, small)
    assert (guessed.code, guessed.out, guessed.err) == (named.code, named.out, named.err)
    assert "name one of" not in guessed.err
