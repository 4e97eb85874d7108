"""The machines of DeFiNES as files of this package, in ZigZag's hardware format. Numbers are in library/zigzag/*.yaml."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from tileloom.architecture.notation.zigzag import read_machine
from tileloom.architecture.notation.zigzag_machine import ZigzagMachine
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.files import is_file
from tileloom.core.yamlio import load_yaml


def machine_files() -> dict[str, Path]:
    """Name -> file of every machine, by name."""
    folder = Path(str(files("tileloom.architecture").joinpath("library", "zigzag")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def list_machines() -> list[tuple[str, str]]:
    """(name, description) of every machine."""
    found = []
    for name, path in machine_files().items():
        data = load_yaml(path).data
        found.append((name, str(data.get("description", "")) if isinstance(data, dict) else ""))
    return found


@cache
def _library_machine(name: str) -> ZigzagMachine:
    return read_machine(machine_files()[name])


def load_machine(name_or_path: str | Path) -> ZigzagMachine:
    """A machine of the library by name, or a ZigZag hardware file by path.

    >>> load_machine("defines-meta-prototype-df").units
    1024
    """
    name, known = str(name_or_path), machine_files()
    if name in known:
        return _library_machine(name)
    if Path(name).suffix.lower() in (".yaml", ".yml") or is_file(name):
        return read_machine(name)
    raise InputError(
        f"no machine '{name}'{did_you_mean(name, known)}; the library has {', '.join(known)}; "
        "a file of your own is given as a path that ends in .yaml"
    )
