"""Writing architectures: exact round trip and the drawing."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileloom.architecture.dump import architecture_to_yaml, describe, format_bits
from tileloom.architecture.load import load_architecture, parse_architecture
from tileloom.architecture.model import (
    EVERYTHING,
    NOTHING,
    Architecture,
    Compute,
    Fanout,
    FanoutAxis,
    Memory,
    Port,
    TensorSet,
)

TENSORS = st.sampled_from([EVERYTHING, NOTHING, TensorSet(("input",)), TensorSet(("output", "Q"))])
POSITIVE = st.floats(1e-6, 1e6)
PORTS = st.builds(
    Port,
    energy_pj=st.floats(0, 1e6),
    width_bits=POSITIVE,
    accesses_per_cycle=st.just(inf) | POSITIVE,
    energy_pj_by_tensor=st.sampled_from([(), (("weight", 0.1), ("Q", 2.0))]),
)
PARTS = st.lists(st.tuples(TENSORS, st.integers(1, 2**40)), min_size=1, max_size=3)


@st.composite
def memories(draw: st.DrawFn, name: str) -> Memory:
    partitions = tuple(draw(PARTS)) if draw(st.booleans()) else ()
    capacity = sum(b for _, b in partitions) if partitions else draw(st.none() | st.integers(1, 2**60))
    return Memory(
        name=name,
        capacity_bits=capacity,
        partitions=partitions,
        read=draw(PORTS),
        write=draw(PORTS),
        ports=draw(st.sampled_from(["shared", "separate"])),
        keep=draw(TENSORS),
        may_keep=draw(TENSORS),
        value_bits=draw(st.sampled_from([(), (("output", 24),)])),
        buffers=draw(st.integers(1, 3)),
        refetch_first_output=draw(st.booleans()),
        leakage_pj_per_cycle=draw(st.floats(0, 10)),
        area_mm2=draw(st.floats(0, 10)),
        source=draw(st.sampled_from(["", "paper: table 3, #4"])),
    )


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    axis = FanoutAxis(
        name="X",
        size=draw(st.integers(1, 2**24)),
        multicast=draw(TENSORS),
        stationary=draw(TENSORS),
        dims=draw(st.sampled_from([(), ("K", "C")])),
        max_dims=draw(st.none() | st.integers(1, 4)),
        min_utilization=draw(st.floats(0, 1)),
    )
    compute = Compute(
        name="MAC",
        energy_pj=draw(st.floats(0, 10)),
        ops_per_cycle=draw(POSITIVE),
        n_inputs=draw(st.sampled_from([(), (1, 2)])),
    )
    nodes = (draw(memories("A")), Fanout(name="F", axes=(axis,), source="s"), draw(memories("B")), compute)
    return Architecture("on", nodes, draw(POSITIVE), draw(st.none() | POSITIVE), "a: b", "1e9")


@settings(max_examples=40, deadline=None)
@given(architectures())
def test_any_architecture_survives_the_round_trip(architecture: Architecture) -> None:
    text = architecture_to_yaml(architecture)
    assert parse_architecture(text) == architecture
    assert architecture_to_yaml(parse_architecture(text)) == text


def test_drawing_shows_levels_sizes_and_copies() -> None:
    text = describe(load_architecture("eyeriss"))
    lines = text.splitlines()
    assert "168 operations per cycle" in lines[1]
    assert any("GLB" in line and "108 KiB" in line and "x1 " in line for line in lines)
    assert any("Spad" in line and "x168" in line and "448 B weight" in line for line in lines)
    assert any("fanout X 14 x Y 12" in line for line in lines)


@pytest.mark.parametrize(
    ("bits", "text"), [(None, "unbounded"), (7, "7 bit"), (12288, "1.5 KiB"), (2**33, "1 GiB"), (8 * 1537, "1537 B")]
)
def test_format_bits(bits: int | None, text: str) -> None:
    assert format_bits(bits) == text
