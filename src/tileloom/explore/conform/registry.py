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
        "codesign": from_module("tileloom.explore.conform.codesign:conform_codesign"),
        "union": from_module("tileloom.explore.conform.union:conform_union"),
        "defines": from_module("tileloom.explore.conform.defines:conform_defines"),
        "zigzag": from_module("tileloom.explore.conform.zigzag:conform_zigzag"),
    },
    about={
        "accelforge": "AccelForge: random mappings evaluated there, and optima found there",
        "dmazerunner": "dMazeRunner: mappings, searches, energy validation and memory studies",
        "fused": "AccelForge, fused: optima of chains, branches, convolutions and transformer layers",
        "neurospector": "NeuroSpector: tables analyzed and refused there, and tables that its optimizers chose",
        "zigzag": "ZigZag 3.9: every layer under its two mappings, its mapper's choice, and our optimum beside it",
        "maestro": "MAESTRO: its CSV columns, screen reports and logs, and the mappings it refuses",
        "codesign": "semi-decoupled co-design: networks from seeds, layer and network costs, correlations, fronts, optima",
        "union": "Union's case studies: MLIR and ONNX files, contractions and layers as imported here",
        "defines": "DeFiNES: stack cuts, tile structure and copies, and whole depth-first points",
    },
)
