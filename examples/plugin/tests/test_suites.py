"""The plug-in keeps what Tileloom asks of every mapper, cost model, front end and executor."""

import pytest
from tileloom_example.executor import ThreadExecutor
from tileloom_example.front_end import GEMM_LIST
from tileloom_example.mapper import ClimbingMapper
from tileloom_example.model import WordsModel

from tileloom.cost.registry import MODELS
from tileloom.explore.executors import EXECUTORS
from tileloom.explore.formats import FORMATS
from tileloom.search.registry import MAPPERS
from tileloom.testing import CostModelSuite, ExecutorSuite, FrontEndSuite, MapperSuite


class TestClimber(MapperSuite):
    @pytest.fixture
    def mapper(self):
        return ClimbingMapper(starts=4, steps=10)


class TestWords(CostModelSuite):
    @pytest.fixture
    def model(self):
        return WordsModel()


class TestGemmList(FrontEndSuite):
    @pytest.fixture
    def front_end(self):
        return GEMM_LIST

    @pytest.fixture
    def sample(self):
        return b"# gemms\nfirst 4 8 16\nsecond 2 2 2  # comment\n"


class TestThreads(ExecutorSuite):
    @pytest.fixture
    def executor(self):
        return ThreadExecutor(2)


def test_everything_is_found_by_name() -> None:
    assert MODELS.get("words") is WordsModel
    assert MAPPERS.get("climber") is ClimbingMapper
    assert FORMATS.get("gemmlist") is GEMM_LIST
    assert EXECUTORS.get("threads") is ThreadExecutor
