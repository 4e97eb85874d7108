"""A set of MAESTRO's energies, areas and powers from a YAML file: a known set, and the constants that differ from it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, create_model

from tileloom.core.validate import Schema, validate
from tileloom.core.yamlio import load_yaml
from tileloom.cost.models.maestro.technology import RELEASED, Technology, get_technology

_Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_NUMBERS = {
    f.name: (
        (tuple[float, float] if f.name == "bus_fit" else tuple[float, float, float])
        if f.name.endswith("_fit")
        else Annotated[int, Field(gt=0)]
        if f.name.endswith("_bytes")
        else _Positive
    )
    for f in fields(Technology)
    if f.name not in ("name", "source")
}
_Fields: Any = {key: (kind | None, None) for key, kind in _NUMBERS.items()}
TechnologySchema = create_model(
    "TechnologySchema", __base__=Schema, source=(str, ...), base=(str, RELEASED.name), **_Fields
)
"""`source` of the numbers, the set they change (`base`), and any field of Technology."""


def load_technology(source: str) -> Technology:
    """A known set by name, or one from a YAML file. Raises InputError with every fault and its line.

    source: "own measurements, 7 nm"
    base: released
    l2_per_mac: 6.1
    mac_nj: 0.00005
    """
    if not source.endswith((".yaml", ".yml")):
        return get_technology(source)
    read = validate(TechnologySchema, load_yaml(source)).model_dump(exclude_none=True)
    base = get_technology(read.pop("base"))
    return replace(base, name=Path(source).stem, **read)
