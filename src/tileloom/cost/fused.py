"""What a fused mapping costs: the sum of its problems, each counted on its own way through the tree.

All loops above a problem count as its loops, shared or not. Fusing pays by the traffic that intermediates kept on chip
do not cause. Source: AccelForge 1.0 (tests/reference/fused). There problems do not overlap in time; where they do here
(pipe, par), fused_time.py says how long it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Cost, Traffic
from tileloom.cost.fused_time import elapsed_cycles
from tileloom.cost.halo import load_cost, summed
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.fused import Branch, branches, paths_of
from tileloom.mapping.fused_occupancy import Moment, reservations_of, timeline
from tileloom.mapping.halo import leaf_problem, loads_of
from tileloom.mapping.tree import Compute, MappingTree, Par, Pipe, Seq, TreeNode
from tileloom.workload.problem import Problem

Key = Literal["problem", "component", "tensor", "action"]
"""What energy can be told apart by."""


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """Energy of one action of one problem, all its runs; leakage has the tensor '' and the action 'leakage'."""

    problem: str
    component: str
    tensor: str
    action: str
    energy_pj: float


@dataclass(frozen=True)
class FusedCost:
    """costs: per problem in execution order (one run of it, alone);  counts: how often each runs

    moments         what is kept in every memory while each problem runs
    elapsed_cycles  of the whole tree, where problems overlap in time; None: they run one after another
    """

    costs: tuple[tuple[str, Cost], ...]
    counts: tuple[int, ...]
    moments: tuple[Moment, ...]
    elapsed_cycles: float | None = None

    @property
    def energy_pj(self) -> float:
        whole = sum(c.energy_pj * n for (_, c), n in zip(self.costs, self.counts))
        return whole if self.elapsed_cycles is None else whole - self._leakage * (1 - self._leakage_share)

    @property
    def cycles(self) -> float:
        return self._added_cycles if self.elapsed_cycles is None else self.elapsed_cycles

    @property
    def edp(self) -> float:
        return self.energy_pj * self.cycles

    @property
    def macs(self) -> int:
        return sum(c.macs * n for (_, c), n in zip(self.costs, self.counts))

    def peak_bits(self, memory: str) -> int:
        return max((m.bits(memory) for m in self.moments), default=0)

    @cached_property
    def energy_rows(self) -> tuple[EnergyRow, ...]:
        """Every part of `energy_pj`; problems that overlap leak for less time than alone."""
        rows = []
        for (name, cost), n in zip(self.costs, self.counts):
            rows += [EnergyRow(name, t.component, t.tensor, t.action, t.energy_pj * n) for t in cost.traffic]
            share = n * self._leakage_share
            rows += [EnergyRow(name, component, "", "leakage", e * share) for component, e in cost.leakage_pj]
        return tuple(rows)

    def energy_by(self, *keys: Key) -> dict[tuple[str, ...], float]:
        """Energy summed over everything but `keys`; the values sum to `energy_pj`."""
        table: dict[tuple[str, ...], float] = {}
        for row in self.energy_rows:
            key = tuple(getattr(row, k) for k in keys)
            table[key] = table.get(key, 0.0) + row.energy_pj
        return table

    @cached_property
    def _added_cycles(self) -> float:
        return sum(c.cycles * n for (_, c), n in zip(self.costs, self.counts))

    @cached_property
    def _leakage(self) -> float:
        return sum(e * n for (_, c), n in zip(self.costs, self.counts) for _, e in c.leakage_pj)

    @cached_property
    def _leakage_share(self) -> float:
        """Part of the problems' own leakage that is left when they overlap: static power times the time that passes."""
        if self.elapsed_cycles is None or not self._leakage:
            return 1.0
        leaking = sum(c.cycles * n for (_, c), n in zip(self.costs, self.counts) if c.leakage_pj)
        return min(1.0, self.elapsed_cycles / leaking) if leaking else 1.0

    def __str__(self) -> str:
        return f"{self.energy_pj:.6g} pJ, {self.cycles:.6g} cycles, EDP {self.edp:.6g} pJ*cycles"


def fused_cost(
    problems: Sequence[Problem],
    chips: Mapping[str, Architecture],
    mapping: MappingTree,
    *,
    persistent: frozenset[str] = frozenset(),
    counts: Mapping[str, int] | None = None,
    reversed_copies: bool = False,
    joined: Mapping[str, int] | None = None,
) -> FusedCost:
    """Evaluate a fused mapping. chips: the architecture as each problem meets it, by problem name.

    reversed_copies   copies charge reads to the target and writes to the source, as AccelForge 1.0 does
    joined            values of tensors that several problems write parts of
    Raises as `branches`. Legality is not asked.
    """
    found = branches(mapping, problems)
    model = LoopnestModel()
    rows: dict[str, list[tuple[Cost, int]]] = {}
    for b in found:
        chip = chips[b.layer.name]
        if b.problem.copy:
            cost = copy_cost(b.problem, chip, b.chain, reversed_actions=reversed_copies)
        else:
            cost = model.evaluate(b.problem, chip, b.chain)
        rows.setdefault(b.layer.name, []).append((cost, b.times))
    for name, loads in _loads(mapping, found, chips).items():
        rows[name] += [(cost, 1) for cost in loads]
    reserved = reservations_of(mapping, found, chips, persistent, counts, joined)
    costs = {name: own[0][0] if len(own) == 1 and own[0][1] == 1 else summed(own) for name, own in rows.items()}
    return FusedCost(
        tuple(costs.items()),
        tuple((counts or {}).get(name, 1) for name in costs),
        timeline(mapping, found, reserved),
        elapsed_cycles(mapping, found, costs, counts or {}) if _overlaps(mapping.nodes) else None,
    )


def _overlaps(nodes: Sequence[TreeNode]) -> bool:
    last = nodes[-1]
    if isinstance(last, Seq):
        return any(_overlaps(child) for child in last.children)
    return isinstance(last, Pipe | Par)


def _loads(mapping: MappingTree, found: Sequence[Branch], chips: Mapping[str, Architecture]) -> dict[str, list[Cost]]:
    """Per problem below tile loops what is loaded beside its tiles."""
    tiled = {b.layer.name: b for b in found if b.loops}
    by_name = {name: b.layer for name, b in tiled.items()}
    loads: dict[str, list[Cost]] = {}
    for path in paths_of(mapping):
        leaf = path[-1][1]
        assert isinstance(leaf, Compute)
        name, _ = leaf_problem(leaf, by_name)
        if name in tiled and name not in loads:
            own = loads_of(path, by_name[name], tiled[name].loops)
            loads[name] = [load_cost(x, by_name[name], chips[name]) for x in own]
    return loads


def copy_cost(problem: Problem, chip: Architecture, chain: MappingTree, *, reversed_actions: bool = False) -> Cost:
    """A copy moves every element once from the memory that backs its input to that of its output, if they differ."""
    moved = next(t for t in problem.tensors if not t.is_output)
    held = {name: hold.memory for hold in reversed(chain.holds) for name in hold.tensors}
    source, target = held[moved.name], held[problem.output.name]
    traffic: list[Traffic] = []
    busy: list[tuple[str, float]] = []
    if source != target:
        read, write = (target, source) if reversed_actions else (source, target)
        for name, tensor in ((read, moved), (write, problem.output)):
            memory, is_read = chip.memory(name), name == read
            port = memory.read if is_read else memory.write
            accesses = problem.size(tensor.name) * memory.bits_of(tensor) / port.width_bits
            traffic.append(
                Traffic(
                    component=name,
                    tensor=tensor.name,
                    action="read" if is_read else "write",
                    accesses=accesses,
                    accesses_per_instance=accesses,
                    energy_pj=accesses * port.energy_for(tensor),
                )
            )
            busy.append((name, accesses / port.accesses_per_cycle))
    return Cost(
        energy_pj=sum(t.energy_pj for t in traffic),
        cycles=max((c for _, c in busy), default=0.0),
        macs=0,
        utilization=0.0,
        traffic=tuple(traffic),
        cycles_by_component=tuple(busy),
    )
