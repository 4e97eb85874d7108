"""One layer as ZigZag and DeFiNES see it: sizes of named loops, and operands whose relations to the loops are fixed.

What a dimension is to an operand (relevant, irrelevant, part of a halo) is decided once, with the sizes of the whole
layer, and kept when the layer is cut into tiles. Files are read in zigzag.py, costs are in cost/models/zigzag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, gcd, prod

from tileloom.core.errors import InputError, did_you_mean

Unroll = tuple[str, int]
"""(loop dimension, copies side by side)."""
REST = 0
"""Size of a loop in time that takes what the others leave of its dimension: '*' in mapping files."""


def filled_order(order: Sequence[Unroll], time: Mapping[str, int]) -> tuple[Unroll, ...]:
    """The order with every '*' as what the other loops leave of its dimension.

    time   dimension -> iterations that all its loops in time make together
    InputError where several '*' share a dimension (ZigZag searches how to split it) or sizes do not divide.

    >>> filled_order((("K", 2), ("C", REST), ("K", REST)), {"K": 8, "C": 3})
    (('K', 2), ('C', 3), ('K', 4))
    """
    faults, rest = [], dict(time)
    stars = [d for d, n in order if n == REST]
    for dim in dict.fromkeys(stars):
        given = prod(n for d, n in order if d == dim and n != REST)
        if stars.count(dim) > 1:
            faults.append(
                f"'*' stands {stars.count(dim)} times for '{dim}': ZigZag searches its split; give all but one a size"
            )
        elif time.get(dim, 1) % given:
            faults.append(
                f"'*' of '{dim}': its other loops make {given} iterations, which do not divide {time.get(dim, 1)}"
            )
        rest[dim] = time.get(dim, 1) // given
    if faults:
        raise InputError(faults)
    return tuple((d, rest[d] if n == REST else n) for d, n in order)


@dataclass(frozen=True, slots=True)
class Halo:
    """A tensor dimension indexed by a sum: index = first coefficient * first dim + second coefficient * second dim.

    cap   most elements the dimension has, where the file says so (an input without its padding); None = no limit
    """

    axis: str
    first: str
    second: str
    first_step: int = 1
    second_step: int = 1
    cap: int | None = None

    def extent(self, first: float, second: float) -> int:
        """Elements touched by `first` times `second` loop steps, as DeFiNES counts them (truncated towards zero).

        >>> Halo("IX", "OX", "FX", 2, 1).extent(4, 3)
        9
        """
        common = gcd(self.first_step, self.second_step)
        a, b = self.first_step // common, self.second_step // common
        return int(first * second - max(0, second - a) * (first - b))


@dataclass(frozen=True, slots=True)
class ZigzagOperand:
    """A tensor of a layer.

    axes              tensor dimensions in the order of the equation, upper case (IX, IY for halos)
    relevant          loop dimensions that index it alone;  irrelevant: those that do not index it.
                      Dimensions of size 1 in the whole layer are in neither; those inside a halo are in neither.
    bits              of a value; of the output: of a final value
    partial_bits      of the output: of a partial sum; otherwise equal to `bits`
    memory_operand    the name under which memories hold it (I1, I2, O)
    """

    name: str
    axes: tuple[str, ...]
    relevant: tuple[str, ...]
    irrelevant: tuple[str, ...]
    halos: tuple[Halo, ...] = ()
    bits: int = 8
    partial_bits: int = 8
    memory_operand: str = "O"
    is_output: bool = False

    def halo(self, axis: str) -> Halo | None:
        return next((h for h in self.halos if h.axis == axis), None)

    def extents(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """Extent of every tensor dimension when the loops have these sizes; loops that are not named have size 1."""
        found = {}
        for axis in self.axes:
            halo = self.halo(axis)
            found[axis] = (
                halo.extent(sizes.get(halo.first, 1), sizes.get(halo.second, 1)) if halo else sizes.get(axis, 1)
            )
        return found

    def elements(self, sizes: Mapping[str, int]) -> int:
        """Elements of the tensor for loops of these sizes; fractional sizes count as the next whole number."""
        whole = {dim: ceil(size) for dim, size in sizes.items()}
        return prod(self.extents(whole).values())


@dataclass(frozen=True)
class ZigzagLayer:
    """name            for reports; not part of what is computed
    loops           (loop dimension, size) in the order of the file
    operands        in the order of the equation, the output first
    spatial         per array dimension the loops wished on it, before they are cut to the array and to the layer
    order           temporal loops fixed by the file, innermost first; None: the mapper chooses
    kind            what the file calls the layer (information only)
    """

    name: str
    loops: tuple[tuple[str, int], ...]
    operands: tuple[ZigzagOperand, ...]
    spatial: tuple[tuple[str, tuple[Unroll, ...]], ...] = ()
    order: tuple[Unroll, ...] | None = None
    kind: str = ""

    @cached_property
    def sizes(self) -> dict[str, int]:
        return dict(self.loops)

    @cached_property
    def output(self) -> ZigzagOperand:
        return next(o for o in self.operands if o.is_output)

    @cached_property
    def inputs(self) -> tuple[ZigzagOperand, ...]:
        return tuple(o for o in self.operands if not o.is_output)

    @cached_property
    def macs(self) -> int:
        """Product of all loops; additions and pooling count as well."""
        return prod(size for _, size in self.loops)

    def operand(self, name: str) -> ZigzagOperand:
        for operand in self.operands:
            if operand.name == name:
                return operand
        known = [o.name for o in self.operands]
        raise InputError(f"layer '{self.name}' has no operand '{name}'{did_you_mean(name, known)}; it has {known}")

    def elements(self, operand: str) -> int:
        """Elements of the operand's tensor with the layer's present sizes."""
        return self.operand(operand).elements(self.sizes)

    def resized(self, sizes: Mapping[str, int]) -> ZigzagLayer:
        """A tile of the layer: other loop sizes, the same relations. Dimensions that are not named stay."""
        unknown = [d for d in sizes if d not in self.sizes]
        if unknown:
            raise InputError(f"layer '{self.name}' has no loop dimension {unknown}; it has {list(self.sizes)}")
        return replace(self, loops=tuple((d, sizes.get(d, size)) for d, size in self.loops))

    def relinked(self, links: Mapping[str, str]) -> ZigzagLayer:
        """The layer with other memory operands for the named operands."""
        operands = tuple(replace(o, memory_operand=links.get(o.name, o.memory_operand)) for o in self.operands)
        return replace(self, operands=operands)

    def with_spatial(self, spatial: tuple[tuple[str, tuple[Unroll, ...]], ...]) -> ZigzagLayer:
        return replace(self, spatial=spatial)

    def __str__(self) -> str:
        return f"{self.name}: " + " ".join(f"{d}={size}" for d, size in self.loops)


@dataclass(frozen=True)
class ZigzagNode:
    """A layer's place in a network.

    number       the id in the file; the network's input is -1 there
    layer        of a network input: only an output operand, held in the memory operand of inputs
    sources      (operand, ids of the layers that produce it); empty for weights
    renamed      (operand, ((own tensor dimension, the producer's dimension), ...))
    constants    operands known before the network runs
    """

    number: int
    layer: ZigzagLayer
    sources: tuple[tuple[str, tuple[int, ...]], ...] = ()
    renamed: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    constants: tuple[str, ...] = ()

    @property
    def is_input(self) -> bool:
        return not self.layer.inputs

    @property
    def producers(self) -> tuple[int, ...]:
        return tuple(p for _, ids in self.sources for p in ids)


@dataclass(frozen=True)
class ZigzagNetwork:
    """Layers in topological order."""

    name: str
    nodes: tuple[ZigzagNode, ...]

    def node(self, number: int) -> ZigzagNode:
        for node in self.nodes:
            if node.number == number:
                return node
        raise InputError(f"network '{self.name}' has no layer {number}; it has {[n.number for n in self.nodes]}")
