"""Our networks and architectures in ZigZag's form: sizes, padding, branches, and what is said to be lost."""

from __future__ import annotations

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.core.errors import InputError
from tileloom.explore.sources import load_architecture, load_network
from tileloom.fusion.convert_machine import convert_architecture, unroll
from tileloom.fusion.convert_network import convert_network
from tileloom.fusion.depth_first import Point, choose_cuts, prepare_graph, run_point
from tileloom.fusion.rules import CORRECTED
from tileloom.workload.layers import conv2d
from tileloom.workload.network import Layer, Network, VectorOp


@pytest.fixture(scope="module")
def resnet18() -> Network:
    return load_network("resnet18")


def test_resnet18_keeps_its_padding_and_branches(resnet18: Network) -> None:
    found = convert_network(resnet18)
    graph = found.graph
    assert [n.id for n in graph.nodes if n.is_input] == ["image"]
    sizes = {n.id: (n.layer.sizes["OX"], n.layer.sizes["OY"]) for n in graph.layers}
    assert (sizes["conv1"], sizes["pool1"], sizes["layer4.1.conv2"]) == ((112, 112), (56, 56), (7, 7))
    assert found.pads["conv1", "I"] == (3, 3)
    add = graph["layer2.0.add"]
    assert {f.producer for f in add.feeds} == {"layer2.0.conv2", "layer2.0.downsample"}
    assert found.notes == tuple(n for n in found.notes if n.startswith("taken to be free: Relu"))


def test_fully_cached_tiles_compute_every_position_once(resnet18: Network) -> None:
    found = convert_network(resnet18)
    setting = prepare_graph(
        found.graph, convert_architecture(load_architecture("meta-prototype")).machine, CORRECTED, found.pads
    )
    extra = sum(n.layer.macs for n in found.graph.layers if n.layer.kind in ("Add", "MaxPool", "GlobalAveragePool"))
    whole = resnet18.macs + extra
    assert run_point(setting, Point(3, 5, 9), None).totals.macs == whole
    assert run_point(setting, Point(1, 5, 9), None).totals.macs > whole
    assert "layer3.0.add" in choose_cuts(setting, "auto")


def test_loops_go_where_the_machine_shares_its_registers() -> None:
    converted = convert_architecture(load_architecture("meta-prototype"))
    assert converted.dataflow == {"D1": "channels", "D3": "positions", "D4": "positions", "D2": "reduction"}
    found = convert_network(load_network("resnet18")).graph["layer1.0.conv1"]
    spatial = dict(unroll(found.layer, converted.machine, converted.dataflow).spatial)
    assert spatial == {"D1": (("K", 32),), "D3": (("OX", 4),), "D4": (("OY", 4),), "D2": (("C", 2),)}


def test_what_an_architecture_loses_is_said() -> None:
    converted = convert_architecture(load_architecture("eyeriss"))
    assert [m.name for m in converted.machine.levels("I2")] == ["Spad.weight", "DRAM"]
    assert converted.machine.copies(converted.machine.memory("Spad.weight")) == 168
    assert any("'Spad' reads without limit" in loss for loss in converted.losses)


def test_a_memory_without_some_operand_at_the_top_is_refused() -> None:
    chip = """
name: odd
nodes:
- memory: Top
  unbounded: true
  access: {energy_pj: 1, width_bits: 64}
  keep: [input, output]
- memory: W
  size_bits: 100
  access: {energy_pj: 1, width_bits: 64}
  keep: [weight]
- compute: MAC
  energy_pj: 1
"""
    with pytest.raises(InputError, match="outermost memory 'Top' holds"):
        convert_architecture(parse_architecture(chip))


def test_what_tiles_cannot_follow_becomes_a_stack_of_its_own() -> None:
    one = conv2d("a", K=4, C=4, H=8, W=8, R=3, S=3, pad=1)
    two = conv2d("b", K=4, C=8, H=8, W=8, R=3, S=3, pad=1)
    network = Network(
        "cat",
        (
            Layer(name="a", problem=one, operator="Conv", inputs=("x",), outputs=("y",)),
            Layer(name="b", problem=two, operator="Conv", inputs=("z",), outputs=("out",)),
        ),
        (
            VectorOp(
                name="join", operator="Concat", elements=512, inputs=("x", "y"), outputs=("z",), shape=(1, 8, 8, 8)
            ),
        ),
    )
    found = convert_network(network)
    assert found.notes == ("Concat is not costed; its result is read from the top memory: join",)
    machine = convert_architecture(load_architecture("meta-prototype")).machine
    setting = prepare_graph(found.graph, machine, CORRECTED, found.pads)
    assert choose_cuts(setting, "auto") == ("a",)
    second = run_point(setting, Point(3, 4, 4), None).stacks[1].stack.graph
    assert second.nodes[0].layer.sizes == {"OX": 8, "OY": 8, "K": 8}


def test_matrix_products_are_tiled_along_their_rows() -> None:
    found = convert_network(load_network("bert-base"))
    query = next(n for n in found.graph.layers if len(n.feeds) == 1 and n.layer.sizes["OX"] > 1)
    assert (query.layer.sizes["C"], query.layer.sizes["K"]) == (768, 768)
    two = next(n for n in found.graph.layers if len(n.feeds) == 2 and n.layer.kind == "MatMul")
    assert [f.broken for f in two.feeds][1]


def test_a_network_that_does_not_say_what_feeds_what_is_refused() -> None:
    one = conv2d("a", K=4, C=4, H=8, W=8, R=3, S=3)
    with pytest.raises(InputError, match="does not say which layer feeds which"):
        convert_network(Network("loose", (Layer(name="a", problem=one, operator="Conv"),)))
