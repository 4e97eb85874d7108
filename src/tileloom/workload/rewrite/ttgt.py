"""TTGT: transpose, transpose, GEMM, transpose. Any contraction of two tensors as one matrix product.

Two rules choose the layouts. `comet` is the rule of the COMET compiler's pass (its cost weighs a move of the slowest
index by 1/0.71 and lets an operand be stored one way only); `cheapest` moves the fewest elements that any choice can,
where the product may read an operand in either of its two orders. A batch index (in all three tensors) is outermost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations, product
from math import factorial, prod
from typing import Literal

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.problem import Problem, Tensor
from tileloom.workload.rewrite.base import Classes, Move, Refusal, Rewrite, classes_of, matrix_product

Order = tuple[str, ...]
SLOW = 0.71
"""COMET divides by it when the slowest index moves, because such a transpose streams badly."""
MAX_CANDIDATES = 1_000_000
"""Layouts that the COMET rule looks at; nine indices on one side already make 362880 orders of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One choice: the order of each class, whether the operands are swapped (form 1), and COMET's cost."""

    rows: Order
    columns: Order
    summed: Order
    form: int
    cost: float


@dataclass(frozen=True, slots=True)
class Ttgt:
    """The algorithm. rule: 'cheapest' or 'comet';  candidate: COMET's n-th choice (from 1) instead of its best."""

    rule: Literal["cheapest", "comet"] = "cheapest"
    candidate: int | None = None

    def accepts(self, problem: Problem) -> Refusal | None:
        """Contractions of two tensors: every index one dim (beside dims of extent 1), every dim in two or three of the tensors."""
        if problem.copy or len(problem.inputs) != 2:
            return Refusal(f"TTGT takes two inputs; '{problem.name}' has {len(problem.inputs)}")
        for tensor in problem.tensors:
            for axis in tensor.axes:
                moving = [c for d, c in axis.terms if problem.extents[d] > 1]
                if len(moving) > 1 or any(c != 1 for c in moving) or axis.pad_lo or axis.pad_hi:
                    return Refusal(f"TTGT takes plain indices; {tensor.name} is indexed by {axis}")
            order = _stored(tensor)
            if len(set(order)) < len(order):
                return Refusal(f"TTGT takes no diagonals; {tensor} repeats an index")
        lonely = classes_of(problem).lonely
        if lonely:
            return Refusal(
                f"dim {', '.join(lonely)} stands in one tensor only; sum or repeat it apart from the product"
            )
        return None

    def apply(self, problem: Problem) -> Rewrite:
        refused = self.accepts(problem)
        if refused is not None:
            raise UnsupportedError(str(refused))
        classes = classes_of(problem)
        if self.rule == "comet":
            chosen = comet_candidate(problem, self.candidate)
            rows, columns, summed = chosen.rows, chosen.columns, chosen.summed
            layouts = _comet_layouts(problem, classes.batch, chosen)
            notes = (f"COMET's cost {chosen.cost:g}, form {chosen.form}",)
        else:
            rows, columns, summed, layouts = _cheapest(problem, classes)
            notes = (f"{sum(problem.size(t.name) for t in problem.tensors)} elements in all tensors",)
        batch = _batch_order(problem, classes)
        gemm, merges = matrix_product(problem, batch, rows, columns, summed)
        moves = tuple(_move(problem, t) for t in problem.tensors if _real(problem, layouts[t.name]) != _own(problem, t))
        variant = self.rule if self.candidate is None else f"{self.rule} {self.candidate}"
        return Rewrite("ttgt", variant, problem, gemm, merges, tuple(layouts.items()), moves, notes=notes)


def comet_cost(problem: Problem) -> float:
    """COMET's cost of its best candidate, in weighted elements."""
    return comet_candidate(problem).cost


def comet_time(problem: Problem) -> float:
    """What COMET orders the steps of a chain by: moves, and 2 per product (1 for a matrix times a vector)."""
    columns = classes_of(problem).columns
    return comet_cost(problem) + problem.macs * (2 if columns else 1)


def comet_candidate(problem: Problem, number: int | None = None) -> Candidate:
    """The first of the least cost, m outermost, then n, k and form; or the `number`-th with the form outermost."""
    listed = comet_candidates(problem, form_outermost=number is not None)
    if number is None:
        return min(listed, key=lambda c: c.cost)
    found = list(listed)
    if not 1 <= number <= len(found):
        raise InputError(f"candidate {number} of '{problem.name}'; there are 1 to {len(found)}")
    return found[number - 1]


def comet_candidates(problem: Problem, form_outermost: bool = False) -> Iterator[Candidate]:
    """Every candidate in COMET's order, indices numbered by their place in the problem."""
    classes = classes_of(problem)
    number = prod(factorial(len(c)) for c in (classes.rows, classes.columns, classes.summed))
    if number > MAX_CANDIDATES:
        raise UnsupportedError(
            f"'{problem.name}' has {number} orders of its indices; COMET's rule lists {MAX_CANDIDATES}"
        )
    groups = (classes.rows, classes.columns, classes.summed)
    orders = [*product(*(tuple(permutations(c)) for c in groups))]
    chosen = ((o, f) for f in (0, 1) for o in orders) if form_outermost else ((o, f) for o in orders for f in (0, 1))
    for (rows, columns, summed), form in chosen:
        bare = Candidate(rows, columns, summed, form, 0.0)
        layouts = _comet_layouts(problem, classes.batch, bare)
        cost = sum(_comet_move(problem, t, layouts[t.name]) for t in problem.tensors)
        yield Candidate(rows, columns, summed, form, cost)


def _comet_layouts(problem: Problem, batch: Order, chosen: Candidate) -> dict[str, Order]:
    first, second = problem.inputs
    m, n, k = chosen.rows, chosen.columns, chosen.summed
    if chosen.form == 0:
        found = {first.name: (*m, *k), second.name: (*k, *n), problem.output.name: (*m, *n)}
    else:
        found = {first.name: (*k, *m), second.name: (*n, *k), problem.output.name: (*n, *m)}
    return {name: (*batch, *order) for name, order in found.items()}


def _comet_move(problem: Problem, tensor: Tensor, layout: Order) -> float:
    stored, layout = _own(problem, tensor), _real(problem, layout)
    if stored == layout:
        return 0.0
    elements = problem.size(tensor.name)
    return elements / SLOW if stored[0] != layout[0] else float(elements)


def _cheapest(problem: Problem, classes: Classes) -> tuple[Order, Order, Order, dict[str, Order]]:
    """Keep in place the most elements: a set of tensors can stay when each is two blocks of one class and the blocks
    that two of them share have one order."""
    first, second, out = (*problem.inputs, problem.output)
    parts = {first.name: (0, 2), second.name: (2, 1), out.name: (0, 1)}
    default = (classes.rows, classes.columns, classes.summed)
    batch = _batch_order(problem, classes)
    read = {
        t.name: _blocks(_own(problem, t), _real(problem, batch), parts[t.name], problem, default)
        for t in problem.tensors
    }
    staying = sorted(
        (s for n in range(4) for s in combinations(problem.tensors, n)),
        key=lambda s: -sum(problem.size(t.name) for t in s),
    )
    for kept in staying:
        orders = _common([read[t.name] for t in kept], default, problem)
        if orders is not None:
            break
    assert orders is not None
    layouts: dict[str, Order] = {}
    for tensor in problem.tensors:
        one, other = parts[tensor.name]
        layout = (*batch, *orders[one], *orders[other])
        # Swapped blocks are the same matrix transposed, which the product reads as well.
        swapped = (*batch, *orders[other], *orders[one])
        own = _own(problem, tensor)
        layouts[tensor.name] = swapped if _real(problem, swapped) == own else layout
    return orders[0], orders[1], orders[2], layouts


Blocks = dict[int, Order] | None


def _blocks(own: Order, batch: Order, parts: tuple[int, int], problem: Problem, default: tuple[Order, ...]) -> Blocks:
    """Class number -> order in which the tensor stores it; None when it is not the batch and two blocks."""
    if own[: len(batch)] != batch:
        return None
    rest = own[len(batch) :]
    sizes = [len(_real(problem, default[p])) for p in parts]
    for (one, length), (other, _) in (((parts[0], sizes[0]), (parts[1], 0)), ((parts[1], sizes[1]), (parts[0], 0))):
        head, tail = rest[:length], rest[length:]
        if set(head) == set(_real(problem, default[one])) and set(tail) == set(_real(problem, default[other])):
            return {one: head, other: tail}
    return None


def _common(read: list[Blocks], default: tuple[Order, ...], problem: Problem) -> tuple[Order, ...] | None:
    """One order per class that all these tensors store, dims of extent 1 behind; None when they do not agree."""
    found: dict[int, Order] = {}
    for blocks in read:
        if blocks is None:
            return None
        for number, order in blocks.items():
            if found.setdefault(number, order) != order:
                return None
    return tuple(
        (*found.get(i, _real(problem, d)), *(x for x in d if problem.extents[x] == 1)) for i, d in enumerate(default)
    )


def _batch_order(problem: Problem, classes: Classes) -> Order:
    """As the output stores it."""
    return tuple(d for d in _stored(problem.output) if d in classes.batch)


def _move(problem: Problem, tensor: Tensor) -> Move:
    elements = problem.size(tensor.name)
    return Move(tensor.name, "transpose", elements, elements, tensor.bits, elements)


def _stored(tensor: Tensor) -> Order:
    return tuple(d for axis in tensor.axes for d, _ in axis.terms)


def _real(problem: Problem, order: Order) -> Order:
    """Without dims of extent 1, whose place means nothing."""
    return tuple(d for d in order if problem.extents[d] > 1)


def _own(problem: Problem, tensor: Tensor) -> Order:
    return _real(problem, _stored(tensor))
