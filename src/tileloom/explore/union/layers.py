"""The layers of Union's mapping and hardware studies, as recalled of the paper. Facts; no file of the original exists.

Source: Jeong et al., PACT 2021 (arXiv 2109.07419); the same list is printed in other work of its authors.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.core.errors import InputError, did_you_mean
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem

RESNET = {"resnet50-1": (64, 64, 56, 1), "resnet50-2": (64, 64, 56, 3), "resnet50-3": (512, 1024, 14, 1)}
"""Name -> output and input channels, output rows and columns, filter; batch 32, stride 1, padded to keep the size."""
PRODUCTS = {
    "dlrm-1": (512, 1024, 1024), "dlrm-2": (512, 64, 1024), "dlrm-3": (512, 2048, 2048),
    "bert-1": (256, 768, 768), "bert-2": (256, 768, 3072), "bert-3": (256, 3072, 768),
}  # fmt: skip
"""Name -> batch, output and input features."""
NAMES = (*RESNET, *PRODUCTS)


def case_layer(name: str) -> Problem:
    """'bert-1' as a problem. InputError names the nearest layer."""
    if name in RESNET:
        k, c, size, r = RESNET[name]
        return conv2d(name, N=32, K=k, C=c, H=size, W=size, R=r, S=r, pad=r // 2)
    if name in PRODUCTS:
        m, n, k = PRODUCTS[name]
        return gemm(name, M=m, N=n, K=k)
    raise InputError(f"no layer '{name}'{did_you_mean(name, NAMES)}; there are: {', '.join(NAMES)}")


def case_layers(names: Sequence[str]) -> list[Problem]:
    """Several; all wrong names are told at once."""
    wrong = [f"no layer '{n}'{did_you_mean(n, NAMES)}" for n in names if n not in NAMES]
    if wrong:
        raise InputError([*wrong, f"there are: {', '.join(NAMES)}"])
    return [case_layer(n) for n in names]
