"""The cost models by name. Knows where each one lives, imports none of them until it is asked for."""

from __future__ import annotations

from tileloom.core.registry import Registry, from_module
from tileloom.cost.base import CostModel

MODELS: Registry[type[CostModel]] = Registry(
    kind="cost model",
    group="tileloom.models",
    builtin={
        "loopnest": from_module("tileloom.cost.models.loopnest:LoopnestModel"),
        "dmazerunner": from_module("tileloom.cost.models.dmazerunner.model:DmazerunnerModel"),
        "neurospector": from_module("tileloom.cost.models.neurospector.model:NeurospectorModel"),
        "maestro": from_module("tileloom.cost.models.maestro.model:MaestroModel"),
        "zigzag": from_module("tileloom.cost.models.zigzag.model:ZigzagModel"),
    },
    about={
        "zigzag": "ZigZag's: transfers by port width, double buffering, port stalls, first loads and last stores",
        "loopnest": "literal counts over the loop nest, transfers and compute overlapping perfectly (default)",
        "dmazerunner": "dMazeRunner's: DRAM, scratchpad and PE array, DMA bursts, stalls, inter-PE reduction",
        "neurospector": "NeuroSpector's scheduling tables: reuse one row deep, levels one after another",
        "maestro": "the same counts; the first tile of every memory is waited for, as MAESTRO does",
    },
)


def get_model(name: str) -> CostModel:
    """A cost model with its default options; InputError names the known ones."""
    return MODELS.get(name)()
