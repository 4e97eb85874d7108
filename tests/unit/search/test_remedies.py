"""Every remedy of a diagnostic does what it says: after doing it, its code is gone."""

import re
from dataclasses import replace

import pytest
from test_conformability_codes import CHIP, Strict

from tileloom.architecture.model import Architecture
from tileloom.mapping.tree import Compute, Hold, Loop, MappingTree
from tileloom.search import conformability
from tileloom.search.auto_rewrite import first_that_is_taken
from tileloom.search.conformability import diagnose
from tileloom.search.objective import Objective
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import rewrite

DILATED = conv2d("c", G=2, K=4, C=2, H=9, W=9, R=3, S=3, dilation=2, pad=1)
CONTRACTION = parse_einsum("C[a, b, c] += A[a, d, e, c] * B[e, b, d]", dict.fromkeys("abcde", 4), name="ccsd7")
WORK = gemm(M=4, N=4, K=4)
ALL = Hold(("I", "W", "O"), "DRAM")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = conformability.REGISTRIES["model"]
    with_strict = replace(registry, builtin={**registry.builtin, "strict": lambda: Strict})
    monkeypatch.setitem(conformability.REGISTRIES, "model", with_strict)


def codes(
    problem: Problem,
    mapping: MappingTree | None = None,
    model: str = "strict",
    chip: Architecture = CHIP,
    objective: Objective | None = None,
) -> dict[str, str]:
    return {d.code: d.fix for d in diagnose(problem, chip, mapping, model, objective=objective)}


@pytest.mark.parametrize("problem", [DILATED, CONTRACTION], ids=lambda p: p.name)
def test_every_model_that_is_named_does_not_have_the_fault(problem: Problem) -> None:
    tried = 0
    for code, fix in codes(problem, objective="latency").items():
        named = re.match(r"Choose model ([\w ]+?), or", fix)
        for model in named[1].split(" or ") if named else ():
            assert code not in codes(problem, model=model, objective="latency"), (code, model)
            tried += 1
    assert tried > 3


@pytest.mark.parametrize("model", ["neurospector", "maestro", "loopnest"])
def test_the_rewrite_that_is_named_is_taken(model: str) -> None:
    before = [d for d in diagnose(CONTRACTION, CHIP, None, model, "genetic") if d.code == "E-OP"]
    for d in before:
        name = re.search(r"--algorithm ([\w-]+)", d.fix)
        assert name is not None
        after = rewrite(CONTRACTION, name[1]).problem
        assert not [x for x in diagnose(after, CHIP, None, model, "genetic") if x.severity == "error"]
    found = first_that_is_taken(CONTRACTION, CHIP, model, "genetic")
    assert found is not None and (found.algorithm == "native") == (not before)


def test_pairs_conform_after_the_remedy() -> None:
    assert "E-DILATION" in codes(DILATED) and "im2col" in codes(DILATED)["E-DILATION"]
    assert "E-DILATION" not in codes(rewrite(DILATED, "im2col").problem)
    assert "E-GROUP" in codes(DILATED)
    assert "E-GROUP" not in codes(conv2d("one group", K=4, C=2, H=9, W=9, R=3, S=3))
    assert "minimise energy" in codes(WORK, objective="latency")["E-OBJ"]
    assert "E-OBJ" not in codes(WORK, objective="energy")
    assert "E-LEVELS" in codes(WORK)
    inner = replace(CHIP.memory("L2"), name="RF")
    deeper = replace(CHIP, nodes=(*CHIP.nodes[:-1], inner, CHIP.nodes[-1]))
    assert "E-LEVELS" not in codes(WORK, chip=deeper)
    three = parse_einsum("C[i] += A[i, k] * B[k] * D[i]", {"i": 3, "k": 2}, name="three")
    assert "E-NINPUT" in codes(three)
    for step, sizes in (("T[i] += A[i, k] * B[k]", {"i": 3, "k": 2}), ("C[i] += T[i] * D[i]", {"i": 3})):
        assert "E-NINPUT" not in codes(parse_einsum(step, sizes, name="step"))


L2 = Hold(("I", "W", "O"), "L2")
END = Compute("MAC")
BAD_AND_GOOD = {
    "E-RESID": ((ALL, L2, Loop("M", 3)), (ALL, L2, Loop("M", 2))),
    "E-BYPASS": ((ALL, Hold(("I", "W"), "L2")), (ALL, Hold(("I", "W"), "L2"), Hold(("O",), "L2"))),
    "E-UNEVEN": ((ALL, Hold(("I",), "L2"), Loop("M", 2), Hold(("W", "O"), "L2")), (ALL, Loop("M", 2), L2)),
    "E-AXIS": ((ALL, L2, Loop("M", 1, "PE", "X")), (ALL, L2, Loop("M", 1))),
    "E-ORDER": (
        (ALL, Loop("M", 1), Loop("N", 1), Loop("K", 1), L2),
        (ALL, Loop("M", 1), Loop("N", 1), L2, Loop("K", 1)),
    ),
}


@pytest.mark.parametrize("code", BAD_AND_GOOD)
def test_mappings_conform_after_the_remedy(code: str) -> None:
    bad, good = (closed(nodes) for nodes in BAD_AND_GOOD[code])
    assert code in codes(WORK, bad), codes(WORK, bad)
    assert code not in codes(WORK, good), codes(WORK, good)


def closed(nodes: tuple[object, ...]) -> MappingTree:
    """The nodes, loops that bring every dim to 1 behind their own hold, and the unit."""
    left = {"M": 4, "N": 4, "K": 4} | {n.dim: n.tile for n in nodes if isinstance(n, Loop)}
    rest = tuple(Loop(d, 1) for d, tile in left.items() if tile > 1)
    return MappingTree((*nodes, *rest, END))  # type: ignore[arg-type]
