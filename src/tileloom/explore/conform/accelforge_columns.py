"""A Cost in AccelForge's result columns: joules, seconds, shares of memories, and the numbers of component models.

Column names are `Einsum|action|component|tensor|read` and the like. What rows say is in accelforge_rows.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tileloom.architecture.model import Architecture, Fanout
from tileloom.architecture.notation.accelforge import (
    CLOCK_HZ,
    PICOJOULES,
    AccelforgeArchitecture,
    ActionNumbers,
    ComponentNumbers,
)
from tileloom.cost.base import Cost
from tileloom.mapping.tree import MappingTree
from tileloom.workload.frontends.accelforge import AccelforgeEinsum


@dataclass(frozen=True)
class Evaluation:
    """One einsum evaluated by us."""

    einsum: AccelforgeEinsum
    architecture: Architecture
    mapping: MappingTree
    cost: Cost

    @property
    def energy_j(self) -> float:
        return self.cost.energy_pj / PICOJOULES * self.einsum.n_instances

    @property
    def latency_s(self) -> float:
        return self.cost.cycles / CLOCK_HZ * self.einsum.n_instances


def columns(evaluations: Iterable[Evaluation]) -> dict[str, float]:
    """Every column that the evaluations give. Totals add over einsums; reservations are of the fullest einsum."""
    table: dict[str, float] = {}
    listed = list(evaluations)
    for evaluation in listed:
        _einsum_columns(evaluation, table)
    leak = sum(v for k, v in table.items() if k.endswith("|leak"))
    energy = sum(e.energy_j for e in listed)
    table["Total|energy"] = energy
    table["Total|leak_energy"] = leak
    table["Total|dynamic_energy"] = energy - leak
    table["Total|latency"] = sum(e.latency_s for e in listed)
    return table


def _einsum_columns(evaluation: Evaluation, table: dict[str, float]) -> None:
    cost, name, architecture = evaluation.cost, evaluation.einsum.name, evaluation.architecture
    times = evaluation.einsum.n_instances
    for t in cost.traffic:
        key = f"{t.component}|{t.tensor or None}|{t.action}"
        table[f"{name}|action|{key}"] = t.accesses * times
        table[f"{name}|energy|{key}"] = t.energy_pj / PICOJOULES * times
    for component, energy in cost.leakage_pj:
        table[f"{name}|energy|{component}|leak"] = energy / PICOJOULES * times
    for component, cycles in cost.cycles_by_component:
        table[f"{name}|latency|{component}"] = cycles / CLOCK_HZ * times
    filled: dict[str, float] = {}
    for o in cost.occupancy:
        capacity = architecture.memory(o.memory).capacity_bits
        share = 0.0 if capacity is None else o.bits / capacity if capacity else float("inf")
        table[f"{name}|usage|memory|{o.memory}|{o.tensor}"] = share
        filled[o.memory] = filled.get(o.memory, 0.0) + share
    for memory, share in filled.items():
        key = f"reservation|{memory}|-1|right"
        table[key] = max(share, table.get(key, 0.0))
    for fanout, axis, used in cost.spatial_use:
        table[f"{name}|usage|spatial|{fanout}|{axis}"] = used / architecture.fanout(fanout).axis(axis).size


def unit_numbers(architecture: AccelforgeArchitecture) -> dict[str, ComponentNumbers]:
    """Stand-ins for component models: no energy, one action per second. Calls are read off the latencies they give."""
    one = ActionNumbers(energy_j=0.0, throughput_hz=1.0)
    actions = {"read": one, "write": one, "compute": one}
    return {name: ComponentNumbers(actions=actions) for name in architecture.components_without_numbers()}


def numbers_of_row(
    given: Mapping[str, float], ours: Mapping[str, float], names: Iterable[str], architecture: Architecture
) -> dict[str, ComponentNumbers]:
    """Numbers of component models, derived from a row's own columns.

    energy of an action = its energy / its count; leakage = its energy / time / instances; throughput = our calls of the
    busiest instance / its latency, the same for read and write, as only their sum is known. An action that the row does
    not perform gets the energy of the component's other action.

    ours  columns of the same mapping under `unit_numbers`
    """
    return {name: _component(name, given, ours, architecture) for name in names}


def _component(
    name: str, given: Mapping[str, float], ours: Mapping[str, float], architecture: Architecture
) -> ComponentNumbers:
    energy, count = _sums(given, "energy", name), _sums(given, "action", name)
    per_action = {a: energy.get(a, 0.0) / n for a, n in count.items() if n > 0}
    other = next(iter(per_action.values()), 0.0)
    latency = sum(v for k, v in given.items() if _is(k, "latency", name))
    calls = sum(v for k, v in ours.items() if _is(k, "latency", name))
    rate = calls / latency if latency > 0 else float("inf")
    leak = sum(v for k, v in given.items() if _is(k, "energy", name) and k.endswith("|leak"))
    instances = next(architecture.instances(n) for n in architecture.nodes if n.name == name and _has_energy(n))
    total = given.get("Total|latency", 0.0)
    actions = {
        a: ActionNumbers(energy_j=per_action.get(a, other), throughput_hz=rate) for a in ("read", "write", "compute")
    }
    return ComponentNumbers(actions=actions, leak_power_w=leak / total / instances if total > 0 else 0.0)


def _sums(given: Mapping[str, float], column: str, component: str) -> dict[str, float]:
    sums: dict[str, float] = {}
    for key, value in given.items():
        parts = key.split("|")
        if len(parts) == 5 and parts[1] == column and parts[2] == component:
            sums[parts[4]] = sums.get(parts[4], 0.0) + value
    return sums


def _is(key: str, column: str, component: str) -> bool:
    parts = key.split("|")
    return len(parts) >= 3 and parts[1] == column and parts[2] == component


def _has_energy(node: object) -> bool:
    return not isinstance(node, Fanout)
