"""Our cost models keep what tileloom.testing asks of every model."""

import pytest
from original_chips import neurospector_case

from tileloom.cost.base import CostModel
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.models.maestro.model import MaestroModel
from tileloom.cost.models.neurospector.model import NeurospectorModel
from tileloom.cost.models.zigzag.model import ZigzagModel
from tileloom.cost.registry import MODELS
from tileloom.mapping.tree import MappingTree
from tileloom.search.mappers.neurospector import BottomUpMapper
from tileloom.search.objective import OBJECTIVES
from tileloom.testing import Case, CostModelSuite

OURS = {
    "loopnest": LoopnestModel(),
    "loopnest-sliding": LoopnestModel(halo="sliding"),
    "loopnest-first-read": LoopnestModel(first_read="count"),
    "maestro": MaestroModel(),
    "zigzag": ZigzagModel(),
    "zigzag-defines": ZigzagModel(version="defines"),
    "zigzag-faithful": ZigzagModel(mode="faithful"),
}

ON_THEIR_CHIPS = {
    "neurospector": (NeurospectorModel(), BottomUpMapper(), neurospector_case()),
}
"""They take chips of their originals' shape only, and the mappings that their own mappers find there. dMazeRunner's names
parts in its rows that are no nodes of the chip, so it has tests of its own instead."""


def test_every_built_in_model_runs_the_suite() -> None:
    assert {model.name for model in OURS.values()} | {*ON_THEIR_CHIPS} == set(MODELS.builtin) - {"dmazerunner"}


class TestOurCostModels(CostModelSuite):
    @pytest.fixture(params=list(OURS))
    def model(self, request: pytest.FixtureRequest) -> CostModel:
        return OURS[request.param]


class TestModelsOnTheirChips(CostModelSuite):
    @pytest.fixture(params=list(ON_THEIR_CHIPS))
    def model(self, request: pytest.FixtureRequest) -> CostModel:
        return ON_THEIR_CHIPS[request.param][0]

    @pytest.fixture
    def nests(self, model: CostModel) -> list[tuple[Case, MappingTree]]:
        _, mapper, case = ON_THEIR_CHIPS[model.name]
        wanted = [o for o in OBJECTIVES if o in mapper.profile.objectives]
        answers = [mapper.search(case.problem, case.architecture, o) for o in wanted]
        nests = [(case, answer.mapping) for answer in answers if answer.mapping is not None]
        assert nests
        return nests
