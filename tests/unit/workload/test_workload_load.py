import json

import pytest

from onnx_models import saved
from tileloom.core.errors import InputError
from tileloom.workload.load import import_report, load_network, load_problem


def test_library_name_with_and_without_bindings():
    assert load_network("gpt3-6.7b-decode").macs == 4 * 4096**2 + 8 * 4096**2 + 2 * 2048 * 4096
    assert load_network("resnet18", bind={"N": 4}).macs == 4 * load_network("resnet18").macs
    assert load_network("alexnet", bits=16).layers[0].problem.tensors[0].bits == 16
    with pytest.raises(InputError, match="'M' is not a symbolic dimension"):
        load_network("resnet18", bind={"M": 4})


def test_files_by_ending(tmp_path):
    onnx_file = saved(tmp_path, [("MatMul", "xw", "y")], {"x": ["N", 4], "w": [4, 5]})
    assert load_network(onnx_file, bind={"N": 3}).macs == 60
    yaml_file = tmp_path / "net.yml"
    yaml_file.write_text("layers: [{name: a, op: gemm, M: 3, N: 5, K: 4}]")
    assert load_network(str(yaml_file)).macs == 60
    with pytest.raises(InputError, match="no symbolic dimensions"):
        load_network(yaml_file, bind={"N": 3})


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(InputError, match=r"no network 'resnet-18' \(did you mean 'resnet18'\?\).*vgg16"):
        load_network("resnet-18")
    with pytest.raises(InputError, match="tileloom list formats"):
        load_network("model.pt")


def test_one_problem(tmp_path):
    assert load_problem("mk,kn->mn", sizes={"m": 2, "n": 3, "k": 4}, name="mine").name == "mine"
    assert load_problem("resnet18", layer="fc").macs == 512 * 1000
    with pytest.raises(InputError, match=r"no layer 'fcc' \(did you mean 'fc'\?\)"):
        load_problem("resnet18", layer="fcc")
    with pytest.raises(InputError, match="21 layers; name one of: conv1, layer1"):
        load_problem("resnet18")
    single = tmp_path / "net.yaml"
    single.write_text("layers: [{name: a, op: gemm, M: 3, N: 5, K: 4, count: 7}]")
    assert load_problem(single).macs == 60


def test_report_is_plain_data_that_adds_up():
    network = load_network("resnet18")
    report = json.loads(json.dumps(import_report(network)))
    assert report["macs"] == sum(p["macs"] * p["repeat"] for p in report["problems"]) == network.macs
    assert len(report["problems"]) == 12
    first = report["problems"][0]
    assert (first["name"], first["repeat"], first["layers"]) == ("conv1", 1, ["conv1"])
    assert first["dims"] == {"N": 1, "G": 1, "K": 64, "C": 3, "P": 112, "Q": 112, "R": 7, "S": 7}
    assert first["tensors"][0] == {
        "name": "I",
        "role": "input",
        "projection": [{"N": 1}, {"G": 1}, {"C": 1}, {"P": 2, "R": 1}, {"Q": 2, "S": 1}],
        "bits": 8,
        "elements": 3 * 229 * 229,
        "stored_elements": 3 * 224 * 224,
    }
    assert report["skipped"] == []
    assert {v["operator"] for v in report["vector_ops"]} == {"Relu", "MaxPool", "Add", "GlobalAveragePool", "Flatten"}


def test_report_names_what_was_skipped(tmp_path):
    path = saved(tmp_path, [("Fancy", "x", "y", {"domain": "com.example"})], {"x": [1]})
    assert import_report(load_network(path))["skipped"][0]["node"] == "Fancy_0"
