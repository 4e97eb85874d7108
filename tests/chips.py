"""Small architectures for search tests, in code: each exercises one feature of the space."""

from __future__ import annotations

from mapping_cases import axis, matmul
from tileloom.architecture.model import (
    EVERYTHING,
    NOTHING,
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    Port,
    TensorSet,
)
from tileloom.workload.problem import Dim, Problem, Tensor

__all__ = ["array", "axis", "conv", "matmul", "port", "transposed_conv", "two_level"]


def port(energy: float, rate: float = float("inf"), width: float = 1.0) -> Port:
    return Port(energy_pj=energy, accesses_per_cycle=rate, width_bits=width)


def two_level(buffer_bits: int = 256, **buffer: object) -> Architecture:
    """DRAM, one buffer that may hold anything, one MAC."""
    return Architecture(
        "two-level",
        (
            Memory(name="DRAM", capacity_bits=None, read=port(10, 16), write=port(11, 16), keep=EVERYTHING),
            Memory(name="Buffer", capacity_bits=buffer_bits, read=port(1, 32), write=port(1.5, 32), **buffer),  # type: ignore[arg-type]
            Compute(name="MAC", energy_pj=0.5),
        ),
    )


def array(
    *,
    x: FanoutAxis | None = None,
    y: FanoutAxis | None = None,
    buffer_bits: int = 512,
    spad_bits: int = 64,
    spad_keep: TensorSet = NOTHING,
    spad_may: TensorSet = EVERYTHING,
) -> Architecture:
    """DRAM, buffer, X x Y array of PEs with a scratchpad each."""
    axes = (x or FanoutAxis(name="X", size=4), y or FanoutAxis(name="Y", size=2))
    return Architecture(
        "array",
        (
            Memory(name="DRAM", capacity_bits=None, read=port(100, 16), write=port(110, 12), keep=EVERYTHING),
            Memory(name="Buffer", capacity_bits=buffer_bits, read=port(6, 64), write=port(7, 32), ports="separate"),
            Fanout(name="Array", axes=axes),
            Memory(
                name="Spad", capacity_bits=spad_bits, read=port(1, 16), write=port(1.25, 16),
                keep=spad_keep, may_keep=spad_may, leakage_pj_per_cycle=0.125,
            ),
            Compute(name="MAC", energy_pj=0.5),
        ),
    )  # fmt: skip


def conv(p: int, q: int, c: int, k: int, r: int, s: int, stride: int = 1, bits: int = 8) -> Problem:
    return Problem(
        "conv",
        tuple(Dim(n, e) for n, e in (("p", p), ("q", q), ("c", c), ("k", k), ("r", r), ("s", s))),
        (
            Tensor("I", "input", (axis("c"), axis(("p", stride), "r"), axis(("q", stride), "s")), bits),
            Tensor("W", "weight", (axis("k"), axis("c"), axis("r"), axis("s")), bits),
            Tensor("O", "output", (axis("k"), axis("p"), axis("q")), bits),
        ),
        op="conv2d",
    )


def transposed_conv(p: int, c: int, k: int, r: int, stride: int = 2) -> Problem:
    """Halo on the output: O[k, stride * p + r] += I[c, p] * W[c, k, r]."""
    return Problem(
        "transposed",
        tuple(Dim(n, e) for n, e in (("p", p), ("c", c), ("k", k), ("r", r))),
        (
            Tensor("I", "input", (axis("c"), axis("p"))),
            Tensor("W", "weight", (axis("c"), axis("k"), axis("r"))),
            Tensor("O", "output", (axis("k"), axis(("p", stride), "r"))),
        ),
        op="conv_transpose",
    )
