"""Working arrays of the compiled MAESTRO model, allocated once per call and outside of compiled code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tileloom.cost.kernels.maestro_cases import CASE, PREFIX
from tileloom.cost.kernels.maestro_states import SPREAD, STATE

FIRST_ROWS, MAX_ROWS = 4096, 1_000_000


def room(depth: int, most: int) -> tuple[object, ...]:
    """For schedules of at most `depth` levels and `most` directives a level.

    plan      states, lengths, spread, spatial directives per level, which directives are, places, later, codes, bits
    box       of enumerate_cases: live, picked, products, at_step, sums
    blocks    [d, code]: first and past-last case, bad, cases of the innermost level until the first counted one (0: none)
    active    [d, code]: PEs at work; then tiles, the extents that a level may see; runtimes[d, code]
    """

    def whole(*shape: int) -> npt.NDArray[np.int64]:
        return np.zeros(shape, np.int64)

    codes = 1 << most
    plan = (
        whole(depth, 2, most, 3, STATE),
        whole(depth, 2, most),
        whole(depth, 2, SPREAD),
        whole(depth),
        whole(depth, most),
        whole(depth, 3),
        whole(depth, 3),
        whole(depth, 2),
        whole(11),
    )
    box = whole(most), whole(most), whole(most + 1, PREFIX), whole(2, STATE), whole(3)
    return plan, box, whole(depth, codes, 4), np.zeros((depth, codes)), whole(2, 11), whole(depth, codes)


def rows(many: int) -> npt.NDArray[np.int64]:
    return np.empty((many, CASE), np.int64)
