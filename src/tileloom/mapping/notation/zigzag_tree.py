"""ZigZag's loop lists as our loop nests and back. Losses are told; what one side cannot say at all is refused.

A list says which loops lie at which memory for each operand; a nest says it by where the operand's holds stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tileloom.architecture.model import Architecture, Fanout
from tileloom.architecture.notation.zigzag_chip import Chip
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.notation.zigzag import SpatialLoop, TemporalLoop, ZigzagMapping
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, TreeNode, walk
from tileloom.workload.frontends.zigzag_layer import ZigzagLayer
from tileloom.workload.problem import Problem

Placed = tuple[tuple[str, tuple[SpatialLoop, ...]], ...]


@dataclass(frozen=True)
class ReadTree:
    """spatial   loops on every array dimension
    temporal  [operand][memory level], innermost first;  losses: what of the tree is not in the lists
    """

    spatial: Placed
    temporal: tuple[tuple[tuple[TemporalLoop, ...], ...], ...]
    losses: tuple[str, ...]


def lists_of(mapping: MappingTree, problem: Problem, layer: ZigzagLayer, chip: Chip) -> ReadTree:
    """The lists of a nest. Raises UnsupportedError for joint loops, tiles that do not divide and loops above the top hold."""
    reasons: list[str] = []
    losses: list[str] = []
    order: list[TemporalLoop] = []
    place: dict[tuple[str, str], int] = {}
    spatial: dict[str, list[SpatialLoop]] = {name: [] for name in chip.axes}
    dimension = {place_: name for name, place_ in chip.axes.items()}
    for step in walk(mapping, problem.extents):
        node = step.node
        if isinstance(node, Hold):
            for tensor in node.tensors:
                if (tensor, node.memory) in place:
                    reasons.append(f"'{tensor}' is held in '{node.memory}' twice")
                place[tensor, node.memory] = len(order)
            if node.mode != "keep":
                losses.append(f"{', '.join(node.tensors)} pass '{node.memory}' and are taken as kept there")
        elif isinstance(node, Joint):
            reasons.append("loops that advance together")
        elif isinstance(node, Loop):
            if not node.divides(step.outside[node.dim]):
                reasons.append(f"{node.dim}: tiles of {node.tile} do not divide {step.outside[node.dim]}")
            if step.trips == 1:
                continue
            if node.spatial:
                spatial[dimension[node.target or "", node.axis or ""]].append((node.dim, step.trips))
            else:
                order.append((node.dim, step.trips))
    temporal = []
    for operand in layer.operands:
        memories = chip.machine.levels(operand.memory_operand)
        starts = [place.get((operand.name, chip.memories[m.name]), 0) for m in memories]
        if starts and starts[-1]:
            reasons.append(f"loops stand above the outermost hold of '{operand.name}'")
        if sorted(starts, reverse=True) != starts:
            reasons.append(f"'{operand.name}' is held in an outer memory inside an inner one")
        ends = [len(order), *starts[:-1], 0]
        temporal.append(tuple(tuple(reversed(order[low:high])) for high, low in pairwise(ends)))
    if reasons:
        raise UnsupportedError(f"ZigZag's loop lists cannot hold this mapping: {'; '.join(dict.fromkeys(reasons))}")
    losses.append("a tile stays as long as no loop moves it, wherever its hold stands among such loops")
    return ReadTree(tuple((d, tuple(loops)) for d, loops in spatial.items() if loops), tuple(temporal), tuple(losses))


def tree_of(
    mapping: ZigzagMapping,
    spatial: Placed,
    problem: Problem,
    layer: ZigzagLayer,
    chip: Chip,
    architecture: Architecture,
) -> MappingTree:
    """The nest of lists whose unrollings divide the layer.

    Raises UnsupportedError where an operand's inner memory would stand outside the memory around its fanout: such
    uneven lists are no nest.
    """
    extents = dict(problem.extents)
    order = list(reversed(mapping.order()))
    unit = architecture.compute_for(problem)
    assert unit is not None
    path = architecture.path(unit)
    depth = {node.name: i for i, node in enumerate(path)}
    holds: list[tuple[int, int, str, str]] = []
    for operand, levels in zip(layer.operands, mapping.temporal):
        memories = chip.machine.levels(operand.memory_operand)
        left = len(order)
        for memory, loops in zip(memories, levels):
            left -= len(loops)
            owner = chip.memories[memory.name]
            holds.append((left, depth[owner], owner, operand.name))
    nodes: list[TreeNode] = []
    across = {d: list(s) for d, s in spatial}
    waiting = sorted(holds)
    reached = 0
    for position in range(len(order) + 1):
        for _, level, owner, tensor in [h for h in waiting if h[0] == position]:
            if level < reached and _fanouts(path[level:reached]):
                raise UnsupportedError(
                    f"uneven allocation: '{tensor}' stays in '{owner}' further in than another operand stays in "
                    f"'{path[reached].name}', with a fanout between; such lists are no loop nest"
                )
            nodes += _unrolled(path[reached:level], chip, across, extents)
            reached = max(reached, level)
            nodes.append(Hold((tensor,), owner))
        if position < len(order):
            dim, size = order[position]
            extents[dim] //= size
            nodes.append(Loop(dim, extents[dim]))
    nodes += _unrolled(path[reached:], chip, across, extents)
    return MappingTree((*nodes, Compute(unit.name)))


def _fanouts(nodes: tuple[object, ...]) -> bool:
    return any(isinstance(n, Fanout) and n.size > 1 for n in nodes)


def _unrolled(
    nodes: tuple[object, ...], chip: Chip, loops: dict[str, list[SpatialLoop]], extents: dict[str, int]
) -> list[TreeNode]:
    """The spatial loops of the fanouts among these nodes."""
    found: list[TreeNode] = []
    for node in nodes:
        if isinstance(node, Fanout):
            for axis in node.axes:
                for dim, size in loops.get(f"{node.name}.{axis.name}", ()):
                    if size != int(size) or extents[dim] % int(size):
                        raise UnsupportedError(f"{size:g} copies do not divide {dim} ({extents[dim]})")
                    extents[dim] //= int(size)
                    found.append(Loop(dim, extents[dim], node.name, axis.name))
    return found
