"""The cost models by name. Knows where each one lives, imports none of them until it is asked for."""

from __future__ import annotations

from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.options import Plain, field_kinds, option_fault, plain_value, unknown_options
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


def split_model(spec: str) -> tuple[str, dict[str, Plain]]:
    """The name of a model and the options behind it. InputError for what is not NAME=VALUE.

    >>> split_model("dmazerunner:mode=faithful,dma_init_cycles=100")
    ('dmazerunner', {'mode': 'faithful', 'dma_init_cycles': 100})
    """
    name, _, rest = spec.partition(":")
    parts = [part.partition("=") for part in rest.split(",") if part]
    wrong = [f"cost model '{spec}': '{k}{e}{v}' is not NAME=VALUE" for k, e, v in parts if not (k.strip() and e and v)]
    if wrong:
        raise InputError(wrong)
    return name, {k.strip().replace("-", "_"): plain_value(v.strip()) for k, _, v in parts}


def get_model(spec: str) -> CostModel:
    """A cost model by name, with options behind a colon: 'dmazerunner:mode=faithful'. InputError names the known ones.

    Options are the fields of the model's class, or what its `from_options` takes.
    """
    name, given = split_model(spec)
    cls: Any = MODELS.get(name)
    if not given:
        model: CostModel = cls()
        return model
    if hasattr(cls, "from_options"):
        made: CostModel = cls.from_options(given)
        return made
    kinds, owner = field_kinds(cls), f"model '{name}'"
    faults = unknown_options(owner, given, kinds)
    faults += [f for k, v in given.items() if k in kinds and (f := option_fault(owner, k, v, kinds[k]))]
    if faults:
        raise InputError(faults)
    made = cls(**given)
    return made
