"""The fourth part of the compiled MAESTRO model: all levels of a schedule as one list of cases, innermost levels first.

Nothing here depends on bandwidths, latencies or lanes: a (schedule, number of PEs) pair is laid out once and timed by
maestro.py for any number of chips.
"""

from __future__ import annotations

import numpy as np

from tileloom.cost.kernels.maestro_cases import (
    BAD,
    BUSY,
    CRITICAL,
    OCCURS,
    PLAIN,
    PLAIN_UNITS,
    TAIL,
    TAIL_UNITS,
    enumerate_cases,
)
from tileloom.cost.kernels.maestro_states import (
    DIM,
    EDGE,
    FULL,
    INSIDE,
    SPATIAL,
    TENSOR_DIMS,
    inner_kernel,
    prepare_level,
)

START, STOP, IS_BAD, HEAD = 0, 1, 2, 3
FREE, ALWAYS = 0, 1


@inner_kernel
def _codes_inside(n, ne, states, lengths, is_spatial, seen, inside_codes):
    """Fills inside_codes: bits that the level inside sees sometimes, and those it sees in every case; seen: this level's."""
    sometimes = every = 0
    free, always = seen[FREE], seen[ALWAYS]
    for i in range(n):
        full = bit = 0
        for b in range(2):
            if not ((free >> i) & 1 or (always >> i) & 1 == b):
                continue
            for k in range(lengths[b, i]):
                inside = states[b, i, k, INSIDE]
                bit |= inside
                full |= inside == 0 or (is_spatial[i] and ne != 1)
        if full:
            sometimes |= bit
        else:
            every |= bit
    inside_codes[FREE], inside_codes[ALWAYS] = sometimes, every


@inner_kernel
def plan_levels(levels, maps, count, tables, units, extents, order, masks, slide, plan, tiles):
    """Fills the plan of one schedule."""
    states, lengths, spread, spatial, is_spatial, places, later, codes, bit_of = plan
    codes[:] = 0
    for d in range(levels):
        for v in range(tiles.shape[1]):
            tiles[0, v] = extents[v] if d == 0 else tables[d - 1, FULL, v]
            tiles[1, v] = extents[v] if d == 0 else tables[d - 1, EDGE, v]
        bit_of[:] = 0
        if d + 1 < levels:
            for j in range(count[d + 1]):
                v = maps[d + 1, j, DIM]
                if tables[d, EDGE, v] != tables[d, FULL, v]:
                    bit_of[v] = 1 << j
        n = count[d]
        spatial[d] = prepare_level(
            maps[d],
            n,
            tables[d],
            units[d, 0],
            tiles,
            bit_of,
            masks,
            slide,
            states[d],
            lengths[d],
            spread[d],
        )
        for t in range(3):
            places[d, t] = 0
        for i in range(n):
            is_spatial[d, i] = maps[d, i, SPATIAL] != 0
            for t in range(3):
                places[d, t] |= ((masks[t] >> maps[d, i, DIM]) & 1) << i
        for t in range(3):
            for k in range(TENSOR_DIMS):
                for one in range(spatial[d]):
                    if order[t, k] == maps[d, spread[d, one, 0], DIM]:
                        later[d, t] = one
        if d + 1 < levels:
            _codes_inside(n, units[d, 1], states[d], lengths[d], is_spatial[d], codes[d], codes[d + 1])


@inner_kernel
def _settle(d, code, inner, rows, blocks, active):
    """What the cases of a level and code come to without time: PEs at work, and whether something in it is refused."""
    start, stop = blocks[d, code, START], blocks[d, code, STOP]
    blocks[d, code, IS_BAD] = blocks[d, code, HEAD] = 0
    busy_sum = 0.0
    steps = 0
    for r in range(start, stop):
        row = rows[r]
        if not inner and row[CRITICAL] > 0:
            busy = 0.0
            for part in range(2):
                sub, many = (row[TAIL], row[TAIL_UNITS]) if part == 0 else (row[PLAIN], row[PLAIN_UNITS])
                if many > 0:
                    row[BAD] |= blocks[d + 1, sub, IS_BAD]
                    busy += active[d + 1, sub] * many
                    if blocks[d, code, HEAD] == 0:
                        blocks[d, code, HEAD] = blocks[d + 1, sub, HEAD]
        else:
            busy = 0.0
        blocks[d, code, IS_BAD] |= row[BAD]
        if row[CRITICAL] > 0:
            if inner and blocks[d, code, HEAD] == 0:
                blocks[d, code, HEAD] = r - start + 1
            busy_sum += (busy if busy != 0.0 else float(row[BUSY])) * row[OCCURS]
            steps += row[OCCURS]
    if inner and blocks[d, code, HEAD] == 0:
        blocks[d, code, HEAD] = stop - start
    active[d, code] = busy_sum / steps if steps > 0 else 0.0


@inner_kernel
def lay_out(levels, count, units, plan, box, blocks, active, rows):
    """Fills rows with the cases of every level and code; returns the number of rows, or -1 when there is no room."""
    states, lengths, spread, spatial, is_spatial, places, later, codes, _ = plan
    used = np.int64(0)
    for d in range(levels - 1, -1, -1):
        part = codes[d, FREE]
        while True:
            code = part | codes[d, ALWAYS]
            blocks[d, code, START] = used
            used = enumerate_cases(
                code,
                count[d],
                states[d],
                lengths[d],
                is_spatial[d],
                places[d],
                later[d],
                spread[d],
                spatial[d],
                units[d, 0],
                units[d, 1],
                box,
                rows,
                used,
            )
            if used < 0:
                return -1
            blocks[d, code, STOP] = used
            _settle(d, code, d == levels - 1, rows, blocks, active)
            if part == 0:
                break
            part = (part - 1) & codes[d, FREE]
    return used
