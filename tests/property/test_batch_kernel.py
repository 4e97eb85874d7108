"""The batch kernel, its slow twin and the loopnest model agree on random templates and random trip counts."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt
import pytest

from nests import random_architecture, random_mapping, random_problem
from tileloom.core.errors import InputError
from tileloom.cost.counts import count
from tileloom.cost.kernels.batch import evaluate_batch, run_program
from tileloom.cost.kernels.batch_reference import evaluate_batch_reference, fits
from tileloom.cost.kernels.template import BatchTemplate, compile_template, factors_of, mapping_of
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.workload.problem import Axis, Dim, Problem, Tensor


def random_template(random: Random, *, detail: bool = True) -> BatchTemplate:
    problem = random_problem(random, points=400)
    architecture = random_architecture(random, problem)
    return compile_template(
        problem, architecture, random_mapping(random, problem, architecture, perfect=True), detail=detail
    )


def random_factors(random: Random, template: BatchTemplate, n: int) -> npt.NDArray[np.int64]:
    """Trip counts that cover the problem, most of the time."""
    factors = np.ones((n, len(template.loops)), dtype=np.int64)
    for row in factors:
        for dim, extent in template.problem.extents.items():
            own = [k for k, loop in enumerate(template.loops) if loop.dim == dim]
            for k in random.sample(own, len(own)):
                row[k] = random.choice([f for f in range(1, extent + 1) if extent % f == 0])
                extent //= int(row[k])
            if own and random.random() < 0.9:
                row[own[-1]] *= extent
    return factors


def assert_equal(template: BatchTemplate, factors: npt.NDArray[np.int64]) -> int:
    fast, slow = evaluate_batch(template, factors), evaluate_batch_reference(template, factors)
    np.testing.assert_array_equal(fast.valid, slow.valid)
    np.testing.assert_allclose(fast.energy_pj, slow.energy_pj, rtol=1e-12)
    np.testing.assert_allclose(fast.cycles, slow.cycles, rtol=1e-12)
    np.testing.assert_array_equal(fast.reads[fast.valid], slow.reads[fast.valid])
    np.testing.assert_array_equal(fast.writes[fast.valid], slow.writes[fast.valid])
    return int(fast.valid.sum())


def test_kernel_equals_its_twin_on_random_templates() -> None:
    valid = total = 0
    for seed in range(150):
        random = Random(seed)
        template = random_template(random)
        factors = random_factors(random, template, 4)
        valid, total = valid + assert_equal(template, factors), total + len(factors)
    assert 0.1 * total < valid < 0.9 * total


def test_the_twin_is_the_model() -> None:
    random = Random(5)
    for _ in range(20):
        template = random_template(random, detail=False)
        factors = random_factors(random, template, 1)
        batch = evaluate_batch_reference(template, factors)
        if batch.valid[0]:
            mapping = mapping_of(template, factors[0])
            cost = LoopnestModel().evaluate(template.problem, template.architecture, mapping)
            assert (batch.energy_pj[0], batch.cycles[0]) == (cost.energy_pj, cost.cycles)
            assert fits(template.problem, template.architecture, mapping)


def test_blocks_of_any_length_give_the_same() -> None:
    random = Random(11)
    template = random_template(random)
    factors = random_factors(random, template, 150)
    whole = evaluate_batch(template, factors)
    for n in (0, 1, 63, 64, 65):
        part = evaluate_batch(template, factors[:n])
        np.testing.assert_array_equal(part.energy_pj, whole.energy_pj[:n])
        np.testing.assert_array_equal(part.valid, whole.valid[:n])


def test_kernel_without_compilation_gives_the_same() -> None:
    random = Random(3)
    template = random_template(random)
    factors = random_factors(random, template, 40)
    compiled = np.empty((len(template.outputs), 40))
    plain = np.empty_like(compiled)
    arguments = (template.code, template.constants, template.outputs, factors, np.zeros((template.slots, 16)))
    run_program(*arguments, compiled)
    run_program.py_func(*arguments, plain)
    np.testing.assert_allclose(plain, compiled, rtol=1e-14)


def test_tiles_become_trip_counts_and_a_tile_that_does_not_divide_is_not_valid() -> None:
    random = Random(2)
    template = random_template(random)
    factors = random_factors(random, template, 20)
    for row in factors:
        mapping = mapping_of(template, row)
        tiles = np.array([[loop.tile for loop in mapping.loops]], dtype=np.int64)
        if all(
            np.prod(row[[k for k, lp in enumerate(template.loops) if lp.dim == d]]) == n
            for d, n in template.problem.extents.items()
        ):
            np.testing.assert_array_equal(factors_of(template, tiles)[0], row)
            assert count(template.problem, template.architecture, mapping).macs == template.problem.macs
    tiles[0, :] = 0
    assert not evaluate_batch(template, factors_of(template, tiles)).valid[0]
    assert not evaluate_batch(template, -np.abs(factors)).valid.any()


def test_wrong_shapes_and_counts_beyond_float64_are_refused() -> None:
    template = random_template(Random(1))
    with pytest.raises(InputError, match=r"int64\[n, \d+\]"):
        evaluate_batch(template, np.ones((2, len(template.loops) + 1), dtype=np.int64))
    with pytest.raises(InputError, match="float64"):
        evaluate_batch(template, np.ones((2, len(template.loops)), dtype=np.float64))  # type: ignore[arg-type]
    wide = 2**20
    tensors = tuple(
        Tensor(n, r, (Axis(((a, 1),)), Axis(((b, 1),))))
        for n, r, a, b in (("A", "input", "m", "k"), ("B", "weight", "k", "n"), ("Z", "output", "m", "n"))
    )
    huge = Problem("huge", tuple(Dim(d, wide) for d in "mnk"), tensors)
    with pytest.raises(InputError, match="exact below"):
        compile_template(huge, template.architecture, template.mapping)
