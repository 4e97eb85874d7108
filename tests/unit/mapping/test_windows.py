"""Windows of tiles and what they keep: against a walk that touches every element, one at a time."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from tileloom.mapping.windows import Windows, cut, moved_strips, read_by, reservations_for
from tileloom.workload.problem import Axis, Dim, Problem, Tensor


def conv(p: int, r: int, stride: int = 1, pad: int = 0) -> Problem:
    read = Axis((("p", stride), ("r", 1)), pad_lo=pad, pad_hi=pad)
    return Problem(
        "conv",
        (Dim("p", p), Dim("r", r)),
        (Tensor("I", "input", (read,)), Tensor("W", "weight", (Axis((("r", 1),)),)), Tensor("O", "output", (Axis((("p", 1),)),))),
    )  # fmt: skip


@pytest.mark.parametrize(("extent", "tile"), [(12, 4), (13, 4), (7, 7), (5, 2), (540, 72)])
@pytest.mark.parametrize(("kernel", "stride", "pad"), [(1, 1, 0), (3, 1, 0), (3, 1, 1), (3, 2, 1), (5, 1, 2)])
def test_one_axis(extent: int, tile: int, kernel: int, stride: int, pad: int) -> None:
    problem = conv(extent, kernel, stride, pad)
    size = problem.tensor("I").axes[0].span(problem.extents) - 2 * pad
    tiles = cut(extent, tile)
    parts = read_by(problem, problem.tensor("I"), 0, "p", tiles, size)
    touched = [
        {stride * p + r - pad for p in range(*t) for r in range(kernel) if 0 <= stride * p + r - pad < size}
        for t in tiles
    ]
    assert [set(range(*w)) for w in parts] == touched
    kept, again = Windows(parts, True), Windows(parts, False)
    # Every element once; or all of every window.
    assert sum(b - a for a, b in kept.new) == len(set().union(*touched))
    assert sum(b - a for a, b in again.new) == sum(len(t) for t in touched)
    assert kept.overlaps == (0, *(len(a & b) for a, b in pairwise(touched)))


@pytest.mark.parametrize("keeps", list(product([True, False], repeat=2)))
@pytest.mark.parametrize(("rows", "columns", "tile"), [(8, 9, (2, 3)), (7, 7, (3, 2)), (6, 5, (1, 2))])
def test_two_axes_element_by_element(keeps: tuple[bool, bool], rows: int, columns: int, tile: tuple[int, int]) -> None:
    """Live elements of a 3 x 3 convolution's input never exceed what is reserved, and reach it."""
    windows = []
    for extent, size, keep in zip((rows, columns), tile, keeps):
        problem = conv(extent, 3)
        windows.append(Windows(read_by(problem, problem.tensor("I"), 0, "p", cut(extent, size), extent + 2), keep))
    outer, inner = windows
    made: dict[tuple[int, int], int] = {}
    held: set[tuple[int, int]] = set()
    most, times = 0, 0
    order = list(product(range(len(outer.parts)), range(len(inner.parts))))
    for n, (i, j) in enumerate(order):
        wanted = set(product(range(*outer.parts[i]), range(*inner.parts[j])))
        new = wanted - held
        for at in new:
            made[at] = made.get(at, 0) + 1
        times += len(new)
        held |= wanted
        most = max(most, len(held))
        # Keep what a later tile reads and may still find: across inner tiles, across outer ones.
        later: set[tuple[int, int]] = set()
        for i2, j2 in order[n + 1 :]:
            if (i2 == i and keeps[1] and j2 == j + 1) or (i2 == i + 1 and keeps[0]):
                later |= set(product(range(*outer.parts[i2]), range(*inner.parts[j2])))
            if keeps[0] and i2 == i and j2 > j and i:
                # Rows of the outer tile before, where this outer tile has not been yet.
                top = range(outer.parts[i][0], outer.parts[i - 1][1])
                later |= set(product(top, range(*inner.parts[j2])))
        held &= later
    strips = tuple("M" if k else None for k in keeps)
    rest, sizes = reservations_for(windows, strips, "M")
    assert most <= rest + sum(sizes)
    assert times == sum(b - a for a, b in outer.new) * sum(b - a for a, b in inner.new) or not all(keeps)
    if all(keeps):
        assert set(made.values()) == {1}
    if not any(keeps):
        assert times == sum(b - a for a, b in outer.parts) * sum(b - a for a, b in inner.parts)


def test_where_strips_lie_elsewhere() -> None:
    """The window of 4 x 5 takes its space whole, and strips are moved to it and back."""
    outer = Windows(((0, 4), (2, 6)), True)
    inner = Windows(((0, 5), (3, 8), (6, 11)), True)
    assert reservations_for((outer, inner), ("M", "M"), "M") == ((4 - 2) * (5 - 2), (2 * 11, 2 * (4 - 2)))
    assert reservations_for((outer, inner), ("L2", "L2"), "M") == (4 * 5, (2 * 11, 2 * (4 - 2)))
    assert reservations_for((outer, inner), (None, "M"), "M") == (4 * (5 - 2), (0, 2 * 4))
    # Rows: 2 for all 11 columns once; columns: 2 of them between three tiles, twice, with all four rows each.
    assert moved_strips((outer, inner), ("L2", "L2"), "M") == (("L2", 2 * 11, 2 * 11), ("L2", 4 * 8, 4 * 8))
