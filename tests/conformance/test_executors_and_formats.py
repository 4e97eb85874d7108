"""Our executors and file formats keep what tileloom.testing asks of every one."""

import pytest

from readers import readers
from tileloom.explore.executors import EXECUTORS
from tileloom.explore.executors.base import Executor
from tileloom.explore.executors.dask import DaskExecutor
from tileloom.explore.executors.local import LocalExecutor
from tileloom.explore.formats import FORMATS, Format
from tileloom.testing import ExecutorSuite, FrontEndSuite

SAMPLES = {r.covers.removeprefix("format "): r for r in readers() if r.covers.startswith("format ")}
"""A small file of every registered format."""


def test_every_built_in_runs_its_suite() -> None:
    assert set(SAMPLES) == set(FORMATS.builtin)
    assert {type(executor).name for executor in OURS.values()} == set(EXECUTORS.builtin)


OURS = {"in this process": LocalExecutor(1), "two processes": LocalExecutor(2), "dask": DaskExecutor()}


class TestOurExecutors(ExecutorSuite):
    @pytest.fixture(params=list(OURS))
    def executor(self, request: pytest.FixtureRequest) -> Executor:
        return OURS[request.param]


class TestOurFormats(FrontEndSuite):
    @pytest.fixture(params=list(SAMPLES))
    def kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def front_end(self, kind: str) -> Format:
        return FORMATS.get(kind)

    @pytest.fixture
    def sample(self, kind: str) -> bytes:
        reader = SAMPLES[kind]
        return reader.seed.encode(reader.encoding)
