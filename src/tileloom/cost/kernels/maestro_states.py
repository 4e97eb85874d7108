"""The first part of the compiled MAESTRO model: one level's directives as kinds of steps with a factor per tensor.

A step's volume is a product over directives; what each kind of step contributes is worked out here, once per level.
The arrays are those of cost/kernels/maestro.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
inner_kernel = njit(**_OPTIONS)
"""Decorator of the kernels that allocate nothing: without reference counts on views of arrays they are four times faster."""

EXACT = 2**50
TENSOR_DIMS = 6
"""Dimensions of a tensor at most: N G K C Y X of a grouped output."""
R, S, X = 5, 6, 7
FULL, NEW, EDGE, EDGE_NEW = 0, 1, 2, 3
DIM, SIZE, OFFSET, SPATIAL = 0, 1, 2, 3
INIT, STEADY, LAST = 0, 1, 2
"""Positions of a step: first, one of the equal ones after it, the partial one at the end."""

POSITION, COUNT, OPEN, PARTIAL, INIT_PARTIAL, LAST_PARTIAL = 0, 1, 2, 3, 4, 5
HELD_INPUT, HELD_FILTER, NEXT_INPUT, NEXT_FILTER, OUTPUT, REDUCED, INSIDE, NOTHING = 6, 7, 8, 9, 10, 11, 12, 13
STATE = 14
"""Fields of a state: position, occurrences, whether the dimension starts again there, three kinds of partial; factors of
the input and filter received when another directive or this one advances; factors of outputs and of multiplications
per output; the bit that says that the level inside sees a partial tile; whether advancing here brings nothing."""

AT, IN_INPUT, IN_FILTER, IN_OUTPUT, TABLE, KEYED, BIT = 0, 1, 2, 3, 4, 8, 12
SPREAD = 13
"""Fields of a spatial directive: place, tensors it moves, its four table entries, those of the output's side, its bit."""


@inner_kernel
def div(a, b):
    """Quotient truncated toward zero."""
    if 0 <= a < b:
        return 0
    if 0 <= a < EXACT and b > 0:
        # Exact below 2**52, and several times faster than dividing 64-bit integers.
        return np.int64(a / b)
    q = a // b
    if q < 0 and q * b != a:
        q += 1
    return q


@inner_kernel
def edge_units(size, offset, units, extent):
    """Sub-units at work in the partial step of a spatial directive."""
    if extent <= size:
        return 1
    if extent > offset * (units - 1) + size:
        steps = div(div(extent - size, offset) + 1, units) - 1
        rest = extent - (steps + 1) * offset * units
        return 1 if rest < size else div(rest - size, offset) + 1
    count = div(extent - size, offset) + 1
    return count + 1 if offset * (count - 1) + size < extent else count


@inner_kernel
def fill_states(states, size, offset, spatial, units, extent):
    """Fills the first six fields of states[k] of one directive; returns how many states there are."""
    covered = size + offset * (units - 1) if spatial else size
    short = extent < covered
    states[:] = 0
    states[0, COUNT] = 1
    states[0, OPEN] = extent > covered
    states[0, PARTIAL] = states[0, INIT_PARTIAL] = short
    states[0, LAST_PARTIAL] = short and spatial
    n = 1
    steady = div(div(extent - size, offset) + 1, units) - 1 if spatial else div(extent - size, offset)
    if covered < extent and steady > 0:
        states[n, POSITION] = STEADY
        states[n, COUNT] = steady
        n += 1
    if spatial:
        folds = steady * offset * units
        edge = extent > covered and folds + offset * units + covered > extent and folds + covered != extent
    else:
        edge = extent >= size and steady * offset + size < extent
    if edge:
        states[n, POSITION] = LAST
        states[n, COUNT] = states[n, PARTIAL] = 1
        if spatial:
            rest = extent - (steady + 1) * offset * units
            active = 1 if rest < size else div(rest - size, offset) + 1
            states[n, LAST_PARTIAL] = (active - 1) * offset + size < rest
        n += 1
    return n


@inner_kernel
def _factors(state, table, v, key, in_input, in_filter, in_output):
    """Fills the factors of one state of a temporal directive; those of tensors that it does not move stay 1."""
    partial, first = state[PARTIAL], state[POSITION] == INIT
    tile = table[EDGE, v] if partial else table[FULL, v]
    held = tile if first else table[FULL, v]
    fresh = held if first else table[NEW, v]
    state[HELD_INPUT] = held if in_input else 1
    state[NEXT_INPUT] = fresh if in_input else 1
    state[HELD_FILTER] = held if in_filter else 1
    state[NEXT_FILTER] = fresh if in_filter else 1
    state[OUTPUT] = 1 if not in_output else (table[EDGE, key] if partial else table[FULL, key])
    state[REDUCED] = 1 if in_output else tile
    state[NOTHING] = not first and table[NEW, v] == 0


@inner_kernel
def prepare_level(maps, n, table, units, tiles, bit_of, masks, slide, states, lengths, spread):
    """Fills states[b, i] and lengths[b, i] of directive i for extent tiles[b, dimension], and spread[k].

    Returns the number of spatial directives.

    bit_of[v] is the bit of dimension v in the codes of the level inside, 0 where its partial tile is its full one.
    """
    spatial = 0
    for i in range(n):
        v = maps[i, DIM]
        in_input, in_filter, in_output = (masks[0] >> v) & 1, (masks[1] >> v) & 1, (masks[2] >> v) & 1
        key = v + 2 if in_output and slide and v >= X else v
        for b in range(tiles.shape[0]):
            lengths[b, i] = fill_states(
                states[b, i], maps[i, SIZE], maps[i, OFFSET], maps[i, SPATIAL] != 0, units, tiles[b, v]
            )
            for k in range(lengths[b, i]):
                state = states[b, i, k]
                state[INSIDE] = bit_of[v] if state[PARTIAL] else 0
                if maps[i, SPATIAL]:
                    state[HELD_INPUT : REDUCED + 1] = 1
                else:
                    _factors(state, table, v, key, in_input, in_filter, in_output)
        if maps[i, SPATIAL]:
            one = spread[spatial]
            one[AT], one[IN_INPUT], one[IN_FILTER], one[IN_OUTPUT], one[BIT] = i, in_input, in_filter, in_output, 0
            for row in range(4):
                one[TABLE + row] = table[row, v]
                one[KEYED + row] = table[row, key]
            one[BIT] = bit_of[v]
            spatial += 1
    return spatial
