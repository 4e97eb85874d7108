"""Factors of a loop whose tiles need not divide, as tables for the walk in uneven.py.

A tile is cut evenly: into ceil(tile / factor) from each level to the next, so no iteration is idle and no larger tile with
as many iterations is looked at, which the model never prefers. Perfect splits are among them. Every tile of a chain is
ceil(extent / x) for some x, since ceil(ceil(n / a) / b) = ceil(n / (a * b)): about 2 * sqrt(extent) of them in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tileloom.cost.kernels.dmazerunner_arrays import Ints

Chain = tuple[int, int, int, int, int, int]
"""(PEs, tile in one, tile in all, SPM factor, tile in the scratchpad, DRAM factor)."""


@dataclass(frozen=True, slots=True, eq=False)
class ChainTables:
    """Chains of all loops as tables in a row: tiles in the scratchpad, then tiles in a PE under each, then the rest.

    tiles   int64[loops, most]: of each loop, ascending;  counts int64[loops]: how many
    starts  int64[loops]: first row in `holds` of each loop
    holds   int64[rows + 1]: first row in `rows` of each tile in the scratchpad
    rows    int64[rows + 1, (tile in one PE, first row in `cuts`)], tiles ascending
    cuts    int64[rows, (PEs, tile in all of them, SPM factor)], PEs ascending
    """

    tiles: Ints
    counts: Ints
    starts: Ints
    holds: Ints
    rows: Ints
    cuts: Ints


def even_tiles(extent: int) -> Iterator[tuple[int, int]]:
    """(iterations, tile) for every number of iterations that an even cut can have, tiles descending.

    >>> list(even_tiles(7))
    [(1, 7), (2, 4), (3, 3), (4, 2), (7, 1)]
    """
    tile = extent
    while True:
        yield -(-extent // tile), tile
        if tile == 1:
            return
        # The next number of iterations that makes the tile smaller.
        tile = -(-extent // (-(-extent // (tile - 1))))


def chains(extent: int) -> list[Chain]:
    """Every even cut of a loop over four levels."""
    return [
        (space, one, array, spm, held, dram)
        for dram, held in even_tiles(extent)
        for spm, array in even_tiles(held)
        for space, one in even_tiles(array)
    ]


def chain_tables(
    extents: tuple[int, ...], pes: int, rf_values: float, alone: frozenset[int], whole: frozenset[int]
) -> ChainTables:
    """Those that leave out what no chip of this many PEs and values per PE can take.

    alone  loops that must not be spatial;  whole: loops that must not run at DRAM level
    """
    tiles: list[list[int]] = []
    starts, holds = [0], []
    rows: list[tuple[int, int]] = []
    cuts: list[tuple[int, int, int]] = []
    for v, extent in enumerate(extents):
        kept = sorted(
            (held, one, space, array, spm)
            for space, one, array, spm, held, dram in chains(extent)
            if space <= (1 if v in alone else pes) and one <= rf_values and (v not in whole or dram == 1)
        )
        tiles.append(sorted({c[0] for c in kept}))
        before = (0, 0)
        for held, one, *cut in kept:
            if before[0] != held:
                holds.append(len(rows))
            if before != (held, one):
                rows.append((one, len(cuts)))
            before = (held, one)
            cuts.append((cut[0], cut[1], cut[2]))
        starts.append(len(holds))
    holds.append(len(rows))
    rows.append((0, len(cuts)))
    padded = np.ones((len(tiles), max(1, *(len(t) for t in tiles))), dtype=np.int64)
    for v, listed in enumerate(tiles):
        padded[v, : len(listed)] = listed
    arrays = ([len(t) for t in tiles], starts[:-1], holds, rows, cuts or [(1, 1, 1)])
    return ChainTables(padded, *(np.array(a, dtype=np.int64) for a in arrays))
