"""Graphs to fuse, from what else describes work: AccelForge files, a Network, or plain problems on one architecture."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.accelforge import AccelforgeArchitecture
from tileloom.architecture.notation.accelforge_numbers import ComponentNumbers
from tileloom.fusion.optimal.graph import FusedGraph, FusedLayer, Layout
from tileloom.fusion.optimal.space import single_memories
from tileloom.workload.frontends.accelforge import AccelforgeWorkload
from tileloom.workload.problem import Problem


def graph_of_accelforge(
    workload: AccelforgeWorkload,
    architecture: AccelforgeArchitecture,
    *,
    components: Mapping[str, ComponentNumbers] | None = None,
    min_usage: float | None = None,
    fuse: bool = True,
) -> FusedGraph:
    """Einsums in the order of the file, on the hardware that each meets. fuse=False: all tensors in main memory."""
    layers = []
    for einsum in workload.einsums:
        if fuse:
            chips = architecture.resolve_fused(einsum, components=components, min_usage=min_usage)
        else:
            chips = {frozenset(): architecture.resolve(einsum, components=components, min_usage=min_usage)}
        own = workload.persistent & {t.name for t in einsum.problem.tensors}
        layers.append(FusedLayer(einsum.problem, chips, own, einsum.n_instances))
    return FusedGraph(workload.name, tuple(layers))


def graph_of_problems(
    name: str,
    problems: Sequence[Problem],
    architecture: Architecture,
    *,
    pinned: Collection[str] = (),
    layouts: Mapping[str, Layout] | None = None,
    whole: Mapping[str, frozenset[str]] | None = None,
    notes: Sequence[str] = (),
) -> FusedGraph:
    """Problems in execution order on one architecture; a tensor of one name is the same tensor.

    A tensor that one problem writes and another reads may live in any memory of a single instance that takes it;
    every other tensor, and those `pinned`, starts and ends in the outermost memory. `whole`: per problem, dims that
    shared loops must not cut.
    """
    written = {p.output.name for p in problems}
    between = ({t.name for p in problems for t in p.inputs} & written) - set(pinned)
    backing = single_memories(architecture)
    layers = []
    for problem in problems:
        free = [
            t.name
            for t in problem.tensors
            if t.name in between and any(architecture.memory(m).allows(t) for m in backing)
        ]
        sets = [frozenset(c) for n in range(len(free) + 1) for c in combinations(sorted(free), n)]
        kept = (whole or {}).get(problem.name, frozenset())
        layers.append(FusedLayer(problem, dict.fromkeys(sets, architecture), whole=kept))
    return FusedGraph(name, tuple(layers), tuple(notes), dict(layouts or {}))
