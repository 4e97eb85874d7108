"""Validation messages: all at once, with file, line, path, name, value and the nearest key."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from pydantic import Field

from tileloom.core.errors import InputError
from tileloom.core.validate import Schema, validate
from tileloom.core.yamlio import parse_yaml


class Part(Schema):
    name: str
    size: int = Field(gt=0)
    width: float | None = None

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        if raw.get("width") is not None and raw.get("width") == raw.get("size"):
            yield "width", "equals size"


class Whole(Schema):
    title: str
    parts: tuple[Part, ...]
    by_name: dict[str, Part] = Field({})


def faults(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        validate(Whole, parse_yaml(text, file="f.yaml"))
    return list(caught.value.problems)


def test_good_data_gives_the_instance() -> None:
    whole = validate(Whole, parse_yaml("title: t\nparts: [{name: a, size: 2}]"))
    assert whole.parts[0].size == 2


def test_every_fault_is_reported_in_line_order() -> None:
    text = (
        "title: 3\nparts:\n- name: a\n  size: -1\n- name: b\n  sizee: 2\nby_name:\n  c: {name: c, size: 1, widht: 2}\n"
    )
    assert faults(text) == [
        "f.yaml:1: title: input should be a valid string (got 3)",
        "f.yaml:4: parts.0 'a'.size: input should be greater than 0 (got -1)",
        "f.yaml:5: parts.1 'b'.size: is missing",
        "f.yaml:6: parts.1 'b'.sizee: unknown key (did you mean 'size'?) (got 2)",
        "f.yaml:8: by_name.c.widht: unknown key (did you mean 'width'?) (got 2)",
    ]


def test_contradictions_are_reported_next_to_other_faults() -> None:
    found = faults("title: t\nparts:\n- name: 7\n  size: -4\n  width: -4\n")
    assert found == [
        "f.yaml:3: parts.0.name: input should be a valid string (got 7)",
        "f.yaml:4: parts.0.size: input should be greater than 0 (got -4)",
        "f.yaml:5: parts.0.width: equals size",
    ]


def test_far_key_lists_the_known_ones() -> None:
    (message,) = faults("title: t\nparts: []\nzzz: 1\n")
    assert message == "f.yaml:3: zzz: unknown key; known keys: by_name, parts, title (got 1)"


def test_wrong_kind_of_document() -> None:
    assert faults("[1]") == ["f.yaml:1: expected a mapping of keys to values (got [1])"]
    assert faults("") == ["f.yaml:1: expected a mapping of keys to values (got None)"]
