"""Our cost models keep what tileloom.testing asks of every model."""

import pytest

from tileloom.cost.base import CostModel
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.cost.models.maestro.model import MaestroModel
from tileloom.cost.models.zigzag.model import ZigzagModel
from tileloom.cost.registry import MODELS
from tileloom.testing import CostModelSuite

OURS = {
    "loopnest": LoopnestModel(),
    "loopnest-sliding": LoopnestModel(halo="sliding"),
    "loopnest-first-read": LoopnestModel(first_read="count"),
    "maestro": MaestroModel(),
    "zigzag": ZigzagModel(),
    "zigzag-defines": ZigzagModel(version="defines"),
    "zigzag-faithful": ZigzagModel(mode="faithful"),
}

OWN_CHIPS = {"dmazerunner", "neurospector"}
"""They take chips of their originals' shape only, which the suite's are not; each has tests of its own."""


def test_every_built_in_model_runs_the_suite() -> None:
    assert {model.name for model in OURS.values()} == set(MODELS.builtin) - OWN_CHIPS


class TestOurCostModels(CostModelSuite):
    @pytest.fixture(params=list(OURS))
    def model(self, request: pytest.FixtureRequest) -> CostModel:
        return OURS[request.param]
