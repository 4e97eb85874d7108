"""The library of networks against counts published by others and against sums done by hand."""

import runpy
from pathlib import Path

import onnx
import pytest

from tileloom.core.errors import InputError
from tileloom.workload.library import library_entry, library_names, list_networks
from tileloom.workload.load import load_network

ROOT = Path(__file__).resolve().parents[3]

# Written out from the papers' tables, independent of how the files are built.
BY_HAND = {
    # convolutions 105.4 + 223.9 + 149.5 + 112.1 + 74.8 M (two groups in 2, 4, 5), then three dense layers
    "alexnet": 55**2 * 96 * 3 * 121 + 27**2 * 256 * 48 * 25 + 13**2 * 9 * (384 * 256 + 384 * 192 + 256 * 192)
    + 9216 * 4096 + 4096 * 4096 + 4096 * 1000,
    # 12 layers: four square projections and two of 4x, scores and context over 128 tokens; pooler of one token
    "bert-base": 12 * (128 * 12 * 768**2 + 2 * 128 * 128 * 768) + 768**2,
    "gpt3-6.7b-prefill": 2048 * 12 * 4096**2 + 2 * 2048**2 * 4096,
    "gpt3-6.7b-decode": 12 * 4096**2 + 2 * 2048 * 4096,
    "vit-b16": 196 * 768**2 + 12 * (197 * 12 * 768**2 + 2 * 197**2 * 768) + 768 * 1000,
    "fsrcnn": 970 * 550 * (56 * 25 + 56 * 12) + 12 * 12 * 9 * (968 * 548 + 966 * 546 + 964 * 544 + 962 * 542)
    + 962 * 542 * 12 * 56 + 960 * 540 * 56 * 16 * 9,
    "mc-cnn": 9 * 64 * (1248 * 382 + 64 * (1246 * 380 + 1244 * 378 + 1242 * 376)),
    "dmcnn-vd": 9 * 64 * (806 * 550 * 3 + sum((806 - 2 * i) * (550 - 2 * i) * 64 for i in range(1, 19)) + 768 * 512 * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", library_names())
def test_macs(name):
    entry, network = library_entry(name), load_network(name)
    assert not network.skipped
    assert network.macs == entry.macs
    if name in BY_HAND:
        assert network.macs == BY_HAND[name]
    if entry.published_macs is not None:
        assert network.macs == pytest.approx(entry.published_macs, rel=entry.published_tolerance, abs=0)
    assert name in BY_HAND or entry.published_macs is not None


def test_alexnet_convolutions_as_the_eyeriss_paper_counts_them():
    convolutions = [la.problem for la in load_network("alexnet").layers if la.operator == "Conv"]
    assert round(sum(p.macs for p in convolutions) / 1e6) == 666


@pytest.mark.parametrize(
    ("name", "layers", "distinct"),
    [("vgg16", 16, 12), ("resnet18", 21, 12), ("resnet50", 54, 24), ("mobilenetv2", 53, 31), ("bert-base", 97, 6)],
)
def test_layers_and_how_many_differ(name, layers, distinct):
    network = load_network(name)
    assert (len(network.layers), len(network.problems)) == (layers, distinct)


def test_the_documentation_lists_every_network():
    page = (ROOT / "docs" / "workloads.md").read_text()
    for name in library_names():
        assert f"| {name} | {load_network(name).macs / 1e9:.4g} |" in page


def test_entries_are_complete_and_small():
    for name, description in list_networks():
        entry = library_entry(name)
        assert description and entry.provenance and entry.path.stat().st_size < 100_000
        assert entry.published_macs is None or entry.published_in


def test_attention_over_cached_tokens():
    network = load_network("gpt3-6.7b-decode", bind={"S": 99})
    scores = next(la for la in network.layers if la.name == "attention.scores")
    assert scores.problem.extents == {"B": 32, "M": 1, "N": 100, "K": 128}


def test_other_tools_can_infer_the_shapes():
    model = onnx.load(library_entry("efficientnet-b0").path)
    onnx.checker.check_model(model, full_check=True)


def test_files_are_what_the_script_builds(tmp_path):
    script = runpy.run_path(str(ROOT / "scripts" / "make_networks.py"))
    for make in script["NETWORKS"]:
        make(tmp_path)
    built = {p.stem for p in tmp_path.glob("*.onnx")}
    assert built == set(library_names())
    for name in built:
        assert onnx.load(tmp_path / f"{name}.onnx") == onnx.load(library_entry(name).path)


def test_unknown_entry():
    with pytest.raises(InputError, match="did you mean 'vgg16'"):
        library_entry("vgg61")
