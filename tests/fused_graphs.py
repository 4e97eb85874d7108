"""Random small graphs of problems, and chips, for tests of fused mappings."""

from __future__ import annotations

from random import Random

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor

Shape = tuple[int, ...]


def tensor(name: str, role: Role, *axes: str) -> Tensor:
    """'p+r' is one axis indexed by a sum."""
    return Tensor(name, role, tuple(Axis(tuple((d, 1) for d in a.split("+"))) for a in axes))


def problem(name: str, dims: dict[str, int], *tensors: Tensor, copy: bool = False, op: str = "einsum") -> Problem:
    return Problem(name, tuple(Dim(d, n) for d, n in dims.items()), tensors, copy=copy, op=op)


def matmul(name: str, a: str, b: str, out: str, m: int = 2, k: int = 2, n: int = 2) -> Problem:
    tensors = (tensor(a, "input", "m", "k"), tensor(b, "weight", "k", "n"), tensor(out, "output", "m", "n"))
    return problem(name, {"m": m, "k": k, "n": n}, *tensors)


def elementwise(name: str, inputs: list[str], out: str, m: int = 2, n: int = 2) -> Problem:
    read = [tensor(t, "input", "m", "n") for t in inputs]
    return problem(name, {"m": m, "n": n}, *read, tensor(out, "output", "m", "n"), op="elementwise")


def copy_of(name: str, source: str, out: str, m: int = 2, n: int = 2) -> Problem:
    both = tensor(source, "input", "m", "n"), tensor(out, "output", "m", "n")
    return problem(name, {"m": m, "n": n}, *both, copy=True)


def two_memories(bits: int | None = None, *, near_per_cycle: float = 4.0) -> Architecture:
    far = Port(energy_pj=10.0, accesses_per_cycle=4.0)
    near = Port(energy_pj=1.0, accesses_per_cycle=near_per_cycle)
    nodes = (
        Memory(name="DRAM", capacity_bits=None, read=far, write=far),
        Memory(name="GB", capacity_bits=bits, read=near, write=near),
        Compute(name="MAC", energy_pj=1.0),
    )
    return Architecture("two memories", nodes)


def three_memories(bits: int | None = None, inner_bits: int | None = None) -> Architecture:
    outer = two_memories(bits)
    port = Port(energy_pj=0.25)
    inner = Memory(name="L1", capacity_bits=inner_bits, read=port, write=port)
    return Architecture("three memories", (*outer.nodes[:2], inner, outer.nodes[2]))


def random_problems(
    random: Random, most: int = 4, *, sizes: tuple[int, ...] = (1, 2), copies: bool = True
) -> list[Problem]:
    """2 to `most` problems in execution order: products, residual sums, products of activations, windows and copies.

    Every problem after the first reads at least one tensor that another wrote; extents are of `sizes`.
    """
    shapes: dict[str, Shape] = {}
    found: list[Problem] = []
    for i in range(random.randint(2, most)):
        out = f"T{i}"
        fresh = random.choice(list(shapes)) if shapes else "X"
        if fresh == "X":
            shapes["X"] = (random.choice(sizes), random.choice(sizes))
        if i > 1 and random.random() < 0.2:
            fresh = "X"
        m, n = shapes[fresh]
        alike = [t for t, s in shapes.items() if s == (m, n) and t != fresh]
        columns = [t for t, s in shapes.items() if s[1] == n and t != fresh]
        kinds = ["matmul", "matmul"] + ["sum"] * bool(alike) + ["scores"] * bool(columns) + ["window"] * (m > 1)
        kinds += ["unary"] + ["copy"] * copies
        kind = random.choice(kinds)
        name = f"p{i}"
        if kind == "matmul":
            k = random.choice(sizes)
            found.append(matmul(name, fresh, f"W{i}", out, m, n, k))
            shapes[out] = (m, k)
        elif kind == "sum":
            found.append(elementwise(name, [fresh, random.choice(alike)], out, m, n))
            shapes[out] = (m, n)
        elif kind == "scores":
            other = random.choice(columns)
            p = shapes[other][0]
            tensors = (
                tensor(fresh, "input", "m", "e"),
                tensor(other, "input", "p", "e"),
                tensor(out, "output", "m", "p"),
            )
            found.append(problem(name, {"m": m, "p": p, "e": n}, *tensors))
            shapes[out] = (m, p)
        elif kind == "window":
            tensors = (
                tensor(fresh, "input", "p+r", "c"),
                tensor(f"W{i}", "weight", "r"),
                tensor(out, "output", "p", "c"),
            )
            found.append(problem(name, {"p": m - 1, "r": 2, "c": n}, *tensors))
            shapes[out] = (m - 1, n)
        elif kind == "unary":
            found.append(elementwise(name, [fresh], out, m, n))
            shapes[out] = (m, n)
        else:
            found.append(copy_of(name, fresh, out, m, n))
            shapes[out] = (m, n)
    return found
