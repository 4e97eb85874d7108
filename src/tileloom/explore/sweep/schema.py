"""The YAML form of a study as pydantic classes: keys, limits, contradictions. study.py turns it into a `Study`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Strict

from tileloom.core.validate import Schema

METRICS = ("cycles", "energy_pj", "area_mm2", "power_mw", "edp", "utilization")
"""What is known of every design: columns of results, and what constraints and objectives may name."""
METRIC_NAMES = {"latency": "cycles", "energy": "energy_pj", "area": "area_mm2", "power": "power_mw"}
"""Short forms."""

Name = Annotated[str, Field(min_length=1, max_length=400)]
Whole = Annotated[int, Strict(), Field(ge=1)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]


class LimitSchema(Schema):
    """Of one metric; a bare number is `bound`: the most that is allowed, of utilisation the least."""

    min: Number | None = None
    max: Number | None = None
    bound: Number | None = None

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        low, high = raw.get("min"), raw.get("max")
        if low is None and high is None and raw.get("bound") is None:
            yield None, "gives neither min nor max"


def _bound(raw: object) -> object:
    return {"bound": raw} if isinstance(raw, int | float) and not isinstance(raw, bool) else raw


Bounds = Annotated[LimitSchema, BeforeValidator(_bound)]


class MemoryPriceSchema(Schema):
    """Where energy, area and leakage of a memory come from, when not from the model's own constants."""

    table: Name | None = Field(None, description="an energy table with areas, such as cacti-7-sram")
    cacti: Name | None = Field(None, description="path of the user's own CACTI 7 program")
    width_bits: Positive = Field(64, description="width of one access of the table")
    technology_nm: Positive | None = Field(None, description="node of the table's rows")

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        if (raw.get("table") is None) == (raw.get("cacti") is None):
            yield None, "give either `table` or `cacti`"


class LogicScalingSchema(Schema):
    """Logic at another node than its constants: value * (to / from) ** exponent. No exponent is assumed."""

    from_nm: Positive
    to_nm: Positive
    area_exponent: Number
    energy_exponent: Number
    source: str = Field(min_length=1, description="why these exponents")


class PricesSchema(Schema):
    """Of MAESTRO's machine."""

    l1: MemoryPriceSchema | None = None
    l2: MemoryPriceSchema | None = None
    logic: LogicScalingSchema | None = None


class AdaptiveSchema(Schema):
    """Search instead of enumeration."""

    trials: Whole
    sampler: Literal["tpe", "nsga2", "random"] = "tpe"
    seed: Annotated[int, Strict(), Field(ge=0)] = 0
    batch: Whole = Field(8, description="designs asked for before any of them is told")


class StudySchema(Schema):
    """A whole study file."""

    name: Name
    description: str = ""
    engine: Literal["bulk", "mapped"]
    network: Name = Field(description="library name, file, or einsum")
    layers: tuple[Name, ...] = Field((), description="only these layers; empty: all")
    bind: dict[Name, Whole] = Field({}, description="sizes of symbolic dimensions")
    bits: Whole | None = Field(None, description="bits per value where the source does not say")
    model: Name = "loopnest"
    architecture: Name | dict[Name, Any] = Field(description="name, file, or (model maestro) the machine's fields")
    technology: Name = Field("released", description="constants of MAESTRO's machine: released or 28nm")
    prices: PricesSchema = PricesSchema()
    dataflows: tuple[Name, ...] | dict[Name, str] = Field((), description="templates, or name: directives")
    mappings: tuple[Name, ...] = Field((), description="mapping files, for the bulk engine with model loopnest")
    mapper: Name = "optimal"
    mapper_options: dict[Name, Any] = Field({}, description="fields of the mapper")
    objective: Literal["energy", "latency", "edp"] = Field("edp", description="what the mapper minimises")
    sweep: dict[Name, Any] = Field(description="parameter: list or range")
    linked: dict[Name, Any] = Field({}, description="parameter: expression over swept ones")
    constraints: dict[Name, Bounds] = Field({}, description="metric: most, or {min, max}")
    objectives: tuple[Name, ...] = Field(("latency", "energy", "area"), description="of the Pareto front")
    keep: Literal["front", "valid", "all"] | None = Field(None, description="which designs are stored")
    chunk: Whole | None = Field(None, description="designs per part file")
    prune: bool = Field(True, description="skip sub-spaces in which no design can be valid")
    gpu: bool = Field(False, description="price on a GPU where there is one; then nothing is ruled out by sub-space")
    adaptive: AdaptiveSchema | None = None

    @classmethod
    def contradictions(cls, raw: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
        sweep, linked = raw.get("sweep"), raw.get("linked")
        if isinstance(sweep, dict):
            if not sweep:
                yield "sweep", "is empty; give at least one parameter"
            for name in sweep:
                if isinstance(linked, dict) and name in linked:
                    yield "linked", f"'{name}' is both swept and linked; keep one"
        if raw.get("engine") == "mapped":
            for key in ("dataflows", "mappings"):
                if raw.get(key):
                    yield key, "is for the bulk engine; the mapped engine finds the mapping of every design"
        if raw.get("adaptive") is not None and raw.get("engine") == "bulk":
            yield "adaptive", "is for the mapped engine; the bulk engine enumerates faster than any search could ask"
