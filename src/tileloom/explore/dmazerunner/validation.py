"""The energy validation: mappings of ResNet conv5_2 whose energy Yang et al. published, by spatial dataflow.

As in the original, the orders of the file are looked up and then replaced by those of least energy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.reference import method_costs
from tileloom.mapping.notation.dmazerunner import ExecutionMethod
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer

_NAMES = {"IC": "C", "OC": "M", "ON": "N", "OX": "Ox", "OY": "Oy", "FX": "Fx", "FY": "Fy"}


@dataclass(frozen=True, slots=True)
class ValidationRow:
    """parts_pj: (MAC, RF, NOC, SPM, DRAM) by the model; total_pj rounded; published_pj: Yang et al."""

    dataflow: str
    parts_pj: tuple[float, float, float, float, float]
    total_pj: int
    published_pj: float

    @property
    def error_percent(self) -> float:
        return 100 * abs(self.total_pj - self.published_pj) / self.published_pj


def dataflow_name(mechanism: str) -> str:
    """The loops on the PEs as the tables name them, second token first.

    >>> dataflow_name("FY_OC")
    'M | Fy'
    """
    return " | ".join(_NAMES.get(token, token) for token in reversed(mechanism.split("_")))


def validation_row(
    method: ExecutionMethod,
    mechanism: str,
    published_pj: float,
    layer: DmazeLayer = RESNET[5],
    chip: DmazeChip | None = None,
) -> ValidationRow:
    """One mapping of the table at its orders of least energy."""
    costs = method_costs(Nest.of(layer.problem()), chip or DmazeChip(), method)
    best = costs.best("energy")[2]
    return ValidationRow(dataflow_name(mechanism), best.parts_pj, best.energy_pj, published_pj)


def mean_error(rows: Iterable[ValidationRow]) -> float:
    """Mean of the rows' errors, percent."""
    errors = [r.error_percent for r in rows]
    return sum(errors) / len(errors)
