"""Native loops against rewrites: what moving costs by hand, and the published finding with the restriction it needs."""

from dataclasses import replace

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.architecture.model import Memory
from tileloom.core.errors import InputError
from tileloom.cost.counts import count
from tileloom.cost.oracle import simulate
from tileloom.cost.rewrite import rewrite_cost
from tileloom.explore.algorithms import ANY, ONE, algorithms_result, compare_algorithms
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import conv2d
from tileloom.workload.rewrite.algorithms import rewrite, rewrites

CHIP = parse_architecture("""
name: wide
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8.0, width_bits: 16, bits_per_cycle: 64}, keep: all}
- {memory: L2, size_bits: 100000, access: {energy_pj: 1.0, width_bits: 8, bits_per_cycle: 512}, keep: all}
- fanout: PE
  axes: [{name: X, size: 16}, {name: Y, size: 16}]
- {compute: MAC, energy_pj: 0.5}
""")


def test_a_transpose_reads_and_writes_every_element_once() -> None:
    # B is [n, k] between two others: only A [k, x, m] must move, 5 * 4 * 5 = 100 elements of 8 bits.
    problem = parse_einsum("C[m, x, n] += A[m, k, x] * B[k, n]", {"m": 5, "k": 4, "x": 5, "n": 3}, name="t")
    found = rewrite(problem, "ttgt")
    assert [(m.tensor, m.reads, m.writes) for m in found.moves] == [("A", 100, 100)]
    cost = rewrite_cost(found, CHIP)
    elements = found.moved_elements
    assert cost.energy_pj == 2 * elements * 8 / 16 * 8.0
    assert cost.cycles == -(-2 * elements * 8 // 64)
    assert cost.extra_bits == elements * 8


def test_reads_and_writes_overlap_where_ports_are_separate() -> None:
    dram = replace(CHIP.memories[0], ports="separate")
    chip = replace(CHIP, nodes=tuple(dram if isinstance(n, Memory) and n.name == "DRAM" else n for n in CHIP.nodes))
    found = rewrite(conv2d("c", K=4, C=2, H=6, W=6, R=3, S=3, pad=1), "im2col")
    move = found.moves[0]
    assert move.writes > move.reads
    assert rewrite_cost(found, chip).cycles == -(-move.writes * 8 // 64)


def test_ttgt_wins_only_where_an_axis_takes_one_dim() -> None:
    problem = parse_einsum("C[a, b, c] += A[a, d, e, c] * B[e, b, d]", dict.fromkeys("abcde", 4), name="ccsd7-4")
    found = compare_algorithms([problem], CHIP, cache=False)
    edp = {(o.rewrite.label, o.rule): o.core_edp or 0.0 for o in found}
    assert edp["native", ONE] > 1.5 * edp["ttgt", ONE]
    assert edp["native", ANY] < 1.1 * edp["ttgt", ANY]
    table = algorithms_result(found, CHIP, "edp")
    assert table.complete and len(table.rows) == len(found)
    total, alone = table.column("total_edp_pj_cycles"), table.column("edp_pj_cycles")
    moved = table.column("moved_elements")
    assert all((t > a) == bool(m) for t, a, m in zip(total, alone, moved, strict=True))  # type: ignore[operator]


def test_overlapped_moves_cost_no_more_time_than_one_after_the_other() -> None:
    problem = conv2d("c", K=4, C=2, H=6, W=6, R=3, S=3)
    apart = compare_algorithms([problem], CHIP, algorithms=("im2col",), rules=(ANY,), cache=False)[0]
    beside = replace(apart, overlap=True)
    assert apart.total_edp is not None and beside.total_edp is not None
    assert beside.total_edp < apart.total_edp
    assert "im2col" in algorithms_result([apart], CHIP, "edp").headline[0][1]


def test_unknown_rules_are_named() -> None:
    with pytest.raises(InputError, match="no rule 'two'"):
        compare_algorithms([], CHIP, rules=("two",))


def test_implicit_im2col_lies_between_native_loops_with_one_dim_and_with_any() -> None:
    problem = conv2d("c", K=4, C=2, H=6, W=6, R=3, S=3)
    found = compare_algorithms([problem], CHIP, cache=False)
    edp = {(o.rewrite.label, o.rule): o.core_edp or 0.0 for o in found}
    assert edp["im2col-implicit", ANY] == edp["native", ANY]
    assert edp["native", ANY] <= edp["im2col-implicit", ONE] <= edp["native", ONE]
    # Patches held on chip are more data than the pieces of the image they are gathered from.
    assert edp["im2col-implicit", ONE] < edp["im2col-gather", ONE]
    assert all(o.result.status == "optimal" for o in found)


def test_implicit_im2col_reads_the_image_tile_by_tile_with_its_halo() -> None:
    problem = conv2d("c", K=2, C=2, H=6, W=6, R=3, S=3)
    chosen = next(r for r in rewrites(problem) if r.label == "im2col-implicit")
    found = compare_algorithms([problem], CHIP, algorithms=("im2col-implicit",), rules=(ONE,), cache=False)[0]
    mapping = found.result.mapping
    assert mapping is not None and found.rewrite == chosen and not chosen.moves
    assert count(problem, CHIP, mapping) == simulate(problem, CHIP, mapping)
    # The whole image is 72 elements; its patches are 288.
    assert simulate(problem, CHIP, mapping).at("DRAM", "I").reads == 72
    on_axis: dict[str, set[str]] = {}
    for loop in mapping.loops:
        if loop.axis is not None and loop.trips(problem.extents[loop.dim]) > 1:
            on_axis.setdefault(loop.axis, set()).update(name for name, dims in chosen.groups if loop.dim in dims)
    assert on_axis and all(len(groups) == 1 for groups in on_axis.values())


def test_algorithms_that_take_nothing_are_a_mistake_with_the_reason() -> None:
    problem = parse_einsum("C[m, n] += A[m, k] * B[k, n]", {"m": 4, "n": 4, "k": 4}, name="mm")
    with pytest.raises(InputError, match="'mm', im2col: im2col takes sliding windows"):
        compare_algorithms([problem], CHIP, algorithms=("im2col",))
