"""How many complete evaluations (energy, cycles, validity) the batch kernel makes per CPU second on one core.

A 7-dimension convolution with 3 tensors on 4 memories and an array of two axes; the slow twin runs on a few of the same
candidates in the same process. CPU time of the process, after compilation, best of five.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from time import process_time

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, Port
from tileloom.architecture.model import Compute as Unit
from tileloom.cost.kernels.batch import evaluate_batch
from tileloom.cost.kernels.batch_reference import evaluate_batch_reference
from tileloom.cost.kernels.template import BatchTemplate, compile_template
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

DIMS = {"n": 1, "k": 64, "c": 64, "p": 56, "q": 56, "r": 3, "s": 3}
GOAL = 3_000_000
TENSORS = ("I", "W", "O")


def convolution() -> Problem:
    def axes(*names: str) -> tuple[Axis, ...]:
        return tuple(Axis(tuple((d, 1) for d in name)) for name in names)

    return Problem(
        "conv",
        tuple(Dim(d, e) for d, e in DIMS.items()),
        (
            Tensor("I", "input", axes("n", "c", "pr", "qs")),
            Tensor("W", "weight", axes("k", "c", "r", "s")),
            Tensor("O", "output", axes("n", "k", "p", "q")),
        ),
    )


def memory(name: str, bits: int | None, pj: float, rate: float) -> Memory:
    port = Port(energy_pj=pj, width_bits=8, accesses_per_cycle=rate)
    return Memory(name=name, capacity_bits=bits, read=port, write=port)


def chip() -> Architecture:
    return Architecture(
        "four levels",
        (
            memory("DRAM", None, 200.0, 8),
            memory("L2", 8 * 2**20, 12.0, 32),
            memory("L1", 8 * 2**17, 6.0, 64),
            Fanout(name="array", axes=(FanoutAxis(name="X", size=16), FanoutAxis(name="Y", size=16))),
            memory("RF", 8 * 512, 1.0, inf),
            Unit(name="MAC", energy_pj=1.0),
        ),
    )


def template() -> BatchTemplate:
    """Every dim at every memory, k and c in space: 4 * 7 + 2 = 30 loops, 12 Holds."""
    nodes: list[Loop | Hold | Compute] = []
    for level in ("DRAM", "L2", "L1", "RF"):
        if level == "RF":
            nodes += [Loop("k", 1, "array", "X"), Loop("c", 1, "array", "Y")]
        nodes += [Hold((name,), level) for name in TENSORS]
        nodes += [Loop(d, 1) for d in DIMS]
    return compile_template(convolution(), chip(), MappingTree((*nodes, Compute("MAC"))))


def candidates(compiled: BatchTemplate, n: int) -> npt.NDArray[np.int64]:
    """Every prime factor of every dim goes to a random loop over that dim."""
    random = np.random.default_rng(0)
    factors = np.ones((n, len(compiled.loops)), dtype=np.int64)
    for dim, extent in DIMS.items():
        own = [k for k, loop in enumerate(compiled.loops) if loop.dim == dim]
        prime = 2
        while extent > 1:
            if extent % prime:
                prime += 1
                continue
            extent //= prime
            factors[np.arange(n), random.choice(own, size=n)] *= prime
    return factors


def main(flags: Sequence[str] = (), n: int = 200_000, few: int = 20) -> Iterator[str]:
    compiled = template()
    factors = candidates(compiled, n)
    evaluate_batch(compiled, factors[:64])
    best = inf
    for _ in range(5):
        start = process_time()
        cost = evaluate_batch(compiled, factors)
        best = min(best, process_time() - start)
    rate = n / best
    start = process_time()
    twin = evaluate_batch_reference(compiled, factors[:few])
    slow = few / (process_time() - start)
    assert np.array_equal(twin.valid, cost.valid[:few])
    yield (f"loops {len(compiled.loops)}, operations {len(compiled.code)}, slots {compiled.slots}")
    yield (f"valid candidates {cost.valid.mean():.1%}")
    verdict = "reached" if rate >= GOAL else "MISSED"
    yield f"batch kernel {rate:,.0f} evaluations per CPU second, goal {GOAL:,} {verdict}"
    yield f"slow twin {slow:,.0f} evaluations per CPU second, ratio {rate / slow:,.0f}x"
