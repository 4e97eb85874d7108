"""A study of depth-first scheduling: which network, machine, modes, tiles and cuts, read from YAML or from arguments.

Running it is in run.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from tileloom.core.errors import InputError
from tileloom.core.files import is_file
from tileloom.core.validate import Schema, validate
from tileloom.core.yamlio import Document, load_yaml
from tileloom.fusion.depth_first import Mode
from tileloom.fusion.memo import Searching
from tileloom.fusion.rules import CORRECTED, FAITHFUL, Rules

Cuts = Literal["auto", "single", "all"] | tuple[int | str, ...]
TileSize = Annotated[int, Field(ge=1, le=2**31)]
RULES: dict[str, Rules] = {"faithful": FAITHFUL, "corrected": CORRECTED}


@dataclass(frozen=True)
class Study:
    """network, architecture   names or files
    tile_xs, tile_ys     None: powers of four up to the largest map of the network's end, and the whole map
    cuts                 'auto', 'single', layers to cut after; 'all': every fuse depth is searched
    objective            what tile-layers are mapped for, and what `best` means
    baselines            also run layer by layer and single layers
    """

    network: str
    architecture: str
    modes: tuple[Mode, ...] = (1, 2, 3)
    tile_xs: tuple[int, ...] | None = None
    tile_ys: tuple[int, ...] | None = None
    cuts: Cuts = "auto"
    objective: Literal["energy", "latency", "edp"] = "energy"
    rules: Literal["faithful", "corrected"] = "corrected"
    lpf_limit: int | None = 6
    max_layers: int | None = None
    baselines: bool = True
    title: str = ""

    @property
    def searching(self) -> Searching:
        return Searching(self.lpf_limit, self.objective, self.rules == "faithful")


class _File(Schema):
    title: str = ""
    network: str
    architecture: str
    modes: list[Literal[1, 2, 3]] = Field(default=[1, 2, 3], min_length=1)
    tile_x: list[TileSize] | None = Field(default=None, min_length=1)
    tile_y: list[TileSize] | None = Field(default=None, min_length=1)
    cuts: Literal["auto", "single", "all"] | list[int | str] = "auto"
    objective: Literal["energy", "latency", "edp"] = "energy"
    rules: Literal["faithful", "corrected"] = "corrected"
    lpf_limit: Annotated[int, Field(ge=1, le=10)] | Literal["optimal"] = 6
    max_layers: Annotated[int, Field(ge=1)] | None = None
    baselines: bool = True


class _Study(Schema):
    depth_first: _File


def is_study(source: str | Path) -> bool:
    """Whether a file is a study: YAML with the key `depth_first`."""
    path = Path(source)
    if path.suffix not in (".yaml", ".yml") or not is_file(path):
        return False
    data = load_yaml(path).data
    return isinstance(data, dict) and "depth_first" in data


def read_study(path: str | Path) -> Study:
    """Raises InputError with every fault and its line. Files named in it are looked for beside it first."""
    document = load_yaml(path)
    file = validate(_Study, document).depth_first
    return Study(
        network=_beside(document, file.network),
        architecture=_beside(document, file.architecture),
        modes=tuple(file.modes),
        tile_xs=None if file.tile_x is None else tuple(file.tile_x),
        tile_ys=None if file.tile_y is None else tuple(file.tile_y),
        cuts=file.cuts if isinstance(file.cuts, str) else tuple(file.cuts),
        objective=file.objective,
        rules=file.rules,
        lpf_limit=None if file.lpf_limit == "optimal" else file.lpf_limit,
        max_layers=file.max_layers,
        baselines=file.baselines,
        title=file.title,
    )


def _beside(document: Document, name: str) -> str:
    near = Path(document.file).parent / name
    return str(near) if is_file(near) else name


def read_list(option: str, text: str | None) -> tuple[int, ...] | None:
    """'1,4,16' -> (1, 4, 16). InputError names what is not a whole number of at least 1."""
    if text is None:
        return None
    parts = [p.strip() for p in text.split(",")]
    wrong = [p for p in parts if not p.isdecimal() or int(p) < 1]
    if wrong:
        raise InputError([f"{option}: '{p}' is not a whole number of at least 1" for p in wrong])
    return tuple(int(p) for p in parts)


def read_modes(text: str) -> tuple[Mode, ...]:
    """'all' or digits such as '13' or '1,3'."""
    if text == "all":
        return (1, 2, 3)
    found = tuple(c for c in text if c not in ", ")
    if not found or any(c not in "123" for c in found):
        raise InputError(f"--mode is '{text}'; expected 1, 2, 3, several of them (13) or all")
    return tuple(dict.fromkeys(int(c) for c in found))  # type: ignore[misc]


def read_cuts(text: str) -> Cuts:
    """'auto', 'single', 'all', 'none', or layers to cut after: '3,7'."""
    if text in ("auto", "single", "all"):
        return text  # type: ignore[return-value]
    if text == "none":
        return ()
    return tuple(int(p) if p.strip().lstrip("-").isdecimal() else p.strip() for p in text.split(","))


def default_tiles(extents: Sequence[int]) -> tuple[int, ...]:
    """1, 4, 16, ... below the largest of the extents, and that one."""
    largest = max(extents)
    sizes = [4**i for i in range(20) if 4**i < largest]
    return (*sizes, largest)


def plain(study: Study) -> dict[str, Any]:
    """The study as it is written to run.json."""
    return {
        "network": study.network,
        "architecture": study.architecture,
        "modes": list(study.modes),
        "tile_x": list(study.tile_xs or ()),
        "tile_y": list(study.tile_ys or ()),
        "cuts": study.cuts if isinstance(study.cuts, str) else list(study.cuts),
        "objective": study.objective,
        "rules": study.rules,
        "lpf_limit": "optimal" if study.lpf_limit is None else study.lpf_limit,
        "max_layers": study.max_layers,
        "baselines": study.baselines,
        "title": study.title,
    }
