"""Templates of the mapping space: data placement, order of holds, and the slots where each dim may have a loop.

A template fixes everything about a mapping but the tile sizes. The rules that leave loops out are exact: each one
says which other template does at least as well (tests compare with the exhaustive mapper, which uses none of them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, pairwise, permutations, product

from tileloom.architecture.model import Architecture, Compute, Memory
from tileloom.mapping.constraints import FREE
from tileloom.mapping.layout import Place, frame_of
from tileloom.mapping.utilization import may_lie_on, required_places
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True, slots=True)
class Setting:
    """The problem on the nodes it uses: dims of extent 1 are left out of the search."""

    problem: Problem
    architecture: Architecture
    compute: Compute
    memories: tuple[Memory, ...]
    axes: tuple[Place, ...]
    dims: tuple[str, ...]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self.problem.tensors


def setting_of(problem: Problem, architecture: Architecture) -> Setting:
    """Raises UnsupportedError as `frame_of`."""
    frame = frame_of(problem, architecture, FREE)
    return Setting(problem, architecture, frame.unit, frame.memories, frame.places, frame.dims)


def required_use(setting: Setting) -> dict[int, float]:
    """Axis index -> least product of trips, for axes that ask for a minimum utilisation."""
    places = required_places(setting.problem, setting.architecture)
    found = {i: places.get((a.fanout.name, a.axis.name)) for i, a in enumerate(setting.axes)}
    return {i: least for i, least in found.items() if least is not None}


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for loops: in time (axis -1) or on a spatial axis (index into Setting.axes), in a block between holds."""

    block: int
    axis: int = -1


@dataclass(frozen=True, slots=True)
class Template:
    """holds: (memory index, tensor index), outermost first, without the backing holds of all tensors in memory 0.

    slots       outermost first; block j lies below hold j (block 0 below the backing holds)
    allowed     per dim of Setting.dims, the indices of the slots where it may have a loop
    first_halo  per hold, the index of the partial dim whose loop comes first in the hold's block (-1: none there)
    images      templates that this one stands for: itself and its mirror images
    inside      tensors that are not in memory 0: their outermost hold is one of `holds`
    """

    holds: tuple[tuple[int, int], ...]
    slots: tuple[Slot, ...]
    allowed: tuple[tuple[int, ...], ...]
    first_halo: tuple[int, ...]
    images: int = 1
    inside: frozenset[int] = frozenset()

    def start(self, hold: int) -> int:
        """Index of the first slot below hold `hold` (1-based; 0 = backing, len(holds)+1 = compute)."""
        if hold > len(self.holds):
            return len(self.slots)
        return next(i for i, s in enumerate(self.slots) if s.block == hold)


def placements(setting: Setting) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Per memory below the outermost one, which tensors it holds: every set between keep and keep + may_keep."""
    choices = []
    for memory in setting.memories[1:]:
        must = [i for i, t in enumerate(setting.tensors) if memory.keep.has(t)]
        may = [i for i, t in enumerate(setting.tensors) if memory.may_keep.has(t) and i not in must]
        subsets = chain.from_iterable(combinations(may, k) for k in range(len(may) + 1))
        choices.append([tuple(sorted((*must, *extra))) for extra in subsets])
    yield from product(*choices)


def hold_orders(setting: Setting) -> Iterator[tuple[tuple[int, int], ...]]:
    """Every order of the holds in which a memory's holds come before those of the memories inside it."""
    for placement in placements(setting):
        for order in product(*(permutations(held) for held in placement)):
            yield tuple((m + 1, t) for m, held in enumerate(order) for t in held)


def templates(setting: Setting) -> Iterator[Template]:
    """All templates of the space, in a fixed order, one of each set of mirror images."""
    mirrors = _mirrors(setting)
    for holds in hold_orders(setting):
        if not _redundant(setting, holds):
            yield from _with_halo_choices(setting, holds, mirrors)


def _mirrors(setting: Setting) -> list[dict[int, int]]:
    """Exchanges of two dims with their halo partners (p, r with q, s) that leave problem and array rules as they are."""
    if any(a.axis.dims for a in setting.axes):
        return []
    index = {d: i for i, d in enumerate(setting.dims)}
    extents = setting.problem.extents
    pairs = [
        tuple(d for d, _ in axis.terms)
        for t in setting.tensors
        for axis in t.axes
        if len(axis.terms) == 2 and all(d in index for d, _ in axis.terms)
    ]
    found = []
    for one, two in combinations(pairs, 2):
        if set(one) & set(two) or any(extents[a] != extents[b] for a, b in zip(one, two)):
            continue
        swap = {**dict(zip(one, two)), **dict(zip(two, one))}
        if all(_forms(t, swap) == _forms(t, {}) for t in setting.tensors):
            found.append({index[a]: index[b] for a, b in swap.items()})
    return found


def _forms(tensor: Tensor, swap: dict[str, str]) -> list[list[tuple[str, int]]]:
    return sorted(sorted((swap.get(d, d), c) for d, c in axis.terms) for axis in tensor.axes)


def _redundant(setting: Setting, holds: tuple[tuple[int, int], ...]) -> bool:
    """An optional copy directly above the next copy of the same tensor, with no fanout and no halo loop between.

    Nothing is reused between the two, so leaving the outer one out costs no more.
    """
    for (m, t), (inner, u) in pairwise(holds):
        tensor = setting.tensors[t]
        if t != u or setting.memories[m].keep.has(tensor):
            continue
        if any(m < a.memories_above <= inner for a in setting.axes):
            continue
        if not any(tensor.relevance(d) == "partial" for d in setting.dims):
            return True
    return False


def _with_halo_choices(
    setting: Setting, holds: tuple[tuple[int, int], ...], mirrors: list[dict[int, int]]
) -> Iterator[Template]:
    slots = _slots(setting, holds)
    allowed = tuple(_allowed_slots(setting, holds, slots, d) for d in setting.dims)
    choices: list[list[int]] = []
    for block, (_, t) in enumerate(holds, start=1):
        slot = next(i for i, s in enumerate(slots) if s.block == block and s.axis < 0)
        halo = [
            i for i, d in enumerate(setting.dims) if slot in allowed[i] and setting.tensors[t].relevance(d) == "partial"
        ]
        choices.append(halo or [-1])
    for chosen in product(*choices):
        images = {tuple(chosen), *(tuple(m.get(h, h) for h in chosen) for m in mirrors)}
        if tuple(chosen) == min(images):
            yield Template(holds, slots, allowed, tuple(chosen), len(images))


def _slots(setting: Setting, holds: tuple[tuple[int, int], ...]) -> tuple[Slot, ...]:
    """Block by block: the temporal slot, then the axes whose lowest hold above them is that block's hold."""
    anchor = [sum(1 for m, _ in holds if m < a.memories_above) for a in setting.axes]
    found: list[Slot] = []
    for block in range(len(holds) + 1):
        found.append(Slot(block))
        found.extend(Slot(block, i) for i, at in enumerate(anchor) if at == block)
    return tuple(found)


def _allowed_slots(
    setting: Setting, holds: tuple[tuple[int, int], ...], slots: tuple[Slot, ...], dim: str
) -> tuple[int, ...]:
    found = []
    for index, slot in enumerate(slots):
        if slot.axis >= 0:
            if may_lie_on(setting.problem, setting.axes[slot.axis].axis, dim):
                found.append(index)
        elif _useful_in_block(setting, holds, slot.block, dim):
            found.append(index)
    if not any(slots[i].axis < 0 for i in found):
        found.insert(0, 0)
    return tuple(found)


def _useful_in_block(setting: Setting, holds: tuple[tuple[int, int], ...], block: int, dim: str) -> bool:
    """Whether a temporal loop of `dim` below hold `block` can be better than the same loop elsewhere.

    Directly below a hold whose tensor it moves, the hold may as well sit below the loop (same fills, smaller tile).
    Directly above a hold whose tensor it does not move, the hold may as well sit above (fewer fills), unless the loop
    shortens the sliding window of the hold above it.
    """
    above = setting.tensors[holds[block - 1][1]].relevance(dim) if block > 0 else "irrelevant"
    if above == "relevant":
        return False
    if block < len(holds):
        below = setting.tensors[holds[block][1]].relevance(dim)
        return below != "irrelevant" or above == "partial"
    return True
