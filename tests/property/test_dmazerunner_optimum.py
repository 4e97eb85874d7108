"""The bounded search finds the same best value as looking at every method: random layers, chips, filters, both modes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.search.dmazerunner.full import GOALS, explore, optimum
from tileloom.workload.frontends.dmazerunner import DmazeLayer, conv_layer
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

SMALL = st.sampled_from([1, 2, 3, 4])


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    kind = draw(st.sampled_from(["GEMM", "CONV", "DW_CONV", "grouped"]))
    if kind == "GEMM":
        extents = tuple(draw(st.sampled_from([1, 2, 4, 6, 8, 12])) for _ in range(3))
        return DmazeLayer(name="g", kind="GEMM", extents=extents).problem()
    if kind == "grouped":
        # A vector added over heads: loop h is lacking in two operands, so bounds are the weak ones.
        sizes = {"h": draw(SMALL), "m": draw(SMALL), "k": draw(SMALL)}
        names = {"O": "m", "I": "mk", "W": "hk"}
        tensors = tuple(
            Tensor(t, "output" if t == "O" else "input", tuple(Axis(((d, 1),)) for d in dims))
            for t, dims in names.items()
        )
        return Problem("e", tuple(Dim(d, e) for d, e in sizes.items()), tensors)
    kernel, stride, size = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(3, 6))
    channels = (draw(SMALL) if kind == "CONV" else 1, draw(SMALL))
    square = (kernel,) * 2, (stride,) * 2, (0, 0)
    return conv_layer("c", kind, draw(st.integers(1, 2)), channels, (size, size), *square).problem()  # type: ignore[arg-type]


@settings(deadline=None, max_examples=40)
@given(
    problems(),
    st.sampled_from([4, 6]),
    st.sampled_from([8, 20, 64]),
    st.sampled_from([0, 5, 291]),
    st.sampled_from([0.1, 200.0]),
    st.booleans(),
    st.booleans(),
)
def test_optimum_equals_exhaustion(
    problem: Problem, pes: int, registers: int, start: int, dram: float, faithful: bool, narrow: bool
) -> None:
    nest = Nest.of(problem)
    chip = DmazeChip(
        cgra_size=pes, rf_elements=registers, spm_banks=16, bank_bytes=16, dma_init_cycles=start, dram_energy=dram
    )
    pruning = Pruning(no_spatial_reduction=True, no_feature_dram=True) if narrow else Pruning()
    whole = explore(nest, chip, pruning, faithful=faithful)
    for goal in GOALS:
        proven = optimum(nest, chip, goal, pruning, faithful=faithful)
        assert (proven.best is None) == (whole.best is None)
        if proven.best is not None and whole.best is not None:
            assert proven.best.value == whole.best[goal].value
            assert proven.evaluated <= whole.methods
            # Nothing is below the best.
            assert optimum(nest, chip, goal, pruning, faithful=faithful, known=proven.best.value).best is None


@pytest.mark.parametrize("goal", GOALS)
def test_few_methods_are_looked_at(goal: str) -> None:
    nest = Nest.of(DmazeLayer(name="g", kind="GEMM", extents=(32, 32, 32)).problem())
    whole = explore(nest, DmazeChip())
    proven = optimum(nest, DmazeChip(), goal)
    assert whole.best is not None
    assert proven.best is not None
    assert proven.best.value == whole.best[goal].value
    assert proven.evaluated * 5 < whole.methods
