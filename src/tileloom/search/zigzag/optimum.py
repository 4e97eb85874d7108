"""The mapping of least energy over all orders of prime factors and all allocations, with proof, for one spatial mapping.

The bound and the search are in optimum_kernels.py; what the mapper of the originals does is in loma.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np

from tileloom.cost.kernels.zigzag_program import IRRELEVANT, MAX_DIMS, MAX_LEVELS, MAX_OPERANDS, Floats, Ints
from tileloom.cost.kernels.zigzag_work import make_work
from tileloom.cost.models.zigzag.layer import ZigzagLayer
from tileloom.cost.models.zigzag.version import Version
from tileloom.mapping.notation.zigzag import TemporalLoop
from tileloom.search.zigzag.factors import prime_factors
from tileloom.search.zigzag.optimum_kernels import branch, content_footprint, inner_energy, price_cuts

MAX_CONTENTS = 60_000
NODE_LIMIT = 20_000_000


@dataclass(frozen=True)
class Chain:
    """order with the place of every cut [operand][memory]; None: nothing better than what was known.

    energy_pj   of it;  nodes   looked at;  proven   searched to the end
    """

    order: tuple[TemporalLoop, ...] | None
    cut: Ints | None
    energy_pj: float
    nodes: int
    proven: bool


@dataclass(frozen=True)
class Contents:
    """values [c, d] iterations per dimension;  packed [c] exponents in bit fields;  cycles [c];  done [c] all sums below.

    exponents [c, s] of the prime slot_prime[s] in dimension slot_dim[s]
    """

    values: Ints
    packed: Ints
    guard: int
    cycles: Ints
    done: Ints
    exponents: Ints
    slot_dim: Ints
    slot_prime: Ints


def cheapest_chain(
    layer: ZigzagLayer,
    program: Any,
    sizes: dict[str, int],
    known_pj: float,
    version: Version,
    rings: Sequence[Sequence[int]] | None = None,
    limit: int = NODE_LIMIT,
) -> Chain:
    """The chain of least energy below `known_pj` (infinite: any).

    rings   [operand][memory level] fanouts around the memory: only chains that are loop nests, where inner memories
            cover no more than outer ones. None: every operand goes its own way, as in ZigZag
    limit   most choices looked at; what is found then is not proven
    """
    contents = list_contents(layer, program, sizes)
    if contents is None:
        return Chain(None, None, known_pj, 0, False)
    cut_o, cut_m, place = list_cuts(program, version)
    count, total = len(contents.cycles), int(contents.cycles[-1])
    price = np.zeros((len(cut_o), count))
    foot = np.zeros((len(cut_o), count))
    work = make_work()
    price_cuts(program, contents.values, contents.cycles, contents.done, cut_o, cut_m, work, price, foot)
    full = np.zeros(MAX_OPERANDS)
    for o in range(int(program["operands"])):
        top = int(program["levels"][o]) - 1
        full[o] = content_footprint(program, o, top, contents.values[-1], work)
    sums = any(program["kind"][0, d] == IRRELEVANT for d in range(MAX_DIMS) if contents.values[-1, d] > 1)
    start = float(program["mac_pj"]) + sum(
        inner_energy(program, o, total, sums)
        for o in range(int(program["operands"]))
        if not (version.stationary_reads and o)
    )
    # Cuts whose choice matters most come first.
    weight = [-float(np.min(row)) if np.isfinite(np.min(row)) else 0.0 for row in price]
    turn = sorted(range(len(cut_o)), key=lambda b: weight[b])
    back = {b: i for i, b in enumerate(turn)}
    place = np.array([[back.get(int(b), -1) for b in row] for row in place], np.int64)
    price, foot = price[turn], foot[turn]
    ring = np.array([_ring(rings, int(cut_o[b]), int(cut_m[b])) for b in turn], np.int64)
    ranked, widest = _ranked(price)
    if widest == 0:
        return Chain(None, None, known_pj, 0, True)
    answer = np.full(len(turn), -1, np.int64)
    best, nodes, proven = branch(
        program, cut_o[turn], cut_m[turn], ring, place, contents.packed, contents.guard, contents.done, sums,
        price, foot, full, ranked, start, known_pj, limit, answer,
    )  # fmt: skip
    if len(answer) and answer[0] < 0:
        return Chain(None, None, known_pj, int(nodes), bool(proven))
    order, cut = _realise(layer, program, contents, cut_o[turn], cut_m[turn], answer)
    return Chain(order, cut, float(best), int(nodes), bool(proven))


def list_contents(layer: ZigzagLayer, program: Any, sizes: dict[str, int]) -> Contents | None:
    """All multisets of prime factors, the empty one first and the full one last. None when there are too many."""
    dims = [d for d, _ in layer.loops]
    slots = [
        (dims.index(d), p, prime_factors(n).count(p)) for d, n in sizes.items() for p in sorted(set(prime_factors(n)))
    ]
    widths = [times.bit_length() + 1 for _, _, times in slots]
    if prod(times + 1 for _, _, times in slots) > MAX_CONTENTS or sum(widths) > 62:
        return None
    shifts = [sum(widths[:i]) for i in range(len(slots))]
    guard = sum(1 << (shift + width - 1) for shift, width in zip(shifts, widths))
    rows = list(product(*(range(times + 1) for _, _, times in slots)))
    exponents = np.array(rows, np.int64).reshape(len(rows), len(slots))
    values = np.ones((len(rows), MAX_DIMS), np.int64)
    packed = np.zeros(len(rows), np.int64)
    for i, (d, prime, _) in enumerate(slots):
        values[:, d] *= prime ** exponents[:, i]
        packed += exponents[:, i] << shifts[i]
    sums = [d for d in range(len(dims)) if program["kind"][0, d] == IRRELEVANT]
    done = np.all(values[:, sums] == values[-1, sums], axis=1).astype(np.int64)
    slot_dim = np.array([d for d, _, _ in slots], np.int64)
    slot_prime = np.array([p for _, p, _ in slots], np.int64)
    return Contents(values, packed, guard, np.prod(values, axis=1), done, exponents, slot_dim, slot_prime)


def list_cuts(program: Any, version: Version) -> tuple[Ints, Ints, Ints]:
    """Operand and memory level of every cut, and the cut above each memory (-1: none)."""
    found = []
    place = np.full((MAX_OPERANDS, MAX_LEVELS), -1, np.int64)
    for o in range(int(program["operands"])):
        if version.stationary_reads and o:
            found.append((o, -1))
        for m in range(int(program["levels"][o]) - 1):
            place[o, m] = len(found)
            found.append((o, m))
    return np.array([o for o, _ in found], np.int64), np.array([m for _, m in found], np.int64), place


def _ring(rings: Sequence[Sequence[int]] | None, o: int, m: int) -> int:
    if rings is None:
        return 0
    return 1 + max(max(r) for r in rings) if m < 0 else rings[o][m]


def _ranked(price: Floats) -> tuple[Ints, int]:
    """Contents by price per cut, padded with a content of infinite price; 0 when a cut has none that fits."""
    if not len(price):
        return np.zeros((0, 0), np.int64), 1
    order = np.argsort(price, axis=1, kind="stable")
    counts = np.isfinite(price).sum(axis=1)
    return order[:, : int(counts.max())], int(counts.min())


def _realise(
    layer: ZigzagLayer, program: Any, contents: Contents, cut_o: Ints, cut_m: Ints, answer: Ints
) -> tuple[tuple[TemporalLoop, ...], Ints]:
    """An order whose prefixes are the chosen contents, and the length of each prefix."""
    dims = [d for d, _ in layer.loops]
    order: list[TemporalLoop] = []
    lengths: dict[int, int] = {}
    now = np.ones(MAX_DIMS, np.int64)
    full = len(contents.cycles) - 1
    for c in sorted({int(a) for a in answer} | {full}, key=lambda c: int(contents.cycles[c])):
        more = contents.values[c] // now
        order += [(dims[d], p) for d in range(len(dims)) for p in prime_factors(int(more[d]))]
        now = contents.values[c]
        lengths[c] = len(order)
    cut = np.full((MAX_OPERANDS, MAX_LEVELS), len(order), np.int64)
    for o, m, c in zip(cut_o, cut_m, answer):
        if m >= 0:
            cut[o, m] = lengths[int(c)]
    return tuple(order), cut


def joined(order: Sequence[TemporalLoop], cut: Ints) -> tuple[tuple[TemporalLoop, ...], Ints]:
    """The same mapping with neighbouring loops over one dimension made one, where no cut lies between."""
    ends = {int(x) for x in cut.flat}
    loops: list[TemporalLoop] = []
    moved = {0: 0}
    for i, (dim, size) in enumerate(order):
        if loops and i not in ends and loops[-1][0] == dim:
            loops[-1] = (dim, loops[-1][1] * size)
        else:
            loops.append((dim, size))
        moved[i + 1] = len(loops)
    return tuple(loops), np.vectorize(lambda x: moved[int(x)])(cut)
