"""`tileloom study` and `conform neurospector` as typed, with their exit codes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
