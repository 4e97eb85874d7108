"""What a mapping keeps where: the tile that each Hold must reserve space for, and its size in bits.

Only space is counted here. Whether it fits is legality.py's business, and how often tiles move is cost/'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.architecture.model import Architecture
from tileloom.mapping.tree import Hold, Joint, Loop, MappingTree, TreeNode
from tileloom.workload.problem import Problem, Tensor


def reserved_tile(
    problem: Problem, mapping: MappingTree, hold_index: int, tensor: str, *, faithful_accelforge: bool = False
) -> dict[str, int]:
    """Extents of the tile of `tensor` that `mapping.nodes[hold_index]` reserves space for.

    A buffer need not have its whole tile at once when the loops right below the Hold walk through it, so the
    reservation sinks below them. Going in from the Hold:

        temporal loop over a relevant dim     go on below it, with the smaller extent
        temporal loop over an irrelevant dim  stop above it (the tile is used again)
        temporal loop over a partial dim      go below it and stop (a sliding window)
        spatial loop, any Hold, a branch, Compute: stop;  a loop of one trip is not seen

    A Hold of several tensors reads as one Hold each, in the order given: only its last tensor can sink.
    The tensor's outermost Hold is its backing store and reserves the whole tile at the Hold.
    faithful_accelforge: there a loop of one trip is seen like any other, so an irrelevant one stops the sinking.
    Returns every dim of the problem with its extent. Raises IndexError or ValueError when `hold_index` is no Hold.
    Source: the occupancy rule of AccelForge 1.0, "lowered" storage nodes.
    """
    hold = mapping.nodes[hold_index]
    if not isinstance(hold, Hold):
        raise ValueError(f"node {hold_index} of the mapping is not a Hold")
    extents = dict(problem.extents)
    for node in mapping.nodes[:hold_index]:
        _enter(node, extents)
    if hold_index == backing_index(mapping, tensor) or hold.tensors[-1:] != (tensor,):
        return extents
    return _sink(problem.tensor(tensor), mapping.nodes[hold_index + 1 :], extents, faithful_accelforge)


def backing_index(mapping: MappingTree, tensor: str) -> int | None:
    """Position of the outermost Hold of a tensor, its backing store; None when it is held nowhere."""
    return next((i for i, n in enumerate(mapping.nodes) if isinstance(n, Hold) and tensor in n.tensors), None)


def reservations(
    problem: Problem, architecture: Architecture, mapping: MappingTree, *, faithful_accelforge: bool = False
) -> tuple[tuple[str, str, int], ...]:
    """(memory, tensor, bits) of every kept tensor, in the order of the Holds; unbounded memories included.

    bits = footprint of `reserved_tile` * bits per value in that memory * buffers. 'stream' Holds store nothing and
    are left out.
    Raises InputError for a memory or tensor that does not exist.
    """
    rows: list[tuple[str, str, int]] = []
    extents = dict(problem.extents)
    backed: set[str] = set()
    for index, node in enumerate(mapping.nodes):
        if not isinstance(node, Hold):
            _enter(node, extents)
            continue
        for name in node.tensors if node.mode == "keep" else ():
            memory, tensor = architecture.memory(node.memory), problem.tensor(name)
            tile = extents
            if name in backed and name == node.tensors[-1]:
                tile = _sink(tensor, mapping.nodes[index + 1 :], dict(extents), faithful_accelforge)
            rows.append((memory.name, name, tensor.footprint(tile) * memory.bits_of(tensor) * memory.buffers))
        backed.update(node.tensors)
    return tuple(rows)


def _sink(tensor: Tensor, below: Sequence[TreeNode], extents: dict[str, int], unit_loops_count: bool) -> dict[str, int]:
    for node in below:
        if not isinstance(node, Loop):
            break
        if node.trips(extents[node.dim]) == 1 and not unit_loops_count:
            _enter(node, extents)
            continue
        relevance = tensor.relevance(node.dim)
        if node.spatial or relevance == "irrelevant":
            break
        _enter(node, extents)
        if relevance == "partial":
            break
    return extents


def _enter(node: TreeNode, extents: dict[str, int]) -> None:
    """Shrink the extents to those of the largest tile below a node. A `first` tile may be larger than the others."""
    loops = (node,) if isinstance(node, Loop) else node.loops if isinstance(node, Joint) else ()
    for loop in loops:
        largest = loop.tile if loop.first is None else max(loop.tile, loop.first)
        if largest < extents[loop.dim]:
            extents[loop.dim] = largest
