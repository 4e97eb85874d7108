"""The contractions of Union's algorithm study, every index of one size. Facts: expressions from the TCCG benchmark.

Expressions: HPAC/tccg 4ce1be9 (families intensli and ccsd), which Jeong et al., PACT 2021 (arXiv 2109.07419) take from;
which three and the sizes 16, 32 and 64 are as recalled of that paper, not verified.
"""

from __future__ import annotations

from tileloom.core.errors import InputError, did_you_mean
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.problem import Problem

CONTRACTIONS = {
    "intensli2": "abcd-dbea-ec",
    "ccsd7": "abc-adec-ebd",
    "ccsd-t4": "abcdef-dfgb-geac",
}
"""Name -> indices of the output, the first and the second operand."""
SIZES = (16, 32, 64)


def case_study(name: str, size: int) -> Problem:
    """'ccsd7' with every index of that extent. InputError names the nearest contraction."""
    if name not in CONTRACTIONS:
        raise InputError(
            f"no contraction '{name}'{did_you_mean(name, CONTRACTIONS)}; there are: {', '.join(CONTRACTIONS)}"
        )
    expression = CONTRACTIONS[name]
    return parse_einsum(expression, dict.fromkeys(sorted(set(expression) - {"-"}), size), name=f"{name}-{size}")
