"""The second part of the compiled MAESTRO model: factors of the spatial directives, summed over the sub-units of a level.

`spread[k]` describes the level's one or two spatial directives, `at_step[k]` is the state each is in; see maestro_states.py.
"""

from __future__ import annotations

from tileloom.cost.kernels.maestro_states import (
    AT,
    EDGE,
    EDGE_NEW,
    FULL,
    IN_OUTPUT,
    INIT,
    INIT_PARTIAL,
    KEYED,
    LAST,
    LAST_PARTIAL,
    NEW,
    PARTIAL,
    POSITION,
    TABLE,
    inner_kernel,
)


@inner_kernel
def _received(one, state, ne, at, again, first, last):
    """What one spatial directive contributes to the elements that one sub-unit receives."""
    partial, initial = state[PARTIAL], state[POSITION] == INIT
    if at < 0:
        if partial and ne == 1 and not (first or last):
            return 1
        return one[TABLE + (EDGE if partial and (ne == 1 or last) else FULL)]
    whole = (first or one[AT] <= at) if initial else (first or again or one[AT] != at)
    if last:
        return one[TABLE + (EDGE if whole else EDGE_NEW)]
    return one[TABLE + (FULL if whole else NEW)]


@inner_kernel
def received(spread, at_step, count, tensor, later, units, ne, at, again):
    """Sum over sub-units of the spatial factors of an input tensor; 1 when it is not spread (multicast).

    tensor: field of `spread` that says which directives move it; later: the one that is later in the tensor's dimensions
    """
    moves = partial = 0
    for k in range(count):
        moves |= spread[k, tensor]
        partial |= spread[k, tensor] & at_step[k, PARTIAL]
    if not moves:
        return 1
    tail = at_step[later, LAST_PARTIAL]
    total = 0
    for part in range(3):
        # The first sub-unit, those like it, the last one.
        weight = 1
        if part == 1:
            weight = max(ne - tail - 1, 0) if partial else units - 1
        elif part == 2:
            weight = tail if partial and ne > 1 else 0
        if weight == 0:
            continue
        last = part == 2 or (part == 0 and partial != 0 and ne == 1 and tail != 0)
        for k in range(count):
            if spread[k, tensor]:
                weight *= _received(spread[k], at_step[k], ne, at, again, part == 0, last)
        total += weight
    return total


@inner_kernel
def _result(one, state, ne, first, last, dedup):
    """What one spatial directive contributes to the results, or to the multiplications per result, of one sub-unit."""
    position = state[POSITION]
    if position == INIT and state[INIT_PARTIAL] and last:
        return one[KEYED + (EDGE_NEW if one[IN_OUTPUT] and ne != 1 and dedup else EDGE)]
    if position == LAST and ne == 1:
        # The original looks at the input side here.
        return one[TABLE + EDGE] if first or last else 1
    if position == LAST and last:
        return one[KEYED + EDGE_NEW]
    if first:
        return one[KEYED + FULL]
    return one[KEYED + NEW] if one[KEYED + NEW] != 0 else 1


@inner_kernel
def results(spread, at_step, count, later, units, ne, sums):
    """sums: spatial factors of egress, of the macs of all sub-units, and of the macs of the busiest one."""
    moves = partial = any_partial = 0
    for k in range(count):
        moves |= spread[k, IN_OUTPUT]
        partial |= spread[k, IN_OUTPUT] & at_step[k, PARTIAL]
        any_partial |= at_step[k, PARTIAL]
    tail = at_step[later, LAST_PARTIAL] if moves else 0
    final = at_step[count - 1, LAST_PARTIAL]
    alone = partial != 0 and ne == 1 and tail != 0
    sums[:] = 0
    for part in range(6):
        # The first sub-unit, those like it, the last one: of the results, then of the multiplications.
        weight = 1
        if part == 1:
            weight = 0 if not moves else (max(ne - tail - 1, 0) if partial else units - 1)
        elif part == 2:
            weight = tail if partial and ne > 1 else 0
        elif part > 2 and not any_partial:
            weight = 0
        elif part == 4:
            weight = max(ne - final - 1, 0) if ne > 1 else 0
        elif part == 5:
            weight = final if ne > 1 else 0
        if weight == 0:
            continue
        first = part == 0 or part == 3 or part == 4
        last = part == 2 or part == 5 or (part == 0 and alone) or (part == 3 and ne == 1 and final != 0)
        outputs = others = 1
        for k in range(count):
            factor = _result(spread[k], at_step[k], ne, first, last, part != 5)
            if spread[k, IN_OUTPUT]:
                outputs *= factor
            else:
                others *= factor
        if part < 3:
            sums[0] += weight * outputs
        else:
            sums[1] += weight * outputs * others
        if part == 0:
            sums[2] = outputs * others
    if not any_partial:
        sums[1] = units * sums[2]
