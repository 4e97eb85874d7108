"""Lower bounds for the walk over tiles that need not divide: of the layer's cycles given those of all passes over the
scratchpad, and of an objective given what the registers hold.

Loops fall into groups, one per operand: those that it lacks and so can reuse it over. Where no loop is in two groups
(`exclusive`), in each level at most one operand is reused and all others move in every pass. A share of the PEs given to a
group saves passes of its operand only, so products over groups are enough for a bound. docs/dmazerunner.md gives the reasons.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.cost.kernels.dmazerunner import BASE_PJ, CYCLES, EDP, ENERGY, MAC, NET, RF, SPM, dma_stage
from tileloom.search.dmazerunner.bounds import merit


@njit(cache=True, nogil=True)
def touched(axes, starts, tile, values):
    """Fills values float64[operands]: fewest values of each operand that any cut of the tile moves, each once."""
    for o in range(starts.shape[0] - 1):
        product = 1.0
        for a in range(starts[o], starts[o + 1]):
            x, c = tile[axes[a, 0]], axes[a, 1]
            if c == 0:
                x = 1
            if axes[a, 2] >= 0:
                y, e = tile[axes[a, 2]], axes[a, 3]
                # Windows farther apart than they are long leave positions out.
                if e == 1:
                    x = min(c, y) * (x - 1) + y
                elif c == 1:
                    x = min(e, x) * (y - 1) + x
                else:
                    x = x + y - 1
            product *= x
        values[o] = product


@njit(cache=True, nogil=True)
def outer_stage(axes, starts, numbers, lacking, exclusive, extents, tile, dram, moved, own, dram_pj):
    """Fills, for a tile in the scratchpad, dram int64[loops], moved int64[operands] (DMA cycles of a tile), own
    float64[operands] (tiles of each operand if it is reused in full) and dram_pj float64[operands] (least pJ of all DRAM
    transfers if that operand is reused). Returns how many tiles there are."""
    n, m = extents.shape[0], starts.shape[0] - 1
    dma_stage(axes, starts, numbers, False, tile, moved, dram_pj)
    trips = 1.0
    own[:] = 1.0
    for v in range(n):
        dram[v] = -(-extents[v] // tile[v])
        trips *= dram[v]
        for o in range(m):
            if not lacking[o, v]:
                own[o] *= dram[v]
    every = 0.0
    for o in range(m):
        if not exclusive:
            every += dram_pj[o] * own[o]
        elif o == 0:
            every += dram_pj[o] * (2 * trips - own[o])
        else:
            every += dram_pj[o] * trips
    for o in range(m):
        if exclusive:
            dram_pj[o] = every - dram_pj[o] * ((2 * trips - own[o] if o == 0 else trips) - own[o])
        else:
            dram_pj[o] = every
    return trips


@njit(cache=True, nogil=True)
def layer_floor(exclusive, moved, own, trips, reused, inside):
    """Least cycles of the layer when all passes take `inside` cycles and one operand is reused at DRAM level."""
    m = moved.shape[0]
    if not exclusive:
        total = 0.0
        # With more than three operands the excesses of several keys may not add up to all transfers.
        for o in range(m if m <= 3 else 0):
            total += moved[o] * own[o]
        return max(total, inside)
    first = 0.0
    for o in range(m):
        if o != reused:
            first += (2 if o == 0 else 1) * moved[o]
    ways = 2 if reused == 0 else 1
    if own[reused] == trips:
        return max((first + ways * moved[reused]) * trips, inside)
    base = max(first * trips, inside)
    return base + ways * max(0.0, (first + moved[reused]) * own[reused] - base * own[reused] / trips)


@njit(cache=True, nogil=True, inline="always")
def _passes(z, own, share, compute, stalls):
    """Cycles of all passes when those of the others' tiles take z, and at most `share` of them move the reused one."""
    if share * z <= own:
        return z + own - (z - compute if stalls else z) * share
    return z + (compute * own / z if stalls else 0.0)


@njit(cache=True, nogil=True)
def passes_floor(a, b, cap_a, cap_b, cap, room, own, ratio, compute, stalls):
    """Least cycles of the passes over one tile in the scratchpad, compute outside those of an output that stays left out.

    a, b      values that the two others move if no PEs are given to their groups; cap_a, cap_b, cap: most PEs that help
    own       values of the reused operand, each once;  ratio: passes over its group if it gets no PEs
    compute   cycles of the MACs;  stalls: the reused operand is the output, which waits for them whenever it moves
    The others need z cycles; PEs that are not needed for that go to the group of the reused one. In between the bounds
    of its pieces that is concave in z, so the least is at one of them.
    """
    x = min(cap_a, max(1.0, np.sqrt(a / b * room)))
    y = min(cap_b, max(1.0, room / x))
    x = min(cap_a, max(1.0, room / y))
    low = max(a / x, b / y)
    if stalls:
        low = max(low, compute)
    most = min(cap, room)
    left = room / (a * b)
    best = _passes(low, own, min(1.0, min(most, max(1.0, left * low * low)) / ratio), compute, stalls)
    at_most = np.sqrt(most / left)
    if at_most > low:
        best = min(best, _passes(at_most, own, min(1.0, most / ratio), compute, stalls))
    met = max(own, min(own * ratio, max((own * ratio / left) ** (1.0 / 3.0), own * ratio / most)))
    if met > low:
        best = min(best, met + (compute * own / met if stalls else 0.0))
    return best


@njit(cache=True, nogil=True)
def class_floor(goal, limit, exclusive, touch, noc, once, stay, lone, ratio, cap, compute, room, trips, own, dram_pj, moved,
                numbers, pes):  # fmt: skip
    """Lower bound of an objective over the choices of the operands reused at each level; returns early below `limit`.

    Per operand: touch: values of its tile in the scratchpad, each once; noc: values over the network if all of them move
    in every pass, once: if it is reused in full; stay: PEs at least in use when it stays in them over several tiles;
    lone: PEs of its group, given out already; ratio: passes over its group if no more PEs are given to it; cap: most
    PEs that save such passes.
    compute: cycles; room: PEs to give out; trips, own, dram_pj, moved: see outer_stage
    """
    m = touch.shape[0]
    step = min(2 * numbers[NET], 3 * numbers[RF] + numbers[NET] + numbers[MAC])
    if not exclusive:
        pj = numbers[BASE_PJ] + dram_pj[0]
        for o in range(m):
            pj += own[o] * (numbers[NET] * once[o] + numbers[SPM] * touch[o])
        return merit(goal, pj, layer_floor(exclusive, moved, own, trips, 0, compute * trips))
    best = np.inf
    for p in range(m):
        pj, a, b = 0.0, -1, -1
        for o in range(m):
            if o != p:
                pj += (step if o == 0 else numbers[NET]) * noc[o]
                if a < 0:
                    a = o
                else:
                    b = o
        stays, spread, inside = 0.0, 0.0, 0.0
        if m == 3:
            ca, cb = touch[a] * ratio[a], touch[b] * ratio[b]
            wa = 2 * ca if a == 0 else ca
            x = min(cap[a], max(1.0, np.sqrt(wa / cb * room)))
            y = min(cap[b], max(1.0, room / x))
            x = min(cap[a], max(1.0, room / y))
            pj += numbers[SPM] * (max(wa / x, touch[a] * (2 if a == 0 else 1)) + max(cb / y, touch[b]))
            x = min(cap[a], max(1.0, np.sqrt(ca / cb * room)))
            y = min(cap[b], max(1.0, room / x))
            x = min(cap[a], max(1.0, room / y))
            spread = max(ca / x, cb / y)
            inside = passes_floor(ca, cb, cap[a], cap[b], cap[p], room, touch[p], ratio[p], compute, p == 0)
            if p != 0:
                # Either no PEs add up partial sums, and the output moves that often, or adding them takes time.
                added = noc[0] * (1 - 1 / max(2.0, lone[0]))
                stays, with_sums = compute + spread + added, compute + inside + added
                if lone[0] == 1:
                    alone = max(ca, cb / min(cap[b], room))
                    inside = min(with_sums, compute + max(alone, inside))
                    stays = min(stays, compute + alone)
                else:
                    inside = with_sums
            else:
                stays = max(compute, spread)
        else:
            for o in range(m):
                if o != p:
                    spread = max(spread, touch[o] * ratio[o] / min(cap[o], room))
                    pj += numbers[SPM] * touch[o] * (2 if o == 0 else 1)
            stays = max(compute, spread) if p == 0 else compute + spread
            inside = stays
        pj = pj * trips + numbers[BASE_PJ]
        ways = 2 if p == 0 else 1
        moving = (ways * numbers[SPM] * touch[p] + (step if p == 0 else numbers[NET] * lone[p]) * once[p]) * trips
        for q in range(m):
            value = merit(goal, pj + moving + dram_pj[q], layer_floor(True, moved, own, trips, q, inside * trips))
            if q == p and stay[p] <= pes:
                held = min(moving, (numbers[NET] * once[p] + numbers[SPM] * touch[p]) * own[p])
                cycles = layer_floor(True, moved, own, trips, q, min(stays, inside) * trips)
                value = min(value, merit(goal, pj + held + dram_pj[q], cycles))
            if value < best:
                best = value
                if best < limit:
                    return best
    return best


@njit(cache=True, nogil=True)
def register_floor(goal, limit, chosen, rank, tile, rf, space, spm, lacking, exclusive, foot, touch, trips, own, dram_pj, moved,
                   numbers, pes, work):  # fmt: skip
    """`class_floor` when the registers hold `rf` and PEs are shared out to loops of rank 0 .. chosen - 1; work float64[6, operands]."""
    n, m = tile.shape[0], foot.shape[0]
    lack, ratio, cap, lone, noc, once = work[0], work[1], work[2], work[3], work[4], work[5]
    work[:4] = 1.0
    parts, room, compute, rest, held = 1.0, pes, 1.0, 1.0, 1.0
    for v in range(n):
        if rank[v] < chosen:
            room /= space[v]
            compute *= rf[v] * spm[v]
            part = space[v] * spm[v]
        else:
            rest *= tile[v]
            held *= rf[v]
            part = -(-tile[v] // rf[v])
        parts *= part
        for o in range(m):
            if lacking[o, v]:
                lack[o] *= part
                if rank[v] < chosen:
                    ratio[o] *= spm[v]
                    lone[o] *= space[v]
                else:
                    ratio[o] *= tile[v] / rf[v]
                    cap[o] *= part
    for o in range(m):
        noc[o] = foot[o] * parts
        once[o] = noc[o] / lack[o]
        lack[o] = parts / lack[o]
    return class_floor(goal, limit, exclusive, touch, noc, once, lack, lone, ratio, cap, compute * max(rest / room, held),
                       room, trips, own, dram_pj, moved, numbers, pes)  # fmt: skip


@njit(cache=True, nogil=True)
def group_floor(goal, limit, front, tile, lacking, touch, trips, own, dram_pj, moved, numbers, pes, work):
    """`class_floor` when only products over groups of what the registers can hold are known (front float64[rows,
    operands]), for exclusive layers; work float64[7, operands]."""
    n, m = tile.shape[0], touch.shape[0]
    ratio, cap, noc, group, ones = work[0], work[1], work[2], work[3], work[4]
    group[:] = 1.0
    ones[:] = 1.0
    volume = 1.0
    for v in range(n):
        volume *= tile[v]
        for o in range(m):
            if lacking[o, v]:
                group[o] *= tile[v]
    best = np.inf
    for f in range(front.shape[0]):
        for o in range(m):
            ratio[o] = max(1.0, group[o] / front[f, o])
            cap[o] = ratio[o]
            noc[o] = touch[o] * ratio[o]
        value = class_floor(goal, limit, True, touch, noc, touch, ones, ones, ratio, cap, volume / pes, pes, trips, own,
                            dram_pj, moved, numbers, pes)  # fmt: skip
        best = min(best, value)
        if best < limit:
            break
    return best


@njit(cache=True, nogil=True)
def most_cycles(goal, limit, pj, exclusive, moved, own, trips):
    """Passes over one tile in the scratchpad take fewer cycles than this in any method below `limit`; pj: least energy."""
    if goal == ENERGY or (goal == EDP and pj <= 0):
        return np.inf
    allowed = limit if goal == CYCLES else limit / pj
    low, high = 0.0, allowed
    for _ in range(60 if np.isfinite(allowed) else 0):
        middle, least = (low + high) / 2, np.inf
        for q in range(moved.shape[0]):
            least = min(least, layer_floor(exclusive, moved, own, trips, q, middle))
        if least >= allowed:
            high = middle
        else:
            low = middle
    return high / trips


@njit(cache=True, nogil=True)
def too_slow(most, chosen, turn, tile, shares, rf, space, spm, group, touch, ratio, pes):
    """Whether passes take `most` cycles at least, for exclusive layers of three operands: a quick look before
    `register_floor`. turn: loops by rank; shares: tile / rf; group: the operand that lacks each loop, or 3."""
    compute, room, rest, held = 1.0, pes, 1.0, 1.0
    ratio[0], ratio[1], ratio[2] = touch[0], touch[1], touch[2]
    for place in range(turn.shape[0]):
        v = turn[place]
        if place < chosen:
            room /= space[v]
            compute *= rf[v] * spm[v]
            ratio[group[v]] *= spm[v]
        else:
            rest *= tile[v]
            held *= rf[v]
            ratio[group[v]] *= shares[v]
    compute *= max(rest / room, held)
    if compute >= most:
        return True
    # Two groups share the PEs; no split is better than an equal load.
    if ratio[1] * ratio[2] < most * most * room:
        return False
    left = (most - compute) * (most - compute) * room
    return ratio[0] * ratio[1] >= left and ratio[0] * ratio[2] >= left


@njit(cache=True, nogil=True)
def leaf_floor(goal, limit, lacking, fixed, prices, spm, trips, own, dram_pj, moved, numbers):
    """Lower bound when all factors are given, for exclusive layers; fixed, prices: see array_stage."""
    n, m = spm.shape[0], moved.shape[0]
    passes = 1.0
    for v in range(n):
        passes *= spm[v]
    best = np.inf
    for p in range(m):
        once, spread, pj = 1.0, 0.0, 0.0
        for v in range(n):
            if not lacking[p, v]:
                once *= spm[v]
        for o in range(m):
            if o != p:
                spread = max(spread, float(fixed[1 + o]))
                pj += (2 if o == 0 else 1) * (prices[o] + prices[m + o]) + prices[2 * m + o]
        stall = fixed[0] + fixed[1 + m]
        alone = prices[p] + prices[m + p]
        moving = ((2 if p == 0 else 1) * alone + prices[2 * m + p]) * once * trips
        if p != 0 or once == passes:
            stays = passes * (spread + stall)
            inside = stays + once * max(0.0, fixed[1 + p] - spread)
        else:
            reached = max(float(fixed[0]), spread)
            stays = passes * reached
            inside = stays + once * (max(0.0, fixed[1] - reached) + stall)
        if p == 0 and once == 1:
            stays = passes * max(float(fixed[0]), spread)
        pj = numbers[BASE_PJ] + pj * passes * trips
        for q in range(m):
            value = merit(goal, pj + moving + dram_pj[q], layer_floor(True, moved, own, trips, q, inside * trips))
            if q == p and once == 1:
                held = min(moving, (alone + prices[2 * m + p]) * own[p])
                cycles = layer_floor(True, moved, own, trips, q, min(stays, inside) * trips)
                value = min(value, merit(goal, pj + held + dram_pj[q], cycles))
            if value < best:
                best = value
                if best < limit:
                    return best
    return best
