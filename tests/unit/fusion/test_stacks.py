"""Units, automatic cuts, stacks of their own and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depth_first_networks import add, conv, machine, network, source
from tileloom.core.errors import InputError
from tileloom.fusion.depth_first import choose_cuts, prepare
from tileloom.fusion.graph import Graph, aim, read_graph
from tileloom.fusion.rules import CORRECTED, FAITHFUL
from tileloom.fusion.stacks import (
    automatic_cuts,
    cut,
    indivisible_units,
    shrunk_maps,
    units_of,
    weight_capacity,
)

CHAIN = network(source(2, 12), conv(-1, 4, 2, 10), conv(0, 4, 4, 8), conv(1, 4, 4, 6), conv(2, 4, 4, 4))
"""Weights: 576, 1152, 1152, 1152 bits."""
BRANCH = network(
    source(4, 20), conv(-1, 4, 4, 18), conv(0, 4, 4, 16), conv(1, 4, 4, 14), add(0, 2, 4, 14), conv(3, 4, 4, 12)
)
"""Layer 3 adds the outputs of layers 0 and 2."""


def graph(of: object = CHAIN) -> Graph:
    return aim(read_graph(of), {})  # type: ignore[arg-type]


def test_a_chain_is_cut_anywhere() -> None:
    assert indivisible_units(graph()) == ((-1, 0), (1,), (2,), (3,))
    assert units_of(graph(), CORRECTED) == ((0,), (1,), (2,), (3,))


def test_a_branch_stays_together_with_its_rejoin() -> None:
    assert indivisible_units(graph(BRANCH)) == ((-1, 0), (1, 2, 3), (4,))
    assert units_of(graph(BRANCH), CORRECTED) == ((0,), (1, 2, 3), (4,))


def test_weights_beyond_the_capacity_start_a_new_stack() -> None:
    # 576 + 1152 fit into 2000 bits, the third 1152 do not; 1152 + 1152 = 2304 do not either.
    assert automatic_cuts(graph(), machine(weights=2000), FAITHFUL) == (1, 2)
    assert automatic_cuts(graph(), machine(weights=2400), FAITHFUL) == (1,)
    assert automatic_cuts(graph(), machine(weights=10_000), FAITHFUL) == ()


def test_a_unit_too_large_for_the_memory_is_cut_after_every_layer() -> None:
    # The branch holds 2304 bits, so its layers stand alone, and what is before ends before it.
    assert automatic_cuts(graph(BRANCH), machine(weights=2000), FAITHFUL) == (0, 1, 2, 3)


def test_faithful_cuts_of_layers_that_fit_nowhere_hold_the_input_and_the_last_layer() -> None:
    assert automatic_cuts(graph(), machine(weights=100), FAITHFUL) == (-1, 0, 1, 2, 3)
    assert automatic_cuts(graph(), machine(weights=100), CORRECTED) == (0, 1, 2)


def test_unrolled_weight_memories_count_once_or_for_every_instance_with_other_weights() -> None:
    chip = machine(weights=1000, unrolled_weights=True)
    assert weight_capacity(graph(), chip, FAITHFUL) == 1000
    # D1 holds four output channels, each with weights of its own.
    assert weight_capacity(graph(), chip, CORRECTED) == 4000


def test_a_cut_after_layer_0_counts_only_under_the_corrected_rules() -> None:
    faithful = cut(shrunk_maps(graph()), (0, 1), FAITHFUL, {})
    assert [[n.id for n in s.graph.layers] for s in faithful] == [[0, 1, 2, 3], [0, 1], [2, 3]]
    proper = cut(shrunk_maps(graph()), (0, 1), replace(FAITHFUL, cut_zero_is_no_cut=False), {})
    assert [[n.id for n in s.graph.layers] for s in proper] == [[0], [1], [2, 3]]
    assert [[n.id for n in s.graph.layers] for s in cut(graph(), (0, 1), CORRECTED, {})] == [[0], [1], [2, 3]]


def test_an_input_replaces_what_a_stack_does_not_hold() -> None:
    stack = cut(shrunk_maps(graph(BRANCH)), (2,), CORRECTED, {})[1]
    assert stack.graph.ids == ("substack_input_layer_0", "substack_input_layer_1", 3, 4)
    sizes = [n.layer.sizes for n in stack.graph.nodes if n.is_input]
    # Layer 4 makes 12 x 12 from 14 x 14; both maps that layer 3 adds are asked for with that size.
    assert sizes == [{"K": 4, "OY": 14, "OX": 14}] * 2


def test_a_map_that_a_later_stack_reads_too_is_written_out_under_the_corrected_rules() -> None:
    first, second = cut(shrunk_maps(graph(BRANCH)), (2,), CORRECTED, {})
    assert first.spilled == (0,)
    assert second.spilled == ()
    assert cut(shrunk_maps(graph(BRANCH)), (2,), FAITHFUL, {})[0].spilled == ()


def test_maps_shrink_by_the_kernels_seen_from_the_end() -> None:
    wide = network(source(2, 99), conv(-1, 4, 2, 99, kernel=5), conv(0, 4, 4, 4, stride=2))
    shrunk = shrunk_maps(graph(wide))
    # 4 outputs with stride 2 read 9, 9 outputs of a kernel of 5 read 13.
    assert [n.layer.sizes["OX"] for n in shrunk.nodes] == [13, 9, 4]


@pytest.mark.parametrize(
    ("cuts", "message"),
    [((7,), "no layer 7"), ((2, 1), "order of the layers"), ((1, 1), "each once")],
)
def test_cuts_that_cannot_be_are_refused(cuts: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cut(graph(), cuts, CORRECTED, {})


def test_a_cut_that_leaves_two_outputs_is_refused() -> None:
    fork = network(
        source(4, 20), conv(-1, 4, 4, 18), conv(0, 4, 4, 18, kernel=1), conv(0, 4, 4, 18, kernel=1), add(1, 2, 4, 18)
    )
    with pytest.raises(InputError, match=r"\[1\] do not lead to its last layer 2"):
        cut(graph(fork), (2,), CORRECTED, {})


def test_layers_that_feed_each_other_are_refused() -> None:
    with pytest.raises(InputError, match=r"\[0, 1\] form a cycle"):
        network(source(4, 8), conv(1, 4, 4, 8, kernel=1), conv(0, 4, 4, 8, kernel=1))


def test_an_operand_that_no_memory_holds_is_refused() -> None:
    chip = machine()
    without = replace(chip, memories=tuple(m for m in chip.memories if "I2" not in m.operands))
    with pytest.raises(InputError, match="no memory holds 'I2', the memory operand of weights"):
        prepare(CHAIN, without)


def test_several_outputs_are_refused() -> None:
    two = network(source(4, 8), conv(-1, 4, 4, 8, kernel=1), conv(-1, 4, 4, 8, kernel=1))
    with pytest.raises(InputError, match=r"2 outputs \(layers \[0, 1\]\)"):
        read_graph(two)


def test_single_layer_cuts() -> None:
    assert choose_cuts(prepare(CHAIN, machine()), "single") == (0, 1, 2)


def test_files_that_do_not_name_the_producers_dimensions_get_the_usual_ones() -> None:
    bare = replace(CHAIN, nodes=tuple(replace(n, renamed=()) for n in CHAIN.nodes))
    # Batches are counted by neither.
    named = {n.id: [dict(f.renamed) for f in n.feeds] for n in read_graph(CHAIN).nodes}
    assert {n.id: [dict(f.renamed) for f in n.feeds] for n in read_graph(bare).nodes} == named


def test_data_that_no_layer_makes_is_an_input_even_where_the_file_has_no_node_for_it() -> None:
    first = CHAIN.nodes[1]
    loose = replace(CHAIN, nodes=(replace(first, sources=(("W", ()),)), *CHAIN.nodes[2:]))
    found = read_graph(loose).nodes
    assert [n.id for n in found] == ["input of layer 0", 0, 1, 2, 3]
    assert found[0].layer.sizes == {"K": 2, "OX": 12, "OY": 12}
    assert [f.producer for f in found[1].feeds] == ["input of layer 0"]
