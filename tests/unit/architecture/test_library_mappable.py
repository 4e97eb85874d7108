"""Every library design takes convolutions and GEMMs: the plainest mapping is legal and costs what its ports say."""

import pytest

from tileloom.architecture.load import list_architectures, load_architecture
from tileloom.architecture.model import Architecture, Memory
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.layers import conv2d, depthwise, gemm
from tileloom.workload.problem import Problem

NAMES = [name for name, _ in list_architectures()]
PROBLEMS = [
    conv2d("conv", K=4, C=3, H=6, W=6, R=3, S=3, pad=1),
    conv2d("conv16", K=4, C=3, H=6, W=6, R=3, S=3, stride=2, bits=16),
    depthwise("depthwise", channels=4, H=6, W=6, R=3, S=3, pad=1),
    gemm("gemm", M=4, N=5, K=6),
]


def plainest_mapping(problem: Problem, architecture: Architecture) -> MappingTree:
    """Everything in the outermost memory, all loops below it, single elements in every memory that must hold them."""
    unit = architecture.compute_for(problem)
    assert unit is not None
    outermost, *inner = (n for n in architecture.path(unit) if isinstance(n, Memory))
    nodes: list[Hold | Loop | Compute] = [Hold(tuple(t.name for t in problem.tensors), outermost.name)]
    nodes += [Loop(d.name, 1) for d in problem.dims if d.extent > 1]
    for memory in inner:
        kept = tuple(t.name for t in problem.tensors if memory.keep.has(t))
        nodes += [Hold(kept, memory.name)] if kept else []
    return MappingTree((*nodes, Compute(unit.name)))


# 16-bit values do not fit the one-byte weight registers of 8-bit chips unless those say how they store them.
@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)
@pytest.mark.parametrize("name", NAMES)
def test_the_plainest_mapping_is_legal_and_has_a_cost(name: str, problem: Problem) -> None:
    architecture = load_architecture(name)
    mapping = plainest_mapping(problem, architecture)
    assert [d for d in check_mapping(problem, architecture, mapping) if d.severity == "error"] == []
    cost = LoopnestModel().evaluate(problem, architecture, mapping)
    assert cost.macs == problem.macs
    assert cost.energy_pj > problem.macs * architecture.path(architecture.computes[-1])[-1].energy_pj  # type: ignore[union-attr]
    assert cost.cycles >= problem.macs


def test_energy_of_the_plainest_mapping_by_hand() -> None:
    # simple-2level, GEMM 4 x 5 x 6 of 8-bit values, one element at a time: 120 MACs.
    problem = PROBLEMS[3]
    architecture = load_architecture("simple-2level")
    cost = LoopnestModel().evaluate(problem, architecture, plainest_mapping(problem, architecture))
    by_memory = cost.energy_by("component")
    # DRAM, 200 pJ a value: each input and weight read 120 times; the output, loop K innermost over 20 elements, is
    # written back 120 times and read again 100 times (not on the first visit of each of the 20).
    assert by_memory[("DRAM",)] == pytest.approx(200 * (120 + 120 + 120 + 100))
    assert by_memory[("MAC",)] == pytest.approx(120)
