"""An accelerator as ZigZag and DeFiNES see it: a MAC array of named dimensions and memories that serve some of them.

Memories stand in the order of declaration, which decides ties in the mapper. Files are read in zigzag.py.
Units: bits, bits per cycle, pJ per access of the full width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Literal

from tileloom.core.errors import InputError, did_you_mean

Direction = Literal["fh", "tl", "fl", "th"]
DIRECTIONS: tuple[Direction, ...] = ("fh", "tl", "fl", "th")
"""Written from the higher memory, read toward the lower one, written from the lower one, read toward the higher one."""


@dataclass(frozen=True, slots=True)
class DataLink:
    """What a port does for an operand. bits: width of the transfer, min_bits: the smallest part that can be accessed."""

    operand: str
    direction: Direction
    port: str
    bits: int
    min_bits: int


@dataclass(frozen=True, slots=True)
class ZigzagMemory:
    """One kind of memory; there is an instance for every combination of the array dimensions it does not serve.

    operands   memory operands in the order of the file
    serves     array dimensions that share one instance
    links      one per operand and direction that exists
    """

    name: str
    size_bits: int
    read_pj: float
    write_pj: float
    operands: tuple[str, ...]
    serves: tuple[str, ...]
    links: tuple[DataLink, ...]
    latency_cycles: int = 1
    area: float = 0.0

    def link(self, operand: str, direction: Direction) -> DataLink | None:
        return next((k for k in self.links if k.operand == operand and k.direction == direction), None)

    @property
    def ports(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(k.port for k in self.links))


@dataclass(frozen=True)
class ZigzagMachine:
    """array: (dimension, size) in order;  memories: in the order of declaration, an operand's inner ones first.

    dataflow   loops wished on array dimensions of layers that say nothing themselves
    """

    name: str
    array: tuple[tuple[str, int], ...]
    mac_pj: float
    memories: tuple[ZigzagMemory, ...]
    mac_area: float = 0.0
    dataflow: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = ()

    @cached_property
    def units(self) -> int:
        """MAC units."""
        return prod(size for _, size in self.array)

    @cached_property
    def operands(self) -> tuple[str, ...]:
        """Memory operands that some memory holds, in order of first appearance."""
        return tuple(dict.fromkeys(o for m in self.memories for o in m.operands))

    @cached_property
    def _chains(self) -> dict[str, tuple[ZigzagMemory, ...]]:
        return {o: tuple(m for m in self.memories if o in m.operands) for o in self.operands}

    def levels(self, operand: str) -> tuple[ZigzagMemory, ...]:
        """Memories that hold a memory operand, bottom to top. InputError when there is none."""
        if operand not in self._chains:
            near = did_you_mean(operand, self.operands)
            raise InputError(
                f"machine '{self.name}': no memory holds '{operand}'{near}; memories hold {list(self.operands)}"
            )
        return self._chains[operand]

    def level(self, operand: str, memory: str) -> int:
        """Index of a memory in `levels(operand)`."""
        names = [m.name for m in self.levels(operand)]
        if memory not in names:
            near = did_you_mean(memory, names)
            raise InputError(f"machine '{self.name}': '{memory}' does not hold '{operand}'{near}; these do: {names}")
        return names.index(memory)

    def top(self, operand: str) -> ZigzagMemory:
        return self.levels(operand)[-1]

    def memory(self, name: str) -> ZigzagMemory:
        for memory in self.memories:
            if memory.name == name:
                return memory
        known = [m.name for m in self.memories]
        raise InputError(f"machine '{self.name}' has no memory '{name}'{did_you_mean(name, known)}; it has {known}")

    def copies(self, memory: ZigzagMemory) -> int:
        """Instances: product of the array dimensions that one instance does not serve."""
        return prod(size for dim, size in self.array if dim not in memory.serves)

    def shrunk(self, tops: Mapping[str, str]) -> ZigzagMachine:
        """The machine without the levels above the named top memory of each memory operand.

        Operands that are not named keep all levels. A memory left without operands disappears, and so do port functions.
        """
        keep = {o: self.levels(o)[: self.level(o, tops[o]) + 1] if o in tops else self.levels(o) for o in self.operands}
        return self._held({o: {m.name for m in kept} for o, kept in keep.items()})

    def with_twin(self, first: str, second: str) -> ZigzagMachine:
        """Every memory that holds `first` holds `second` too, with the same ports and as its last operand.

        What held `second` before no longer does. For layers whose two inputs are both activations.
        """
        bare = self._held({o: {m.name for m in self.levels(o)} for o in self.operands if o != second})
        memories = tuple(
            replace(
                m,
                operands=(*m.operands, second),
                links=(*m.links, *(replace(k, operand=second) for k in m.links if k.operand == first)),
            )
            if first in m.operands
            else m
            for m in bare.memories
        )
        return replace(bare, memories=memories)

    def rows(self) -> list[dict[str, object]]:
        """One row per memory, inner ones first, as plain data."""
        return [
            {
                "name": m.name, "size_bits": m.size_bits, "read_pj": m.read_pj, "write_pj": m.write_pj,
                "operands": list(m.operands), "copies": self.copies(m), "bits_per_cycle": max(k.bits for k in m.links),
            }
            for m in self.memories
        ]  # fmt: skip

    def __str__(self) -> str:
        array = " x ".join(f"{dim} {size}" for dim, size in self.array)
        lines = [f"{self.name}: array {array}, {self.mac_pj:g} pJ per operation"]
        for row in self.rows():
            held = ", ".join(map(str, row["operands"])) if isinstance(row["operands"], list) else ""
            lines.append(
                f"  {row['name']}: {row['size_bits']} bits for {held}, {row['copies']} copies, "
                f"{row['bits_per_cycle']} bits per cycle, read {row['read_pj']:g} pJ, write {row['write_pj']:g} pJ"
            )
        return "\n".join(lines)

    def _held(self, where: Mapping[str, set[str]]) -> ZigzagMachine:
        memories = []
        for m in self.memories:
            operands = tuple(o for o in m.operands if m.name in where.get(o, ()))
            if operands == m.operands:
                memories.append(m)
            elif operands:
                memories.append(replace(m, operands=operands, links=tuple(k for k in m.links if k.operand in operands)))
        return replace(self, memories=tuple(memories))
