"""`tileloom check` and `evaluate` of a mapping with branches: the example, einsums on the command line, mistakes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tileloom.cli.main import main

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = str(ROOT / "examples" / "fused_mapping.yaml")
CHIP = str(ROOT / "examples" / "fused_chip.yaml")
PROBLEMS = ["--problem", str(ROOT / "examples" / "fused_problems.yaml"), "--arch", CHIP]
CHAIN = """
mapping:
  nodes:
  - hold: {memory: DRAM, tensors: [X, V, W, B]}
  - {for: m, tile: 1}
  - hold: {memory: Buffer, tensors: [A]}
  - seq:
    - nodes: [{for: k, tile: 1}, {for: j, tile: 1}, {compute: MAC, problem: A}]
    - nodes: [{for: n, tile: 1}, {for: k, tile: 1}, {compute: MAC, problem: B}]
"""
EINSUMS = ["--problem", "A[m, k] += X[m, j] * V[j, k]; B[m, n] += A[m, k] * W[k, n]", "--arch", CHIP]
SIZES = ["--size", "m=4", "--size", "j=2", "--size", "k=2", "--size", "n=2"]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def test_the_example_is_legal_and_its_parts_sum_to_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", EXAMPLE, *PROBLEMS) == 0
    assert capsys.readouterr().out == "legal: one, two, gate on one-buffer\n"
    assert run("evaluate", EXAMPLE, *PROBLEMS, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(r["energy_pj"] for r in found["energy"]) == pytest.approx(found["energy_pj"])
    assert sum(p["energy_pj"] for p in found["problems"]) == pytest.approx(found["energy_pj"])
    assert not found["overlapped"] and [m["while"] for m in found["occupancy"]] == ["one", "two", "gate"]


def test_the_cost_is_shown_by_problem_tensor_and_moment(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", EXAMPLE, *PROBLEMS) == 0
    shown = capsys.readouterr().out
    assert "compute gate" in shown and "18592 pJ, 2176 cycles" in shown
    assert "Buffer: bits held, of 4096" in shown and "V of one 512, W of two 512, A 256" in shown


def test_a_pipe_takes_less_time_and_more_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    piped = tmp_path / "piped.yaml"
    piped.write_text(Path(EXAMPLE).read_text().replace("- seq:", "- pipe:"))
    assert run("evaluate", str(piped), *PROBLEMS, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    # Hand count: 4 iterations of 256, 256 and 32 cycles. The products share the unit, the gate overlaps: 256 to fill,
    # 512 a step, and at the end 256 while the gate of the third block runs, then 32 for the last.
    assert found["cycles"] == 256 + 512 + 2 * 512 + 256 + 32
    held = {m["while"]: sum(a["bits"] for a in m["alive"] if a["memory"] == "Buffer") for m in found["occupancy"]}
    assert held == dict.fromkeys(("one", "two", "gate"), 512 + 512 + 3 * 256 + 2 * 256)


def test_einsums_and_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CHAIN))
    assert run("check", "-", *EINSUMS, *SIZES) == 0
    assert capsys.readouterr().out == "legal: A, B on one-buffer\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(CHAIN))
    assert run("check", "-", *EINSUMS, *SIZES, "--persistent", "A", "--json") == 1
    (found,) = json.loads(capsys.readouterr().out)["diagnostics"]
    assert found["code"] == "E-PERSIST" and found["where"] == "node 2 (hold A in Buffer)"


def test_every_broken_rule_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CHAIN.replace("for: m, tile: 1", "for: k, tile: 1").replace("problem: B", "problem: C"))
    assert run("check", str(wrong), *EINSUMS, *SIZES) == 1
    shown = capsys.readouterr().out
    assert f"{wrong}: E-PROBLEM at node 3.1.2 (compute on MAC): a compute node names problem 'C'" in shown
    assert "'B' is never computed" in shown and "broken rules" in shown
    assert run("evaluate", str(wrong), *EINSUMS, *SIZES) == 2
    assert f"{wrong}: E-PROBLEM" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*EINSUMS, *SIZES, "--model", "maestro"], "model 'maestro' takes one problem at a time"),
        ([*EINSUMS, *SIZES, "--size", "z=3"], "sizes of z, which no einsum has"),
        ([*PROBLEMS, "--size", "m=3"], "sizes are for einsums"),
    ],
)
def test_mistakes(arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chain.yaml"
    file.write_text(CHAIN)
    assert run("check", str(file), *arguments) == 2
    assert message in capsys.readouterr().err
