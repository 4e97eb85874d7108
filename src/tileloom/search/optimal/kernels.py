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
def pareto_rows(values, equal, window):
    """Indices of rows that no kept earlier row dominates.

    values  float64[rows, columns], less is better, sorted so that a dominating row comes first (any monotone key)
    equal   bool[columns]: on these the dominating row must have the same value
    window  each row is compared with at most this many kept rows, those that pruned most lately first (0 = all);
            with a window some dominated rows stay, which costs time later but loses nothing
    Of equal rows the first is kept.
    """
    rows, columns = values.shape
    kept = np.empty(rows, dtype=np.int64)
    count = 0
    for i in range(rows):
        dominated = False
        compared = count if window == 0 else min(count, window)
        for k in range(compared):
            other = kept[k]
            better = True
            for j in range(columns):
                if values[other, j] > values[i, j] or (equal[j] and values[other, j] != values[i, j]):
                    better = False
                    break
            if better:
                dominated = True
                # A row that prunes once tends to prune again: move it forward.
                for m in range(k, k - k // 2, -1):
                    kept[m] = kept[m - 1]
                kept[k - k // 2] = other
                break
        if not dominated:
            # New rows enter in the middle of the window, so that they get compared at all.
            at = count if window == 0 or count < window else window // 2
            kept[count] = kept[at]
            kept[at] = i
            count += 1
    return np.sort(kept[:count])


@njit(cache=True, nogil=True, inline="always")
def _form(low, high, index, cost):
    """Lower bound of one sum of `cost`: offset + sum max(0, plus * column - minus * column), given column bounds."""
    total = cost.offsets[index]
    for i in range(cost.forms[index], cost.forms[index + 1]):
        part = cost.plus[i] * low[cost.plus_at[i]]
        if cost.minus_at[i] >= 0:
            part -= cost.minus[i] * high[cost.minus_at[i]]
            if part < 0.0:
                part = 0.0
        total += part
    return total


@njit(cache=True, nogil=True)
def bound(low, high, cost, objective, energy_stop):
    """Least (energy, cycles) compatible with column bounds `low` <= column <= `high`.

    cost       CostArrays: sum 0 is energy, the others are the components' busy times
    objective  ENERGY skips nothing that energy needs, LATENCY skips energy; what is skipped is returned as 0
    energy_stop  with ENERGY, cycles are not computed once energy reaches this
    """
    energy = 0.0
    cycles = 0.0
    if objective != LATENCY:
        energy = _form(low, high, 0, cost)
        if objective == ENERGY and energy >= energy_stop:
            return energy, cycles
    for component in range(1, cost.offsets.shape[0]):
        busy = _form(low, high, component, cost)
        if busy > cycles:
            cycles = busy
    if objective != LATENCY:
        energy += cost.leakage * cycles
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
def _feasible(low, high, limits):
    """Whether column values between the bounds can meet every limit."""
    for i in range(limits.low.shape[0]):
        least = 0.0
        most = 0.0
        for k in range(limits.forms[i], limits.forms[i + 1]):
            least += limits.coefficient[k] * low[limits.at[k]]
            most += limits.coefficient[k] * high[limits.at[k]]
        if least > limits.high[i] or most < limits.low[i]:
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
def filter_options(
    table, starts, prefix, is_open, rows, alive, bounds, cost, limits, goal, best, archive, size, counts
):
    """Drop options of the open groups that cannot be part of a feasible mapping better than `best`.

    prefix  float64[columns]: product of the decided groups' columns;  rows: int64[options], the surviving rows of
    group g at rows[starts[g] : starts[g] + alive[g]], updated in place as are alive and bounds (objective per option)
    goal    Goal;  counts: see search
    Returns (False if a group has no option left, least bound that was cut).
    """
    groups = starts.shape[0] - 1
    columns = table.shape[1]
    least = np.ones((groups, columns))
    most = np.ones((groups, columns))
    base_low = np.empty(columns)
    base_high = np.empty(columns)
    low = np.empty(columns)
    high = np.empty(columns)
    cut_bound = np.inf
    for g in range(groups):
        if is_open[g]:
            _extremes(table, rows[starts[g] : starts[g + 1]], alive[g], least[g], most[g])
    computed = EDP if goal.objective == LATENCY and goal.energy_limit < np.inf else goal.objective
    stop = best * goal.slack if goal.objective == ENERGY and goal.cycle_limit == np.inf else np.inf
    for _ in range(SWEEPS):
        changed = False
        for g in range(groups):
            if not is_open[g]:
                continue
            _rest(prefix, g, is_open, least, most, base_low, base_high)
            own = rows[starts[g] : starts[g + 1]]
            kept = 0
            for k in range(alive[g]):
                row = own[k]
                for j in range(columns):
                    low[j] = base_low[j] * table[row, j]
                    high[j] = base_high[j] * table[row, j]
                if not _feasible(low, high, limits):
                    counts[2] += 1
                    continue
                energy, cycles = bound(low, high, cost, computed, stop)
                value = value_of(energy, cycles, goal.objective)
                if energy > goal.energy_limit or cycles > goal.cycle_limit:
                    counts[1] += 1
                    continue
                if goal.objective == FRONT:
                    if is_dominated(energy, cycles, archive, size, goal.slack):
                        counts[1] += 1
                        continue
                elif value >= goal.slack * best:
                    counts[1] += 1
                    if value < cut_bound:
                        cut_bound = value
                    continue
                own[kept] = row
                bounds[starts[g] + kept] = value
                kept += 1
            if kept == 0:
                return False, cut_bound
            if kept < alive[g]:
                changed = True
                alive[g] = kept
                _extremes(table, own, kept, least[g], most[g])
        if not changed:
            break
    return True, cut_bound


@njit(cache=True, nogil=True)
def _last_group(
    table,
    starts,
    prefix,
    group,
    rows,
    alive,
    chosen,
    best,
    best_rows,
    cost,
    limits,
    goal,
    archive,
    owners,
    size,
    counts,
):
    """All other groups are decided: evaluate every option of `group`; returns (best, archive size)."""
    columns = table.shape[1]
    values = np.empty(columns)
    computed = EDP if goal.objective == LATENCY and goal.energy_limit < np.inf else goal.objective
    for k in range(alive[group]):
        row = rows[starts[group] + k]
        for j in range(columns):
            values[j] = prefix[j] * table[row, j]
        if not _feasible(values, values, limits):
            counts[2] += 1
            continue
        counts[3] += 1
        stop = best if goal.objective == ENERGY and goal.cycle_limit == np.inf else np.inf
        energy, cycles = bound(values, values, cost, computed, stop)
        if energy > goal.energy_limit or cycles > goal.cycle_limit:
            continue
        chosen[group] = row
        if goal.objective == FRONT:
            if is_dominated(energy, cycles, archive, size, 1.0):
                continue
            if size == archive.shape[0]:
                counts[4] = 1
                continue
            at, size = insert_point(energy, cycles, archive, owners, size)
            owners[at, 0] = goal.template
            owners[at, 1 : 1 + chosen.shape[0]] = chosen
        else:
            value = value_of(energy, cycles, goal.objective)
            if value < best:
                best = value
                best_rows[:] = chosen
    return best, size


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
def _open_below(depth, group, row, table, starts, prefix, is_open, rows, alive):
    """State of the node below `depth` when `group` takes `row`."""
    below = depth + 1
    for j in range(table.shape[1]):
        prefix[below, j] = prefix[depth, j] * table[row, j]
    for h in range(is_open.shape[1]):
        is_open[below, h] = is_open[depth, h] and h != group
        alive[below, h] = alive[depth, h]
        if is_open[below, h]:
            for i in range(alive[depth, h]):
                rows[below, starts[h] + i] = rows[depth, starts[h] + i]


@njit(cache=True, nogil=True)
def search(table, starts, cost, limits, goal, incumbent, archive, owners, archive_size):
    """Best option per group for one template, if it costs less than `incumbent`; with FRONT, fills the archive.

    table   float64[all options, columns]: the groups' factors below one another;  starts: int64[groups + 1]
    archive, owners   float64[capacity, 2] and int64[capacity, 1 + groups] (template, rows), used with FRONT only
    Returns (value, rows[groups] or -1, least bound that was cut, archive size, counts), counts = (nodes, options cut
    by bound, options cut by a limit, complete mappings evaluated, 1 if node_limit or a full archive ended the search).
    """
    groups = starts.shape[0] - 1
    total = table.shape[0]
    best = incumbent
    best_rows = np.full(groups, -1, dtype=np.int64)
    cut_bound = np.inf
    counts = np.zeros(5, dtype=np.int64)
    # One row per depth: at depth d, d groups are decided.
    rows = np.empty((groups + 1, total), dtype=np.int64)
    alive = np.zeros((groups + 1, groups), dtype=np.int64)
    prefix = np.ones((groups + 1, table.shape[1]))
    is_open = np.ones((groups + 1, groups), dtype=np.bool_)
    bounds = np.empty((groups + 1, total))
    branch_group = np.full(groups + 1, -1, dtype=np.int64)
    branch_next = np.zeros(groups + 1, dtype=np.int64)
    chosen = np.full(groups, -1, dtype=np.int64)
    rows[0] = np.arange(total)
    for g in range(groups):
        alive[0, g] = starts[g + 1] - starts[g]

    depth = 0
    fresh = True
    while depth >= 0:
        if fresh:
            fresh = False
            counts[0] += 1
            if goal.node_limit > 0 and counts[0] > goal.node_limit:
                counts[4] = 1
                break
            if depth == groups - 1:
                last = np.argmax(is_open[depth])
                best, archive_size = _last_group(
                    table, starts, prefix[depth], last, rows[depth], alive[depth], chosen, best, best_rows,
                    cost, limits, goal, archive, owners, archive_size, counts,
                )  # fmt: skip
                depth -= 1
                continue
            possible, cut = filter_options(
                table, starts, prefix[depth], is_open[depth], rows[depth], alive[depth], bounds[depth],
                cost, limits, goal, best, archive, archive_size, counts,
            )  # fmt: skip
            cut_bound = min(cut_bound, cut)
            if not possible:
                depth -= 1
                continue
            # Fewest options first; best bound first among them.
            g = -1
            for h in range(groups):
                if is_open[depth, h] and (g < 0 or alive[depth, h] < alive[depth, g]):
                    g = h
            branch_group[depth] = g
            branch_next[depth] = 0
            _sort_by(bounds[depth, starts[g] :], rows[depth, starts[g] :], alive[depth, g])

        g = branch_group[depth]
        k = branch_next[depth]
        if k >= alive[depth, g]:
            depth -= 1
            continue
        value = bounds[depth, starts[g] + k]
        if goal.objective != FRONT and value >= goal.slack * best:
            # Sorted by bound: all that follow are cut as well.
            cut_bound = min(cut_bound, value)
            counts[1] += alive[depth, g] - k
            depth -= 1
            continue
        branch_next[depth] = k + 1
        row = rows[depth, starts[g] + k]
        chosen[g] = row
        _open_below(depth, g, row, table, starts, prefix, is_open, rows, alive)
        depth += 1
        fresh = True
    return best, best_rows, cut_bound, archive_size, counts
