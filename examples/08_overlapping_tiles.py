"""Two convolutions whose tiles overlap: made again, kept, or chosen per tensor, on a buffer too small for the whole map."""

from __future__ import annotations

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.halo_plan import HaloMode, HaloOptions
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.mapping.text import to_text
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

POSITIONS, KERNEL, CHANNELS = 32, 3, 2


def conv(name: str, source: str, out: str, positions: int) -> Problem:
    """A convolution along one axis."""
    k, c, p = (Axis(((d, 1),)) for d in "kcp")
    tensors = (
        Tensor(source, "input", (c, Axis((("p", 1), ("r", 1))))),
        Tensor(f"W_{name}", "weight", (k, c, Axis((("r", 1),)))),
        Tensor(out, "output", (k, p)),
    )
    dims = (Dim("k", CHANNELS), Dim("c", CHANNELS), Dim("p", positions), Dim("r", KERNEL))
    return Problem(name, dims, tensors)


def chip(bits: int) -> Architecture:
    slow, fast = Port(energy_pj=10.0, width_bits=8), Port(energy_pj=1.0, width_bits=8)
    return Architecture(
        "two levels",
        (
            Memory(name="DRAM", capacity_bits=None, read=slow, write=slow),
            Memory(name="Buffer", capacity_bits=bits, read=fast, write=fast),
            Compute(name="MAC", energy_pj=1.0),
        ),
    )


layers = [conv("first", "X", "T", POSITIONS + KERNEL - 1), conv("last", "T", "Y", POSITIONS)]


def best(bits: int, mode: HaloMode) -> FusedResult:
    graph = graph_of_problems("two convolutions", layers, chip(bits))
    return fused_optimal(graph, "energy", halo=HaloOptions(mode, (4,), (4,)), max_fused_loops=1)


print("bits   whole maps only   made again   kept   chosen per tensor")
for bits in (300, 400, 600, 2000):
    print(bits, *(f"{best(bits, mode).value:.0f}" for mode in ("none", "recompute", "full", "any")))

result = best(400, "any")
assert result.mapping is not None and result.cost is not None
print(to_text(result.mapping, layers))
print(f"{result.status}: {result.cost}; at most {result.cost.peak_bits('Buffer')} bits of the buffer")
for t in result.tiles:
    print(
        f"{t.tensor}: {t.trips} windows of at most {t.window} positions, overlap {t.overlap} in {t.strip or 'no memory'}"
    )
