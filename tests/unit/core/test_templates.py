"""Templates in files: what they render, and that they can neither reach other files nor run without end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tileloom.core.errors import InputError, MissingDependencyError
from tileloom.core.templated_yaml import load_templated
from tileloom.core.templates import render_file, variables_of


def written(folder: Path, text: str, name: str = "file.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rendered(folder: Path, text: str, **variables: object) -> str:
    return render_file(written(folder, text), variables).text


def test_variables_loops_defaults_and_conditions(tmp_path: Path) -> None:
    text = "{% set n = n | default(2) %}{% for i in range(n) %}a{{i}}{{ i + 1 }};{% endfor %}{% if big %}B{% endif %}"
    assert rendered(tmp_path, text, big=True) == "a01;a12;B"
    assert rendered(tmp_path, text, big=False, n=1) == "a01;"


def test_text_without_templates_is_left_alone(tmp_path: Path) -> None:
    assert rendered(tmp_path, "a: 1 # 100% {x}\n") == "a: 1 # 100% {x}\n"


def test_a_missing_variable_is_named_with_all_others(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        rendered(tmp_path, "{{M}} {{K}} {{ N | default(3) }}", M=1)
    assert "'K' is undefined" in str(caught.value)
    assert "NAME=VALUE: K (optional: N)" in str(caught.value)


def test_assert_stops_with_its_message_and_line(tmp_path: Path) -> None:
    text = 'a\n{% assert M <= 4, "M is at most 4" %}\n'
    assert rendered(tmp_path, text, M=4).startswith("a")
    with pytest.raises(InputError, match=r"file.yaml:2: template: M is at most 4"):
        rendered(tmp_path, text, M=5)


@pytest.mark.parametrize("text", ["{% set a = 1e999 %}{{ a }}", "{% for i in [1] %}" * 25 + "{% endfor %}" * 25])
def test_what_jinja_cannot_turn_into_python_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="a template fails"):
        rendered(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
        "{% for i in range(40000) %}" + "x" * 200 + "{% endfor %}",
        "{{ 'a' * 10**9 }}",
        "{{ [1] * 10**9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 9**5000 }}",
        "{{ 2**1000 * 2**1000 }}",
        "{% for i in range(40000) %}{% set x = range(50000) | list %}{% endfor %}",
        "{% set x = 'aaaaaaaaaaaaaaaaaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 30,
        "{% set x = 'aaaaaaaaaaaaaaaaaaaaaaaaa' %}" + "{% set x = x + x %}" * 30,
        "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'a'.rjust(10**9) }}",
        "{{ 'a' | center(10**9) }}",
    ],
)
def test_size_and_time_are_bounded(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        rendered(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ dict.__subclasses__() }}",
        "{{ include.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ ''|attr('__class__') }}",
        "{% include 'other' %}",
        "{% import 'other' as o %}",
        "{% extends 'other' %}",
        "{{ spend__([1]) }}",
        "{{ cycler.__init__.__globals__ }}",
        "{% for",
    ],
)
def test_nothing_outside_the_template_is_reached(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        rendered(tmp_path, text)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "../secret.yaml", "..", "", "sub/../../secret.yaml"]
)
def test_includes_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    written(tmp_path, "secret", "secret.yaml")
    with pytest.raises(InputError, match="below only"):
        render_file(written(tmp_path, f'{{{{ include_text("{name}") }}}}', "inner/file.yaml"), {})


def test_a_link_out_of_the_folder_is_no_include(tmp_path: Path) -> None:
    written(tmp_path, "secret", "secret.yaml")
    inner = written(tmp_path, '{{ include_text("link.yaml") }}', "inner/file.yaml")
    (inner.parent / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(InputError, match="below only"):
        render_file(inner, {})


def test_include_uses_the_variables_set_so_far_and_falls_back_to_the_base_name(tmp_path: Path) -> None:
    written(tmp_path, "{{ WIDTH }} {{ DEPTH }}", "part.yaml")
    assert rendered(tmp_path, '{% set WIDTH = 3 %}{{ include_text("../../elsewhere/part.yaml") }}', DEPTH=4) == "3 4"


def test_other_folders_are_read_when_allowed(tmp_path: Path) -> None:
    written(tmp_path, "x", "shared/part.yaml")
    path = written(tmp_path, '{{ include_text("part.yaml") }}', "inner/file.yaml")
    assert render_file(path, {}, [tmp_path / "shared"]).text == "x"


def test_includes_of_themselves_end(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="inside one another"):
        rendered(tmp_path, '{{ include_text("file.yaml") }}')


def test_included_documents_are_put_in_place(tmp_path: Path) -> None:
    written(tmp_path, "part: {sizes: {A: {{A}}, B: 2}, items: [x, y]}", "part.yaml")
    text = (
        '{% set PART = include("part.yaml", "part") %}\n'
        "sizes: {C: 3, B: 9, <<<: [{{PART}}.sizes]}\nitems:\n- first\n- {{PART}}.items\nall: {{PART}}\n"
    )
    document = load_templated(written(tmp_path, text), {"A": 1})
    assert document["sizes"] == {"C": 3, "B": 9, "A": 1}
    assert document["items"] == ["first", "x", "y"]
    assert document["all"]["items"] == ["x", "y"]
    with pytest.raises(InputError, match=r"has no 'part.sizs' \(did you mean 'sizes'"):
        load_templated(written(tmp_path, text.replace("PART}}.sizes", "PART}}.sizs")), {"A": 1})


def test_tags_are_kept_as_text_and_aliases_are_bounded(tmp_path: Path) -> None:
    document = load_templated(written(tmp_path, "- !Memory {a: 1}\n".replace("- ", "n: ")), {})
    assert (document["n"].tag, document["n"]["a"]) == ("Memory", 1)
    bomb = "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefg", "bcdefgh")
    )
    with pytest.raises(InputError, match="aliases"):
        load_templated(written(tmp_path, bomb), {})
    with pytest.raises(InputError):
        load_templated(written(tmp_path, "a: &a [*a]\n"), {})
    with pytest.raises(InputError, match=r"file.yaml:2: 'a' is given twice"):
        load_templated(written(tmp_path, "a: 1\na: 2\n"), {})
    with pytest.raises(InputError, match="not readable as YAML"):
        load_templated(written(tmp_path, "a: [1\nb: }"), {})


def test_no_object_is_built_from_a_tag(tmp_path: Path) -> None:
    document = load_templated(written(tmp_path, 'a: !!python/object/apply:os.system ["true"]\n'), {})
    assert document["a"] == ["true"]


def test_without_jinja_only_templates_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert rendered(tmp_path, "a: 1") == "a: 1"
    with pytest.raises(MissingDependencyError, match=r"pip install 'tileloom\[accelforge\]'"):
        rendered(tmp_path, "{{ a }}", a=1)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        render_file(tmp_path / "absent.yaml", {})
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        render_file(tmp_path / "binary.yaml", {})


def test_variables_from_the_command_line() -> None:
    given = {"M": "512", "F": "1.5", "D": "true", "S": "inf", "T": "abc"}
    assert variables_of(given) == {"M": 512, "F": 1.5, "D": True, "S": "inf", "T": "abc"}
