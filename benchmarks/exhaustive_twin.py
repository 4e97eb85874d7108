"""The optimal mapper against the exhaustive one on small spaces: same optimum, CPU time as a ratio, both in this run.

The exhaustive mapper costs every mapping (equal counts once), so it only ends on tiny problems; the ratio grows with the
space. Kernels compiled, tables empty.
"""

from __future__ import annotations

from collections.abc import Iterator

import tileloom as tl
from _measure import compile_kernels, cpu_seconds, forget
from tileloom.search.mappers.exhaustive import ExhaustiveMapper
from tileloom.search.mappers.optimal import OptimalMapper
from tileloom.search.objective import Objective

CASES: list[tuple[str, dict[str, int], Objective]] = [
    ("C[m, n] += A[m, k] * B[k, n]", {"m": 2, "n": 4, "k": 2}, "edp"),
    ("C[m, n] += A[m, k] * B[k, n]", {"m": 3, "n": 2, "k": 4}, "energy"),
    ("O[k, p] += I[c, p + r] * W[k, c, r]", {"k": 2, "p": 2, "c": 1, "r": 3}, "latency"),
]


def main() -> Iterator[str]:
    chip = tl.load_architecture("simple-2level")
    compile_kernels(tl.load_problem(CASES[0][0], sizes=CASES[0][1]), chip)
    for einsum, sizes, objective in CASES:
        problem = tl.load_problem(einsum, sizes=sizes)
        forget()
        fast, seconds = cpu_seconds(lambda p=problem, o=objective: OptimalMapper().search(p, chip, o))
        slow, twin = cpu_seconds(lambda p=problem, o=objective: ExhaustiveMapper().search(p, chip, o))
        same = abs(fast.value - slow.value) <= 1e-9 * abs(slow.value)
        yield (
            f"{einsum} ({', '.join(f'{k}={v}' for k, v in sizes.items())}) {objective}: {twin:.2f} s exhaustive, "
            f"{seconds:.4f} s optimal, {twin / seconds:.0f}x; optimum {'the same' if same else 'DIFFERS'}"
        )
