"""Our cost models keep what tileloom.testing asks of every model."""

import pytest
from original_chips import dmazerunner_cases, dmazerunner_model, neurospector_case

from tileloom.cost.base import CostModel
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.models.maestro.model import MaestroModel
from tileloom.cost.models.neurospector.model import NeurospectorModel
from tileloom.cost.models.zigzag.model import ZigzagModel
from tileloom.cost.registry import MODELS
from tileloom.mapping.tree import MappingTree
from tileloom.search.dmazerunner.mapper import DmazerunnerMapper
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
    "neurospector": (NeurospectorModel(), BottomUpMapper(), (neurospector_case(),)),
    "dmazerunner": (dmazerunner_model(), DmazerunnerMapper(model=dmazerunner_model()), dmazerunner_cases()),
}
"""They take chips of their originals' shape only, and the mappings that their own mappers find there."""


def test_every_built_in_model_runs_the_suite() -> None:
    assert {model.name for model in OURS.values()} | {*ON_THEIR_CHIPS} == set(MODELS.builtin)


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
        _, mapper, cases = ON_THEIR_CHIPS[model.name]
        wanted = [o for o in OBJECTIVES if o in mapper.profile.objectives]
        answers = [(case, mapper.search(case.problem, case.architecture, o)) for case in cases for o in wanted]
        nests = [(case, answer.mapping) for case, answer in answers if answer.mapping is not None]
        assert nests
        return nests
