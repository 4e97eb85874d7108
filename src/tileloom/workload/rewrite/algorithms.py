"""The algorithms by name, as commands take them, and which of them a problem may be computed with."""

from __future__ import annotations

from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.base import Algorithm, Refusal, Rewrite
from tileloom.workload.rewrite.im2col import Im2col
from tileloom.workload.rewrite.ttgt import Ttgt


class Native:
    """The problem as it is."""

    def accepts(self, problem: Problem) -> Refusal | None:
        return None

    def apply(self, problem: Problem) -> Rewrite:
        return Rewrite("native", "", problem, problem)


ALGORITHMS: dict[str, Algorithm] = {
    "native": Native(),
    "ttgt": Ttgt(),
    "ttgt-comet": Ttgt("comet"),
    "im2col": Im2col(),
    "im2col-gather": Im2col("gather"),
    "im2col-implicit": Im2col("implicit"),
}


def algorithm(name: str, candidate: int | None = None) -> Algorithm:
    """By name; `candidate`: COMET's n-th choice of layouts (ttgt-comet only)."""
    if name not in ALGORITHMS:
        raise InputError(f"no algorithm '{name}'{did_you_mean(name, ALGORITHMS)}; there are: {', '.join(ALGORITHMS)}")
    if candidate is not None and name != "ttgt-comet":
        raise InputError(f"algorithm '{name}' has no candidates to choose from; take ttgt-comet")
    return ALGORITHMS[name] if candidate is None else Ttgt("comet", candidate)


def rewrite(problem: Problem, name: str = "native", candidate: int | None = None) -> Rewrite:
    """The problem under an algorithm. UnsupportedError says why it is not taken and which algorithms take it."""
    chosen = algorithm(name, candidate)
    refused = chosen.accepts(problem)
    if refused is not None:
        taking = ", ".join(n for n, a in ALGORITHMS.items() if a.accepts(problem) is None)
        raise UnsupportedError(f"'{problem.name}' cannot be rewritten with {name}: {refused}; it takes: {taking}")
    return chosen.apply(problem)


def rewrites(problem: Problem) -> tuple[Rewrite, ...]:
    """The problem under every algorithm that takes it, native first; the two rules of TTGT once where they agree."""
    found = [a.apply(problem) for a in ALGORITHMS.values() if a.accepts(problem) is None]
    distinct: list[Rewrite] = []
    for r in found:
        if not any(
            (r.algorithm, r.problem, r.moves, r.groups) == (d.algorithm, d.problem, d.moves, d.groups) for d in distinct
        ):
            distinct.append(r)
    return tuple(distinct)
