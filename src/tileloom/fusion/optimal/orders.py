"""Shared loops in order: from the trips of each block to the sequences in which other problems may meet them.

Loops of one block may stand in any order, and one loop may be several (a factor each), as far as the limits allow.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations, product

from tileloom.core.factors import divisors

Loops = tuple[tuple[int, int], ...]
"""(dim, trips), outermost first."""


@lru_cache(maxsize=65536)
def block_orders(loops: Loops, first: int, per_dim: int) -> tuple[Loops, ...]:
    """Every sequence of a block's loops; `first` (dim or -1) must lead when it has a loop, and stays whole.

    per_dim   factors that one loop may be split into at most

    >>> block_orders(((0, 4), (1, 2)), -1, 1)
    (((0, 4), (1, 2)), ((1, 2), (0, 4)))
    """
    found: dict[Loops, None] = {}
    for parts in product(*(_splits(d, n, 1 if d == first else per_dim) for d, n in loops)):
        flat = tuple(loop for part in parts for loop in part)
        for order in permutations(flat):
            if first >= 0 and any(d == first for d, _ in flat) and order[0][0] != first:
                continue
            found[order] = None
    return tuple(found)


def _splits(dim: int, trips: int, parts: int) -> list[Loops]:
    """All ways to make `trips` from at most `parts` loops of more than one trip.

    >>> _splits(0, 4, 2)
    [((0, 4),), ((0, 2), (0, 2))]
    """
    found: list[Loops] = [((dim, trips),)]
    if parts > 1:
        for f in divisors(trips):
            if 1 < f < trips:
                found += [((dim, f), *rest) for rest in _splits(dim, trips // f, parts - 1)]
    return found


def sequences(blocks: tuple[Loops, ...], first: tuple[int, ...], per_dim: int, total: int) -> list[tuple[Loops, ...]]:
    """Per block one sequence, all combinations within the limits (loops per dim, loops together)."""
    found = []
    for choice in product(*(block_orders(b, f, per_dim) for b, f in zip(blocks, first))):
        loops = [d for block in choice for d, _ in block]
        if len(loops) > total:
            continue
        if per_dim > 1 and any(loops.count(d) > per_dim for d in set(loops)):
            continue
        found.append(choice)
    return found
