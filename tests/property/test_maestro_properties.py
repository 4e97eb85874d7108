"""MAESTRO's model on random directives: numbers or a typed refusal, and what it must obey where it answers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError
from tileloom.cost.models.maestro.columns import csv_rows, screen
from tileloom.cost.models.maestro.evaluate import evaluate_layer, evaluate_layers
from tileloom.mapping.notation.maestro import OPERATORS, Cluster, Directive, DirectiveLayer, MaestroFile, Map
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.mapping.notation.maestro_writer import format_mapping

SMALL = st.integers(1, 9)
DIMS = {"GEMM": "MNK"}


@st.composite
def layers(draw: st.DrawFn) -> DirectiveLayer:
    operator = draw(st.sampled_from(OPERATORS))
    names = [*DIMS.get(operator, "KCRSYX"), *("G" if operator == "NGCONV" else ""), *draw(st.sampled_from(["", "N"]))]
    names = list(dict.fromkeys(names))
    extents = tuple((d, draw(st.integers(1, 12))) for d in names)
    mapped = [*names, "Y'", "X'", "Q"] if draw(st.booleans()) else names
    maps = st.builds(Map, st.sampled_from(["temporal", "spatial"]), SMALL, SMALL, st.sampled_from(mapped))
    directive: st.SearchStrategy[Directive] = st.one_of(maps, maps, maps, st.builds(Cluster, st.integers(1, 4)))
    strides = (("X", draw(st.integers(1, 3))), ("Y", draw(st.integers(1, 3))))
    flow = tuple(draw(st.lists(directive, min_size=1, max_size=8)))
    return DirectiveLayer("L", operator, extents, strides, flow)


HARDWARE = st.builds(
    MaestroHardware,
    num_pes=st.integers(1, 40),
    simd_lanes=st.integers(1, 4),
    noc_elements_per_cycle=st.integers(1, 40),
    noc_latency_cycles=st.integers(0, 3),
    offchip_elements_per_cycle=st.integers(1, 40),
)


@settings(max_examples=150, deadline=None)
@given(layers(), HARDWARE)
def test_numbers_or_a_typed_refusal(layer: DirectiveLayer, hardware: MaestroHardware) -> None:
    try:
        (evaluated,) = evaluate_layers([layer], hardware)
    except InputError as error:
        assert str(error)
        return
    assert csv_rows("n", [evaluated]) and screen(evaluated)


@settings(max_examples=100, deadline=None)
@given(layers(), HARDWARE)
def test_a_faster_network_is_never_slower(layer: DirectiveLayer, hardware: MaestroHardware) -> None:
    faster = replace(hardware, noc_elements_per_cycle=2 * hardware.noc_elements_per_cycle)
    try:
        slow, fast = (evaluate_layer(layer, h).record.top for h in (hardware, faster))
    except InputError:
        return
    if min(slow.up_bytes.values()) >= 0 and slow.macs >= 0:
        assert fast.runtime_cycles <= slow.runtime_cycles
    assert (fast.up_read, fast.macs) == (slow.up_read, slow.macs)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_written_layers_read_back(layer: DirectiveLayer) -> None:
    try:
        again = parse_mapping(format_mapping(MaestroFile("n", (layer,))))
    except InputError as error:
        assert "must both be the size of" in str(error)
        return
    assert replace(again.layers[0], label="", line=0) == layer
