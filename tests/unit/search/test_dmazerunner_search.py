"""dMazeRunner's searches: the compiled walk against plain enumeration, the literal steps, the mappers."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis
from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.core.errors import UnsupportedError
from tileloom.core.factors import divisors
from tileloom.cost.models.dmazerunner.capacity import valid
from tileloom.cost.models.dmazerunner.model import DmazerunnerModel
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.reference import method_costs
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.dmazerunner import ExecutionMethod
from tileloom.search.dmazerunner.auto import auto_optimize
from tileloom.search.dmazerunner.full import GOALS, count_methods, explore
from tileloom.search.dmazerunner.mapper import AutoOptimizer, DmazerunnerMapper
from tileloom.search.objective import OBJECTIVES
from tileloom.search.registry import make_mapper
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer, conv_layer

TINY = DmazeChip(cgra_size=6, rf_elements=14, spm_banks=6, bank_bytes=32)
LAYERS = (
    DmazeLayer(name="g", kind="GEMM", extents=(4, 6, 2)),
    conv_layer("c", "CONV", 1, (2, 2), (6, 6), (3, 3), (2, 2), (0, 0)),
    conv_layer("d", "DW_CONV", 2, (1, 2), (3, 3), (2, 2), (1, 1), (0, 0)),
)
FILTERS = (
    Pruning(),
    Pruning(pe=0.6, rf=0.3, spm=0.2),
    Pruning(no_feature_dram=True, no_spatial_reduction=True),
)


def every_method(nest: Nest) -> list[ExecutionMethod]:
    splits = [[f for f in product(divisors(e), repeat=4) if prod(f) == e] for e in nest.extents]
    columns = (tuple(zip(*choice, strict=True)) for choice in product(*splits))
    return [ExecutionMethod(loops=nest.loops, dram=d, spm=s, rf=r, spatial=p) for d, s, r, p in columns]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
@pytest.mark.parametrize("pruning", FILTERS, ids=["none", "utilisation", "loops"])
def test_the_walk_finds_what_plain_enumeration_finds(layer: DmazeLayer, pruning: Pruning) -> None:
    nest = Nest.of(layer.problem())
    passing = [m for m in every_method(nest) if not valid(nest, TINY, m, pruning)]
    assert count_methods(nest, TINY, pruning) == len(passing) > 0
    sample = passing[:: max(1, len(passing) // 60)]
    for faithful in (True, False):
        found = explore(nest, TINY, pruning, faithful=faithful)
        assert found.methods == len(passing)
        assert found.best is not None
        for goal in GOALS:
            best = found.best[goal]
            assert not valid(nest, TINY, best.method, pruning)
            pair = method_costs(nest, TINY, best.method, faithful=faithful).best(goal)[2]
            got = {"energy": pair.energy_pj, "latency": pair.cycles, "edp": pair.edp}[goal]
            assert got == pytest.approx(best.value, rel=1e-12)
        for method in sample:
            costs = method_costs(nest, TINY, method, faithful=faithful)
            assert costs.best("energy")[2].energy_pj >= found.best["energy"].value
            assert costs.best("latency")[2].cycles >= found.best["latency"].value
            assert costs.best("edp")[2].edp >= found.best["edp"].value * (1 - 1e-12)


def test_filters_fall_in_the_original_s_steps() -> None:
    """Nothing fits this array of a prime's size well: all thresholds fall, in double precision."""
    nest = Nest.of(DmazeLayer(name="q", kind="GEMM", extents=(107, 64, 107)).problem())
    found = auto_optimize(nest, DmazeChip())
    assert found.thresholds == (0.20000000000000015, 0.20000000000000015, 0.10000000000000003)
    assert [r.spm for r in found.rounds[:4]] == [0.5, 0.5, 0.5, 0.4]
    assert found.pruning.min_methods == 1
    assert found.exploration.methods == 46


def test_a_layer_is_given_up_below_zero() -> None:
    nest = Nest.of(RESNET[0].problem())
    found = auto_optimize(nest, DmazeChip(rf_elements=1))
    assert found.given_up
    assert min(found.thresholds) < 0


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("faithful", [True, False])
def test_mappers_give_legal_mappings_with_their_cost(objective: str, faithful: bool) -> None:
    model = DmazerunnerModel(mode="faithful" if faithful else "corrected")
    problem, chip = RESNET[5].problem(), DmazeChip().architecture()
    result = AutoOptimizer(model=model).search(problem, chip, objective)  # type: ignore[arg-type]
    assert result.status == "feasible"
    assert result.evaluated == 753
    assert result.mapping is not None
    assert not check_mapping(problem, chip, result.mapping)
    again = model.evaluate(problem, chip, result.mapping)
    assert result.cost is not None
    assert (again.energy_pj, again.cycles) == (result.cost.energy_pj, result.cost.cycles)
    if faithful:
        expected = {"energy": 2592991601, "latency": 2457488, "edp": 6844957271165824}
        assert result.value == pytest.approx(expected[objective])


def test_the_full_search_is_no_worse_and_proven() -> None:
    problem, chip = LAYERS[0].problem(), TINY.architecture()
    model = DmazerunnerModel(options=TINY)
    full = DmazerunnerMapper(model=model).search(problem, chip, "edp")
    pruned = AutoOptimizer(model=model).search(problem, chip, "edp")
    assert full.status == "optimal"
    assert full.gap == 0
    whole = explore(Nest.of(problem), TINY, faithful=False)
    assert whole.best is not None
    assert full.value == whole.best["edp"].value
    assert full.value <= pruned.value


def test_infeasible_says_why() -> None:
    problem, chip = RESNET[0].problem(), DmazeChip(rf_elements=1).architecture()
    result = DmazerunnerMapper().search(problem, chip, "edp")
    assert result.status == "infeasible"
    assert result.reasons == ("registers: one value each of O, I, W takes 3 values per PE, there is room for 1",)


def test_a_mapping_that_breaks_a_rule_of_the_chip_is_not_given() -> None:
    wired = FanoutAxis(name="P", size=256, dims=("N",))
    chip = DmazeChip().architecture()
    nodes = tuple(Fanout(name="PEs", axes=(wired,)) if isinstance(n, Fanout) else n for n in chip.nodes)
    result = AutoOptimizer().search(RESNET[5].problem(), Architecture("wired", nodes), "edp")
    assert result.status == "stopped"
    assert result.mapping is None
    assert "breaks a rule of this chip" in result.reasons[0]


def test_they_are_found_by_name_and_want_their_model() -> None:
    mapper = make_mapper("auto_optimizer", {"min_pe": 0.5}, "dmazerunner")
    assert isinstance(mapper, AutoOptimizer)
    assert isinstance(mapper.model, DmazerunnerModel)
    with pytest.raises(UnsupportedError, match="--model dmazerunner"):
        AutoOptimizer(model=LoopnestModel()).search(LAYERS[0].problem(), TINY.architecture(), "edp")
