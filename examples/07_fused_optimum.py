"""Three layers fused with proof: what stays on chip, what it saves, and what happens when the buffer shrinks."""

from __future__ import annotations

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.infeasible import with_capacity
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.mapping.text import to_text
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor


def tensor(name: str, role: Role, *dims: str) -> Tensor:
    return Tensor(name, role, tuple(Axis(((d, 1),)) for d in dims))


def matmul(name: str, a: str, out: str, m: int, k: int, n: int) -> Problem:
    tensors = (tensor(a, "input", "m", "k"), tensor(f"W_{name}", "weight", "k", "n"), tensor(out, "output", "m", "n"))
    return Problem(name, (Dim("m", m), Dim("k", k), Dim("n", n)), tensors)


chip = Architecture(
    "two levels",
    (
        Memory(name="DRAM", capacity_bits=None, read=Port(energy_pj=10.0), write=Port(energy_pj=10.0)),
        Memory(name="Buffer", capacity_bits=65536, read=Port(energy_pj=1.0), write=Port(energy_pj=1.0)),
        Compute(name="MAC", energy_pj=1.0),
    ),
)
layers = [
    matmul("up", "X", "A", 256, 64, 64),
    matmul("mix", "A", "B", 256, 64, 64),
    matmul("down", "B", "Y", 256, 64, 64),
]
graph = graph_of_problems("three matmuls", layers, chip)

result = fused_optimal(graph, "energy")
assert result.cost is not None and result.mapping is not None
print(to_text(result.mapping, layers))
print(f"{result.status}: {result.cost}; {1 - result.value / result.unfused:.1%} below layer by layer")

for bits in (262144, 16384, 1024, 4):
    smaller = fused_optimal(with_capacity(graph, "Buffer", bits), "energy")
    print(
        f"{bits:>7} bits: {smaller.value:.4g} pJ, kept {[t for t, _, _ in smaller.kept]} {'; '.join(smaller.reasons)}"
    )
