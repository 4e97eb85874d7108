"""Counts with sliding windows lie between the walk's ideal and literal readings, and hit the ideal where they should."""

from __future__ import annotations

from random import Random

import pytest

from nests import random_architecture, random_mapping, random_problem
from tileloom.architecture.model import Architecture, Memory, Port
from tileloom.architecture.model import Compute as Unit
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import LoopnestModel, refetching
from tileloom.cost.oracle import savings, simulate
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.problem import Axis, Dim, Problem, Tensor


def test_sliding_is_between_ideal_and_literal() -> None:
    """Where a tile has gaps the sliding buffer holds them too, and may be below an ideal that never fetches them."""
    saved = 0
    for seed in range(200):
        random = Random(seed)
        problem = random_problem(random, points=24, kinds=("conv1d", "conv2d", "depthwise"))
        chip = random_architecture(random, problem)
        case = problem, chip, random_mapping(random, problem, chip, first=seed % 3 == 0)
        literal, sliding, ideal = count(*case), count(*case, halo="sliding"), simulate(*case, "ideal")
        gaps = any(s.name == "stride-gap" for s in savings(*case))
        for more, less, least in zip(literal.accesses, sliding.accesses, ideal.accesses, strict=True):
            assert less.reads <= more.reads and less.writes <= more.writes, f"seed {seed}"
            assert gaps or (least.reads <= less.reads and least.writes <= less.writes), f"seed {seed}"
            assert less.reads_per_instance <= more.reads_per_instance
            saved += more.reads - less.reads
    assert saved > 0


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("tile", [1, 2, 3, 5])
def test_sliding_is_ideal_when_one_loop_slides(stride: int, tile: int) -> None:
    """p = 11 in tiles of `tile`, kernel of 3; all that the walk saves at the buffer's input is the overlap."""
    port = Port(energy_pj=1.0)
    memories = tuple(Memory(name=n, capacity_bits=None, read=port, write=port) for n in "MB")
    chip = Architecture("two", (*memories, Unit(name="MAC", energy_pj=0.0)))
    halo = Tensor("I", "input", (Axis((("p", stride), ("r", 1))),))
    weight, output = Tensor("W", "weight", (Axis((("r", 1),)),)), Tensor("O", "output", (Axis((("p", 1),)),))
    problem = Problem("w", (Dim("p", 11), Dim("r", 3)), (halo, weight, output))
    held = (Hold(("I", "W", "O"), "M"), Loop("p", tile), Hold(("I",), "B"))
    mapping = MappingTree((*held, Loop("p", 1), Loop("r", 1), Compute("MAC")))
    at = count(problem, chip, mapping, halo="sliding").at("M", "I")
    gaps = sum(s.values for s in savings(problem, chip, mapping) if s.name == "stride-gap" and s.memory == "M")
    assert at.reads == simulate(problem, chip, mapping, "ideal").at("M", "I").reads + gaps
    if stride <= 3:
        assert at.reads == stride * 10 + 3
    slid = LoopnestModel(halo="sliding").evaluate(problem, chip, mapping)
    assert slid.energy_pj == LoopnestModel().evaluate(problem, chip, mapping).energy_pj - 16 * (
        count(problem, chip, mapping).at("M", "I").reads - at.reads
    )


def test_counting_first_reads_is_what_the_walk_sees_when_every_memory_refetches() -> None:
    for seed in range(60):
        random = Random(seed)
        problem = random_problem(random, points=24)
        chip = random_architecture(random, problem)
        mapping = random_mapping(random, problem, chip)
        cost = LoopnestModel(first_read="count").evaluate(problem, chip, mapping)
        walked = simulate(problem, refetching(chip), mapping)
        for row in walked.accesses:
            memory, tensor = chip.memory(row.memory), problem.tensor(row.tensor)
            read = next(
                t for t in cost.traffic if (t.component, t.tensor, t.action) == (row.memory, row.tensor, "read")
            )
            assert read.accesses == row.reads * memory.bits_of(tensor) / memory.read.width_bits
