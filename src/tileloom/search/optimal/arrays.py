"""The flat arrays that cross into the compiled kernels, as named tuples (which the compiler understands)."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CostArrays(NamedTuple):
    """Sums of max(0, plus * column - minus * column): sum i has the terms forms[i] .. forms[i + 1] and offsets[i].

    Sum 0 is energy in pJ without leakage, the others are busy cycles of one component each; minus_at -1: no minus.
    """

    forms: Ints
    plus: Floats
    plus_at: Ints
    minus: Floats
    minus_at: Ints
    offsets: Floats
    leakage: float


class LimitArrays(NamedTuple):
    """low <= sum of coefficient * column <= high; limit i has the terms forms[i] .. forms[i + 1]."""

    forms: Ints
    coefficient: Floats
    at: Ints
    low: Floats
    high: Floats


class Goal(NamedTuple):
    """What a search minimises (kernels.ENERGY, LATENCY, EDP or FRONT) and where it may stop.

    slack        1 - gap: a branch is cut when its bound >= slack * incumbent
    energy_limit, cycle_limit   mappings above either are out (the other objective's value, for tie-breaking)
    node_limit   0 = none;  template: number stored with points of the front
    """

    objective: int
    slack: float = 1.0
    energy_limit: float = inf
    cycle_limit: float = inf
    node_limit: int = 0
    template: int = 0
