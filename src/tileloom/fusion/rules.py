"""DeFiNES's depth-first quirks, each with its name: on gives the original's numbers, off what was meant.

Only switches are here; the code that a switch is about says what it does. docs/fusion.md explains each to a user.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which of the original's quirks are reproduced. The Q numbers are those of docs/fusion.md.

    maps_shrink                    no padding: feature maps shrink by the kernels, seen from the last layer (section "padding")
    one_weight_instance       Q4   the weights of a stack must fit in one instance of an unrolled memory
    cut_zero_is_no_cut        Q5   a cut after layer 0 is taken for no cut: layers are counted twice
    side_outputs_are_lost          maps that two stacks read are not written for the second one
    reuse_in_every_mode       Q6   cached bits are sized as if both directions were cached
    first_column_uncached     Q7   the first column needs no room for the lines it leaves behind
    right_neighbour_decides   Q8   the level of the H cache is the right neighbour's, not the higher of the two
    last_tile_decides         Q9   the level of the V cache is that of the last tile, not the highest
    only_own_data             Q10  the top level of a layer's operands is chosen as if nothing else were live
    input_caching_is_free     Q11  the network input's overlap is kept without being written
    busy_port_waits_not       Q13  a hop into a port already used starts with the hop before it
    """

    maps_shrink: bool
    one_weight_instance: bool
    cut_zero_is_no_cut: bool
    side_outputs_are_lost: bool
    reuse_in_every_mode: bool
    first_column_uncached: bool
    right_neighbour_decides: bool
    last_tile_decides: bool
    only_own_data: bool
    input_caching_is_free: bool
    busy_port_waits_not: bool


def _all(value: bool) -> Rules:
    return Rules(**{f.name: value for f in fields(Rules)})


FAITHFUL = _all(True)
CORRECTED = _all(False)
