"""NeuroSpector's optimizers on our problems and architectures, tables as loop nests, and the literal search as a twin."""

from __future__ import annotations

from itertools import product
from math import prod
from pathlib import Path

import numpy as np
import pytest

from tileloom.architecture.notation.neurospector import Accelerator, read_accelerator
from tileloom.architecture.notation.neurospector_chip import accelerator_of, architecture_of
from tileloom.core.errors import IllegalMappingError, UnsupportedError
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.analysis import analyze, broken_rules
from tileloom.cost.models.neurospector.machine import pack
from tileloom.mapping.legality import check_mapping
from tileloom.mapping.notation.neurospector import ROWS, SchedulingTable, everything_in_dram
from tileloom.mapping.notation.neurospector_tree import table_of, tree_of
from tileloom.mapping.tree import Loop, MappingTree
from tileloom.search.neurospector.bottom_up import Metric, bottom_up, searched_rows
from tileloom.search.neurospector.brute_force import brute_force
from tileloom.search.neurospector.cross_layer import across_layers, after, follows
from tileloom.search.neurospector.kernels import level_cost, search_level
from tileloom.search.neurospector.multi_chip import partition
from tileloom.search.neurospector.optimum import optimum
from tileloom.search.neurospector.splits import degree, ordered_splits, pairs, row_splits
from tileloom.search.registry import make_mapper
from tileloom.workload.frontends.neurospector import ConvLayer, layer_of, read_layers
from tileloom.workload.layers import conv2d, elementwise, gemm

INPUTS = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs"
CHIPS = ("eyeriss", "flexflow", "simba_mini", "acc_1lv", "tpu_mini")
CONV = ConvLayer("conv", (8, 1, 6, 6, 4, 3, 3, 1), 1)
TINY = ConvLayer("tiny", (4, 1, 2, 2, 2, 1, 1, 1), 1)


def chip(name: str) -> Accelerator:
    return read_accelerator(INPUTS / "accelerators" / f"{name}.cfg")


def with_constraint(accelerator: Accelerator, **factors: int) -> Accelerator:
    from dataclasses import replace

    wanted = tuple(factors.get(d, 0) for d in "KBPQCRSG")
    return replace(accelerator, local_buffer=replace(accelerator.local_buffer, constraint=wanted))


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize("objective", ["energy", "latency"])
def test_the_mapper_gives_the_table_of_the_file(name: str, objective: str) -> None:
    accelerator, problem = chip(name), CONV.problem(chip(name).precision_bits)
    layer, _ = layer_of(problem)
    assert layer == CONV
    metric: Metric = "energy" if objective == "energy" else "cycle"
    own = bottom_up(accelerator, layer, metric, "flexible")
    result = make_mapper("bottom_up", {}, "neurospector").search(problem, architecture_of(accelerator), objective)  # type: ignore[arg-type]
    assert result.value == pytest.approx(own.value, rel=1e-12)
    assert result.mapping is not None
    broken = [d for d in check_mapping(problem, architecture_of(accelerator), result.mapping) if d.severity == "error"]
    # What bypasses every memory of a PE is streamed from the array's edge there; ours wants it named.
    assert [d for d in broken if d.code == "E-CAP"] == []


@pytest.mark.parametrize("name", CHIPS)
def test_a_table_becomes_a_nest_and_back(name: str) -> None:
    accelerator, problem = chip(name), CONV.problem(chip(name).precision_bits)
    _, names = layer_of(problem)
    again, places = accelerator_of(architecture_of(accelerator), problem, names)
    chosen = bottom_up(accelerator, CONV, "cycle", "fixed")
    nest = tree_of(chosen.accelerator, chosen.table, problem, names, places)
    read = table_of(again, nest, problem, names, places)
    assert read.table == chosen.table
    assert read.losses == ()
    flowing = again.with_dataflows(read.local_flow, read.global_flow)
    assert analyze(flowing, CONV, read.table).energy_pj == pytest.approx(chosen.analysis.energy_pj, rel=1e-12)


def test_losses_and_refusals_of_a_nest() -> None:
    accelerator, problem = chip("acc_2lv"), CONV.problem(16)
    _, names = layer_of(problem)
    plain, places = accelerator_of(architecture_of(accelerator), problem, names)
    nodes = list(tree_of(plain, everything_in_dram(CONV), problem, names, places).nodes)
    loops = [n for n in nodes if isinstance(n, Loop)]
    shuffled = MappingTree((nodes[0], *loops[::2], *loops[1::2], *nodes[1 + len(loops) :]))
    assert table_of(plain, shuffled, problem, names, places).losses == ("DRAM: the order beyond the dataflow",)
    uneven = MappingTree((nodes[0], Loop("K", 3), *nodes[1:]))
    with pytest.raises(UnsupportedError, match="tiles of 3 do not divide 8"):
        table_of(plain, uneven, problem, names, places)


def test_problems_and_chips_that_tables_cannot_describe() -> None:
    with pytest.raises(UnsupportedError, match="no column"):
        layer_of(elementwise(shape=(2, 3)))
    with pytest.raises(UnsupportedError, match="strides differ"):
        layer_of(conv2d("c", K=2, C=2, P=2, Q=2, R=3, S=3, stride=(1, 2)))
    with pytest.raises(UnsupportedError, match="dilation"):
        layer_of(conv2d("c", K=2, C=2, P=2, Q=2, R=3, S=3, dilation=2))
    layer, names = layer_of(gemm(M=2, N=3, K=4))
    assert layer.dims == (3, 2, 1, 1, 4, 1, 1, 1)
    assert names[:2] == ("N", "M")
    with pytest.raises(UnsupportedError, match="not edp"):
        make_mapper("bottom_up").search(CONV.problem(16), architecture_of(chip("eyeriss")), "edp")


def test_refusals_say_everything_that_is_wrong() -> None:
    rows = [(1,) * 8] * 10
    rows[3], rows[4], rows[9] = (8, 1, 6, 1, 4, 3, 3, 1), (1, 1, 1, 6, 1, 1, 1, 1), (1, 1, 1, 2, 1, 1, 1, 1)
    with pytest.raises(IllegalMappingError) as caught:
        analyze(chip("eyeriss"), CONV, SchedulingTable(tuple(rows)))
    told = "\n".join(str(d) for d in caught.value.diagnostics)
    assert "column Q multiplies to 12; layer 'conv' has Q=6" in told
    assert "LOCAL_BUFFER: weight tile of 288 elements; its part holds 224" in told


def test_brute_force_never_loses_and_refuses_large_spaces() -> None:
    for metric in ("energy", "cycle"):
        best = brute_force(chip("acc_mini"), TINY, metric, "flexible")  # type: ignore[arg-type]
        assert best.value <= bottom_up(chip("acc_mini"), TINY, metric, "flexible").value  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="brute force goes up to 10"):
        brute_force(chip("acc_mini"), TINY, max_tables=10)


def test_constraints_wait_for_their_row_and_infeasible_is_said() -> None:
    held = with_constraint(chip("eyeriss"), K=4)
    assert bottom_up(held, CONV, faithful=True).table == everything_in_dram(CONV)
    found = bottom_up(held, CONV)
    assert found.feasible
    assert found.table.rows[3][0] == 4
    assert not bottom_up(with_constraint(chip("eyeriss"), K=5), CONV).feasible
    refused = make_mapper("bottom_up").search(CONV.problem(8), architecture_of(chip("eyeriss")), "energy")
    assert refused.status == "feasible"


def test_reuse_and_sharing_are_never_negative() -> None:
    layers = read_layers(INPUTS / "networks" / "branch.cfg").layers[:3]
    for metric in ("energy", "cycle"):
        for reused in across_layers(chip("eyeriss"), layers, metric):  # type: ignore[arg-type]
            assert 0 < reused.energy_pj <= reused.chosen.analysis.energy_pj
            assert 0 < reused.cycles <= reused.chosen.analysis.cycles
    tiny = read_layers(INPUTS / "networks" / "branch_tiny.cfg").layers[:2]
    assert partition(chip("simba_mini"), tiny, "cycle").cost > 0
    with pytest.raises(UnsupportedError, match="one chip"):
        partition(chip("eyeriss"), tiny)


def test_a_constraint_that_only_other_outer_tiles_allow_is_met() -> None:
    """Bottom-up's own choices further out leave no factor of 2 in P for the local buffer; a legal table exists."""
    held = with_constraint(chip("simba_mini"), P=2)
    assert not bottom_up(held, CONV, complete=False).feasible
    found = bottom_up(held, CONV)
    assert found.feasible
    assert found.strategies == "all"
    assert found.table.rows[3][2] == 2
    assert broken_rules(found.accelerator, CONV, found.table) == ()


def test_reuse_drives_the_choice() -> None:
    layers = read_layers(INPUTS / "networks" / "resnet50.cfg").layers[13:15]
    for metric in ("energy", "cycle"):
        together = across_layers(chip("eyeriss"), layers, metric)  # type: ignore[arg-type]
        apart = [bottom_up(chip("eyeriss"), x, metric) for x in layers]  # type: ignore[arg-type]
        afterwards = [after(None, apart[0], faithful=False), after(apart[0], apart[1], faithful=False)]
        assert sum(r.value(metric) for r in together) < sum(r.value(metric) for r in afterwards)  # type: ignore[arg-type]
        assert any(r.chosen.table != a.table for r, a in zip(together, apart))
        held = together[1].chosen.analysis.levels["global_buffer"].held[0]
        assert 0 < together[1].overlap <= held


def test_only_layers_whose_shapes_follow_each_other_share() -> None:
    first = ConvLayer("a", (8, 1, 6, 6, 4, 3, 3, 1), 1)
    assert follows(first, ConvLayer("padded", (4, 1, 6, 6, 8, 3, 3, 1), 1))
    assert follows(first, ConvLayer("grouped", (1, 1, 4, 4, 1, 3, 3, 8), 1))
    assert not follows(first, ConvLayer("pooled", (4, 1, 3, 3, 8, 1, 1, 1), 1))
    assert not follows(first, ConvLayer("branch", (4, 1, 6, 6, 4, 3, 3, 1), 1))


def test_shares_of_the_chips_are_proven_and_cost_what_they_say() -> None:
    layers = read_layers(INPUTS / "networks" / "branch_tiny.cfg").layers[:2]
    machine = chip("simba_mini")
    for metric in ("energy", "cycle"):
        found = partition(machine, layers, metric)  # type: ignore[arg-type]
        alone = [optimum(machine, x, metric).chosen.value for x in layers]  # type: ignore[arg-type,union-attr]
        assert found.cost <= sum(alone) * (1 + 1e-12)
        for layer, share in zip(layers, found.shares):
            assert broken_rules(machine, layer, share.analysis.table) == ()
            assert share.analysis.active_chips == share.chips
        if metric == "cycle" and all(s.parallel for s in found.shares):
            assert found.cost == max(c.analysis.cycles for c in found.layers)
    # Every table with this number of chips, one after another.
    tiny = ConvLayer("tiny", (2, 1, 1, 1, 4, 1, 1, 1), 1)
    for share in partition(machine, [tiny, tiny], "energy").shares:
        rows = searched_rows(machine)
        splits = [ordered_splits(e, len(rows)) for e in tiny.dims]
        best = float("inf")
        for combination in product(*splits):
            table = np.ones((10, 8), np.int64)
            for d, split in enumerate(combination):
                table[list(rows), d] = split
            plain = SchedulingTable(tuple(tuple(int(v) for v in r) for r in table))
            if not broken_rules(machine, tiny, plain):
                analysis = analyze(machine, tiny, plain)
                if analysis.active_chips == share.chips:
                    best = min(best, analysis.energy_pj)
        assert share.analysis.energy_pj == pytest.approx(best, rel=1e-12)


def literal_level(candidate, begin, end, rows, machine, energy, flow):  # type: ignore[no-untyped-def]
    """Section by section what the original does: every split in its order, one after another."""
    m, extents = candidate.copy(), [int(v) for v in candidate[end]]
    counts, out = np.zeros(k.COUNTS_SIZE, np.int64), np.zeros(k.OUT_SIZE, machine.prices.dtype)
    outer = [ordered_splits(e, len(rows) + 1) for e in extents]
    pm, sp, best, top, limit = None, None, None, 0, np.float32(np.finfo(np.float32).max)
    odometer, used = [0] * 8, False
    sets = list(product(*(range(len(s)) for s in outer)))
    for chosen in [*sets[1:], sets[0]]:
        split = [outer[d][i] for d, i in enumerate(chosen)]
        m[begin, :] = 1
        for j, r in enumerate(rows):
            m[r] = [s[j] for s in split]
        m[end] = left = [s[-1] for s in split]
        k.count_tiles(m, machine.chip, counts)
        if not k.is_valid(m, machine.chip, counts):
            continue
        inner = [ordered_splits(v, 2) for v in left]
        for _ in range(prod(len(s) for s in inner) + used):
            odometer[7] += 1
            for d in range(7, -1, -1):
                if odometer[d] >= len(inner[d]):
                    odometer[d] = 0
                    odometer[d - 1] += d > 0
            for d in range(8):
                m[begin, d], m[end, d] = inner[d][odometer[d]]
            if not k.evaluate(m, machine.chip, machine.prices, counts, out):
                continue
            cost = level_cost(out, end, machine.chip, energy)
            still = {1: (0,), 2: (1, 2, 3), 3: (4, 5, 6)}.get(flow, ())
            key = (cost, prod(int(v) for v in m[end]), -prod(int(m[end, d]) for d in still))
            if best is None or key < best:
                best, pm = key, m.copy()
            level = prod(degree(int(v)) + 1 for v in m[begin])
            if level > top:
                top, sp = level, m.copy()
            elif level == top and cost < limit:
                limit, sp = cost, m.copy()
        used = True
    return pm, sp


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [("acc_2lv", 6, 9), ("acc_2lv", 3, 6), ("eyeriss", 3, 6), ("simba_mini", 6, 9), ("acc_1lv", 3, 9)],
)
@pytest.mark.parametrize("energy", [True, False])
@pytest.mark.parametrize("dims", [(4, 1, 2, 3, 4, 3, 1, 1), (2, 2, 4, 1, 6, 1, 1, 2)])
def test_a_level_is_searched_as_if_every_split_were_visited(
    name: str, begin: int, end: int, energy: bool, dims: tuple[int, ...]
) -> None:

    machine = pack(chip(name), 1, faithful=True)
    candidate = np.ones((10, 8), np.int64)
    candidate[end] = dims
    rows = [r for r in searched_rows(chip(name)) if begin < r < end]
    flow = int(machine.chip[k.GB_FLOW if begin == 6 else k.LB_FLOW])
    s, p = row_splits(dims, len(rows)), pairs(dims)
    found, pm, sp = search_level(
        candidate, begin, end, np.array(rows, dtype=np.int64), s.size, s.factor, s.taken, p.divisor, p.size, p.inner, p.degree,
        machine.chip, machine.chip, machine.prices, energy, flow,
    )  # fmt: skip
    expected_pm, expected_sp = literal_level(candidate, begin, end, rows, machine, energy, flow)
    assert found
    assert np.array_equal(pm, expected_pm), (ROWS[end], pm, expected_pm)
    assert np.array_equal(sp, expected_sp)


def test_a_chosen_table_is_valid_in_both_modes() -> None:
    for name, faithful in product(CHIPS, (True, False)):
        chosen = bottom_up(chip(name), CONV, "energy", "fixed", faithful=faithful)
        assert broken_rules(chosen.accelerator, CONV, chosen.table, faithful=faithful) == ()
