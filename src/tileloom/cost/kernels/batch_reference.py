"""The slow twin of batch.py: builds each candidate's mapping and asks the model and the space rule. It defines meaning."""

from __future__ import annotations

from math import inf

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture
from tileloom.cost.counts import count
from tileloom.cost.kernels.batch import BatchCost
from tileloom.cost.kernels.template import BatchTemplate, mapping_of
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.legality import capacity_faults
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem


def evaluate_batch_reference(template: BatchTemplate, factors: npt.NDArray[np.int64]) -> BatchCost:
    """As batch.evaluate_batch, one candidate after another."""
    n, rows = len(factors), len(template.rows)
    cost = BatchCost(
        np.full(n, inf), np.full(n, inf), np.zeros(n, dtype=np.bool_), np.zeros((n, rows)), np.zeros((n, rows))
    )
    for i, candidate in enumerate(factors):
        if not _covers(template, candidate):
            continue
        mapping = mapping_of(template, candidate)
        counts = count(template.problem, template.architecture, mapping)
        for k, (memory, tensor) in enumerate(template.rows):
            row = counts.at(memory, tensor)
            cost.reads[i, k], cost.writes[i, k] = row.reads, row.writes
        if fits(template.problem, template.architecture, mapping):
            found = LoopnestModel().evaluate(template.problem, template.architecture, mapping)
            cost.valid[i], cost.energy_pj[i], cost.cycles[i] = True, found.energy_pj, found.cycles
    return cost


def fits(problem: Problem, architecture: Architecture, mapping: MappingTree) -> bool:
    """Every axis has enough instances and every tile fits its memory or partition."""
    used = {(f, a): n for f, a, n in count(problem, architecture, mapping).spatial_use}
    wide = all(used[f.name, a.name] <= a.size for f in architecture.fanouts for a in f.axes)
    return wide and not any(capacity_faults(problem, architecture, mapping))


def _covers(template: BatchTemplate, candidate: npt.NDArray[np.int64]) -> bool:
    product = dict.fromkeys(template.problem.extents, 1)
    for loop, factor in zip(template.loops, candidate):
        product[loop.dim] *= int(factor)
    return product == template.problem.extents and bool((candidate > 0).all())
