"""Moves of data between memories that no layer makes itself: which way a copy takes, its energy and its cycles.

Which copies a tile needs is decided in tiles.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from tileloom.core.errors import InputError
from tileloom.cost.models.zigzag.machine import DataLink, Direction, ZigzagMachine, ZigzagMemory
from tileloom.fusion.rules import Rules

Port = tuple[str, str]
"""(memory, port)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where data lies: as which memory operand, in which memory."""

    operand: str
    memory: str


@dataclass(frozen=True, slots=True)
class Busy:
    """A port is in use during [start, stop) of its copy."""

    port: Port
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Hop:
    """One step between neighbouring memories of an operand. up: away from the array."""

    operand: str
    up: bool
    sender: str
    receiver: str
    read_pj: float
    written_pj: float
    cycles: int


@dataclass(frozen=True)
class CopyAction:
    """One copy. what: 'input', 'output to input', 'columns', 'rows', 'keep columns', 'keep rows', 'spill'."""

    what: str
    bits: int
    source: Place
    target: Place
    hops: tuple[Hop, ...]
    busy: tuple[Busy, ...]

    @property
    def energy_pj(self) -> float:
        return sum(h.read_pj + h.written_pj for h in self.hops)

    @property
    def path(self) -> tuple[str, ...]:
        """Memories from source to target."""
        return (self.source.memory, *(h.receiver for h in self.hops))


@dataclass(frozen=True)
class CopyBundle:
    """The copies made before one layer (or input) of a tile runs."""

    actions: tuple[CopyAction, ...] = ()

    @property
    def energy_pj(self) -> float:
        return sum(a.energy_pj for a in self.actions)

    @property
    def cycles(self) -> int:
        """Copies overlap where ports allow: a port with several uses needs the sum of them after its first start."""
        uses: dict[Port, list[Busy]] = {}
        for action in self.actions:
            for use in action.busy:
                uses.setdefault(use.port, []).append(use)
        return max((_busy_until(u) for u in uses.values()), default=0)


def _busy_until(uses: Sequence[Busy]) -> int:
    latest = max(u.stop for u in uses)
    return latest if len(uses) == 1 else max(latest, min(u.start for u in uses) + sum(u.stop - u.start for u in uses))


@dataclass(frozen=True, slots=True)
class _Step:
    operand: str
    up: bool
    sender: ZigzagMemory
    out: DataLink
    receiver: ZigzagMemory
    into: DataLink


def copy(machine: ZigzagMachine, what: str, bits: int, source: Place, target: Place, rules: Rules) -> CopyAction | None:
    """The copy of some bits, or None when there is nothing to move."""
    if bits == 0 or source.memory == target.memory:
        return None
    steps = list(_steps(machine, source, target))
    hops = tuple(_hop(step, bits) for step in steps)
    return CopyAction(what, bits, source, target, hops, tuple(_timeline(steps, hops, rules)))


def _hop(step: _Step, bits: int) -> Hop:
    read, written = _energy(bits, step.out, step.sender.read_pj), _energy(bits, step.into, step.receiver.write_pj)
    cycles = max(ceil(bits / step.out.bits), ceil(bits / step.into.bits))
    return Hop(step.operand, step.up, step.sender.name, step.receiver.name, read, written, cycles)


def _energy(bits: int, link: DataLink, pj: float) -> float:
    return ceil(bits / link.min_bits) * (link.min_bits / link.bits) * pj


def _timeline(steps: Sequence[_Step], hops: Sequence[Hop], rules: Rules) -> Iterator[Busy]:
    """Hops follow each other; in the original (Q13) one into a port used before does not make the next one wait."""
    now = 0
    used: set[Port] = set()
    for step, hop in zip(steps, hops):
        sender, receiver = (hop.sender, step.out.port), (hop.receiver, step.into.port)
        yield Busy(sender, now, now + hop.cycles)
        yield Busy(receiver, now, now + hop.cycles)
        if not (rules.busy_port_waits_not and receiver in used):
            now += hop.cycles
        used |= {sender, receiver}


def _steps(machine: ZigzagMachine, source: Place, target: Place) -> Iterator[_Step]:
    """Straight up or down for one operand; from one operand to another by the lowest memory above both that holds both."""
    if source.operand == target.operand:
        yield from _straight(machine, source.operand, source.memory, target.memory)
        return
    up, down = machine.levels(source.operand), machine.levels(target.operand)
    above = up[machine.level(source.operand, source.memory) :]
    allowed = {m.name for m in down[machine.level(target.operand, target.memory) :]}
    meeting = next((m.name for m in above if m.name in allowed), None)
    if meeting is None:
        raise InputError(
            f"machine '{machine.name}': no memory joins {source.operand} in '{source.memory}' and {target.operand} in "
            f"'{target.memory}'; one memory above both must hold both operands"
        )
    yield from _straight(machine, source.operand, source.memory, meeting)
    yield from _straight(machine, target.operand, meeting, target.memory)


def _straight(machine: ZigzagMachine, operand: str, source: str, target: str) -> Iterator[_Step]:
    levels = machine.levels(operand)
    first, last = machine.level(operand, source), machine.level(operand, target)
    step = 1 if last > first else -1
    out: Direction = "th" if step > 0 else "tl"
    into: Direction = "fl" if step > 0 else "fh"
    for level in range(first, last, step):
        sender, receiver = levels[level], levels[level + step]
        yield _Step(
            operand,
            step > 0,
            sender,
            _link(sender, operand, out, "tl"),
            receiver,
            _link(receiver, operand, into, "fh"),
        )


def _link(memory: ZigzagMemory, operand: str, direction: Direction, instead: Direction) -> DataLink:
    """The operand's own port; going up as an input, which has none, the port another operand uses for that (Q12)."""
    other = (k for k in memory.links if k.direction == direction)
    link = memory.link(operand, direction) or next(other, None) or memory.link(operand, instead)
    if link is None:
        raise InputError(f"memory '{memory.name}' has no port that moves {operand} ({direction})")
    return link
