"""Hardware variants: shapes and bandwidths by hand, and a study that names the best and the saturation."""

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.core.errors import InputError
from tileloom.explore.arch_study import arch_result, explore_architecture
from tileloom.explore.arch_variants import (
    all_aspects,
    filling_memory,
    parse_aspects,
    parse_bandwidths,
    reshaped,
    saturation,
    with_bandwidth,
)
from tileloom.report.study_page import study_page
from tileloom.workload.layers import gemm

CHIP = parse_architecture("""
name: chip
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8, width_bits: 8}, keep: all}
- {memory: L2, size_bits: 4096, access: {energy_pj: 2, width_bits: 8, bits_per_cycle: 64}, keep: all}
- fanout: PE
  axes: [{name: X, size: 4}, {name: Y, size: 2}]
- {compute: MAC, energy_pj: 0.5}
""")


def test_shapes_keep_the_number_of_places() -> None:
    assert all_aspects(CHIP) == [(1, 8), (2, 4)]
    axes = reshaped(CHIP, 1, 8).fanout("PE").axes
    assert [(a.name, a.size) for a in axes] == [("X", 8), ("Y", 1)]


def test_bandwidth_is_of_the_memory_outside_the_array() -> None:
    # 2 GB/s at 1 GHz are 16 bits a cycle, 2 accesses of 8 bits.
    assert filling_memory(CHIP).name == "L2"
    memory = with_bandwidth(CHIP, 2).memory("L2")
    assert memory.read.accesses_per_cycle == memory.write.accesses_per_cycle == 2
    assert with_bandwidth(CHIP, 2, "DRAM").memory("DRAM").read.accesses_per_cycle == 2


def test_lists_are_read_and_mistakes_named() -> None:
    assert parse_aspects("1x8, 2X4") == [(1, 8), (2, 4)]
    assert parse_bandwidths("1,2.5") == [1.0, 2.5]
    with pytest.raises(InputError, match="3: expected ROWSxCOLUMNS"):
        parse_aspects("1x8,3")
    with pytest.raises(InputError, match="'0': expected GB/s above 0"):
        parse_bandwidths("1,0")


def test_edp_saturates_beyond_some_bandwidth() -> None:
    points = explore_architecture([gemm("work", M=8, N=8, K=8)], CHIP, bandwidths=(0.5, 2, 1000, 2000), cache=False)
    edp = [p.edp or 0.0 for p in points]
    assert edp[0] > edp[1] > edp[2] == edp[3]
    found = arch_result(points, CHIP, "edp")
    assert found.complete and any("saturates at" in value for _, value, _ in found.headline)
    rising = arch_result(points[:2], CHIP, "edp")
    assert any("still falls at 2 GB/s" in value for _, value, _ in rising.headline)
    assert saturation([(1, 10.0), (2, 5.0), (4, 5.0)]) == 2


def test_a_study_of_shapes_has_a_page() -> None:
    points = explore_architecture([gemm("work", M=8, N=8, K=8)], CHIP, aspects=all_aspects(CHIP), cache=False)
    found = arch_result(points, CHIP, "edp")
    assert found.column("array") == ("1x8", "2x4")
    assert min(found.column("edp_to_best")) == 1  # type: ignore[type-var]
    assert "Shape of the array" in study_page(found)
