"""The compiled dMazeRunner model equals its slow twin on random layers, chips and mappings."""

from __future__ import annotations

from math import prod
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.cost.kernels.dmazerunner_arrays import minima
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.reference import method_costs
from tileloom.mapping.notation.dmazerunner import ExecutionMethod
from tileloom.workload.problem import Axis, Dim, Problem, Tensor


def split(extent: int, rng: Random) -> tuple[int, int, int, int]:
    four, prime = [1, 1, 1, 1], 2
    while extent > 1:
        if extent % prime:
            prime += 1
            continue
        extent //= prime
        four[rng.randrange(4)] *= prime
    return four[0], four[1], four[2], four[3]


@st.composite
def grouped_convolutions(draw: st.DrawFn) -> Problem:
    """Rectangular, grouped, strided and dilated, stored wider than touched."""
    extents = {d: draw(st.sampled_from([1, 2, 3, 4, 6, 8])) for d in "gnmcpqrs"}
    s, d, slack = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
    high = s * (extents["p"] - 1) + d * (extents["r"] - 1) + 1 + slack

    def axes(names: str) -> tuple[Axis, ...]:
        return tuple(Axis(((n, 1),)) for n in names)

    rows, columns = Axis((("p", s), ("r", d)), extent=high), Axis((("q", 1), ("s", d)))
    tensors = (
        Tensor("O", "output", axes("gnmpq")),
        Tensor("I", "input", (*axes("gnc"), rows, columns)),
        Tensor("W", "weight", axes("gmcrs")),
    )
    return Problem("conv", tuple(Dim(n, e) for n, e in extents.items()), tensors)


@settings(deadline=None, max_examples=60)
@given(grouped_convolutions(), st.integers(0, 2**20), st.booleans())
def test_fast_equals_slow(problem: Problem, seed: int, faithful: bool) -> None:
    nest, rng = Nest.of(problem), Random(seed)
    columns = list(zip(*(split(e, rng) for e in nest.extents), strict=True))
    method = ExecutionMethod(loops=nest.loops, dram=columns[0], spm=columns[1], rf=columns[2], spatial=columns[3])
    chip = DmazeChip(dma_init_cycles=rng.choice([0, 10, 291]), spm_energy=rng.choice([0.0, 13.5]), dma_frequency=500)
    slow, fast = method_costs(nest, chip, method, faithful=faithful), minima(nest, chip, method, faithful=faithful)
    assert fast.values[0] == slow.best("energy")[2].energy_pj
    assert fast.values[1] == slow.best("latency")[2].cycles
    assert fast.values[2] == slow.best("edp")[2].edp
    assert slow.best("latency")[2].cycles >= nest.macs / prod(method.spatial)
