"""Calls the program in this process: `run("map", ...)` gives its exit code and what it printed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stub_mapper import CHIP, StubMapper
from tileloom.cli.main import main


@dataclass(frozen=True)
class Printed:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Printed]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], stub: type[StubMapper]) -> Run:
    def call(*arguments: object) -> Printed:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        shown = capsys.readouterr()
        return Printed(int(stop.value.code or 0), shown.out, shown.err)

    return call


@pytest.fixture
def chip_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(CHIP)
    return path
