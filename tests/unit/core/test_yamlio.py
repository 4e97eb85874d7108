"""YAML reading: values, lines, and every way a file can be refused."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.core.errors import InputError
from tileloom.core.yamlio import MAX_BYTES, dump_yaml, load_yaml, parse_yaml


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, file="f.yaml")
    assert caught.value.file == "f.yaml"
    return str(caught.value)


def test_values_are_plain_and_follow_yaml_1_2() -> None:
    text = "a: 1\nb: [1.5, no, on, true, ~, 0x10, 1e3, .inf, 2020-01-01, '12', 1_000]\n1: x\n"
    data = parse_yaml(text).data
    assert data == {
        "a": 1,
        "b": [1.5, "no", "on", True, None, 16, 1000.0, math.inf, "2020-01-01", "12", 1000],
        "1": "x",
    }
    assert type(data) is dict and type(data["b"]) is list and type(data["a"]) is int


def test_empty_text_is_null() -> None:
    assert parse_yaml("# nothing\n").data is None


def test_lines_point_at_keys_and_items() -> None:
    document = parse_yaml("name: x\nnodes:\n- memory: A\n  read:\n    energy: 1\n- {memory: B}\n", file="f.yaml")
    assert document.line(("nodes", 0, "read", "energy")) == 5
    assert document.line(("nodes", 1)) == 6
    assert document.line(("nodes", 1, "absent", 3)) == 6
    assert document.line(("absent",)) == 1
    assert document.at(("nodes",)) == "f.yaml:2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1,", "f.yaml:2: not valid YAML"),
        ("a: 1\nb: !Memory {x: 1}", "f.yaml:2: tag '!Memory' is not allowed"),
        ("!!python/object/apply:os.system [ls]", "is not allowed"),
        ("a: 1\nc: 2\na: 3", "f.yaml:3: key 'a' appears twice (first on line 1)"),
        ("a: &x [*x]", "f.yaml:1: an alias that contains itself"),
        ("a: *nope", "f.yaml:1: not valid YAML: found undefined alias"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not valid YAML: expected a single document"),
        ("<<: {a: 1}", "merge keys"),
        ("? [a]\n: 1", "a key must be plain text"),
        ("a: " + "9" * 5000, "f.yaml:1: cannot read the number"),
        ("a: \x00", "not valid YAML"),
        ("[" * 500, "nested too deeply"),
        ("[" * 100 + "]" * 100, "nested more than"),
    ],
)
def test_refusals_name_line_and_reason(text: str, message: str) -> None:
    assert message in refusal(text)


def test_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [" + ",".join("x" * 100) + "]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 100)}]" for i in range(1, 6)]
    assert "once aliases are expanded" in refusal("\n".join(lines))


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: 1\nb: \xff\xfe")
    with pytest.raises(InputError, match=r"binary\.yaml:2: not UTF-8"):
        load_yaml(binary)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InputError, match="larger than"):
        load_yaml(large)


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_yaml(path).data == {"a": 1}


def test_dump_keeps_order_and_puts_leaves_on_one_line() -> None:
    assert dump_yaml({"b": {"y": 1, "x": (1, 2.0)}, "a": {"k": 1}}) == "b:\n  y: 1\n  x: [1, 2.0]\na: {k: 1}\n"


def test_dump_repeats_shared_values_instead_of_aliases() -> None:
    shared = [1, 2]
    assert "&" not in dump_yaml({"a": shared, "b": shared})


def test_dump_refuses_objects() -> None:
    with pytest.raises(TypeError, match="set"):
        dump_yaml({"a": {1, 2}})
    with pytest.raises(TypeError, match="keys"):
        dump_yaml({1: 2})


SENTENCES = st.lists(
    st.sampled_from(["word", "a: b", "#", "- ", "? ", "'", '"', "{x", "]", ",", "1e9", "é", "  ", "\\"]), max_size=60
)
TEXTS = SENTENCES.map(" ".join) | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(PLAIN)
def test_dump_then_parse_is_identity(data: object) -> None:
    again = parse_yaml(dump_yaml(data)).data
    assert again == data
    assert dump_yaml(again) == dump_yaml(data)


def test_more_values_than_the_parser_takes_soon_are_refused() -> None:
    assert "commas, colons and line ends" in refusal("{" + ", ".join(f"k{i}: 1" for i in range(40_000)) + "}")
