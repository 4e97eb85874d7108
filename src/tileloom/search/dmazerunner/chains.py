"""Factors of a loop whose tiles need not divide, as tables for the walk in uneven.py.

A tile is cut evenly: into ceil(tile / factor) from each level to the next, so no iteration is idle and no larger tile with
as many iterations is looked at, which the model never prefers. Perfect splits are among them.
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
    """Chains of all loops as three tables in a row: PEs, then what one and all PEs hold, then the rest.

    loops   int64[loops + 1]: first row in `spaces` of each loop
    spaces  int64[rows, (PEs, first row in `arrays`)], one more row at the end; ascending within a loop
    arrays  int64[rows, (tile in one PE, tile in all, first row in `outer`)], one more at the end
    outer   int64[rows, (SPM factor, tile in the scratchpad, DRAM factor)]; tiles ascending
    """

    loops: Ints
    spaces: Ints
    arrays: Ints
    outer: Ints


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


def chain_tables(extents: tuple[int, ...], pes: int, rf_values: float) -> ChainTables:
    """Those that leave out what no chip of this many PEs and values per PE can take."""
    loops = [0]
    spaces: list[tuple[int, int]] = []
    arrays: list[tuple[int, int, int]] = []
    outer: list[tuple[int, int, int]] = []
    for extent in extents:
        kept = sorted({c for c in chains(extent) if c[0] <= pes and c[1] <= rf_values})
        for i, (space, one, array, spm, held, dram) in enumerate(kept):
            before = kept[i - 1] if i else None
            if before is None or before[0] != space:
                spaces.append((space, len(arrays)))
            if before is None or before[:3] != (space, one, array):
                arrays.append((one, array, len(outer)))
            outer.append((spm, held, dram))
        loops.append(len(spaces))
    spaces.append((0, len(arrays)))
    arrays.append((0, 0, len(outer)))
    tables = (np.array(t, dtype=np.int64) for t in (loops, spaces, arrays, outer))
    return ChainTables(*tables)
