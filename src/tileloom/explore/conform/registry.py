"""The tools whose published rows can be recomputed, by name. Each reads its own directory format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tileloom.core.registry import Registry, from_module

CONFORM: Registry[Callable[[Path, int | None], Any]] = Registry(
    kind="conform model",
    group="tileloom.conform",
    builtin={"accelforge": from_module("tileloom.explore.conform.accelforge:conform_accelforge")},
)
