"""How long one mapping takes: its literal evaluation, and a conversion into and out of every notation (goal: under 1 ms each).

CPU time in this process, least of several rounds, text written and parsed included. The mapping is the printed GEMM of the
Union paper; GAMMA, which takes no matrix products, has a convolution of as many loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.registry import NOTATIONS
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem

GOAL_MS = 1.0
ENDINGS = {"maestro": "m", "neurospector": "cfg", "gamma": "txt"}
PORT = Port(energy_pj=1.0, width_bits=8)
CHIP = Architecture(
    "two_by_four",
    (
        Memory(name="DRAM", capacity_bits=None, read=PORT, write=PORT),
        Memory(name="L2", capacity_bits=800_000, read=PORT, write=PORT),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=4), FanoutAxis(name="X", size=4))),
        Memory(name="L1", capacity_bits=24_000, read=PORT, write=PORT),
        Compute(name="MAC", energy_pj=1.0),
    ),
)


def nest(problem: Problem, m: str, n: str, k: str) -> MappingTree:
    names = tuple(t.name for t in problem.tensors)
    return MappingTree(
        (
            Hold(names, "DRAM"), Loop(n, 32), Loop(k, 16), Hold(names, "L2"), Loop(m, 8), Loop(n, 16), Loop(k, 8),
            Loop(n, 8, "PE", "Y"), Loop(k, 2, "PE", "X"), Hold(names, "L1"), Loop(m, 1), Loop(n, 1), Loop(k, 1), Leaf("MAC"),
        )
    )  # fmt: skip


def least_ms(work: Callable[[], object], rounds: int = 7, times: int = 40) -> float:
    work()
    found = []
    for _ in range(rounds):
        start = process_time()
        for _ in range(times):
            work()
        found.append((process_time() - start) / times)
    return 1000 * min(found)


def main() -> Iterator[str]:
    product = gemm("gemm", M=16, N=64, K=32)
    tree = nest(product, "M", "N", "K")
    model = LoopnestModel()
    yield _line("literal counts", least_ms(lambda: count(product, CHIP, tree)))
    yield _line("literal evaluation (counts, energy, cycles)", least_ms(lambda: model.evaluate(product, CHIP, tree)))
    hoisted = hoist(tree, product)
    yield _line("hoisting", least_ms(lambda: hoist(tree, product)))
    convolution = replace(conv2d("conv", K=64, C=32, P=16, Q=1, R=1, S=1), name="conv")
    for name in NOTATIONS.names():
        notation = NOTATIONS.get(name)
        problem, mapping = (
            (convolution, hoist(nest(convolution, "P", "K", "C"), convolution))
            if name == "gamma"
            else (product, hoisted)
        )
        if notation.write is None or notation.read is None:
            continue
        write, read = notation.write, notation.read
        yield _line(f"{name}: tree to text", least_ms(partial(write, problem, CHIP, mapping)))
        with TemporaryDirectory() as folder:
            file = Path(folder, f"mapping.{ENDINGS.get(name, 'yaml')}")
            file.write_text(write(problem, CHIP, mapping).text)
            yield _line(f"{name}: file to tree", least_ms(partial(read, file, problem, CHIP, None), times=5))


def _line(what: str, ms: float) -> str:
    return f"{what}: {ms:.3f} ms, goal < {GOAL_MS:g} ms {'reached' if ms < GOAL_MS else 'MISSED'}"
