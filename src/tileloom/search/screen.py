"""Which mappings of a space may be costed, why the others may not, and whether nothing can ever fit.

Shared by the mappers that look at one mapping after another. Costs are not known here.
"""

from __future__ import annotations

from collections import Counter

from tileloom.architecture.model import Architecture, Memory
from tileloom.mapping.diagnostic import Diagnostic, error
from tileloom.mapping.legality import capacity_faults, check_mapping
from tileloom.mapping.spatial_rules import spatial_loops, utilization_faults
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.utilization import required_places
from tileloom.workload.problem import Problem, Tensor


class Screen:
    """Lets legal mappings of a MapSpace through and counts what the others break, by code and place.

    The space is built so that only capacity, use of axes and write-only memories are left to be checked.
    """

    def __init__(self, problem: Problem, architecture: Architecture) -> None:
        self.problem, self.architecture = problem, architecture
        self.required = required_places(problem, architecture)
        self.unreadable = any(m.read.accesses_per_cycle == 0 for m in architecture.memories)
        self.rejected: Counter[str] = Counter()

    def passes(self, mapping: MappingTree) -> bool:
        faults = [d for d in self._faults(mapping) if d.severity == "error"]
        self.rejected.update({f"{d.code} at {d.where}" for d in faults})
        return not faults

    def _faults(self, mapping: MappingTree) -> list[Diagnostic]:
        if self.unreadable:
            return list(check_mapping(self.problem, self.architecture, mapping))
        found = list(capacity_faults(self.problem, self.architecture, mapping))
        if self.required:
            placed = spatial_loops(self.problem, self.architecture, mapping)
            found += utilization_faults(self.problem, self.architecture, placed, self.required)
        return found

    def explain(self) -> tuple[tuple[str, int], ...]:
        """(rule and place, mappings that break it), in alphabetical order."""
        return tuple(sorted(self.rejected.items()))


def never_fits(problem: Problem, architecture: Architecture) -> tuple[Diagnostic, ...]:
    """What every mapping breaks: tiles that a memory must keep are too large at their smallest (E-CAP).

    The outermost memory keeps every tensor whole; the others on the way to the problem's compute unit at least one
    value of each tensor in `keep`.
    """
    found = []
    unit = architecture.compute_for(problem)
    path = architecture.path(unit) if unit else architecture.nodes
    for index, memory in enumerate(n for n in path if isinstance(n, Memory)):
        if memory.capacity_bits is None:
            continue
        whole = index == 0
        kept = [t for t in problem.tensors if whole or memory.keep.has(t)]
        need = [(t, (problem.size(t.name) if whole else 1) * memory.bits_of(t) * memory.buffers) for t in kept]
        for group, size in _shares(memory, need):
            total = sum(bits for _, bits in group)
            if total > size:
                what = "whole tensors" if whole else "the smallest tiles, one value each,"
                parts = " + ".join(f"{t.name} {bits}" for t, bits in group)
                times = f" ({total / size:.2f}x)" if size else ""
                why = f"{what} do not fit in '{memory.name}': {parts} = {total} bits, capacity {size} bits{times}"
                fix = f"Enlarge '{memory.name}'" + ("" if whole else ", or let a tensor bypass it")
                found.append(error("E-CAP", memory.name, why, fix))
    return tuple(found)


def _shares(memory: Memory, need: list[tuple[Tensor, int]]) -> list[tuple[list[tuple[Tensor, int]], int]]:
    """Tensors grouped by the part of the memory that they share, with its size."""
    if not memory.partitions:
        return [(need, memory.capacity_bits or 0)]
    groups: list[tuple[list[tuple[Tensor, int]], int]] = [([], size) for _, size in memory.partitions]
    for tensor, bits in need:
        number = next((i for i, (who, _) in enumerate(memory.partitions) if who.has(tensor)), None)
        if number is None:
            groups.append(([(tensor, bits)], 0))
        else:
            groups[number][0].append((tensor, bits))
    return groups
