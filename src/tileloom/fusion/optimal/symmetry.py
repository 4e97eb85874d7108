"""Templates that differ only in names: one of each set of equals is searched.

Two holds that meet the same dims can change places without any effect; so can the two halo axes of a square window
when no loop that problems share tiles them.
"""

from __future__ import annotations

from itertools import combinations, pairwise

from tileloom.mapping.utilization import may_lie_on
from tileloom.search.optimal.space import Setting

Permutation = tuple[int, ...]
"""Per dim the dim it is exchanged with."""


def out_of_order(setting: Setting, holds: tuple[tuple[int, int], ...], backing: tuple[int, ...]) -> bool:
    """Whether two neighbouring holds of one memory could change places and are not in order of their tensors.

    They can when every dim is relevant to both tensors or irrelevant to both: no loop of use stands between them.
    Backing holds stay: loops of their tensor may stand below them.
    """
    for at, ((m, t), (inner, u)) in enumerate(pairwise(holds), start=1):
        if m != inner or t < u or backing[t] == at or backing[u] == at + 1:
            continue
        own = [(setting.tensors[t].relevance(d), setting.tensors[u].relevance(d)) for d in setting.dims]
        if all(a == b != "partial" for a, b in own):
            return True
    return False


def mirrors(setting: Setting, tiled: frozenset[str]) -> tuple[Permutation, ...]:
    """Exchanges of the dims of two halo axes after which the problem is the same. tiled: dims of shared loops."""
    index = {d: i for i, d in enumerate(setting.dims)}
    found: list[Permutation] = []
    for tensor in setting.tensors:
        halos = [[(index[d], c) for d, c in axis.terms if d in index] for axis in tensor.axes]
        for a, b in combinations([axis for axis in halos if len(axis) > 1], 2):
            if len(a) != len(b) or any(setting.dims[d] in tiled for d, _ in (*a, *b)):
                continue
            to = list(range(len(setting.dims)))
            for (d, _), (e, _) in zip(a, b):
                to[d], to[e] = e, d
            if sorted(to) == list(range(len(to))) and tuple(to) not in found and _is_symmetric(setting, to):
                found.append(tuple(to))
    return tuple(found)


def _is_symmetric(setting: Setting, to: list[int]) -> bool:
    index = {d: i for i, d in enumerate(setting.dims)}
    for i, d in enumerate(setting.dims):
        e = setting.dims[to[i]]
        if setting.problem.extents[d] != setting.problem.extents[e]:
            return False
        if any(may_lie_on(setting.problem, a.axis, d) != may_lie_on(setting.problem, a.axis, e) for a in setting.axes):
            return False
    for tensor in setting.tensors:
        axes = [[(index[d], c) for d, c in axis.terms if d in index] for axis in tensor.axes]
        moved = sorted(sorted((to[d], c) for d, c in axis) for axis in axes)
        if moved != sorted(map(sorted, axes)):
            return False
    return True


def is_mirrored(halo: tuple[int, ...], exchanges: tuple[Permutation, ...]) -> bool:
    """Whether an exchange turns a choice of first halo loops (dim or -1 per hold) into one that is listed before it."""
    return any(tuple(to[d] if d >= 0 else d for d in halo) < halo for to in exchanges)
