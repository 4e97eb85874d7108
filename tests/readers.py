"""Every reader of what a user gives with a small input that it takes, for tests that feed them anything else.

A reader is a function from a path; what it returns does not matter here, only that it ends with a typed error. A test
compares the list with the registries and with the source (reading_places.py), so that no reader is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import reader_seeds as seeds
import report_records as records

REFERENCE = Path(__file__).parent / "reference"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Reader:
    """name  for test ids;  ending: of the file it is given;  seed: content that it takes;  read: called with the path.

    covers    what of a registry it stands for: 'format onnx', 'notation zigzag'
    encoding  of the seed; latin-1 for files of bytes
    """

    name: str
    ending: str
    seed: str
    read: Callable[[Path], object]
    covers: str = ""
    encoding: str = "utf-8"

    def write(self, path: Path, content: str) -> None:
        """What has no bytes in the encoding becomes a question mark."""
        path.write_bytes(content.encode(self.encoding, "replace"))


def _notation(name: str) -> Callable[[Path], object]:
    """The reader of a notation for a small matrix product on a small chip (for GAMMA: a convolution)."""
    from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
    from tileloom.mapping.notation.registry import NOTATIONS
    from tileloom.workload.layers import conv2d, gemm

    port = Port(energy_pj=1.0, width_bits=8)
    memories = [Memory(name=n, capacity_bits=None, read=port, write=port) for n in ("DRAM", "L2", "L1")]
    axes = (FanoutAxis(name="X", size=2), FanoutAxis(name="Y", size=1))
    array = Fanout(name="PE", axes=axes)
    chip = Architecture("c", (memories[0], memories[1], array, memories[2], Compute(name="MAC", energy_pj=1.0)))
    problem = conv2d("g", K=4, C=4, P=4, Q=4, R=1, S=1) if name == "gamma" else gemm("g", M=4, N=4, K=4)
    given = None if name in ("union", "maestro") else problem
    notation = NOTATIONS.get(name)
    assert notation.read is not None
    read = notation.read
    return lambda path: read(path, given, chip if name != "union" else None, None)


def readers() -> list[Reader]:
    """One entry per reader; readers of the same syntax with different seeds are listed apart."""
    return [*_formats(), *_notations(), *_networks(), *_chips(), *_rules(), *_studies(), *_records()]


def _formats() -> Iterator[Reader]:
    """Every registered format through its own entry, as `tileloom map FILE` reads it."""
    from tileloom.explore.formats import FORMATS

    alexnet = (REFERENCE / "dmazerunner" / "inputs" / "alexnet.json").read_text()
    samples = {
        "onnx": _onnx(), "mlir": seeds.STABLEHLO, "yaml": seeds.WORKLOAD, "comet": seeds.COMET, "tccg": seeds.TCCG,
        "neurospector": seeds.LAYERS, "dmazerunner": alexnet, "timeloop": seeds.TIMELOOP, "accelforge": seeds.TEMPLATED,
        "maestro": (REFERENCE / "maestro" / "mapping" / "example.m").read_text(),
    }  # fmt: skip
    for name, seed in samples.items():
        ending = FORMATS.get(name).endings[0]
        encoding = "latin-1" if name == "onnx" else "utf-8"
        yield Reader(f"{name}-format", ending, seed, _format(name), f"format {name}", encoding)


def _format(name: str) -> Callable[[Path], object]:
    from tileloom.explore.formats import FORMATS, Request

    found = FORMATS.get(name)
    return lambda path: found.read(Request(path))


@cache
def _onnx() -> str:
    from onnx_models import model

    nodes = [
        ("Conv", ["x", "w"], ["a"], {"strides": [2, 2], "pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}),
        ("Relu", ["a"], ["b"]),
        ("Reshape", ["b", "shape"], ["c"]),
        ("MatMul", ["c", "m"], ["y"]),
    ]
    made = model(nodes, {"x": [1, 3, 8, 8]}, weights={"w": [4, 3, 3, 3], "m": [64, 5]}, values={"shape": [1, 64]})
    return made.SerializeToString().decode("latin-1")


def _notations() -> Iterator[Reader]:
    example = (REFERENCE / "maestro" / "mapping" / "example.m").read_text()
    nodes = seeds.NODES.replace("einsum: E", "einsum: g")
    own = seeds.MAPPING.replace("[A, B, C]", "[I, W, O]").replace("{for: m, tile: 1}", "{for: M, tile: 1}")
    samples = {
        "yaml": ("yaml", own), "union": ("yaml", seeds.UNION), "timeloop": ("yaml", seeds.DIRECTIVES),
        "gamma": ("txt", seeds.GENOME), "zigzag": ("yaml", seeds.RULE), "dmazerunner": ("yaml", seeds.METHOD),
        "neurospector": ("cfg", seeds.TABLE), "maestro": ("m", example), "accelforge": ("yaml", nodes),
    }  # fmt: skip
    for name, (ending, seed) in samples.items():
        yield Reader(f"{name}-notation", f".{ending}", seed, _notation(name), f"notation {name}")
    yield Reader("dmazerunner-printed", ".txt", seeds.EXECUTED, _notation("dmazerunner"))


def _networks() -> Iterator[Reader]:
    from tileloom.mapping.notation.accelforge import read_mapping as read_tree
    from tileloom.mapping.notation.maestro_reader import read_mapping
    from tileloom.workload.frontends.accelforge import read_workload as read_accelforge
    from tileloom.workload.frontends.einsum import parse_einsum
    from tileloom.workload.frontends.mlir.reader import read_mlir
    from tileloom.workload.frontends.zigzag import read_defines_workloads
    from tileloom.workload.frontends.zigzag_files import read_mapping as read_rules
    from tileloom.workload.frontends.zigzag_files import read_workload as read_layers

    for name, seed in (("linalg", seeds.LINALG), ("affine", seeds.AFFINE), ("tosa", seeds.TOSA)):
        yield Reader(name, ".mlir", seed, read_mlir)
    sizes = {"M": 8, "N": 8, "K": 8}
    matmul = (REFERENCE / "accelforge" / "workload" / "matmul.yaml").read_text()
    yield Reader("accelforge-workload", ".yaml", matmul, lambda p: read_accelforge(p, sizes))
    yield Reader("accelforge-mapping", ".yaml", seeds.NODES, lambda p: read_tree(p, {}))
    yield Reader(
        "maestro-faithful", ".m", (REFERENCE / "maestro" / "mapping" / "example.m").read_text(),
        lambda p: read_mapping(p, faithful=True),
    )  # fmt: skip
    yield Reader("zigzag-layers", ".yaml", seeds.ZIGZAG_LAYERS, read_layers)
    yield Reader("zigzag-rules", ".yaml", seeds.RULE, read_rules)
    yield Reader("defines-networks", ".json", seeds.DEFINES_NETWORK, read_defines_workloads)
    text = {"m": 4, "n": 4, "k": 8}
    yield Reader("einsum", ".txt", seeds.EINSUM, lambda p: parse_einsum(_text(p), text))


def _chips() -> Iterator[Reader]:
    from tileloom.architecture.energy.table import load_energy_table
    from tileloom.architecture.load import load_architecture
    from tileloom.architecture.notation import accelforge as chips
    from tileloom.architecture.notation.dmazerunner import read_architecture
    from tileloom.architecture.notation.maestro import read_hardware
    from tileloom.architecture.notation.neurospector import read_accelerator
    from tileloom.architecture.notation.zigzag import read_defines_architectures, read_machine
    from tileloom.cost.models.maestro.technology_file import load_technology
    from tileloom.explore.codesign.accelerator import read_hardware_table

    yield Reader("architecture", ".yaml", (ROOT / "examples" / "own_chip.yaml").read_text(), load_architecture)
    two = (REFERENCE / "accelforge" / "arch" / "two_level.yaml").read_text()
    yield Reader("accelforge-chip", ".yaml", two, lambda p: chips.read_architecture(p, {"MainMemoryEnergy": 64}))
    yield Reader("neurospector-chip", ".cfg", seeds.ACCELERATOR, read_accelerator)
    yield Reader("maestro-hardware", ".m", seeds.HARDWARE, read_hardware)
    yield Reader("maestro-hardware-table", ".csv", seeds.HARDWARE_TABLE, read_hardware_table)
    spec = (REFERENCE / "dmazerunner" / "inputs" / "arch_spec.json").read_text()
    yield Reader("dmazerunner-chip", ".json", spec, read_architecture)
    machine = (REFERENCE / "zigzag" / "hw" / "tpu_like.yaml").read_text()
    yield Reader("zigzag-machine", ".yaml", machine, read_machine)
    machines = (REFERENCE / "defines" / "architectures.json").read_text()
    yield Reader("defines-machines", ".json", machines, read_defines_architectures)
    yield Reader("technology", ".yaml", seeds.TECHNOLOGY, lambda p: load_technology(str(p)))
    yield Reader("energy-table", ".yaml", seeds.ENERGIES, load_energy_table)


def _rules() -> Iterator[Reader]:
    from tileloom.architecture.load import load_architecture
    from tileloom.mapping.constraints_file import constraints_from_yaml, read_constraints
    from tileloom.mapping.yaml import branched_mapping_from_yaml, mapping_from_yaml

    chip = load_architecture("union-edge")
    yield Reader("constraints", ".yaml", seeds.CONSTRAINTS, constraints_from_yaml)
    yield Reader("constraints-timeloop", ".yaml", seeds.TARGETS, lambda p: read_constraints([p], chip))
    # As `tileloom evaluate` asks: what is not a mapping with branches is read as a plain one, whose reader says what is wrong.
    yield Reader(
        "branched-mapping", ".yaml", seeds.BRANCHED,
        lambda p: branched_mapping_from_yaml(p) or mapping_from_yaml(p),
    )  # fmt: skip


def _studies() -> Iterator[Reader]:
    from sweep_studies import BULK
    from tileloom.explore.codesign.study import load_study as load_codesign
    from tileloom.explore.codesign.study import read_columns
    from tileloom.explore.depth_first.sources import read_any_machine
    from tileloom.explore.depth_first.study import is_study, read_study
    from tileloom.explore.dmazerunner.validation import read_table
    from tileloom.explore.sources import load_mapping, load_network
    from tileloom.explore.sweep.study import load_study

    yield Reader("sweep-study", ".yaml", BULK, load_study)
    yield Reader("sweep-study-mapped", ".yaml", seeds.MAPPED_STUDY, load_study)
    yield Reader("codesign-study", ".yaml", seeds.CODESIGN, load_codesign)
    yield Reader("codesign-columns", ".csv", seeds.HARDWARE_TABLE, lambda p: read_columns(p, ("hw_id", "num_pes")))
    yield Reader("depth-first-study", ".yaml", seeds.DEPTH_FIRST, lambda p: (is_study(p), read_study(p)))
    yield Reader("energy-validation", ".csv", seeds.ENERGY_TABLE, read_table)
    machine = (REFERENCE / "zigzag" / "hw" / "tpu_like.yaml").read_text()
    yield Reader("any-machine", ".yaml", machine, lambda p: read_any_machine(str(p)))
    yield Reader("any-network", ".txt", seeds.STABLEHLO, load_network)
    yield Reader("any-mapping", ".yaml", seeds.MAPPING, load_mapping)


def _records() -> Iterator[Reader]:
    """What a run has left in its folder and a later command reads."""
    from tileloom.explore.run import read_run
    from tileloom.explore.store import require_sweep
    from tileloom.fusion.store import AnswerStore
    from tileloom.report.data import read_dataset
    from tileloom.report.depth_first.page import write_page
    from tileloom.report.fused import write_fused_page
    from tileloom.report.sweep_data import read_sweep

    yield Reader("run", ".json", seeds.RUN, _in_folder("run.json", read_run))
    yield Reader("run-dataset", ".json", records.run_dataset(), read_dataset)
    yield Reader("sweep-record", ".json", '{"name": "n", "context": "c"}', _in_folder("sweep.json", require_sweep))
    yield Reader("sweep-report", ".json", records.sweep_record(), _in_folder("sweep.json", read_sweep))
    yield Reader("sweep-part", ".parquet", records.sweep_part().decode("latin-1"), _in_parts, encoding="latin-1")
    yield Reader("depth-first-report", ".json", json.dumps(records.dataset()), _in_folder("report.json", write_page))
    yield Reader("fused-report", ".json", json.dumps(records.fused_record()), _in_folder("run.json", write_fused_page))
    answers = '{"format": "tileloom tile-layers 1", "answers": {"a": {"mapping": null, "evaluated": 1}}}'
    yield Reader("tile-layer-answers", ".json", answers, _in_folder("part-1.json", AnswerStore))


def _in_folder(name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Reads a folder that holds the file under this name."""

    def placed(path: Path) -> object:
        folder = path.parent / "run"
        folder.mkdir(exist_ok=True)
        if path.is_file():
            (folder / name).write_bytes(path.read_bytes())
        else:
            (folder / name).unlink(missing_ok=True)
        return read(folder)

    return placed


def _in_parts(path: Path) -> object:
    from tileloom.explore.store import PARTS, read_parts

    folder = path.parent / "run"
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    part = folder / PARTS / "part-0-2.s2.e2.v2.p0.r0.parquet"
    part.write_bytes(path.read_bytes() if path.is_file() else b"")
    return read_parts(folder)


def _text(path: Path) -> str:
    from tileloom.core.tokens import read_text

    return read_text(path)
