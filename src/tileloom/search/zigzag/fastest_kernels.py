"""Branch and bound for cycles and energy-delay product, compiled: contents of all cuts, then the orders of what lies between.

The bounds are in cycle_kernels.py, the arrays are made in fastest.py.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from tileloom.cost.kernels.zigzag_program import SPARE_TIME
from tileloom.search.zigzag.chain_orders import best_order, chain_of, realise
from tileloom.search.zigzag.cycle_kernels import ENERGY, FACTS, chain_cycles, chain_stall, ends, least_cycles
from tileloom.search.zigzag.optimum_kernels import SLACK, below, fits


@nb.njit(cache=True, error_model="numpy")
def pair_comparable(b, c, other, d, cut_o, cut_m, packed, guard):
    """Whether content c at cut b and content d at cut `other` lie in one order."""
    lower, upper = below(packed[c], packed[d], guard), below(packed[d], packed[c], guard)
    if cut_o[b] == cut_o[other]:
        return lower if cut_m[b] < cut_m[other] else upper
    return lower or upper


@nb.njit(cache=True, error_model="numpy")
def narrow(
    program, chosen, listed, counts, bounds, facts, edp, start, best, cut_o, cut_m, port, mac, total, state, ports, work
):
    """Drops the contents of open cuts that cannot lead below `best`; returns evaluations, and -1 when a cut has none left.

    listed[b, :counts[b]] contents;  bounds[b, c] of the value with content c at cut b and the best of all others
    """
    cuts, done = len(cut_o), 0
    for b in range(cuts):
        if chosen[b] >= 0:
            state[b] = facts[b, chosen[b]]
            continue
        state[b] = np.inf
        for i in range(counts[b]):
            for k in range(FACTS):
                state[b, k] = min(state[b, k], facts[b, listed[b, i], k])
    least = state.copy()
    energy = start
    for b in range(cuts):
        energy += least[b, ENERGY]
    for b in range(cuts):
        if chosen[b] >= 0:
            continue
        kept = 0
        for i in range(counts[b]):
            c = listed[b, i]
            state[b] = facts[b, c]
            value = least_cycles(program, state, cut_o, cut_m, port, mac, total, ports, work)
            if edp:
                value *= energy - least[b, ENERGY] + facts[b, c, ENERGY]
            if value < best * (1.0 - SLACK):
                bounds[b, c] = value
                listed[b, kept], kept = c, kept + 1
        done += counts[b]
        state[b] = least[b]
        counts[b] = kept
        if kept == 0:
            return -1
    return done


@nb.njit(cache=True, error_model="numpy")
def closed_bound(
    program, edp, start, best, chosen, chain, cut_o, cut_m, place, port, values, cycles, done, facts, real, room, top_bits,
    sums, state, work,
):  # fmt: skip
    """What no order of a complete chain stays below."""
    energy = start
    for b in range(len(cut_o)):
        state[b] = facts[b, chosen[b]]
        energy += facts[b, chosen[b], ENERGY]
    factor = energy if edp else 1.0
    stall = chain_stall(
        program, cut_o, cut_m, place, port, chosen, chain, values, cycles, real, room, top_bits, sums, work
    )
    found = cycles[len(cycles) - 1] + stall + ends(program, state, cut_o, cut_m, work)
    if program.flags[SPARE_TIME] and found * factor < best:
        most = min(best / factor, 4.0 * found) + 1.0
        found = max(
            found, min(most, chain_cycles(program, cut_o, cut_m, chosen, values, cycles, done, sums, stall, most, work))
        )
    return found * factor


@nb.njit(cache=True, error_model="numpy")
def fastest(
    program, edp, cut_o, cut_m, place, port, values, packed, guard, cycles, done, exponents, slot_dim, slot_prime, foot,
    full_foot, facts, real, room, top_bits, mac, sums, start, best, limit, work, out_dims, out_sizes, out_cut,
):  # fmt: skip
    """Searches all chains below `best`. Returns (best, bound, evaluations, primes in the order).

    bound: nothing is better; equal to `best` when the search came to its end.
    """
    cuts, count, total = len(cut_o), len(cycles), cycles[len(cycles) - 1]
    listed = np.zeros((cuts + 1, cuts, count), np.int32)
    counts, turn = np.zeros((cuts + 1, cuts), np.int64), np.zeros(cuts + 1, np.int64)
    at, bounds = np.zeros(cuts + 1, np.int64), np.zeros((cuts + 1, cuts, count))
    chosen, state, ports = np.full(cuts, -1, np.int64), np.zeros((cuts, FACTS)), np.zeros((len(mac), 2))
    n = int(exponents[count - 1].sum())
    dims, sizes, items = np.zeros(n + 1, np.int64), np.ones(n + 1, np.int64), np.zeros(n + 1, np.int64)
    cut = np.zeros_like(out_cut)
    seen, depth, missed = 0, 0, np.inf
    for b in range(cuts):
        for c in range(count):
            if np.isfinite(facts[b, c, ENERGY]):
                listed[0, b, counts[0, b]] = c
                counts[0, b] += 1
    entering = True
    while depth >= 0:
        if entering:
            entering = False
            if depth == cuts:
                chain = chain_of(chosen, cycles)
                least = closed_bound(
                    program, edp, start, best, chosen, chain, cut_o, cut_m, place, port, values, cycles, done, facts, real,
                    room, top_bits, sums, state, work,
                )  # fmt: skip
                seen += 1
                if least < best * (1.0 - SLACK):
                    stops = realise(program, cut_o, cut_m, chosen, chain, cycles, exponents, items, cut)
                    best, more, complete = best_order(
                        program, edp, least, best, cut_o, cut_m, chosen, chain, cycles, stops, slot_dim, slot_prime, dims,
                        sizes, items, cut, work, out_dims, out_sizes, out_cut,
                    )  # fmt: skip
                    seen += more
                    if not complete:
                        missed = min(missed, least)
                depth -= 1
                continue
            more = narrow(
                program, chosen, listed[depth], counts[depth], bounds[depth], facts, edp, start, best, cut_o, cut_m, port,
                mac, total, state, ports, work,
            )  # fmt: skip
            seen += max(0, more)
            at[depth] = 0
            turn[depth] = -1
            if more >= 0:
                b = -1
                for other in range(cuts):
                    if chosen[other] < 0 and (b < 0 or counts[depth, other] < counts[depth, b]):
                        b = other
                turn[depth] = b
                some = listed[depth, b, : counts[depth, b]].copy()
                keys = np.empty(len(some))
                for i in range(len(some)):
                    keys[i] = bounds[depth, b, some[i]]
                listed[depth, b, : counts[depth, b]] = some[np.argsort(keys)]
        b = turn[depth]
        if b >= 0:
            chosen[b] = -1
        if b < 0 or at[depth] == counts[depth, b]:
            depth -= 1
            continue
        c = listed[depth, b, at[depth]]
        if bounds[depth, b, c] >= best * (1.0 - SLACK):
            at[depth] = counts[depth, b]
            continue
        if seen > limit:
            for d in range(depth + 1):
                # What is under way counts as well: at[d] of outer levels has moved past it.
                i = at[d] if d == depth else at[d] - 1
                missed = min(missed, bounds[d, turn[d], listed[d, turn[d], i]])
            return best, min(best, missed), seen, n
        at[depth] += 1
        chosen[b] = c
        if not fits(program, place, chosen, foot, full_foot, done, sums):
            continue
        possible = True
        for other in range(cuts):
            if chosen[other] >= 0:
                continue
            kept = 0
            for i in range(counts[depth, other]):
                d = listed[depth, other, i]
                if pair_comparable(other, d, b, c, cut_o, cut_m, packed, guard):
                    listed[depth + 1, other, kept] = d
                    kept += 1
            counts[depth + 1, other] = kept
            possible = possible and kept > 0
        if possible:
            depth += 1
            entering = True
    return best, min(best, missed), seen, n
