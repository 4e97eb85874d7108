"""Sets of tensors inside expressions: `~weight | output`, `Inputs & Intermediates if len(All) == 3 else Inputs`.

A set may be uncertain: `certain` is in it for sure, `possible` may be, as when a memory's content is the search's
choice. Which names exist is decided by the reader of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tileloom.core.errors import InputError
from tileloom.core.expression import ExpressionSet, Value, evaluate


@dataclass(frozen=True)
class TensorNames(ExpressionSet):
    """Some of the tensors `universe` (name -> bits per value)."""

    certain: frozenset[str]
    possible: frozenset[str]
    universe: tuple[tuple[str, int], ...]

    @property
    def all(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.universe)

    @property
    def is_certain(self) -> bool:
        return self.certain == self.possible

    def invert(self) -> TensorNames:
        return TensorNames(self.all - self.possible, self.all - self.certain, self.universe)

    def union(self, other: ExpressionSet) -> TensorNames:
        assert isinstance(other, TensorNames)
        return TensorNames(self.certain | other.certain, self.possible | other.possible, self.universe)

    def intersection(self, other: ExpressionSet) -> TensorNames:
        assert isinstance(other, TensorNames)
        return TensorNames(self.certain & other.certain, self.possible & other.possible, self.universe)

    def length(self) -> int:
        if not self.is_certain:
            raise ValueError("the size of a set that the search decides is asked for")
        return len(self.certain)

    def attribute(self, name: str) -> object:
        """`bits_per_value` of the tensors (they must agree) and `tensors`, the set itself."""
        if name == "tensors":
            return self
        if name != "bits_per_value":
            raise ValueError(f"a set of tensors has no attribute '{name}'; it has bits_per_value and tensors")
        bits = {b for n, b in self.universe if n in self.certain}
        if len(bits) != 1:
            held = ", ".join(sorted(self.certain)) or "no tensor"
            raise ValueError(f"bits_per_value of {held}: {'they differ' if bits else 'there is none'}")
        return bits.pop()


def tensor_names(names: Iterable[str], universe: tuple[tuple[str, int], ...]) -> TensorNames:
    """A certain set; names outside the universe are left out."""
    held = frozenset(names) & frozenset(n for n, _ in universe)
    return TensorNames(held, held, universe)


def evaluate_set(text: str | list[str] | tuple[str, ...], names: Mapping[str, Value], where: str) -> TensorNames:
    """The set that an expression (or a list of them: their union) gives.

    Raises InputError when it gives something else.
    """
    if not isinstance(text, str | list | tuple):
        raise InputError(f"{where}: {str(text)[:60]} is no set of tensors; give an expression or a list of them")
    parts = [text] if isinstance(text, str) else list(text)
    found: TensorNames | None = None
    for part in parts:
        value = evaluate(part, names, where)
        if not isinstance(value, TensorNames):
            raise InputError(f"{where}: '{part}' gives {value!r}; a set of tensors is needed")
        found = value if found is None else found.union(value)
    if found is None:
        nothing = names["Nothing"]
        assert isinstance(nothing, TensorNames)
        return nothing
    return found
