"""What README and docs say is so: commands parse, quick ones run, links lead somewhere, examples and code blocks work."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tileloom.architecture.load import load_architecture, parse_architecture
from tileloom.cli.main import app, main
from tileloom.search.columns import COLUMNS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
QUICK = ("tileloom doctor", "tileloom list", "tileloom import resnet18")


def fenced(kind: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Of the fenced blocks and of the table, with its capitals replaced by something that could stand there."""
    lines = [line.partition("  #")[0].strip() for block in fenced("sh") for line in block.splitlines()]
    lines += re.findall(r"`(tileloom [a-z]+[^`]*)`", README)
    return sorted({line for line in lines if line.startswith(("make", "tileloom"))})


def test_commands_are_found() -> None:
    assert {"make demo", "make test", "tileloom doctor"} <= set(commands())
    assert len(commands()) >= 12


@pytest.mark.parametrize("line", [c for c in commands() if c.startswith("tileloom")])
def test_a_tileloom_command_parses(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, arguments)


@pytest.mark.parametrize("line", [c for c in commands() if c.startswith("make")])
def test_a_make_target_exists(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", [c for c in commands() if c.startswith(QUICK)])
def test_a_quick_command_runs(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line)[1:])
    assert not stop.value.code
    assert capsys.readouterr().out


def test_the_chip_in_the_readme_is_that_of_the_example() -> None:
    (text,) = fenced("yaml")
    assert parse_architecture(text).nodes == load_architecture(ROOT / "examples" / "own_chip.yaml").nodes


def test_the_python_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    import tileloom as tl

    (code,) = fenced("python")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILELOOM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "my-chip.yaml").write_text(fenced("yaml")[0])
    whole = tl.networks.resnet18
    few = replace(whole, layers=tuple(la for la in whole.layers if la.name in ("conv1", "fc")))
    monkeypatch.setattr(tl, "load_network", lambda path, bind: few)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "out" / "mine" / "report.html").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    assert [p.name for p in PAGES[1:] if p.name != "index.md" and f"({p.name})" not in index] == []


def columns_table() -> str:
    rows = [f"| `{c.name}` | {c.unit} | {c.meaning} |" for c in COLUMNS]
    return "\n".join(["| Column | Unit | Meaning |", "| --- | --- | --- |", *rows])


def test_the_columns_in_the_docs_are_those_of_the_code(pytestconfig: pytest.Config) -> None:
    page = ROOT / "docs" / "running.md"
    head, begin, rest = page.read_text().partition(
        "<!-- columns: begin (written from search/columns.py; a test compares) -->\n"
    )
    shown, end, tail = rest.partition("<!-- columns: end -->")
    if pytestconfig.getoption("--update-golden"):
        page.write_text(head + begin + columns_table() + "\n" + end + tail)
        return
    assert shown.strip() == columns_table()


@pytest.mark.parametrize("script", sorted(p.name for p in (ROOT / "examples").glob("*.py")))
def test_an_example_runs(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILELOOM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "optimal" in done.stdout


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
