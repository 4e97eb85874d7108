"""Ticks: round, inside the axis, neither none nor a crowd, whatever the values."""

import pytest

from tileloom.report.axis import Axis


@pytest.mark.parametrize("high", [1 + n / 1000 for n in range(1, 100)] + [8.5, 9.0, 9.9, 850.0, 1e6])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_every_span_has_ticks(high: float, logarithmic: bool) -> None:
    axis = Axis([1.0, high], logarithmic, 0, 100, from_zero=False)
    places = [at for at, _ in axis.ticks()]
    assert 1 <= len(places) <= 20 and all(-0.01 <= at <= 100.01 for at in places)
    if not logarithmic:
        assert 3 <= len(places) <= 9
