"""ZigZag's mapping files among the notations: loops in space per array dimension, loops in time as one list.

The list does not say at which memory a loop runs: as many as fit, innermost memory first, the same for all tensors (its
even mode), is what is read. Its array dimensions D1, D2, ... are a chip's axes from the innermost outwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.levels import Place, form, on_places, places_between, to_levels
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.mapping.yaml import scalar
from tileloom.workload.frontends.zigzag_files import MappingRule, read_mapping, rule_for
from tileloom.workload.frontends.zigzag_layer import REST, filled_order
from tileloom.workload.problem import Problem

Loops = Sequence[tuple[str, int]]
_LINKS = ("I1", "I2")


def axes_of(architecture: Architecture) -> dict[str, Place]:
    """D1, D2, ... -> axis of a fanout, the innermost first."""
    axes = [Place(f.name, a.name, a.size) for f in architecture.fanouts for a in f.axes]
    return {f"D{i}": place for i, place in enumerate(reversed(axes), 1)}


def mapping_to_zigzag(mapping: MappingTree, problem: Problem, architecture: Architecture) -> Written:
    """The mapping file of a chain.

    Raises UnsupportedError where there is no form (levels.to_levels) and for tiles that do not divide (E-RESID).
    """
    levels = to_levels(mapping, problem, "ZigZag")
    uneven = [t.dim for level in levels.levels for t in (*level.temporal, *level.spatial) if not t.even]
    if uneven:
        raise UnsupportedError(
            f"E-RESID: tiles of {', '.join(dict.fromkeys(uneven))} do not divide; ZigZag has whole factors only"
        )
    temporal = [(t.dim, t.trips) for level in levels.levels for t in level.temporal if t.trips > 1]
    spread: dict[tuple[str, str], list[str]] = {}
    for level, places in zip(levels.levels, places_between(architecture, [x.memory for x in levels.levels])):
        for place, turns in zip(places, on_places(level, places)):
            wishes = [f"{t.dim}, {t.trips}" for t in turns if t.trips > 1]
            if wishes:
                spread[place.fanout, place.axis] = wishes
    lines = ["- name: default", "  spatial_mapping:" + ("" if spread else " {}")]
    for name, place in axes_of(architecture).items():
        if (place.fanout, place.axis) in spread:
            lines.append(f"    {name}:   # {place.fanout}.{place.axis}")
            lines += [f"    - {scalar(wish) if ':' in wish else wish}" for wish in spread[place.fanout, place.axis]]
    lines.append("  temporal_ordering:   # innermost first" + ("" if temporal else "\n  - []"))
    lines += [f"  - [{scalar(d)}, {n}]" for d, n in reversed(temporal)]
    lines.append(
        "  memory_operand_links: {" + ", ".join(f"{scalar(t)}: {link}" for t, link in _links(problem).items()) + "}"
    )
    if not temporal:
        lines = [x for x in lines if "temporal_ordering" not in x and "- []" not in x]
    text = "\n".join(lines) + "\n"
    rule = MappingRule(
        "default",
        tuple(
            (n, tuple(_wish(w) for w in spread[p.fanout, p.axis]))
            for n, p in axes_of(architecture).items()
            if (p.fanout, p.axis) in spread
        ),
        (),
        tuple(reversed(temporal)),
    )
    losses = []
    try:
        same = form(tree_of_rule(rule, problem, architecture).mapping, problem) == form(mapping, problem)
    except (InputError, UnsupportedError):
        same = False
    if not same:
        losses.append("the memory at which each loop runs: ZigZag keeps as many loops in a memory as fit there")
    return Written(text, tuple(losses))


def _wish(text: str) -> tuple[str, int]:
    dim, _, size = text.partition(", ")
    return dim, int(size)


def _links(problem: Problem) -> dict[str, str]:
    inputs = [t.name for t in problem.inputs]
    if len(inputs) > 2:
        raise UnsupportedError(f"E-NINPUT: ZigZag's layers have two inputs; '{problem.name}' has {len(inputs)}")
    return dict(zip(inputs, _LINKS)) | {problem.output.name: "O"}


def tree_of_rule(rule: MappingRule, problem: Problem, architecture: Architecture) -> ReadMapping:
    """The nest of a rule. Raises InputError for unknown dims and array dimensions, and loops that do not cover the problem."""
    names = {d.upper(): d for d in problem.extents} | {d: d for d in problem.extents}
    axes = axes_of(architecture)
    faults = [
        f"array dimension '{d}': '{architecture.name}' has {', '.join(axes) or 'none'}"
        for d, _ in rule.spatial
        if d not in axes
    ]
    listed = [*(rule.order or ()), *(x for _, loops in rule.spatial for x in loops)]
    faults += [
        f"'{d}' is no dimension; there are {' '.join(problem.extents)}"
        for d, _ in listed
        if d.upper() not in names and d not in names
    ]
    faults += [f"loop '{d}' has size {n}; expected at least 1" for d, n in listed if n < 1 and n != REST]
    if rule.order is None:
        faults.append("temporal_ordering is missing; without it ZigZag searches for one")
    if faults:
        raise InputError(faults)

    def ours(dim: str) -> str:
        return names[dim] if dim in names else names[dim.upper()]

    spatial = {axes[d]: [(ours(dim), n) for dim, n in loops if n > 1] for d, loops in rule.spatial}
    time = dict(problem.extents)
    for dim, n in (x for loops in spatial.values() for x in loops):
        time[dim] //= n
    order = filled_order([(ours(d), n) for d, n in rule.order or ()], time)
    temporal = [(d, n) for d, n in order if n > 1]
    left = dict(problem.extents)
    for dim, n in [*temporal, *(x for loops in spatial.values() for x in loops)]:
        left[dim] = left[dim] // n if left[dim] % n == 0 else 0
    wrong = [
        f"the loops of '{d}' do not multiply to its extent {problem.extents[d]}"
        for d, rest in left.items()
        if rest != 1
    ]
    wrong += [
        f"E-FANOUT: {p.fanout}.{p.axis} has {p.size} copies, {' '.join(f'{d} {n}' for d, n in loops)} need more"
        for p, loops in spatial.items()
        if _product(loops) > p.size
    ]
    if wrong:
        raise InputError(wrong)
    tree, held = _allocated(temporal, spatial, problem, architecture)
    told = [] if held else ["the memory at which each loop runs is not said: as many as fit, for all tensors alike"]
    return ReadMapping(problem, hoist(tree, problem), tuple(told))


def _product(loops: Loops) -> int:
    total = 1
    for _, n in loops:
        total *= n
    return total


def _allocated(
    temporal: Loops, spatial: Mapping[Place, Loops], problem: Problem, architecture: Architecture
) -> tuple[MappingTree, bool]:
    """Loops at memories, innermost first: each takes as many of the loops that are left as its tensors fit with."""
    unit = architecture.compute_for(problem)
    if unit is None:
        raise InputError(f"'{architecture.name}' has no unit that computes '{problem.name}'")
    path = architecture.path(unit)
    tile = dict.fromkeys(problem.extents, 1)
    inside_out: list[TreeNode] = [Compute(unit.name)]
    rest = list(temporal)

    def loop(dim: str, trips: int, place: Place | None) -> None:
        inside_out.append(Loop(dim, tile[dim], *((place.fanout, place.axis) if place else ())))
        tile[dim] *= trips

    for node in reversed(path[:-1]):
        if isinstance(node, Fanout):
            for axis in reversed(node.axes):
                place = Place(node.name, axis.name, axis.size)
                for dim, n in reversed(spatial.get(place, ())):
                    loop(dim, n, place)
        elif isinstance(node, Memory):
            while rest and (
                node is path[0] or _fits(node, problem, {**tile, rest[0][0]: tile[rest[0][0]] * rest[0][1]})
            ):
                loop(*rest.pop(0), None)
            kept = tuple(t.name for t in problem.tensors if node is path[0] or node.allows(t))
            inside_out.append(Hold(kept, node.name))
    return MappingTree(tuple(n for n in reversed(inside_out) if not isinstance(n, Hold) or n.tensors)), not temporal


def _fits(memory: Memory, problem: Problem, tile: Mapping[str, int]) -> bool:
    if memory.capacity_bits is None and not memory.partitions:
        return True
    held = [(t, t.footprint(tile) * memory.bits_of(t) * memory.buffers) for t in problem.tensors if memory.allows(t)]
    if memory.partitions:
        return all(sum(bits for t, bits in held if part.has(t)) <= size for part, size in memory.partitions)
    return memory.capacity_bits is None or sum([bits for _, bits in held]) <= memory.capacity_bits


def _read(path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None) -> ReadMapping:
    if problem is None or architecture is None:
        raise InputError(f"{path}: a ZigZag mapping is read with its problem and chip (--problem, --arch)")
    rules = read_mapping(path)
    try:
        return tree_of_rule(rule_for(rules, layer or problem.name, problem.op), problem, architecture)
    except InputError as error:
        raise InputError([f"{path}: {p}" for p in error.problems], file=str(path)) from None


def _write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    if architecture is None:
        raise InputError("ZigZag's mappings lie on a chip's memories and axes; give it (--arch)")
    return mapping_to_zigzag(mapping, problem, architecture)


ZIGZAG = Notation(name="zigzag", write=_write, read=_read)
