"""Compiled kernels of the optimal mapper: the Pareto filter and the depth-first search over group fronts.

Arrays in, arrays out; what they compute is defined by the slow twins in reference.py (property-tested equal).
"""

from __future__ import annotations

import numpy as np
from numba import njit

ENERGY, LATENCY, EDP, FRONT = 0, 1, 2, 3
"""Objectives; FRONT collects every non-dominated (energy, cycles) pair."""

SWEEPS = 3
"""Rounds of filtering per node: a group's shrinking tightens the bounds of the others; more rounds gain little."""


@njit(cache=True, nogil=True)
def pareto_rows(values, equal):
    """Indices of rows that no kept earlier row dominates.

    values  float64[rows, columns], less is better, sorted so that a dominating row comes first (any monotone key)
    equal   bool[columns]: on these the dominating row must have the same value
    Of equal rows the first is kept.
    """
    rows, columns = values.shape
    kept = np.empty(rows, dtype=np.int64)
    count = 0
    for i in range(rows):
        dominated = False
        for k in range(count):
            other = kept[k]
            better = True
            for j in range(columns):
                if values[other, j] > values[i, j] or (equal[j] and values[other, j] != values[i, j]):
                    better = False
                    break
            if better:
                dominated = True
                # A row that prunes once tends to prune again: move it forward.
                if k > 0:
                    kept[k] = kept[k - 1]
                    kept[k - 1] = other
                break
        if not dominated:
            kept[count] = i
            count += 1
    return np.sort(kept[:count])


@njit(cache=True, nogil=True, inline="always")
def _form(low, high, start, end, plus, plus_at, minus, minus_at, offset):
    """Lower bound of offset + sum max(0, plus * column - minus * column) given column bounds."""
    total = offset
    for i in range(start, end):
        part = plus[i] * low[plus_at[i]]
        if minus_at[i] >= 0:
            part -= minus[i] * high[minus_at[i]]
            if part < 0.0:
                part = 0.0
        total += part
    return total


@njit(cache=True, nogil=True)
def bound(low, high, forms, plus, plus_at, minus, minus_at, offsets, leakage, objective, energy_stop):
    """Least (energy, cycles) compatible with column bounds `low` <= column <= `high`.

    forms      int64[1 + components + 1]: terms of energy, then of each component's busy time, as ranges
    offsets    float64[1 + components]
    objective  ENERGY skips nothing that energy needs, LATENCY skips energy; what is skipped is returned as 0
    energy_stop  with ENERGY, cycles are not computed once energy reaches this
    """
    components = forms.shape[0] - 2
    energy = 0.0
    cycles = 0.0
    if objective != LATENCY:
        energy = _form(low, high, forms[0], forms[1], plus, plus_at, minus, minus_at, offsets[0])
        if objective == ENERGY and energy >= energy_stop:
            return energy, cycles
    for c in range(components):
        busy = _form(low, high, forms[c + 1], forms[c + 2], plus, plus_at, minus, minus_at, offsets[c + 1])
        if busy > cycles:
            cycles = busy
    if objective != LATENCY:
        energy += leakage * cycles
    return energy, cycles


@njit(cache=True, nogil=True, inline="always")
def value_of(energy, cycles, objective):
    """What is minimised; for FRONT the key by which branches are ordered."""
    if objective == LATENCY:
        return cycles
    if objective == EDP:
        return energy * cycles
    return energy


@njit(cache=True, nogil=True)
def is_dominated(energy, cycles, archive, size, slack):
    """Whether a point of the archive (float64[capacity, 2], energy ascending, cycles descending) is as good in both.

    slack = 1 - gap: points within the gap count as well.
    """
    left, right = 0, size
    while left < right:
        middle = (left + right) // 2
        if archive[middle, 0] * slack <= energy:
            left = middle + 1
        else:
            right = middle
    return left > 0 and archive[left - 1, 1] * slack <= cycles


@njit(cache=True, nogil=True)
def insert_point(energy, cycles, archive, owners, size):
    """Adds a point that nothing dominates and drops those it dominates; returns (position, new size).

    owners: int64[capacity, ...] rows moved along with the points.
    """
    at = 0
    while at < size and archive[at, 0] < energy:
        at += 1
    end = at
    while end < size and archive[end, 1] >= cycles:
        end += 1
    shift = end - at - 1
    if shift < 0:
        for k in range(size - 1, at - 1, -1):
            archive[k + 1] = archive[k]
            owners[k + 1] = owners[k]
    elif shift > 0:
        for k in range(end, size):
            archive[k - shift] = archive[k]
            owners[k - shift] = owners[k]
    archive[at, 0] = energy
    archive[at, 1] = cycles
    return at, size - shift


@njit(cache=True, nogil=True, inline="always")
def _feasible(low, high, limit_forms, limit_coefficient, limit_at, limit_low, limit_high):
    for i in range(limit_low.shape[0]):
        least = 0.0
        most = 0.0
        for k in range(limit_forms[i], limit_forms[i + 1]):
            least += limit_coefficient[k] * low[limit_at[k]]
            most += limit_coefficient[k] * high[limit_at[k]]
        if least > limit_high[i] or most < limit_low[i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _extremes(table, rows, count, least, most):
    """Column minima and maxima of table[rows[:count]], written to least and most."""
    for j in range(table.shape[1]):
        least[j] = np.inf
        most[j] = 0.0
    for k in range(count):
        for j in range(table.shape[1]):
            value = table[rows[k], j]
            if value < least[j]:
                least[j] = value
            if value > most[j]:
                most[j] = value


@njit(cache=True, nogil=True)
def _rest(prefix, group, is_open, least, most, base_low, base_high):
    """Bounds of what multiplies an option of `group`: the prefix times the extremes of all other open groups."""
    for j in range(prefix.shape[0]):
        low = prefix[j]
        high = prefix[j]
        for h in range(is_open.shape[0]):
            if h != group and is_open[h]:
                low *= least[h, j]
                high *= most[h, j]
        base_low[j] = low
        base_high[j] = high


@njit(cache=True, nogil=True)
def _sort_by(keys, rows, count):
    """Stable: rows[:count] and keys[:count] in ascending order of keys."""
    order = np.argsort(keys[:count], kind="mergesort")
    sorted_rows = rows[:count][order]
    sorted_keys = keys[:count][order]
    for k in range(count):
        rows[k] = sorted_rows[k]
        keys[k] = sorted_keys[k]


@njit(cache=True, nogil=True)
def _open_below(depth, group, row, table, starts, prefix, is_open, alive, alive_count):
    """State of the node below `depth` when `group` takes `row`."""
    below = depth + 1
    for j in range(table.shape[1]):
        prefix[below, j] = prefix[depth, j] * table[row, j]
    for h in range(is_open.shape[1]):
        is_open[below, h] = is_open[depth, h] and h != group
        alive_count[below, h] = alive_count[depth, h]
        if is_open[below, h]:
            for i in range(alive_count[depth, h]):
                alive[below, starts[h] + i] = alive[depth, starts[h] + i]


@njit(cache=True, nogil=True)
def search(
    table,
    starts,
    forms,
    plus,
    plus_at,
    minus,
    minus_at,
    offsets,
    leakage,
    limit_forms,
    limit_coefficient,
    limit_at,
    limit_low,
    limit_high,
    objective,
    incumbent,
    energy_limit,
    cycle_limit,
    slack,
    node_limit,
    archive,
    owners,
    archive_size,
    template,
):
    """Best option per group for one template, if it costs less than `incumbent`; with FRONT, fills the archive.

    table   float64[all options, columns]: the groups' factors below one another;  starts: int64[groups + 1]
    energy_limit, cycle_limit   mappings above either are out (the other objective's value, for tie-breaking)
    slack   1 - gap: a branch is cut when its bound >= slack * incumbent
    archive, owners   float64[capacity, 2] and int64[capacity, 1 + groups] (template, rows), used with FRONT only
    Returns (value, rows[groups] or -1, least bound that was cut, archive size, counts), counts = (nodes, options cut
    by bound, options cut by a limit, complete mappings evaluated, 1 if node_limit or a full archive ended the search).
    """
    # A limit on the other objective needs both to be computed.
    computed = EDP if objective == LATENCY and energy_limit < np.inf else objective
    groups = starts.shape[0] - 1
    columns = table.shape[1]
    best_rows = np.full(groups, -1, dtype=np.int64)
    best = incumbent
    cut_bound = np.inf
    counts = np.zeros(5, dtype=np.int64)

    total = table.shape[0]
    alive = np.empty((groups + 1, total), dtype=np.int64)
    alive_count = np.zeros((groups + 1, groups), dtype=np.int64)
    least = np.ones((groups, columns))
    most = np.ones((groups, columns))
    prefix = np.ones((groups + 1, columns))
    is_open = np.ones((groups + 1, groups), dtype=np.bool_)
    branch_group = np.full(groups + 1, -1, dtype=np.int64)
    branch_bounds = np.empty((groups + 1, total))
    branch_next = np.zeros(groups + 1, dtype=np.int64)
    chosen = np.full(groups, -1, dtype=np.int64)
    base_low = np.empty(columns)
    base_high = np.empty(columns)
    low = np.empty(columns)
    high = np.empty(columns)
    bounds = np.empty(total)

    for g in range(groups):
        for i in range(starts[g], starts[g + 1]):
            alive[0, i] = i
        alive_count[0, g] = starts[g + 1] - starts[g]

    depth = 0
    fresh = True
    while depth >= 0:
        if fresh:
            # A new node: drop options that cannot be part of anything better, then choose the group to branch on.
            fresh = False
            counts[0] += 1
            if node_limit > 0 and counts[0] > node_limit:
                counts[4] = 1
                break
            open_groups = 0
            for g in range(groups):
                if is_open[depth, g]:
                    open_groups += 1
                    rows = alive[depth, starts[g] : starts[g + 1]]
                    _extremes(table, rows, alive_count[depth, g], least[g], most[g])
            stop = best if objective == ENERGY and cycle_limit == np.inf else np.inf
            dead = False
            for _ in range(SWEEPS):
                changed = False
                for g in range(groups):
                    if dead or not is_open[depth, g]:
                        continue
                    _rest(prefix[depth], g, is_open[depth], least, most, base_low, base_high)
                    rows = alive[depth, starts[g] : starts[g + 1]]
                    kept = 0
                    for k in range(alive_count[depth, g]):
                        row = rows[k]
                        for j in range(columns):
                            low[j] = base_low[j] * table[row, j]
                            high[j] = base_high[j] * table[row, j]
                        if not _feasible(low, high, limit_forms, limit_coefficient, limit_at, limit_low, limit_high):
                            counts[2] += 1
                            continue
                        energy, cycles = bound(
                            low, high, forms, plus, plus_at, minus, minus_at, offsets, leakage, computed, stop
                        )
                        if energy > energy_limit or cycles > cycle_limit:
                            counts[1] += 1
                            continue
                        value = value_of(energy, cycles, objective)
                        if open_groups == 1:
                            # Every other group is decided, so the bound is the cost of a complete mapping.
                            counts[3] += 1
                            if objective == FRONT:
                                if is_dominated(energy, cycles, archive, archive_size, 1.0):
                                    continue
                                if archive_size == archive.shape[0]:
                                    counts[4] = 1
                                    continue
                                at, archive_size = insert_point(energy, cycles, archive, owners, archive_size)
                                owners[at, 0] = template
                                for h in range(groups):
                                    owners[at, 1 + h] = chosen[h]
                                owners[at, 1 + g] = row
                            elif value < best:
                                best = value
                                stop = best if objective == ENERGY and cycle_limit == np.inf else np.inf
                                for h in range(groups):
                                    best_rows[h] = chosen[h]
                                best_rows[g] = row
                            continue
                        if objective == FRONT:
                            if is_dominated(energy, cycles, archive, archive_size, slack):
                                counts[1] += 1
                                continue
                        elif value >= slack * best:
                            counts[1] += 1
                            if value < cut_bound:
                                cut_bound = value
                            continue
                        rows[kept] = row
                        bounds[starts[g] + kept] = value
                        kept += 1
                    if open_groups == 1 or kept == 0:
                        dead = True
                    elif kept < alive_count[depth, g]:
                        changed = True
                        alive_count[depth, g] = kept
                        _extremes(table, rows, kept, least[g], most[g])
                if dead or not changed:
                    break
            if dead:
                depth -= 1
                continue
            # Fewest options first; best bound first among them.
            g = -1
            for h in range(groups):
                if is_open[depth, h] and (g < 0 or alive_count[depth, h] < alive_count[depth, g]):
                    g = h
            branch_group[depth] = g
            branch_next[depth] = 0
            count = alive_count[depth, g]
            _sort_by(bounds[starts[g] : starts[g] + count], alive[depth, starts[g] : starts[g] + count], count)
            branch_bounds[depth, starts[g] : starts[g] + count] = bounds[starts[g] : starts[g] + count]

        g = branch_group[depth]
        k = branch_next[depth]
        if k >= alive_count[depth, g]:
            depth -= 1
            continue
        value = branch_bounds[depth, starts[g] + k]
        if objective != FRONT and value >= slack * best:
            # Sorted by bound: all that follow are cut as well.
            if value < cut_bound:
                cut_bound = value
            counts[1] += alive_count[depth, g] - k
            depth -= 1
            continue
        branch_next[depth] = k + 1
        row = alive[depth, starts[g] + k]
        chosen[g] = row
        _open_below(depth, g, row, table, starts, prefix, is_open, alive, alive_count)
        depth += 1
        fresh = True
    return best, best_rows, cut_bound, archive_size, counts
