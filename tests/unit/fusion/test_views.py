"""Views of what is stored: which moves keep axes apart, what splits together, and what becomes opaque."""

from __future__ import annotations

from tileloom.fusion.optimal.views import (
    Atom,
    Piece,
    View,
    link,
    padded,
    part_of,
    permuted,
    rejoined,
    repeated,
    reshaped,
)


def view(*sizes: int) -> View:
    return View(0, tuple((Piece(n, Atom(n)),) for n in sizes), frozenset([0]))


def opaque(axis: tuple[Piece, ...]) -> bool:
    return any(p.atom is None and not p.repeated for p in axis)


def test_linked_atoms_split_together_and_refine_each_other() -> None:
    one, other, third = Atom(24), Atom(24), Atom(24)
    assert one.split(6) and other.split(2) and link(one, other)
    # 4 x 6 and 12 x 2 agree on 4 x 3 x 2.
    assert [a.size for a in one.leaves()] == [a.size for a in other.leaves()] == [4, 3, 2]
    assert link(third, one) and [a.size for a in third.leaves()] == [4, 3, 2]


def test_splits_that_do_not_fit_do_not_link() -> None:
    one, other = Atom(24), Atom(24)
    one.split(4)
    other.split(3)
    assert not link(one, other)
    assert not Atom(6, rigid=True).split(2) and not Atom(6).split(4)


def test_a_rigid_twin_keeps_all_whole() -> None:
    free, window = Atom(8), Atom(8, rigid=True)
    assert link(free, window) and not free.split(2) and free.leaves() == [free]


def test_heads_there_and_back() -> None:
    stored = view(16, 12)
    heads = permuted(reshaped(stored, (16, 3, 4)), (1, 0, 2))
    assert heads.shape == (3, 16, 4) and not any(map(opaque, heads.axes))
    back = reshaped(permuted(heads, (1, 0, 2)), (16, 12))
    assert [p.atom for p in back.pieces()] == [p.atom for p in stored.pieces()] and back.complete


def test_sizes_that_do_not_divide_are_opaque_and_no_more_than_they() -> None:
    bent = reshaped(view(5, 6, 4, 7), (5, 4, 6, 7))
    assert [opaque(a) for a in bent.axes] == [False, True, True, False]


def test_parts() -> None:
    stored = view(4, 36)
    middle = reshaped(part_of(stored, ((0, 4), (12, 12))), (4, 3, 4))
    assert middle.shape == (4, 3, 4) and not middle.complete
    (taken,) = middle.ranges()
    assert (taken.start, taken.length, taken.atom is not None and taken.atom.size) == (3, 3, 9)
    one = reshaped(part_of(view(3, 5), ((1, 1), (0, 5))), (5,))
    assert [(p.start, p.length) for p in one.ranges()] == [(1, 1)] and one.shape == (5,)
    # A part that is later split across its bounds cannot be told apart.
    odd = view(36)
    some = part_of(odd, ((6, 12),))
    reshaped(odd, (4, 9))
    assert [opaque((p,)) for p in some.pieces()] == [True]


def test_repeats_and_padding() -> None:
    spread = repeated(view(1, 5), (3, 5))
    assert spread.shape == (3, 5) and spread.axes[0][0].repeated and not spread.complete
    around = padded(view(4, 5), (4, 7))
    assert [opaque(a) for a in around.axes] == [False, True]


def test_halves_swapped_are_the_store_with_that_axis_whole() -> None:
    stored = view(4, 8)
    low, high = part_of(stored, ((0, 4), (0, 4))), part_of(stored, ((0, 4), (4, 4)))
    turned = rejoined([high, low], 1, 8)
    assert turned is not None and turned.shape == (4, 8) and [opaque(a) for a in turned.axes] == [False, True]
    assert rejoined([high, part_of(stored, ((0, 2), (0, 4)))], 1, 8) is None
    assert rejoined([high, View(1, low.axes, frozenset([1]))], 1, 8) is None
