"""Loop orders that differ in reuse: which are tried, and what each operand reuses under one.

Orders are generated once per layer and used at DRAM and at SPM level. Loops here are numbers, innermost first; names
outermost first are made by `order_names`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tileloom.cost.models.dmazerunner.nest import Nest, Operand

Order = tuple[int, ...]
"""Loop numbers, innermost first."""
Reuse = tuple[int, ...]
"""Per operand: consecutive passes that use the same tile."""


def candidate_orders(nest: Nest) -> tuple[Order, ...]:
    """Per operand and non-empty subset of the loops it lacks: that subset innermost, then its own loops, then the rest.

    Loops of one trip count as lacking in every operand, as there. Sorted by the three innermost names. Only one order
    of each subset is tried; the others reuse the same. Source: dMazeRunner, unique data-reuse orders.
    """
    found: list[Order] = []
    for operand in nest.operands:
        lacking = [v for v in reversed(range(len(nest.loops))) if v not in operand.index]
        for subset in _subsets(lacking, 0):
            rest = tuple(v for v in lacking if v not in subset)
            found.append((*subset, *operand.index, *rest))
    if not found:
        # Every operand has every loop: nothing is reused under any order.
        found.append(tuple(reversed(range(len(nest.loops)))))
    return tuple(sorted(found, key=lambda order: [nest.loops[v] for v in order[:3]]))


def _subsets(members: Sequence[int], start: int) -> Iterator[tuple[int, ...]]:
    """{a,b,c}, {a,b}, {a,c}, {a}, {b,c}, {b}, {c}."""
    for i in range(start, len(members)):
        for tail in _subsets(members, i + 1):
            yield (members[i], *tail)
        yield (members[i],)


def reuse(operand: Operand, order: Order, factors: Sequence[int]) -> int:
    """Product of the innermost factors that do not move the operand, up to the first that does.

    Factors of one are passed over.
    """
    product = 1
    for v in order:
        if factors[v] == 1:
            continue
        if v in operand.index:
            break
        product *= factors[v]
    return product


def reuse_vector(nest: Nest, order: Order, factors: Sequence[int]) -> Reuse:
    return tuple(reuse(o, order, factors) for o in nest.operands)


def distinct(nest: Nest, candidates: Sequence[Order], factors: Sequence[int]) -> dict[Reuse, Order]:
    """The first order of each distinct reuse vector, in the order of the candidates."""
    table: dict[Reuse, Order] = {}
    for order in candidates:
        table.setdefault(reuse_vector(nest, order, factors), order)
    return table


def order_names(nest: Nest, order: Order) -> tuple[str, ...]:
    """Outermost first."""
    return tuple(nest.loops[v] for v in reversed(order))


def order_numbers(nest: Nest, names: Sequence[str]) -> Order:
    """Innermost first."""
    return tuple(nest.loops.index(n) for n in reversed(names))
