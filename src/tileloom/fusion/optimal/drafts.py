"""Problems of a network in the making: their dims and tensors matched, position by position, with what is stored.

A `Draft` is a problem whose tensors are views; `Stores` knows what is stored and what is held together. Dims split
where a view of one of their tensors asks for it. Nothing is named or ordered here: that is layouts.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

from tileloom.fusion.optimal.views import Atom, Piece, View, groups_of, link, reshaped
from tileloom.workload.problem import Axis, Problem, Tensor


@dataclass
class Store:
    """Values that are kept together. base: its axes, slowest first;  writers: drafts;  pinned: in the outermost memory;
    joint: made of other stores."""

    name: str
    number: int
    base: list[Atom]
    bits: int = 8
    writers: list[int] = field(default_factory=list)
    pinned: bool = False
    joint: bool = False


@dataclass
class Slot:
    """One axis of a problem's tensor: its positions that hold data, and the dim's atom where it is indexed by it alone."""

    axis: int
    size: int
    atom: Atom | None


@dataclass
class Draft:
    """A problem with views for tensors.

    views     per tensor the view (None: a weight);  dims: an atom per dim;  whole: dims that shared loops must not tile
    matches   per tensor pairs (atom of a dim, atom stored) that mean the same positions
    halos     per tensor, axis of the problem -> stored atom under a window or a stride
    dropped   per tensor atoms of dims that repeat what is stored;  ranged: pairs (atom of a dim, part of a stored axis)
    is_layer  counts multiply-accumulates of the network
    """

    problem: Problem
    views: dict[str, View | None]
    whole: frozenset[str] = frozenset()
    is_layer: bool = False
    dims: dict[str, Atom] = field(default_factory=dict)
    matches: dict[str, list[tuple[Atom, Atom]]] = field(default_factory=dict)
    halos: dict[str, dict[int, Atom]] = field(default_factory=dict)
    dropped: dict[str, list[Atom]] = field(default_factory=dict)
    ranged: dict[str, list[tuple[Atom, Piece]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bent = {d for t in self.problem.tensors for axis in t.axes if not is_plain(axis) for d, _ in axis.terms}
        for t in self.problem.tensors:
            listed = [d for axis in t.axes for d, _ in axis.terms]
            bent |= {d for d in listed if listed.count(d) > 1}
        self.dims = {d.name: Atom(d.extent, rigid=d.name in bent) for d in self.problem.dims}
        for t in self.problem.tensors:
            self.matches[t.name], self.halos[t.name] = [], {}
            self.dropped[t.name], self.ranged[t.name] = [], []

    def slots(self, tensor: Tensor) -> list[Slot]:
        found = []
        for i, axis in enumerate(tensor.axes):
            size = (axis.extent or axis.span(self.problem.extents)) - axis.pad_lo - axis.pad_hi
            atom = self.dims[axis.terms[0][0]] if is_plain(axis) else None
            found.append(Slot(i, size, None if atom is None or atom.rigid else atom))
        return [s for s in found if s.size > 1]


def is_plain(axis: Axis) -> bool:
    """One dim, step by step, no padding."""
    return len(axis.terms) == 1 and axis.terms[0][1] == 1 and not (axis.pad_lo or axis.pad_hi)


@dataclass
class Stores:
    """stores: by number;  same: pairs of stored atoms that are one axis of a joined store;  into: store -> what it
    became part of."""

    stores: list[Store] = field(default_factory=list)
    same: list[tuple[Atom, Atom]] = field(default_factory=list)
    into: dict[int, int] = field(default_factory=dict)

    def new(self, name: str, sizes: Sequence[int], bits: int = 8) -> Store:
        store = Store(name, len(self.stores), [Atom(n) for n in sizes], bits)
        self.stores.append(store)
        return store

    def root(self, number: int) -> Store:
        while number in self.into:
            number = self.into[number]
        return self.stores[number]

    def view(self, store: Store, shape: Sequence[int] = ()) -> View:
        """The whole store, under a shape where it is known."""
        whole = View(store.number, tuple((Piece(a.size, a),) for a in store.base), frozenset([store.number]))
        return reshaped(whole, shape) if shape and prod(shape) == prod(whole.shape) else whole

    def written(self, draft: Draft, number: int, name: str, bits: int, shape: Sequence[int]) -> View:
        """A new store for the draft's output."""
        tensor = draft.problem.output
        slots = draft.slots(tensor)
        store = self.new(name, [s.size for s in slots], bits)
        store.writers.append(number)
        for slot, base in zip(slots, store.base):
            if slot.atom is not None and link(slot.atom, base):
                draft.matches[tensor.name].append((slot.atom, base))
            else:
                base.rigid = True
                draft.halos[tensor.name][slot.axis] = base
        return self.view(store, shape)

    def joined(self, views: Sequence[View], axis: int, shape: Sequence[int], name: str) -> View | None:
        """Several tensors held as one, one behind the other along an axis; None where one is not there as a whole."""
        parts = [p for v in views for p in v.parts]
        if len(parts) != len(set(parts)) or not all(v.complete for v in views):
            return None
        store = self.new(name, [n if i != axis else 1 for i, n in enumerate(shape)])
        store.joint = True
        for i, base in enumerate(store.base):
            if i != axis and base.size > 1:
                for v in views:
                    self._unify(base, [now for p in v.axes[i] for now in p.now() if now.length > 1])
        for root in {self.root(p).number for p in parts}:
            self.into[root] = store.number
            old = self.stores[root]
            store.bits = max(store.bits, old.bits) if store.writers else old.bits
            store.writers += old.writers
            store.pinned |= old.pinned or not old.writers
        axes = tuple(
            (Piece(n),) if i == axis else (Piece(n, base),) if n > 1 else ()
            for i, (n, base) in enumerate(zip(shape, store.base))
        )
        return View(store.number, axes, frozenset(parts))

    def _unify(self, base: Atom, pieces: list[Piece]) -> None:
        if not all(p.whole for p in pieces):
            return
        for mine, piece in paired([Piece(base.size, base)], pieces):
            if mine.atom is not None and piece.atom is not None and mine.whole and link(mine.atom, piece.atom):
                self.same.append((piece.atom, mine.atom))


def paired(left: Sequence[Piece], right: Sequence[Piece]) -> list[tuple[Piece, Piece]]:
    """Pieces of both sides that mean the same positions, both cut where needed, from the inside out as far as it goes."""
    one, other = list(left), list(right)
    found: list[tuple[Piece, Piece]] = []
    while one and other:
        a, b = one.pop(), other.pop()
        if a.length != b.length:
            larger, smaller = (a, b) if a.length > b.length else (b, a)
            parts = larger.cut(smaller.length)
            if parts is None:
                return found
            # What is still to come may have been split as a twin.
            one = [now for p in one for now in p.now() if now.length > 1]
            other = [now for p in other for now in p.now() if now.length > 1]
            smaller_now = [p for p in smaller.now() if p.length > 1]
            (one if larger is a else other).append(parts[0])
            if len(smaller_now) != 1:
                return found
            inner = parts[1]
            a, b = (inner, smaller_now[0]) if larger is a else (smaller_now[0], inner)
        found.append((a, b))
    return found


def match(draft: Draft, tensor: Tensor, view: View) -> None:
    """Notes which dims of the draft walk along which stored axes of a tensor that it reads."""
    slots, pieces = draft.slots(tensor), view.pieces()
    if prod(s.size for s in slots) == prod(p.length for p in pieces):
        for own, stored in groups_of([s.size for s in slots], [p.length for p in pieces]):
            _match_group(draft, tensor, [slots[i] for i in own], [pieces[i] for i in stored])
        return
    # A stride may leave the last rows unread: axis by axis, then.
    axes = [list(axis) for axis in view.axes if prod(p.length for p in axis) > 1]
    if len(axes) == len(slots):
        for slot, axis in zip(slots, axes):
            if slot.atom is None or slot.size == prod(p.length for p in axis):
                _match_group(draft, tensor, [slot], [now for p in axis for now in p.now() if now.length > 1])


def _match_group(draft: Draft, tensor: Tensor, slots: list[Slot], pieces: list[Piece]) -> None:
    if any(s.atom is None for s in slots):
        if len(slots) == 1 and len(pieces) == 1 and pieces[0].whole and pieces[0].atom is not None:
            draft.halos[tensor.name][slots[0].axis] = pieces[0].atom
            pieces[0].atom.rigid = True
        return
    own = [now for s in slots for now in Piece(s.size, s.atom).now()]
    for mine, stored in paired(own, [now for p in pieces for now in p.now() if now.length > 1]):
        if mine.atom is None or not mine.whole:
            continue
        if stored.atom is not None and stored.whole:
            if link(mine.atom, stored.atom):
                draft.matches[tensor.name].append((mine.atom, stored.atom))
        elif stored.atom is not None:
            draft.ranged[tensor.name].append((mine.atom, stored))
        elif stored.repeated:
            draft.dropped[tensor.name].append(mine.atom)
