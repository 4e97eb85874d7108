"""Scratch arrays of the compiled form of ZigZag's model, made once per search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileloom.cost.kernels.zigzag_program import Floats, Ints, Program


class Work(NamedTuple):
    """What one evaluation leaves behind; the names are those of zigzag.py."""

    merged: Ints
    held: Floats
    cycles: Ints
    product: Floats
    extents: Floats
    share: Floats
    own: Floats
    buffered: Ints
    real: Ints
    allowed: Ints
    period: Ints
    count: Ints
    left: Floats
    visited: Ints
    sort_period: Ints
    sort_allowed: Ints
    sort_count: Ints
    free: Ints
    inside: Ints
    parts: Floats
    latency: Floats


def make_work(program: Program) -> Work:
    count, dims = program.kind.shape
    deep = program.room.shape[1]
    ways = (count, deep, 4)
    line = 4 * count + 2

    def ints(*shape: int) -> NDArray[np.int64]:
        return np.zeros(shape, np.int64)

    return Work(
        merged=ints(count, deep),
        held=np.zeros((2, count, deep + 1)),
        cycles=ints(count, deep + 1),
        product=np.ones(dims),
        extents=np.ones(program.halo.shape[1]),
        share=np.zeros(len(program.capacity)),
        own=np.zeros((count, deep + 1)),
        buffered=ints(count, deep + 1),
        real=ints(*ways),
        allowed=ints(*ways),
        period=ints(*ways),
        count=ints(*ways),
        left=np.zeros(ways),
        visited=ints(*ways),
        sort_period=ints(line),
        sort_allowed=ints(line),
        sort_count=ints(line),
        free=ints(line),
        inside=ints(line),
        parts=np.zeros((count, 3)),
        latency=np.zeros(4),
    )
