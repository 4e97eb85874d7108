"""LOMA: every order of the prime factors of the temporal loops, each operand's share of it allocated bottom-up.

The cost of a mapping is in cost/models/zigzag; the proven optimum is in optimum.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.cost.models.zigzag.result import ZigzagCost
from tileloom.mapping.notation.zigzag import ZigzagMapping

Objective = Literal["energy", "latency", "edp"]
Version = Literal["defines", "3.9"]
DEFAULT_LIMIT = 6


@dataclass(frozen=True)
class Found:
    """mapping and cost are None when nothing fits: `reason` says where.

    evaluated   orders looked at;  proven: no mapping with the same spatial part is better
    """

    mapping: ZigzagMapping | None
    cost: ZigzagCost | None
    evaluated: int
    proven: bool = False
    reason: str = ""

    @property
    def fits(self) -> bool:
        return self.cost is not None


def best_mapping(
    layer: ZigzagLayer,
    machine: ZigzagMachine,
    lpf_limit: int | None = DEFAULT_LIMIT,
    objective: Objective = "energy",
    *,
    version: Version = "defines",
    uneven: bool = True,
    faithful: bool = True,
) -> Found:
    """The best temporal mapping of a layer (or tile) on a machine (whole, or `machine.shrunk(tops)`).

    lpf_limit   most factors that are ordered; None: the proven optimum over all orders and allocations
    faithful    the first mapping of least objective in the original's order of enumeration; otherwise ties go to the
                smaller of the other quantity
    Layers with two activations need `machine.with_twin("I1", "I2")` and `layer.relinked({second: "I2"})`.
    Raises InputError when an operand is linked to no memory. Infeasible is a value: `Found.fits` is False.
    """
    raise NotImplementedError
