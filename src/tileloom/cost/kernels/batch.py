"""Cost of many candidates of one template at once: a small vector machine that numba compiles.

Candidates go through in blocks whose working set stays in the first-level cache. What is computed is decided in
template.py; what it means is defined by batch_reference.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from tileloom.core.errors import InputError
from tileloom.cost.kernels.program import (
    AFFINE,
    AND_AT_MOST,
    AND_EQUAL,
    AXPY,
    CONSTANT,
    MAXIMUM,
    MULTIPLY,
    SELECT,
    SUBTRACT,
)
from tileloom.cost.kernels.template import BatchTemplate

BLOCK = 64
"""Candidates per block: 64 * 8 bytes * about 60 slots stay in a first-level cache of 32 KiB."""


@dataclass(frozen=True, slots=True)
class BatchCost:
    """Of n candidates: energy_pj float64[n], cycles float64[n] (both inf where not valid), valid bool[n].

    reads, writes  float64[n, rows] values per memory and tensor, in the order of `template.rows`; 0 columns without
    detail, and meaningless where not valid
    """

    energy_pj: npt.NDArray[np.float64]
    cycles: npt.NDArray[np.float64]
    valid: npt.NDArray[np.bool_]
    reads: npt.NDArray[np.float64]
    writes: npt.NDArray[np.float64]


def evaluate_batch(template: BatchTemplate, factors: npt.NDArray[np.int64]) -> BatchCost:
    """Evaluate candidates.

    factors  int64[n, loops], trip counts in the order of `template.loops` (`factors_of` makes them from tiles)
    Raises InputError for another shape or dtype.
    """
    if factors.ndim != 2 or factors.shape[1] != len(template.loops) or factors.dtype != np.int64:
        raise InputError(
            f"factors must be int64[n, {len(template.loops)}] for this template, got {factors.dtype}{factors.shape}"
        )
    out = np.empty((len(template.outputs), len(factors)), dtype=np.float64)
    run_program(template.code, template.constants, template.outputs, factors, np.zeros((template.slots, BLOCK)), out)
    return BatchCost(out[0], out[1], out[2] != 0.0, out[3::2].T, out[4::2].T)


@njit(cache=True, nogil=True)
def run_program(code, constants, outputs, factors, work, out):  # type: ignore[no-untyped-def]
    """Run a program on every candidate.

    code int64[steps, 5], constants float64[steps, 2], outputs int64[m] (see BatchTemplate), factors int64[n, loops],
    work float64[slots, block]: scratch, out float64[m, n]: filled; out[0] and out[1] are inf where out[2], validity, is 0.
    """
    n, loops = factors.shape
    # The block length stays a run-time value: loops of known length are unrolled before they can be vectorised.
    lanes = work.shape[1]
    for start in range(0, n, lanes):
        width = min(lanes, n - start)
        positive = True
        for j in range(width):
            for loop in range(loops):
                factor = factors[start + j, loop]
                positive &= factor > 0
                work[loop, j] = factor
        for step in range(code.shape[0]):
            operation = code[step, 0]
            result = work[code[step, 1]]
            a = work[code[step, 2]]
            b = work[code[step, 3]]
            mask = work[code[step, 4]]
            c = constants[step, 0]
            k = constants[step, 1]
            if operation == MULTIPLY:
                for j in range(lanes):
                    result[j] = a[j] * b[j]
            elif operation == AXPY:
                for j in range(lanes):
                    result[j] = c * a[j] + b[j]
            elif operation == AFFINE:
                for j in range(lanes):
                    result[j] = c * a[j] + k
            elif operation == SUBTRACT:
                for j in range(lanes):
                    result[j] = a[j] - b[j]
            elif operation == MAXIMUM:
                for j in range(lanes):
                    result[j] = a[j] if a[j] > b[j] else b[j]
            elif operation == AND_EQUAL:
                for j in range(lanes):
                    result[j] = mask[j] if a[j] == c else 0.0
            elif operation == AND_AT_MOST:
                for j in range(lanes):
                    result[j] = mask[j] if a[j] <= c else 0.0
            elif operation == SELECT:
                for j in range(lanes):
                    result[j] = a[j] if mask[j] != 0.0 else b[j]
            elif operation == CONSTANT:
                for j in range(lanes):
                    result[j] = k
        for m in range(outputs.shape[0]):
            for j in range(width):
                out[m, start + j] = work[outputs[m], j]
        for j in range(width):
            if not positive:
                for loop in range(loops):
                    if factors[start + j, loop] < 1:
                        out[2, start + j] = 0.0
            if out[2, start + j] == 0.0:
                out[0, start + j] = np.inf
                out[1, start + j] = np.inf
