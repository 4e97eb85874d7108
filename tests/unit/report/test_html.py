"""The page: whole, offline, escaped, sortable; for one layer, for none, and for many."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_cases import LAYERS, conv, network_result

from tileloom.core.errors import InputError
from tileloom.report import ReportData, extract, render_html, write_dataset, write_report
from tileloom.report.markup import Safe, el, short, text

VOID = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\">&amp;$script ${x}"


class Checker(HTMLParser):
    """Fails on a tag that is closed wrongly; collects ids, links and the attributes of scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.outside: list[str] = []
        self.tags: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "srcset", "data", "poster"):
                (self.links if (value or "").startswith("#") else self.outside).append(f"{tag} {name}={value}")
            assert not name.startswith("on"), f"{tag} has an event attribute {name}"

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert checker.outside == []
    assert {link.split("=#")[1] for link in checker.links} <= set(checker.ids)
    return checker


@pytest.fixture(scope="module")
def data() -> ReportData:
    return extract(network_result())


@pytest.fixture(scope="module")
def page(data: ReportData) -> str:
    return render_html(data)


def test_page_is_well_formed_and_links_only_into_itself(page: str) -> None:
    checker = checked(page)
    assert checker.tags["script"] == 1 and checker.tags["details"] >= 6 and checker.tags["svg"] == 2


def test_page_needs_nothing_from_outside(page: str) -> None:
    assert not re.search(r"https?://|//[a-z0-9.-]+\.[a-z]{2,}/|@import|url\(|src=", page)
    assert "Content-Security-Policy" in page and "default-src 'none'" in page


def test_page_says_the_totals_and_the_proof(page: str) -> None:
    assert "15.5" in page and "4<small> of 6</small>" in page
    assert "within 7.0 %" in page and "✓ proven optimal" in page and "best found" in page


def test_every_layer_has_a_row_a_bar_and_a_section(data: ReportData, page: str) -> None:
    for index, layer in enumerate(data.layers):
        assert page.count(f'id="layer-{index}"') == 1
        assert page.count(f'href="#layer-{index}"') == 3  # bars, roofline, table
        assert layer.text.splitlines()[-1].split()[0] in page


def test_table_can_be_sorted_by_exact_numbers(data: ReportData, page: str) -> None:
    assert 'id="network-table"' in page and "sortTable" in page
    assert page.count("aria-sort=") - page.count("[aria-sort=") == 11
    assert f'data-v="{data.layers[0].energy_pj!r}"' in page


def test_what_was_not_mapped_is_listed(page: str) -> None:
    assert "NonMaxSuppression" in page and "data-dependent output shape" in page
    assert "MaxPool" in page and "1,003,520" in page  # both Relu nodes


def test_hostile_names_stay_text() -> None:
    problem = conv("p", 8, 8, 8, 1)
    layers = (
        (replace(problem, name=HOSTILE), "optimal", 2),
        LAYERS[0],
        (LAYERS[2][0].with_name(HOSTILE + "2"), "infeasible", 1),
    )
    result = network_result(layers, name=HOSTILE)
    result = replace(result, mapper=HOSTILE, options=((HOSTILE, HOSTILE),))
    page = render_html(extract(result))
    checker = checked(page)
    assert checker.tags["script"] == 1 and "img" not in checker.tags
    assert "&lt;script&gt;alert(1)" in page
    assert "${x}" in page


def test_infeasible_layers_show_their_reasons() -> None:
    page = render_html(extract(network_result(((LAYERS[0][0], "infeasible", 1),))))
    checked(page)
    assert "the smallest tile of I and O needs 131 KiB" in page and "does not fit" in page
    assert "1 of 1 layers have no mapping" in page


def test_a_network_without_layers_still_makes_a_page(data: ReportData) -> None:
    checked(render_html(replace(data, layers=(), vector_ops=(), skipped=())))


def test_without_a_mapping_no_figure_says_zero(data: ReportData) -> None:
    page = render_html(replace(data, layers=()))
    figures = page[page.index('class="tiles"') : page.index('class="two"')]
    assert "Energy" not in figures
    assert '<div class="tile-card"><span>Proof</span><b>0<small> of 0' in figures


def test_many_layers_stay_small(data: ReportData) -> None:
    layers = tuple(replace(data.layers[i % 6], name=f"features.{i}.block.depthwise.conv{i}") for i in range(70))
    page = render_html(replace(data, layers=layers))
    checked(page)
    assert len(page) < 1_500_000


def test_the_same_dataset_makes_the_same_bytes(data: ReportData, page: str) -> None:
    assert render_html(data) == page


def test_write_report_takes_a_result_a_dataset_or_a_run_directory(data: ReportData, page: str, tmp_path) -> None:
    first = write_report(network_result(), tmp_path / "new" / "page.html")
    write_dataset(data, tmp_path)
    second = write_report(tmp_path, tmp_path)
    assert first.read_text() == second.read_text() == page
    assert second.name == "report.html"
    assert sorted(f.name for f in tmp_path.iterdir()) == ["new", "report.html", "report.json"]


def test_write_report_leaves_nothing_half_written(data: ReportData, tmp_path) -> None:
    blocked = tmp_path / "page.html"
    blocked.mkdir()
    (blocked / "report.html").mkdir()
    with pytest.raises(InputError, match="cannot write the report"):
        write_report(data, blocked)
    assert [f.name for f in blocked.iterdir()] == ["report.html"]


def test_markup_escapes_what_is_not_markup() -> None:
    assert el("b", "<i>", Safe("<i>"), None, 3, class_='"x"') == '<b class="&quot;x&quot;">&lt;i&gt;<i>3</b>'
    assert text(None) == ""
    assert short("abcdefghij", 5) == "abc…ij"[:3] + "…j"
    assert short("abcde", 5) == "abcde"
