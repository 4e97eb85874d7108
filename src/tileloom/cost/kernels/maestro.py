"""Compiled twin of cost/models/maestro/engine.py: many (schedule, hardware) pairs at once, the same numbers row by row.

Only levels as packed by cost/models/maestro/batch.py are seen here. Arrays, all int64 unless said otherwise, for S
schedules of at most L levels with at most M directives, D = 11 table entries (9 dimensions in order of name, then X' and Y'):

    levels[S], clusters[S]     levels in use; product of the cluster sizes
    maps[S, L, M, 4]           dimension, size, offset, 1 when spatial; count[S, L] of them
    tables[S, L, 4, D]         full, new, edge, edge_new
    units[S, L, 2]             sub-units, edge sub-units (the outermost level's depend on the PEs)
    extents[S, D]              of the whole layer; outer_extent[S] along the outermost level's first spatial map
    order[S, 3, 6]             dimensions of input, filter, output, -1 where there are fewer; masks[S, 3] as bits
    slide[S]                   1 for convolutions

Hardware h: num_pes, lanes, NoC elements per cycle, NoC latency, off-chip elements per cycle, innermost_noc_only.

Volumes come from maestro_levels.py; here they become cycles. Pairs that differ in speed only share their volumes.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.cost.kernels.maestro_cases import (
    BAD,
    CRITICAL,
    EGRESS,
    FILTER,
    INITIAL,
    INPUT,
    MACS,
    OCCURS,
    PLAIN,
    PLAIN_UNITS,
    TAIL,
    TAIL_UNITS,
)
from tileloom.cost.kernels.maestro_levels import (
    ALWAYS,
    FREE,
    HEAD,
    START,
    STOP,
    lay_out,
    plan_levels,
)
from tileloom.cost.kernels.maestro_states import (
    FULL,
    OFFSET,
    SIZE,
    SPATIAL,
    TENSOR_DIMS,
    R,
    S,
    X,
    div,
    edge_units,
    inner_kernel,
)

OK, NO_WORK, NOTHING_NEW, FEW_PES, TOO_MANY = 0, 1, 2, 3, 4
INTS, FLOATS = 34, 3
OTHER_NOC = 70000


@inner_kernel
def _delay(elements, bandwidth, latency):
    whole = div(elements, bandwidth)
    return latency + whole + (1 if whole * bandwidth != elements else 0) - 1


@inner_kernel
def _compute(row, inner, lanes, within):
    """Cycles of the slowest sub-unit; within[code] are the runtimes of the level inside."""
    if inner:
        return div(row[CRITICAL] + lanes - 1, lanes)
    compute = np.int64(0)
    if row[TAIL_UNITS] > 0:
        compute = max(compute, within[row[TAIL]])
    if row[PLAIN_UNITS] > 0:
        compute = max(compute, within[row[PLAIN]])
    return compute


@inner_kernel
def _runtime(rows, inner, lanes, bandwidth, latency, within):
    """Cycles of a level that is not the outermost one."""
    runtime = 0
    for r in range(rows.shape[0]):
        row = rows[r]
        if row[CRITICAL] <= 0:
            continue
        compute = _compute(row, inner, lanes, within)
        delay_in = _delay(row[INPUT] + row[FILTER], bandwidth, latency)
        if row[INITIAL]:
            cycles = compute + delay_in
        else:
            cycles = max(compute, max(delay_in, _delay(row[EGRESS], bandwidth, latency)))
        runtime += row[OCCURS] * cycles
    return runtime


@inner_kernel
def _product(table, order):
    volume = 1
    for k in range(TENSOR_DIMS):
        if order[k] < 0:
            break
        volume *= table[order[k]]
    return volume


@inner_kernel
def _traffic(rows, full, head, extents, order, slide, out, real):
    """Fills the columns that know no time. full: the innermost level's tile, head its cases until the first counted one."""
    out[:] = 0
    real[:] = 0.0
    counted = False
    for r in range(rows.shape[0]):
        row = rows[r]
        many = row[OCCURS]
        if not counted:
            out[4] += 2 * row[INPUT]
            out[5] += 2 * row[FILTER]
            out[6] = 2 * row[EGRESS]
        out[15] += many * row[EGRESS]
        out[18] += many * row[MACS]
        if row[CRITICAL] <= 0:
            continue
        counted = True
        moved = row[INPUT] + row[FILTER]
        out[3] += many
        out[10] += many * row[INPUT]
        out[11] += many * row[FILTER]
        out[16] += many * row[MACS]
        real[1] = float(row[MACS]) / float(moved) if moved != 0 else (np.nan if row[MACS] == 0 else np.inf * row[MACS])
    out[2], out[17], out[19], out[20], out[21] = out[16], out[16], out[10], out[11], out[18]
    for t in range(2):
        out[7 + t] = 2 * head * _product(full, order[t])
        out[13 + t] = _product(extents, order[t])
    out[9] = 2 * _product(full, order[2])
    # Output reads: rows and columns of the output side.
    out[12] = _product(extents, order[2])
    if slide:
        out[12] = 1
        for k in range(TENSOR_DIMS):
            v = order[2, k]
            if v >= 0:
                out[12] *= extents[v] + (1 - extents[S if v == X else R] if v >= X else 0)


@inner_kernel
def _outermost(rows, inner, h, bandwidth, latency, within, out):
    """Fills the columns that know time, on top of those of `_traffic`; returns the status."""
    inputs = out[4] + out[5]
    floor = max(div(div(inputs, h[4]), 2), div(div(out[6], h[4]), 2))
    first = True
    for r in range(rows.shape[0]):
        row = rows[r]
        if row[BAD]:
            return NOTHING_NEW
        if row[CRITICAL] <= 0:
            continue
        compute = _compute(row, inner, h[1], within)
        if compute == 0:
            return NO_WORK
        many, moved = row[OCCURS], row[INPUT] + row[FILTER]
        delay_in, delay_out = _delay(moved, bandwidth, latency), _delay(row[EGRESS], bandwidth, latency)
        cycles = compute + delay_in if row[INITIAL] else max(compute, max(delay_in, delay_out))
        most = max(moved, row[EGRESS])
        out[1] += many * max(cycles, floor)
        out[22] = max(out[22], div(most, compute))
        out[23] = div(max(out[23], max(div(out[6], compute), div(inputs, compute))), 2)
        out[33] += div(many * most, compute)
        for k in range(3):
            # Minimum, maximum and sum of each delay.
            value = delay_in if k == 0 else (delay_out if k == 1 else compute)
            at = 24 + 3 * k
            if first or value < out[at]:
                out[at] = value
            if value > out[at + 1]:
                out[at + 1] = value
            out[at + 2] += value * many
        first = False
    for k in (26, 29, 32):
        out[k] = div(out[k], out[3]) if out[3] > 0 else 0
    return OK


@inner_kernel
def _time(levels, h, codes, blocks, rows, runtimes, out):
    """Times one laid-out schedule on one chip, innermost level first."""
    for d in range(levels - 1, 0, -1):
        inner = d == levels - 1
        narrow = h[5] != 0 and not inner
        bandwidth, latency = (OTHER_NOC, 1) if narrow else (h[2], h[3])
        part = codes[d, FREE]
        while True:
            code = part | codes[d, ALWAYS]
            block = rows[blocks[d, code, START] : blocks[d, code, STOP]]
            runtimes[d, code] = _runtime(block, inner, h[1], bandwidth, latency, runtimes[min(d + 1, levels - 1)])
            if part == 0:
                break
            part = (part - 1) & codes[d, FREE]
    narrow = h[5] != 0 and levels > 1
    bandwidth, latency = (OTHER_NOC, 1) if narrow else (h[2], h[3])
    block = rows[blocks[0, 0, START] : blocks[0, 0, STOP]]
    return _outermost(block, levels == 1, h, bandwidth, latency, runtimes[min(1, levels - 1)], out)


@inner_kernel
def _prepare(s, pes, packed, mine, room, rows, traffic, real):
    """Lays out schedule s on that many PEs and fills the columns that know no time; returns the cases, -1 without room."""
    levels, clusters, maps, count, tables, units, extents, outer_extent, order, masks, slide = packed
    plan, box, blocks, active, tiles, _ = room
    for d in range(units.shape[1]):
        mine[d, 0], mine[d, 1] = units[s, d, 0], units[s, d, 1]
    mine[0, 0] = div(pes, clusters[s])
    at = 0
    while not maps[s, 0, at, SPATIAL]:
        at += 1
    mine[0, 1] = edge_units(maps[s, 0, at, SIZE], maps[s, 0, at, OFFSET], mine[0, 0], outer_extent[s])
    plan_levels(levels[s], maps[s], count[s], tables[s], mine, extents[s], order[s], masks[s], slide[s], plan, tiles)
    used = lay_out(levels[s], count[s], mine, plan, box, blocks, active, rows)
    if used < 0:
        return used
    start, stop, head = blocks[0, 0, START], blocks[0, 0, STOP], blocks[0, 0, HEAD]
    innermost = levels[s] - 1
    if head == 0:
        # Without a counted step no inner level was evaluated; the outermost stands for it.
        innermost, head = 0, stop - start
    full = tables[s, innermost, FULL]
    _traffic(rows[start:stop], full, head, extents[s], order[s], slide[s], traffic, real)
    real[0] = active[0, 0]
    return used


@njit(cache=True, error_model="numpy")
def evaluate(packed, schedule, hardware, sequence, begin, room, rows, ints, reals):
    """Fills ints[N, INTS] and reals[N, FLOATS] of N pairs (schedule[i], hardware[i, 6]); see the columns in batch.py.

    sequence: the order in which pairs are evaluated; neighbours of one schedule and number of PEs share their volumes.
    Returns where in the sequence it stopped because a schedule has more cases than there are rows; N when done.
    Source: cost/models/maestro/engine.py, which it must equal.
    """
    levels, clusters = packed[0], packed[1]
    codes, blocks, runtimes = room[0][7], room[2], room[5]
    mine = np.zeros((packed[2].shape[1], 2), np.int64)
    traffic, real = np.zeros(INTS, np.int64), np.zeros(FLOATS)
    last_schedule = last_pes = -1
    for at in range(begin, sequence.size):
        row = sequence[at]
        s, pes, out = schedule[row], hardware[row, 0], ints[row]
        if pes < clusters[s]:
            out[0] = FEW_PES
            continue
        if s != last_schedule or pes != last_pes:
            last_schedule, last_pes = s, pes
            if _prepare(s, pes, packed, mine, room, rows, traffic, real) < 0:
                return at
        for k in range(INTS):
            out[k] = traffic[k]
        status = _time(levels[s], hardware[row], codes, blocks, rows, runtimes, out)
        if status != OK:
            for k in range(INTS):
                out[k] = 0
            out[0] = status
            continue
        reals[row, 0], reals[row, 1] = real[0], real[1]
        reals[row, 2] = float(out[33]) / out[3] if out[3] > 0 else np.nan
    return sequence.size
