"""Fixtures around the one-mapping mapper of tests/stub_mapper.py."""

from pathlib import Path

import pytest

from stub_mapper import CHIP, StubMapper
from tileloom.architecture.load import parse_architecture
from tileloom.architecture.model import Architecture
from tileloom.search.registry import MAPPERS


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[StubMapper]:
    """The mapper 'stub' is registered, and the user's cache is a folder of this test."""
    monkeypatch.setitem(MAPPERS.builtin, "stub", lambda: StubMapper)  # type: ignore[arg-type]
    monkeypatch.setenv("TILELOOM_CACHE", str(tmp_path / "cache"))
    StubMapper.searched.clear()
    return StubMapper


@pytest.fixture
def chip() -> Architecture:
    return parse_architecture(CHIP)
