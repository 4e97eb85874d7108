"""The exhaustive and the random mapper: answers, statuses, reasons, and agreement with the optimal mapper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import ClassVar

import pytest

from mapping_cases import conv, matmul, memory, three_level, two_level
from tileloom.architecture.model import NOTHING, Architecture, Fanout, FanoutAxis, Memory, Port, TensorSet
from tileloom.architecture.model import Compute as Unit
from tileloom.cost.base import Cost, Profile
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.legality import is_legal
from tileloom.mapping.space import MapSpace
from tileloom.mapping.tree import MappingTree
from tileloom.search.mappers.exhaustive import LARGEST, ExhaustiveMapper
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.mappers.random import RandomMapper
from tileloom.search.objective import Objective, value_of
from tileloom.workload.problem import Problem

WEIGHT = TensorSet(("weight",))


def level(name: str, bits: int | None, energy_pj: float, per_cycle: float = inf, **more: object) -> Memory:
    read, write = (Port(energy_pj=e, accesses_per_cycle=per_cycle) for e in (energy_pj, 1.1 * energy_pj))
    return Memory(name=name, capacity_bits=bits, read=read, write=write, **more)  # type: ignore[arg-type]


def chip(*inner: Memory | Fanout) -> Architecture:
    return Architecture("chip", (level("DRAM", None, 100, 16), *inner, Unit(name="MAC", energy_pj=0.5)))


def row(**more: object) -> Fanout:
    return Fanout(name="PE", axes=(FanoutAxis(name="X", size=4, **more),))  # type: ignore[arg-type]


TIGHT = chip(level("GLB", 48, 6, 64), row())
USED = chip(
    level("GLB", 64, 6, 64),
    Fanout(
        name="PE",
        axes=(
            FanoutAxis(name="X", size=3, min_utilization=1.0),
            FanoutAxis(name="Y", size=2, min_utilization=0.7),
        ),
    ),
)
DEEP = chip(
    level("GLB", 160, 6, 64, may_keep=TensorSet(("input", "output"))),
    row(stationary=WEIGHT),
    level("RF", 16, 1, keep=WEIGHT, may_keep=NOTHING),
)


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
@pytest.mark.parametrize(
    ("problem", "architecture"),
    [
        (matmul(4, 2, 1), TIGHT),
        (matmul(4, 2, 1), USED),
        (conv(1, 2, 1, 4, 1, 3, 1), DEEP),
        (conv(1, 1, 2, 4, 1, 2, 1, stride=2), DEEP),
    ],
)
def test_the_optimal_mapper_finds_what_listing_everything_finds(
    problem: Problem, architecture: Architecture, objective: Objective
) -> None:
    listed = ExhaustiveMapper().search(problem, architecture, objective)
    proven = OptimalMapper().search(problem, architecture, objective)
    assert listed.status == proven.status == "optimal"
    assert listed.value == pytest.approx(proven.value, rel=1e-9)
    assert listed.lower_bound == listed.value
    for result in (listed, proven):
        assert result.mapping is not None
        assert is_legal(problem, architecture, result.mapping, perfect=True)


def test_exhaustive_tells_what_it_did() -> None:
    result = ExhaustiveMapper().search(matmul(4, 2, 1), TIGHT, "edp")
    told = dict(result.explain)
    assert told["mappings listed"] == result.space_size > 500
    assert told["mappings listed"] == result.evaluated + told["counts seen before"] + told["E-CAP at GLB"]
    assert result.reasons == ()


def test_distinct_gives_the_same_best_as_every_order() -> None:
    for objective in ("energy", "latency", "edp"):
        values = [ExhaustiveMapper(distinct=d).search(conv(1, 2, 1, 2, 1, 3, 1), DEEP, objective).value for d in (0, 1)]  # type: ignore[arg-type]
        assert values[0] == values[1]


def test_equal_signatures_have_equal_costs() -> None:
    problem, architecture = conv(1, 2, 1, 2, 1, 3, 1), chip(level("GLB", None, 6, 64), row(multicast=WEIGHT))
    first: dict[object, Cost] = {}
    repeats = 0
    for candidate in list(MapSpace(problem, architecture, distinct=True).candidates())[::3]:
        cost = LoopnestModel().evaluate(problem, architecture, candidate.mapping())
        other = first.setdefault(candidate.signature(), cost)
        repeats += other is not cost
        assert (other.energy_pj, other.cycles) == pytest.approx((cost.energy_pj, cost.cycles))
    assert repeats > 50


def test_stopped_early() -> None:
    result = ExhaustiveMapper(max_mappings=10).search(matmul(4, 2, 1), TIGHT, "energy")
    assert (result.status, result.lower_bound, result.gap) == ("stopped", 0.0, 1.0)
    assert dict(result.explain)["mappings listed"] == 10


def test_infeasible_has_reasons() -> None:
    tiny = two_level(glb=memory("GLB", 7, keep=WEIGHT))
    for mapper in (ExhaustiveMapper(), RandomMapper(samples=5)):
        result = mapper.search(matmul(2, 1, 1), tiny, "energy")
        assert (result.status, result.mapping, result.cost) == ("infeasible", None, None)
        assert result.reasons[0] == (
            "the smallest tiles, one value each, do not fit in 'GLB': B 8 = 8 bits, capacity 7 bits. "
            "Enlarge 'GLB', or let a tensor bypass it (E-CAP)"
        )
    assert "mappings break E-CAP at GLB" in ExhaustiveMapper().search(matmul(2, 1, 1), tiny, "edp").reasons[1]


def test_infeasible_partitions_and_whole_tensors() -> None:
    parts = ((TensorSet(("input",)), 64), (WEIGHT, 4))
    split = two_level(glb=memory("GLB", 68, keep=TensorSet(("input", "weight")), may_keep=NOTHING, partitions=parts))
    (reason,) = RandomMapper().search(matmul(2, 1, 1), split, "energy").reasons
    assert "B 8 = 8 bits, capacity 4 bits" in reason
    small = Architecture("small", (memory("DRAM", 16), Unit(name="MAC", energy_pj=1)))
    (reason,) = RandomMapper().search(matmul(2, 1, 1), small, "energy").reasons
    assert reason.startswith("whole tensors do not fit in 'DRAM': A 16 + B 8 + Z 16 = 40 bits, capacity 16 bits")


def test_random_is_repeatable_and_legal() -> None:
    problem, architecture = matmul(16, 12, 10), three_level()
    one, two = (RandomMapper(samples=60, seed=3).search(problem, architecture, "edp") for _ in range(2))
    assert replace(one, seconds=0) == replace(two, seconds=0)
    assert (one.status, one.seed, one.lower_bound) == ("feasible", 3, 0.0)
    assert one.mapping is not None
    assert is_legal(problem, architecture, one.mapping, perfect=True)
    other = RandomMapper(samples=60, seed=4).search(problem, architecture, "edp")
    assert other.mapping != one.mapping
    optimum = OptimalMapper().search(problem, architecture, "edp")
    assert optimum.value <= one.value


def test_random_fills_axes_that_ask_for_it() -> None:
    assert RandomMapper(samples=50).search(matmul(4, 2, 2), USED, "edp").status == "feasible"


def test_random_imperfect() -> None:
    problem = matmul(7, 5, 3)
    result = RandomMapper(samples=60, imperfect=True).search(problem, TIGHT, "energy")
    assert result.mapping is not None
    assert is_legal(problem, TIGHT, result.mapping)


def test_random_that_finds_nothing_says_so() -> None:
    full = two_level(glb=memory("GLB", 8, keep=TensorSet(("input",)), may_keep=WEIGHT))
    result = RandomMapper(samples=1, seed=0).search(matmul(64, 64, 64), full, "energy")
    assert result.status == "stopped"
    assert result.reasons == ("1 of 1 draws break E-CAP at GLB", "draw more samples, or use mapper 'optimal'")


@dataclass(frozen=True)
class LoopCount:
    """A model for which loop order matters: it costs the position of the first loop over m."""

    name: ClassVar[str] = "position"
    profile: ClassVar[Profile] = Profile()

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        first = next(i for i, loop in enumerate(mapping.loops) if loop.dim == "m")
        return Cost(
            energy_pj=float(9 - first),
            cycles=1.0,
            macs=problem.macs,
            utilization=1.0,
            traffic=(),
            leakage_pj=(("MAC", float(9 - first)),),
        )


def test_other_models_see_every_order() -> None:
    architecture = two_level(glb=memory("GLB", None, may_keep=NOTHING), x=FanoutAxis(name="X", size=1))
    result = ExhaustiveMapper(model=LoopCount()).search(matmul(2, 2, 2), architecture, "energy")
    assert (result.space_size, result.evaluated) == (6, 6)
    assert result.value == value_of(result.cost, "energy") == 7.0 if result.cost else False


def test_a_space_too_large_to_list_is_not_begun() -> None:
    large, chip = matmul(2**20, 2**20, 2**20), two_level()
    refused = ExhaustiveMapper().search(large, chip, "energy")
    assert (refused.status, refused.cost, refused.evaluated) == ("stopped", None, 0)
    assert refused.space_size > LARGEST
    assert "max_mappings=N" in refused.reasons[0]
    assert ExhaustiveMapper(max_mappings=20).search(large, chip, "energy").space_size == refused.space_size
