"""Set algebra over tensors, certain and uncertain."""

from __future__ import annotations

import pytest

from tileloom.core.errors import InputError
from tileloom.core.expression import Value, evaluate
from tileloom.workload.tensor_sets import TensorNames, evaluate_set, tensor_names

UNIVERSE = (("A", 8), ("B", 4), ("Z", 8))


def one(*names: str) -> TensorNames:
    return tensor_names(names, UNIVERSE)


NAMES: dict[str, Value] = {
    "All": one("A", "B", "Z"),
    "Nothing": one(),
    "input": one("A"),
    "weight": one("B"),
    "output": one("Z"),
    "Buffer": TensorNames(frozenset("A"), frozenset("AB"), UNIVERSE),
}


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("input | output", "AZ"),
        ("~weight", "AZ"),
        ("All & ~(input | output)", "B"),
        ("All - weight", "AZ"),
        ("Nothing", ""),
        ("weight if len(All) == 3 else Nothing", "B"),
        ("input.tensors", "A"),
        (["input", "output"], "AZ"),
        ([], ""),
    ],
)
def test_sets(text: str | list[str], held: str) -> None:
    found = evaluate_set(text, NAMES, "keep")
    assert found.certain == found.possible == frozenset(held)


def test_what_a_search_decides_stays_uncertain() -> None:
    """A memory that holds A for sure and B perhaps: its complement holds Z for sure and B perhaps."""
    outside = evaluate_set("~Buffer", NAMES, "keep")
    assert (outside.certain, outside.possible) == (frozenset("Z"), frozenset("BZ"))
    both = evaluate_set("~Buffer & (weight | output)", NAMES, "keep")
    assert (both.certain, both.possible) == (frozenset("Z"), frozenset("BZ"))
    with pytest.raises(InputError, match="search decides"):
        evaluate("len(Buffer)", NAMES, "enabled")


def test_attributes_and_truth() -> None:
    assert evaluate("weight.bits_per_value if weight else 0", NAMES) == 4
    assert evaluate("Nothing.bits_per_value if Nothing else 0", NAMES) == 0
    assert evaluate("(input | output).bits_per_value", NAMES) == 8
    for text in ("All.bits_per_value", "Nothing.bits_per_value", "All.size", "All + All", "All < weight", "~3"):
        with pytest.raises(InputError):
            evaluate(text, NAMES)


def test_a_number_is_no_set() -> None:
    with pytest.raises(InputError, match="a set of tensors is needed"):
        evaluate_set("1 + 1", NAMES, "keep")
