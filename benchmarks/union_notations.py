"""How long one mapping takes: literal counts, evaluation and check, and a conversion into and out of every notation.

CPU time in this process, median of many rounds, text written and files read and parsed included; the goal is under 1 ms
each. Two mappings: a 3x3 convolution of seven loops of more than one trip on a chip of three memories and a 4x4 array, and
the printed GEMM of the Union paper (which GAMMA, that takes no products, does not have). Every loop divides, as in all
files of the originals; literal counts are also taken of tiles that do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.registry import NOTATIONS
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem

GOAL_US = 1000
ROUNDS, TIMES = 41, 10
ENDINGS = {"maestro": "m", "neurospector": "cfg", "gamma": "txt"}
NO_PRODUCTS = ("gamma",)
PORT = Port(energy_pj=1.0, width_bits=8)
CHIP = Architecture(
    "four_by_four",
    (
        Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT),
        Memory(name="L2", capacity_bits=800_000, read=PORT, write=PORT),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=4), FanoutAxis(name="X", size=4))),
        Memory(name="L1", capacity_bits=24_000, read=PORT, write=PORT),
        Compute(name="MAC", energy_pj=1.0),
    ),
)


@dataclass(frozen=True)
class Case:
    name: str
    problem: Problem
    mapping: MappingTree


def convolution() -> Case:
    problem = conv2d("conv", N=1, K=64, C=64, P=56, Q=56, R=3, S=3)
    return Case("convolution", problem, _convolved(problem, 14))


def ragged() -> Case:
    """The same with tiles of rows that divide neither 56 nor each other."""
    problem = conv2d("conv", N=1, K=64, C=64, P=56, Q=56, R=3, S=3)
    return Case("convolution with remainders", problem, _convolved(problem, 15))


def _convolved(problem: Problem, rows: int) -> MappingTree:
    names = tuple(t.name for t in problem.tensors)
    return MappingTree(
        (
            Hold(names, "DRAM"), Loop("K", 32), Loop("P", rows), Loop("C", 16), Hold(names, "L2"), Loop("P", 7), Loop("Q", 28),
            Loop("C", 8), Loop("K", 8), Loop("K", 2, "PE", "Y"), Loop("C", 2, "PE", "X"), Hold(names, "L1"), Loop("R", 1),
            Loop("S", 1), Loop("Q", 1), Loop("P", 1), Loop("C", 1), Loop("K", 1), Leaf("MAC"),
        )
    )  # fmt: skip


def product() -> Case:
    problem = gemm("gemm", M=16, N=64, K=32)
    names = tuple(t.name for t in problem.tensors)
    nodes = (
        Hold(names, "DRAM"), Loop("N", 32), Loop("K", 16), Hold(names, "L2"), Loop("M", 8), Loop("N", 16), Loop("K", 8),
        Loop("N", 8, "PE", "Y"), Loop("K", 2, "PE", "X"), Hold(names, "L1"), Loop("M", 1), Loop("N", 1), Loop("K", 1), Leaf("MAC"),
    )  # fmt: skip
    return Case("GEMM", problem, MappingTree(nodes))


def median_us(work: Callable[[], object]) -> float:
    work()
    found = []
    for _ in range(ROUNDS):
        start = process_time()
        for _ in range(TIMES):
            work()
        found.append((process_time() - start) / TIMES)
    return 1e6 * median(found)


def main() -> Iterator[str]:
    cases = (convolution(), product())
    yield f"how fast Python is here and now: {median_us(_turns) / 1000:.2f} ms for 100,000 turns of a loop"
    model = LoopnestModel()
    yield "literal, us: counts, evaluation (counts, energy, cycles, occupancy), check, hoisting"
    for case in (*cases, ragged()):
        parts = (case.problem, CHIP, case.mapping)
        yield _line(
            case.name,
            median_us(partial(count, *parts)),
            median_us(partial(model.evaluate, *parts)),
            median_us(partial(check_mapping, *parts)),
            median_us(partial(hoist, case.mapping, case.problem)),
        )
    yield f"conversion, us: tree to text and file to tree, {' and '.join(c.name for c in cases)}"
    for name in NOTATIONS.names():
        if NOTATIONS.get(name).write is not None and NOTATIONS.get(name).read is not None:
            yield _line(name, *[us for c in cases for us in _both_ways(name, c)])


def _turns() -> int:
    total = 0
    for i in range(100_000):
        total += i & 3
    return total


def _both_ways(name: str, case: Case) -> Iterator[float]:
    notation = NOTATIONS.get(name)
    if case.name == "GEMM" and name in NO_PRODUCTS:
        return
    assert notation.write is not None and notation.read is not None
    mapping = hoist(case.mapping, case.problem)
    write = partial(notation.write, case.problem, CHIP, mapping)
    yield median_us(write)
    with TemporaryDirectory() as folder:
        file = Path(folder, f"mapping.{ENDINGS.get(name, 'yaml')}")
        file.write_text(write().text)
        yield median_us(partial(notation.read, file, case.problem, CHIP, None))


def _line(what: str, *us: float) -> str:
    return f"{what:<28}{''.join(f'{x:7.0f}' for x in us)}   goal < {GOAL_US} {'reached' if max(us) < GOAL_US else 'MISSED'}"
