"""A cost model that charges the same for every word at every memory, however large: a lower line to compare others with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tileloom.architecture.model import Architecture
from tileloom.cost.base import Cost, Profile, require_chain
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class WordsModel:
    """word_pj: energy of one access. Time and counts are those of `loopnest`; nothing leaks."""

    word_pj: float = 1.0

    name: ClassVar[str] = "words"
    profile: ClassVar[Profile] = Profile()

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        require_chain(mapping, self.name)
        counted = LoopnestModel().evaluate(problem, architecture, mapping)
        traffic = tuple(
            t if t.action == "compute" else replace(t, energy_pj=t.accesses * self.word_pj) for t in counted.traffic
        )
        energy = sum(t.energy_pj for t in traffic)
        return replace(counted, energy_pj=energy, traffic=traffic, leakage_pj=(), model=self.name)
