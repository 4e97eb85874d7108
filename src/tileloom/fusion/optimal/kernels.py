"""Compiled kernels of the fused optimum: class fronts, bounds of every shared tiling, exact rows, and the join.

Arrays in, arrays out; the slow twins are in reference.py (rows, join) and search/optimal/reference.py (forms).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tileloom.search.optimal.kernels import EDP, LATENCY, _feasible, bound


@njit(cache=True, nogil=True)
def front_of_classes(values, equal, order, starts, window):
    """Which options no compared option of the same class dominates; bool[options].

    values  float64[options, columns];  order: options sorted by class, then so that a dominating one comes first
    starts  int64[classes + 1] into order;  equal: columns on which a dominating option must agree
    window  each option is compared with this many kept ones at most, those that pruned lately first; some dominated
            ones may stay, which costs time later but loses nothing
    """
    kept = np.zeros(values.shape[0], dtype=np.bool_)
    columns = values.shape[1]
    front = np.empty(values.shape[0], dtype=np.int64)
    for c in range(starts.shape[0] - 1):
        size = 0
        for i in range(starts[c], starts[c + 1]):
            row = order[i]
            dominated = False
            for k in range(min(size, window)):
                other = front[k]
                better = True
                for j in range(columns):
                    if values[other, j] > values[row, j] or (equal[j] and values[other, j] != values[row, j]):
                        better = False
                        break
                if better:
                    dominated = True
                    front[k] = front[k // 2]
                    front[k // 2] = other
                    break
            if not dominated:
                at = size if size < window else window // 2
                front[size] = front[at]
                front[at] = row
                size += 1
                kept[row] = True
    return kept


@njit(cache=True, nogil=True)
def class_bounds(
    low, high, loops, groups, max_loops, cost, limits, reserve, objective, energy_most, cycles_most, edp_most
):
    """Bounds of every combination of one class per group (a shared tiling) that can be legal.

    low, high  float64[classes, columns]: extremes of a class's options;  loops: int64[classes], its shared loops
    reserve    LimitArrays: reservations of a memory at a stage (forms, coefficient, at);  high: the memory's capacity
    Combinations above energy_most, cycles_most or edp_most (energy times cycles) are left out.
    Returns (energy and cycles float64[n, 2], least reservations float64[n, forms], classes int64[n, groups]).
    """
    count = groups.shape[0] - 1
    columns = low.shape[1]
    forms = reserve.low.shape[0]
    total = 1
    for g in range(count):
        total *= groups[g + 1] - groups[g]
    cap = min(total, 4096)
    found = np.empty((cap, count), dtype=np.int64)
    values = np.empty((cap, 2))
    reserved = np.empty((cap, forms))
    least = np.ones((count + 1, columns))
    most = np.ones((count + 1, columns))
    at = groups[:count].copy()
    used = np.zeros(count + 1, dtype=np.int64)
    n = 0
    depth = 0
    while depth >= 0:
        if at[depth] == groups[depth + 1]:
            at[depth] = groups[depth]
            depth -= 1
            continue
        c = at[depth]
        at[depth] += 1
        used[depth + 1] = used[depth] + loops[c]
        if used[depth + 1] > max_loops:
            continue
        for j in range(columns):
            least[depth + 1, j] = least[depth, j] * low[c, j]
            most[depth + 1, j] = most[depth, j] * high[c, j]
        if depth < count - 1:
            depth += 1
            continue
        if not _feasible(least[count], most[count], limits):
            continue
        energy, cycles = bound(least[count], most[count], cost, objective, np.inf)
        if energy > energy_most or cycles > cycles_most:
            continue
        if objective == EDP and energy * cycles > edp_most:
            continue
        if n == cap:
            cap = min(total, 4 * cap)
            wider = np.empty((cap, count), dtype=np.int64)
            wider[:n] = found
            found = wider
            more = np.empty((cap, 2))
            more[:n] = values
            values = more
            longer = np.empty((cap, forms))
            longer[:n] = reserved
            reserved = longer
        for i in range(forms):
            sum_of = 0.0
            for k in range(reserve.forms[i], reserve.forms[i + 1]):
                sum_of += reserve.coefficient[k] * least[count, reserve.at[k]]
            reserved[n, i] = sum_of
        values[n, 0] = energy
        values[n, 1] = cycles
        for g in range(count):
            found[n, g] = at[g] - 1
        n += 1
    return values[:n], reserved[:n], found[:n]


@njit(cache=True, nogil=True)
def _grown(rows, used):
    """The first `used` rows in an array of four times the length."""
    wider = np.empty((4 * rows.shape[0], rows.shape[1]), dtype=rows.dtype)
    wider[:used] = rows[:used]
    return wider


@njit(cache=True, nogil=True)
def _is_beaten(row, front, size):
    """Whether one of the first `size` rows of a front is not above `row` in any number; it moves forward."""
    for k in range(size):
        better = True
        for j in range(row.shape[0]):
            if front[k, j] > row[j]:
                better = False
                break
        if better:
            if k:
                for j in range(row.shape[0]):
                    front[k, j], front[k - 1, j] = front[k - 1, j], front[k, j]
            return True
    return False


@njit(cache=True, nogil=True)
def exact_rows(table, rows, groups, cost, limits, reserve, column, factor, objective, goal, known):
    """Combinations of one option per group that are legal, within the goal, and not beaten by rows found before.

    table   float64[options, columns];  rows: int64[...] options of group g at rows[groups[g] : groups[g + 1]]
    limits  with the capacities of tracked memories
    column, factor   per form of `reserve`, where in a row its value times the factor is added
    goal    (extra energy, extra cycles, most energy, most cycles, most product): kept when energy + extra, cycles +
            extra and their product (for EDP) are within
    known   float64[n, width]: rows as returned, which beat what is not below them in any number
    Returns (rows float64[n, width]: energy, cycles, reservations; options int64[n, groups]).
    """
    count = groups.shape[0] - 1
    columns = table.shape[1]
    forms = reserve.low.shape[0]
    rest_low = np.ones((count + 1, columns))
    rest_high = np.ones((count + 1, columns))
    for g in range(count - 1, -1, -1):
        for j in range(columns):
            least, most = np.inf, 0.0
            for k in range(groups[g], groups[g + 1]):
                v = table[rows[k], j]
                least = min(least, v)
                most = max(most, v)
            rest_low[g, j] = rest_low[g + 1, j] * least
            rest_high[g, j] = rest_high[g + 1, j] * most
    width = known.shape[1]
    size = known.shape[0]
    front = np.empty((size + 64, width))
    front[:size] = known
    values = np.empty((64, width))
    options = np.empty((64, count), dtype=np.int64)
    prefix = np.ones((count + 1, columns))
    low = np.empty(columns)
    high = np.empty(columns)
    row = np.empty(width)
    at = groups[:count].copy()
    n = 0
    depth = 0
    while depth >= 0:
        if at[depth] == groups[depth + 1]:
            at[depth] = groups[depth]
            depth -= 1
            continue
        option = rows[at[depth]]
        at[depth] += 1
        for j in range(columns):
            prefix[depth + 1, j] = prefix[depth, j] * table[option, j]
            low[j] = prefix[depth + 1, j] * rest_low[depth + 1, j]
            high[j] = prefix[depth + 1, j] * rest_high[depth + 1, j]
        if not _feasible(low, high, limits):
            continue
        energy, cycles = bound(low, high, cost, objective, np.inf)
        if energy + goal[0] > goal[2] or cycles + goal[1] > goal[3]:
            continue
        if objective == EDP and (energy + goal[0]) * (cycles + goal[1]) > goal[4]:
            continue
        row[:] = 0.0
        row[0] = energy
        row[1] = cycles
        for i in range(forms):
            sum_of = 0.0
            for k in range(reserve.forms[i], reserve.forms[i + 1]):
                sum_of += reserve.coefficient[k] * low[reserve.at[k]]
            row[column[i]] += factor[i] * sum_of
        if _is_beaten(row, front, size):
            continue
        if depth < count - 1:
            depth += 1
            continue
        if n == values.shape[0]:
            values = _grown(values, n)
            options = _grown(options, n)
        if size == front.shape[0]:
            front = _grown(front, size)
        front[size] = row
        size += 1
        values[n] = row
        for g in range(count):
            options[n, g] = rows[at[g] - 1]
        n += 1
    return values[:n], options[:n]


@njit(cache=True, nogil=True)
def pareto_in_groups(values, group, order):
    """Rows that no other row of the same group dominates; bool[rows].

    values  float64[rows, columns], less is better;  order: rows sorted by group, then so that a dominating row comes
    first (any key that grows with every column)
    """
    kept = np.zeros(values.shape[0], dtype=np.bool_)
    columns = values.shape[1]
    front = np.empty(values.shape[0], dtype=np.int64)
    size = 0
    current = -1
    for i in range(order.shape[0]):
        row = order[i]
        if group[row] != current:
            current = group[row]
            size = 0
        dominated = False
        for k in range(size):
            other = front[k]
            better = True
            for j in range(columns):
                if values[other, j] > values[row, j]:
                    better = False
                    break
            if better:
                dominated = True
                if k:
                    front[k] = front[k - 1]
                    front[k - 1] = other
                break
        if not dominated:
            front[size] = row
            size += 1
            kept[row] = True
    return kept


@njit(cache=True, nogil=True)
def join_pairs(labels, rows, pairs, ahead, tiles, carried, memories, depth, capacity, objective, most):
    """Every label continued by every row it meets, where memories and the bound allow.

    labels    float64[labels, 2 + memories * (2 * depth + 2)]: energy, cycles, then per memory what is reserved for the
              whole run and at each level below the cut's depth, and the largest occupancy of finished problems by the
              depth they share with what follows (0 .. depth; -1: none)
    rows      float64[rows, 2 + memories * (depth + 2)]: energy, cycles, per memory reserved for the run and per level
    pairs     int64[pairs, 9]: labels from, to; rows from, to; depth before, after; state after, group, state before
    ahead     float64[pairs, 2]: bound of what follows (energy, cycles)
    tiles     float64[groups, memories * (1 + 2 * (depth + 1))]: per memory, tiles of the group's shared tensors; those
              first used now, by level; those used for the last time, by level
    carried   float64[states, memories]: tiles alive that the problem does not use
    capacity  float64[memories];  most: labels above this (with their bound) are dropped
    Returns (labels, int64[n, 3]: label, row, pair).
    """
    wide = labels.shape[1]
    cap = 1024
    found = np.empty((cap, wide))
    origin = np.empty((cap, 3), dtype=np.int64)
    own = 2 * depth + 2
    part = depth + 2
    extra = 1 + 2 * (depth + 1)
    new = np.empty(wide)
    n = 0
    for p in range(pairs.shape[0]):
        before = pairs[p, 4]
        after = pairs[p, 5]
        group = pairs[p, 7]
        for i in range(pairs[p, 0], pairs[p, 1]):
            for r in range(pairs[p, 2], pairs[p, 3]):
                energy = labels[i, 0] + rows[r, 0]
                cycles = labels[i, 1] + rows[r, 1]
                e = energy + ahead[p, 0]
                c = cycles + ahead[p, 1]
                value = c if objective == LATENCY else e * c if objective == EDP else e
                if value > most:
                    continue
                fits = True
                for m in range(memories):
                    a = 2 + m * own
                    b = a + depth + 1
                    q = 2 + m * part
                    x = m * extra
                    lasting = rows[r, q]
                    occupied = tiles[group, x] + carried[pairs[p, 8], m] + labels[i, a] + lasting
                    for k in range(depth + 1):
                        occupied += rows[r, q + 1 + k]
                    for k in range(before):
                        occupied += labels[i, a + 1 + k]
                    if occupied > capacity[m]:
                        fits = False
                        break
                    new[a] = labels[i, a] + lasting
                    for k in range(depth):
                        new[a + 1 + k] = 0.0
                        if k < after:
                            kept = labels[i, a + 1 + k] if k < before else 0.0
                            new[a + 1 + k] = kept + rows[r, q + 1 + k] + tiles[group, x + 2 + depth + k]
                    for d in range(depth + 1):
                        new[b + d] = -1.0
                    new[b + after] = occupied
                    grown = lasting
                    for d in range(before + 1):
                        if labels[i, b + d] >= 0.0:
                            finished = labels[i, b + d] + grown
                            if finished > capacity[m]:
                                fits = False
                                break
                            at = min(d, after)
                            if finished > new[b + at]:
                                new[b + at] = finished
                        if d < depth:
                            grown += rows[r, q + 1 + d] + tiles[group, x + 1 + d]
                    if not fits:
                        break
                    for d in range(after - 1, -1, -1):
                        if new[b + d + 1] > new[b + d]:
                            new[b + d] = new[b + d + 1]
                if not fits:
                    continue
                new[0] = energy
                new[1] = cycles
                if n == cap:
                    cap *= 4
                    more = np.empty((cap, wide))
                    more[:n] = found
                    found = more
                    longer = np.empty((cap, 3), dtype=np.int64)
                    longer[:n] = origin
                    origin = longer
                found[n] = new
                origin[n, 0] = i
                origin[n, 1] = r
                origin[n, 2] = p
                n += 1
    return found[:n], origin[:n]
