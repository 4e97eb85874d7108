"""The scratch record of the compiled form of ZigZag's model, made once per search."""

from __future__ import annotations

from typing import Any

import numpy as np

from tileloom.cost.kernels.zigzag_program import (
    MAX_ACTIVITIES,
    MAX_DIMS,
    MAX_HALOS,
    MAX_LEVELS,
    MAX_MEMORIES,
    MAX_OPERANDS,
)

MAX_FACTORS = 64

_OM, _OL = (MAX_OPERANDS, MAX_LEVELS), (MAX_OPERANDS, MAX_LEVELS + 2)
_WAYS = (*_OM, 4)
_LINE = (MAX_ACTIVITIES + 2,)
_SLICE = (MAX_OPERANDS, MAX_FACTORS + 2)
WORK = np.dtype(
    [
        ("merged", np.int64, _OM),
        ("held", np.float64, (2, *_OL)),
        ("cycles", np.int64, _OL),
        ("product", np.float64, (MAX_DIMS,)),
        ("extents", np.float64, (MAX_HALOS,)),
        ("share", np.float64, (MAX_MEMORIES,)),
        ("own", np.float64, _OL),
        ("buffered", np.int64, _OL),
        ("real", np.int64, _WAYS),
        ("allowed", np.int64, _WAYS),
        ("period", np.int64, _WAYS),
        ("count", np.int64, _WAYS),
        ("left", np.float64, _WAYS),
        ("visited", np.int64, _WAYS),
        ("sort_period", np.int64, _LINE),
        ("sort_allowed", np.int64, _LINE),
        ("sort_count", np.int64, _LINE),
        ("free", np.int64, _LINE),
        ("inside", np.int64, _LINE),
        ("parts", np.float64, (MAX_OPERANDS, 3)),
        ("latency", np.float64, (4,)),
        ("cut", np.int64, _OM),
        ("products", np.float64, (MAX_OPERANDS, MAX_DIMS)),
        ("trial", np.float64, (MAX_DIMS,)),
        ("foot", np.float64, _SLICE),
        ("reuse", np.float64, _SLICE),
        ("fitting", np.int64, (MAX_OPERANDS,)),
        ("first", np.int64, (MAX_OPERANDS,)),
        ("starts", np.int64, (MAX_OPERANDS,)),
        ("pick", np.int64, (MAX_OPERANDS,)),
        ("chosen", np.int64, (MAX_OPERANDS,)),
    ],
    align=True,
)
"""What one evaluation leaves behind, by the names of zigzag_cost.py; from `cut` on, of the allocation in search/zigzag/orders.py."""


def make_work() -> Any:
    return np.zeros(1, WORK)[0]
