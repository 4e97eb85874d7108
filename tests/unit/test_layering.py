"""The shape of the source: layers import only from layers to their left, and no file grows past 600 lines."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "tileloom"
LAYERS = ["core", "workload", "architecture", "mapping", "cost", "search", "fusion", "explore", "report", "api", "cli"]


def imported_layers(text: str) -> Iterator[tuple[int, str]]:
    """(line, layer) of every import of a tileloom layer, those inside functions included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        parts = [name.split(".") for name in names]
        yield from ((node.lineno, p[1]) for p in parts if p[0] == "tileloom" and len(p) > 1 and p[1] in LAYERS)


def wrong_way(path: Path, layer: str, text: str) -> list[str]:
    return [
        f"{path}:{line}: {layer} must not import {other}"
        for line, other in imported_layers(text)
        if LAYERS.index(other) > LAYERS.index(layer)
    ]


def sources() -> list[Path]:
    return sorted(SRC.rglob("*.py"))


def test_layers_import_only_leftwards() -> None:
    wrong: list[str] = []
    for path in sources():
        layer = path.relative_to(SRC).parts[0].removesuffix(".py")
        if layer in LAYERS:
            wrong += wrong_way(path, layer, path.read_text())
    assert not wrong, "\n".join(wrong)


def test_every_folder_is_a_known_layer() -> None:
    folders = {p.relative_to(SRC).parts[0] for p in sources() if len(p.relative_to(SRC).parts) > 1}
    assert folders <= set(LAYERS)


@pytest.mark.parametrize(
    "line", ["from tileloom.search.objective import Objective", "import tileloom.search", "from tileloom import search"]
)
def test_a_wrong_import_is_found(line: str) -> None:
    found = wrong_way(Path("cost/x.py"), "cost", f"def f():\n    {line}\n")
    assert found == ["cost/x.py:2: cost must not import search"]


def test_no_source_file_is_over_600_lines() -> None:
    long = [f"{p}: {n} lines" for p in sources() if (n := len(p.read_text().splitlines())) > 600]
    assert not long, "\n".join(long)


def test_test_modules_have_names_of_their_own() -> None:
    """Folders of tests are no packages: pytest cannot import two modules of one name in a run."""
    names = [p.name for p in Path(__file__).parents[1].rglob("test_*.py") if "frontends" not in p.parts[:-1]]
    assert sorted(names) == sorted(set(names))
