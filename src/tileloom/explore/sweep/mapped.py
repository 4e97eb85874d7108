"""The mapped engine: the best mapping of every design, found together where designs share their structure.

With mapper `optimal` and model `loopnest` designs that differ in energies, sizes and throughputs only are searched
together (shared.py); any other mapper and model is asked design by design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import nan

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Compute, Fanout
from tileloom.core.errors import UnsupportedError
from tileloom.cost.counts import count
from tileloom.cost.models.loopnest import compute_unit
from tileloom.explore.sweep.bulk import limits_of
from tileloom.explore.sweep.chips import ChipMaker, structures_of, together
from tileloom.explore.sweep.chunk import ChunkResult, Counts, Front, Rows
from tileloom.explore.sweep.fields import known_fields, structural
from tileloom.explore.sweep.pricing import price
from tileloom.explore.sweep.schema import METRICS
from tileloom.explore.sweep.shared import SharedSearch
from tileloom.explore.sweep.space import Space
from tileloom.explore.sweep.study import Study
from tileloom.explore.sweep.values import Value
from tileloom.mapping.tree import MappingTree
from tileloom.search.driver import search_one
from tileloom.workload.problem import Problem

Floats = npt.NDArray[np.float64]


@dataclass
class Answers:
    """Of one problem on every chip of a batch: nan where nothing fits; status as in SearchResult."""

    energy_pj: Floats
    cycles: Floats
    status: list[str]


@dataclass
class MappedPlan:
    """A study made ready for the mapped engine."""

    study: Study
    problems: dict[int, tuple[tuple[Problem, int], ...]] = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        """What changes the structure outermost, so that chunks share it."""
        names = self.study.space.names
        return self.study.space.ordered(
            [["bits", *(n for n in names if n != "bits" and structural(n, self.study.data))]]
        )

    @cached_property
    def maker(self) -> ChipMaker:
        assert self.study.chip is not None
        return ChipMaker(self.study.data, self.study.file, self.study.chip)

    @property
    def shares(self) -> bool:
        """Whether designs are searched together."""
        given = self.study.given
        return given.mapper == "optimal" and given.model == "loopnest" and not set(given.mapper_options) - {"tie_break"}

    def chip(self, values: dict[str, Value]) -> Architecture:
        return self.maker.chip_of({k: v for k, v in values.items() if k in self.fields})

    @cached_property
    def fields(self) -> frozenset[str]:
        return frozenset(known_fields(self.study.data))

    def workload(self, values: dict[str, Value]) -> tuple[tuple[Problem, int], ...]:
        bits = int(values.get("bits", 0))
        if bits not in self.problems:
            self.problems[bits] = tuple(
                (replace(d.problem, tensors=tuple(replace(t, bits=bits or t.bits) for t in d.problem.tensors)), d.count)
                for d in self.study.problems
            )
        return self.problems[bits]

    def content(self, values: dict[str, Value]) -> object:
        """The chip itself, so that two ways to say the same chip are one design."""
        chip = self.chip(values)
        return [self.maker.content(chip), chip.frequency_hz, values.get("bits", 0)]

    def chunk(self, start: int, stop: int) -> ChunkResult:
        return self.some(tuple(range(start, stop)))

    def some(self, designs: tuple[int, ...]) -> ChunkResult:
        """Any designs, every one of which is kept."""
        chosen = [self.space.values(i) for i in designs]
        chips = [self.chip(v) for v in chosen]
        metrics = np.full((len(designs), len(METRICS)), nan)
        status = ["infeasible"] * len(designs)
        batches: dict[object, list[int]] = {}
        for row, (structure, values) in enumerate(zip(structures_of(chips), chosen)):
            batches.setdefault((structure, values.get("bits", 0)), []).append(row)
        for rows in batches.values():
            own = [chips[r] for r in rows]
            found = [(self.answers(problem, own), n) for problem, n in self.workload(chosen[rows[0]])]
            workload = self.workload(chosen[rows[0]])
            macs = sum(p.macs * n for p, n in workload)
            # Chips of one structure have the same fanouts.
            copies = [own[0].instances(n) for n in own[0].nodes]
            for k, row in enumerate(rows):
                status[row] = _worst([answers.status[k] for answers, _ in found])
                if status[row] != "infeasible":
                    energy = sum(float(a.energy_pj[k]) * n for a, n in found)
                    cycles = sum(float(a.cycles[k]) * n for a, n in found)
                    metrics[row] = metrics_of(own[k], energy, cycles, macs, copies)
        low, high = limits_of(self.study)
        fine = np.array([s != "infeasible" for s in status], bool)
        valid = fine & ((metrics >= low) & (metrics <= high)).all(axis=1)
        counts = Counts(len(designs), int(fine.sum()), int(valid.sum()), 0, int((~fine).sum()))
        nothing = Front(np.zeros(0, np.int64), np.zeros((0, 0)))
        rows_kept = Rows(np.array(designs, np.int64), metrics, (("status", tuple(status)),))
        return ChunkResult(designs[0], designs[-1] + 1, counts, nothing, rows_kept)

    def answers(self, problem: Problem, chips: Sequence[Architecture]) -> Answers:
        """The best mapping's energy and cycles on every chip of one structure."""
        if self.shares and not problem.copy and any(e > 1 for e in problem.extents.values()):
            return _together(problem, chips, self.study)
        return self._one_by_one(problem, chips)

    def _one_by_one(self, problem: Problem, chips: Sequence[Architecture]) -> Answers:
        given = self.study.given
        choice = (given.mapper, given.model, dict(given.mapper_options))
        found = [search_one(problem, chip, given.objective, choice) for chip in chips]
        return Answers(
            np.array([r.cost.energy_pj if r.cost else nan for r in found]),
            np.array([r.cost.cycles if r.cost else nan for r in found]),
            [r.status for r in found],
        )

    def mappings(self, values: dict[str, Value]) -> list[tuple[Problem, MappingTree | None]]:
        """The best mapping of every problem on one design."""
        chip, given = self.chip(values), self.study.given
        choice = (given.mapper, given.model, dict(given.mapper_options))
        return [(p, search_one(p, chip, given.objective, choice).mapping) for p, _ in self.workload(values)]


def _together(problem: Problem, chips: Sequence[Architecture], study: Study) -> Answers:
    try:
        trees = SharedSearch(problem, chips, study.given.objective).solve()
    except UnsupportedError:
        trees = [None] * len(chips)
    energy, cycles = np.full(len(chips), nan), np.full(len(chips), nan)
    by_tree: dict[int, list[int]] = {}
    for k, tree in enumerate(trees):
        if tree is not None:
            by_tree.setdefault(id(tree), []).append(k)
    for rows in by_tree.values():
        tree = trees[rows[0]]
        assert tree is not None
        own = together([chips[k] for k in rows])
        counts = count(problem, chips[rows[0]], tree)
        priced = price(problem, own, len(rows), counts, compute_unit(problem, own, tree))
        energy[rows], cycles[rows] = priced.energy_pj, priced.cycles
    return Answers(energy, cycles, ["infeasible" if t is None else "optimal" for t in trees])


def metrics_of(
    chip: Architecture, energy_pj: float, cycles: float, macs: int, instances: Sequence[int] | None = None
) -> tuple[float, ...]:
    """In the order of METRICS. Power is the mean over the run: energy / cycles * clock.

    instances   copies of every node, where they are known
    """
    copies = instances or [chip.instances(n) for n in chip.nodes]
    area = sum(n.area_mm2 * i for n, i in zip(chip.nodes, copies) if not isinstance(n, Fanout))
    units = [(n, i) for n, i in zip(chip.nodes, copies) if isinstance(n, Compute)]
    peak = units[-1][0].ops_per_cycle * units[-1][1]
    power_mw = energy_pj / cycles * chip.frequency_hz * 1e-9 if cycles else 0.0
    used = macs / (cycles * peak) if cycles and peak else 0.0
    return cycles, energy_pj, area, power_mw, energy_pj * cycles, used


def _worst(status: Sequence[str]) -> str:
    for one in ("infeasible", "stopped", "feasible"):
        if one in status:
            return one
    return "optimal"
