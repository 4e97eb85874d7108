"""Cycles of a mapping: which transfers hide behind the computation, how long ports stall it, first loads and last stores.

Source: DeFiNES (HPCA 2023) and the uniform latency model it takes from ZigZag; the amounts come from flow.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from tileloom.cost.models.zigzag.flow import Flow
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.machine import Direction, ZigzagMachine, ZigzagMemory
from tileloom.cost.models.zigzag.result import Moves
from tileloom.cost.models.zigzag.version import Version

ORDER: tuple[Direction, ...] = ("tl", "fl", "th", "fh")
"""The directions in the order of `Moves`."""
SHARED = ("I1", "I2")
"""Memory operands of inputs; a port that serves both is shared when the first tiles are loaded."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Transfers of one operand, level and direction over one port.

    real: cycles a transfer takes; allowed: cycles it may take without a stall; one every `period`, `count` times
    """

    real: int
    allowed: int
    period: int
    count: int

    @property
    def excess(self) -> int:
        return (self.real - self.allowed) * (self.count - 1)


@dataclass(frozen=True)
class Traffic:
    """Everything latency needs of a layer on a machine: flows with whole unrollings, and which levels double-buffer."""

    layer: ZigzagLayer
    machine: ZigzagMachine
    flows: tuple[Flow, ...]
    buffered: tuple[tuple[bool, ...], ...]

    def levels(self, position: int) -> tuple[ZigzagMemory, ...]:
        return self.machine.levels(self.layer.operands[position].memory_operand)

    def real(self, position: int, m: int) -> Moves[int]:
        """Cycles that one transfer takes in each direction at the port's full width."""
        flow, link = self.flows[position], self.layer.operands[position].memory_operand
        memory = self.levels(position)[m]
        cycles = []
        for direction, amount, width in zip(ORDER, flow.amount[m], flow.width[m]):
            port = memory.link(link, direction)
            cycles.append(ceil(amount * width / port.bits) if port else 0)
        return Moves(*cycles)

    def allowed(self, position: int, m: int) -> Moves[int]:
        flow, flags = self.flows[position], self.buffered[position]
        low = flow.period[m] if flags[m] else flow.window[m]
        high = flow.period[m] if flags[m + 1] else flow.window[m]
        return Moves(low[0], low[1], high[2], high[3])

    def ports(self) -> Iterator[tuple[ZigzagMemory, str, list[tuple[int, int, int]]]]:
        """(memory, port, the (operand, level, direction index) it serves for this layer)."""
        positions = {operand.memory_operand: i for i, operand in enumerate(self.layer.operands)}
        for memory in self.machine.memories:
            for port in memory.ports:
                served = [
                    (
                        positions[link.operand],
                        self.machine.level(link.operand, memory.name),
                        ORDER.index(link.direction),
                    )
                    for link in memory.links
                    if link.port == port and link.operand in positions
                ]
                yield memory, port, served


def stalls(traffic: Traffic) -> int:
    """Cycles by which the busiest port holds up the computation."""
    worst = 0
    for _, _, served in traffic.ports():
        activities = []
        for position, m, way in served:
            flow = traffic.flows[position]
            if flow.count[m][way]:
                real, allowed = traffic.real(position, m)[way], traffic.allowed(position, m)[way]
                activities.append(Activity(real, allowed, flow.period[m][way], flow.count[m][way]))
        worst = max(worst, port_stall(activities))
    return worst


def port_stall(activities: Sequence[Activity]) -> int:
    """Stall (or slack, negative) of a port: the sum of what is late, and what does not fit into the shared windows."""
    if len(activities) <= 1:
        return sum(a.excess for a in activities)
    late = sum(a.excess for a in activities if a.excess > 0)
    spare = sum(a.excess for a in activities if a.excess <= 0)
    windows = sum(a.allowed * (a.count - 1) for a in activities)
    return late + max(0, spare + windows - shared_window(activities))


def shared_window(activities: Sequence[Activity]) -> int:
    """Cycles in which at least one activity may use the port, over the whole computation.

    Every activity may use the first `allowed` cycles of each of its periods. Periods divide one another.
    """
    for a in activities:
        if a.period == a.allowed:
            return a.period * a.count
    longest = max(activities, key=lambda a: a.period)
    return (longest.period - _free(sorted(activities, key=lambda a: a.period))) * longest.count


def _free(activities: Sequence[Activity]) -> int:
    """Cycles of the longest period outside all windows. Derived here: what the shorter periods leave free repeats.

    >>> _free([Activity(0, 1, 2, 6), Activity(0, 3, 6, 2)])  # of 0..5 the windows cover 0, 2, 4 and 0, 1, 2
    2
    """
    free = [1]
    windows = [(1, 0, 0)]
    for a in activities:
        inner, _, _ = windows[-1]
        inside = _free_until(windows, free, len(windows) - 1, a.allowed)
        free.append(a.period // inner * free[-1] - inside)
        windows.append((a.period, a.allowed, inside))
    return free[-1]


def _free_until(windows: list[tuple[int, int, int]], free: list[int], upto: int, end: int) -> int:
    """Cycles in [0, end) outside the windows of the first `upto` activities."""
    total = 0
    for index in range(upto, -1, -1):
        period, allowed, inside = windows[index]
        total += end // period * free[index]
        end %= period
        if end <= allowed:
            break
        total -= inside
    return total


def double_buffered(layer: ZigzagLayer, machine: ZigzagMachine, flows: Sequence[Flow]) -> tuple[tuple[bool, ...], ...]:
    """Per operand and data level whether two tiles fit, so that one is loaded while the other is used."""
    share: dict[str, float] = {}
    own: dict[tuple[int, int], float] = {}
    levels = [machine.levels(operand.memory_operand) for operand in layer.operands]
    for position, flow in enumerate(flows):
        for m, memory in enumerate(levels[position]):
            own[position, m] = flow.effective_bits[m + 1] / memory.size_bits
            share[memory.name] = share.get(memory.name, 0) + own[position, m]
    found = []
    for position in range(len(flows)):
        flags = [False]
        for m, memory in enumerate(levels[position]):
            taken = share[memory.name]
            fits = own[position, m] <= 1 - taken
            flags.append(taken <= 0.5 or fits)
            if taken > 0.5 and fits:
                share[memory.name] = taken + own[position, m]
        found.append(tuple(flags))
    return tuple(found)


def loading(traffic: Traffic, version: Version, computing: int) -> tuple[float, float]:
    """Cycles before the computation can begin, and cycles after it until the output is at the top."""
    once = _spread(traffic, computing) if version.loads_in_spare_time else {}
    parts = []
    for position in range(1, len(traffic.flows)):
        alone, half, both = 0.0, 0.0, 0.0
        for m in range(len(traffic.levels(position)) - 1):
            cycles = max(_once(traffic, once, position, m, 3), _once(traffic, once, position, m + 1, 0))
            shared = _shared(traffic, position, m, "fh") + _shared(traffic, position, m + 1, "tl")
            if shared == 0:
                alone += cycles
            elif shared == 2:
                both += cycles
            else:
                half = cycles if version.half_shared_overwrites else half + cycles
        parts.append((alone, half, both))
    first, last = _together(parts, version), _offloading(traffic, version, once)
    # Only transfers that hide in spare time take parts of cycles.
    return (first, last) if version.loads_in_spare_time else (int(first), int(last))


def _together(parts: list[tuple[float, float, float]], version: Version) -> float:
    if len(parts) == 1:
        return parts[0][0] if version.half_shared_overwrites else sum(parts[0])
    (alone1, half1, both1), (alone2, half2, both2) = parts
    first = both1 + max(both2 + half2 + alone2, half1 + alone1)
    second = both2 + max(both1 + half1 + alone1, half2 + alone2)
    return min(first, second)


def _offloading(traffic: Traffic, version: Version, once: dict[tuple[int, int, int], float]) -> float:
    levels = traffic.levels(0)
    links = [max(_once(traffic, once, 0, m, 2), _once(traffic, once, 0, m + 1, 1)) for m in range(len(levels) - 1)]
    if not version.offload_latency_only or not links:
        return sum(links)
    return links[-1] + sum(memory.latency_cycles for memory in levels[1:-1])


def _once(traffic: Traffic, once: dict[tuple[int, int, int], float], position: int, m: int, way: int) -> float:
    return once.get((position, m, way), traffic.real(position, m)[way])


def _shared(traffic: Traffic, position: int, m: int, direction: Direction) -> bool:
    """Whether the port of this movement serves both inputs of the machine."""
    memory = traffic.levels(position)[m]
    link = memory.link(traffic.layer.operands[position].memory_operand, direction)
    return link is not None and {k.operand for k in memory.links if k.port == link.port} >= set(SHARED)


def _spread(traffic: Traffic, computing: int) -> dict[tuple[int, int, int], float]:
    """3.9: cycles left of transfers that happen once, after the port's spare time during the computation is used."""
    left: dict[tuple[int, int, int], float] = {}
    for memory, port, served in traffic.ports():
        bits = next(k.bits for k in memory.links if k.port == port)
        single, needed = [], 0
        for position, m, way in served:
            flow = traffic.flows[position]
            if not flow.count[m][way] or (position == 0 and way in (0, 3)):
                continue
            if flow.count[m][way] == 1:
                single.append((position, m, way))
            else:
                needed += flow.demand[m][way]
        totals = [float(traffic.real(position, m)[way]) for position, m, way in single]
        least = [ceil(traffic.flows[position].bits[1] / bits) for position, _, _ in single]
        spare = max(0.0, (bits - needed) / bits * computing)
        left.update(zip(single, hidden(totals, least, spare)))
    return left


def hidden(cycles: Sequence[float], least: Sequence[float], spare: float) -> list[float]:
    """`cycles` lowered by `spare` in all: the longest one first, each down to its `least` before the next.

    >>> hidden([5.0, 9.0, 2.0], [1, 2, 2], 8.0)
    [4.0, 2.0, 2.0]
    """
    left = list(cycles)
    for i in sorted(range(len(left)), key=lambda i: left[i], reverse=True):
        taken = min(max(0.0, left[i] - least[i]), spare)
        left[i] -= taken
        spare -= taken
    return left
