"""Grids whose answers are kept and shared, and searches that find the least of everything they declare."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import pytest

from depth_first_networks import conv, machine, network, source
from tileloom.core.errors import InputError
from tileloom.fusion import grid as grid_module
from tileloom.fusion.depth_first import Point, Setting, prepare, run_point
from tileloom.fusion.grid import grid_points, run_grid
from tileloom.fusion.memo import Memo, Question, Searching
from tileloom.fusion.rules import CORRECTED
from tileloom.fusion.search import Space, search_fusion
from tileloom.fusion.store import AnswerStore
from tileloom.fusion.tiles import DoesNotFitError
from tileloom.search.zigzag.loma import Found

SEARCHING = Searching(3)
POINTS = grid_points((1, 3), (3, 12), (4,))


@pytest.fixture(scope="module")
def setting() -> Setting:
    return prepare(network(source(2, 16), conv(-1, 4, 2, 14), conv(0, 4, 4, 12)), machine(), CORRECTED)


def test_a_grid_gives_what_its_points_give_and_searches_equal_tile_layers_once(setting: Setting) -> None:
    found = run_grid(setting, POINTS, SEARCHING)
    alone = [run_point(setting, p, Memo(SEARCHING).evaluate).totals for p in POINTS]
    assert [p.totals for p in found.found] == alone
    assert found.distinct < found.asked


def test_kept_answers_are_not_searched_again(setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_grid(setting, POINTS, SEARCHING, store=AnswerStore(tmp_path))
    monkeypatch.setattr(grid_module, "answer", lambda *_: pytest.fail("searched again"))
    again = run_grid(setting, POINTS, SEARCHING, store=AnswerStore(tmp_path))
    assert [p.totals for p in again.found] == [p.totals for p in first.found]
    assert again.found[0].stacks[0].types[0].steps[1].found == first.found[0].stacks[0].types[0].steps[1].found


def test_answers_for_another_limit_are_others(setting: Setting, tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    run_grid(setting, POINTS[:1], SEARCHING, store=store)
    before = len(store.known)
    run_grid(setting, POINTS[:1], Searching(4), store=store)
    assert len(store.known) == 2 * before


@pytest.mark.parametrize("text", ["{}", "[" * 100_000])
def test_a_damaged_file_of_answers_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "part-0.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read as kept answers"):
        AnswerStore(tmp_path)


def test_several_workers_give_the_same(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_module, "BATCH", 4)
    assert run_grid(setting, POINTS, SEARCHING, workers=2) == run_grid(setting, POINTS, SEARCHING)


def test_a_point_that_cannot_run_says_why_and_the_others_go_on(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = grid_module.answer

    def refuse_wide(question: Question, *rest: object) -> Found:
        if question.layer.sizes["OX"] > 6:
            return Found(None, None, 0, reason="too wide")
        return real(question, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(grid_module, "answer", refuse_wide)
    monkeypatch.setattr("tileloom.fusion.memo.answer", refuse_wide)
    found = run_grid(setting, POINTS, SEARCHING)
    assert [o.result is None for o in found.outcomes] == [p.tile_x == 12 for p in POINTS]
    assert "fits in no memory of 'small': too wide" in found.outcomes[1].reason
    with pytest.raises(DoesNotFitError):
        run_point(setting, POINTS[1], Memo(SEARCHING).evaluate)


def test_extra_levels_are_tried_before_giving_up(setting: Setting) -> None:
    tried = []

    def only_the_top(layer: object, chip: object, tops: tuple[tuple[str, str], ...]) -> Found | None:
        tried.append(dict(tops))
        return None if dict(tops)["O"] == "dram" else Found(None, None, 0, reason="no")

    result = run_point(setting, Point(1, 12, 12), only_the_top)
    first = next(s for s in result.stacks[0].types[0].steps if s.layer is not None)
    assert first.extra != (0, 0)
    assert first.tops["O"] == "dram"
    assert len(tried) > 2


@pytest.mark.parametrize(("mode", "x", "y"), [(4, 1, 1), (1, 0, 1), (1, 1, -3)])
def test_points_that_cannot_be_are_refused(setting: Setting, mode: int, x: int, y: int) -> None:
    with pytest.raises(InputError):
        run_point(setting, Point(mode, x, y), None)  # type: ignore[arg-type]


def test_the_search_finds_the_least_over_all_modes_tiles_and_cuts(setting: Setting) -> None:
    space = Space((1, 3), (3, 12), (4, 12))
    found = search_fusion(setting, space, SEARCHING)
    memo = Memo(SEARCHING)
    # Every plan, listed one by one: no cut, or a cut after layer 0 with a strategy for each part.
    strategies = [(m, x, y) for m in (1, 3) for x in (3, 12) for y in (4, 12)]
    totals = []
    for cuts in ((), (0,)):
        each = [[run_point(setting, Point(m, x, y, cuts), memo.evaluate).stacks for m, x, y in strategies]]
        parts = list(zip(*each[0]))
        for choice in product(*parts):
            totals.append((sum(s.energy_pj for s in choice), sum(s.cycles for s in choice)))
    assert found.best("energy").energy_pj == pytest.approx(min(e for e, _ in totals), rel=1e-12)
    assert found.best("latency").cycles == min(c for _, c in totals)
    assert found.best("edp").edp == pytest.approx(min(e * c for e, c in totals), rel=1e-12)
    for less, more in pairwise(found.front):
        assert less.energy_pj < more.energy_pj and less.cycles > more.cycles
    assert {len(s.stack.graph.layers) for s in found.stacks} == {1, 2}


def test_a_limit_on_the_fuse_depth(setting: Setting) -> None:
    tight = replace(setting, machine=machine(weights=1200))
    found = search_fusion(tight, Space((3,), (4,), (4,), max_layers=1), SEARCHING)
    assert {len(s.stack.graph.layers) for s in found.stacks} == {1}
    assert len(found.best("energy").choices) == 2
    # Where the weights of both layers fit, the automatic stack of two is there as well.
    with_automatic = search_fusion(setting, Space((3,), (4,), (4,), max_layers=1), SEARCHING)
    assert {len(s.stack.graph.layers) for s in with_automatic.stacks} == {1, 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"tile_xs": ()}, "tile_xs is empty"), ({"tile_ys": (0,)}, "tile size 0"), ({"modes": (5,)}, "mode 5")],
)
def test_spaces_that_cannot_be_are_refused(setting: Setting, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        search_fusion(setting, replace(Space(), **change), SEARCHING)  # type: ignore[arg-type]
