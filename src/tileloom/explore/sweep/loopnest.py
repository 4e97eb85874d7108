"""The bulk engine for model loopnest: a mapping per structure, its counts once, then prices for every design.

A structure is a size of the array, a bit width and a dataflow (a template, a mapping file, or what the mapper finds on
the base chip of that structure). All other fields belong to nodes; each variant of a node is read once, and a design
is one variant of every node.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Compute, Fanout, Memory, Node, Port
from tileloom.cost.counts import Counts as AccessCounts
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.explore.sources import load_mapping
from tileloom.explore.sweep.bulk import FRONT_ROOM, chosen_metrics, limits_of, strides
from tileloom.explore.sweep.chips import ChipMaker
from tileloom.explore.sweep.chunk import ChunkResult, Counts, Front, Rows
from tileloom.explore.sweep.fields import known_fields, node_of, structural
from tileloom.explore.sweep.loopnest_kernels import Nests, price_nests
from tileloom.explore.sweep.mapped import metrics_of
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.space import Space
from tileloom.explore.sweep.study import Study
from tileloom.explore.sweep.values import Value
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.residency import reservations
from tileloom.mapping.tree import MappingTree
from tileloom.search.driver import search_one
from tileloom.workload.problem import Problem

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Structure:
    """chip: with the base's other fields; jobs: (problem, mapping, its counts, how often it runs); none: refused."""

    chip: Architecture
    jobs: tuple[tuple[Problem, MappingTree, AccessCounts, int], ...]
    refused: str = ""


@dataclass
class LoopnestPlan:
    """A study made ready for designs that are architectures with fixed mappings."""

    study: Study
    structures: dict[int, Structure] = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        names = self.study.space.names
        return self.study.space.ordered([[n for n in names if self._shapes(n)]])

    def _shapes(self, name: str) -> bool:
        return name in ("bits", "dataflow") or ("." in name and structural(name, self.study.data))

    @cached_property
    def structural(self) -> tuple[int, ...]:
        names = [n for n in self.space.names if self._shapes(n)]
        return tuple(sorted({i for n in names for i in self.space.depends(n)}))

    @cached_property
    def maker(self) -> ChipMaker:
        assert self.study.chip is not None
        return ChipMaker(self.study.data, self.study.file, self.study.chip)

    @cached_property
    def fields(self) -> frozenset[str]:
        return frozenset(known_fields(self.study.data))

    def chip(self, values: dict[str, Value]) -> Architecture:
        return self.maker.chip_of({k: v for k, v in values.items() if k in self.fields})

    def content(self, values: dict[str, Value]) -> object:
        chip = self.chip(values)
        return [self.maker.content(chip), chip.frequency_hz, values.get("bits", 0), values.get("dataflow", "")]

    def structure(self, number: int) -> Structure:
        """The mapping of every problem for this combination of structural parameters."""
        if number not in self.structures:
            digits = [0] * len(self.space.radix)
            for i, d in zip(
                self.structural, Space(tuple(self.space.parameters[i] for i in self.structural)).digits(number)
            ):
                digits[i] = d
            values = {k: v for k, v in self.space.values_at(digits).items() if self._shapes(k)}
            self.structures[number] = self._structure(values)
        return self.structures[number]

    def _structure(self, values: dict[str, Value]) -> Structure:
        chip = self.chip(values)
        bits, jobs = int(values.get("bits", 0)), []
        for distinct in self.study.problems:
            problem = distinct.problem
            if bits:
                problem = replace(problem, tensors=tuple(replace(t, bits=bits) for t in problem.tensors))
            tree, reason = self._mapping(problem, chip, str(values.get("dataflow", "")))
            if tree is None:
                return Structure(chip, (), reason)
            jobs.append((problem, tree, count(problem, chip, tree), distinct.count))
        return Structure(chip, tuple(jobs))

    def _mapping(self, problem: Problem, chip: Architecture, dataflow: str) -> tuple[MappingTree | None, str]:
        given = self.study.given
        if given.mappings:
            tree = load_mapping(self.study.folder / (dataflow or given.mappings[0]), problem)
            # Capacities are asked of every design; here only what no capacity can mend counts.
            broken = [d for d in check_mapping(problem, roomy(chip), tree) if d.severity == "error"]
            return (None, "; ".join(map(str, broken))) if broken else (tree, "")
        name, options = given.mapper, dict(given.mapper_options)
        if given.dataflows:
            name, options = "template", {"template": dataflow or next(iter(given.dataflows))}
        found = search_one(problem, chip, given.objective, (name, "loopnest", options))
        return found.mapping, "; ".join(found.reasons)

    def chunk(self, start: int, stop: int) -> ChunkResult:
        """Designs start .. stop - 1: counts, their front, and rows of the designs that the study keeps."""
        nests = _Tables(self, start, stop).nests
        keep = {"front": 0, "valid": 1, "all": 2}[self.study.given.keep or "front"]
        room = stop - start if keep else 0
        kept_index, kept_metrics = np.empty(room, np.int64), np.empty((room, len(METRICS)))
        chosen, signs = chosen_metrics(self.study.objectives)
        low, high = limits_of(self.study)
        values, indices = np.empty((FRONT_ROOM, len(chosen))), np.empty(FRONT_ROOM, np.int64)
        counts = np.zeros(5, np.int64)
        size, kept, at = 0, 0, start
        while at < stop:
            at, size, kept = price_nests(
                at, stop, nests, low, high, chosen, signs, values, indices, size, counts, kept_index, kept_metrics, kept, keep
            )  # fmt: skip
            if at < stop:
                values, indices = (
                    np.vstack([values, np.empty_like(values)]),
                    np.hstack([indices, np.empty_like(indices)]),
                )
        order = np.argsort(indices[:size])
        front = Front(indices[:size][order], values[:size][order] * signs)
        rows = Rows(kept_index[:kept], kept_metrics[:kept])
        if not keep:
            metrics, one = np.empty((size, len(METRICS))), np.empty(1, np.int64)
            scratch = np.zeros(5, np.int64)
            for row, i in enumerate(front.indices):
                price_nests(
                    i, i + 1, nests, low, high, chosen, signs, values, indices, 0, scratch, one, metrics[row : row + 1], 0, 2
                )  # fmt: skip
            rows = Rows(front.indices, metrics)
        return ChunkResult(start, stop, Counts(*(int(c) for c in counts)), front, rows)

    def some(self, designs: tuple[int, ...]) -> ChunkResult:
        """Any designs, each through the model itself."""
        found = [self.single(i) for i in designs]
        metrics = np.array([m for m, _ in found]).reshape(len(found), len(METRICS))
        nothing = Front(np.zeros(0, np.int64), np.zeros((0, 0)))
        fits = tuple(f for _, f in found)
        counts = Counts(len(found), len(found), sum(fits))
        return ChunkResult(min(designs), max(designs) + 1, counts, nothing, Rows(np.array(designs), metrics), fits)

    def single(self, design: int) -> tuple[tuple[float, ...], bool]:
        """Metrics of one design by model loopnest, and whether its tiles fit."""
        values = self.space.values(design)
        structure = self.structure(design // prod(self.space.radix[len(self.structural) :]))
        if structure.refused or not structure.jobs:
            return (float("nan"),) * len(METRICS), False
        chip = self.chip(values)
        costs = [(LoopnestModel().evaluate(p, chip, tree), n) for p, tree, _, n in structure.jobs]
        energy, cycles = 0.0, 0.0
        for cost, n in costs:
            energy, cycles = energy + cost.energy_pj * n, cycles + cost.cycles * n
        fits = all(_fits(chip, _needs(p, chip, tree), p) for p, tree, _, _ in structure.jobs)
        return metrics_of(chip, energy, cycles, sum(p.macs * n for p, _, _, n in structure.jobs)), fits


def roomy(chip: Architecture) -> Architecture:
    """The chip with memories without limits."""
    nodes = tuple(replace(n, capacity_bits=None, partitions=()) if isinstance(n, Memory) else n for n in chip.nodes)
    return replace(chip, nodes=nodes)


def _needs(problem: Problem, chip: Architecture, tree: MappingTree) -> dict[str, list[tuple[str, int]]]:
    """Per memory (tensor, bits) of what it holds at once."""
    found: dict[str, list[tuple[str, int]]] = {}
    for memory, tensor, bits in reservations(problem, chip, tree):
        found.setdefault(memory, []).append((tensor, bits))
    return found


def _fits(chip: Architecture, needs: dict[str, list[tuple[str, int]]], problem: Problem) -> bool:
    return all(memory_fits(m, needs.get(m.name, []), problem) for m in chip.memories)


def memory_fits(memory: Memory, needs: list[tuple[str, int]], problem: Problem) -> bool:
    """Whether a memory holds that much; in one with partitions every part what is its own."""
    if memory.capacity_bits is None:
        return True
    if memory.partitions:
        return all(
            sum(bits for name, bits in needs if part.has(problem.tensor(name))) <= room
            for part, room in memory.partitions
        )
    return sum(bits for _, bits in needs) <= memory.capacity_bits


class _Tables:
    """Lays out `Nests` for a chunk."""

    def __init__(self, plan: LoopnestPlan, start: int, stop: int) -> None:
        self.plan, space = plan, plan.space
        inner = prod(space.radix[len(plan.structural) :])
        first, last = start // inner, (stop - 1) // inner + 1
        self.structures = [plan.structure(i) for i in range(first, last)]
        self.nodes: tuple[Node, ...] = plan.study.chip.nodes if plan.study.chip else ()
        self.variant = np.zeros((len(self.nodes) + 1, len(space.radix)), np.int64)
        self.variants = [self._variants(k, node) for k, node in enumerate(self.nodes)]
        self.node_at = np.cumsum([0, *(len(v) for v in self.variants)])[:-1].astype(np.int64)
        flat = [node for variants in self.variants for node in variants]
        self.row_node: list[int] = []
        self.row_at: list[int] = []
        self.row_energy: list[float] = []
        self.busy: list[float] = []
        self.fits: list[int] = []
        rows, busy_at, fits_at = [0], [], []
        problems = len(plan.study.problems)
        for s in self.structures:
            for job in s.jobs or [None] * problems:
                busy_at.append(self._job(job))
                rows.append(len(self.row_node))
            fits_at.append([self._fit(s, k) for k in range(len(self.nodes))])
        units = [k for k, n in enumerate(self.nodes) if isinstance(n, Compute)]
        self.nests = Nests(
            base=first,
            radix=np.array(space.radix, np.int64),
            structure=strides(space, plan.structural),
            variant=self.variant,
            refused=np.array([int(not s.jobs) for s in self.structures], np.int64),
            weight=np.array([float(d.count) for d in plan.study.problems]),
            macs=float(sum(d.problem.macs * d.count for d in plan.study.problems)),
            rows=np.array(rows, np.int64),
            row_node=np.array(self.row_node, np.int64),
            row_at=np.array(self.row_at, np.int64),
            row_energy=np.array(self.row_energy, np.float64),
            busy_at=np.array(busy_at, np.int64),
            busy=np.array(self.busy, np.float64),
            node_at=self.node_at,
            leakage=np.array([getattr(n, "leakage_pj_per_cycle", 0.0) for n in flat], np.float64),
            area=np.array([getattr(n, "area_mm2", 0.0) for n in flat], np.float64),
            rate=np.array([getattr(n, "ops_per_cycle", 0.0) for n in flat], np.float64),
            instances=np.array([[float(s.chip.instances(n)) for n in s.chip.nodes] for s in self.structures]),
            fits_at=np.array(fits_at, np.int64),
            fits=np.array(self.fits, np.int64),
            frequency=self._clock(),
            unit=units[-1],
        )

    def _names(self, node: Node | None) -> list[str]:
        """Parameters that a node's variants depend on: its own and those of the whole chip."""
        names = [n for n in self.plan.space.names if n in self.plan.fields and not self.plan._shapes(n)]
        return [n for n in names if "." not in n or (node is not None and node_of(n) == node.name)]

    def _variants(self, k: int, node: Node) -> list[Node]:
        """Every variant of a node, in the order of its number; a fanout has one, as sizes are structure."""
        if isinstance(node, Fanout):
            return [node]
        return [chip.nodes[k] for chip in self._chips(k, self._names(node))]

    def _clock(self) -> Floats:
        return np.array([c.frequency_hz for c in self._chips(len(self.nodes), self._names(None))], np.float64)

    def _chips(self, row: int, names: list[str]) -> list[Architecture]:
        space = self.plan.space
        at = tuple(sorted({i for n in names for i in space.depends(n)}))
        self.variant[row] = strides(space, at)
        small = Space(tuple(space.parameters[i] for i in at), tuple(li for li in space.links if li.name in names))
        found = []
        for number in range(small.size):
            values = small.values(number)
            found.append(self.plan.chip({n: values[n] for n in names}))
        return found

    def _job(self, job: tuple[Problem, MappingTree, AccessCounts, int] | None) -> list[int]:
        """Rows and busy times of one problem; positions of the latter per node."""
        busy_at = [-1] * len(self.nodes)
        if job is None:
            return busy_at
        problem, tree, counts, _ = job
        at = {node.name: k for k, node in enumerate(self.nodes) if isinstance(node, Memory)}
        for access in counts.accesses:
            k = at[access.memory]
            for side in ("read", "write"):
                values = access.reads if side == "read" else access.writes
                self._row(k, [_energy(problem, v, access.tensor, side, values) for v in self.variants[k]])
        unit = next(k for k, n in enumerate(self.nodes) if isinstance(n, Compute) and n.name == tree.nodes[-1].unit)  # type: ignore[union-attr]
        self._row(unit, [_times(counts.macs, v.energy_pj) for v in self.variants[unit] if isinstance(v, Compute)])
        for k, node in enumerate(self.nodes):
            if isinstance(node, Memory):
                busy_at[k] = len(self.busy)
                self.busy += [_busy(problem, v, counts) for v in self.variants[k] if isinstance(v, Memory)]
        busy_at[unit] = len(self.busy)
        self.busy += [counts.steps / v.ops_per_cycle for v in self.variants[unit] if isinstance(v, Compute)]
        return busy_at

    def _row(self, node: int, energies: list[float]) -> None:
        self.row_node.append(node)
        self.row_at.append(len(self.row_energy))
        self.row_energy += energies

    def _fit(self, structure: Structure, k: int) -> int:
        """Where it stands for every variant whether the tiles of all problems fit; -1 where there is nothing to ask."""
        node = self.nodes[k]
        if not isinstance(node, Memory) or node.capacity_bits is None or not structure.jobs:
            return -1
        needs = [(p, _needs(p, structure.chip, tree).get(node.name, [])) for p, tree, _, _ in structure.jobs]
        at = len(self.fits)
        self.fits += [
            int(isinstance(v, Memory) and all(memory_fits(v, need, p) for p, need in needs)) for v in self.variants[k]
        ]
        return at


def _times(amount: float, price: float) -> float:
    return amount * price if amount and price else 0.0


def _energy(problem: Problem, memory: Node, name: str, side: str, values: int) -> float:
    assert isinstance(memory, Memory)
    tensor, port = problem.tensor(name), memory.read if side == "read" else memory.write
    return _times(values * memory.bits_of(tensor) / port.width_bits, port.energy_for(tensor))


def _busy(problem: Problem, memory: Memory, counts: AccessCounts) -> float:
    """Busy cycles of a memory, added up as the model does."""
    mine = [a for a in counts.accesses if a.memory == memory.name]

    def side(port: Port, each: list[tuple[str, int]]) -> float:
        total = sum(n * memory.bits_of(problem.tensor(name)) / port.width_bits for name, n in each)
        return total / port.accesses_per_cycle

    read = side(memory.read, [(a.tensor, a.reads_per_instance) for a in mine])
    write = side(memory.write, [(a.tensor, a.writes_per_instance) for a in mine])
    return read + write if memory.ports == "shared" else max(read, write)
