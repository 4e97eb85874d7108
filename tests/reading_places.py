"""Where the source opens or parses what a user gives: found by its syntax, so that no reader is forgotten in tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "tileloom"
PARSERS = {
    "load_yaml", "parse_yaml", "read_text", "read_json", "parse_json", "read_bytes", "read_parquet", "read_csv",
    "loads", "load_onnx", "load_model", "DictReader", "validate_json", "render_file", "_lines",
}  # fmt: skip
"""Names of functions that turn a file or a text into values; `open` and `x.open()` count, too."""


def reading_functions() -> Iterator[tuple[str, str]]:
    """(file below the package, qualified name) of every function whose body calls one of them."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text if any(name in text for name in (*PARSERS, "open(")) else "")
        yield from ((path.relative_to(SOURCE).as_posix(), name) for name in _readers(tree, ""))


def _readers(node: ast.AST, inside: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _readers(child, f"{inside}{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            name = f"{inside}{child.name}"
            if any(_reads(call) for call in ast.walk(child) if isinstance(call, ast.Call)):
                yield name
        else:
            yield from _readers(child, inside)


def _reads(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr in PARSERS or function.attr == "open"
    return isinstance(function, ast.Name) and (function.id in PARSERS or function.id == "open")
