"""Random mappings through every notation: nothing lost means the same counts, and the same loops where order is kept."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nests import random_mapping
from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.core.errors import TileloomError
from tileloom.cost.counts import count
from tileloom.mapping.normalise import blocked, hoist
from tileloom.mapping.notation.registry import NOTATIONS
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree, TreeNode
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem

PORT = Port(energy_pj=1.0, width_bits=8)
CHIP = Architecture(
    "chip",
    (
        Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT),
        Memory(name="GLB", capacity_bits=4096, read=PORT, write=PORT),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=6), FanoutAxis(name="X", size=6))),
        Memory(name="RF", capacity_bits=256, read=PORT, write=PORT),
        Compute(name="MAC", energy_pj=1.0),
    ),
)
PROBLEMS = (
    gemm("g", M=6, N=8, K=12),
    conv2d("c", K=4, C=6, P=8, Q=4, R=3, S=3, stride=2),
)
KEEPS_HOLDS = ("yaml", "accelforge", "union", "timeloop", "zigzag", "neurospector", "dmazerunner")
"""Notations that say where tiles are held. MAESTRO and GAMMA never do, and list it as lost."""


Accesses = dict[tuple[str, str], tuple[int, int, int, int]]


def counts_of(problem: Problem, mapping: MappingTree) -> tuple[Accesses, int, int]:
    """What moves by memory and tensor, products, steps."""
    found = count(problem, CHIP, mapping)
    rows = {
        (a.memory, a.tensor): (a.reads, a.writes, a.reads_per_instance, a.writes_per_instance) for a in found.accesses
    }
    return rows, found.macs, found.steps


def through(name: str, problem: Problem, mapping: MappingTree, folder: Path) -> tuple[MappingTree, tuple[str, ...]]:
    notation = NOTATIONS.get(name)
    assert notation.write is not None and notation.read is not None
    written = notation.write(problem, CHIP, mapping)
    file = folder / f"mapping.{ {'maestro': 'm', 'neurospector': 'cfg'}.get(name, 'yaml') }"
    file.write_text(written.text)
    read = notation.read(file, problem, CHIP, None)
    return read.mapping, (*written.losses, *read.losses)


def chain(random: Random, problem: Problem, *, perfect: bool) -> MappingTree:
    """Loops in any order at three memories that keep everything: the form that lists of levels have."""
    current = dict(problem.extents)
    names = tuple(t.name for t in problem.tensors)
    nodes: list[TreeNode] = []

    def loops(axis: str | None) -> None:
        dims = random.sample(list(current), k=random.randint(0, len(current) if axis is None else 1))
        for dim in dims:
            tiles = [t for t in range(1, current[dim] + 1) if not perfect or current[dim] % t == 0]
            tile = random.choice([t for t in tiles if axis is None or -(-current[dim] // t) <= 6])
            if tile < current[dim]:
                nodes.append(Loop(dim, tile, "PE" if axis else None, axis))
                current[dim] = tile

    for memory in ("DRAM", "GLB"):
        nodes.append(Hold(names, memory))
        loops(None)
    for axis in "YX":
        loops(axis)
    nodes.append(Hold(names, "RF"))
    nodes += [Loop(d, 1) for d in random.sample(list(current), k=len(current)) if current[d] > 1]
    return MappingTree((*nodes, Leaf("MAC")))


@pytest.mark.parametrize("name", KEEPS_HOLDS)
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), which=st.integers(0, 1), hoisted=st.booleans(), perfect=st.booleans())
def test_nothing_lost_means_the_same_counts(
    name: str, seed: int, which: int, hoisted: bool, perfect: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    problem = PROBLEMS[which]
    mapping = chain(Random(seed), problem, perfect=perfect)
    mapping = hoist(mapping, problem) if hoisted else mapping
    try:
        back, losses = through(name, problem, mapping, tmp_path_factory.mktemp("m"))
    except TileloomError:
        return
    if not [x for x in losses if "DMA" not in x and "one trip" not in x and "inside the register file" not in x]:
        assert counts_of(problem, back) == counts_of(problem, mapping)
    else:
        assert counts_of(problem, back)[1] == problem.macs


@pytest.mark.parametrize(
    ("name", "hoisted"), [("union", False), ("timeloop", True), ("accelforge", True), ("yaml", True)]
)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), which=st.integers(0, 1))
def test_lists_of_levels_lose_nothing_of_their_own_form(
    name: str, hoisted: bool, seed: int, which: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    problem = PROBLEMS[which]
    mapping = chain(Random(seed), problem, perfect=True)
    mapping = hoist(mapping, problem) if hoisted else mapping
    on = {axis: {x.dim for x in mapping.loops if x.axis == axis} for axis in "XY"}
    back, losses = through(name, problem, mapping, tmp_path_factory.mktemp("m"))
    # A dim on both axes is read back, but Timeloop itself takes one directive.
    assert all("on both axes" in x for x in losses) if name == "timeloop" and on["X"] & on["Y"] else losses == ()
    assert counts_of(problem, back) == counts_of(problem, mapping)


@pytest.mark.parametrize("name", NOTATIONS.names())
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), which=st.integers(0, 1))
def test_any_legal_nest_is_written_or_refused(
    name: str, seed: int, which: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random, problem = Random(seed), PROBLEMS[which]
    mapping = random_mapping(random, problem, CHIP, first=random.random() < 0.3)
    try:
        back, losses = through(name, problem, mapping, tmp_path_factory.mktemp("m"))
    except TileloomError:
        return
    assert counts_of(problem, back)[1] == problem.macs
    exact = all("DMA" in x or "one trip" in x or "inside the register file" in x for x in losses)
    if name in KEEPS_HOLDS and exact:
        assert counts_of(problem, back) == counts_of(problem, mapping) or (
            counts_of(problem, blocked(back, problem)) == counts_of(problem, blocked(mapping, problem))
        )
