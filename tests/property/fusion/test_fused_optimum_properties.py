"""The fused optimum equals the best of all schedules, listed one by one, on small graphs of several shapes."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.fusion.optimal import reference, space
from tileloom.fusion.optimal.front import fused_front
from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.infeasible import with_capacity
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.search.objective import OBJECTIVES
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor


def tensor(name: str, role: Role, *axes: str) -> Tensor:
    return Tensor(name, role, tuple(Axis(tuple((d, 1) for d in a.split("+"))) for a in axes))


def problem(name: str, dims: dict[str, int], *tensors: Tensor) -> Problem:
    return Problem(name, tuple(Dim(d, n) for d, n in dims.items()), tensors)


def matmul(name: str, a: str, b: str, out: str, m: int = 2, k: int = 2, n: int = 2) -> Problem:
    return problem(
        name, {"m": m, "k": k, "n": n}, tensor(a, "input", "m", "k"), tensor(b, "weight", "k", "n"), tensor(out, "output", "m", "n")
    )  # fmt: skip


def chip() -> Architecture:
    far = Port(energy_pj=10.0, accesses_per_cycle=4.0)
    near = Port(energy_pj=1.0)
    return Architecture(
        "two memories",
        (
            Memory(name="DRAM", capacity_bits=None, read=far, write=far),
            Memory(name="GB", capacity_bits=64, read=near, write=near),
            Compute(name="MAC", energy_pj=1.0),
        ),
    )


ADD = problem(
    "add",
    {"m": 2, "n": 2},
    tensor("B", "input", "m", "n"),
    tensor("A", "input", "m", "n"),
    tensor("D", "output", "m", "n"),
)
GRAPHS = {
    "chain": [matmul("one", "X", "V", "A", m=4, k=1), matmul("two", "A", "W", "B", m=4, n=1)],
    "residual": [matmul("one", "X", "V", "A", k=1), matmul("two", "A", "W", "B"), ADD],
    "convolution": [
        problem("one", {"p": 4, "r": 2, "c": 2}, tensor("X", "input", "p+r"), tensor("V", "weight", "c", "r"), tensor("A", "output", "p", "c")),
        problem("two", {"q": 4, "c": 2}, tensor("A", "input", "q", "c"), tensor("W", "weight", "c"), tensor("B", "output", "q")),
    ],
}  # fmt: skip


@pytest.fixture(scope="module", params=sorted(GRAPHS))
def listed(request: pytest.FixtureRequest) -> tuple[FusedGraph, list[list[reference.Row]]]:
    graph = graph_of_problems(str(request.param), GRAPHS[str(request.param)], chip())
    return graph, reference.all_rows(graph)


@pytest.mark.parametrize("bits", [8, 24, 40, 56, 88, 200])
def test_optimum_equals_the_best_of_all(listed: tuple[FusedGraph, list[list[reference.Row]]], bits: int) -> None:
    graph, rows = listed
    sized = with_capacity(graph, "GB", bits)
    for objective in OBJECTIVES:
        best = reference.best_of(sized, rows, objective)
        found = fused_optimal(sized, objective)
        if best == inf:
            assert found.status == "infeasible"
            continue
        assert found.value == pytest.approx(best, rel=1e-12)
        assert found.status == "optimal" and found.lower_bound == pytest.approx(best, rel=1e-9)
        assert found.cost is not None and found.cost.peak_bits("GB") <= bits


@pytest.mark.parametrize("bits", [8, 40, 56, 200])
def test_front_equals_that_of_all(listed: tuple[FusedGraph, list[list[reference.Row]]], bits: int) -> None:
    graph, rows = listed
    sized = with_capacity(graph, "GB", bits)
    every = reference.front_of(sized, rows)
    found = fused_front(sized)
    assert found.status == ("optimal" if every else "infeasible")
    assert [(p.value_of("energy"), p.value_of("latency")) for p in found.points] == [
        (pytest.approx(e, rel=1e-12), pytest.approx(c, rel=1e-12)) for e, c in every
    ]
    for point in found.points:
        assert point.cost is not None and point.cost.peak_bits("GB") <= bits


def test_more_room_and_more_loops_never_cost_more(listed: tuple[FusedGraph, list[list[reference.Row]]]) -> None:
    graph, _ = listed
    values = [fused_optimal(with_capacity(graph, "GB", bits), "energy").value for bits in (16, 24, 32, 48, 64, 96, 160)]
    assert values == sorted(values, reverse=True)
    by_loops = [fused_optimal(graph, "energy", max_fused_loops=n).value for n in (0, 1, 2)]
    assert by_loops == sorted(by_loops, reverse=True)
    split = fused_optimal(graph, "energy", max_fused_loops_per_dim=2).value
    assert split <= fused_optimal(graph, "energy").value


def test_equal_layers_are_searched_once_and_cost_the_same_apart() -> None:
    far = [matmul(f"m{i}", f"T{i}", f"W{i}", f"T{i + 1}") for i in range(6)]
    result = fused_optimal(graph_of_problems("six", far, chip()), "energy")
    assert dict(result.explain)["problems that differ"] == 3
    again = fused_optimal(graph_of_problems("six", [replace(p, name=f"x{p.name}") for p in far], chip()), "energy")
    assert again.value == result.value


def test_out_of_budget_it_says_what_it_knows(listed: tuple[FusedGraph, list[list[reference.Row]]]) -> None:
    graph, _ = listed
    whole = fused_optimal(graph, "energy")
    steps = dict(whole.explain)["steps"]
    values = []
    for some in range(0, steps + 1, max(1, steps // 3)):
        found = fused_optimal(graph, "energy", max_steps=some)
        assert found.lower_bound <= whole.value <= found.value
        assert found.cost is not None and dict(found.explain)["steps"] <= some
        assert found.status in ("stopped", "optimal") and (found.status == "stopped" or found.value == whole.value)
        values.append((found.lower_bound, found.value))
    assert values == [
        (b, v) for b, v in zip(sorted(b for b, _ in values), sorted((v for _, v in values), reverse=True))
    ]
    assert fused_optimal(graph, "energy", max_steps=steps).mapping == whole.mapping
    assert fused_optimal(graph, "energy", time_limit_s=0.0).status == "stopped"


def square_graph() -> FusedGraph:
    """A square window after a product by channels, and an addition: templates that differ in names only."""
    dims = {"p": 4, "q": 4, "r": 2, "s": 2, "c": 2}
    window = (
        tensor("A", "input", "c", "p+r", "q+s"),
        tensor("V", "weight", "c", "r", "s"),
        tensor("B", "output", "p", "q"),
    )
    first = problem(
        "one",
        {"x": 5, "y": 5, "c": 2},
        tensor("X", "input", "x", "y"),
        tensor("U", "weight", "c"),
        tensor("A", "output", "c", "x", "y"),
    )
    add = problem(
        "add", {"p": 4, "q": 4}, *(tensor(n, r, "p", "q") for n, r in (("B", "input"), ("C", "input"), ("D", "output")))
    )
    return graph_of_problems("square", [first, problem("two", dims, *window), add], chip())  # fmt: skip


@pytest.mark.parametrize("bits", [64, 200, 500])
def test_templates_left_out_as_equals_lose_nothing(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = with_capacity(square_graph(), "GB", bits)
    fewer = fused_optimal(graph, "edp", max_fused_loops=1)
    monkeypatch.setattr(space, "is_mirrored", lambda *_: False)
    monkeypatch.setattr(space, "out_of_order", lambda *_: False)
    every = fused_optimal(graph, "edp", max_fused_loops=1)
    assert fewer.value == pytest.approx(every.value, rel=1e-12)
    assert dict(fewer.explain)["templates"] < dict(every.explain)["templates"]
