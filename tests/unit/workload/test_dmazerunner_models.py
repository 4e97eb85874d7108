"""dMazeRunner's model files: layers, order, merging, Problems and every fault at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tileloom.core.errors import MAX_PROBLEMS, InputError
from tileloom.workload.frontends.dmazerunner import RESNET, layer_record, layers_of, load_network, merged, read_model

INPUTS = Path(__file__).parents[2] / "reference" / "dmazerunner" / "inputs"
CONV = {"name": "c", "size_tensor_A": [1, 3, 229, 229], "size_tensor_B": [64, 3, 7, 7], "strides": [2, 2]}
GEMM = {"name": "g", "size_tensor_A": [107, 768], "size_tensor_B": [768, 2]}
DEPTHWISE = {"name": "d", "size_tensor_A": [1, 8, 9, 9], "size_tensor_B": [1, 8, 3, 3], "strides": [1, 1]}


def test_lists_are_processed_in_their_own_order() -> None:
    layers = layers_of({"DW_CONV": [DEPTHWISE], "GEMM": [GEMM], "CONV": [CONV]})
    assert [x.name for x in layers] == ["c", "g", "d_depthwise"]
    assert layers[0].extents == (1, 64, 3, 112, 112, 7, 7)
    assert layers[1].extents == (107, 2, 768)
    assert layers[2].extents == (1, 1, 8, 7, 7, 3, 3)


def test_equal_layers_are_merged() -> None:
    layers = merged(layers_of({"GEMM": [GEMM, {**GEMM, "name": "again", "instances": 3}]}))
    assert [(x.name, x.instances) for x in layers] == [("g", 4)]


def test_distinct_layers_of_known_models() -> None:
    assert [len(merged(read_model(INPUTS / f"{m}.json"))) for m in ("alexnet", "resnet18", "bert-base-uncased")] == [
        8,
        9,
        6,
    ]
    assert sum(x.instances for x in read_model(INPUTS / "bert-base-uncased.json")) == 361


def test_a_network_holds_the_problems() -> None:
    network = load_network(INPUTS / "resnet18.json")
    problem = network.layers[0].problem
    assert problem.equation == "O[N, M, Ox, Oy] += I[N, C, 2*Ox+Fx, 2*Oy+Fy] * W[M, C, Fx, Fy]"
    assert problem.macs == 64 * 3 * 112 * 112 * 49


def test_rectangles_are_read_only_when_asked_for() -> None:
    wide = {"CONV": [{**CONV, "size_tensor_A": [1, 3, 229, 69], "strides": [2, 1]}]}
    assert layers_of(wide)[0].extents[3:5] == (112, 112)
    assert layers_of(wide, square=False)[0].extents[3:5] == (112, 63)


def test_every_fault_is_named() -> None:
    bad = {
        "CONV": [{"name": "a", "size_tensor_B": [1, 2], "stride": [1, 1]}],
        "GEMMS": [],
        "GEMM": [{**GEMM, "instances": 0}],
    }
    with pytest.raises(InputError) as error:
        layers_of(bad, "m.json")
    text = str(error.value)
    for part in ("unknown key 'GEMMS' (did you mean 'GEMM'?)", "'size_tensor_A' is missing", "'strides' is missing",
                 "unknown key 'stride'", "expected 4 whole numbers", "'instances' is 0"):  # fmt: skip
        assert part in text


def test_channels_must_agree() -> None:
    with pytest.raises(InputError, match="3 channels and B has 4"):
        layers_of({"CONV": [{**CONV, "size_tensor_B": [64, 4, 7, 7]}]})
    with pytest.raises(InputError, match="K = 768"):
        layers_of({"GEMM": [{**GEMM, "size_tensor_B": [700, 2]}]}, square=False)


def test_direct_records() -> None:
    record = {"name": "resnet_conv5_2", "channels": 512, "kernel_size": "[3, 3]", "padding": "[1, 1]", "strides": "[1, 1]",
              "input_shape": [1, 512, 7, 7], "output_shape": [1, 512, 7, 7], "batch_size": 4}  # fmt: skip
    assert layer_record(record) == RESNET[5]
    with pytest.raises(InputError, match=r"output is \[8, 8\]"):
        layer_record({**record, "output_shape": [1, 512, 8, 8]})


def test_what_is_no_model_file(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        read_model(path)
    path.write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(InputError, match="expected an object"):
        read_model(path)


def test_faults_of_a_file_of_wrong_entries_are_bounded() -> None:
    with pytest.raises(InputError) as caught:
        layers_of({"CONV": [1.0] * 10_000})
    assert len(caught.value.problems) == MAX_PROBLEMS
    assert "CONV[499]: entries after this one were not read" in caught.value.problems[-1]
