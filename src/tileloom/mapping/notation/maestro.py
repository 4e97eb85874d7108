"""MAESTRO's schedules as values: layers with their dimensions, and dataflows as lists of directives.

The text form is in maestro_reader.py and maestro_writer.py; what a directive costs is in cost/models/maestro.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tileloom.core.errors import InputError

OPERATORS = ("CONV", "DSCONV", "NGCONV", "GEMM", "TRCONV")
SLIDING = {"Y": "R", "X": "S"}
"""Dimension of the input -> the filter dimension that slides along it."""


@dataclass(frozen=True, slots=True)
class Map:
    """Every sub-unit holds `size` consecutive indices of `dim`.

    temporal: the next step in time starts `offset` later. spatial: the next sub-unit starts `offset` later, and the
    assignment folds over time when there are no more sub-units.
    """

    kind: Literal["temporal", "spatial"]
    size: int
    offset: int
    dim: str

    def __post_init__(self) -> None:
        if self.size < 1 or self.offset < 1:
            raise InputError(f"{self}: size and offset must be at least 1")

    @property
    def spatial(self) -> bool:
        return self.kind == "spatial"

    def __str__(self) -> str:
        return f"{self.kind.capitalize()}Map({self.size},{self.offset}) {self.dim}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What stands before spreads work over groups of `size` units, what follows describes the inside of a group."""

    size: int
    scope: Literal["L", "P"] = "P"

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"{self}: a cluster has at least 1 unit")

    def __str__(self) -> str:
        return f"Cluster({self.size},{self.scope})"


Directive = Map | Cluster


@dataclass(frozen=True)
class DirectiveLayer:
    """A layer and how it is run.

    operator   one of OPERATORS
    extents    (dimension, size) as declared: Y, X of the padded input, or Y', X' of the output
    strides    (dimension, stride) as declared; 1 where absent
    dataflow   outermost first; None where the file gives none
    label      the name the original prints, which differs from `name` where its parser picks up another word
    line       of the layer in its file; 0 for layers that come from elsewhere
    """

    name: str
    operator: str
    extents: tuple[tuple[str, int], ...]
    strides: tuple[tuple[str, int], ...] = ()
    dataflow: tuple[Directive, ...] | None = None
    label: str = ""
    line: int = 0

    def __post_init__(self) -> None:
        wrong = [f"{where(self)}: {d} is {n}; expected at least 1" for d, n in (*self.extents, *self.strides) if n < 1]
        if self.operator not in OPERATORS:
            wrong.append(f"{where(self)}: no operator '{self.operator}'; there are {', '.join(OPERATORS)}")
        if wrong:
            raise InputError(wrong)

    @cached_property
    def sizes(self) -> dict[str, int]:
        return dict(self.extents)

    @cached_property
    def stride_of(self) -> dict[str, int]:
        return dict(self.strides)


@dataclass(frozen=True)
class MaestroFile:
    """The layers of a mapping file, or of a model file (then without dataflows)."""

    network: str
    layers: tuple[DirectiveLayer, ...]
    path: str = ""
    warnings: tuple[str, ...] = ()
    """What is odd in the file but taken: repeated names, the same size twice; with file and line."""


def where(layer: DirectiveLayer) -> str:
    """The layer in messages: its name, and its line where it comes from a file."""
    return f"layer '{layer.name}'" + (f" of line {layer.line}" if layer.line else "")


def format_dataflow(dataflow: Iterable[Directive]) -> str:
    """'SpatialMap(1,1) K; Cluster(4,P); ...' on one line."""
    return "; ".join(str(d) for d in dataflow)
