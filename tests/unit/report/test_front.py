"""The drawing of a layer's trade-offs: its axes, its steps, and when there is none."""

import re
from dataclasses import replace
from itertools import pairwise

from report_cases import network_result
from tileloom.report import extract
from tileloom.report.data import FrontPoint
from tileloom.report.front import _Scale, front_part, front_plot

FRONT = (
    FrontPoint(energy_pj=2.0e6, cycles=9000),
    FrontPoint(energy_pj=2.1e6, cycles=4000, chosen=True),
    FrontPoint(energy_pj=2.5e6, cycles=500),
)


def test_every_point_is_drawn_with_its_values() -> None:
    drawing = front_plot(FRONT)
    assert re.findall(r"<title>(.*?)</title>", drawing) == [
        "No. 1: 2.00 µJ in 9,000 cycles",
        "No. 2: 2.10 µJ in 4,000 cycles",
        "No. 3: 2.50 µJ in 500 cycles",
    ]
    assert drawing.count("front-point chosen") == 1
    corners = [tuple(map(float, p.split(","))) for p in re.findall(r'points="([^"]*)"', drawing)[0].split()]
    # two points beside each other are joined by one corner: straight up, then straight along
    assert len(corners) == 5
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(corners))
    assert corners[0][0] > corners[-1][0] and corners[0][1] > corners[-1][1]


def test_axes_have_round_ticks_inside_the_frame() -> None:
    for values in ([3.0, 7.0], [1930.0, 1940.0], [5.0], [2.0, 4000.0], [1.0, 30.0]):
        scale = _Scale(values, 0, 100)
        assert all(0 < scale(v) < 100 for v in values)
        ticks = scale.ticks()
        assert 2 <= len(ticks) <= 6
        assert all(0 <= scale(t) <= 100 for t in ticks)


def test_a_single_point_is_a_sentence_and_no_front_is_nothing() -> None:
    layer = extract(network_result()).layers[0]
    assert front_part(layer) == []
    assert "there is no trade-off" in "".join(map(str, front_part(replace(layer, front=FRONT[:1]))))
