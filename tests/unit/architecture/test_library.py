"""Every design of the library: loads, round trips, cites its sources, and can hold any conv or GEMM."""

import re
from pathlib import Path

import pytest

import tileloom.architecture
from tileloom.architecture.dump import architecture_to_yaml, describe
from tileloom.architecture.load import list_architectures, load_architecture, parse_architecture
from tileloom.architecture.model import Memory
from tileloom.core.yamlio import load_yaml
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

FOLDER = Path(tileloom.architecture.__file__).parent / "library"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

CONV = Problem(
    "conv",
    tuple(Dim(d, 2) for d in "NKCPQRS"),
    (
        Tensor(
            "I", "input", (Axis((("N", 1),)), Axis((("C", 1),)), Axis((("P", 1), ("R", 1))), Axis((("Q", 1), ("S", 1))))
        ),
        Tensor("W", "weight", tuple(Axis(((d, 1),)) for d in "KCRS")),
        Tensor("O", "output", tuple(Axis(((d, 1),)) for d in "NKPQ")),
    ),
)
GEMM = Problem(
    "gemm",
    tuple(Dim(d, 2) for d in "MNK"),
    (
        Tensor("A", "input", tuple(Axis(((d, 1),)) for d in "MK")),
        Tensor("B", "weight", tuple(Axis(((d, 1),)) for d in "KN")),
        Tensor("Z", "output", tuple(Axis(((d, 1),)) for d in "MN")),
    ),
)


def test_at_least_ten_published_designs() -> None:
    wanted = {"eyeriss", "simba", "tpu-v4i-like", "nvdla-like", "shidiannao", "edge-tpu-like", "meta-prototype"}
    wanted |= {"maeri-like", "simple-2level", "simba-package", "ascend-like", "tesla-npu-like"}
    assert wanted <= set(NAMES)
    listed = list_architectures()
    assert [name for name, _ in listed] == NAMES
    assert all(text for _, text in listed)


@pytest.mark.parametrize("name", NAMES)
def test_loads_and_round_trips(name: str) -> None:
    architecture = load_architecture(name)
    assert architecture.name == name
    assert parse_architecture(architecture_to_yaml(architecture)) == architecture
    assert name in describe(architecture)


@pytest.mark.parametrize("name", NAMES)
def test_every_node_cites_a_source(name: str) -> None:
    data = load_yaml(FOLDER / f"{name}.yaml").data
    assert isinstance(data, dict) and len(str(data["source"])) > 10
    for node in data["nodes"]:
        assert node.get("source"), node
    text = (FOLDER / f"{name}.yaml").read_text()
    # A paper's year or a named tool, or the plain admission of an assumption, stands behind each number.
    assert re.search(r"(19|20)\d\d", text)
    for node in load_architecture(name).nodes:
        assert re.search(r"assumption:|\d{4}|NeuroSpector|AccelForge|DeFiNES|nv_large|Interstellar", node.source), node


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_a_comment_near(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text().splitlines()
    for number, line in enumerate(text, start=1):
        if re.search(r"(size_\w+|bits_per_cycle|energy_pj|frequency_mhz|technology_nm|ops_per_cycle): [\d.]", line):
            above = text[max(0, number - 4) : number - 1]
            assert "#" in line or any("#" in a for a in above), f"{name}.yaml:{number}: {line}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("problem", [CONV, GEMM], ids=["conv", "gemm"])
def test_one_element_of_everything_kept_fits(name: str, problem: Problem) -> None:
    architecture = load_architecture(name)
    unit = architecture.compute_for(problem)
    assert unit is not None
    path = architecture.path(unit)
    first = path[0]
    assert isinstance(first, Memory) and first.capacity_bits is None
    assert all(first.allows(t) for t in problem.tensors)
    for node in path:
        if isinstance(node, Memory) and node.capacity_bits is not None:
            kept = [t for t in problem.tensors if node.keep.has(t)]
            assert sum(node.bits_of(t) * node.buffers for t in kept) <= node.capacity_bits
            for tensors, bits in node.partitions:
                held = [t for t in problem.tensors if tensors.has(t) and node.allows(t)]
                assert sum(node.bits_of(t) * node.buffers for t in held) <= bits
            if node.partitions:
                covered = [t for t in problem.tensors if any(p.has(t) for p, _ in node.partitions)]
                assert all(t in covered for t in problem.tensors if node.allows(t))


def test_known_numbers_of_eyeriss() -> None:
    eyeriss = load_architecture("eyeriss")
    mac = eyeriss.computes[0].energy_pj
    # Chen et al., ISCA 2016, table IV, per 16-bit word.
    ratios = {"DRAM": 200, "GLB": 6, "Spad": 1}
    for name, ratio in ratios.items():
        port = eyeriss.memory(name).read
        assert port.width_bits == 16
        assert port.energy_pj == pytest.approx(ratio * mac)
    assert eyeriss.memory("GLB").capacity_bits == 108 * 1024 * 8
    assert [bits // 16 for _, bits in eyeriss.memory("Spad").partitions] == [12, 224, 24]
    assert eyeriss.fanout("PEArray").size == 168


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("simba", 1024),
        ("simba-package", 36864),
        ("tpu-v4i-like", 65536),
        ("nvdla-like", 6144),
        ("nvdla-large", 2048),
        ("shidiannao", 64),
        ("edge-tpu-like", 1024),
        ("meta-prototype", 1024),
        ("tesla-npu-like", 1024),
        ("ascend-like", 1024),
        ("flexflow", 256),
    ],
)
def test_number_of_multipliers(name: str, macs: int) -> None:
    architecture = load_architecture(name)
    assert architecture.instances(architecture.computes[-1]) == macs
