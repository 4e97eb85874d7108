"""Runs the benchmarks in this folder and prints their lines: `python benchmarks/run.py [NAME ...]`.

A benchmark is a file here with a function `main() -> list[str]`, each line holding a measured ratio and what was compared
with what. Nothing here asserts a time.
"""

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).parent


def find(folder: Path, names: Sequence[str] = ()) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """(name, main) of every benchmark in the folder, or of those named; in the order of their names."""
    files = {p.stem: p for p in sorted(folder.glob("*.py")) if p.name != "run.py" and not p.name.startswith("_")}
    unknown = [n for n in names if n not in files]
    if unknown:
        raise SystemExit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(files) or 'none'}")
    for name in names or files:
        spec = spec_from_file_location(f"benchmark_{name}", files[name])
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        # Dataclasses look their own module up by name.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        if hasattr(module, "main"):
            yield name, module.main


def run(folder: Path, names: Sequence[str] = ()) -> int:
    """Print each benchmark's lines; 1 when any of them failed, which does not stop the others."""
    failed = 0
    for name, main in find(folder, names):
        print(f"== {name}", flush=True)
        try:
            for line in main() or []:
                print(line, flush=True)
        except Exception:
            failed = 1
            traceback.print_exc()
    return failed


if __name__ == "__main__":
    sys.exit(run(HERE, sys.argv[1:]))
