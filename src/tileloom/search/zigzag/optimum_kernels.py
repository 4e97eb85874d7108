"""The proven optimum compiled: branch and bound over what lies below every cut of every operand.

An order with its cuts is a chain of contents (multisets of prime factors): each cut (operand, memory level) has the content
below it, and contents of one order contain one another. Energy is a sum over cuts, so a partial choice is bounded by the
cheapest contents that are still comparable with what is chosen. docs/zigzag.md states the argument.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from tileloom.cost.kernels.zigzag_cost import accesses, grow
from tileloom.cost.kernels.zigzag_program import EARLY_SUMS, IRRELEVANT
from tileloom.search.zigzag.orders import footprint

SLACK = 1e-12


@nb.njit(cache=True, error_model="numpy")
def below(a, b, guard):
    """Whether packed content a is contained in b: no field of b - a borrows."""
    return ((b | guard) - a) & guard == guard


@nb.njit(cache=True, error_model="numpy")
def content_elements(program, o, m, variant, values, work):
    """Elements in one instance of memory m of operand o when `values[d]` iterations of every dimension lie in time."""
    work.product[:] = 1.0
    work.extents[:] = 1.0
    total = 1.0
    for d in range(program.dims):
        if values[d] > 1:
            total *= grow(program, o, d, float(values[d]), work.product, work.extents)
    for lv in range(m + 1):
        for i in range(program.loops[o, lv]):
            size = program.loop_size[variant, o, lv, i]
            total *= grow(program, o, program.loop_dim[o, lv, i], size, work.product, work.extents)
    return np.rint(total)


@nb.njit(cache=True, error_model="numpy")
def content_footprint(program, o, m, values, work):
    """Elements as the allocation counts them."""
    work.trial[:] = 1.0
    for d in range(program.dims):
        work.trial[d] = values[d]
    for lv in range(m + 1):
        for i in range(program.loops[o, lv]):
            work.trial[program.loop_dim[o, lv, i]] *= program.loop_size[0, o, lv, i]
    return footprint(program, o, work.trial)


@nb.njit(cache=True, error_model="numpy")
def cut_energy(program, o, m, held, count, partial):
    """Energy of all movements across the cut above memory m of operand o."""
    bits = program.partial_bits[o] if partial else program.bits[o]
    up = held * program.boost[0, o, m + 1]
    energy = 0.0
    if o > 0:
        energy += accesses(program, o, m, 3, held, bits, count) * program.price[o, m, 3]
        return energy + accesses(program, o, m + 1, 0, up, bits, count) * program.price[o, m + 1, 0]
    energy += accesses(program, o, m, 2, held, bits, count) * program.price[o, m, 2]
    energy += accesses(program, o, m + 1, 1, up, bits, count) * program.price[o, m + 1, 1]
    if partial:
        energy += accesses(program, o, m, 3, held, bits, count) * program.price[o, m, 3]
        energy += accesses(program, o, m + 1, 0, up, bits, count) * program.price[o, m + 1, 0]
    return energy


@nb.njit(cache=True, error_model="numpy")
def inner_energy(program, o, count, sums):
    """Energy of what goes between the lowest memory and the MACs."""
    partial = o == 0 and (sums or program.sums_above[0, 0, 1] == 1)
    bits = program.partial_bits[o] if partial else program.bits[o]
    amount = float(program.boost[0, o, 0])
    energy = 0.0
    if o > 0 or partial:
        energy += accesses(program, o, 0, 0, amount, bits, count) * program.price[o, 0, 0]
    if o == 0:
        energy += accesses(program, o, 0, 1, amount, bits, count) * program.price[o, 0, 1]
    return energy


@nb.njit(cache=True, error_model="numpy")
def price_cuts(program, values, cycles, done, cut_o, cut_m, work, price, foot):
    """price[b, c]: energy of cut b with content c, infinite where it does not fit; foot[b, c]: elements allocated."""
    total = cycles[len(cycles) - 1]
    for b in range(len(cut_o)):
        o, m = cut_o[b], cut_m[b]
        for c in range(len(cycles)):
            if m < 0:
                still = True
                for d in range(program.dims):
                    still = still and (values[c, d] == 1 or program.kind[o, d] == IRRELEVANT)
                foot[b, c] = 0.0
                price[b, c] = inner_energy(program, o, total // cycles[c], False) if still else np.inf
                continue
            foot[b, c] = content_footprint(program, o, m, values[c], work)
            if foot[b, c] * min(program.bits[o], program.partial_bits[o]) > program.room[o, m]:
                price[b, c] = np.inf
                continue
            partial = o == 0 and (not done[c] or program.sums_above[0, 0, m + 2] == 1)
            held = content_elements(program, o, m, 0, values[c], work)
            price[b, c] = cut_energy(program, o, m, held, total // cycles[c], partial)


@nb.njit(cache=True, error_model="numpy")
def fits(program, place, chosen, foot, full_foot, done, sums):
    """Whether the memories can hold what is chosen; operands that are not yet chosen take no room.

    place[o, m]: the cut above memory m of operand o (-1: the operand's top);  chosen[b]: its content or -1
    """
    for k in range(program.memories):
        used = 0.0
        for j in range(program.held[k]):
            o, m = program.held_by[k, j], program.held_level[k, j]
            b = place[o, m]
            if b >= 0 and chosen[b] < 0:
                continue
            size = foot[b, chosen[b]] if b >= 0 else full_foot[o]
            bits = program.bits[o]
            if o == 0:
                under = place[0, m - 1] if m else -1
                finished = not sums if m == 0 else (chosen[under] < 0 or done[chosen[under]])
                if not finished or (program.flags[EARLY_SUMS] and program.sums_above[0, 0, m + 1] == 1):
                    bits = program.partial_bits[0]
            used += size * bits
        if used > program.capacity[k]:
            return False
    return True


@nb.njit(cache=True, error_model="numpy")
def comparable(b, c, cut_o, cut_m, ring, packed, guard, chosen):
    """Whether content c at cut b can be in one order with the chosen contents; inner rings lie below outer ones."""
    for other in range(len(chosen)):
        if chosen[other] < 0 or other == b:
            continue
        lower, upper = below(packed[c], packed[chosen[other]], guard), below(packed[chosen[other]], packed[c], guard)
        if not (lower or upper):
            return False
        if cut_o[other] == cut_o[b] and not (upper if cut_m[other] < cut_m[b] else lower):
            return False
        if ring[other] != ring[b] and not (upper if ring[other] > ring[b] else lower):
            return False
    return True


@nb.njit(cache=True, error_model="numpy")
def branch(
    program,
    cut_o,
    cut_m,
    ring,
    place,
    packed,
    guard,
    done,
    sums,
    price,
    foot,
    full_foot,
    ranked,
    start,
    best,
    limit,
    answer,
):
    """The chain of contents of least energy below `best`. Returns (energy, nodes, whether it was searched to the end).

    ring[b]: fanouts around the cut's memory, where the order must be a loop nest; otherwise all equal
    ranked[b]: contents of cut b by price;  start: energy that no cut changes;  answer[b]: the contents found
    """
    cuts = len(cut_o)
    chosen = np.full(cuts, -1, np.int64)
    at = np.zeros(cuts + 1, np.int64)
    spent = np.zeros(cuts + 1)
    first = np.zeros((cuts + 1, cuts), np.int64)
    spent[0] = start
    depth, nodes = 0, 0
    while depth >= 0:
        if depth == cuts:
            best = spent[depth]
            answer[:] = chosen
            depth -= 1
            chosen[depth] = -1
            continue
        found = False
        while at[depth] < ranked.shape[1]:
            c = ranked[depth, at[depth]]
            at[depth] += 1
            cost = spent[depth] + price[depth, c]
            rest = 0.0
            for b in range(depth + 1, cuts):
                rest += price[b, ranked[b, first[depth, b]]]
            if not cost + rest < best * (1.0 - SLACK):
                at[depth] = ranked.shape[1]
                break
            if not comparable(depth, c, cut_o, cut_m, ring, packed, guard, chosen):
                continue
            nodes += 1
            if nodes > limit:
                return best, nodes, False
            chosen[depth] = c
            rest, possible = 0.0, fits(program, place, chosen, foot, full_foot, done, sums)
            for b in range(depth + 1, cuts):
                if not possible:
                    break
                i = first[depth, b]
                while i < ranked.shape[1] and not comparable(
                    b, ranked[b, i], cut_o, cut_m, ring, packed, guard, chosen
                ):
                    i += 1
                if i == ranked.shape[1]:
                    possible = False
                    break
                first[depth + 1, b] = i
                rest += price[b, ranked[b, i]]
                possible = cost + rest < best * (1.0 - SLACK)
            if possible:
                found = True
                spent[depth + 1] = cost
                break
            chosen[depth] = -1
        if found:
            depth += 1
            if depth < cuts:
                at[depth] = first[depth, depth]
        else:
            depth -= 1
            if depth >= 0:
                chosen[depth] = -1
    return best, nodes, True
