"""`tileloom study` and `conform neurospector` as typed, with their exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tileloom.architecture.notation.neurospector import read_accelerator

REFERENCE = Path(__file__).parents[2] / "reference" / "neurospector"
CHIP = REFERENCE / "inputs" / "accelerators" / "acc_mini.cfg"
NETWORK = REFERENCE / "inputs" / "networks" / "micro_bf.cfg"


def test_study(run: Callable[..., Any], tmp_path: Path) -> None:
    again = tmp_path / "again.cfg"
    shutil.copy(CHIP, again)
    shown = run("study", CHIP, again, "--network", NETWORK)
    assert shown.code == 0
    assert [line.split()[0] for line in shown.out.splitlines()[2:]] == ["acc_mini", "again", "all"]
    data = json.loads(run("study", CHIP, "--network", NETWORK, "--json").out)
    assert {r["gap"] >= 0 for r in data["rows"]} == {True}
    assert run("study", CHIP, "--network", NETWORK, "--metric", "speed").code == 2
    assert read_accelerator(again).name == read_accelerator(CHIP).name


def test_a_bad_file_ends_with_its_line(run: Callable[..., Any], tmp_path: Path) -> None:
    bad = tmp_path / "bad.cfg"
    bad.write_text(CHIP.read_text().replace("SIZE_X", "SIZEX"))
    shown = run("study", bad, "--network", NETWORK)
    assert shown.code == 2
    assert "has no option 'SIZEX' (did you mean 'SIZE_X'?)" in shown.err


def test_conform(run: Callable[..., Any]) -> None:
    shown = run("conform", "neurospector", "--reference", REFERENCE, "--limit", 3)
    assert shown.code == 0
    assert shown.out.splitlines()[-1] == "conform neurospector: matched 3 of 3 (worst relative error 0)"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A network of two tiny layers."""
    path = tmp_path / "small.cfg"
    path.write_text("[NETWORK]\nname=small\n[LAYERS]\nt1=4,1,2,2,2,1,1,1,1\nt2=2,1,2,2,4,1,1,1,1\n")
    return path


def mapped(run: Callable[..., Any], small: Path, out: Path, *more: object) -> Any:
    return run("map", small, "--arch", CHIP, "--model", "neurospector", "--mapper", "bottom_up", "--objective", "energy",
               "--out", out, "--json", *more)  # fmt: skip


@pytest.mark.parametrize("rules", ["faithful", "corrected"])
def test_an_optimizers_table_goes_straight_back_into_the_analyzer(
    run: Callable[..., Any], small: Path, tmp_path: Path, rules: str
) -> None:
    found = mapped(
        run, small, tmp_path / "out", "--layer", "t1", "--option", "dataflow=flexible", "--option", f"mode={rules}"
    )
    assert found.code == 0
    layer = found.json["layers"][0]
    assert layer["strategies"].startswith(("PM", "SP"))
    out = tmp_path / "out"
    again = run("evaluate", out / "t1.table.cfg", "--problem", out / "network.cfg", "--arch", out / "t1.accelerator.cfg",
                "--model", "neurospector", "--mode", rules, "--json")  # fmt: skip
    assert again.code == 0
    assert again.json["energy_pj"] == layer["analysis"]["energy_pj"] == layer["value"]
    assert again.json["table"] == layer["analysis"]["table"]
    assert again.json["overlapped_cycles"] <= again.json["cycles"]
    assert sum(again.json["stall_cycles"].values()) == again.json["overlapped_cycles"] - again.json["mac_cycles"]
    shown = run("evaluate", out / "t1.table.cfg", "--problem", out / "network.cfg", "--arch", out / "t1.accelerator.cfg",
                "--model", "neurospector")  # fmt: skip
    assert "one after another" in shown.out
    nest = run("evaluate", out / "t1.table.cfg", "--problem", out / "network.cfg", "--arch", out / "t1.accelerator.cfg",
               "--model", "loopnest")  # fmt: skip
    assert "hold" in nest.out
    assert mapped(run, small, out).code == 2


def test_mappers_reuse_and_layers_side_by_side(run: Callable[..., Any], small: Path, tmp_path: Path) -> None:
    common = ("map", small, "--arch", CHIP, "--model", "neurospector", "--objective", "latency", "--json")
    values = {
        m: run(*common, "--mapper", m, "--layer", "t1").json["layers"][0]
        for m in ("bottom_up", "brute_force", "optimal")
    }
    assert values["optimal"]["value"] == values["brute_force"]["value"] <= values["bottom_up"]["value"]
    assert values["optimal"]["status"] == "optimal"
    assert values["optimal"]["lower_bound"] == values["optimal"]["value"]
    plain = run(*common, "--mapper", "bottom_up").json
    reused = run(*common, "--mapper", "bottom_up", "--option", "reuse=true").json
    assert 0 < reused["total"] <= plain["total"]
    chips = CHIP.with_name("simba_mini.cfg")
    tiny = NETWORK.with_name("branch_tiny.cfg")
    side = run("map", tiny, "--arch", chips, "--model", "neurospector", "--mapper", "bottom_up", "--objective", "latency",
               "--option", "together=a1,a2", "--json")  # fmt: skip
    assert side.code == 0
    assert side.json["total"] > 0
    assert [x["name"] for x in side.json["layers"]] == ["a1", "a2"]
    shown = run(
        "map", tiny, "--arch", chips, "--model", "neurospector", "--mapper", "bottom_up", "--objective", "energy"
    )
    assert "PM" in shown.out
    assert "all layers:" in shown.out


WRONG = {
    ("--mapper", "bottom_up", "--objective", "energy", "--option", "dataflw=flexible"): "did you mean 'dataflow'?",
    ("--mapper", "bottom_up", "--objective", "energy", "--option", "dataflow=flexibel"): "did you mean 'flexible'?",
    ("--mapper", "botom_up", "--objective", "energy"): "did you mean 'bottom_up'?",
    ("--mapper", "bottom_up", "--objective", "edp"): "--objective is 'edp'; expected energy or latency",
    ("--mapper", "optimal", "--objective", "energy", "--option", "reuse=true"): "belong to --mapper bottom_up",
    ("--mapper", "bottom_up", "--objective", "energy", "--layer", "t11"): "has no layer 't11' (did you mean 't1'?)",
    ("--mapper", "bottom_up", "--objective", "energy", "--option", "together=t1,t2"): "has one chip",
}


@pytest.mark.parametrize(("typed", "told"), WRONG.items(), ids=range(len(WRONG)))
def test_wrong_options(run: Callable[..., Any], small: Path, typed: tuple[str, ...], told: str) -> None:
    shown = run("map", small, "--arch", CHIP, "--model", "neurospector", *typed)
    assert shown.code == 2
    assert told in shown.err


TABLE = """[LAYER]
layer_name=t1
[SCHEDULING_TABLE]
LOCAL_BUFFER=1,1,1,1,1,1,1,1
PE_ARRAY(X)=2,1,1,1,1,1,1,1
PE_ARRAY(Y)=1,1,1,1,2,1,1,1
GLOBAL_BUFFER=2,1,2,2,1,1,1,1
DRAM=1,1,1,1,1,1,1,1
"""
BAD_TABLES = {
    "[SCHEDULING_TABLE]": ("[SCHEDULING]", "did you mean", 2),
    "DRAM=1,1,1,1,1,1,1,1": ("DRAM=3,1,1,1,1,1,1,1", "column K multiplies to 12; layer 't1' has K=4", 2),
    "DRAM=1": ("DRAN=1", "did you mean 'DRAM'?", 2),
    "PE_ARRAY(Y)=1,1,1,1,2,1,1,1\n": ("", "row 'PE_ARRAY(Y)' of 'acc_mini' is missing", 2),
    "layer_name=t1": ("layer_name=t1\n[LAYER]\nlayer_name=t1", "[LAYER]", 2),
    "GLOBAL_BUFFER=2": ("GLOBAL_BUFFER=x", "global_buffer is 'x'; expected a whole number", 2),
    "LOCAL_BUFFER=1,1,1,1,1,1,1,1\nPE_ARRAY(X)=2,": ("LOCAL_BUFFER=1,1,1,1,1,1,1,1\nPE_ARRAY(X)=4,", "column K multiplies to 8", 2),
    "PE_ARRAY(X)=2,1,1,1,1,1,1,1\nPE_ARRAY(Y)=1,1,1,1,2,1,1,1\nGLOBAL_BUFFER=2,1,": (
        "PE_ARRAY(X)=4,1,1,1,1,1,1,1\nPE_ARRAY(Y)=1,1,1,1,2,1,1,1\nGLOBAL_BUFFER=1,1,", "PE_ARRAY(X) uses 4 of 2", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("old", BAD_TABLES, ids=range(len(BAD_TABLES)))
def test_bad_tables(run: Callable[..., Any], small: Path, tmp_path: Path, old: str) -> None:
    new, told, code = BAD_TABLES[old]
    table = tmp_path / "table.cfg"
    table.write_text(TABLE)
    call = ("evaluate", table, "--problem", small, "--arch", CHIP, "--model", "neurospector")
    assert run(*call).code == 0
    assert old in TABLE
    table.write_text(TABLE.replace(old, new))
    shown = run(*call)
    assert shown.code == code
    assert told in shown.err
    assert run(*call, "--json").code == code


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[PE_ARRAY]", "[PE_ARRY]", "did you mean 'PE_ARRAY'?"),
        ("[DRAM]", "[DRAM]\nDATAFLOW=NONE\n[DRAM]", "DRAM"),
        ("UNIT_CYCLE=8", "UNIT_CYLCE=8", "did you mean 'UNIT_CYCLE'?"),
        ("BANDWIDTH=16", "", "has no BANDWIDTH"),
    ],
)
def test_bad_accelerators(run: Callable[..., Any], small: Path, tmp_path: Path, old: str, new: str, told: str) -> None:
    bad = tmp_path / "bad.cfg"
    assert old in CHIP.read_text()
    bad.write_text(CHIP.read_text().replace(old, new, 1))
    shown = run(
        "map", small, "--arch", bad, "--model", "neurospector", "--mapper", "bottom_up", "--objective", "energy"
    )
    assert shown.code == 2
    assert told in shown.err


def test_constraints_that_nothing_meets_are_an_infeasible_result_with_reasons(
    run: Callable[..., Any], small: Path, tmp_path: Path
) -> None:
    held = tmp_path / "held.cfg"
    held.write_text(CHIP.read_text().replace("[LOCAL_BUFFER]", "[LOCAL_BUFFER]\nCONSTRAINT=3,0,0,0,0,0,0,0"))
    for mapper in ("bottom_up", "optimal"):
        shown = run("map", small, "--arch", held, "--model", "neurospector", "--mapper", mapper, "--objective", "energy",
                    "--layer", "t1", "--json")  # fmt: skip
        assert shown.code == 1
        assert shown.json["layers"][0]["status"] == "infeasible"
        assert shown.json["layers"][0]["reasons"] == [
            "CONSTRAINT on K: 3 at LOCAL_BUFFER does not divide the layer's K=4"
        ]
    cramped = tmp_path / "cramped.cfg"
    cramped.write_text(CHIP.read_text().replace("BUFFER_SIZE=256", "BUFFER_SIZE=4"))
    shown = run(
        "map", small, "--arch", cramped, "--model", "neurospector", "--mapper", "bottom_up", "--objective", "energy"
    )
    assert shown.code == 1
    assert "input 1 + weight 1 + output 1 = 3 elements; it holds 2" in shown.err
