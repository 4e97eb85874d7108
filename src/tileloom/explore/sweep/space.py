"""The design space of a study: parameters in mixed radix, linked ones, and the exact number of designs.

A design is a number below `Space.size`; the last parameter varies fastest. Engines choose the order of parameters.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

from tileloom.core.errors import InputError
from tileloom.core.expression import evaluate_tree, parse
from tileloom.explore.sweep.values import Value

MAX_TABLE = 5_000_000
"""Entries of the table of one linked parameter."""


@dataclass(frozen=True)
class Parameter:
    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Link:
    """A parameter whose value follows from swept ones. `where` is 'file:line', for messages."""

    name: str
    expression: str
    uses: tuple[str, ...]
    where: str = "linked"

    @cached_property
    def tree(self) -> ast.expr:
        return parse(self.expression, self.where)

    def value(self, names: Mapping[str, Value]) -> Value:
        """Raises InputError with the place, for what cannot be computed or is no number or name."""
        found = evaluate_tree(self.tree, names, self.where)
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            raise InputError(f"{self.where}: '{self.expression}' gives neither a number nor a name")
        # 2 * 3.0 is a whole number of PEs; 2.5 is for the field to refuse.
        return int(found) if isinstance(found, float) and found.is_integer() else found


@dataclass(frozen=True)
class Space:
    """parameters: outermost (slowest) first; links: evaluated over the values of the parameters they use."""

    parameters: tuple[Parameter, ...]
    links: tuple[Link, ...] = ()

    @property
    def radix(self) -> tuple[int, ...]:
        return tuple(len(p.values) for p in self.parameters)

    @property
    def size(self) -> int:
        return prod(self.radix)

    @property
    def names(self) -> tuple[str, ...]:
        """Swept, then linked."""
        return (*(p.name for p in self.parameters), *(link.name for link in self.links))

    def digits(self, index: int) -> tuple[int, ...]:
        """
        >>> Space((Parameter("a", (1, 2)), Parameter("b", (3, 4, 5)))).digits(4)
        (1, 1)
        """
        found: list[int] = []
        for base in reversed(self.radix):
            index, digit = divmod(index, base)
            found.append(digit)
        return tuple(reversed(found))

    def index(self, digits: Iterable[int]) -> int:
        found = 0
        for digit, base in zip(digits, self.radix, strict=True):
            found = found * base + digit
        return found

    def values(self, index: int) -> dict[str, Value]:
        """Every swept and linked parameter of a design."""
        return self.values_at(self.digits(index))

    def values_at(self, digits: Iterable[int]) -> dict[str, Value]:
        found = {p.name: p.values[d] for p, d in zip(self.parameters, digits, strict=True)}
        return found | {link.name: link.value(found) for link in self.links}

    def depends(self, name: str) -> tuple[int, ...]:
        """Positions of the parameters that decide a parameter; nothing for one that is neither swept nor linked."""
        for link in self.links:
            if link.name == name:
                return tuple(i for i, p in enumerate(self.parameters) if p.name in link.uses)
        return tuple(i for i, p in enumerate(self.parameters) if p.name == name)

    def table(self, name: str) -> tuple[Value, ...]:
        """Values of a parameter over all combinations of what decides it, the last of `depends` fastest."""
        at = self.depends(name)
        parts = [self.parameters[i] for i in at]
        if prod(len(p.values) for p in parts) > MAX_TABLE:
            raise InputError(f"'{name}' depends on {[p.name for p in parts]}, more than {MAX_TABLE:,} combinations")
        link = next((li for li in self.links if li.name == name), None)
        if link is None:
            return parts[0].values
        small = Space(tuple(parts))
        return tuple(
            link.value({p.name: p.values[d] for p, d in zip(parts, small.digits(i))}) for i in range(small.size)
        )

    def ordered(self, outermost: Iterable[Iterable[str]]) -> Space:
        """The same space with the parameters that decide the first names outermost, then those of the next names, ..."""
        chosen: list[int] = []
        for names in outermost:
            chosen += [i for name in names for i in self.depends(name)]
        order = list(dict.fromkeys(chosen))
        order += [i for i in range(len(self.parameters)) if i not in order]
        return replace(self, parameters=tuple(self.parameters[i] for i in order))


def how_to_shrink(space: Space, limit: int) -> str:
    """The size of a space that is too large, what makes it so and what would help."""
    largest = sorted(space.parameters, key=lambda p: -len(p.values))[:3]
    listed = ", ".join(f"{p.name} ({len(p.values):,} values)" for p in largest)
    over = -(-space.size // limit)
    return (
        f"the study has {space.size:,} designs, {over:,} times the {limit:,} that are taken at most; the largest "
        f"parameters are {listed}: take a larger step, a log range ({{from, to, factor: 2}}), or link parameters that move together"
    )
