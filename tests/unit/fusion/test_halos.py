"""Overlapping tiles in the fused optimum: against lists of everything, against the literal cost, and facts that must hold."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import inf

import pytest

from tileloom.architecture.model import Architecture, Compute, Memory, Port
from tileloom.cost.halo import moved_cost
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.explore.fused_record import FusedAnswer
from tileloom.fusion.optimal.graph import FusedLayer
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.halo_plan import HaloMode, HaloOptions, ladder
from tileloom.fusion.optimal.halo_tiles import backed_chip, resized
from tileloom.fusion.optimal.mapper import FusedResult, fused_optimal
from tileloom.fusion.optimal.reference import _chains
from tileloom.mapping.fused import branches
from tileloom.mapping.tree import MappingTree
from tileloom.mapping.windows import Windows, cut, read_by
from tileloom.mapping.yaml import mapping_from_yaml, mapping_to_yaml
from tileloom.report.fused import fused_page
from tileloom.search.objective import Objective
from tileloom.workload.problem import Axis, Dim, Problem, Tensor


def chip(bits: int, dram: float = 20.0) -> Architecture:
    slow, fast = Port(energy_pj=dram, width_bits=8), Port(energy_pj=1.0, width_bits=8)
    return Architecture(
        "two levels",
        (
            Memory(name="DRAM", capacity_bits=None, read=slow, write=slow),
            Memory(name="Buffer", capacity_bits=bits, read=fast, write=fast),
            Compute(name="MAC", energy_pj=1.0),
        ),
    )


def conv1d(
    name: str, source: str, out: str, p: int, r: int = 3, channels: tuple[int, int] = (1, 1), pad: int = 0
) -> Problem:
    k, c = channels
    dims = [Dim("p", p), Dim("r", r)] + [Dim(d, n) for d, n in (("k", k), ("c", c)) if n > 1]
    window = Axis((("p", 1), ("r", 1)), pad_lo=pad, pad_hi=pad)
    read = ([Axis((("c", 1),))] if c > 1 else []) + [window]
    weight = [Axis(((d, 1),)) for d, n in (("k", k), ("c", c), ("r", r)) if n > 1]
    made = ([Axis((("k", 1),))] if k > 1 else []) + [Axis((("p", 1),))]
    tensors = (
        Tensor(source, "input", tuple(read)),
        Tensor(f"W{name}", "weight", tuple(weight)),
        Tensor(out, "output", tuple(made)),
    )
    return Problem(name, tuple(dims), tensors)


def conv2d(name: str, source: str, out: str, p: int, q: int, r: int = 3) -> Problem:
    dims = (Dim("p", p), Dim("q", q), Dim("r", r), Dim("s", r))
    read = (Axis((("p", 1), ("r", 1))), Axis((("q", 1), ("s", 1))))
    tensors = (
        Tensor(source, "input", read),
        Tensor(f"W{name}", "weight", (Axis((("r", 1),)), Axis((("s", 1),)))),
        Tensor(out, "output", (Axis((("p", 1),)), Axis((("q", 1),)))),
    )
    return Problem(name, dims, tensors)


CHAIN = [conv1d("A", "X", "T", 10), conv1d("B", "T", "Y", 8)]
MAPS = [conv2d("A", "X", "T", 10, 8), conv2d("B", "T", "Y", 8, 6)]


def solve(
    problems: list[Problem], bits: int, mode: HaloMode, tiles: tuple[int, ...], objective: Objective = "energy", *, one_stack: bool = False, dram: float = 20.0
) -> FusedResult:  # fmt: skip
    graph = graph_of_problems("chain", problems, chip(bits, dram))
    options = HaloOptions(mode, tiles, tiles, one_stack=one_stack)
    return fused_optimal(graph, objective, halo=options, max_fused_loops=1)


@cache
def best_tile(problem: Problem, hardware: Architecture, inside: frozenset[str]) -> float:
    """Least energy of one tile over every mapping there is."""
    places = {p: "Buffer" for p, t in enumerate(problem.tensors) if t.name in inside}
    own = backed_chip(hardware, problem, places)
    layer = FusedLayer(problem, {inside: own})
    return min(
        LoopnestModel().evaluate(problem, own, MappingTree(nodes)).energy_pj for nodes in _chains(layer, own, inside)
    )


def listed(problems: list[Problem], tiles: tuple[int, ...], keeps: tuple[bool, ...]) -> float:
    """Least energy of a two-layer 1-D stack: every tile, fate of overlaps and choice of what stays, nothing pruned."""
    hardware = chip(1 << 20)
    first, last = problems
    dram, buffer = hardware.memories
    best = inf
    for tile, keep in product(tiles, keeps):
        regions = {"B": cut(8, tile)}
        windows = Windows(read_by(last, last.tensor("T"), 0, "p", regions["B"], 10), keep)
        regions["A"] = windows.new
        source = read_by(first, first.tensor("X"), 0, "p", regions["A"], 12)
        total = 0.0
        for problem in problems:
            ways = []
            stay = [t.name for t in problem.tensors if t.role == "weight"] + (["X"] if problem is first else [])
            for kept in product([False, True], repeat=len(stay)):
                inside = {"T"} | {t for t, k in zip(stay, kept) if k}
                value = 0.0
                for t in inside - {"T"}:
                    tensor = problem.tensor(t)
                    new = sum(b - a for a, b in Windows(source, True).new) if t == "X" else problem.size(t)
                    value += sum(moved_cost(tensor, new, dram, buffer)[0])
                for a, b in regions[problem.name]:
                    if b > a:
                        value += best_tile(resized(problem, ((0, b - a),)), hardware, frozenset(inside))
                ways.append(value)
            total += min(ways)
        best = min(best, total)
    return best


@pytest.mark.parametrize(("mode", "keeps"), [("full", (True,)), ("any", (False, True))])
def test_equal_to_the_best_of_all_schedules(mode: HaloMode, keeps: tuple[bool, ...]) -> None:
    found = solve(CHAIN, 1 << 20, mode, (3,), one_stack=True)
    assert found.status == "optimal"
    assert found.value == pytest.approx(listed(CHAIN, (3,), keeps), rel=1e-9)


def test_more_choices_and_more_space_never_cost_more() -> None:
    sizes = (256, 600)
    values = {
        mode: [solve(MAPS, bits, mode, (3,)).value for bits in sizes] for mode in ("none", "full", "any")
    }  # fmt: skip
    for found in values.values():
        assert found == sorted(found, reverse=True)
    for mode in ("none", "full"):
        assert all(a <= b * (1 + 1e-12) for a, b in zip(values["any"], values[mode])), mode  # type: ignore[index]
    assert values["any"][1] < values["none"][1]


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_the_tree_costs_what_the_search_promised_and_fits(objective: Objective) -> None:
    """fused_optimal compares the literal cost of its tree itself; here space, text and YAML."""
    found = solve(MAPS, 800, "any", (3,), objective, one_stack=True)
    assert found.mapping is not None and found.cost is not None
    assert found.cost.peak_bits("Buffer") <= 800
    assert mapping_from_yaml(mapping_to_yaml(found.mapping, "chain")) == found.mapping
    assert found.tiles and {t.tensor for t in found.tiles} == {"T"}
    assert "~" in str(found.mapping)


def test_record_and_page_say_what_happens_to_overlaps() -> None:
    found = solve(MAPS, 800, "any", (3,), one_stack=True)
    answer = FusedAnswer(found, "maps", "chip")
    record = answer.as_plain()
    assert {t["tensor"] for t in record["tiles"]} == {"T"}
    assert {m["while"] for m in record["occupancy"]} == {"A", "B"}
    assert "kept in Buffer" in str(answer)
    page = fused_page(record)
    assert "Tiles and their overlaps" in page and "kept in Buffer" in page


def test_every_element_once_or_as_often_as_windows_overlap() -> None:
    for mode, made in (("full", 10 * 8), ("recompute", 4 * (2 + 2) * 3 * (2 + 2))):
        found = solve(MAPS, 1 << 20, mode, (2,), one_stack=True)  # type: ignore[arg-type]
        assert found.mapping is not None
        own = [b for b in branches(found.mapping, MAPS) if b.layer.name == "A"]
        assert sum(b.times * b.problem.extents["p"] * b.problem.extents["q"] for b in own) == made


def test_padding_is_exact_at_the_borders() -> None:
    """With padding, first and last tiles read less than the others; a tile that does not divide leaves a smaller one."""
    layers = [conv1d("A", "X", "T", 9, pad=1), conv1d("B", "T", "Y", 9, pad=1)]
    found = solve(layers, 1 << 20, "recompute", (4,), one_stack=True)
    assert found.mapping is not None
    own = [(b.layer.name, b.problem.extents["p"], b.times) for b in branches(found.mapping, layers)]
    assert sorted(own) == [("A", 2, 1), ("A", 5, 1), ("A", 6, 1), ("B", 1, 1), ("B", 4, 2)]


def test_a_residual_branch_keeps_the_window_of_all_its_readers() -> None:
    one = Axis((("p", 1),))
    add = Problem("C", (Dim("p", 8),), (Tensor("T", "input", (one,)), Tensor("U", "input", (one,)), Tensor("Y", "output", (one,))), op="elementwise")  # fmt: skip
    layers = [conv1d("A", "X", "T", 8, pad=1), conv1d("B", "T", "U", 8, pad=1), add]
    found = solve(layers, 1 << 20, "full", (2,), one_stack=True)
    assert found.status == "optimal" and found.cost is not None
    windows = {t.tensor: (t.window, t.overlap) for t in found.tiles}
    # C reads [0, 2) of T in the first tile, B three positions of it; later tiles overlap by two.
    assert windows == {"T": (4, 2), "U": (2, 0)}


def test_a_window_does_far_below_the_whole_tensor() -> None:
    """Two convolutions of kernel 3 over 32 positions, two channels of 8 bits: held whole, the map between them takes
    544 bits, and AccelForge's optimum stays at 51128 up to 599 bits and reaches 39160 at 640. Windows do with less."""
    layers = [conv1d("A", "X", "T", 34, 3, (2, 2)), conv1d("B", "T", "Y", 32, 3, (2, 2))]
    held = {bits: solve(layers, bits, "none", (4,), dram=10.0).value for bits in (400, 2000)}
    tiled = solve(layers, 400, "any", (2, 4), dram=10.0)
    assert tiled.status == "optimal"
    assert tiled.value < held[400]
    assert tiled.value <= held[2000] * 1.05


def test_the_ladder_of_tile_sizes() -> None:
    assert ladder(540) == (1, 4, 15, 60, 270, 540)
    assert ladder(7) == (1, 7)
