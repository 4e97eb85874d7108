"""Loops in space whose axes are not named: every way to place them on two axes, and the refusal that lists the ways.

A nest "M 2, N 2, K 2 in space" on an 8x8 array means four different things; which one must be said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from tileloom.core.errors import InputError

Trips = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Placement:
    """Dims along the first axis, dims along the second, and the copies active along each."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    active: tuple[int, int]

    def __str__(self) -> str:
        rows, columns = ("{" + ",".join(d) + "}" for d in (self.first, self.second))
        return f"{rows} | {columns} ({self.active[0]}x{self.active[1]})"


def placements(loops: Trips, sizes: tuple[int, int]) -> tuple[Placement, ...]:
    """Ways to cut a list of loops, outermost first, into those along the first axis and the rest; only those that fit.

    >>> [str(p) for p in placements([("m", 2), ("k", 4)], (4, 4))]
    ['{m} | {k} (2x4)']
    """
    found = []
    for cut in range(len(loops), -1, -1):
        first, second = loops[:cut], loops[cut:]
        active = prod(t for _, t in first), prod(t for _, t in second)
        if active[0] <= sizes[0] and active[1] <= sizes[1]:
            found.append(Placement(tuple(d for d, _ in first), tuple(d for d, _ in second), active))
    return tuple(found)


def axis_error(
    where: str, loops: Trips, sizes: tuple[int, int], names: tuple[str, str] = ("rows", "columns")
) -> InputError:
    """E-AXIS with the placements there are."""
    spread = " ".join(f"{d}{t}" for d, t in loops)
    ways = "; ".join(str(p) for p in placements(loops, sizes)) or "none that fits"
    return InputError(
        f"{where}: E-AXIS: loops in space {spread} on a {sizes[0]}x{sizes[1]} array name no axis. As {names[0]} | {names[1]} "
        f"they may be: {ways}. Name the axis of each"
    )
