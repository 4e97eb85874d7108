"""Other ways to fuse a network than depth-first tiles, by name; `tileloom fuse --optimal` takes the one called 'optimal'.

Depth-first scheduling itself is in explore/depth_first. Installed packages add to the group tileloom.fusers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tileloom.core.registry import Registry, from_module


@dataclass(frozen=True)
class FuseCall:
    """What the command line was asked.

    out   folder to write into, or None;  gap: stop at this proven share;  max_fused_loops: None = no limit
    variables   fields of a Hugging Face configuration, variables of a template file
    max_steps, time_limit_s   stop with the best schedule and bound known by then; None = no limit
    halo, tiles   overlapping tiles: mode ('none': without) and the sizes to try, as on the command line
    """

    network: str
    architecture: str
    objective: str
    bind: Mapping[str, int]
    out: Path | None
    progress: Callable[[str, int, int], None] | None
    gap: float = 0.0
    max_fused_loops: int | None = 1
    variables: Mapping[str, object] = field(default_factory=dict)
    max_steps: int | None = None
    time_limit_s: float | None = None
    halo: str = "none"
    tiles: str = "auto"


class FuseAnswer(Protocol):
    """What a fuser gives back: text for people, plain values for --json, and whether something could not be done."""

    @property
    def failed(self) -> bool: ...

    def as_plain(self) -> Mapping[str, Any]: ...

    def __str__(self) -> str: ...


FUSERS: Registry[Callable[[FuseCall], FuseAnswer]] = Registry(
    kind="way to fuse",
    group="tileloom.fusers",
    builtin={"optimal": from_module("tileloom.explore.fused_record:fuse_optimal")},
    about={"optimal": "the proven best schedule with intermediates on chip, over all mappings of every layer"},
)
