"""The machine that the model takes. It is defined with its reader, in architecture/notation, and only named here."""

from __future__ import annotations

from tileloom.architecture.notation.zigzag_machine import (
    DIRECTIONS,
    DataLink,
    Direction,
    ZigzagMachine,
    ZigzagMemory,
)

__all__ = ["DIRECTIONS", "DataLink", "Direction", "ZigzagMachine", "ZigzagMemory"]
