"""Lower bounds on ZigZag's cycles compiled: what each cut of an order adds to ports and links, given what lies below it.

The search that uses them is in fastest_kernels.py; docs/zigzag.md states why no order can be faster than these bounds.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from tileloom.cost.kernels.zigzag_cost import first_loads, last_stores, port_stall, spread_loads
from tileloom.cost.kernels.zigzag_program import IRRELEVANT, RELEVANT, SPARE_TIME
from tileloom.search.zigzag.optimum_kernels import content_elements

LATE, BUSY, LINK, ENERGY, FACTS = 0, 4, 8, 9, 10
"""Columns of the facts of a cut with a content: four of cycles late, four of cycles busy, one each of the rest."""


@nb.njit(cache=True, error_model="numpy")
def moves(program, o, m, way, partial):
    """Whether operand o moves at memory m in this direction."""
    if m < 0 or program.wide[o, m, way] == 0:
        return False
    if way > 1 and m == program.levels[o] - 1:
        return False
    return way == 0 or way == 3 if o else way == 1 or way == 2 or partial


@nb.njit(cache=True, error_model="numpy")
def slot(m, s):
    """Memory and direction of the s-th movement across the cut above memory m."""
    return (m, s + 2) if s < 2 else (m + 1, s - 2)


@nb.njit(cache=True, error_model="numpy")
def slot_ports(program, cut_o, cut_m):
    """[b, s] the port of every movement across a cut, -1 where there is none."""
    found = np.full((len(cut_o), 4), -1, np.int64)
    for p in range(program.ports):
        for i in range(program.activities[p]):
            for b in range(len(cut_o)):
                for s in range(4):
                    m, way = slot(cut_m[b], s)
                    a = program.activity[p, i]
                    if a[0] == cut_o[b] and a[1] == m and a[2] == way:
                        found[b, s] = p
    return found


@nb.njit(cache=True, error_model="numpy")
def hidden(program, o, real, held, p):
    """3.9: the least that is left of a transfer that happens once, where the port has all the time it needs."""
    return min(real, math.ceil(held * min(program.bits[o], program.partial_bits[o]) / program.port_bits[p]))


@nb.njit(cache=True, error_model="numpy")
def cut_facts(program, values, cycles, done, cut_o, cut_m, port, price, work):
    """facts[b, c, FACTS], real[b, c, 4] cycles of one transfer (-1: none), and room[b, c] bits of the content, as the model counts them."""
    cuts, count = price.shape
    facts, real, room = np.zeros((cuts, count, FACTS)), np.full((cuts, count, 4), -1.0), np.zeros((cuts, count))
    total = cycles[count - 1]
    for b in range(cuts):
        o, m = cut_o[b], cut_m[b]
        least = content_elements(program, o, 0, 1, values[0], work)
        for c in range(count):
            facts[b, c, ENERGY] = price[b, c]
            if not np.isfinite(price[b, c]):
                continue
            partial = o == 0 and (not done[c] or program.sums_above[1, 0, m + 2] == 1)
            width = program.partial_bits[o] if partial else program.bits[o]
            held = content_elements(program, o, m, 1, values[c], work) if m >= 0 else 1.0
            wide = o == 0 and (not done[c] or program.sums_above[0, 0, m + 2] == 1)
            exact = content_elements(program, o, m, 0, values[c], work) if m >= 0 else 0.0
            room[b, c] = exact * (program.partial_bits[o] if wide else program.bits[o])
            times = total // cycles[c]
            for s in range(4):
                at, way = slot(m, s)
                if port[b, s] < 0 or not moves(program, o, at, way, partial):
                    continue
                amount = held * (program.boost[1, o, at] if way < 2 else 1)
                cost = math.ceil(amount * width / program.wide[o, at, way])
                real[b, c, s] = cost
                facts[b, c, LATE + s] = max(0.0, cost - cycles[c]) * (times - 1)
                facts[b, c, BUSY + s] = cost * (times - 1)
                if m >= 0 and (s == 1 or s == 2 if o else s == 0 or s == 3):
                    if program.flags[SPARE_TIME] and times == 1:
                        cost = hidden(program, o, cost, held if m == 0 else least, port[b, s])
                    facts[b, c, LINK] = max(facts[b, c, LINK], cost)
    return facts, real, room


@nb.njit(cache=True, error_model="numpy")
def mac_facts(program, cut_o, cut_m, total, sums):
    """[p, 0] cycles late and [p, 1] cycles busy of what goes between the lowest memories and the MACs."""
    found = np.zeros((program.ports, 2))
    for p in range(program.ports):
        for i in range(program.activities[p]):
            o, m, way = program.activity[p, i, 0], program.activity[p, i, 1], program.activity[p, i, 2]
            cost = mac_real(program, o, way, cut_o, cut_m, sums) if m == 0 and way < 2 else 0
            found[p, 0] += max(0, cost - 1) * (total - 1)
            found[p, 1] += cost * (total - 1)
    return found


@nb.njit(cache=True, error_model="numpy")
def mac_real(program, o, way, cut_o, cut_m, sums):
    """Cycles of one transfer to or from the MACs; 0 where there is none, or a cut stands for it."""
    partial = o == 0 and (sums or program.sums_above[1, 0, 1] == 1)
    if not moves(program, o, 0, way, partial):
        return 0
    for b in range(len(cut_o)):
        if cut_o[b] == o and cut_m[b] < 0:
            return 0
    width = program.partial_bits[o] if partial else program.bits[o]
    return math.ceil(float(program.boost[1, o, 0]) * width / program.wide[o, 0, way])


@nb.njit(cache=True, error_model="numpy")
def ends(program, state, cut_o, cut_m, work):
    """Cycles of the first loads and last stores when each link takes state[b, LINK]."""
    for b in range(len(cut_o)):
        o, m = cut_o[b], cut_m[b]
        if m >= 0:
            work.left[o, m, 3 if o else 2] = state[b, LINK]
            work.left[o, m + 1, 0 if o else 1] = 0.0
    return first_loads(program, work) + last_stores(program, work)


@nb.njit(cache=True, error_model="numpy")
def least_cycles(program, state, cut_o, cut_m, port, mac, total, ports, work):
    """Cycles that no order stays below whose cuts have at least these facts.

    A port is late by what exceeds whole periods, and busy for longer than the computation by the sum of its transfers.
    """
    ports[:] = mac
    for b in range(len(cut_o)):
        for s in range(4):
            p = port[b, s]
            if p >= 0:
                ports[p, 0] += state[b, LATE + s]
                ports[p, 1] += state[b, BUSY + s]
    stall = 0.0
    for p in range(len(ports)):
        stall = max(stall, ports[p, 0], ports[p, 1] - total)
    return total + stall + ends(program, state, cut_o, cut_m, work)


@nb.njit(cache=True, error_model="numpy")
def runs(program, o, high, lowest, chain, values, cycles):
    """The longest run of relevant loops at the end of a content, and the run of irrelevant ones that no order avoids.

    chain: all chosen contents, ascending;  lowest: the content of the operand's next cut below
    """
    rolling, lasting = 1, 1
    may_roll, must_last = True, True
    upper = high
    for i in range(len(chain) - 1, -1, -1):
        lower = chain[i]
        if cycles[lower] >= cycles[upper] or cycles[lower] < cycles[lowest]:
            continue
        other = False
        relevant, irrelevant = 1, 1
        for d in range(program.dims):
            n = values[upper, d] // values[lower, d]
            if n > 1:
                if program.kind[o, d] == RELEVANT:
                    relevant *= n
                elif program.kind[o, d] == IRRELEVANT:
                    irrelevant *= n
                else:
                    other = True
        if may_roll:
            rolling *= relevant
        may_roll = may_roll and not other and irrelevant == 1
        must_last = must_last and not other and relevant == 1
        if must_last:
            lasting *= irrelevant
        upper = lower
    return rolling, lasting


@nb.njit(cache=True, error_model="numpy")
def chain_stall(program, cut_o, cut_m, place, port, chosen, chain, values, cycles, real, room, top_bits, sums, work):
    """Stall that no order of a chain of contents stays below; tiles that cannot be doubled wait for their outermost loops."""
    total, full = cycles[len(cycles) - 1], len(cycles) - 1
    work.share[:] = 0.0
    cuts = len(cut_o)
    last = np.ones(cuts, np.int64)
    for o in range(program.operands):
        for m in range(program.levels[o]):
            b, under = place[o, m], place[o, m - 1] if m else -1
            bits = room[b, chosen[b]] if b >= 0 else top_bits[o]
            rolling, lasting = runs(
                program, o, chosen[b] if b >= 0 else full, chosen[under] if under >= 0 else 0, chain, values, cycles
            )
            work.own[o, m + 1] = (int(bits) // rolling) / program.room[o, m]
            work.share[program.memory[o, m]] += work.own[o, m + 1]
            if b >= 0:
                last[b] = lasting
    work.count[:] = 0
    work.real[:] = 0
    for o in range(program.operands):
        for way in range(2):
            cost = mac_real(program, o, way, cut_o, cut_m, sums)
            if cost:
                work.real[o, 0, way], work.count[o, 0, way] = cost, total
                work.period[o, 0, way] = work.allowed[o, 0, way] = 1
    for b in range(cuts):
        o, m, period = cut_o[b], cut_m[b], cycles[chosen[b]]
        taken = work.share[program.memory[o, m]] if m >= 0 else 0.0
        # The model adds up in another order: never call a tile too large for a rounding.
        doubled = m < 0 or taken <= 0.5 + 1e-9 or work.own[o, m + 1] <= 1 - taken + 1e-9
        for s in range(4):
            at, way = slot(m, s)
            if port[b, s] >= 0 and real[b, chosen[b], s] >= 0:
                work.real[o, at, way], work.count[o, at, way] = int(real[b, chosen[b], s]), total // period
                work.period[o, at, way], work.allowed[o, at, way] = period, period if doubled else period // last[b]
    stall = 0
    for p in range(program.ports):
        stall = max(stall, port_stall(program, p, work))
    return stall


@nb.njit(cache=True, error_model="numpy")
def ends_behind(program, computing, sums, work):
    """3.9: cycles of first loads and last stores when ports may hide them behind this computation; never grows with it."""
    for o in range(program.operands):
        for m in range(program.levels[o]):
            for way in range(4):
                work.left[o, m, way] = work.real[o, m, way]
                work.visited[o, m, way] = 0
    spread_loads(program, computing, 1 if sums else 0, work)
    return first_loads(program, work) + last_stores(program, work)


@nb.njit(cache=True, error_model="numpy")
def chain_cycles(program, cut_o, cut_m, chosen, values, cycles, done, sums, stall, most, work):
    """3.9: cycles that no order of a chain stays below; `chain_stall` has just been called.

    A longer stall hides more, so stalls from the least to the one that gives `most` cycles are bounded range by range,
    each by its shortest computation and its best hiding place.
    """
    total = cycles[len(cycles) - 1]
    work.cycles[:, 0] = 1
    work.held[1, :, 0] = 1.0
    for o in range(program.operands):
        top = program.levels[o] - 1
        work.held[1, o, top + 1] = content_elements(program, o, top, 1, values[len(values) - 1], work)
        work.merged[o, top] = 1
    for b in range(len(cut_o)):
        o, m, c = cut_o[b], cut_m[b], chosen[b]
        work.cycles[o, m + 1] = cycles[c]
        if m >= 0:
            work.held[1, o, m + 1] = content_elements(program, o, m, 1, values[c], work)
        if o == 0:
            # One reducing loop stands for all: below the cut or above it.
            work.merged[0, m] = done[c]
    found = total + stall + ends_behind(program, total + stall, sums, work)
    low, width = stall + 1, 1
    while total + low < min(found, most):
        high = min(low + width - 1, most - total)
        found = min(found, total + low + ends_behind(program, total + high, sums, work))
        low, width = low + width, 2 * width
    return found
