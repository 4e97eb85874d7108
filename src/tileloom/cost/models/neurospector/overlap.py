"""How long a table takes where compute and transfers overlap as far as the buffers allow; the plain sum is in analysis.py.

Derived here, not NeuroSpector's: the tool adds MACs, local buffer, global buffer and DRAM one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tileloom.architecture.notation.neurospector import TYPES, Accelerator, Buffer
from tileloom.cost.models.neurospector.analysis import Analysis, LevelUse


@dataclass(frozen=True, slots=True)
class Overlap:
    """cycles = MAC cycles + all stalls. stalls: (what is waited for, cycles), 0 where it hides behind the rest.

    exposed  buffers that cannot hold the next tiles beside the present ones, so that their loads are not hidden
    """

    cycles: float
    stalls: tuple[tuple[str, float], ...]
    exposed: tuple[str, ...]


def overlap(accelerator: Accelerator, analysis: Analysis) -> Overlap:
    """Latency with double buffering where it fits.

    The first input and weight tiles of DRAM and of the global buffer are waited for. Then the local buffer streams to the
    MACs while they compute; loads of a buffer from the next one outwards run beside that if the buffer holds two sets of
    its tiles (one of those that are loaded once), and after it otherwise. What takes longest sets the pace; what it takes
    longer than the MACs is a stall for its bandwidth. Never more than the plain sum, never less than the longest part.
    """
    a, levels = accelerator, analysis.levels
    stalls, exposed = list[tuple[str, float]](), list[str]()
    outer = [("global_buffer", a.global_buffer), ("dram", a.dram)] if a.global_buffer else [("dram", a.dram)]
    paced = max(analysis.mac_cycles, levels["local_buffer"].cycles)
    stalls.append(("local_buffer", paced - analysis.mac_cycles))
    into: tuple[str, Buffer] = ("local_buffer", a.local_buffer)
    filled = 0.0
    for name, buffer in outer:
        assert buffer is not None
        first = min(_first(a, buffer, levels[name]), levels[name].cycles)
        rest = levels[name].cycles - first
        before = paced
        if _holds_two(a, into[1], levels[into[0]], levels[name]):
            paced = max(paced, rest)
        else:
            paced += rest
            exposed.append(into[0])
        filled += first
        stalls += [(f"{name}: first tiles", first), (name, paced - before)]
        into = (name, buffer)
    return Overlap(paced + filled, tuple(stalls), tuple(exposed))


def _first(accelerator: Accelerator, buffer: Buffer, use: LevelUse) -> float:
    """Cycles until the first input and weight tiles are sent inwards."""
    width = buffer.bandwidth_bits / accelerator.precision_bits
    times = [ceil(use.sent[t] / width) * buffer.cycles[t] for t in range(2)]
    return max(times) if len(buffer.sizes_bytes) == 3 else sum(times)


def _holds_two(accelerator: Accelerator, buffer: Buffer, use: LevelUse, outside: LevelUse) -> bool:
    """Whether the buffer holds the tiles in use and the next ones. Buffers of one element are registers of a pipeline."""
    if accelerator.holds_one_element(buffer):
        return True
    times = (outside.reads[0], outside.reads[1], outside.reads[2] + outside.writes)
    need = [use.held[t] * (2 if times[t] > 1 else 1) for t in range(3)]
    sizes = accelerator.capacities(buffer)
    kept = [t for t in range(3) if TYPES[t] not in buffer.bypass]
    if len(sizes) == 3:
        return all(need[t] <= sizes[t] for t in kept)
    if len(sizes) == 2 and need[TYPES.index(buffer.bypass[0])] > sizes[1]:
        return False
    return sum(need[t] for t in kept) <= sizes[0]
