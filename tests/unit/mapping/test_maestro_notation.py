"""MAESTRO's files: what is read, what is written, and where a mistake is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.maestro import MaestroHardware, format_hardware, parse_hardware, read_hardware
from tileloom.architecture.notation.maestro_options import hardware_from_options
from tileloom.core.errors import InputError
from tileloom.mapping.notation.maestro import Cluster, Map, format_dataflow
from tileloom.mapping.notation.maestro_reader import parse_mapping, read_mapping
from tileloom.mapping.notation.maestro_writer import format_mapping

SMALL = """Constant Tile 4; // a comment
Accelerator { PE { NumPEs 4 } Buffer { L1 16 } }
Network small-net {
  Layer Conv2d-1 { // another one
    Type: CONV
    Stride { X: 2, Y: 2 }
    Dimensions { K: 8, C: Tile, R: 3, S: 3, Y: 9, X: 9 }
    Dataflow {
      SpatialMap(1,1) K;
      TemporalMap(Sz(R),1) Y; TemporalMap(Sz(S),1) X;
      Cluster(Tile, L);
      SpatialMap(1,1) C;
    }
  }
}
"""


def test_a_file_with_everything() -> None:
    file = parse_mapping(SMALL)
    (layer,) = file.layers
    assert (file.network, layer.name, layer.label, layer.line) == ("net", "1", "1", 4)
    assert layer.sizes == {"K": 8, "C": 4, "R": 3, "S": 3, "Y": 9, "X": 9}
    assert layer.stride_of == {"X": 2, "Y": 2}
    assert layer.dataflow is not None
    assert layer.dataflow[1] == Map("temporal", 3, 1, "Y")
    assert layer.dataflow[3] == Cluster(4, "L")
    assert format_dataflow(layer.dataflow[:1]) == "SpatialMap(1,1) K"


def test_carriage_returns_change_nothing() -> None:
    assert parse_mapping(SMALL.replace("\n", "\r\n")) == parse_mapping(SMALL)


def test_written_files_read_back(tmp_path: Path) -> None:
    path = tmp_path / "small.m"
    path.write_text(format_mapping(parse_mapping(SMALL)))
    again = read_mapping(path)
    assert again.layers[0].dataflow == parse_mapping(SMALL).layers[0].dataflow
    assert format_mapping(again) == path.read_text()
    assert "Dataflow" not in format_mapping(again, dataflows=False)


def test_a_name_that_the_format_cannot_hold_is_refused() -> None:
    file = parse_mapping(SMALL)
    with pytest.raises(InputError, match="'a-b' cannot be a name"):
        format_mapping(type(file)("a-b", file.layers))


def test_several_networks_and_names_taken_from_elsewhere() -> None:
    text = """Network A { Layer { Type: GEMM Dimensions { M: 2, N: 3, K: 4 } } }
    Network B { Layer { Type: GEMM Dimensions { M: 2, N: 3, K: 4 } } Layer L { Dimensions { M: 2, N: 3, K: 4 } Type: GEMM } }"""
    file = parse_mapping(text)
    assert file.network == "B"
    # The original picks up another word where a name is missing.
    assert [layer.label for layer in file.layers] == ["Layer", "K", "K"]
    assert [layer.dataflow for layer in file.layers] == [None, None, None]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Type: CONV", "Type: CONW", r"m:5: unknown type 'CONW' \(did you mean 'CONV'\?\)"),
        ("Type: CONV", "Type: LSTM", "m:14: layer '1': nothing is known about type LSTM"),
        ("Type: CONV", "", "m:14: layer '1' has no Type"),
        ("TemporalMap(Sz(R)", "TemporalMap(Sz(Q)", r"m:10: Sz\(Q\): no such dimension"),
        ("TemporalMap(Sz(R),1) Y", "TempralMap(1,1) Y", r"m:10: unknown directive 'TempralMap' \(did you mean 'Temp"),
        (
            "TemporalMap(Sz(R),1) Y",
            "TemporalMap(2,2) R",
            "m:10: TemporalMap.2,2. R: size and offset must both be .* 3;",
        ),
        ("K: 8,", "K: 0,", "m:7: the size of K is 0; expected 1 to"),
        (
            "K: 8,",
            "K: Tle,",
            r"m:7: the size of K must be a whole number or a constant, got 'Tle' \(did you mean 'Tile'",
        ),
        ("(Tile, L)", "(Tile, Q)", "m:11: a cluster is L .* got 'Q'"),
        ("{ K:", "{K:", "m:7: expected '{', got '{K'; put spaces around braces"),
        ("Stride { X: 2, Y: 2 }", "Stride { Q: 2 }", "m:6: Stride is given for X and Y"),
        ("Stride { X: 2, Y: 2 }", "Sride { X: 2 }", r"m:6: a layer has .* got 'Sride' \(did you mean 'Stride'"),
        ("SpatialMap(1,1) C;\n    }\n  }\n}", "", "m:11: the file ends where '}' of Dataflow is expected"),
        ("X: 9 }", "X: 9 } Stride { X: 2 }", "m:7: Stride must come before Dimensions"),
    ],
)
def test_mistakes_are_named_with_their_line(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError, match=message):
        parse_mapping(SMALL.replace(old, new, 1), "m")


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_mapping(tmp_path / "none.m")


def test_hardware_files(tmp_path: Path) -> None:
    path = tmp_path / "hw.m"
    path.write_text("num_pes: 256\r\nnoc_bw_cstr: 1000\r\nNoC_NumHops: 4\r\n")
    hardware = read_hardware(path, simd_lanes=2)
    assert hardware == MaestroHardware(num_pes=256, simd_lanes=2, noc_elements_per_cycle=1000, noc_latency_cycles=4)
    assert parse_hardware(format_hardware(hardware), simd_lanes=2) == hardware


def test_all_mistakes_in_a_hardware_file_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_hardware("num_pe: 4\nl1_size_cstr: x\nl2_size_cstr", "hw")
    assert [p.split(";")[0] for p in caught.value.problems] == [
        "hw:1: unknown key 'num_pe' (did you mean 'num_pes'?)",
        "hw:2: l1_size_cstr needs a whole number, got 'x'",
        "hw:3: l2_size_cstr needs a whole number, got nothing",
    ]
    with pytest.raises(InputError, match="hw:1: num_pes is 0; expected at least 1"):
        parse_hardware("num_pes: 0", "hw")


def test_options_have_the_defaults_of_the_command_line() -> None:
    hardware = hardware_from_options(["--noc_bw=14", "--noc_hops=3", "--noc_hop_latency=2", "--print_res=true"])
    assert hardware == MaestroHardware(
        num_pes=7, noc_elements_per_cycle=14, noc_latency_cycles=6, offchip_elements_per_cycle=70000
    )
    with pytest.raises(InputError) as caught:
        hardware_from_options(["--noc=1", "--num_pe=x", "--pes=3"])
    assert len(caught.value.problems) == 3
