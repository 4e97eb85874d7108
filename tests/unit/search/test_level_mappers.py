"""Hybrid, genetic and decoupled: with every cost model that takes the chip, under constraints, and seeded."""

from random import Random

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.cost.base import Profile
from tileloom.mapping.constraints import AxisRule, Constraints, OrderRule, TileRule
from tileloom.mapping.tree import walk
from tileloom.search.driver import map_problem
from tileloom.search.mappers.decoupled import DecoupledMapper, off_chip_tilings
from tileloom.search.mappers.genetic import GeneticMapper
from tileloom.search.mappers.hybrid import HybridMapper
from tileloom.search.mappers.levels import LevelSpace
from tileloom.search.objective import Mapper
from tileloom.workload.layers import conv2d, gemm

CHIP = parse_architecture("""
name: three
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 100, width_bits: 8, bits_per_cycle: 64}, keep: all}
- {memory: L2, size_bits: 2048, access: {energy_pj: 6, width_bits: 8, bits_per_cycle: 256}, ports: separate, keep: all}
- fanout: PE
  axes: [{name: X, size: 4}, {name: Y, size: 4}]
- {memory: L1, size_bits: 512, access: {energy_pj: 1, width_bits: 8}, keep: all}
- {compute: MAC, energy_pj: 0.5}
""")
LAYER = conv2d("c", K=8, C=4, H=6, W=6, R=3, S=3)
MAPPERS = {
    "hybrid": {"evaluations": 60},
    "decoupled": {"off_chip": 3, "evaluations": 30},
    "genetic": {"population": 10, "generations": 4},
}


@pytest.mark.parametrize("model", ["loopnest", "maestro", "neurospector", "dmazerunner"])
@pytest.mark.parametrize("mapper", MAPPERS)
def test_every_mapper_works_with_every_model(mapper: str, model: str) -> None:
    found = map_problem(LAYER, CHIP, "edp", mapper=mapper, model=model, options=MAPPERS[mapper], cache=False)
    assert found.status == "feasible", found.reasons
    assert found.cost is not None and found.cost.model == model


RULES = Constraints(
    axes=(AxisRule(fanout="PE", axis="X", dims=("K",), max_size=2), AxisRule(fanout="PE", axis="Y", max_dims=1)),
    no_spatial=frozenset({"C"}),
    full_at=frozenset({("R", "L1")}),
    tiles=(TileRule("L2", "P", "<=", 2), TileRule("L1", "K", "=", 2)),
    orders=(OrderRule("DRAM", ("K",), ("C",)),),
)


@pytest.mark.parametrize(
    "mapper",
    [
        HybridMapper(evaluations=60, constraints=RULES),
        DecoupledMapper(off_chip=2, evaluations=30, constraints=RULES),
        GeneticMapper(population=8, generations=4, constraints=RULES),
    ],
    ids=lambda m: m.name,
)
def test_constraints_are_kept(mapper: Mapper) -> None:
    found = mapper.search(LAYER, CHIP, "edp")
    assert found.mapping is not None, found.reasons
    extents = dict(LAYER.extents)
    memory = "DRAM"
    top: list[str] = []
    for step in walk(found.mapping, LAYER.extents):
        node = step.node
        extents = dict(step.outside)
        if hasattr(node, "memory"):
            memory = node.memory
            if memory == "L2":
                assert extents["P"] <= 2
            if memory == "L1":
                assert extents["K"] == 2 and extents["R"] == 3
        elif hasattr(node, "dim"):
            if node.spatial:
                assert node.dim != "C"
                assert node.axis != "X" or (node.dim == "K" and step.trips <= 2)
            elif memory == "DRAM":
                top.append(node.dim)
    assert "K" not in top or top[0] == "K"
    assert "C" not in top or top[-1] == "C"


def test_genetic_and_decoupled_find_the_optimum_of_a_small_space() -> None:
    problem = gemm(M=4, N=4, K=4)
    best = map_problem(problem, CHIP, "edp", cache=False).value
    for mapper in (GeneticMapper(population=20, generations=10), DecoupledMapper(evaluations=200), HybridMapper()):
        assert mapper.search(problem, CHIP, "edp").value <= best * 1.05, mapper.name


def test_seeds_differ_and_repeat() -> None:
    a, b, c = (HybridMapper(evaluations=20, victory=20, seed=s).search(LAYER, CHIP, "edp") for s in (1, 1, 2))
    assert a.mapping == b.mapping
    assert a.mapping != c.mapping


def test_rules_that_leave_no_split_are_named() -> None:
    rules = Constraints(tiles=(TileRule("L1", "P", "=", 3),))
    found = HybridMapper(constraints=rules).search(LAYER, CHIP, "edp")
    assert found.status == "infeasible"
    assert "the rules leave no split of dim 'P' (extent 4)" in found.reasons


def test_a_rejected_split_is_mended_outward() -> None:
    space = LevelSpace(LAYER, CHIP, Constraints(), Profile())
    rng = Random(0)
    plan = next(p for p in iter(lambda: space.draw(rng), 0) if p and any(c.time[2] > 1 for c in p.chains))
    smaller = space.outward(plan, "L1", rng)
    assert smaller is not None
    inside = [(a.time[2], b.time[2]) for a, b in zip(plan.chains, smaller.chains, strict=True)]
    assert sum(a > b for a, b in inside) == 1 and all(a >= b for a, b in inside)


def test_off_chip_tilings_start_with_the_fewest_words() -> None:
    # 16 x 16 x 16 with room for 2048 bits x 1: the best square tiles beat a tile of one row by hand arithmetic.
    problem = gemm(M=16, N=16, K=16)
    space = LevelSpace(problem, CHIP, Constraints(), Profile())
    tilings = off_chip_tilings(space)
    first = dict(zip(space.frame.dims, next(tilings), strict=True))
    size = first["M"] * first["K"] + first["K"] * first["N"] + first["M"] * first["N"]
    assert size * 8 <= 2048
    assert min(first["M"], first["N"]) >= 4
