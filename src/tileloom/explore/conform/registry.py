"""The tools whose published rows can be recomputed, by name. Each reads its own directory format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tileloom.core.registry import Registry, from_module
from tileloom.explore.conform.base import ConformReport, Progress

Recompute = Callable[[Path, int | None, Progress | None], ConformReport]

CONFORM: Registry[Recompute] = Registry(
    kind="conform model",
    group="tileloom.conform",
    builtin={
        "accelforge": from_module("tileloom.explore.conform.accelforge:conform_accelforge"),
        "dmazerunner": from_module("tileloom.explore.conform.dmazerunner:conform_dmazerunner"),
        "fused": from_module("tileloom.explore.conform.fused:conform_fused"),
        "neurospector": from_module("tileloom.explore.conform.neurospector:conform_neurospector"),
        "maestro": from_module("tileloom.explore.conform.maestro:conform_maestro"),
    },
    about={
        "accelforge": "AccelForge: random mappings evaluated there, and optima found there",
        "dmazerunner": "dMazeRunner: mappings, searches, energy validation and memory studies",
        "fused": "AccelForge, fused: optima of chains, branches, convolutions and transformer layers",
        "neurospector": "NeuroSpector: tables analyzed and refused there, and tables that its optimizers chose",
        "maestro": "MAESTRO: its CSV columns, screen reports and logs, and the mappings it refuses",
    },
)
