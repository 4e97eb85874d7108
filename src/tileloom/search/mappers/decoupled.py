"""The decoupled mapper: first the off-chip tiles that move the fewest words, then the on-chip mapping (Marvel's way).

Step 1 looks at the outermost memory alone: every tile of the memory below it, with the loop order that moves the fewest
words, as arrays. Step 2 searches the inner levels under the best of those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from math import prod
from random import Random
from time import perf_counter
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Memory
from tileloom.cost.base import CostModel, Profile
from tileloom.mapping.constraints import FREE, Constraints
from tileloom.search.mappers.exhaustive import default_model
from tileloom.search.mappers.hybrid import run_hybrid
from tileloom.search.mappers.levels import Chain, LevelSpace
from tileloom.search.mappers.trial import Trial
from tileloom.search.objective import Objective, SearchResult
from tileloom.workload.problem import Problem, Tensor

Floats: TypeAlias = "npt.NDArray[np.float64]"
MOST_TILINGS = 400_000
"""Off-chip tilings looked at; above, each dim's divisors are thinned out evenly."""


@dataclass(frozen=True, slots=True)
class DecoupledMapper:
    """Options of the search.

    off_chip      tilings of the first step that the second one searches under
    evaluations   costed mappings per tiling at most
    victory, timeout   end the second step of a tiling early, as in the hybrid mapper
    seed          equal seeds give equal answers
    constraints   narrow the space
    model         cost model; None = loopnest
    """

    off_chip: int = 8
    evaluations: int = 400
    victory: int = 150
    timeout: int = 200
    seed: int = 0
    constraints: Constraints = FREE
    model: CostModel | None = None

    name: ClassVar[str] = "decoupled"
    profile: ClassVar[Profile] = Profile()
    PROVES_OPTIMAL: ClassVar[bool] = False

    def search(self, problem: Problem, architecture: Architecture, objective: Objective) -> SearchResult:
        """Status 'feasible'; 'infeasible' only when no mapping can ever fit; 'stopped' when nothing was found."""
        started = perf_counter()
        model = self.model or default_model()
        space = LevelSpace(problem, architecture, self.constraints, model.profile)
        trial = Trial(space, model, objective)
        rng = Random(self.seed)
        searched = fruitful = 0
        for tiling in () if trial.impossible() else off_chip_tilings(space):
            pool = [[c for c in chains if _tile(c) == tile] for chains, tile in zip(space.chains, tiling, strict=True)]
            if not all(pool):
                continue
            before = trial.evaluated
            run_hybrid(trial, rng, self.victory, self.timeout, self.evaluations, 64, pool)
            searched += 1
            fruitful += trial.evaluated > before
            if fruitful >= self.off_chip or searched >= 20 * max(1, self.off_chip):
                break
        return trial.result(self.name, self.seed, perf_counter() - started, (("off-chip tilings searched", searched),))


def _tile(chain: Chain) -> int:
    """Extent below the outermost memory's loops."""
    return prod(chain.time[1:]) * prod(chain.space)


def off_chip_tilings(space: LevelSpace) -> Iterator[tuple[int, ...]]:
    """Tiles (one extent per dim of the frame) by words moved at the outermost memory, the fewest first.

    Those that overflow the memory below are left out; where copies of it lie under a fanout, all of them count.
    """
    dims = space.frame.dims
    options = [sorted({_tile(c) for c in chains}) for chains in space.chains]
    options = _thinned(options)
    if not dims:
        yield ()
        return
    grid = np.array(list(product(*options)), dtype=np.float64)
    words = _words(space, grid)
    for index in np.lexsort((-grid.prod(axis=1), words)):
        if np.isfinite(words[index]):
            yield tuple(int(v) for v in grid[index])


def _thinned(options: list[list[int]]) -> list[list[int]]:
    """Every second size left out of the longest list, ends kept, until the grid is small enough to list."""
    found = [list(o) for o in options]
    while prod(len(o) for o in found) > MOST_TILINGS:
        longest = max(range(len(found)), key=lambda i: len(found[i]))
        sizes = found[longest]
        found[longest] = sorted({sizes[0], *sizes[1:-1:2], sizes[-1]})
    return found


def _words(space: LevelSpace, grid: Floats) -> Floats:
    """Words crossing the outermost memory under the best order of its loops; infinite where the tile does not fit."""
    problem, dims = space.problem, space.frame.dims
    memories = space.frame.memories
    below = memories[1] if len(memories) > 1 else None
    tensors = [t for t in problem.tensors if below is None or below.allows(t)]
    tiles = {t.name: _footprint(problem, t, dims, grid) for t in tensors}
    trips = np.array([problem.extents[d] for d in dims], dtype=np.float64) / grid
    best = np.full(len(grid), np.inf)
    for ranking in permutations(tensors):
        order = sorted(range(len(dims)), key=lambda i: tuple(dims[i] not in t.dims for t in ranking))
        total = np.zeros(len(grid))
        for tensor in tensors:
            moved = tiles[tensor.name] * _visits(tensor, dims, order, trips)
            if tensor.is_output:
                first = tiles[tensor.name] * np.prod(trips[:, [d in tensor.dims for d in dims]], axis=1)
                moved = 2 * moved - first
            total += moved
        best = np.minimum(best, total)
    if below is not None:
        best[~_fits(space, below, tiles)] = np.inf
    return best


def _visits(tensor: Tensor, dims: tuple[str, ...], order: list[int], trips: Floats) -> Floats:
    """Times a tile is brought: trips of all loops but the innermost run that does not move the tensor."""
    visits = np.ones(len(trips))
    moving = np.zeros(len(trips), dtype=bool)
    for i in reversed(order):
        if dims[i] in tensor.dims:
            moving |= trips[:, i] > 1
        visits *= np.where(moving, trips[:, i], 1.0)
    return visits


def _footprint(problem: Problem, tensor: Tensor, dims: tuple[str, ...], grid: Floats) -> Floats:
    number = {d: i for i, d in enumerate(dims)}
    found = np.ones(len(grid))
    for axis in tensor.axes:
        found *= 1 + sum((c * (grid[:, number[d]] - 1) for d, c in axis.terms if d in number), np.zeros(len(grid)))
    return found


def _fits(space: LevelSpace, memory: Memory, tiles: dict[str, Floats]) -> npt.NDArray[np.bool_]:
    count = prod(p.axis.size for p in space.frame.places if p.memories_above <= 1)
    kept = [t for t in space.problem.tensors if t.name in tiles and memory.keep.has(t)]
    bits = {t.name: tiles[t.name] * memory.bits_of(t) * memory.buffers for t in kept}
    some = next(iter(tiles.values()))
    if memory.partitions:
        groups = [([t for t in kept if who.has(t)], size) for who, size in memory.partitions]
    elif memory.capacity_bits is not None:
        groups = [(kept, memory.capacity_bits)]
    else:
        groups = []
    fits = np.ones(len(some), dtype=bool)
    for group, size in groups:
        fits &= sum((bits[t.name] for t in group), np.zeros(len(some))) <= size * count
    return fits
