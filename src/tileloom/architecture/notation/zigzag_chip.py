"""Our architectures as machines of ZigZag's model. What the model has no words for is refused, or told as a loss.

Every axis of a fanout becomes an array dimension; a memory serves the axes that lie inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from tileloom.architecture.model import Architecture, Fanout, Memory, Port
from tileloom.architecture.notation.zigzag_machine import DataLink, Direction, ZigzagMachine, ZigzagMemory
from tileloom.core.errors import UnsupportedError
from tileloom.workload.problem import Problem, Tensor

UNBOUNDED_BITS = 2**50
WIDEST_BITS = 2**30
"""Stands for a port that is never the bottleneck."""
_READS: tuple[Direction, ...] = ("tl", "th")


@dataclass(frozen=True)
class Chip:
    """machine    the architecture in ZigZag's terms
    axes       array dimension -> (fanout, axis)
    memories   machine memory -> our memory; a partitioned memory becomes one for each partition
    losses     what the machine leaves out
    """

    machine: ZigzagMachine
    axes: Mapping[str, tuple[str, str]]
    memories: Mapping[str, str]
    losses: tuple[str, ...]


def chip_of(
    architecture: Architecture, problem: Problem, links: Mapping[str, str], held: Mapping[str, set[str]] | None = None
) -> Chip:
    """The machine for a problem.

    links   tensor -> memory operand;  held: memory -> tensors kept there (None: all that may be)
    Raises UnsupportedError with every reason: energies that differ by tensor, a tensor that no memory keeps.
    """
    unit = architecture.compute_for(problem)
    if unit is None:
        raise UnsupportedError(f"no compute unit of '{architecture.name}' takes '{problem.name}'")
    path = architecture.path(unit)
    reasons: list[str] = []
    losses: list[str] = []
    axes: dict[str, tuple[str, str]] = {}
    sizes: dict[str, int] = {}
    for node in path:
        if isinstance(node, Fanout):
            for axis in node.axes:
                axes[f"{node.name}.{axis.name}"] = (node.name, axis.name)
                sizes[f"{node.name}.{axis.name}"] = axis.size
    memories: list[ZigzagMemory] = []
    owners: dict[str, str] = {}
    inside: list[str] = []
    for node in reversed(path):
        if isinstance(node, Fanout):
            inside = [f"{node.name}.{axis.name}" for axis in node.axes] + inside
        elif isinstance(node, Memory):
            for memory in _parts(node, problem, links, held, tuple(inside), reasons, losses):
                memories.append(memory)
                owners[memory.name] = node.name
    kept = {o for m in memories for o in m.operands}
    reasons += [f"no memory keeps '{t}'" for t, link in links.items() if link not in kept]
    if reasons:
        raise UnsupportedError(f"ZigZag's model cannot describe '{architecture.name}': {'; '.join(reasons)}")
    array = tuple((name, sizes[name]) for name in axes)
    machine = ZigzagMachine(architecture.name, array, unit.energy_pj, tuple(memories))
    return Chip(machine, axes, owners, tuple(dict.fromkeys(losses)))


def _parts(
    memory: Memory,
    problem: Problem,
    links: Mapping[str, str],
    held: Mapping[str, set[str]] | None,
    serves: tuple[str, ...],
    reasons: list[str],
    losses: list[str],
) -> list[ZigzagMemory]:
    here = [
        t
        for t in problem.tensors
        if (memory.allows(t) if held is None else t.name in held.get(memory.name, set())) and t.name in links
    ]
    if not here:
        return []
    for way, port in (("read", memory.read), ("write", memory.write)):
        energies = {port.energy_for(t) for t in here}
        if len(energies) > 1:
            reasons.append(f"'{memory.name}' has a {way} energy per tensor ({sorted(energies)})")
    if memory.buffers > 1:
        losses.append(f"'{memory.name}' counts 1/{memory.buffers} of its bits: the rest is the chip's second buffer")
    if not memory.partitions:
        capacity = UNBOUNDED_BITS if memory.capacity_bits is None else memory.capacity_bits
        return [_memory(memory.name, memory, capacity, here, links, serves)]
    found = []
    for number, (tensors, bits) in enumerate(memory.partitions):
        part = [t for t in here if tensors.has(t)]
        if part:
            found.append(_memory(f"{memory.name}.{number}", memory, bits, part, links, serves))
    return found


def _memory(
    name: str, memory: Memory, capacity: int, tensors: list[Tensor], links: Mapping[str, str], serves: tuple[str, ...]
) -> ZigzagMemory:
    read, write = _width(memory.read), _width(memory.write)
    shared = memory.ports == "shared"
    found = []
    for tensor in tensors:
        directions: tuple[Direction, ...] = ("fh", "tl", "fl", "th") if tensor.is_output else ("fh", "tl")
        for direction in directions:
            reads = direction in _READS
            port = "rw_port_1" if shared else "r_port_1" if reads else "w_port_1"
            found.append(DataLink(links[tensor.name], direction, port, read if reads else write, 1))
    return ZigzagMemory(
        name=name,
        size_bits=capacity // memory.buffers,
        read_pj=memory.read.energy_for(tensors[0]) * read / memory.read.width_bits,
        write_pj=memory.write.energy_for(tensors[0]) * write / memory.write.width_bits,
        operands=tuple(links[t.name] for t in tensors),
        serves=serves,
        links=tuple(found),
    )


def _width(port: Port) -> int:
    """Bits per cycle as a whole number; energies are per bit, so rounding moves no energy."""
    bits = port.width_bits * port.accesses_per_cycle
    return max(1, round(bits)) if isfinite(bits) and bits < WIDEST_BITS else WIDEST_BITS
