"""ZigZag's model compiled: energy and cycles of a temporal order with given cuts. Its slow twin is models/zigzag/evaluate.

An order is `dims` and `sizes` (int64, innermost first, `n` of them); `cut[o, m]` is the place in it where the loops of memory
level m of operand o end. Arrays of the program are described in zigzag_program.py. Sums are added in the twin's order.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tileloom.cost.kernels.zigzag_program import (
    HALO,
    IRRELEVANT,
    NARROW,
    OFFLOAD_ONE,
    OVERWRITES,
    RELEVANT,
    SPARE_TIME,
    STATIONARY,
    WHOLE_ACCESSES,
)


@nb.njit(cache=True, error_model="numpy")
def merge(program, o, dims, n, cut, merged):
    """Loops just above a cut that do not move the operand go below it."""
    top = program.levels[o]
    for m in range(top - 1):
        end = cut[o, m]
        while end < n and program.kind[o, dims[end]] == IRRELEVANT:
            end += 1
        merged[o, m] = end
    merged[o, top - 1] = n


@nb.njit(cache=True, error_model="numpy")
def halo_extent(program, o, h, first, second):
    """Elements along a halo for (fractional) loop products; see flow.halo_extent."""
    a, b, cap = program.halo[o, h, 2], program.halo[o, h, 3], program.halo[o, h, 4]
    if program.flags[3]:
        x, y = math.floor(first), math.floor(second)
        return float(min(cap, int(x * y - max(0, y - a) * (x - b))))
    return float(int(first * second - max(0.0, second - a) * (first - b)))


@nb.njit(cache=True, error_model="numpy")
def grow(program, o, dim, size, product, extents):
    """How many times more elements one more loop touches; `product` and `extents` are carried from loop to loop."""
    kind = program.kind[o, dim]
    if kind == RELEVANT:
        return size
    if kind != HALO:
        return 1.0
    product[dim] *= size
    more = 1.0
    for h in range(program.halos[o]):
        if program.halo[o, h, 0] == dim or program.halo[o, h, 1] == dim:
            extent = halo_extent(program, o, h, product[program.halo[o, h, 0]], product[program.halo[o, h, 1]])
            more *= extent / extents[h]
            extents[h] = extent
    return more


@nb.njit(cache=True, error_model="numpy")
def elements_held(program, o, variant, dims, sizes, merged, out, product, extents):
    """out[lv]: elements in one instance of data level lv, with exact (0) or whole (1) unrollings."""
    product[:] = 1.0
    extents[:] = 1.0
    out[0] = 1.0
    total, start = 1.0, 0
    for lv in range(1, program.levels[o] + 1):
        level = 1.0
        for i in range(start, merged[o, lv - 1]):
            level *= grow(program, o, dims[i], float(sizes[i]), product, extents)
        for i in range(program.loops[o, lv - 1]):
            dim, size = program.loop_dim[o, lv - 1, i], program.loop_size[variant, o, lv - 1, i]
            level *= grow(program, o, dim, size, product, extents)
        total *= level
        out[lv] = np.rint(total)
        start = merged[o, lv - 1]


@nb.njit(cache=True, error_model="numpy")
def is_partial(program, variant, last_sum, merged, lv):
    """Whether data level lv of the output holds partial sums; `last_sum` is the place after the last reducing loop."""
    below = merged[0, lv - 1] if lv else 0
    return last_sum > below or program.sums_above[variant, 0, lv + 1] == 1


@nb.njit(cache=True, error_model="numpy")
def last_reduction(program, dims, n):
    for i in range(n - 1, -1, -1):
        if program.kind[0, dims[i]] == IRRELEVANT:
            return i + 1
    return 0


@nb.njit(cache=True, error_model="numpy")
def cycles_below(program, o, dims, sizes, merged, out):
    """out[lv]: cycles between two changes of what data level lv holds."""
    out[0] = 1
    if program.flags[STATIONARY] and o:
        for i in range(merged[o, 0]):
            if program.kind[o, dims[i]] != IRRELEVANT:
                break
            out[0] *= sizes[i]
    product, start = 1, 0
    for lv in range(1, program.levels[o] + 1):
        for i in range(start, merged[o, lv - 1]):
            product *= sizes[i]
        out[lv], start = product, merged[o, lv - 1]


@nb.njit(cache=True, error_model="numpy")
def accesses(program, o, m, way, amount, width, count):
    """Accesses of the full width in one direction."""
    if amount == 0 or width == 0 or program.wide[o, m, way] == 0:
        return 0.0
    wide, least = program.wide[o, m, way], program.least[o, m, way]
    steps, step = 1.0, amount
    if program.flags[NARROW] and way < 2 and m > 0:
        step = min(program.below[o, m, way] / width, wide / width, amount)
        steps = math.ceil(amount / step)
    words = math.ceil(step * width / least) * (least / wide) * count * steps * program.units[o, m + 1]
    return float(math.floor(words)) if program.flags[WHOLE_ACCESSES] else words


@nb.njit(cache=True, error_model="numpy")
def operand_energy(program, o, held, cycles, total, last_sum, merged, start):
    """`start` plus the energy of all levels of an operand, level by level."""
    energy = start
    top = program.levels[o]
    for m in range(top):
        inner = o == 0 and is_partial(program, 0, last_sum, merged, m)
        outer = o == 0 and is_partial(program, 0, last_sum, merged, m + 1)
        low_bits = program.partial_bits[o] if inner else program.bits[o]
        high_bits = program.partial_bits[o] if outer else program.bits[o]
        low, low_count = held[m] * program.boost[0, o, m], total // cycles[m]
        high, high_count = held[m + 1], total // cycles[m + 1]
        inside = m < top - 1
        read_low = written_low = read_high = written_high = 0.0
        if o > 0 or inner:
            read_low = accesses(program, o, m, 0, low, low_bits, low_count) * program.price[o, m, 0]
        if o == 0:
            written_low = accesses(program, o, m, 1, low, low_bits, low_count) * program.price[o, m, 1]
            if inside:
                read_high = accesses(program, o, m, 2, high, high_bits, high_count) * program.price[o, m, 2]
        if inside and (o > 0 or outer):
            written_high = accesses(program, o, m, 3, high, high_bits, high_count) * program.price[o, m, 3]
        energy += (read_high + read_low) + (written_high + written_low)
    return energy


@nb.njit(cache=True, error_model="numpy")
def energy_of(program, dims, sizes, n, cut, work):
    """Energy in pJ. Leaves the merged cuts, cycles and exact contents in `work` for `cycles_of`."""
    total = 1
    for i in range(n):
        total *= sizes[i]
    last_sum = last_reduction(program, dims, n)
    energy = 0.0
    for o in range(program.operands):
        merge(program, o, dims, n, cut, work.merged)
        elements_held(program, o, 0, dims, sizes, work.merged, work.held[0, o], work.product, work.extents)
        cycles_below(program, o, dims, sizes, work.merged, work.cycles[o])
        energy = operand_energy(program, o, work.held[0, o], work.cycles[o], total, last_sum, work.merged, energy)
    return energy + program.mac_pj


@nb.njit(cache=True, error_model="numpy")
def outermost(program, o, kind, dims, sizes, merged, lv):
    """Product of the outermost consecutive loops of one kind at data level lv."""
    if lv == 0:
        return 1
    found, start = 1, merged[o, lv - 2] if lv > 1 else 0
    for i in range(merged[o, lv - 1] - 1, start - 1, -1):
        if program.kind[o, dims[i]] != kind:
            break
        found *= sizes[i]
    return found


@nb.njit(cache=True, error_model="numpy")
def buffer_flags(program, dims, sizes, last_sum, work):
    """work.buffered[o, lv]: whether two tiles fit at data level lv."""
    work.share[:] = 0.0
    for o in range(program.operands):
        for lv in range(1, program.levels[o] + 1):
            wide = o == 0 and is_partial(program, 0, last_sum, work.merged, lv)
            bits = int(work.held[0, o, lv]) * (program.partial_bits[o] if wide else program.bits[o])
            rolling = outermost(program, o, RELEVANT, dims, sizes, work.merged, lv)
            work.own[o, lv] = (bits // rolling) / program.room[o, lv - 1]
            work.share[program.memory[o, lv - 1]] += work.own[o, lv]
    for o in range(program.operands):
        work.buffered[o, 0] = 0
        for lv in range(1, program.levels[o] + 1):
            taken = work.share[program.memory[o, lv - 1]]
            fits = work.own[o, lv] <= 1 - taken
            work.buffered[o, lv] = taken <= 0.5 or fits
            if taken > 0.5 and fits:
                work.share[program.memory[o, lv - 1]] = taken + work.own[o, lv]


@nb.njit(cache=True, error_model="numpy")
def movements(program, dims, sizes, n, total, last_sum, work):
    """work.real, allowed, period and count of every movement, with whole unrollings."""
    for o in range(program.operands):
        elements_held(program, o, 1, dims, sizes, work.merged, work.held[1, o], work.product, work.extents)
        top = program.levels[o]
        for m in range(top):
            for way in range(4):
                lv = m if way < 2 else m + 1
                partial = o == 0 and is_partial(program, 1, last_sum, work.merged, lv)
                active = way in (0, 3) if o else (way in (1, 2) or partial)
                if way > 1 and m == top - 1:
                    active = False
                work.count[o, m, way] = work.period[o, m, way] = 0
                work.real[o, m, way] = work.allowed[o, m, way] = 0
                if not active or program.wide[o, m, way] == 0:
                    continue
                amount = work.held[1, o, lv] * (program.boost[1, o, m] if way < 2 else 1)
                width = program.partial_bits[o] if partial else program.bits[o]
                period = work.cycles[o, lv]
                lasting = outermost(program, o, IRRELEVANT, dims, sizes, work.merged, lv)
                work.real[o, m, way] = math.ceil(amount * width / program.wide[o, m, way])
                work.allowed[o, m, way] = period if work.buffered[o, lv] else period // lasting
                work.period[o, m, way] = period
                work.count[o, m, way] = total // period


@nb.njit(cache=True, error_model="numpy")
def window_union(count, period, allowed, free, inside):
    """Cycles of the longest period in no window; periods ascend and divide one another (latency._free)."""
    free[0] = 1
    for j in range(count):
        before = period[j - 1] if j else 1
        end, missing = allowed[j], 0
        for index in range(j, -1, -1):
            unit = period[index - 1] if index else 1
            window = allowed[index - 1] if index else 0
            missing += end // unit * free[index]
            end %= unit
            if end <= window:
                break
            missing -= inside[index]
        free[j + 1] = period[j] // before * free[j] - missing
        inside[j + 1] = missing
    return free[count]


@nb.njit(cache=True, error_model="numpy")
def port_stall(program, p, work):
    """Stall of a port, negative where it has slack."""
    late, spare, windows, count, full, only = 0, 0, 0, 0, 0, 0
    for i in range(program.activities[p]):
        o, m, way = program.activity[p, i, 0], program.activity[p, i, 1], program.activity[p, i, 2]
        times = work.count[o, m, way]
        if times == 0:
            continue
        real, allowed, period = work.real[o, m, way], work.allowed[o, m, way], work.period[o, m, way]
        only = (real - allowed) * (times - 1)
        if only > 0:
            late += only
        else:
            spare += only
        windows += allowed * (times - 1)
        if period == allowed and full == 0:
            full = period * times
        at = count
        while at > 0 and work.sort_period[at - 1] > period:
            work.sort_period[at], work.sort_allowed[at] = work.sort_period[at - 1], work.sort_allowed[at - 1]
            work.sort_count[at] = work.sort_count[at - 1]
            at -= 1
        work.sort_period[at], work.sort_allowed[at], work.sort_count[at] = period, allowed, times
        count += 1
    if count <= 1:
        return only
    if full == 0:
        free = window_union(count, work.sort_period, work.sort_allowed, work.free, work.inside)
        full = (work.sort_period[count - 1] - free) * work.sort_count[count - 1]
    return late + max(0, spare + windows - full)


@nb.njit(cache=True, error_model="numpy")
def spread_loads(program, computing, last_sum, work):
    """3.9: what is left of transfers that happen once after the port's spare time; in work.left."""
    for p in range(program.ports):
        bits, needed, spare = program.port_bits[p], 0, 0.0
        for i in range(program.activities[p]):
            o, m, way = program.activity[p, i, 0], program.activity[p, i, 1], program.activity[p, i, 2]
            if work.count[o, m, way] > 1 and (o > 0 or way in (1, 2)):
                lv = m if way < 2 else m + 1
                wide = o == 0 and is_partial(program, 1, last_sum, work.merged, lv)
                held = work.held[1, o, lv] * (program.partial_bits[o] if wide else program.bits[o])
                needed += int(held / work.cycles[o, lv] * (program.boost[1, o, m] if way < 2 else 1))
        spare = max(0.0, (bits - needed) / bits * computing)
        done = -1.0
        for _ in range(program.activities[p]):
            best, longest = -1, -1.0
            for i in range(program.activities[p]):
                o, m, way = program.activity[p, i, 0], program.activity[p, i, 1], program.activity[p, i, 2]
                if work.count[o, m, way] != 1 or (o == 0 and way not in (1, 2)) or work.visited[o, m, way]:
                    continue
                if work.real[o, m, way] > longest:
                    best, longest = i, float(work.real[o, m, way])
            if best < 0:
                break
            o, m, way = program.activity[p, best, 0], program.activity[p, best, 1], program.activity[p, best, 2]
            wide = o == 0 and is_partial(program, 1, last_sum, work.merged, 1)
            held = int(work.held[1, o, 1]) * (program.partial_bits[o] if wide else program.bits[o])
            taken = min(max(0.0, longest - math.ceil(held / bits)), spare)
            work.left[o, m, way] = longest - taken
            work.visited[o, m, way] = 1
            spare -= taken
            done = longest
    return done


@nb.njit(cache=True, error_model="numpy")
def first_loads(program, work):
    """Cycles until the first tiles of the inputs are where the computation needs them."""
    work.parts[:] = 0.0
    inputs = program.operands - 1
    for o in range(1, inputs + 1):
        for m in range(program.levels[o] - 1):
            cycles = max(work.left[o, m, 3], work.left[o, m + 1, 0])
            shared = program.shared[o, m, 3] + program.shared[o, m + 1, 0]
            if shared == 0:
                work.parts[o, 0] += cycles
            elif shared == 2:
                work.parts[o, 2] += cycles
            elif program.flags[OVERWRITES]:
                work.parts[o, 1] = cycles
            else:
                work.parts[o, 1] += cycles
    if inputs == 1:
        return work.parts[1, 0] + (0.0 if program.flags[OVERWRITES] else work.parts[1, 1] + work.parts[1, 2])
    a, b = work.parts[1], work.parts[2]
    return min(a[2] + max(b[2] + b[1] + b[0], a[1] + a[0]), b[2] + max(a[2] + a[1] + a[0], b[1] + b[0]))


@nb.njit(cache=True, error_model="numpy")
def last_stores(program, work):
    """Cycles after the computation until the output is at the top."""
    total, link = 0.0, 0.0
    for m in range(program.levels[0] - 1):
        link = max(work.left[0, m, 2], work.left[0, m + 1, 1])
        total += link
    if program.flags[OFFLOAD_ONE] and program.levels[0] > 1:
        return link + program.drain
    return total


@nb.njit(cache=True, error_model="numpy")
def cycles_of(program, dims, sizes, n, work):
    """Cycles with loading and storing, of the order that `energy_of` has just seen; parts in work.latency."""
    total = 1
    for i in range(n):
        total *= sizes[i]
    last_sum = last_reduction(program, dims, n)
    buffer_flags(program, dims, sizes, last_sum, work)
    movements(program, dims, sizes, n, total, last_sum, work)
    stall = 0
    for p in range(program.ports):
        stall = max(stall, port_stall(program, p, work))
    for o in range(program.operands):
        for m in range(program.levels[o]):
            for way in range(4):
                work.left[o, m, way] = work.real[o, m, way]
                work.visited[o, m, way] = 0
    if program.flags[SPARE_TIME]:
        spread_loads(program, total + stall, last_sum, work)
    work.latency[0], work.latency[1] = total, stall
    work.latency[2], work.latency[3] = first_loads(program, work), last_stores(program, work)
    return total + stall + work.latency[2] + work.latency[3]
