"""Tensors seen through reshapes, transpositions, slices and broadcasts: which positions of what is stored a view means.

A view lists, per axis, pieces of the stored axes in row-major order; views only change which pieces stand where. An
axis splits into two where a reshape asks for it, for everyone who walks along it (`Atom`); what cannot be split is
opaque: nobody can say which positions a tile of it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod


class Atom:
    """A run of positions that everyone walks along in the same steps: an axis as stored, or a dim of a problem.

    Linked atoms split together. A rigid one (a dim under a sliding window) never splits.
    """

    __slots__ = ("halves", "rigid", "size", "twins")

    def __init__(self, size: int, *, rigid: bool = False) -> None:
        self.size, self.rigid = size, rigid
        self.halves: tuple[Atom, Atom] | None = None
        self.twins: list[Atom] = [self]

    def leaves(self) -> list[Atom]:
        return [self] if self.halves is None else [a for half in self.halves for a in half.leaves()]

    def split(self, inner: int) -> bool:
        """Splits every twin into size/inner times inner; False where one is rigid or the sizes do not divide."""
        if self.halves is not None or self.size % inner or any(t.rigid for t in self.twins):
            return False
        outers = [Atom(self.size // inner) for _ in self.twins]
        inners = [Atom(inner) for _ in self.twins]
        for made in (outers, inners):
            for atom in made:
                atom.twins = made
        for twin, outer, inside in zip(self.twins, outers, inners):
            twin.halves = (outer, inside)
        return True


def link(one: Atom, other: Atom) -> bool:
    """Makes two atoms of one size split together, refining both; False where their splits do not fit."""
    left, right = one.leaves(), other.leaves()
    pairs: list[tuple[Atom, Atom]] = []
    while left and right:
        a, b = left.pop(), right.pop()
        if a.size != b.size:
            larger, smaller = (a, b) if a.size > b.size else (b, a)
            if not larger.split(smaller.size) or larger.halves is None:
                return False
            # Twins of what was split may be among those still to come.
            left = [x for y in left for x in y.leaves()]
            right = [x for y in right for x in y.leaves()]
            (left if larger is a else right).append(larger.halves[0])
            larger, smaller = larger.halves[1], smaller
            if smaller.halves is not None:
                return False
            a, b = larger, smaller
        pairs.append((a, b))
    for a, b in pairs:
        if a.halves is not None or b.halves is not None:
            return link(one, other)
        _join(a, b)
    return not left and not right


def _join(a: Atom, b: Atom) -> None:
    if a.twins is b.twins:
        return
    together = [*a.twins, *b.twins]
    for atom in together:
        atom.twins = together


@dataclass(frozen=True, slots=True)
class Piece:
    """`length` positions from `start` of an atom; without an atom one position repeated, or (opaque) any of them."""

    length: int
    atom: Atom | None = None
    start: int = 0
    repeated: bool = False

    @property
    def whole(self) -> bool:
        return self.atom is not None and self.length == self.atom.size

    def now(self) -> list[Piece]:
        """The piece in terms of atoms as they are split by now; single positions of longer atoms among them."""
        if self.length == 1 and (self.atom is None or self.atom.size == 1):
            return []
        if self.atom is None or self.atom.halves is None:
            return [self]
        outer, inner = self.atom.halves
        if self.start % inner.size == 0 and self.length % inner.size == 0:
            first = Piece(self.length // inner.size, outer, self.start // inner.size)
            return [*first.now(), *Piece(inner.size, inner).now()]
        if self.start // inner.size == (self.start + self.length - 1) // inner.size:
            block = Piece(1, outer, self.start // inner.size)
            return [*block.now(), *Piece(self.length, inner, self.start % inner.size).now()]
        return [Piece(self.length)]

    def cut(self, inner: int) -> tuple[Piece, Piece] | None:
        """The piece as an outer and an inner one of `inner` positions; None where that cannot be."""
        if self.length % inner:
            return None
        if self.atom is None:
            return (
                Piece(self.length // inner, repeated=self.repeated),
                Piece(inner, repeated=self.repeated),
            )
        if self.start % inner or not self.atom.split(inner) or self.atom.halves is None:
            return None
        outer, inside = self.atom.halves
        return Piece(self.length // inner, outer, self.start // inner), Piece(inner, inside)


ViewAxis = tuple[Piece, ...]


@dataclass(frozen=True)
class View:
    """A tensor of a network as positions of what is stored.

    store      number of the store;  axes: pieces per axis, outermost first, none for an axis of one position
    parts      the stored parts that the view covers (several: tensors joined);  complete: every value of them once
    fixed      single positions of stored axes that a slice took
    """

    store: int
    axes: tuple[ViewAxis, ...]
    parts: frozenset[int]
    complete: bool = True
    fixed: ViewAxis = ()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(prod(p.length for p in axis) for axis in self.axes)

    def pieces(self) -> list[Piece]:
        """All pieces of several positions in row-major order, as split by now."""
        return [now for axis in self.axes for p in axis for now in p.now() if now.length > 1]

    def ranges(self) -> list[Piece]:
        """Pieces that take a part of a stored axis."""
        taken = [now for axis in (*self.axes, self.fixed) for p in axis for now in p.now()]
        return [p for p in taken if p.atom is not None and not p.whole]


def groups_of(left: Sequence[int], right: Sequence[int]) -> list[tuple[range, range]]:
    """Runs of two factorisations of one number that have equal products, shortest first from the inside.

    >>> groups_of([6, 4, 5], [4, 6, 5])
    [(range(2, 3), range(2, 3)), (range(0, 2), range(0, 2))]
    """
    found: list[tuple[range, range]] = []
    i, j = len(left), len(right)
    while i > 0 and j > 0:
        a, b, end_i, end_j = left[i - 1], right[j - 1], i, j
        i, j = i - 1, j - 1
        while a != b:
            if a < b and i > 0:
                i -= 1
                a *= left[i]
            elif b < a and j > 0:
                j -= 1
                b *= right[j]
            else:
                return found
        found.append((range(i, end_i), range(j, end_j)))
    return found


def permuted(view: View, order: Sequence[int]) -> View:
    return replace(view, axes=tuple(view.axes[i] for i in order))


def reshaped(view: View, shape: Sequence[int]) -> View:
    """The same values in the same order under other axes; axes that do not fit the stored ones become opaque."""
    pieces, sizes = view.pieces(), [n for n in shape if n > 1]
    axes: list[ViewAxis] = [(Piece(n),) for n in sizes]
    for old, new in groups_of([p.length for p in pieces], sizes):
        fitted = _fitted([pieces[i] for i in old], [sizes[i] for i in new])
        if fitted is not None:
            axes[new.start : new.stop] = fitted
    rest = iter(axes)
    single = tuple(now for axis in view.axes for p in axis for now in p.now() if now.length == 1)
    return replace(view, axes=tuple(next(rest) if n > 1 else () for n in shape), fixed=(*view.fixed, *single))


def _fitted(pieces: list[Piece], sizes: list[int]) -> list[ViewAxis] | None:
    """Axes of the given sizes from pieces of the same product, splitting where needed; None where that cannot be."""
    left = [now for p in pieces for now in p.now() if now.length > 1]
    axes: list[ViewAxis] = []
    for size in reversed(sizes):
        axis: list[Piece] = []
        while size > 1:
            piece = left.pop()
            if size % piece.length:
                parts = piece.cut(size)
                if parts is None:
                    return None
                left = [now for p in left for now in p.now() if now.length > 1]
                left.extend(p for p in parts[0].now() if p.length > 1)
                piece = parts[1]
            axis.insert(0, piece)
            size //= piece.length
        axes.insert(0, tuple(axis))
    return axes


def part_of(view: View, ranges: Sequence[tuple[int, int]]) -> View:
    """The positions (first, number) along every axis."""
    axes = tuple(
        axis if (start, length) == (0, size) else _narrowed(axis, start, length)
        for axis, size, (start, length) in zip(view.axes, view.shape, ranges)
    )
    return replace(view, axes=axes, complete=view.complete and axes == view.axes)


def _narrowed(axis: ViewAxis, start: int, length: int) -> ViewAxis:
    pieces = [now for p in axis for now in p.now() if now.length > 1]
    if not pieces or (length == 1 and len(pieces) == 1 and pieces[0].atom is None):
        return ()
    inner = prod(p.length for p in pieces[1:])
    first = pieces[0]
    if start % inner or length % inner:
        return (Piece(length),)
    head = Piece(length // inner, first.atom, first.start + (start // inner if first.atom else 0), first.repeated)
    return (head, *pieces[1:])


def repeated(view: View, shape: Sequence[int]) -> View:
    """Broadcast: axes of one position, or missing in front, repeated."""
    axes = (((),) * (len(shape) - len(view.axes))) + view.axes
    kept = tuple(
        axis if prod(p.length for p in axis) == n else (Piece(n, repeated=True),) for axis, n in zip(axes, shape)
    )
    return replace(view, axes=kept, complete=view.complete and kept == axes)


def padded(view: View, shape: Sequence[int]) -> View:
    """Positions without data around: where an axis grows, nobody can tell its tiles apart."""
    axes = tuple(axis if size == n else (Piece(n),) for axis, size, n in zip(view.axes, view.shape, shape, strict=True))
    return replace(view, axes=axes, complete=False)


def rejoined(views: Sequence[View], axis: int, size: int) -> View | None:
    """Parts of one store along one axis put together in any order: the store, where nobody can tell that axis's tiles
    apart. None for parts of several stores, or that differ along other axes."""
    first = views[0]
    same = all(
        (v.store, v.parts) == (first.store, first.parts)
        and [a for i, a in enumerate(v.axes) if i != axis] == [a for i, a in enumerate(first.axes) if i != axis]
        for v in views
    )
    if not same or any(v.fixed != first.fixed for v in views):
        return None
    axes = tuple((Piece(size),) if i == axis else a for i, a in enumerate(first.axes))
    return replace(first, axes=axes, complete=False)
