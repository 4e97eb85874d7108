"""Small problems, architectures and mappings that the tests of the mapping layer share."""

from __future__ import annotations

from tileloom.architecture.model import (
    EVERYTHING,
    NOTHING,
    Architecture,
    Fanout,
    FanoutAxis,
    Memory,
    Port,
    TensorSet,
)
from tileloom.architecture.model import Compute as Unit
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

PORT = Port(energy_pj=1.0)


def axis(*terms: str | tuple[str, int]) -> Axis:
    return Axis(tuple((t, 1) if isinstance(t, str) else t for t in terms))


def matmul(m: int, n: int, k: int, bits: int = 8) -> Problem:
    """Z[m, n] += A[m, k] * B[k, n]."""
    return Problem(
        "mm",
        (Dim("m", m), Dim("n", n), Dim("k", k)),
        (
            Tensor("A", "input", (axis("m"), axis("k")), bits),
            Tensor("B", "weight", (axis("k"), axis("n")), bits),
            Tensor("Z", "output", (axis("m"), axis("n")), bits),
        ),
        op="matmul",
    )


def conv(n: int, k: int, c: int, p: int, q: int, r: int, s: int, stride: int = 1) -> Problem:
    """O[n, k, p, q] += I[n, c, stride*p+r, stride*q+s] * W[k, c, r, s], 8 bits."""
    return Problem(
        "conv",
        tuple(Dim(d, e) for d, e in zip("nkcpqrs", (n, k, c, p, q, r, s), strict=True)),
        (
            Tensor("I", "input", (axis("n"), axis("c"), axis(("p", stride), "r"), axis(("q", stride), "s"))),
            Tensor("W", "weight", (axis("k"), axis("c"), axis("r"), axis("s"))),
            Tensor("O", "output", (axis("n"), axis("k"), axis("p"), axis("q"))),
        ),
        op="conv2d",
    )


def memory(
    name: str, bits: int | None = None, keep: TensorSet = NOTHING, may_keep: TensorSet = EVERYTHING, **more: object
) -> Memory:
    return Memory(name=name, capacity_bits=bits, read=PORT, write=PORT, keep=keep, may_keep=may_keep, **more)  # type: ignore[arg-type]


def two_level(glb_bits: int = 4096, glb: Memory | None = None, x: FanoutAxis | None = None) -> Architecture:
    """DRAM over a buffer over `x` multipliers in a row."""
    row = x or FanoutAxis(name="X", size=4)
    inner = glb or memory("GLB", glb_bits)
    return Architecture(
        "two-level", (memory("DRAM"), inner, Fanout(name="PE", axes=(row,)), Unit(name="MAC", energy_pj=1.0))
    )


def three_level(rf_bits: int = 512, glb_bits: int = 65536) -> Architecture:
    """DRAM, buffer, an array of 4 x 2, a register file and a multiplier in each place."""
    return Architecture(
        "three-level",
        (
            memory("DRAM"),
            memory("GLB", glb_bits),
            Fanout(name="PE", axes=(FanoutAxis(name="X", size=4), FanoutAxis(name="Y", size=2))),
            memory("RF", rf_bits),
            Unit(name="MAC", energy_pj=1.0),
        ),
    )


MATMUL = matmul(16, 8, 32)
MATMUL_MAPPING = MappingTree(
    (
        Hold(("A", "B", "Z"), "DRAM"),
        Loop("k", 8),
        Hold(("A", "Z"), "GLB"),
        Loop("m", 4),
        Loop("n", 4, "PE", "Y"),
        Loop("k", 2, "PE", "X"),
        Hold(("B",), "RF"),
        Loop("m", 1),
        Loop("n", 1),
        Loop("k", 1),
        Compute("MAC"),
    )
)
"""Legal on `three_level()`."""
