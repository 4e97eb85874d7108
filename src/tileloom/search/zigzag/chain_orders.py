"""The orders of a chain of contents compiled: of each segment those that differ to ZigZag's model, and the best of all.

Which chains there are is decided in fastest_kernels.py; docs/zigzag.md says which orders need not be looked at.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from tileloom.cost.kernels.zigzag_cost import cycles_of, energy_of
from tileloom.cost.kernels.zigzag_program import IRRELEVANT
from tileloom.search.zigzag.optimum_kernels import SLACK

ORDERS_PER_CHAIN, ORDERS_PER_SEGMENT, VARIANTS = 500_000, 20_000, 200
"""Where the enumeration of one chain gives up; the search then knows that it is not complete."""


@nb.njit(cache=True, error_model="numpy")
def next_order(items, start, end):
    """The next distinct order of items[start:end]; after the last the first again, and False."""
    i = end - 2
    while i >= start and items[i] >= items[i + 1]:
        i -= 1
    if i < start:
        items[start:end] = items[start:end][::-1].copy()
        return False
    j = end - 1
    while items[j] <= items[i]:
        j -= 1
    items[i], items[j] = items[j], items[i]
    items[i + 1 : end] = items[i + 1 : end][::-1].copy()
    return True


@nb.njit(cache=True, error_model="numpy")
def chain_of(chosen, cycles):
    """The distinct contents of a chain, ascending, with the empty and the full one."""
    found = np.empty(len(chosen) + 2, np.int64)
    found[0], count = 0, 1
    for c in chosen[np.argsort(cycles[chosen])]:
        if cycles[c] > cycles[found[count - 1]]:
            found[count], count = c, count + 1
    if cycles[len(cycles) - 1] > cycles[found[count - 1]]:
        found[count], count = len(cycles) - 1, count + 1
    return found[:count]


@nb.njit(cache=True, error_model="numpy")
def realise(program, cut_o, cut_m, chosen, chain, cycles, exponents, items, cut):
    """Primes of an order (slots in items) whose prefixes are the chain; returns the end of every segment."""
    stops = np.zeros(len(chain), np.int64)
    n = 0
    for i in range(1, len(chain)):
        for s in range(exponents.shape[1]):
            for _ in range(exponents[chain[i], s] - exponents[chain[i - 1], s]):
                items[n], n = s, n + 1
        stops[i] = n
    for o in range(program.operands):
        cut[o, :] = n
    for b in range(len(cut_o)):
        if cut_m[b] >= 0:
            for i in range(len(chain)):
                if cycles[chain[i]] == cycles[chosen[b]]:
                    cut[cut_o[b], cut_m[b]] = stops[i]
    return stops


@nb.njit(cache=True, error_model="numpy")
def uniform(program, o, items, start, end, slot_dim):
    """The kind that all loops of a segment have for operand o; -1 where they differ."""
    kind = program.kind[o, slot_dim[items[start]]]
    for i in range(start + 1, end):
        if program.kind[o, slot_dim[items[i]]] != kind:
            return -1
    return kind


@nb.njit(cache=True, error_model="numpy")
def mark_segments(program, cut_o, cut_m, chosen, chain, cycles, stops, items, slot_dim):
    """seen[i, o]: whether the end of segment i matters to operand o; fresh[i, o]: its first loop must not be irrelevant to o.

    Outermost runs start at the operand's next cut and pass through segments of one kind only. Irrelevant loops above a
    cut go below it, which is another chain.
    """
    seen = np.zeros((len(chain), program.operands), np.int64)
    fresh = np.zeros((len(chain), program.operands), np.int64)
    for o in range(program.operands):
        seen[len(chain) - 1, o] = 1
        inner = -1
        for b in range(len(cut_o)):
            if cut_o[b] == o and cut_m[b] == 0:
                inner = chosen[b]
        for b in range(len(cut_o)):
            if cut_o[b] != o:
                continue
            for i in range(len(chain)):
                if cycles[chain[i]] == cycles[chosen[b]]:
                    seen[i, o] = 1
                    if i + 1 < len(chain) and (cut_m[b] >= 0 or inner < 0 or cycles[inner] > cycles[chosen[b]]):
                        fresh[i + 1, o] = 1
        for i in range(len(chain) - 1, 1, -1):
            if seen[i, o] and uniform(program, o, items, stops[i - 1], stops[i], slot_dim) >= 0:
                seen[i - 1, o] = 1
    return seen, fresh


@nb.njit(cache=True, error_model="numpy")
def outer_runs(program, seen, turned, slot_dim, slot_prime, found):
    """found[o]: kind and product of the outermost loops of one kind, what the model sees of an order (outermost first).

    Returns how many loops settle that.
    """
    far = 0
    for o in range(program.operands):
        found[o] = 0
        if not seen[o]:
            continue
        kind, product, i = program.kind[o, slot_dim[turned[0]]], 1, 0
        while i < len(turned) and program.kind[o, slot_dim[turned[i]]] == kind:
            product *= slot_prime[turned[i]]
            i += 1
        found[o] = 4 * product + kind
        far = max(far, min(i + 1, len(turned)))
    return far


@nb.njit(cache=True, error_model="numpy")
def innermost(program, fresh, turned, far, slot_dim):
    """Where a loop stands that may come first: among those behind `far`, or else the last. -1: nowhere."""
    for i in range(min(far, len(turned) - 1), len(turned)):
        allowed = True
        for o in range(program.operands):
            allowed = allowed and not (fresh[o] and program.kind[o, slot_dim[turned[i]]] == IRRELEVANT)
        if allowed:
            return i
    return -1


@nb.njit(cache=True, error_model="numpy")
def variants(program, seen, fresh, items, start, end, slot_dim, slot_prime, kept):
    """Orders of one segment that differ to the model, in kept[v, start:end]; returns how many, and whether that is all."""
    runs = np.zeros((len(kept), program.operands), np.int64)
    now = np.zeros(program.operands, np.int64)
    turned = np.sort(items[start:end])
    count = 0
    for _ in range(ORDERS_PER_SEGMENT):
        far = outer_runs(program, seen, turned, slot_dim, slot_prime, now)
        first = innermost(program, fresh, turned, far, slot_dim)
        different = first >= 0
        for v in range(count):
            different = different and (runs[v] != now).any()
        if different:
            if count == len(kept):
                return count, False
            runs[count] = now
            kept[count, start:end] = turned[::-1]
            kept[count, start], kept[count, end - 1 - first] = turned[first], turned[-1]
            count += 1
        # The loops behind `far` change nothing: on to the next beginning.
        turned[far:] = np.sort(turned[far:])[::-1].copy()
        if not next_order(turned, 0, len(turned)):
            return count, True
    return count, False


@nb.njit(cache=True, error_model="numpy")
def best_order(
    program, edp, least, best, cut_o, cut_m, chosen, chain, cycles, stops, slot_dim, slot_prime, dims, sizes, items, cut,
    work, out_dims, out_sizes, out_cut,
):  # fmt: skip
    """All orders of a chain that differ, until one reaches `least`. Returns (best, work done, whether none was left out)."""
    n, segments = stops[len(stops) - 1], len(stops)
    seen, fresh = mark_segments(program, cut_o, cut_m, chosen, chain, cycles, stops, items, slot_dim)
    kept, counts = np.zeros((VARIANTS, n + 1), np.int64), np.ones(segments, np.int64)
    complete, done = True, 0
    for i in range(1, segments):
        counts[i], whole = variants(
            program, seen[i], fresh[i], items, stops[i - 1], stops[i], slot_dim, slot_prime, kept
        )
        complete = complete and whole
        done += 1
        if counts[i] == 0:
            return best, done, whole
    pick = np.zeros(segments, np.int64)
    while True:
        for i in range(1, segments):
            for j in range(stops[i - 1], stops[i]):
                dims[j], sizes[j] = slot_dim[kept[pick[i], j]], slot_prime[kept[pick[i], j]]
        done += 1
        energy = energy_of(program, dims, sizes, n, cut, work)
        value = cycles_of(program, dims, sizes, n, work) * (energy if edp else 1.0)
        if value < best * (1.0 - SLACK):
            best = value
            out_dims[:n], out_sizes[:n], out_cut[:] = dims[:n], sizes[:n], cut
        if best * (1.0 - SLACK) <= least:
            return best, done, True
        if done >= ORDERS_PER_CHAIN:
            return best, done, False
        i = 1
        while i < segments:
            pick[i] += 1
            if pick[i] < counts[i]:
                break
            pick[i] = 0
            i += 1
        if i == segments:
            return best, done, complete
