"""Mappings level by level: what the hybrid, genetic and decoupled mappers vary. Searches nothing itself.

A plan says for every dim how its extent is split over memories (in time) and axes (in space), per memory the order of its
loops, and which tensors it holds. Built so, tiles divide, axes are wide enough and constraints are kept; only capacity
and use of axes are left to be checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations, product
from math import prod
from random import Random

from tileloom.architecture.model import Architecture
from tileloom.core.factors import divisors
from tileloom.cost.base import Profile
from tileloom.mapping.constraints import Constraints, constrain
from tileloom.mapping.layout import Frame, frame_of
from tileloom.mapping.normalise import hoist
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree, TreeNode
from tileloom.mapping.utilization import may_lie_on
from tileloom.workload.problem import Problem

Factors = tuple[int, ...]
MOST_CHAINS = 200_000
"""Splits of one dim that are listed; beyond it (an extent with very many divisors) the rest is never tried."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One dim's trips: in time below each memory (outermost first), in space on each axis of the frame."""

    time: Factors
    space: Factors


@dataclass(frozen=True, slots=True)
class Plan:
    """chains: one per dim of the frame;  orders: per memory, all dims, outermost loop first;  keeps: per memory, tensors."""

    chains: tuple[Chain, ...]
    orders: tuple[tuple[str, ...], ...]
    keeps: tuple[tuple[str, ...], ...]

    def with_chain(self, number: int, chain: Chain) -> Plan:
        return replace(self, chains=(*self.chains[:number], chain, *self.chains[number + 1 :]))


@dataclass(frozen=True)
class LevelSpace:
    """Every plan of a problem on an architecture under constraints, as far as the profile of a cost model takes it.

    Raises what `constrain` and `frame_of` raise.
    """

    problem: Problem
    architecture: Architecture
    constraints: Constraints
    profile: Profile

    @cached_property
    def narrowed(self) -> Architecture:
        return constrain(self.problem, self.architecture, self.constraints)

    @cached_property
    def frame(self) -> Frame:
        return frame_of(self.problem, self.narrowed, self.constraints)

    @cached_property
    def chains(self) -> tuple[tuple[Chain, ...], ...]:
        """Per dim of the frame, every split that the rules allow."""
        return tuple(self._chains_of(dim) for dim in self.frame.dims)

    def _chains_of(self, dim: str) -> tuple[Chain, ...]:
        frame = self.frame
        levels, places = len(frame.memories), frame.places
        whole = [i for i, m in enumerate(frame.memories) if (dim, m.name) in self.constraints.full_at]
        inner = max(whole, default=-1)
        rules = [(_index(frame, r.memory), r) for r in self.constraints.tiles if r.dim == dim]
        # Slots from the outside in: below memory 0 its loops, then the axes of fanouts under it, then memory 1, ...
        slots: list[tuple[int, int]] = []
        for level in range(levels):
            slots.append((level, -1))
            slots += [(level, i) for i, p in enumerate(places) if p.memories_above == level + 1]
        found: list[Chain] = []

        def takes(level: int, place: int) -> bool:
            if place < 0:
                return level >= inner
            if dim in self.constraints.no_spatial or not self.profile.spatial or level < inner:
                return False
            return may_lie_on(self.problem, places[place].axis, dim)

        def go(at: int, rest: int, time: Factors, space: Mapping[int, int]) -> None:
            if len(found) >= MOST_CHAINS:
                return
            if at == len(slots):
                if rest == 1:
                    found.append(Chain(time, tuple(space.get(i, 1) for i in range(len(places)))))
                return
            level, place = slots[at]
            if place < 0 and not all(r.holds(rest) for memory, r in rules if memory == level):
                return
            last = all(not takes(*slot) for slot in slots[at + 1 :])
            for trips in ((rest,) if last else divisors(rest)) if takes(level, place) else (1,):
                if place < 0:
                    go(at + 1, rest // trips, (*time, trips), space)
                elif trips <= places[place].axis.size:
                    go(at + 1, rest // trips, time, {**space, place: trips})

        go(0, self.problem.extents[dim], (), {})
        return tuple(found)

    def keeps(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """Per memory, the sets of tensors it may hold; all tensors together where the model knows no bypass."""
        names = tuple(t.name for t in self.problem.tensors)
        found: list[tuple[tuple[str, ...], ...]] = [(names,)]
        for memory in self.frame.memories[1:]:
            sets = [tuple(t.name for t in held) for held in self.frame.choices(memory)]
            largest = max(len(s) for s in sets)
            found.append(tuple(sets) if self.profile.bypass else tuple(s for s in sets if len(s) == largest))
        return tuple(found)

    def fits(self, chains: Sequence[Chain]) -> bool:
        """Whether axes are wide enough and take that many dims."""
        for number, place in enumerate(self.frame.places):
            trips = [c.space[number] for c in chains]
            most = place.axis.max_dims
            if prod(trips) > place.axis.size or (most is not None and sum(t > 1 for t in trips) > most):
                return False
        return not self.constraints.clusters or self.frame.clusters_fit(
            [prod(c.space[number] for c in chains) for number in range(len(self.frame.places))]
        )

    def draw(self, rng: Random, pool: Sequence[Sequence[Chain]] | None = None) -> Plan | None:
        """A random plan, wide in space more often than not; None when some dim found no room.

        pool  the splits to draw from, instead of all of `chains`
        """
        listed = pool if pool is not None else self.chains
        if not all(listed):
            return None
        chosen: list[Chain] = [Chain((1,) * len(self.frame.memories), (1,) * len(self.frame.places))] * len(listed)
        for number in rng.sample(range(len(listed)), len(listed)):
            chain = self.draw_chain(number, chosen, rng, listed[number])
            if chain is None:
                return None
            chosen[number] = chain
        orders = tuple(self.draw_order(level, rng) for level in range(len(self.frame.memories)))
        return Plan(tuple(chosen), orders, tuple(rng.choice(sets) for sets in self.keeps()))

    def draw_chain(self, number: int, chains: Sequence[Chain], rng: Random, pool: Sequence[Chain]) -> Chain | None:
        """A split of one dim that fits beside those of the others: of three draws the widest, or any that fits."""
        others = list(chains)

        def works(chain: Chain) -> bool:
            others[number] = chain
            return self.fits(others)

        drawn = [c for c in (rng.choice(pool) for _ in range(6)) if works(c)]
        if drawn:
            few = drawn[: rng.choice((1, 3))]
            return max(few, key=lambda c: prod(c.space))
        left = [c for c in pool if works(c)]
        return rng.choice(left) if left else None

    def draw_order(self, level: int, rng: Random) -> tuple[str, ...]:
        return self._ruled(level, rng.sample(self.frame.dims, len(self.frame.dims)))

    def reuse_orders(self, plan: Plan) -> Iterator[tuple[tuple[str, ...], ...]]:
        """Orders that differ in reuse: per memory, for every ranking of the tensors the loops that do not move the first
        one innermost, then those that do not move the second, and so on; levels with one loop have one order."""
        per_level = []
        for level in range(len(self.frame.memories)):
            looped = [d for d, c in zip(self.frame.dims, plan.chains) if c.time[level] > 1]
            rest = [d for d in self.frame.dims if d not in looped]
            orders = {self._ruled(level, [*order, *rest]): None for order in self._ranked(looped)}
            per_level.append(list(orders))
        yield from product(*per_level)

    def _ranked(self, dims: Sequence[str]) -> Iterator[tuple[str, ...]]:
        for ranking in permutations(self.problem.tensors):
            yield tuple(sorted(dims, key=lambda d: tuple(d not in t.dims for t in ranking)))

    def _ruled(self, level: int, dims: Sequence[str]) -> tuple[str, ...]:
        rule = self.constraints.order_of(self.frame.memories[level].name)
        return tuple(dims) if rule is None else rule.arrange(dims)

    def mapping(self, plan: Plan) -> MappingTree:
        """The tree: every memory's tensors at one boundary; moved out to where they are reused unless the model reads that
        from the order itself (a profile without `uneven`)."""
        frame = self.frame
        current = dict(self.problem.extents)
        chains = dict(zip(frame.dims, plan.chains))
        nodes: list[TreeNode] = []
        for level, memory in enumerate(frame.memories):
            if plan.keeps[level]:
                nodes.append(Hold(plan.keeps[level], memory.name))
            for dim in plan.orders[level]:
                if (trips := chains[dim].time[level]) > 1:
                    current[dim] //= trips
                    nodes.append(Loop(dim, current[dim]))
            for number, place in enumerate(frame.places):
                if place.memories_above != level + 1:
                    continue
                for dim in frame.dims:
                    if (trips := chains[dim].space[number]) > 1:
                        current[dim] //= trips
                        nodes.append(Loop(dim, current[dim], place.fanout.name, place.axis.name))
        tree = MappingTree((*nodes, Compute(frame.unit.name)))
        return hoist(tree, self.problem) if self.profile.uneven and not self.constraints.orders else tree

    def outward(self, plan: Plan, memory: str, rng: Random) -> Plan | None:
        """The plan with a factor moved from inside a memory to a loop above it, so that its tiles shrink; None if none can."""
        level = _index(self.frame, memory)
        options = [
            (number, chain)
            for number, (now, listed) in enumerate(zip(plan.chains, self.chains))
            for chain in self._smaller(level, now, listed)
        ]
        rng.shuffle(options)
        for number, chain in options[:20]:
            changed = plan.with_chain(number, chain)
            if self.fits(changed.chains):
                return changed
        return None

    def _smaller(self, level: int, now: Chain, listed: Sequence[Chain]) -> list[Chain]:
        """Splits that differ from this one by a factor taken from inside a level to above it."""
        inside = prod(now.time[level:])
        if level == 0 or inside == 1:
            return []
        found = []
        for chain in listed:
            if (
                chain.space == now.space
                and prod(chain.time[level:]) < inside
                and chain.time[level + 1 :] <= now.time[level + 1 :]
            ):
                found.append(chain)
                if len(found) == 8:
                    break
        return found


def _index(frame: Frame, memory: str) -> int:
    return [m.name for m in frame.memories].index(memory)
