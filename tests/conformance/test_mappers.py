"""Our mappers keep what tileloom.testing asks of every mapper, and a mapper that does not is found out."""

from dataclasses import dataclass, replace

import pytest
from original_chips import dmazerunner_cases, dmazerunner_model, neurospector_case

from tileloom.architecture.load import load_architecture
from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.cost.base import CostModel
from tileloom.cost.models.maestro.model import MaestroModel
from tileloom.cost.models.neurospector.model import NeurospectorModel
from tileloom.cost.models.zigzag.model import ZigzagModel
from tileloom.search.dmazerunner.mapper import AutoOptimizer, DmazerunnerMapper
from tileloom.search.mappers.decoupled import DecoupledMapper
from tileloom.search.mappers.exhaustive import ExhaustiveMapper
from tileloom.search.mappers.genetic import GeneticMapper
from tileloom.search.mappers.hybrid import HybridMapper
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.mappers.random import RandomMapper
from tileloom.search.mappers.template import TemplateMapper
from tileloom.search.objective import Mapper, Objective, SearchResult
from tileloom.search.registry import MAPPERS, make_mapper
from tileloom.search.zigzag.mapper import LomaMapper
from tileloom.testing import TOLERANCE, Case, MapperSuite, small_cases
from tileloom.workload.frontends.dmazerunner import RESNET
from tileloom.workload.layers import conv2d
from tileloom.workload.problem import Problem

OURS = {
    "optimal": OptimalMapper(),
    "optimal-front": OptimalMapper(pareto=True),
    "optimal-gap": OptimalMapper(gap=0.2),
    "exhaustive": ExhaustiveMapper(),
    "random": RandomMapper(samples=60),
    "hybrid": HybridMapper(victory=60, timeout=60, evaluations=120),
    "decoupled": DecoupledMapper(off_chip=3, evaluations=40, victory=40, timeout=40),
    "genetic": GeneticMapper(population=12, generations=4),
}


OWN_MODEL = {
    "loma": LomaMapper(),
    "random": RandomMapper(samples=30, model=ZigzagModel()),
    "hybrid": HybridMapper(victory=20, timeout=20, evaluations=40, model=ZigzagModel()),
    "decoupled": DecoupledMapper(off_chip=2, evaluations=15, victory=15, timeout=15, model=ZigzagModel()),
    "genetic": GeneticMapper(population=8, generations=2, model=ZigzagModel()),
}
"""They search with ZigZag's model."""
MAESTROS = {
    "exhaustive": ExhaustiveMapper(model=MaestroModel()),
    "random": RandomMapper(samples=30, model=MaestroModel()),
    "hybrid": HybridMapper(victory=20, timeout=20, evaluations=40, model=MaestroModel()),
    "decoupled": DecoupledMapper(off_chip=2, evaluations=15, victory=15, timeout=15, model=MaestroModel()),
    "genetic": GeneticMapper(population=8, generations=2, model=MaestroModel()),
}
"""They search with MAESTRO's model."""
NEUROSPECTORS = ("bottom_up", "brute_force")
DMAZERUNNERS = {
    "dmazerunner": DmazerunnerMapper(model=dmazerunner_model()),
    "auto_optimizer": AutoOptimizer(model=dmazerunner_model()),
}
"""They search with the models of their originals, on chips of those originals' shape."""
ON_CHIPS = {
    "template": TemplateMapper("rs"),
}
"""They take convolutions, on chips of the shape that they are for."""


def test_every_built_in_mapper_runs_the_suite() -> None:
    run = {mapper.name for mapper in (*OURS.values(), *OWN_MODEL.values(), *ON_CHIPS.values(), *DMAZERUNNERS.values())}
    assert run | {*NEUROSPECTORS} == set(MAPPERS.builtin)


class TestOurMappers(MapperSuite):
    @pytest.fixture(params=list(OURS))
    def mapper(self, request: pytest.FixtureRequest) -> Mapper:
        return OURS[request.param]


class TestMappersWithTheirOwnModel(MapperSuite):
    @pytest.fixture(params=list(OWN_MODEL))
    def mapper(self, request: pytest.FixtureRequest) -> Mapper:
        return OWN_MODEL[request.param]

    @pytest.fixture
    def model(self) -> CostModel:
        return ZigzagModel()


class TestMappersWithMaestro(MapperSuite):
    @pytest.fixture(params=list(MAESTROS))
    def mapper(self, request: pytest.FixtureRequest) -> Mapper:
        return MAESTROS[request.param]

    @pytest.fixture
    def model(self) -> CostModel:
        return MaestroModel()


class TestNeurospectorsMappers(MapperSuite):
    @pytest.fixture(params=NEUROSPECTORS)
    def mapper(self, request: pytest.FixtureRequest) -> Mapper:
        return make_mapper(request.param, {}, "neurospector")

    @pytest.fixture
    def model(self) -> CostModel:
        return NeurospectorModel()

    @pytest.fixture
    def cases(self) -> tuple[Case, ...]:
        return (neurospector_case(),)


class TestDmazerunnersMappers(MapperSuite):
    @pytest.fixture(params=list(DMAZERUNNERS))
    def mapper(self, request: pytest.FixtureRequest) -> Mapper:
        return DMAZERUNNERS[request.param]

    @pytest.fixture
    def model(self) -> CostModel:
        return dmazerunner_model()

    @pytest.fixture
    def cases(self) -> tuple[Case, ...]:
        return dmazerunner_cases()

    @pytest.fixture
    def too_large(self) -> Case:
        return Case(RESNET[0].problem(), DmazeChip(rf_elements=1).architecture())

    def test_no_drawn_mapping_lies_below_a_bound(
        self, model: CostModel, answers: list[tuple[Case, SearchResult]]
    ) -> None:
        # Random mappings leave tensors out of memories, which this model does not take; the other mapper's do not.
        for case, result in answers:
            for other in DMAZERUNNERS.values():
                found = other.search(case.problem, case.architecture, result.objective)
                assert found.value >= result.lower_bound * (1 - TOLERANCE), str(case)


class TestMappersOnTheirChips(MapperSuite):
    @pytest.fixture(params=list(ON_CHIPS))
    def mapper(self, request: pytest.FixtureRequest) -> Mapper:
        return ON_CHIPS[request.param]

    @pytest.fixture
    def cases(self) -> tuple[Case, ...]:
        return (Case(conv2d("c", K=4, C=2, H=5, W=5, R=3, S=3), load_architecture("eyeriss")),)


@dataclass(frozen=True)
class Boaster(RandomMapper):
    """Calls the best of a few draws optimal."""

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        found = RandomMapper(samples=3).search(problem, architecture, objective)
        return replace(found, status="optimal", lower_bound=found.value)


def answers(mapper: Mapper) -> list[tuple[Case, SearchResult]]:
    return [(c, mapper.search(c.problem, c.architecture, "edp")) for c in small_cases()]


def test_a_false_claim_is_found() -> None:
    from tileloom.cost.models.loopnest import LoopnestModel

    suite, boaster = MapperSuite(), Boaster()
    with pytest.raises(AssertionError, match="proves nothing"):
        suite.test_bounds_lie_below_and_proofs_are_tight(boaster, answers(boaster))
    with pytest.raises(AssertionError, match="was drawn"):
        suite.test_no_drawn_mapping_lies_below_a_bound(LoopnestModel(), answers(boaster))
