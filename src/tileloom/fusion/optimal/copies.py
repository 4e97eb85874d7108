"""Copies as rows: one tensor moved between the memories that back it and its copy; nothing else is held or computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tileloom.architecture.model import Architecture, Memory
from tileloom.fusion.optimal.groups import OUTSIDE, Front, Group, Key, every_sequence
from tileloom.workload.problem import Problem, Tensor

if TYPE_CHECKING:
    from tileloom.fusion.optimal.rows import KindRows


def add_copy_groups(rows: KindRows) -> None:
    """All groups of a copy, each with its one exact row."""
    kind = rows.kind
    problem = kind.problem
    if len(problem.tensors) != 2:
        raise ValueError(f"copy '{problem.name}' has {len(problem.tensors)} tensors, not 2")
    source = next(i for i, t in enumerate(problem.tensors) if not t.is_output)
    target = 1 - source
    for inside, chip in kind.chips.items():
        names = [m.name for m in chip.memories]
        places = [1 + i for i, n in enumerate(kind.backing) if n in names]
        for keys in _choices(rows, source, target, inside, places):
            at = [names.index(kind.backing[m - 1]) if m else 0 for m, _ in keys]
            energy, cycles = copy_cost(problem, chip, at[source], at[target], reversed_actions=kind.reversed_copies)
            energy, cycles = energy * kind.count, cycles * kind.count
            loops = max((tuple(n for _, n in k[1]) for k in keys), key=len)
            group = Group(keys, loops, least_energy=energy, least_cycles=cycles)
            values = np.zeros((1, 2 + len(kind.tracked) * (2 + len(loops))))
            values[0, :2] = energy, cycles
            group.front = Front(values, [(None, np.empty(0, dtype=np.int64))], float("inf"))
            rows.add(group)


def _choices(
    rows: KindRows, source: int, target: int, inside: frozenset[int], places: list[int]
) -> list[tuple[Key, Key]]:
    """Keys of both tensors; tensors inside that no one shares stay where they are, as a whole."""
    kind = rows.kind
    tensors = kind.problem.tensors
    extents = kind.problem.extents
    axes = [
        (a, extents[axis.terms[0][0]])
        for a, axis in enumerate(tensors[target].axes)
        if all(p not in inside or p not in kind.shared or a in kind.axes[p] for p in (source, target))
    ]
    found = []
    for loops in every_sequence(tuple(axes), rows.limits) if inside else [()]:
        ways: list[list[Key]] = [[], []]
        for p in (source, target):
            ways[p] = [(m, loops if p in kind.shared else ()) for m in places] if p in inside else [OUTSIDE]
        pairs = [(a, b) if source == 0 else (b, a) for a in ways[source] for b in ways[target]]
        found += [p for p in pairs if rows.limits.max_loops >= len(loops)]
    return list(dict.fromkeys(found))


def copy_cost(
    problem: Problem, chip: Architecture, source: int, target: int, *, reversed_actions: bool
) -> tuple[float, float]:
    """(pJ, cycles) of moving every element once from one memory to another; nothing within one memory.

    reversed_actions   reads are charged to the target and writes to the source, as AccelForge 1.0 does
    """
    if source == target:
        return 0.0, 0.0
    memories = chip.memories
    moved = next(t for t in problem.tensors if not t.is_output)
    read, write = (memories[target], memories[source]) if reversed_actions else (memories[source], memories[target])
    read_pj, read_cycles = _access(problem, read, moved, reads=True)
    write_pj, write_cycles = _access(problem, write, problem.output, reads=False)
    return read_pj + write_pj, max(read_cycles, write_cycles)


def _access(problem: Problem, memory: Memory, tensor: Tensor, *, reads: bool) -> tuple[float, float]:
    port = memory.read if reads else memory.write
    accesses = problem.size(tensor.name) * memory.bits_of(tensor) / port.width_bits
    return accesses * port.energy_for(tensor), accesses / port.accesses_per_cycle
