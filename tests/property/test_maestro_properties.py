"""MAESTRO's model on random directives: numbers or a typed refusal, and what it must obey where it answers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, TileloomError
from tileloom.cost.counts import count
from tileloom.cost.models.maestro.columns import csv_rows, screen
from tileloom.cost.models.maestro.corrected import evaluate_corrected
from tileloom.cost.models.maestro.evaluate import evaluate_layer, evaluate_layers
from tileloom.cost.oracle import simulate
from tileloom.mapping.notation.maestro import OPERATORS, Cluster, Directive, DirectiveLayer, MaestroFile, Map
from tileloom.mapping.notation.maestro_reader import parse_mapping
from tileloom.mapping.notation.maestro_writer import format_mapping

WORDS = (
    *(
        "Network",
        "n",
        "{",
        "}",
        "Layer",
        "Type: CONV",
        "Type: GEMM",
        "Dimensions",
        "Stride",
        "Dataflow",
        "Constant A 3",
    ),
    *(
        "K: 4",
        "M: 0",
        "X: 2",
        "R 3",
        "TemporalMap(1,1) K;",
        "SpatialMap(Sz(R),1) Y",
        "Cluster(A, P)",
        "Cluster(0)",
        "// c",
    ),
)
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


@st.composite
def small_layers(draw: st.DrawFn) -> DirectiveLayer:
    """As `layers`, with extents that a walk of every iteration can take."""
    layer = draw(layers())
    return replace(layer, extents=tuple((d, 1 + n % 4) for d, n in layer.extents))


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


@settings(max_examples=120, deadline=None)
@given(small_layers(), st.integers(1, 12))
def test_the_corrected_mode_is_what_a_walk_of_the_nest_moves(layer: DirectiveLayer, num_pes: int) -> None:
    try:
        found = evaluate_corrected(layer, MaestroHardware(num_pes=num_pes, noc_elements_per_cycle=4))
    except TileloomError as error:
        assert str(error)
        return
    case = (found.problem, found.architecture, found.mapping)
    assert count(*case) == simulate(*case)
    assert found.cost.macs == found.problem.macs
    assert found.cost.cycles >= found.problem.macs / num_pes


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40), st.sampled_from(["\n", "\r\n", " "]))
def test_any_text_is_read_or_refused_with_its_line(words: list[str], between: str) -> None:
    try:
        parse_mapping(between.join(words), "f.m")
    except InputError as error:
        assert all(p.startswith("f.m:") for p in error.problems)
