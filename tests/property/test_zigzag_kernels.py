"""ZigZag's compiled model and mappers equal their slow twins, and the proven optimum equals trying everything."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from tileloom.cost.kernels.zigzag_cost import cycles_of, energy_of
from tileloom.cost.kernels.zigzag_program import MAX_LEVELS, MAX_OPERANDS, compile_program
from tileloom.cost.kernels.zigzag_work import make_work
from tileloom.cost.models.zigzag.evaluate import evaluate
from tileloom.cost.models.zigzag.version import DEFINES, ZIGZAG39, Version
from tileloom.search.zigzag.loma import OBJECTIVES, best_mapping, objective_of
from tileloom.search.zigzag.reference import Loma
from zigzag_cases import random_case

VERSIONS = [DEFINES, ZIGZAG39, DEFINES.corrected, ZIGZAG39.corrected]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_the_compiled_cost_equals_its_twin(version: Version) -> None:
    work = make_work()
    for seed in range(25):
        random = Random(seed)
        layer, machine = random_case(random)
        twin = Loma(layer, machine, version)
        order = list(twin.factors(8))
        random.shuffle(order)
        cuts = [
            [*sorted(random.randint(0, len(order)) for _ in machine.levels(o.memory_operand)[1:]), len(order)]
            for o in layer.operands
        ]
        cost = evaluate(layer, machine, twin.mapping(tuple(order), cuts), version)
        program = compile_program(layer, machine, twin.spatial, version)
        dims = [d for d, _ in layer.loops]
        index = np.array([dims.index(d) for d, _ in order] or [0], np.int64)
        sizes = np.array([n for _, n in order] or [1], np.int64)
        places = np.zeros((MAX_OPERANDS, MAX_LEVELS), np.int64)
        for o, ends in enumerate(cuts):
            places[o, : len(ends)] = ends
        assert energy_of(program, index, sizes, len(order), places, work) == pytest.approx(cost.energy_pj, rel=1e-13)
        assert cycles_of(program, index, sizes, len(order), work) == cost.cycles
        parts = (cost.temporal_cycles, cost.stall_cycles, cost.loading_cycles, cost.offloading_cycles)
        assert tuple(work["latency"]) == parts


def test_the_compiled_mapper_equals_its_twin() -> None:
    fitting = 0
    for seed in range(12):
        layer, machine = random_case(Random(seed))
        for version, name in ((DEFINES, "defines"), (ZIGZAG39, "3.9")):
            found = best_mapping(layer, machine, 3, version=name)  # type: ignore[arg-type]
            slow = Loma(layer, machine, version).first_of_least_energy(3)
            assert (slow is None) == (not found.fits)
            if slow is None or found.cost is None:
                continue
            fitting += 1
            assert found.cost.energy_pj == slow[1].energy_pj
            if version is DEFINES:
                assert found.mapping == slow[0]
    assert fitting > 8


def test_the_proven_optimum_equals_trying_everything() -> None:
    compared = 0
    for seed in range(400):
        layer, machine = random_case(Random(seed))
        layer = layer.resized({d: min(n, 4) for d, n in layer.sizes.items()})
        for version, name in ((DEFINES.corrected, "defines"), (ZIGZAG39.corrected, "3.9")):
            twin = Loma(layer, machine, version)
            levels = sum(len(machine.levels(o.memory_operand)) - 1 for o in layer.operands)
            if not 2 <= len(twin.factors(None)) <= 4 or levels > 6:
                continue
            if best_mapping(layer, machine, None, version=name, faithful=False).cost is None:  # type: ignore[arg-type]
                continue
            least = twin.least()
            for objective in OBJECTIVES:
                found = best_mapping(layer, machine, None, objective, version=name, faithful=False)  # type: ignore[arg-type]
                assert found.proven and found.cost is not None
                value = objective_of(found.cost, objective)  # type: ignore[arg-type]
                assert value == pytest.approx(least[objective], rel=1e-12)
            compared += 1
        if compared >= 6:
            break
    assert compared >= 6


@pytest.mark.parametrize("version", ["defines", "3.9"])
def test_more_factors_never_cost_more_than_the_optimum(version: str) -> None:
    for seed in range(25):
        layer, machine = random_case(Random(1000 + seed))
        best = best_mapping(layer, machine, None, version=version, faithful=False)  # type: ignore[arg-type]
        few = best_mapping(layer, machine, 5, version=version, faithful=False)  # type: ignore[arg-type]
        if best.cost is not None and few.cost is not None:
            assert best.cost.energy_pj <= few.cost.energy_pj * (1 + 1e-12)


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.name)
def test_no_order_or_allocation_beats_what_is_proven(version: Version) -> None:
    compared = 0
    for seed in range(2000, 2012):
        random = Random(seed)
        layer, machine = random_case(random)
        twin = Loma(layer, machine, version)
        name, faithful = version.name.split(",")[0], "corrected" not in version.name
        least: dict[str, float] = {}
        for objective in OBJECTIVES:
            found = best_mapping(layer, machine, None, objective, version=name, faithful=faithful)  # type: ignore[arg-type]
            assert found.proven
            least[objective] = objective_of(found.cost, objective)  # type: ignore[arg-type]
        order = list(twin.factors(None))
        for _ in range(12):
            random.shuffle(order)
            cuts = twin.allocate(tuple(order)) or []
            for o in range(len(cuts)):
                if random.random() < 0.5:
                    cuts[o] = [*sorted(random.randint(0, end) for end in cuts[o][:-1]), len(order)]
            if cuts and twin.fits(tuple(order), cuts):
                cost = evaluate(layer, machine, twin.mapping(tuple(order), cuts), version)
                compared += 1
                for objective in OBJECTIVES:
                    assert objective_of(cost, objective) >= least[objective] * (1 - 1e-12)  # type: ignore[arg-type]
    assert compared > 40
