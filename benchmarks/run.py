"""Runs the benchmarks in this folder and prints their lines: `python benchmarks/run.py [NAME ...] [options]`.

A benchmark is a file here with a function `main(flags) -> lines`, each line holding a measured figure and how it was
measured; docs/benchmarks.md explains them. Files that start with `_` are shared parts. Nothing here asserts a time.
"""

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path

HERE = Path(__file__).parent
Main = Callable[..., Iterable[str] | None]


def find(folder: Path, names: Sequence[str] = ()) -> Iterator[tuple[str, Main]]:
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


def run(folder: Path, names: Sequence[str] = (), flags: Sequence[str] = ()) -> int:
    """Print each benchmark's lines; 1 when any of them failed, which does not stop the others."""
    failed = 0
    for name, main in find(folder, names):
        print(f"== {name}", flush=True)
        try:
            for line in (main(flags) if signature(main).parameters else main()) or []:
                print(line, flush=True)
        except Exception:
            failed = 1
            traceback.print_exc()
    return failed


def read_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """(names, flags for the benchmarks, each of which takes those it knows)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--full", action="store_true", help="every case of AccelForge's mapper and every chip")
    parser.add_argument("--demo", action="store_true", help="also time `make demo` from a bare clone (installs)")
    parser.add_argument("--recorded", action="store_true", help="AccelForge's recorded seconds even where it could run")
    parser.add_argument("--reference", metavar="DIR", help="directory of reference rows for `conform accelforge`")
    chosen = parser.parse_args(arguments)
    flags = [f"--{name}" for name in ("full", "demo", "recorded") if getattr(chosen, name)]
    return chosen.names, flags + ([f"--reference={chosen.reference}"] if chosen.reference else [])


if __name__ == "__main__":
    named, passed_on = read_arguments(sys.argv[1:])
    from _measure import where

    print(where(), flush=True)
    sys.exit(run(HERE, named, passed_on))
