"""ZigZag's mapping as a frozen value: spatial and temporal loops per operand and memory level, innermost first.

What it costs is in cost/models/zigzag; the step from and to our tree is in zigzag_tree.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

SpatialLoop = tuple[str, float]
TemporalLoop = tuple[str, int]


@dataclass(frozen=True)
class ZigzagMapping:
    """operands   names in the order of the layer's equation, the output first
    spatial    [operand][l] loops between memory l-1 and memory l; l = 0 is below the lowest memory, the last is above all
    temporal   [operand][m] loops at memory m, innermost first
    """

    operands: tuple[str, ...]
    spatial: tuple[tuple[tuple[SpatialLoop, ...], ...], ...]
    temporal: tuple[tuple[tuple[TemporalLoop, ...], ...], ...]

    def order(self) -> tuple[TemporalLoop, ...]:
        """All temporal loops, innermost first; every operand has the same ones."""
        return tuple(loop for level in self.temporal[0] for loop in level)

    @property
    def cycles(self) -> int:
        return prod(size for _, size in self.order())

    def __str__(self) -> str:
        lines = []
        for name, spatial, temporal in zip(self.operands, self.spatial, self.temporal):
            for level, loops in enumerate(temporal):
                across = " ".join(f"{d}:{size:g}" for d, size in spatial[level])
                inside = " ".join(f"{d} {size}" for d, size in loops) or "-"
                lines.append(f"{name:>3} level {level}: {inside}" + (f"  across {across}" if across else ""))
        return "\n".join(lines)
