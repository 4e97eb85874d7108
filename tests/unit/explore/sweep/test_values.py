import re

import pytest

from tileloom.explore.sweep.values import values_of


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ([4, 1, 2], (4, 1, 2)),
        (7, (7,)),
        ({"from": 1, "to": 4}, (1, 2, 3, 4)),
        ({"from": 64, "to": 200, "step": 64}, (64, 128, 192)),
        ({"from": 0.1, "to": 0.3, "step": 0.1}, (0.1, 0.2, 0.30000000000000004)),
        ({"from": 1, "to": 64, "factor": 4}, (1, 4, 16, 64)),
        ({"from": 1, "to": 100, "count": 3, "scale": "log"}, (1, 10, 100)),
        ({"from": 0.0, "to": 1.0, "count": 5}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ({"from": 1, "to": 2, "count": 5}, (1, 2)),
    ],
)
def test_lists_and_ranges(raw: object, values: tuple[object, ...]) -> None:
    assert values_of(raw) == values


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ([], "is empty"),
        ([1, 1], "appears twice"),
        ([1, "a"], "mixes numbers and names"),
        ([True], "expected numbers or names"),
        ({"from": 9, "to": 1}, "exchange them"),
        ({"from": 1, "to": 9, "step": 0}, "more than 0"),
        ({"from": 1, "to": 9, "step": 1, "factor": 2}, "step and factor"),
        ({"from": 1, "to": 9, "stop": 2}, "no key 'stop' (did you mean 'step'?)"),
        ({"from": 0, "to": 9, "factor": 2}, "from > 0"),
        ({"from": 1, "to": 9, "factor": 1}, "factor > 1"),
        ({"from": 1, "to": 9_000_000}, "larger step"),
        ({"from": 1.5, "to": 9}, "exactly one of"),
        ({"to": 9}, "needs `from`"),
        ({"from": 1, "to": float("inf"), "factor": 2}, "finite"),
        (None, "expected a list"),
    ],
)
def test_what_is_no_range_is_explained(raw: object, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        values_of(raw)
