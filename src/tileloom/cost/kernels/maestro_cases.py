"""The third part of the compiled MAESTRO model: every case of a level with its volumes, as rows that know no time.

A level sees one of few tiles: each dimension full or partial, given by a bit per directive (its code). Cases come in the
original's order: all-first, then from the last states downward.
"""

from __future__ import annotations

from tileloom.cost.kernels.maestro_states import (
    BIT,
    COUNT,
    HELD_FILTER,
    HELD_INPUT,
    IN_INPUT,
    INIT,
    INSIDE,
    LAST_PARTIAL,
    NEXT_FILTER,
    NEXT_INPUT,
    NOTHING,
    OPEN,
    OUTPUT,
    PARTIAL,
    POSITION,
    REDUCED,
    STATE,
    inner_kernel,
)
from tileloom.cost.kernels.maestro_volumes import received, results

OCCURS, INPUT, FILTER, EGRESS, MACS, CRITICAL, INITIAL, BUSY, BAD = 0, 1, 2, 3, 4, 5, 6, 7, 8
PLAIN, PLAIN_UNITS, TAIL, TAIL_UNITS = 9, 10, 11, 12
CASE = 13
"""Fields of a case: occurrences; elements in and out; multiplications of all and of the busiest sub-unit; whether all
directives start; sub-units at work; whether a step brings nothing; code and number of the sub-units, of the last one."""

_OCCURS, _OPEN, _AT, _CODE, _NOTHING = 0, 1, 2, 3, 4
_HELD, _NEXT, _OUT, _SUM = 5, 7, 9, 10
PREFIX = 11
"""Fields of the running products over the live directives: _HELD and _NEXT for the input, then the filter."""

NOTHING_NEW = -(2**62)
"""Stands for a volume."""


@inner_kernel
def _start(code, n, states, lengths, is_spatial, live, product):
    """Sets the product of the directives that stay in one state, and the list of the others; returns cases and live ones."""
    product[:] = 1
    product[_OPEN] = product[_CODE] = product[_NOTHING] = 0
    product[_AT] = -1
    total = 1
    at = 0
    for i in range(n):
        b = (code >> i) & 1
        total *= lengths[b, i]
        if lengths[b, i] > 1 or is_spatial[i]:
            live[at] = i
            at += 1
            continue
        state = states[b, i, 0]
        product[_OPEN] |= state[OPEN] << i
        product[_CODE] |= state[INSIDE]
        product[_HELD] *= state[HELD_INPUT]
        product[_HELD + 1] *= state[HELD_FILTER]
        product[_OUT] *= state[OUTPUT]
        product[_SUM] *= state[REDUCED]
    product[_NEXT] = product[_HELD]
    product[_NEXT + 1] = product[_HELD + 1]
    return total, at


@inner_kernel
def _advance(picked, live, lengths, code, many):
    """Next case: the innermost directive takes its next state, those around it when it comes by its first; returns the outermost moved."""
    for k in range(many - 1, -1, -1):
        i = live[k]
        length = lengths[(code >> i) & 1, i]
        was = picked[k]
        picked[k] = was + 1 if was + 1 < length else 0
        if was != 0:
            return k
        # It was at its last one in this order, and starts over; a single state always does.
    return 0


@inner_kernel
def _extend(before, after, state, i, is_spatial):
    """Running products with one more directive."""
    after[_OCCURS] = before[_OCCURS] * state[COUNT]
    after[_OPEN] = before[_OPEN] | (state[OPEN] << i)
    after[_OUT] = before[_OUT] * state[OUTPUT]
    after[_SUM] = before[_SUM] * state[REDUCED]
    after[_CODE] = before[_CODE] | (0 if is_spatial else state[INSIDE])
    after[_HELD] = before[_HELD] * state[HELD_INPUT]
    after[_HELD + 1] = before[_HELD + 1] * state[HELD_FILTER]
    if state[POSITION] == INIT:
        after[_AT] = before[_AT]
        after[_NOTHING] = before[_NOTHING]
        after[_NEXT] = before[_NEXT] * state[NEXT_INPUT]
        after[_NEXT + 1] = before[_NEXT + 1] * state[NEXT_FILTER]
    else:
        after[_AT] = i
        after[_NOTHING] = state[NOTHING]
        after[_NEXT] = before[_HELD] * state[NEXT_INPUT]
        after[_NEXT + 1] = before[_HELD + 1] * state[NEXT_FILTER]


@inner_kernel
def _moved(product, places, which, spread, at_step, spatial, later, units, ne):
    """Elements of the input (which 0) or filter (1) sent down, or NOTHING_NEW when the step brings nothing.

    places: bits of the directives that move the tensor
    """
    at = product[_AT]
    again = False
    volume = product[_HELD + which]
    if at >= 0:
        if not (places >> at) & 1:
            return 0
        again = ((product[_OPEN] & places) >> (at + 1)) != 0
        if not again and product[_NOTHING]:
            return NOTHING_NEW
        volume = product[_HELD + which] if again else product[_NEXT + which]
    return volume * received(spread, at_step, spatial, IN_INPUT + which, later, units, ne, at, again)


@inner_kernel
def _sub_units(row, product, spread, at_step, spatial, units, ne):
    """Which tiles the sub-units see: their codes, and how many of them."""
    bits = 0
    for k in range(spatial):
        if at_step[k, PARTIAL]:
            bits |= spread[k, BIT]
    partial = at_step[0, PARTIAL] != 0
    row[PLAIN] = product[_CODE] | (bits if ne == 1 else 0)
    row[TAIL] = product[_CODE] | bits
    row[TAIL_UNITS] = partial and at_step[0, LAST_PARTIAL] != 0
    row[BUSY] = ne if partial else units
    row[PLAIN_UNITS] = row[BUSY] - row[TAIL_UNITS]


@inner_kernel
def enumerate_cases(code, n, states, lengths, is_spatial, places, later, spread, spatial, units, ne, box, rows, at_row):
    """Fills rows[at_row:] with the cases of one level for one code; returns the row after them, or -1 when rows are too few.

    places[3]: bits of the directives that move input, filter, output; later[3]: the spatial directive that is later in
    the dimensions of each; box: scratch
    """
    live, picked, products, at_step, sums = box
    total, many = _start(code, n, states, lengths, is_spatial, live, products[0])
    if at_row + total > rows.shape[0]:
        return -1
    picked[:many] = 0
    counted = False
    low = 0
    for case in range(total):
        if case == 1:
            for k in range(many):
                picked[k] = 1 if lengths[(code >> live[k]) & 1, live[k]] > 1 else 0
            low = 0
        elif case > 1:
            low = _advance(picked, live, lengths, code, many)
        moved_spatial = case < 2
        for k in range(low, many):
            i = live[k]
            _extend(products[k], products[k + 1], states[(code >> i) & 1, i, picked[k]], i, is_spatial[i])
            moved_spatial = moved_spatial or is_spatial[i]
        if moved_spatial:
            at = 0
            for k in range(many):
                if is_spatial[live[k]]:
                    now = states[(code >> live[k]) & 1, live[k], picked[k]]
                    for field in range(STATE):
                        at_step[at, field] = now[field]
                    at += 1
            results(spread, at_step, spatial, later[2], units, ne, sums)
        product, row = products[many], rows[at_row + case]
        row[OCCURS] = product[_OCCURS]
        row[EGRESS] = product[_OUT] * sums[0]
        row[MACS] = product[_OUT] * product[_SUM] * sums[1]
        row[CRITICAL] = product[_OUT] * product[_SUM] * sums[2]
        row[INITIAL] = product[_AT] < 0
        row[INPUT] = row[FILTER] = row[BAD] = 0
        if not counted or row[CRITICAL] > 0:
            for which in range(2):
                moved = _moved(
                    product,
                    places[which],
                    which,
                    spread,
                    at_step,
                    spatial,
                    later[which],
                    units,
                    ne,
                )
                row[BAD] |= moved == NOTHING_NEW
                row[INPUT + which] = moved
        _sub_units(row, product, spread, at_step, spatial, units, ne)
        counted = counted or row[CRITICAL] > 0
    return at_row + total
