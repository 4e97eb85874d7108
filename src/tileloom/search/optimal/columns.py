"""The arithmetic of a template as values: factors, columns, sums and limits (built in compile.py).

Every count of the model is a product over rank groups. A `Factor` is what one group contributes to one product; a
column is one factor per group. Factors are written over the group's own slots, so that templates and layers with equal
groups share their option tables (options.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from tileloom.search.optimal.space import Setting, Template

Span = tuple[tuple[int, int, int], ...]
"""1 + sum of coefficient * (product of the trips in mask - 1) over (dim in group, coefficient, mask)."""


@dataclass(frozen=True, slots=True)
class Factor:
    """masks[d]: bit set of the slots of the group's d-th dim whose trips are multiplied; spans are multiplied on top.

    uses: with (dim, mask) pairs, a factor 2 for every dim that has trips > 1 in its mask (counts dims on an axis).
    """

    masks: tuple[int, ...]
    spans: tuple[Span, ...] = ()
    uses: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class GroupShape:
    """What an option table depends on: extents, and per dim the caps of its slots (0: in time, no cap)."""

    extents: tuple[int, ...]
    caps: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """max(0, plus * column[plus_at] - minus * column[minus_at]); minus_at -1: no second part."""

    plus: float
    plus_at: int
    minus: float = 0.0
    minus_at: int = -1


@dataclass(frozen=True, slots=True)
class Limit:
    """low <= sum of coefficient * column <= high."""

    name: str
    coefficients: tuple[tuple[float, int], ...]
    high: float = inf
    low: float = 0.0
    exact: bool = False


@dataclass(frozen=True)
class Compiled:
    """A template ready for search.

    groups        dims of each group (indices into Setting.dims) and their shape
    columns       per column, one Factor per group
    energy        pJ: energy_offset + sum of terms;  busy: cycles per component, each offset + sum of terms
    equal         columns on which a dominating option must agree (they enter with both signs or have a lower limit)
    """

    setting: Setting
    template: Template
    groups: tuple[tuple[int, ...], ...]
    shapes: tuple[GroupShape, ...]
    columns: tuple[tuple[Factor, ...], ...]
    energy: tuple[Term, ...]
    energy_offset: float
    busy: tuple[tuple[Term, ...], ...]
    busy_offset: tuple[float, ...]
    limits: tuple[Limit, ...]
    leakage: float
    equal: frozenset[int] = field(default=frozenset())

    @cached_property
    def key(self) -> object:
        """Equal for templates that are the same search problem (mirror images of each other, say)."""
        order = sorted(range(len(self.groups)), key=lambda g: repr((self.shapes[g], [c[g] for c in self.columns])))
        rename = {j: tuple(c[g] for g in order) for j, c in enumerate(self.columns)}

        def form(terms: Iterable[Term]) -> frozenset[object]:
            return frozenset(
                (t.plus, rename[t.plus_at], t.minus, rename[t.minus_at] if t.minus_at >= 0 else None) for t in terms
            )

        return (
            tuple(self.shapes[g] for g in order),
            form(self.energy),
            self.energy_offset,
            frozenset((form(b), o) for b, o in zip(self.busy, self.busy_offset)),
            frozenset((frozenset((c, rename[j]) for c, j in x.coefficients), x.high, x.low) for x in self.limits),
        )


def rank_groups(setting: Setting) -> tuple[tuple[int, ...], ...]:
    """Dims tied by sharing a tensor axis, as indices into Setting.dims."""
    parent = list(range(len(setting.dims)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    index = {d: i for i, d in enumerate(setting.dims)}
    for tensor in setting.tensors:
        for axis in tensor.axes:
            tied = [index[d] for d, _ in axis.terms if d in index]
            for other in tied[1:]:
                parent[root(other)] = root(tied[0])
    found: dict[int, list[int]] = {}
    for i in range(len(setting.dims)):
        found.setdefault(root(i), []).append(i)
    return tuple(tuple(g) for g in found.values())


class Sum:
    """Collects coefficient * column, merging equal columns; pairs plus - minus are kept together."""

    def __init__(self) -> None:
        self.offset = 0.0
        self.plain: dict[int, float] = {}
        self.pairs: dict[tuple[int, int, float], float] = {}

    def add(self, coefficient: float, column: tuple[float, int]) -> None:
        constant, at = column
        if coefficient:
            self.plain[at] = self.plain.get(at, 0.0) + coefficient * constant

    def add_difference(self, coefficient: float, plus: tuple[float, int], minus: tuple[float, int], one: int) -> None:
        """coefficient * (plus - minus); `one` is the constant column, for which the minus part is a plain offset."""
        if not coefficient:
            return
        if minus[1] == one:
            self.add(coefficient, plus)
            self.offset -= coefficient * minus[0]
        else:
            key = (plus[1], minus[1], minus[0] / plus[0])
            self.pairs[key] = self.pairs.get(key, 0.0) + coefficient * plus[0]

    def terms(self) -> tuple[Term, ...]:
        found = [Term(c, at) for at, c in self.plain.items()]
        found += [Term(c, plus, c * ratio, minus) for (plus, minus, ratio), c in self.pairs.items()]
        return tuple(found)
