"""Whether a mapping may run: every broken rule with its code, place, numbers and remedy.

Rules about coverage, levels and capacity are here, those about spatial loops in spatial_rules.py. Costs are not known
here: bandwidth never makes a mapping illegal, it makes it slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tileloom.architecture.model import Architecture, Memory
from tileloom.architecture.model import Compute as Unit
from tileloom.core.errors import did_you_mean
from tileloom.mapping.diagnostic import Diagnostic, error, label
from tileloom.mapping.residency import reservations
from tileloom.mapping.spatial_rules import check_spatial
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, TreeNode, walk
from tileloom.workload.problem import Problem, Tensor

__all__ = ["Diagnostic", "check_mapping", "is_legal"]


def check_mapping(
    problem: Problem, architecture: Architecture, mapping: MappingTree, perfect: bool = False
) -> tuple[Diagnostic, ...]:
    """Every rule that the mapping breaks, in a fixed order; () for a legal mapping.

    perfect  also refuse loops that do not divide evenly (E-RESID)

    A node that names an unknown dim, tensor or memory is reported and left out of the later rules.
    """
    if not mapping.is_chain:
        return (
            error(
                "E-FUSE",
                "mapping",
                "the mapping has seq, pipe or par branches, but one problem is checked",
                f"Give the branch of '{problem.name}' alone, or check all problems together (check_fused)",
            ),
        )
    found = list(compute_faults(problem, architecture, mapping))
    found += name_faults(problem, architecture, mapping)
    known = known_part(problem, architecture, mapping)
    found += chain_faults(problem, architecture, known, perfect)
    found += capacity_faults(problem, architecture, known)
    return tuple(found)


def chain_faults(
    problem: Problem,
    architecture: Architecture,
    known: MappingTree,
    perfect: bool,
    between: frozenset[str] | None = None,
) -> Iterator[Diagnostic]:
    """Every rule but names and capacity, of a chain whose names are known.

    between  of a fused mapping the tensors that pass between problems: any memory may be their outermost one, and a
             copy holds nothing but its ends (None: a mapping of one problem)
    """
    yield from _coverage_faults(problem, known, perfect)
    yield from _level_faults(problem, architecture, known)
    if between is None or not problem.copy:
        yield from _bypass_faults(problem, architecture, known, between or frozenset())
    yield from check_spatial(problem, architecture, known)
    yield from _partial_sum_faults(problem, architecture, known)


def is_legal(problem: Problem, architecture: Architecture, mapping: MappingTree, perfect: bool = False) -> bool:
    """True when `check_mapping` finds no error; warnings do not count."""
    return all(d.severity != "error" for d in check_mapping(problem, architecture, mapping, perfect))


def unit_of(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Unit | None:
    """The compute unit the mapping names, or the one the problem would get when that name is unknown."""
    last = mapping.nodes[-1] if mapping.nodes else None
    named = [u for u in architecture.computes if isinstance(last, Compute) and u.name == last.unit]
    return named[0] if named else architecture.compute_for(problem)


def compute_faults(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Iterator[Diagnostic]:
    places = [i for i, n in enumerate(mapping.nodes) if isinstance(n, Compute)]
    if places != [len(mapping.nodes) - 1]:
        got = f"found {len(places)}, at {['node ' + str(i) for i in places]}" if places else "found none"
        yield error(
            "E-OP",
            "mapping",
            f"a mapping ends in exactly one compute node, {got} of {len(mapping.nodes)} nodes",
            "End the mapping with one compute node",
        )
    for index in places:
        node = mapping.nodes[index]
        assert isinstance(node, Compute)
        where = label(index, node)
        names = [u.name for u in architecture.computes]
        unit = next((u for u in architecture.computes if u.name == node.unit), None)
        if unit is None:
            yield error(
                "E-OP",
                where,
                f"'{architecture.name}' has no compute unit '{node.unit}'{did_you_mean(node.unit, names)}",
                f"Use one of {', '.join(names)}",
            )
        elif not unit.accepts(problem):
            takes = [u.name for u in architecture.computes if u.accepts(problem)]
            yield error(
                "E-OP",
                where,
                f"unit '{unit.name}' takes {' or '.join(map(str, unit.n_inputs))} inputs, "
                f"'{problem.name}' has {len(problem.inputs)}",
                f"Use {' or '.join(takes)}" if takes else "Rewrite the problem, or use another architecture",
            )
        if node.problem is not None and node.problem != problem.name:
            yield error(
                "E-OP",
                where,
                f"the mapping computes '{node.problem}', the problem is '{problem.name}'",
                "Give the mapping of this problem",
            )


def name_faults(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Iterator[Diagnostic]:
    tensors = [t.name for t in problem.tensors]
    memories = [m.name for m in architecture.memories]
    for index, node in enumerate(mapping.nodes):
        where = label(index, node)
        for loop in _loops_of(node):
            if loop.dim not in problem.extents:
                near = did_you_mean(loop.dim, problem.extents)
                have = ", ".join(problem.extents)
                yield error("E-DIMS", where, f"'{problem.name}' has no dim '{loop.dim}'{near}", f"Its dims are {have}")
            if loop.tile < 1:
                why = f"tile {loop.tile} of '{loop.dim}' is smaller than 1"
                yield error("E-COVER", where, why, "Use a tile of at least 1")
        if isinstance(node, Hold):
            for name in node.tensors:
                if name not in tensors:
                    near = did_you_mean(name, tensors)
                    have = ", ".join(tensors)
                    yield error("E-DIMS", where, f"'{problem.name}' has no tensor '{name}'{near}", f"It has {have}")
            if node.memory not in memories:
                near = did_you_mean(node.memory, memories)
                yield error(
                    "E-LEVELS",
                    where,
                    f"'{architecture.name}' has no memory '{node.memory}'{near}",
                    f"Its memories are {', '.join(memories)}",
                )


def known_part(problem: Problem, architecture: Architecture, mapping: MappingTree) -> MappingTree:
    """The mapping without what has unknown names, so that the other rules can still be checked."""
    names = {t.name for t in problem.tensors}
    memories = {m.name for m in architecture.memories}
    kept: list[TreeNode] = []
    for node in mapping.nodes:
        if isinstance(node, Hold):
            if node.memory in memories:
                kept.append(Hold(tuple(t for t in node.tensors if t in names), node.memory, node.mode))
        elif all(loop.dim in problem.extents and loop.tile >= 1 for loop in _loops_of(node)):
            kept.append(node)
    return MappingTree(tuple(kept))


def _loops_of(node: TreeNode) -> tuple[Loop, ...]:
    return (node,) if isinstance(node, Loop) else node.loops if isinstance(node, Joint) else ()


def _coverage_faults(problem: Problem, mapping: MappingTree, perfect: bool) -> Iterator[Diagnostic]:
    current = dict(problem.extents)
    for index, step in enumerate(walk(mapping, problem.extents)):
        for loop in _loops_of(step.node):
            where, outside = label(index, step.node), step.outside[loop.dim]
            if loop.tile > outside:
                yield error(
                    "E-COVER",
                    where,
                    f"tile {loop.tile} of '{loop.dim}' is larger than the {outside} that reach this loop",
                    f"Use a tile from 1 to {outside}",
                )
            for word, value, most in (("first", loop.first, outside), ("last", loop.last, loop.tile)):
                if value is not None and not 1 <= value <= most:
                    yield error(
                        "E-COVER",
                        where,
                        f"the {word} tile of '{loop.dim}' is {value}, outside 1 to {most}",
                        f"Leave '{word}' out, or give a value from 1 to {most}",
                    )
            if perfect and not loop.divides(outside):
                tile = min(loop.tile, outside)
                yield error(
                    "E-RESID",
                    where,
                    f"{outside} of '{loop.dim}' in steps of {tile} leave a remainder of {outside % tile}, "
                    "and only even divisions were asked for",
                    f"Use a divisor of {outside}, or allow remainders",
                )
            current[loop.dim] = min(loop.tile, outside)
    for dim, left in current.items():
        if left > 1:
            yield error(
                "E-COVER",
                dim,
                f"'{dim}' (extent {problem.extents[dim]}) ends at a tile of {left}, but the unit computes 1 at a time",
                f"Add a loop over '{dim}' with tile 1 above the compute node",
            )


@dataclass(frozen=True, slots=True)
class _Held:
    index: int
    memory: Memory


def _held(architecture: Architecture, mapping: MappingTree, tensor: Tensor) -> list[_Held]:
    return [
        _Held(i, architecture.memory(n.memory))
        for i, n in enumerate(mapping.nodes)
        if isinstance(n, Hold) and tensor.name in n.tensors
    ]


def _level_faults(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Iterator[Diagnostic]:
    unit = unit_of(problem, architecture, mapping)
    path = architecture.path(unit) if unit else architecture.nodes
    for tensor in problem.tensors:
        held = _held(architecture, mapping, tensor)
        for outer, inner in pairwise(held):
            where = label(inner.index, mapping.nodes[inner.index])
            if inner.memory is outer.memory:
                yield error(
                    "E-LEVELS",
                    where,
                    f"'{tensor.name}' is already held in '{inner.memory.name}' at node {outer.index}",
                    "Remove one of the two",
                )
            elif architecture.depth(inner.memory) < architecture.depth(outer.memory):
                yield error(
                    "E-LEVELS",
                    where,
                    f"'{tensor.name}' goes outward: '{inner.memory.name}' lies outside '{outer.memory.name}', "
                    f"which holds it further out at node {outer.index}",
                    "Order the holds of a tensor from the outermost memory inward",
                )
        for one in held:
            if not any(one.memory is n for n in path):
                yield error(
                    "E-LEVELS",
                    label(one.index, mapping.nodes[one.index]),
                    f"memory '{one.memory.name}' is not above the unit '{unit.name if unit else '?'}'",
                    "Hold the tensor in a memory on the way to that unit",
                )


def _bypass_faults(
    problem: Problem, architecture: Architecture, mapping: MappingTree, between: frozenset[str]
) -> Iterator[Diagnostic]:
    unit = unit_of(problem, architecture, mapping)
    path = architecture.path(unit) if unit else architecture.nodes
    memories = [n for n in path if isinstance(n, Memory)]
    for tensor in problem.tensors:
        held = _held(architecture, mapping, tensor)
        names = {h.memory.name for h in held}
        backing = next((m for m in memories if m.allows(tensor)), None)
        if tensor.name in between and held and backing is memories[0]:
            # What passes between problems may skip the outermost memory; the memories below keep what they must.
            names.add(backing.name)
        if backing is not None and backing.name not in names:
            yield error(
                "E-BYPASS",
                tensor.name,
                f"'{tensor.name}' is not held in '{backing.name}', the outermost memory that takes it"
                + ("" if held else "; it is held nowhere"),
                f"Add a hold of '{tensor.name}' in '{backing.name}'",
            )
        for memory in memories:
            if memory is not backing and memory.keep.has(tensor) and memory.name not in names:
                yield error(
                    "E-BYPASS",
                    tensor.name,
                    f"'{tensor.name}' bypasses '{memory.name}', which must keep {memory.keep}",
                    f"Add a hold of '{tensor.name}' in '{memory.name}'",
                )
        for one in held:
            if not one.memory.allows(tensor):
                yield error(
                    "E-BYPASS",
                    label(one.index, mapping.nodes[one.index]),
                    f"'{one.memory.name}' does not take '{tensor.name}' ({tensor.role}); "
                    f"it must keep {one.memory.keep} and may keep {one.memory.may_keep}",
                    f"Remove '{tensor.name}' from this hold",
                )


def _partial_sum_faults(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Iterator[Diagnostic]:
    """Partial sums that a memory without read accesses would have to give back."""
    held = _held(architecture, mapping, problem.output)
    steps = list(walk(mapping, problem.extents))
    for number, one in enumerate(held):
        if one.memory.read.accesses_per_cycle > 0:
            continue
        end = held[number + 1].index if number + 1 < len(held) else len(steps)
        loops = [
            s.node.dim
            for s in steps[:end]
            if isinstance(s.node, Loop) and not s.node.spatial and s.trips > 1 and s.node.dim in problem.reduction_dims
        ]
        if loops:
            dims = ", ".join(f"'{d}'" for d in dict.fromkeys(loops))
            yield error(
                "E-PSUM",
                label(one.index, mapping.nodes[one.index]),
                f"'{one.memory.name}' cannot be read, but the reduction over {dims} makes partial sums of "
                f"'{problem.output.name}' come back from it",
                f"Hold '{problem.output.name}' further in above the loops over {dims}",
            )


def capacity_faults(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Iterator[Diagnostic]:
    """Memories whose reserved tiles do not fit, or that have no partition for a tensor."""
    rows = reservations(problem, architecture, mapping)
    for memory in architecture.memories:
        mine = [(tensor, bits) for name, tensor, bits in rows if name == memory.name]
        if memory.partitions:
            yield from _partition_faults(problem, memory, mine)
        elif memory.capacity_bits is not None:
            yield from _overflow(memory, f"'{memory.name}'", mine, memory.capacity_bits)


def _partition_faults(problem: Problem, memory: Memory, mine: list[tuple[str, int]]) -> Iterator[Diagnostic]:
    groups: list[list[tuple[str, int]]] = [[] for _ in memory.partitions]
    for name, bits in mine:
        tensor = problem.tensor(name)
        number = next((i for i, (who, _) in enumerate(memory.partitions) if who.has(tensor)), None)
        if number is None:
            yield error(
                "E-CAP",
                memory.name,
                f"no partition of '{memory.name}' takes '{name}' ({tensor.role})",
                f"Bypass '{memory.name}' for '{name}'",
            )
        else:
            groups[number].append((name, bits))
    for (who, size), group in zip(memory.partitions, groups, strict=True):
        yield from _overflow(memory, f"'{memory.name}' (partition of {who})", group, size)


def _overflow(memory: Memory, where: str, rows: list[tuple[str, int]], capacity: int) -> Iterator[Diagnostic]:
    total = sum(bits for _, bits in rows)
    if total <= capacity:
        return
    in_bytes = all(bits % 8 == 0 for bits in (capacity, *(b for _, b in rows)))
    scale, unit = (8, "B") if in_bytes else (1, "bits")
    parts = " + ".join(f"{tensor} {bits // scale}" for tensor, bits in rows)
    double = f" (each tile {memory.buffers} times, for its buffers)" if memory.buffers > 1 else ""
    ratio = f"{total / capacity:.2f}x" if capacity else "no space at all"
    yield error(
        "E-CAP",
        memory.name,
        f"tiles do not fit in {where}: {parts} = {total // scale} {unit}{double}, "
        f"capacity {capacity // scale} {unit} ({ratio})",
        f"Shrink a temporal tile kept at '{memory.name}', or bypass one tensor",
    )
