"""Every code of a profile has a message with place, numbers and remedy; all come at once; rewrites are offered."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.architecture.model import Architecture
from tileloom.core.errors import UnsupportedError
from tileloom.cost.base import Cost, Profile
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree
from tileloom.search import conformability
from tileloom.search.auto_rewrite import first_that_is_taken
from tileloom.search.conformability import diagnose
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem

CHIP = parse_architecture("""
name: chip
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}
- {memory: L2, size_bits: 80000, access: {energy_pj: 2, width_bits: 8}}
- fanout: PE
  axes: [{name: X, size: 4}]
- {compute: MAC, energy_pj: 0.5}
""")


@dataclass(frozen=True)
class Strict:
    """A model that takes as little as a profile can say."""

    name: ClassVar[str] = "strict"
    profile: ClassVar[Profile] = Profile(
        operations=("conv2d",), max_inputs=2, max_terms_per_axis=1, min_memories=3, imperfect=False, bypass=False, uneven=False,
        spatial=False, groups=False, dilation=False, padding=False, orders="reuse", objectives=("energy",),
    )  # fmt: skip

    def evaluate(self, problem: Problem, architecture: Architecture, mapping: MappingTree) -> Cost:
        raise UnsupportedError("strict")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = conformability.REGISTRIES["model"]
    with_strict = replace(registry, builtin={**registry.builtin, "strict": lambda: Strict})
    monkeypatch.setitem(conformability.REGISTRIES, "model", with_strict)


def told(problem: Problem, mapping: MappingTree | None = None, **asked: object) -> dict[str, str]:
    found = diagnose(problem, CHIP, mapping, "strict", **asked)  # type: ignore[arg-type]
    return {d.code: str(d) for d in found}


def test_what_a_model_does_not_take_comes_all_at_once() -> None:
    layer = conv2d("c", G=2, K=4, C=2, H=9, W=9, R=3, S=3, dilation=2, pad=1)
    found = told(layer, objective="latency")
    assert set(found) >= {"E-GROUP", "E-DILATION", "E-PAD", "E-NONAFFINE", "E-LEVELS", "E-OBJ"}
    assert "takes one group; 'c' has G=2. Choose model loopnest" in found["E-GROUP"]
    assert "takes dense filters; I is indexed by Q+2*S" in found["E-DILATION"]
    assert "(warning)" in found["E-PAD"] and "1+1 positions" in found["E-PAD"]
    assert "knows the objective energy, not latency" in found["E-OBJ"]
    assert "at least 3 memories; the way to the compute unit has 2 (DRAM, L2)" in found["E-LEVELS"]


def test_an_operation_is_refused_with_the_rewrite_that_is_taken() -> None:
    contraction = parse_einsum("C[a, b, c] += A[a, d, e, c] * B[e, b, d]", dict.fromkeys("abcde", 4), name="ccsd7")
    (found,) = [d for d in diagnose(contraction, CHIP, model="neurospector", mapper="genetic") if d.code == "E-OP"]
    assert "rewrite it with --algorithm ttgt (GEMM M=16 N=4 K=16; check does it with --auto-rewrite)" in found.fix
    rewritten = first_that_is_taken(contraction, CHIP, "neurospector", "genetic")
    assert rewritten is not None and rewritten.label == "ttgt"
    native = first_that_is_taken(contraction, CHIP, "loopnest")
    assert native is not None and native.algorithm == "native"
    three = parse_einsum("C[i] += A[i, k] * B[k] * D[i]", {"i": 3, "k": 2}, name="three")
    assert first_that_is_taken(three, CHIP, "neurospector", "genetic") is None
    assert "3" in told(three)["E-NINPUT"]


def test_what_a_mapping_has_that_the_model_does_not() -> None:
    work = gemm(M=5, N=4, K=4)
    names = ("I", "W", "O")
    tree = MappingTree(
        (
            Hold(names, "DRAM"), Loop("M", 2), Loop("N", 2), Loop("K", 2), Hold(("I",), "L2"), Loop("M", 1), Hold(("W",), "L2"),
            Joint((Loop("N", 1, "PE", "X"), Loop("K", 1, "PE", "X"))), Compute("MAC"),
        )
    )  # fmt: skip
    found = told(work, tree)
    assert set(found) >= {"E-RESID", "E-BYPASS", "E-UNEVEN", "E-JOINT", "E-AXIS", "E-ORDER", "E-OP"}
    assert "5 of 'M' in steps of 2 leave a remainder" in found["E-RESID"]
    assert "O bypasses 'L2'" in found["E-BYPASS"]
    assert "not the order of M N K" in found["E-ORDER"]
    assert "no loops that advance together (dims N, K)" in found["E-JOINT"]
    assert "has no loops in space" in found["E-AXIS"]
    assert "holds the tensors of a memory at one boundary" in found["E-UNEVEN"]
