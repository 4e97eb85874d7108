"""Runs problems on small arrays, and rewritten ones through their layouts: the proof that both give one result.

Slow and clear, one point at a time. Padding reads zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tileloom.core.errors import InputError
from tileloom.workload.problem import Problem, Tensor
from tileloom.workload.rewrite.base import Rewrite

MAX_POINTS = 2_000_000
Array: TypeAlias = "npt.NDArray[np.int64]"


def shape(problem: Problem, tensor: Tensor) -> tuple[int, ...]:
    """Elements along each axis that are touched, padding included (it is zero)."""
    return tuple(axis.span(problem.extents) for axis in tensor.axes)


def sample_arrays(problem: Problem, seed: int = 0) -> dict[str, Array]:
    """Small whole numbers for every input, zero where it is padding; equal for equal seeds."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for tensor in problem.inputs:
        values = rng.integers(-4, 5, size=shape(problem, tensor))
        for number, axis in enumerate(tensor.axes):
            edge: list[Any] = [slice(None)] * len(tensor.axes)
            for pad in (slice(0, axis.pad_lo), slice(values.shape[number] - axis.pad_hi, None)):
                edge[number] = pad
                values[tuple(edge)] = 0
        arrays[tensor.name] = values
    return arrays


def run(problem: Problem, arrays: Mapping[str, Array]) -> Array:
    """The output: at every point the product of the inputs is added."""
    _require_small(problem)
    out = np.zeros(shape(problem, problem.output), dtype=np.int64)
    for point in points(problem):
        out[index(problem.output, point)] += np.prod([arrays[t.name][index(t, point)] for t in problem.inputs])
    return out


def run_rewritten(rewrite: Rewrite, arrays: Mapping[str, Array]) -> Array:
    """The native output, computed by the rewritten problem: lay out the inputs, run it, bring the output back."""
    _require_small(rewrite.problem)
    if not rewrite.merges:
        return run(rewrite.problem, arrays)
    laid_out = {t.name: _laid_out(rewrite, t, arrays[t.name]) for t in rewrite.problem.inputs}
    result = run(rewrite.problem, laid_out)
    native = rewrite.native
    out = np.zeros(shape(native, native.output), dtype=np.int64)
    for place in product(*(range(n) for n in result.shape)):
        point = _point(rewrite.problem.output, place)
        out[index(native.output, rewrite.point_back(point))] = result[place]
    return out


def _laid_out(rewrite: Rewrite, tensor: Tensor, values: Array) -> Array:
    """The tensor as the rewritten problem reads it: each element found through the point it belongs to."""
    native = next(t for t in rewrite.native.inputs if t.name == tensor.name)
    out = np.zeros(shape(rewrite.problem, tensor), dtype=np.int64)
    for place in product(*(range(n) for n in out.shape)):
        point = _point(tensor, place)
        out[place] = values[index(native, rewrite.point_back(point))]
    return out


def _point(tensor: Tensor, place: tuple[int, ...]) -> dict[str, int]:
    return {axis.terms[0][0]: at for axis, at in zip(tensor.axes, place) if axis.terms}


def index(tensor: Tensor, point: Mapping[str, int]) -> tuple[int, ...]:
    """Where the point reads or writes the tensor; negative offsets are counted from the first touched position."""
    return tuple(sum(c * point[d] for d, c in axis.terms) for axis in tensor.axes)


def points(problem: Problem) -> Iterator[dict[str, int]]:
    names = list(problem.extents)
    for values in product(*(range(e) for e in problem.extents.values())):
        yield dict(zip(names, values))


def _require_small(problem: Problem) -> None:
    if problem.macs > MAX_POINTS:
        raise InputError(f"'{problem.name}' has {problem.macs} points; at most {MAX_POINTS} are run one by one")
