"""Tiles that need not divide: the bounded search against every even cut, costed by the plain model."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import inf, prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.kernels.dmazerunner_arrays import minima
from tileloom.cost.models.dmazerunner.capacity import NO_FILTERS, valid
from tileloom.cost.models.dmazerunner.model import DmazerunnerModel
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.reference import method_costs
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.dmazerunner import ExecutionMethod, from_tree, method_of_loops, to_tree
from tileloom.search.dmazerunner.chains import chains
from tileloom.search.dmazerunner.full import GOALS, optimum, uneven_optimum
from tileloom.search.dmazerunner.mapper import DmazerunnerMapper
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer, conv_layer
from tileloom.workload.problem import Axis, Dim, Problem, Tensor


def every_cut(extent: int) -> set[tuple[int, int, int, int]]:
    """(DRAM, SPM, RF, SPATIAL) by trying all factors: evenly cut tiles, no idle iteration."""
    found = set()
    for dram, spm, space in product(range(1, extent + 1), repeat=3):
        held = -(-extent // dram)
        array = -(-held // spm)
        one = -(-array // space)
        if (dram, spm, space) == (-(-extent // held), -(-held // array), -(-array // one)):
            found.add((dram, spm, one, space))
    return found


@pytest.mark.parametrize("extent", [1, 2, 5, 7, 12, 13])
def test_chains_are_all_even_cuts(extent: int) -> None:
    listed = [(dram, spm, one, space) for space, one, _, spm, _, dram in chains(extent)]
    assert len(listed) == len(set(listed))
    assert set(listed) == every_cut(extent)


def brute_force(nest: Nest, chip: DmazeChip, pruning: Pruning) -> dict[str, float]:
    best = dict.fromkeys(GOALS, inf)
    for cut in product(*(sorted(every_cut(e)) for e in nest.extents)):
        dram, spm, rf, space = zip(*cut, strict=True)
        method = ExecutionMethod(loops=nest.loops, dram=dram, spm=spm, rf=rf, spatial=space)
        if valid(nest, chip, method, pruning):
            continue
        costs = method_costs(nest, chip, method, faithful=False)
        for goal in GOALS:
            pair = costs.best(goal)[2]
            best[goal] = min(best[goal], {"energy": pair.energy_pj, "latency": pair.cycles, "edp": pair.edp}[goal])
    return best


LAYERS = (
    DmazeLayer(name="g", kind="GEMM", extents=(2, 5, 3)),
    DmazeLayer(name="h", kind="GEMM", extents=(1, 3, 7)),
    conv_layer("c", "CONV", 1, (1, 2), (5, 3), (3, 3), (2, 2), (0, 0), square=False),
    conv_layer("d", "DW_CONV", 1, (1, 3), (4, 4), (2, 2), (1, 1), (0, 0)),
)


@settings(deadline=None, max_examples=4)
@given(
    st.sampled_from(LAYERS),
    st.sampled_from([4, 5]),
    st.sampled_from([8, 20]),
    st.sampled_from([0.1, 200.0]),
    st.sampled_from([NO_FILTERS, Pruning(no_spatial_reduction=True, no_feature_dram=True), Pruning(pe=0.6, spm=0.1)]),
)
def test_the_optimum_is_that_of_all_cuts(
    layer: DmazeLayer, pes: int, registers: int, dram: float, pruning: Pruning
) -> None:
    nest = Nest.of(layer.problem())
    chip = DmazeChip(cgra_size=pes, rf_elements=registers, spm_banks=12, bank_bytes=16, dram_energy=dram)
    expected = brute_force(nest, chip, pruning)
    for goal in GOALS:
        found = uneven_optimum(nest, chip, goal, pruning)
        assert found.proven
        assert (found.best.value if found.best else inf) == pytest.approx(expected[goal], rel=1e-12)
        even = optimum(nest, chip, goal, pruning, faithful=False)
        assert found.best is None or even.best is None or found.best.value <= even.best.value
        # Nothing is below the best, and no bound is above it.
        if found.best is not None:
            assert not valid(nest, chip, found.best.method, pruning)
            assert uneven_optimum(nest, chip, goal, pruning, known=found.best.value).best is None
            assert found.floor <= found.best.value


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Small layers of every kind the bounds tell apart: strided and dilated windows, depthwise, one input, a loop that two
    operands lack."""
    few, some = st.sampled_from([1, 2, 3]), st.sampled_from([2, 3, 5, 7])
    kind = draw(st.sampled_from(["GEMM", "CONV", "DW_CONV", "dilated", "sum", "shared"]))
    if kind == "GEMM":
        return DmazeLayer(name="g", kind="GEMM", extents=(draw(few), draw(some), draw(some))).problem()
    if kind in ("CONV", "DW_CONV"):
        window, channels = draw(few), (draw(few) if kind == "CONV" else 1, draw(few))
        size, stride = (window + draw(few), window + draw(few)), (draw(few), draw(few))
        return conv_layer("c", kind, 1, channels, size, (window, 1), stride, (0, 0), square=False).problem()  # type: ignore[arg-type]
    if kind == "sum":
        return _problem({"m": draw(some), "k": draw(some)}, {"O": "m", "I": "mk"})
    if kind == "shared":
        return _problem({"h": draw(few), "m": draw(some), "k": draw(few)}, {"O": "m", "I": "mk", "W": "hk"})
    plain = _problem({"m": draw(few), "x": draw(some), "r": draw(few)}, {"O": "mx", "I": "x", "W": "mr"})
    sliding = Axis((("x", draw(few)), ("r", draw(few))))
    return replace(plain, tensors=tuple(replace(t, axes=(sliding,)) if t.name == "I" else t for t in plain.tensors))


def _problem(sizes: dict[str, int], names: dict[str, str]) -> Problem:
    tensors = (
        Tensor(t, "output" if t == "O" else "input", tuple(Axis(((d, 1),)) for d in dims)) for t, dims in names.items()
    )
    return Problem("p", tuple(Dim(d, e) for d, e in sizes.items()), tuple(tensors))


@settings(deadline=None, max_examples=12)
@given(
    problems(),
    st.sampled_from([3, 5, 8]),
    st.sampled_from([8, 13, 40]),
    st.sampled_from([0, 5, 291]),
    st.sampled_from([0.1, 200.0]),
    st.sampled_from([0, 2, 9]),
    st.integers(1, 200),
)
def test_bounds_never_cut_off_the_best(
    problem: Problem, pes: int, registers: int, start: int, dram: float, network: float, steps: int
) -> None:
    nest = Nest.of(problem)
    cuts = [chains(e) for e in nest.extents]
    assume(prod(len(c) for c in cuts) <= 3000)
    chip = DmazeChip(cgra_size=pes, rf_elements=registers, spm_banks=12, bank_bytes=16, dma_init_cycles=start,
                     dram_energy=dram, communication_energy=network)  # fmt: skip
    best = dict.fromkeys(GOALS, inf)
    for cut in product(*cuts):
        space, rf, _, spm, _, outer = zip(*cut, strict=True)
        method = ExecutionMethod(loops=nest.loops, dram=outer, spm=spm, rf=rf, spatial=space)
        if not valid(nest, chip, method):
            values = minima(nest, chip, method, faithful=False).values
            best = {g: min(best[g], v) for g, v in zip(GOALS, values, strict=True)}
    for goal in GOALS:
        found = uneven_optimum(nest, chip, goal)
        assert (found.best.value if found.best else inf) == best[goal]
        assert found == uneven_optimum(nest, chip, goal)
        stopped = uneven_optimum(nest, chip, goal, most_steps=steps)
        assert stopped.floor <= best[goal]


def test_least_energy_of_a_real_layer_is_proven() -> None:
    """conv5_2: found with a bound so close that little is looked at, and costed the same by the plain model."""
    nest, chip = Nest.of(RESNET[5].problem()), DmazeChip()
    found = uneven_optimum(nest, chip, "energy", known=2.593e9, most_steps=1_000_000)
    assert found.proven
    assert found.best is not None
    assert found.best.value == 2553474961
    pair = method_costs(nest, chip, found.best.method, faithful=False).best("energy")[2]
    assert pair.energy_pj == found.best.value


def test_seven_on_four_pes_beats_every_divisor() -> None:
    """Seven rows on four PEs: two rows each in 2 * 1 steps; divisors of seven leave one PE at work or need seven."""
    layer = DmazeLayer(name="g", kind="GEMM", extents=(7, 1, 1))
    chip = DmazeChip(cgra_size=4, rf_elements=8, dma_init_cycles=0, dma_cycles_per_byte=0)
    nest = Nest.of(layer.problem())
    even, uneven = (f(nest, chip, "latency") for f in (lambda *a: optimum(*a, faithful=False), uneven_optimum))
    assert even.best is not None and uneven.best is not None
    assert uneven.best.value <= even.best.value
    method = method_of_loops({"X": [1, 1, 2, 4], "Y": [1] * 4, "K": [1] * 4}, nest_extents(nest), imperfect=True)
    assert method.tiles(nest.extents)[2][0] == 2


def nest_extents(nest: Nest) -> dict[str, int]:
    return dict(zip(nest.loops, nest.extents, strict=True))


def test_the_mapper_gives_a_legal_tree_with_its_cost() -> None:
    problem = DmazeLayer(name="g", kind="GEMM", extents=(13, 7, 11)).problem()
    options = DmazeChip(cgra_size=16, rf_elements=24, spm_banks=8, bank_bytes=64)
    chip, model = options.architecture(), DmazerunnerModel(options=options)
    result = DmazerunnerMapper(model=model, imperfect=True).search(problem, chip, "edp")
    even = DmazerunnerMapper(model=model).search(problem, chip, "edp")
    assert (result.status, even.status) == ("optimal", "optimal")
    assert result.value < even.value
    assert result.mapping is not None and result.cost is not None
    assert not [d for d in check_mapping(problem, chip, result.mapping) if d.severity == "error"]
    again = model.evaluate(problem, chip, result.mapping)
    assert (again.energy_pj, again.cycles) == (result.cost.energy_pj, result.cost.cycles)
    assert again.macs == 13 * 7 * 11
    recovered = from_tree(result.mapping, problem, chip)
    assert to_tree(recovered.method, problem, chip).mapping == result.mapping
    with pytest.raises(UnsupportedError, match="divide only"):
        DmazerunnerModel(mode="faithful", options=options).evaluate(problem, chip, result.mapping)
    with pytest.raises(UnsupportedError, match="mode=corrected"):
        DmazerunnerMapper(model=DmazerunnerModel(mode="faithful"), imperfect=True).search(problem, chip, "edp")
    stopped = DmazerunnerMapper(model=model, imperfect=True, max_steps=10).search(problem, chip, "edp")
    assert stopped.status == "stopped"
    assert 0 < stopped.lower_bound < result.value


def test_factors_with_idle_iterations_are_refused() -> None:
    with pytest.raises(InputError, match="trip count is 7"):
        method_of_loops({"X": [1, 1, 2, 4]}, {"X": 7})
    with pytest.raises(InputError, match="trip count is 7"):
        method_of_loops({"X": [1, 1, 3, 4]}, {"X": 7}, imperfect=True)
