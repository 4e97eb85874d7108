"""Union's case studies on chips small enough to prove: what is claimed, and what the figures say of it."""

import pytest

from tileloom.architecture.load import parse_architecture
from tileloom.core.errors import InputError
from tileloom.explore.union.layers import NAMES, case_layer, case_layers
from tileloom.explore.union.studies import algorithm_study, aspect_study, bandwidth_study, mapper_study
from tileloom.report.study_page import study_page
from tileloom.workload.layers import gemm

CHIP = parse_architecture("""
name: wide
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 8.0, width_bits: 16, bits_per_cycle: 64}, keep: all}
- {memory: L2, size_bits: 100000, access: {energy_pj: 1.0, width_bits: 8, bits_per_cycle: 512}, keep: all}
- fanout: PE
  axes: [{name: X, size: 16}, {name: Y, size: 16}]
- {compute: MAC, energy_pj: 0.5}
""")
WORK = gemm("work", M=8, N=64, K=8)


def test_layers_are_those_of_the_reference_list() -> None:
    macs = {name: case_layer(name).macs for name in NAMES}
    assert macs["resnet50-2"] == 3_699_376_128 and macs["resnet50-3"] == 3_288_334_336
    assert macs["dlrm-2"] == 33_554_432 and macs["bert-3"] == 603_979_776
    with pytest.raises(InputError, match="did you mean 'bert-1'"):
        case_layers(["brt-1", "dlrm-9"])


def test_the_algorithm_finding_holds_with_one_dim_per_axis_only() -> None:
    found = algorithm_study(CHIP, (4,), ("ccsd7",), cache=False)
    verdicts = {claim: verdict for claim, verdict, _ in found.headline}
    assert verdicts["TTGT has the lower EDP at extent 4, one dim per axis"] == "agrees"
    assert verdicts["TTGT has the lower EDP at extent 4, any dims on an axis"] == "does not hold"
    assert found.complete and set(found.column("status")) == {"optimal"}


def test_the_gap_closes_where_one_dim_fills_an_axis() -> None:
    found = algorithm_study(CHIP, (2, 16), ("intensli2",), cache=False)
    verdicts = {claim: verdict for claim, verdict, _ in found.headline}
    assert verdicts["the gap closes at extent 16, one dim per axis"] == "agrees: it is closed"


def test_mappers_and_dataflows_stand_beside_each_other() -> None:
    found = mapper_study(
        CHIP, [WORK], models=("loopnest",), mappers=("optimal", "decoupled"), dataflows=("kcp_ws",), cache=False
    )
    ratio = dict(zip(found.column("mapper"), found.column("edp_to_best"), strict=True))
    assert ratio["optimal"] == 1 and all(r is None or r >= 1 for r in ratio.values())  # type: ignore[operator]
    assert "template kcp_ws" in ratio and found.headline[0][1] in ("agrees", "even")


def test_shapes_matter_where_an_axis_takes_one_dim() -> None:
    found = aspect_study(CHIP, [WORK], cache=False)
    assert found.column("array") == ("1x256", "2x128", "4x64", "8x32", "16x16")
    assert found.headline[0][1] == "yes, for 1 of 1 layers"
    # 64 columns of N and 4 rows, or 8 rows and 32 columns, are full; 256 in a row cannot be.
    use = dict(zip(found.column("array"), found.column("utilization"), strict=True))
    assert use["4x64"] > use["1x256"]  # type: ignore[operator]
    page = study_page(found)
    assert page.count("<polyline") == 1 and "EDP / least EDP" in page


def test_more_fill_bandwidth_stops_helping() -> None:
    found = bandwidth_study(CHIP, [WORK], (1, 1e4, 2e4), cache=False)
    assert found.headline[0][1] == "agrees" and "from 10000 GB/s" in found.headline[0][2]
    rising = bandwidth_study(CHIP, [WORK], (0.1, 0.2), cache=False)
    assert rising.headline[0][1] == "not up to 0.2 GB/s"
