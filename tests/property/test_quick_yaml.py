"""The quick reader of plain YAML agrees with the complete readers on each text that it takes, and takes what we write.

Values, their types and order, tags and lines are compared; what the quick reader refuses is the others' business.
"""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tileloom.core.errors import InputError
from tileloom.core.quick_yaml import NotQuick, read_quickly
from tileloom.core.tagged_yaml import TaggedMap, load_tagged, tagged_table
from tileloom.core.yamlio import parse_yaml

PIECES = (
    "a", "b c", "k: ", "x.y/z", "no", "on", "true", "True", "null", "Null", "~", "y", "0", "12", "-1", "+1", "0o14", "014", "0x1F",
    "1e3", "1E3", "1.5", "1.", ".5", "-0", "1_000", "2001-01-01", "12:30", "1e999", ".inf", "9" * 30, "'x'", '"y"', "'it''s'",
    '"a\\n"', "'#'", "- ", "-", ": ", ":", "[", "]", "{", "}", ", ", ",", " ", "  ", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ",
    "\nk: ", "\n  k: ", "\n  b: ", "#", " # c", "!T ", "!T", "&x ", "*x", "|", ">", "<<: ", "=", "?", "? ", "%", "@", "---", "...", "\t",
    "\r\n", "é", "\x7f", "[1, 2]", "{a: 1}", "{a: {b: [c]}}", "K, 4", "a<b", "a - b", "$x", "(1)", "*", "a#b", "{a: 1, a: 2}",
)  # fmt: skip
SOUP = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)

NAMES = st.sampled_from(("a", "bb", "k 1", "null", "no", "true", "x/y", "Z_1"))
LEAVES = st.sampled_from(
    ("1", "-7", "2.50", "1e3", "word", "two words", "'quoted: [x]'", '"#x"', "true", "NULL", "C, 4")
)


@st.composite
def flow(draw: st.DrawFn, depth: int) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(LEAVES.filter(lambda leaf: "," not in leaf))
    items = [draw(flow(depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    if draw(st.booleans()):
        return f"[{', '.join(items)}]"
    return "{" + ", ".join(f"n{i}: {item}" for i, item in enumerate(items)) + "}"


@st.composite
def block(draw: st.DrawFn, indent: int, depth: int) -> str:
    """Lines of a table or list, each with so many blanks before it."""
    lines, blanks, listed = [], " " * indent, draw(st.booleans())
    tagged = draw(st.booleans())
    names = [] if listed else draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    for start in ["-"] * draw(st.integers(1, 3)) if listed else [f"{n}:" for n in names]:
        comment = draw(st.sampled_from(("", "", "   # why", "\n# apart\n")))
        if depth == 0 or draw(st.booleans()):
            value = draw(st.one_of(st.just(""), LEAVES, flow(2)))
            mark = "!Tag " if tagged and value.startswith("{") else ""
            lines.append(f"{blanks}{start} {mark}{value}".rstrip() + comment)
        else:
            more = draw(st.sampled_from((0, 2) if not listed and start != "-" else (2,)))
            inner = draw(block(indent + (more or 2), depth - 1))
            same = more == 0 and inner.lstrip().startswith("-")
            lines += [f"{blanks}{start}" + comment, re.sub("(?m)^  ", "", inner) if same else inner]
    return "\n".join(lines)


def same(quick: object, complete: object) -> bool:
    if type(quick) is not type(complete):
        return False
    if isinstance(quick, dict) and isinstance(complete, dict):
        if isinstance(quick, TaggedMap) and isinstance(complete, TaggedMap):
            assert (quick.tag, quick.line) == (complete.tag, complete.line)
        return list(quick) == list(complete) and all(same(quick[k], complete[k]) for k in quick)
    if isinstance(quick, list) and isinstance(complete, list):
        return len(quick) == len(complete) and all(map(same, quick, complete))
    return quick == complete


def check(text: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of the two readers took the quick way; both must then agree with the complete ones."""
    taken = 0
    for read in (lambda: parse_yaml(text).data, lambda: load_tagged(text, "f")):
        try:
            found = read()
        except InputError:
            found = None
        with monkeypatch.context() as patch:
            patch.setattr("tileloom.core.yamlio.read_quickly", refuse)
            patch.setattr("tileloom.core.tagged_yaml.read_quickly", refuse)
            try:
                complete = read()
            except InputError:
                complete = None
        assert same(found, complete), (text, found, complete)
    for table in (None, tagged_table):
        try:
            read_quickly(text, table)
            taken += 1
        except NotQuick:
            pass
    return taken


def refuse(text: str, table: object = None) -> None:
    raise NotQuick


@settings(max_examples=300)
@given(SOUP)
@example("a: no\nb: 0o14\nc: 1e3\nd: 014\ne: [no, 0o14, 1e3, 014]")
@example("k: {a: 1, a: 2}")
@example("k: 1\nk: 2")
@example("a: &x [1]\nb: *x")
@example("- a\n -b")
@example("k:\n- a\n-b: 1")
@example("k: a\n  b")
@example("- !T\n  a: 1\n- !T {a: 1}\n- !T [1]\n- !T a")
@example("a:\n  b: 1\n c: 2")
@example("[a: 1]")
@example("k: [1 2, 1:2, a:b, a : b]")
def test_agrees_on_any_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        check(text, patch)


@settings(max_examples=120)
@given(block(0, 3))
def test_agrees_on_tables_and_lists(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        check(text, patch)


PLAIN = "# note\na: 1   # why\nb:\n- {x: [1, -2, 2.5], y: 'K=4 C=2'}\n- z: true\n  w: C, 4\n  v:\nc: {}\n"


def test_takes_plain_files_in_full() -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert check(PLAIN, patch) == 2
    assert read_quickly(PLAIN) == {
        "a": 1,
        "b": [{"x": [1, -2, 2.5], "y": "K=4 C=2"}, {"z": True, "w": "C, 4", "v": None}],
        "c": {},
    }


def test_lines_are_found_when_they_are_asked_for() -> None:
    document = parse_yaml(PLAIN, file="f.yaml")
    assert document.at(("b", 1, "w")) == "f.yaml:6"
    assert document.under("all").at(("all", "b", 0, "y")) == "f.yaml:4"
    assert len(document.lines) == len(list(document.lines)) == 14


@pytest.mark.parametrize(
    "text", ["[" * 5000, "- " * 5000, "a: " + "[" * 400 + "]" * 400, "k:\n" * 60000, "'" * 5000], ids=len
)
def test_refuses_what_would_cost(text: str) -> None:
    with pytest.raises(NotQuick):
        read_quickly(text)
