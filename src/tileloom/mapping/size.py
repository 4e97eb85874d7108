"""The exact number of mappings in a space, as a sum of products over dims, without listing any.

What is counted is stated in space.py; tests compare with the listing on small spaces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod

from tileloom.core.factors import divisors, prime_factors
from tileloom.mapping.layout import Layout
from tileloom.mapping.space import MapSpace, fits, tile_rules

Weights = tuple[Fraction | int, ...]
"""Per block, the factor that a temporal loop of a dim in it contributes (see `_Term`)."""


@dataclass(frozen=True, slots=True)
class _Term:
    """One summand: `factor` times the product over dims of the dim's ways with these weights per block.

    The loop orders of a block depend on which dims loop there, so ways do not simply multiply over dims. They do
    within each summand:

        all orders  c loops have c! orders. c! = sum_i w_i * t_i^c for c = 0..D with fixed points t and weights w, so
                    a summand picks a point per block and each loop there weighs t.
        distinct    max(1, number of sliding-window dims that loop there) = [none does] + sum_d [d does]
    """

    factor: Fraction | int
    loop: tuple[tuple[Fraction | int, ...], ...]
    none: tuple[tuple[int, ...], ...]
    """loop[dim][block], none[dim][block]: weight of having a temporal loop of that dim there, and of having none."""


def space_size(space: MapSpace) -> int:
    """Sum over layouts of the ways to fill them in; layouts that differ only in names of holds are counted once."""
    rules = space.constraints
    plain = not space.imperfect and not rules.tiles and not rules.full_at and not rules.orders
    groups: dict[object, tuple[Layout, int]] = {}
    for layout in space.frame.layouts():
        key: object = tuple(sorted((layout.halo_dims(b) for b in range(len(layout.holds) + 1)), key=sorted))
        if not plain:
            key = layout.holds
        first, count = groups.get(key, (layout, 0))
        groups[key] = (first, count + 1)
    return sum(count * _layout_size(space, layout, plain) for layout, count in groups.values())


def _layout_size(space: MapSpace, layout: Layout, plain: bool) -> int:
    total: Fraction | int = 0
    limits = [(p.axis.size, p.axis.max_dims) for p in layout.frame.places]
    for term in _terms(space, layout):
        states: dict[tuple[tuple[int, ...], tuple[int, ...]], Fraction | int] = {
            (tuple(1 for _ in limits), tuple(0 for _ in limits)): 1
        }
        for number, dim in enumerate(layout.frame.dims):
            count = _ways_in_closed_form if plain else _ways_step_by_step
            ways = count(space, layout, dim, term.loop[number], term.none[number])
            grown: dict[tuple[tuple[int, ...], tuple[int, ...]], Fraction | int] = {}
            for (used, dims), weight in states.items():
                for trips, more in ways.items():
                    now = tuple(u * t for u, t in zip(used, trips))
                    count_now = tuple(n + (t > 1) for n, t in zip(dims, trips))
                    if fits(limits, now, count_now) and layout.frame.clusters_fit(now):
                        grown[now, count_now] = grown.get((now, count_now), 0) + weight * more
            states = grown
        total += term.factor * sum(states.values())
    return int(total)


def _terms(space: MapSpace, layout: Layout) -> Iterator[_Term]:
    dims = layout.frame.dims
    blocks = range(len(layout.holds) + 1)
    if space.keeps_distinct:
        for chosen in product(*((None, *sorted(layout.halo_dims(b))) for b in blocks)):
            must = [[chosen[b] == d for b in blocks] for d in dims]
            never = [[chosen[b] is None and d in layout.halo_dims(b) for b in blocks] for d in dims]
            yield _Term(
                1,
                tuple(tuple(0 if n else 1 for n in row) for row in never),
                tuple(tuple(0 if m else 1 for m in row) for row in must),
            )
        return
    none = tuple(tuple(1 for _ in blocks) for _ in dims)
    weights = _factorial_weights(len(dims))
    # Blocks differ for a dim only where constraints do not let it loop; without those, points can be swapped freely.
    rules = space.constraints
    symmetric = not rules.full_at and not rules.tiles and not rules.orders and not space.imperfect
    fixed = [layout.order_rule(b) for b in blocks]
    picks = combinations_with_replacement if symmetric else _all_picks
    for points in picks(range(len(weights)), len(layout.holds) + 1):
        ways = factorial(len(points)) // prod(factorial(n) for n in Counter(points).values()) if symmetric else 1
        factor = ways * prod(weights[p] for p in points)
        # A dim whose place in the order is fixed adds no orders: its loop weighs 1 wherever the point is.
        loop = tuple(
            tuple(1 if rule is not None and rule.fixes(d) else p for p, rule in zip(points, fixed)) for d in dims
        )
        yield _Term(factor, loop, none)


def _all_picks(points: range, blocks: int) -> Iterator[tuple[int, ...]]:
    return product(points, repeat=blocks)


@lru_cache(maxsize=32)
def _factorial_weights(most: int) -> tuple[Fraction, ...]:
    """w with sum_i w[i] * i**c == c! for c = 0..most: the linear map x^c -> c! on each Lagrange basis polynomial."""
    weights = []
    for i in range(most + 1):
        polynomial = [Fraction(1)]
        for j in range(most + 1):
            if j != i:
                shifted = [Fraction(0), *polynomial]
                polynomial = [(s - j * p) / (i - j) for s, p in zip(shifted, [*polynomial, Fraction(0)])]
        weights.append(sum((c * factorial(power) for power, c in enumerate(polynomial)), Fraction(0)))
    return tuple(weights)


def _ways_in_closed_form(
    space: MapSpace, layout: Layout, dim: str, loop: Sequence[Fraction | int], none: Sequence[int]
) -> dict[tuple[int, ...], Fraction | int]:
    """Trips per place -> weighted number of divisor chains with them. Divisors may be dealt out in any order, so the
    temporal blocks take what the axes leave: sum over k of (chains of k real loops) * (weights of choosing k blocks).
    """
    chosen: list[Fraction | int] = [1]
    for weight, empty in zip(loop, none):
        chosen = [a * empty + b * weight for a, b in zip([*chosen, 0], [0, *chosen])]
    places = layout.frame.places
    mine = {layout.slots[i].place for i in layout.allowed(dim)}
    found: dict[tuple[int, ...], Fraction | int] = {}

    def deal(place: int, rest: int, trips: tuple[int, ...]) -> None:
        if place == len(places):
            found[trips] = sum(_proper_chains(rest, k) * w for k, w in enumerate(chosen))
            return
        for trip in divisors(rest) if place in mine else (1,):
            if trip <= places[place].axis.size:
                deal(place + 1, rest // trip, (*trips, trip))

    deal(0, space.problem.extents[dim], ())
    return found


@lru_cache(maxsize=65536)
def _proper_chains(number: int, loops: int) -> int:
    """Ordered factorisations of `number` into `loops` factors above 1.

    Inclusion and exclusion over factors that are 1; with ones allowed the primes are dealt out independently.
    """
    exponents = prime_factors(number).values()
    return sum(
        (-1) ** (loops - j) * comb(loops, j) * prod(comb(e + j - 1, e) if j else int(e == 0) for e in exponents)
        for j in range(loops + 1)
    )


def _ways_step_by_step(
    space: MapSpace, layout: Layout, dim: str, loop: Sequence[Fraction | int], none: Sequence[int]
) -> dict[tuple[int, ...], Fraction | int]:
    """The same for tiles of any size and under tile rules: a walk over the slots, merging equal extents."""
    places = layout.frame.places
    rules = tile_rules(layout, dim)
    allowed = set(layout.allowed(dim))
    states: dict[tuple[int, tuple[int, ...]], Fraction | int] = {
        (space.problem.extents[dim], tuple(1 for _ in places)): 1
    }
    for index in range(len(layout.slots) + 1):
        states = {key: w for key, w in states.items() if all(rule.holds(key[0]) for b, rule in rules if b == index)}
        if index == len(layout.slots):
            break
        slot = layout.slots[index]
        grown: dict[tuple[int, tuple[int, ...]], Fraction | int] = {}
        for (current, trips), weight in states.items():
            for tile in space.inner_tiles(current) if index in allowed else (current,):
                n = -(-current // tile)
                now, more = trips, weight
                if slot.place < 0:
                    more = weight * (loop[slot.block] if n > 1 else none[slot.block])
                elif n > places[slot.place].axis.size:
                    continue
                else:
                    now = (*trips[: slot.place], n, *trips[slot.place + 1 :])
                if more:
                    grown[tile, now] = grown.get((tile, now), 0) + more
        states = grown
    found: dict[tuple[int, ...], Fraction | int] = {}
    for (current, trips), weight in states.items():
        if current == 1:
            found[trips] = found.get(trips, 0) + weight
    return found
