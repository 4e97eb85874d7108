"""What every cost model takes and gives: `CostModel`, its `Profile`, and `Cost` whose parts sum to the whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from math import isclose
from typing import ClassVar, Literal, Protocol

from tileloom.architecture.model import Architecture
from tileloom.core.errors import UnsupportedError
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """All accesses of one kind that one tensor makes at one component (compute rows have tensor '').

    accesses             of the whole array of instances: values * bits / width, exact for integer widths
    accesses_per_instance  of the busiest instance (what its time is computed from)
    """

    component: str
    tensor: str
    action: Literal["read", "write", "compute"]
    accesses: float
    accesses_per_instance: float
    energy_pj: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Bits that a memory instance must reserve for a tensor."""

    memory: str
    tensor: str
    bits: int


@dataclass(frozen=True)
class Cost:
    """Energy and time of one problem under one mapping, with the whole breakdown.

    energy_pj       sum of `traffic` energies and `leakage_pj`; checked on construction
    cycles          latency
    macs, utilization   useful operations; macs / (cycles * peak operations per cycle)
    cycles_by_component  busy cycles of each component; the largest names the `bottleneck`
    overlapped_cycles    latency where transfers overlap with compute, of a model whose `cycles` are a plain sum; else None
    """

    energy_pj: float
    cycles: float
    macs: int
    utilization: float
    traffic: tuple[Traffic, ...]
    leakage_pj: tuple[tuple[str, float], ...] = ()
    cycles_by_component: tuple[tuple[str, float], ...] = ()
    occupancy: tuple[Occupancy, ...] = ()
    spatial_use: tuple[tuple[str, str, int], ...] = ()
    model: str = "loopnest"
    notes: tuple[str, ...] = field(default=())
    overlapped_cycles: float | None = None

    def __post_init__(self) -> None:
        total = sum(t.energy_pj for t in self.traffic) + sum(e for _, e in self.leakage_pj)
        if not isclose(total, self.energy_pj, rel_tol=1e-9, abs_tol=1e-9):
            raise ValueError(f"energy parts sum to {total}, not to {self.energy_pj}")

    @property
    def edp(self) -> float:
        """Energy-delay product in pJ * cycles."""
        return self.energy_pj * self.cycles

    @cached_property
    def bottleneck(self) -> str:
        if not self.cycles_by_component:
            return ""
        return max(self.cycles_by_component, key=lambda item: item[1])[0]

    def energy_by(self, *keys: Literal["component", "tensor", "action"]) -> dict[tuple[str, ...], float]:
        """Energy summed over everything but `keys`; leakage appears with tensor '' and action 'leakage'."""
        table: dict[tuple[str, ...], float] = {}
        rows = [({"component": t.component, "tensor": t.tensor, "action": t.action}, t.energy_pj) for t in self.traffic]
        rows += [({"component": c, "tensor": "", "action": "leakage"}, e) for c, e in self.leakage_pj]
        for row, energy in rows:
            key = tuple(row[k] for k in keys)
            table[key] = table.get(key, 0.0) + energy
        return table

    def __str__(self) -> str:
        return (
            f"{self.energy_pj:.6g} pJ, {self.cycles:.6g} cycles, EDP {self.edp:.6g} pJ*cycles, "
            f"utilisation {self.utilization:.1%}, bottleneck {self.bottleneck or '-'}"
        )

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a cost model or mapper can take; search/conformability.py compares a request with it. None = no limit.

    models   of a mapper: the cost models it can search with
    groups, dilation, padding   whether it tells them apart from plain convolutions; padding is only warned of
    orders   'free', or 'reuse': of the loops at a memory it knows which tensor is reused innermost, not their order
    """

    operations: tuple[str, ...] = ("any",)
    max_inputs: int | None = None
    max_terms_per_axis: int | None = None
    min_memories: int = 1
    max_memories: int | None = None
    imperfect: bool = True
    bypass: bool = True
    uneven: bool = True
    spatial: bool = True
    joint: bool = False
    groups: bool = True
    dilation: bool = True
    padding: bool = True
    orders: Literal["free", "reuse"] = "free"
    fused: bool = False
    objectives: tuple[str, ...] = ("energy", "latency", "edp")
    models: tuple[str, ...] | None = None


class CostModel(Protocol):
    """A cost model: pure, no state between calls."""

    name: ClassVar[str]
    profile: ClassVar[Profile]

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost: ...


def require_chain(mapping: MappingTree, model: str) -> None:
    if not mapping.is_chain:
        raise UnsupportedError(
            f"model '{model}' takes one problem at a time; the mapping has Seq/Pipe/Par branches (E-FUSE)"
        )
