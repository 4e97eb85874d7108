"""The library of networks: weightless ONNX files and networks.yaml, which says where each one's dimensions come from.

scripts/make_networks.py builds the files; reading them is the ONNX front end's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import load_yaml

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryEntry:
    """One network of the manifest.

    bind            default size of each symbolic dimension
    provenance      paper, and where the layer dimensions come from
    published_macs  a count somebody else published for `bind`, with its tolerance as a fraction; None when there is none
    published_in    where
    """

    name: str
    path: Path
    description: str
    provenance: str
    bind: Mapping[str, int]
    macs: int
    published_macs: float | None
    published_tolerance: float
    published_in: str


def list_networks() -> list[tuple[str, str]]:
    """(name, description) of every library network, in the manifest's order."""
    return [(entry.name, entry.description) for entry in _entries().values()]


def library_names() -> list[str]:
    return list(_entries())


def library_entry(name: str) -> LibraryEntry:
    if name not in _entries():
        raise InputError(f"no library network '{name}'{did_you_mean(name, library_names())}; known: {library_names()}")
    return _entries()[name]


@cache
def _entries() -> dict[str, LibraryEntry]:
    data: Any = load_yaml(FOLDER / "networks.yaml").data
    return {
        name: LibraryEntry(
            name=name,
            path=FOLDER / facts["file"],
            description=facts["description"],
            provenance=facts["provenance"],
            bind=dict(facts["bind"]),
            macs=facts["macs"],
            published_macs=facts.get("published_macs"),
            published_tolerance=facts.get("published_tolerance", 0.0),
            published_in=facts.get("published_in", ""),
        )
        for name, facts in data.items()
    }
