"""Compiled twin of cost/models/maestro/engine.py: many (schedule, hardware) pairs at once, the same numbers row by row.

Only levels as packed by maestro_batch.py are seen here. Arrays, all int64 unless said otherwise, for S schedules of at
most L levels with at most M directives, D = 11 table entries (9 dimensions in order of name, then X' and Y'):

    levels[S], clusters[S]     levels in use; product of the cluster sizes
    maps[S, L, M, 4]           dimension, size, offset, 1 when spatial; count[S, L] of them
    tables[S, L, 4, D]         full, new, edge, edge_new
    units[S, L, 2]             sub-units, edge sub-units (entry 0 of the outermost level depends on the PEs)
    extents[S, D]              of the whole layer; outer_extent[S] along the outermost level's first spatial map
    order[S, 3, 5]             dimensions of input, filter, output, -1 where there are fewer; masks[S, 3] as bits
    slide[S]                   1 for convolutions

Hardware h: num_pes, lanes, NoC elements per cycle, NoC latency, off-chip elements per cycle, innermost_noc_only.
"""

from __future__ import annotations

import numpy as np
from numba import njit

OK, NO_WORK, NOTHING_NEW, FEW_PES = 0, 1, 2, 3
INTS, FLOATS = 34, 3
OTHER_NOC = 70000
MEMO = 64
EXACT = 2**50
PICK, PHASE, PERIOD = 0, 1, 2
R, S, X, Y = 5, 6, 7, 8
FULL, NEW, EDGE, EDGE_NEW = 0, 1, 2, 3
DIM, SIZE, OFFSET, SPATIAL = 0, 1, 2, 3
POSITION, COUNT, UNROLLED, INIT_PARTIAL, LAST_PARTIAL, PARTIAL = 0, 1, 2, 3, 4, 5


@njit(cache=True, error_model="numpy")
def _div(a, b):
    if 0 <= a < b:
        return 0
    if 0 <= a < EXACT and b > 0:
        # Exact below 2**52, and several times faster than dividing 64-bit integers.
        return np.int64(a / b)
    q = a // b
    if q < 0 and q * b != a:
        q += 1
    return q


@njit(cache=True, error_model="numpy")
def edge_units(size, offset, units, extent):
    if extent <= size:
        return 1
    if extent > offset * (units - 1) + size:
        steps = _div(_div(extent - size, offset) + 1, units) - 1
        rest = extent - (steps + 1) * offset * units
        return 1 if rest < size else _div(rest - size, offset) + 1
    count = _div(extent - size, offset) + 1
    return count + 1 if offset * (count - 1) + size < extent else count


@njit(cache=True, error_model="numpy")
def _states(states, size, offset, spatial, units, extent):
    """Fills states[k] of one directive; returns how many there are."""
    covered = size + offset * (units - 1) if spatial else size
    short = extent < covered
    states[0, POSITION] = 0
    states[0, COUNT] = 1
    states[0, UNROLLED] = extent <= covered
    states[0, INIT_PARTIAL] = short
    states[0, PARTIAL] = short
    states[0, LAST_PARTIAL] = short and spatial
    n = 1
    steady = _div(_div(extent - size, offset) + 1, units) - 1 if spatial else _div(extent - size, offset)
    if covered < extent and steady > 0:
        states[n] = 0
        states[n, POSITION] = 1
        states[n, COUNT] = steady
        n += 1
    if spatial:
        folds = steady * offset * units
        edge = extent > covered and (steady + 1) * offset * units + covered > extent and folds + covered != extent
    else:
        edge = extent >= size and steady * offset + size < extent
    if edge:
        states[n] = 0
        states[n, POSITION] = 2
        states[n, COUNT] = 1
        states[n, PARTIAL] = 1
        if spatial:
            rest = extent - (steady + 1) * offset * units
            active = 1 if rest < size else _div(rest - size, offset) + 1
            states[n, LAST_PARTIAL] = (active - 1) * offset + size < rest
        n += 1
    return n


@njit(cache=True, error_model="numpy")
def _unit_ingress(maps, live, table, now, mask, ne, at, again, first, last):
    """Elements one sub-unit receives over the live directives."""
    volume = 1
    for k in range(live[0]):
        i = live[k + 1]
        v = maps[i, DIM]
        if not (mask >> v) & 1:
            continue
        partial = now[i, PARTIAL]
        position = now[i, POSITION]
        row = FULL
        if not maps[i, SPATIAL]:
            if position == 0:
                row = EDGE if partial else FULL
            elif i == at and not again:
                row = NEW
        elif at < 0:
            if partial and ne == 1 and not (first or last):
                continue
            if partial and (ne == 1 or last):
                row = EDGE
        else:
            whole = (first or i <= at) if position == 0 else (first or again or i != at)
            row = (EDGE if whole else EDGE_NEW) if last else (FULL if whole else NEW)
        volume *= table[row, v]
    return volume


@njit(cache=True, error_model="numpy")
def _spread(maps, now, order, row, holder, found):
    """found: is spread, a spread dimension is partial, last_partial of the last one in the tensor's order."""
    found[:] = 0
    for k in range(5):
        v = order[row, k]
        if v < 0:
            break
        i = holder[v]
        if i >= 0 and maps[i, SPATIAL]:
            found[0] = 1
            found[1] |= now[i, PARTIAL]
            found[2] = now[i, LAST_PARTIAL]


@njit(cache=True, error_model="numpy")
def _ingress(maps, n, live, table, now, order, row, mask, base, units, ne, at, holder, found, status):
    """Elements sent down; base is the factor of the directives that are not live."""
    again = False
    if at >= 0:
        if not (mask >> maps[at, DIM]) & 1:
            return 0
        for i in range(at + 1, n):
            if (mask >> maps[i, DIM]) & 1 and now[i, POSITION] == 0 and not now[i, UNROLLED]:
                again = True
        if not again and not maps[at, SPATIAL] and table[NEW, maps[at, DIM]] == 0:
            status[0] = NOTHING_NEW
            return 0
    _spread(maps, now, order, row, holder, found)
    kp = found[2]
    volume = 0
    for part in range(3):
        # The first sub-unit, those like it, the last one.
        weight = 1
        if part == 1:
            weight = 0 if not found[0] else (max(ne - kp - 1, 0) if found[1] else units - 1)
        elif part == 2:
            weight = kp if found[0] and found[1] and ne > 1 else 0
        if weight == 0:
            continue
        last = part == 2 or (part == 0 and found[1] != 0 and ne == 1 and kp != 0)
        volume += weight * _unit_ingress(maps, live, table, now, mask, ne, at, again, part == 0, last)
    return volume * base


@njit(cache=True, error_model="numpy")
def _results(maps, live, table, now, mask, ne, slide, outputs, first, last, dedup):
    """Product over the live directives that index the output, or with outputs=False over the others."""
    volume = 1
    for k in range(live[0]):
        i = live[k + 1]
        v = maps[i, DIM]
        in_output = (mask >> v) & 1
        if (in_output != 0) != outputs:
            continue
        key = v + 2 if in_output and slide and v >= X else v
        position = now[i, POSITION]
        row = FULL
        if not maps[i, SPATIAL]:
            row = EDGE if now[i, PARTIAL] else FULL
        elif position == 0 and now[i, INIT_PARTIAL] and last:
            row = EDGE if not in_output or ne == 1 or not dedup else EDGE_NEW
        elif position == 2 and ne == 1:
            if not (first or last):
                continue
            # The original looks at the input side here.
            row, key = EDGE, v
        elif position == 2 and last:
            row = EDGE_NEW
        elif not first:
            if table[NEW, key] == 0:
                continue
            row = NEW
        volume *= table[row, key]
    return volume


@njit(cache=True, error_model="numpy")
def _outputs(maps, n, live, table, now, order, mask, base, base_sum, units, ne, slide, holder, found, volumes):
    """volumes: egress, macs of all sub-units, macs of the busiest one."""
    _spread(maps, now, order, 2, holder, found)
    any_partial = 0
    final = 0
    for k in range(live[0]):
        i = live[k + 1]
        if maps[i, SPATIAL]:
            any_partial |= now[i, PARTIAL]
            final = now[i, LAST_PARTIAL]
    alone = found[1] != 0 and ne == 1 and found[2] != 0
    egress = 0
    macs = 0
    critical = 0
    for part in range(6):
        # Parts 0 to 2 as of the inputs; 3 to 5 are the first, the middle and the last sub-unit of the macs.
        weight = 1
        if part == 1:
            weight = 0 if not found[0] else (max(ne - found[2] - 1, 0) if found[1] else units - 1)
        elif part == 2:
            weight = found[2] if found[0] and found[1] and ne > 1 else 0
        elif part == 3:
            weight = 1 if any_partial or alone else 0
        elif part == 4:
            weight = max(ne - final - 1, 0) if any_partial and ne > 1 else 0
        elif part == 5:
            weight = final if any_partial and ne > 1 else 0
        if weight == 0:
            continue
        first = part != 1 and part != 2 and part != 5
        last = part == 2 or part == 5 or (part == 0 and alone)
        last = last or (part == 3 and any_partial and ne == 1 and final != 0)
        volume = base * _results(maps, live, table, now, mask, ne, slide, True, first, last, part != 5)
        if part < 3:
            egress += weight * volume
        if part == 0 or part >= 3:
            volume *= base_sum * _results(maps, live, table, now, mask, ne, slide, False, first, last, part != 5)
            if part == 0:
                critical = volume
            else:
                macs += weight * volume
    if not any_partial:
        macs = units * (macs if alone else critical)
    volumes[0] = egress
    volumes[1] = macs
    volumes[2] = critical


@njit(cache=True, error_model="numpy")
def _product(table, order):
    volume = 1
    for k in range(5):
        if order[k] < 0:
            break
        volume *= table[order[k]]
    return volume


@njit(cache=True, error_model="numpy")
def _delay(h, elements, inner):
    bandwidth, latency = h[2], h[3]
    if h[5] and not inner:
        bandwidth, latency = OTHER_NOC, 1
    whole = _div(elements, bandwidth)
    return latency + whole + (1 if whole * bandwidth != elements else 0) - 1


# Not cached: numba cannot load a function that calls itself, or its caller, from its cache.
@njit(error_model="numpy")
def _level(depth, last, maps, count, tables, units, order, masks, slide, h, extents, box, out, real, status):
    """Evaluates one level for extents[depth]; the outermost writes its record, every level its runtime and active PEs.

    box: scratch of all levels, see `evaluate`
    """
    states, lengths, now, holder, chosen, result, active_of, memo, memo_runtime, memo_active, inner_bytes = box[:11]
    all_live, sizes, found, volumes = box[11:]
    n = count[depth]
    m, table = maps[depth], tables[depth]
    u, ne = units[depth, 0], units[depth, 1]
    inner = depth == last
    total = 1
    spatial_at = -1
    holder[depth, :] = -1
    for i in range(n):
        lengths[depth, i] = _states(
            states[depth, i], m[i, SIZE], m[i, OFFSET], m[i, SPATIAL] != 0, u, extents[depth, m[i, DIM]]
        )
        total *= lengths[depth, i]
        holder[depth, m[i, DIM]] = i
        if m[i, SPATIAL] and spatial_at < 0:
            spatial_at = i
        now[depth, i] = states[depth, i, 0]
    live = all_live[depth]
    live[0] = 0
    base_input = base_filter = base_output = base_sum = 1
    for i in range(n):
        v = m[i, DIM]
        if lengths[depth, i] > 1 or m[i, SPATIAL]:
            live[0] += 1
            live[live[0]] = i
            continue
        factor = table[EDGE, v] if now[depth, i, PARTIAL] else table[FULL, v]
        if (masks[0] >> v) & 1:
            base_input *= factor
        if (masks[1] >> v) & 1:
            base_filter *= factor
        if not (masks[2] >> v) & 1:
            base_sum *= factor
        else:
            key = v + 2 if slide and v >= X else v
            base_output *= table[EDGE, key] if now[depth, i, PARTIAL] else table[FULL, key]
    period = 1
    for i in range(n - 1, -1, -1):
        chosen[depth, i, PICK] = chosen[depth, i, PHASE] = 0
        chosen[depth, i, PERIOD] = period
        period *= lengths[depth, i]
    spatial_at = holder[depth, m[spatial_at, DIM]]
    runtime = 0
    steps = 0
    counted = 0
    macs_sum = 0
    active_sum = 0.0
    up = sizes[depth, 0]
    down = sizes[depth, 1]
    sizes[depth] = 0
    hold = holder[depth]
    t = now[depth]
    for case in range(total):
        occurrences = 1
        at = -1
        for k in range(live[0]):
            i = live[k + 1]
            length = lengths[depth, i]
            if length > 1:
                # State number ceil(case / period) modulo length, without dividing.
                if case > 0 and (case == 1 or chosen[depth, i, PHASE] == chosen[depth, i, PERIOD]):
                    chosen[depth, i, PHASE] = 1
                    pick = chosen[depth, i, PICK] + 1
                    pick = 0 if pick == length else pick
                    chosen[depth, i, PICK] = pick
                    for field in range(6):
                        t[i, field] = states[depth, i, pick, field]
                elif case > 0:
                    chosen[depth, i, PHASE] += 1
                occurrences *= t[i, COUNT]
                if t[i, POSITION] != 0:
                    at = i
        _outputs(m, n, live, table, t, order, masks[2], base_output, base_sum, u, ne, slide, hold, found, volumes)
        egress, macs, critical = volumes[0], volumes[1], volumes[2]
        moved_input = moved_filter = 0
        if counted == 0 or critical > 0:
            moved_input = _ingress(m, n, live, table, t, order, 0, masks[0], base_input, u, ne, at, hold, found, status)
            moved_filter = _ingress(
                m, n, live, table, t, order, 1, masks[1], base_filter, u, ne, at, hold, found, status
            )
        if counted == 0:
            up[0] += 2 * moved_input
            up[1] += 2 * moved_filter
            up[2] = 2 * egress
            down[0] += 2 * _product(table[FULL], order[0])
            down[1] += 2 * _product(table[FULL], order[1])
            down[2] = 2 * _product(table[FULL], order[2])
            if depth == 0:
                out[13] = _product(extents[0], order[0])
                out[14] = _product(extents[0], order[1])
                # Output reads: rows and columns of the output side.
                volume = 1
                for k in range(5):
                    v = order[2, k]
                    if v < 0:
                        break
                    side = extents[0, v]
                    if slide and v >= X:
                        side += 1 - extents[0, S if v == X else R]
                    volume *= side
                out[12] = volume
        if status[0] != OK:
            return 0
        if depth == 0:
            out[15] += occurrences * egress
            out[21] += occurrences * macs
            out[18] += occurrences * macs
        if critical <= 0:
            continue
        moved = moved_input + moved_filter
        first_state = t[spatial_at]
        busy = 0.0
        if inner:
            compute = _div(critical + h[1] - 1, h[1])
        else:
            compute = 0
            both = first_state[PARTIAL] and first_state[LAST_PARTIAL]
            for part in range(2):
                if part == 0 and not both:
                    continue
                is_last = part == 0
                if is_last:
                    weight = 1
                elif not first_state[PARTIAL]:
                    weight = u
                elif both:
                    weight = ne - 1
                else:
                    weight = ne
                if weight == 0 and both:
                    continue
                bits = 0
                for i in range(n - 1, -1, -1):
                    v = m[i, DIM]
                    p = t[hold[v], PARTIAL] and (not m[i, SPATIAL] or ne == 1 or is_last)
                    extents[depth + 1, v] = table[EDGE, v] if p else table[FULL, v]
                    bits = (bits | (1 << v)) if p else (bits & ~(1 << v))
                known = -1
                size = memo[depth + 1, MEMO]
                for k in range(size):
                    if memo[depth + 1, k] == bits:
                        known = k
                        break
                if known < 0:
                    _level(
                        depth + 1,
                        last,
                        maps,
                        count,
                        tables,
                        units,
                        order,
                        masks,
                        slide,
                        h,
                        extents,
                        box,
                        out,
                        real,
                        status,
                    )
                    if status[0] != OK:
                        return 0
                    known = size if size < MEMO else 0
                    memo[depth + 1, known] = bits
                    memo_runtime[depth + 1, known] = result[depth + 1]
                    memo_active[depth + 1, known] = active_of[depth + 1]
                    if size < MEMO:
                        memo[depth + 1, MEMO] = size + 1
                compute = max(compute, memo_runtime[depth + 1, known])
                busy += memo_active[depth + 1, known] * weight
        if busy == 0.0:
            busy = float(ne if first_state[PARTIAL] else u)
        delay_in = _delay(h, moved, inner)
        delay_out = _delay(h, egress, inner)
        cycles = compute + delay_in if at < 0 else max(compute, max(delay_in, delay_out))
        if depth == 0:
            if compute == 0:
                status[0] = NO_WORK
                return 0
            inputs = up[0] + up[1]
            cycles = max(cycles, max(_div(_div(inputs, h[4]), 2), _div(_div(up[2], h[4]), 2)))
            out[23] = _div(max(out[23], max(_div(up[2], compute), _div(inputs, compute))), 2)
            out[10] += occurrences * moved_input
            out[11] += occurrences * moved_filter
            out[16] += occurrences * macs
            out[17] += occurrences * macs
            real[1] = float(macs) / float(moved) if moved != 0 else (np.nan if macs == 0 else np.inf * macs)
            most = max(moved, egress)
            out[22] = max(out[22], _div(most, compute))
            out[33] += _div(occurrences * most, compute)
            _extreme(out, 24, delay_in, occurrences, counted)
            _extreme(out, 27, delay_out, occurrences, counted)
            _extreme(out, 30, compute, occurrences, counted)
            macs_sum += occurrences * macs
        runtime += occurrences * cycles
        active_sum += busy * occurrences
        steps += occurrences
        counted += 1
    result[depth] = runtime
    active_of[depth] = active_sum / steps if steps > 0 else 0.0
    if inner and inner_bytes[3] == 0:
        inner_bytes[:3] = down
        inner_bytes[3] = 1
    if depth == 0:
        out[1] = runtime
        out[2] = macs_sum
        out[3] = steps
        out[4:7] = up
        out[19] = out[10]
        out[20] = out[11]
        # Without a counted step no inner level was evaluated; the outermost stands for it.
        out[7:10] = inner_bytes[:3] if inner_bytes[3] else down
        real[0] = active_of[0]
        real[2] = float(out[33]) / steps if steps > 0 else np.nan
        for k in (26, 29, 32):
            out[k] = _div(out[k], steps) if steps > 0 else 0
    return 0


@njit(cache=True, error_model="numpy")
def _extreme(out, at, value, occurrences, counted):
    """Minimum, maximum and sum of a delay in out[at : at + 3]."""
    if counted == 0 or value < out[at]:
        out[at] = value
    if value > out[at + 1]:
        out[at + 1] = value
    out[at + 2] += value * occurrences


# Not cached: numba cannot load a function that calls itself, or its caller, from its cache.
@njit(error_model="numpy")
def evaluate(packed, schedule, hardware, ints, reals):
    """Fills ints[N, INTS] and reals[N, FLOATS] of N pairs (schedule[i], hardware[i, 6]); see the columns in maestro_batch.

    Source: cost/models/maestro/engine.py, which it must equal.
    """
    levels, clusters, maps, count, tables, units, extents, outer_extent, order, masks, slide = packed
    depth, most = maps.shape[1], maps.shape[2]
    box = (
        np.zeros((depth, most, 3, 6), np.int64),
        np.zeros((depth, most), np.int64),
        np.zeros((depth, most, 6), np.int64),
        np.zeros((depth, 11), np.int64),
        np.zeros((depth, most, 3), np.int64),
        np.zeros(depth, np.int64),
        np.zeros(depth, np.float64),
        np.zeros((depth + 1, MEMO + 1), np.int64),
        np.zeros((depth + 1, MEMO), np.int64),
        np.zeros((depth + 1, MEMO), np.float64),
        np.zeros(4, np.int64),
        np.zeros((depth, most + 1), np.int64),
        np.zeros((depth, 2, 3), np.int64),
        np.zeros(3, np.int64),
        np.zeros(3, np.int64),
    )
    memo, inner_bytes = box[7], box[10]
    within = np.zeros((depth + 1, 11), np.int64)
    mine = np.zeros((depth, 2), np.int64)
    status = np.zeros(1, np.int64)
    for row in range(schedule.size):
        s, h = schedule[row], hardware[row]
        ints[row, :] = 0
        reals[row, :] = 0.0
        mine[:] = units[s]
        mine[0, 0] = h[0] // clusters[s]
        if mine[0, 0] == 0:
            ints[row, 0] = FEW_PES
            continue
        at = 0
        while not maps[s, 0, at, SPATIAL]:
            at += 1
        mine[0, 1] = edge_units(maps[s, 0, at, SIZE], maps[s, 0, at, OFFSET], mine[0, 0], outer_extent[s])
        memo[:, MEMO] = 0
        inner_bytes[3] = 0
        status[0] = OK
        within[0] = extents[s]
        _level(
            0,
            levels[s] - 1,
            maps[s],
            count[s],
            tables[s],
            mine,
            order[s],
            masks[s],
            slide[s],
            h,
            within,
            box,
            ints[row],
            reals[row],
            status,
        )
        ints[row, 0] = status[0]
