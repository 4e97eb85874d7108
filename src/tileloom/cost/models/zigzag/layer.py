"""The layer that the model takes. It is defined with its reader, in workload/frontends, and only named here."""

from __future__ import annotations

from tileloom.workload.frontends.zigzag_layer import (
    Halo,
    Unroll,
    ZigzagLayer,
    ZigzagNetwork,
    ZigzagNode,
    ZigzagOperand,
)

__all__ = ["Halo", "Unroll", "ZigzagLayer", "ZigzagNetwork", "ZigzagNode", "ZigzagOperand"]
