"""Templates of one problem of a graph: data placement, order of holds, and where it may have loops, shared or its own.

As search/optimal/space.py, plus tensors that live on chip as a whole (`inside`): the loops above the last shared one
of them can be shared with other problems, and must not make anything be produced twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations, pairwise, permutations, product

from tileloom.architecture.model import EVERYTHING, Architecture, Fanout, Memory
from tileloom.fusion.optimal.symmetry import is_mirrored, mirrors, out_of_order
from tileloom.mapping.constraints import FREE
from tileloom.mapping.layout import frame_of
from tileloom.mapping.utilization import may_lie_on
from tileloom.search.optimal.space import Setting, Slot, Template
from tileloom.workload.problem import Problem

Holds = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Sharing:
    """What the graph says of a problem's tensors, by position in Problem.tensors.

    inside       tensors not in the outermost memory;  shared: tensors of several problems
    persistent   stay for the whole run;  loops: per tensor, dims that may have a shared loop above it
    backing      memories (indices) that may be the outermost one of a tensor in `inside`
    """

    inside: frozenset[int]
    shared: frozenset[int]
    persistent: frozenset[int]
    loops: tuple[frozenset[str], ...]
    backing: frozenset[int]


@dataclass(frozen=True, slots=True)
class FusedTemplate:
    """template   holds, slots and halo choices;  backing: per tensor its outermost hold (1-based; 0: outermost memory)
    fused        blocks 0 .. fused - 1 lie above a shared tensor on chip: their loops are shared with other problems
    """

    template: Template
    backing: tuple[int, ...]
    fused: int


def setting_for(problem: Problem, architecture: Architecture) -> Setting:
    """As `setting_of`, where the outermost memory need not take every tensor."""
    nodes = tuple(
        replace(n, keep=EVERYTHING, may_keep=EVERYTHING) if n is architecture.memories[0] else n
        for n in architecture.nodes
    )
    frame = frame_of(problem, replace(architecture, nodes=nodes), FREE)
    return Setting(problem, architecture, frame.unit, frame.memories, frame.places, looped_dims(problem))


def looped_dims(problem: Problem) -> tuple[str, ...]:
    """Dims that may have loops; a problem of a single point keeps one, so that there is something to number."""
    return tuple(d.name for d in problem.dims if d.extent > 1) or (problem.dims[0].name,)


def fused_templates(setting: Setting, sharing: Sharing) -> Iterator[FusedTemplate]:
    """All templates of a problem with exactly the tensors `sharing.inside` on chip, in a fixed order."""
    exchanges = mirrors(setting, frozenset().union(*(sharing.loops[t] for t in sharing.shared & sharing.inside)))
    for holds in _hold_orders(setting, sharing):
        backing = _backing(setting, sharing, holds)
        if backing is None or _redundant(setting, sharing, holds) or out_of_order(setting, holds, backing):
            continue
        fused = max((backing[t] for t in sharing.inside & sharing.shared), default=0)
        slots = _slots(setting, holds)
        allowed = _allowed(setting, sharing, holds, slots, backing, fused)
        for halo in _halo_choices(setting, sharing, holds, slots, allowed, fused):
            if is_mirrored(halo, exchanges):
                continue
            yield FusedTemplate(Template(holds, slots, allowed, halo, inside=sharing.inside), backing, fused)


def _hold_orders(setting: Setting, sharing: Sharing) -> Iterator[Holds]:
    choices = []
    for memory in setting.memories[1:]:
        must = [i for i, t in enumerate(setting.tensors) if memory.keep.has(t)]
        may = [i for i, t in enumerate(setting.tensors) if memory.may_keep.has(t) and i not in must]
        subsets = chain.from_iterable(combinations(may, k) for k in range(len(may) + 1))
        choices.append([tuple(sorted((*must, *extra))) for extra in subsets])
    for placement in product(*choices):
        for order in product(*(permutations(held) for held in placement)):
            yield tuple((m + 1, t) for m, held in enumerate(order) for t in held)


def _backing(setting: Setting, sharing: Sharing, holds: Holds) -> tuple[int, ...] | None:
    """Outermost hold per tensor; None where a tensor inside has none, or in a memory that must not back it."""
    found = []
    for t in range(len(setting.tensors)):
        if t not in sharing.inside:
            found.append(0)
            continue
        first = next((h for h, (_, held) in enumerate(holds, start=1) if held == t), 0)
        if not first or holds[first - 1][0] not in sharing.backing:
            return None
        found.append(first)
    lasting = sorted(found[t] for t in sharing.persistent & sharing.inside)
    # Above a persistent tensor there is no loop, so what is held before it may as well come after it.
    return tuple(found) if lasting == list(range(1, len(lasting) + 1)) else None


def _redundant(setting: Setting, sharing: Sharing, holds: Holds) -> bool:
    """As in search/optimal/space.py: an optional copy directly above the next copy of the tensor reuses nothing."""
    seen: set[int] = set()
    for (m, t), (inner, u) in pairwise(holds):
        tensor = setting.tensors[t]
        backs = t in sharing.inside and t not in seen
        seen.add(t)
        if t != u or backs or setting.memories[m].keep.has(tensor):
            continue
        if any(m < a.memories_above <= inner for a in setting.axes):
            continue
        if not any(tensor.relevance(d) == "partial" for d in setting.dims):
            return True
    return False


def _slots(setting: Setting, holds: Holds) -> tuple[Slot, ...]:
    anchor = [sum(1 for m, _ in holds if m < a.memories_above) for a in setting.axes]
    found: list[Slot] = []
    for block in range(len(holds) + 1):
        found.append(Slot(block))
        found.extend(Slot(block, i) for i, at in enumerate(anchor) if at == block)
    return tuple(found)


def _allowed(
    setting: Setting,
    sharing: Sharing,
    holds: Holds,
    slots: tuple[Slot, ...],
    backing: tuple[int, ...],
    fused: int,
) -> tuple[tuple[int, ...], ...]:
    last = max(backing)
    found = []
    for dim in setting.dims:
        own = []
        for index, slot in enumerate(slots):
            if slot.axis >= 0:
                if may_lie_on(setting.problem, setting.axes[slot.axis].axis, dim):
                    own.append(index)
            elif _useful(setting, sharing, holds, backing, slot.block, dim, slot.block < fused):
                own.append(index)
        if not any(slots[i].axis < 0 and slots[i].block >= fused for i in own):
            own.append(next(i for i, s in enumerate(slots) if s.block == last and s.axis < 0))
        found.append(tuple(sorted(own)))
    return tuple(found)


def _useful(
    setting: Setting, sharing: Sharing, holds: Holds, backing: tuple[int, ...], block: int, dim: str, fused: bool
) -> bool:
    """Whether a loop of `dim` may stand in a block (nothing is produced twice) and can be of use there.

    Above the outermost hold of a tensor on chip only loops over its own axes may stand, each alone on an axis. The
    rules of use are those of single problems; only a shared loop that does not move the tile below it stays, as
    raising that tile would keep it for longer.
    """
    for t in sharing.inside:
        if backing[t] > block:
            if t in sharing.persistent or setting.tensors[t].relevance(dim) != "relevant":
                return False
            if t in sharing.shared and dim not in sharing.loops[t]:
                return False
    above = "irrelevant"
    if block > 0:
        t = holds[block - 1][1]
        if backing[t] != block:
            above = setting.tensors[t].relevance(dim)
    if above == "relevant":
        return False
    if block < len(holds) and not fused:
        below = setting.tensors[holds[block][1]].relevance(dim)
        return below != "irrelevant" or above == "partial"
    return True


def _halo_choices(
    setting: Setting,
    sharing: Sharing,
    holds: Holds,
    slots: tuple[Slot, ...],
    allowed: tuple[tuple[int, ...], ...],
    fused: int,
) -> Iterator[tuple[int, ...]]:
    """Which halo loop comes first in each block; among shared loops it may be none, as their order matters outside."""
    choices: list[list[int]] = []
    seen: set[int] = set()
    for block, (_, t) in enumerate(holds, start=1):
        backs = t in sharing.inside and t not in seen
        seen.add(t)
        slot = next(i for i, s in enumerate(slots) if s.block == block and s.axis < 0)
        halo = [
            i
            for i, d in enumerate(setting.dims)
            if not backs and slot in allowed[i] and setting.tensors[t].relevance(d) == "partial"
        ]
        choices.append([*halo, -1] if halo and block < fused else halo or [-1])
    yield from product(*choices)


def single_memories(architecture: Architecture) -> tuple[str, ...]:
    """Memories of one instance, not partitioned, below the outermost one."""
    names: list[str] = []
    for node in architecture.nodes[1:]:
        if isinstance(node, Fanout) and node.size > 1:
            break
        if isinstance(node, Memory) and not node.partitions:
            names.append(node.name)
    return tuple(names)
