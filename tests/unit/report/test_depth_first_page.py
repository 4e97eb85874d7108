"""The page of a depth-first study: whole, offline, with what failed crossed out and names escaped."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from report_records import dataset, point
from tileloom.core.errors import InputError
from tileloom.report.depth_first.heat import colour
from tileloom.report.depth_first.page import render, write_page
from tileloom.report.depth_first.plots import diagonal


class Balanced(HTMLParser):
    """Fails on tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_outside() -> None:
    page = render(dataset())
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert not re.search(r"(src|href)=|url\(|https?:", page)
    assert "a &lt;b&gt;" in page and "a <b>" not in page
    for section in ("energy", "latency", "trade-off", "best", "macs", "accesses", "parts", "tops", "types", "table"):
        assert f'id="{section}"' in page


def test_points_that_cannot_run_are_crossed_out_and_listed() -> None:
    page = render(dataset())
    assert "1 of 8 points cannot run: layer 3 fits in no memory" in page
    assert page.count('class="failed"') == 4
    assert "cannot run: layer 3 fits in no memory" in page


def test_a_study_in_which_nothing_runs_still_has_a_page() -> None:
    page = render(dataset(points=[point(1, 1, 1, None)], baselines=[], search=None, top_memories=[]))
    assert "No point could run." in page
    assert "No strategy runs the whole network." in page


def test_the_least_is_framed_once_per_map_of_energy_and_latency() -> None:
    points = [point(1, x, 1, 1e9 * x) for x in (1, 2, 3)]
    assert render(dataset(points=points)).count('class="best"') == 2


def test_the_diagonal_goes_from_the_smallest_tile_to_the_largest() -> None:
    points = [point(1, x, y) for x in (1, 4, 16) for y in (2, 8)]
    assert [(p["tile_x"], p["tile_y"]) for p in diagonal(points)] == [(1, 2), (4, 8), (16, 8)]


def test_colours_get_darker() -> None:
    def light(at: float) -> int:
        return sum(int(colour(at)[i : i + 2], 16) for i in (1, 3, 5))

    shades = [light(i / 10) for i in range(11)]
    assert shades == sorted(shades, reverse=True)


def test_the_page_is_written_beside_its_dataset(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(dataset()))
    assert write_page(tmp_path).read_text() == render(json.loads((tmp_path / "report.json").read_text()))


@pytest.mark.parametrize("text", ["", "[]", '{"format": "else"}'])
def test_a_dataset_of_another_kind_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        write_page(tmp_path)
