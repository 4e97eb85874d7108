"""Which dimensions move which tensor, per operator, and a layer's dimensions completed as the model needs them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from tileloom.mapping.notation.maestro import SLIDING, DirectiveLayer, where
from tileloom.mapping.notation.maestro_refusal import RefusedError


@dataclass(frozen=True, slots=True)
class Coupling:
    """Dimensions of the tensors in order; the output uses the names Y and X for its rows and columns.

    sliding   (input dimension, filter dimension) pairs; the output extent is input - filter + 1
    """

    input: tuple[str, ...]
    filter: tuple[str, ...]
    output: tuple[str, ...]
    sliding: tuple[tuple[str, str], ...]

    @property
    def searched(self) -> frozenset[str]:
        """Dimensions of input and filter: those that levels pass down."""
        return frozenset(self.input) | frozenset(self.filter)


_COUPLINGS = {
    "CONV": ("C Y X", "K C R S", "K Y X"),
    "TRCONV": ("C Y X", "K C R S", "K Y X"),
    "DSCONV": ("C Y X", "C R S", "C Y X"),
    "NGCONV": ("G C Y X", "G K C R S", "G K C Y X"),
    "GEMM": ("M K", "K N", "M N"),
}


def coupling_of(operator: str, batched: bool) -> Coupling:
    """The coupling of an operator; a batch dimension N is put before input and output of the convolutions."""
    inputs, filters, outputs = (tuple(text.split()) for text in _COUPLINGS[operator])
    if operator == "GEMM":
        return Coupling(inputs, filters, outputs, sliding=())
    front = ("N",) if batched else ()
    return Coupling(front + inputs, filters, front + outputs, tuple(SLIDING.items()))


def couplings(layers: Iterable[DirectiveLayer]) -> tuple[Coupling, ...]:
    """Couplings of a file's layers: the first layer of a type decides for all of that type whether it has a batch."""
    batched: dict[str, bool] = {}
    found = []
    for layer in layers:
        # TRCONV shares CONV's tables in the original.
        kind = "CONV" if layer.operator == "TRCONV" else layer.operator
        found.append(coupling_of(layer.operator, batched.setdefault(kind, "N" in layer.sizes)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Completed:
    """A layer with both forms of rows and columns.

    extents    size of every dimension, input and output side
    strides    stride of X and Y
    """

    extents: Mapping[str, int]
    strides: Mapping[str, int]


def complete(layer: DirectiveLayer, coupling: Coupling) -> Completed:
    """Adds X' = X - S + 1 or X = X' + S - 1, and the same for Y with R. Stride does not enter here.

    Raises RefusedError for a dimension that is missing, or declared on both sides.
    """
    extents = dict(layer.sizes)
    strides = {dim: layer.stride_of.get(dim, 1) for dim in ("X", "Y")}
    output_side = [v for v, _ in coupling.sliding if v + "'" in extents]
    for v, s in coupling.sliding:
        if s not in extents:
            raise _missing(layer, s)
        if v in extents and v + "'" in extents:
            raise RefusedError(
                "one side", f"{where(layer)}: both {v} and {v}' are declared; give one of them", "exit 255"
            )
        if v in extents:
            extents[v + "'"] = extents[v] - extents[s] + 1
        elif v + "'" in extents:
            extents[v] = extents[v + "'"] + extents[s] - 1
    if output_side:
        # The original hands X the stride of Y' and Y that of X'; where only one is declared it reads an unset value.
        swapped = {"X": "Y'", "Y": "X'"}
        strides = {v: layer.stride_of.get(swapped[v], 1) for v in ("X", "Y")}
        if len(output_side) == 1 and len(set(strides.values()) | {layer.stride_of.get(output_side[0][0], 1)}) > 1:
            raise RefusedError(
                "one side",
                f"{where(layer)}: {output_side[0]}' is declared on the output side and the other one is not, with a stride",
                "undefined",
            )
    for dim in sorted(coupling.searched):
        if dim not in extents:
            raise _missing(layer, dim)
    return Completed(extents, strides)


def _missing(layer: DirectiveLayer, dim: str) -> RefusedError:
    declared = ", ".join(layer.sizes)
    return RefusedError(
        "missing dimension",
        f"{where(layer)}: {layer.operator} needs dimension {dim}; declared are {declared}",
        "undefined",
    )


def declared_volume(layer: DirectiveLayer, dims: Iterable[str]) -> int:
    """Product of the sizes as declared; dimensions declared on the output side do not count."""
    return prod(layer.sizes.get(dim, 1) for dim in dims)
