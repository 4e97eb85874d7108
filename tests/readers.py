"""Every reader of text files with a small input that it takes, for tests that feed them anything else.

A reader is a function from a path; what it returns does not matter here, only that it ends with a typed error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

REFERENCE = Path(__file__).parent / "reference"
ROOT = Path(__file__).resolve().parents[1]

STABLEHLO = """module @jit_f {
  func.func public @main(%arg0: tensor<2x8x8x3xf32>, %arg1: tensor<3x3x3x4xf32>) -> tensor<2x4x4x4xf32> {
    %0 = stablehlo.convolution(%arg0, %arg1) dim_numbers = [b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f],
      window = {stride = [2, 2], pad = [[0, 1], [0, 1]]} {batch_group_count = 1 : i64, feature_group_count = 1 : i64}
      : (tensor<2x8x8x3xf32>, tensor<3x3x3x4xf32>) -> tensor<2x4x4x4xf32>
    %cst = stablehlo.constant dense<0.0> : tensor<f32>
    return %0 : tensor<2x4x4x4xf32>
  }
}
"""
LINALG = """#map = affine_map<(d0, d1, d2) -> (d0, d2)>
func.func @main(%a: tensor<4x8xf32>, %b: tensor<8x2xf32>, %c: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = linalg.generic {indexing_maps = [#map, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>],
    iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%a, %b : tensor<4x8xf32>, tensor<8x2xf32>) outs(%c : tensor<4x2xf32>) {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %m = arith.mulf %x, %y : f32
      %s = arith.addf %z, %m : f32
      linalg.yield %s : f32
  } -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}
"""
AFFINE = """func.func @main(%A: memref<4x8xf32>, %B: memref<8x2xf32>, %C: memref<4x2xf32>) {
  affine.for %i = 0 to 4 {
    affine.for %j = 0 to 2 {
      affine.for %k = 0 to 8 {
        %0 = affine.load %A[%i, %k] : memref<4x8xf32>
        %1 = affine.load %B[%k, %j] : memref<8x2xf32>
        %2 = affine.load %C[%i, %j] : memref<4x2xf32>
        %3 = arith.mulf %0, %1 : f32
        %4 = arith.addf %2, %3 : f32
        affine.store %4, %C[%i, %j] : memref<4x2xf32>
      }
    }
  }
  return
}
"""
TOSA = """func.func @main(%x: tensor<1x8x8x3xf32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>) -> tensor<1x8x8x4xf32> {
  %0 = tosa.conv2d %x, %w, %b {acc_type = f32, dilation = array<i64: 1, 1>, pad = array<i64: 1, 1, 1, 1>,
    stride = array<i64: 1, 1>} : (tensor<1x8x8x3xf32>, tensor<4x3x3x3xf32>, tensor<4xf32>) -> tensor<1x8x8x4xf32>
  return %0 : tensor<1x8x8x4xf32>
}
"""
COMET = """def main() {
  #IndexLabel Declarations
  IndexLabel [i, j] = [4];
  IndexLabel [k] = [8];
  Tensor<double> A([i, j], {Dense});
  Tensor<double> B([j, k], {Dense});
  Tensor<double> C([i, k], {Dense});
  A[i,j] = random();
  C[i,k] = A[i,j]*B[j,k];
  print(C);
}
"""
TIMELOOP = """problem:
  shape:
    name: conv1d
    dimensions: [K, P, R]
    coefficients: [{name: stride, default: 1}]
    data_spaces:
    - {name: Weights, projection: [[[K]], [[R]]]}
    - {name: Inputs, projection: [[[P, stride], [R]]]}
    - {name: Outputs, projection: [[[K]], [[P]]], read_write: true}
  instance: {K: 4, P: 8, R: 3, stride: 2}
"""
WORKLOAD = """layers:
  - {name: conv1, op: conv2d, K: 4, C: 3, H: 8, W: 8, R: 3, S: 3, stride: 2, pad: 1}
  - {name: s, einsum: "S[q, k] = Q[q, d] * K[k, d]", sizes: {q: 8, k: 8, d: 4}}
"""
MAPPING = """mapping:
  problem: p
  nodes:
  - hold: {memory: DRAM, tensors: [A, B, C]}
  - {for: m, tile: 1}
  - compute: MAC
"""


CHIP = """[ACCELERATOR]
NAME = Small
PRECISION=INT16
FREQUENCY=200
[LOCAL_BUFFER]
DATAFLOW=ws
BUFFER_SIZE=24,448,48
UNIT_ACCESS_ENERGY=0.5
BANDWIDTH=16
[PE_ARRAY]
SIZE_X=4
CONSTRAINT_X=k,C
[DRAM]
BANDWIDTH=64
"""


UNION = """problem:
  dimensions: [M, N, K]
  instance: {M: 4, N: 4, K: 4}
  data_spaces: [{name: A, projection: [M, [[K, 1]]]}, {name: B, projection: [K, N]}, {name: C, projection: [M, N], read_write: true}]
architecture: [{cluster: C2, memory: DRAM, dimension: X, children: 4}, {cluster: C1, memory: L1, compute: MAC}]
mapping:
- {target_cluster: C2, temporal_order: MNK, temporal_tile_sizes: [4, 4, 2], spatial_tile_sizes: [1, 4, 2]}
- {target_cluster: C1, temporal_order: [M, N, K], temporal_tile_sizes: [1, 1, 1], spatial_tile_sizes: [1, 1, 1]}
"""
DIRECTIVES = """mapping:
- {target: DRAM, type: temporal, factors: "M=4 N=2,2", permutation: MNK}
- {target: L1, type: temporal, factors: [N=2, K=4], permutation: KNM}
- {target: DRAM, type: spatial, factors: M1, permutation: MNK, split: 1}
- {target: L1, type: datatype, keep: [I], bypass: [W]}
dimension_names: {Q: M}
"""
GENOME = "[['K', 2], ['K', 2], ['C', 2], ['Y', 4], ['X', 4], ['R', 1], ['S', 1]]\n"
RULE = """- name: default
  spatial_mapping: {D2: ["M, 2"]}
  temporal_ordering: [[K, 4], [N, 4], [M, 2]]
  memory_operand_links: {O: O, I: I1, W: I2}
"""


@dataclass(frozen=True)
class Reader:
    """name  for test ids;  ending: of the file it is given;  seed: text that it takes;  read: called with the path."""

    name: str
    ending: str
    seed: str
    read: Callable[[Path], object]


METHOD = """execution_method:
  tiling:
    M: [1, 2, 1, 2]
    N: [4, 1, 1, 1]
    K: [1, 1, 4, 1]
  dram_order: [M, N, K]
  spm_order: [M, N, K]
"""
TABLE = """# dataflows of LOCAL_BUFFER and GLOBAL_BUFFER: WS OS
[LAYER]
layer_name=g
[SCHEDULING_TABLE]
LOCAL_BUFFER=1,2,1,1,4,1,1,1
PE_ARRAY(X)=1,2,1,1,1,1,1,1
PE_ARRAY=1,1,1,1,1,1,1,1
GLOBAL_BUFFER=1,1,1,1,1,1,1,1
DRAM=4,1,1,1,1,1,1,1
"""


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


def text_readers() -> list[Reader]:
    """One entry per reader of text; readers of the same syntax with different seeds are listed apart."""
    from tileloom.architecture.load import load_architecture
    from tileloom.architecture.notation import accelforge as chips
    from tileloom.architecture.notation.dmazerunner import read_architecture
    from tileloom.architecture.notation.maestro import read_hardware
    from tileloom.architecture.notation.neurospector import read_accelerator
    from tileloom.mapping.constraints_file import constraints_from_yaml
    from tileloom.mapping.notation.accelforge import read_mapping as read_tree
    from tileloom.mapping.notation.maestro_reader import read_mapping
    from tileloom.mapping.yaml import mapping_from_yaml
    from tileloom.workload.frontends.accelforge import read_workload as read_accelforge
    from tileloom.workload.frontends.comet import read_comet
    from tileloom.workload.frontends.dmazerunner import read_model
    from tileloom.workload.frontends.mlir.reader import read_mlir
    from tileloom.workload.frontends.neurospector import read_layers
    from tileloom.workload.frontends.tccg import read_tccg
    from tileloom.workload.frontends.timeloop import read_timeloop
    from tileloom.workload.frontends.yaml import read_workload

    inputs = REFERENCE / "dmazerunner" / "inputs"
    own_chip = (ROOT / "examples" / "own_chip.yaml").read_text()
    layers = "[NETWORK]\nname=n\n\n[LAYERS]\nconv1=64,1,8,8,3,3,3,1,1\n"
    hardware = "num_pes: 256\nl1_size_cstr: 100\nl2_size_cstr: 3000\nnoc_bw_cstr: 1000\noffchip_bw_cstr: 50\n"
    model = (REFERENCE / "maestro" / "mapping" / "example.m").read_text()
    tree = (
        "mapping:\n  nodes:\n  - !Storage {tensors: [A], component: DRAM}\n  - !Compute {einsum: E, component: MAC}\n"
    )
    return [
        *(Reader(n, ".mlir", s, read_mlir) for n, s in
          (("stablehlo", STABLEHLO), ("linalg", LINALG), ("affine", AFFINE), ("tosa", TOSA))),
        Reader("comet", ".ta", COMET, read_comet),
        Reader("tccg", ".tccg", "abc-adec-ebd & a:4;b:4;c:4;d:4;e:4;\nC[a,b] = A[a,k] * B[k,b]\na = 2\nb = 3\nk = 4\n", read_tccg),
        Reader("timeloop", ".yaml", TIMELOOP, read_timeloop),
        Reader("workload", ".yaml", WORKLOAD, read_workload),
        Reader("architecture", ".yaml", own_chip, load_architecture),
        Reader("mapping", ".yaml", MAPPING, mapping_from_yaml),
        *(Reader(f"{n}-notation", f".{e}", t, _notation(n)) for n, e, t in
          (("union", "yaml", UNION), ("timeloop", "yaml", DIRECTIVES), ("gamma", "txt", GENOME), ("zigzag", "yaml", RULE),
           ("dmazerunner", "yaml", METHOD), ("neurospector", "cfg", TABLE), ("maestro", "m", model),
           ("accelforge", "yaml", tree.replace("einsum: E", "einsum: g")))),
        Reader("constraints", ".yaml", "constraints:\n  workload:\n    n: {no_spatial: true}\n", constraints_from_yaml),
        Reader("accelforge-workload", ".yaml", (REFERENCE / "accelforge" / "workload" / "matmul.yaml").read_text(),
               lambda p: read_accelforge(p, {"M": 8, "N": 8, "K": 8})),
        Reader("accelforge-chip", ".yaml", (REFERENCE / "accelforge" / "arch" / "two_level.yaml").read_text(),
               lambda p: chips.read_architecture(p, {"MainMemoryEnergy": 64})),
        Reader("accelforge-mapping", ".yaml", tree, lambda p: read_tree(p, {})),
        Reader("neurospector-layers", ".cfg", layers, read_layers),
        Reader("neurospector-chip", ".cfg", CHIP, read_accelerator),
        Reader("maestro", ".m", model, read_mapping),
        Reader("maestro-hardware", ".m", hardware, read_hardware),
        Reader("dmazerunner-model", ".json", (inputs / "alexnet.json").read_text(), read_model),
        Reader("dmazerunner-chip", ".json", (inputs / "arch_spec.json").read_text(), read_architecture),
    ]  # fmt: skip


HOSTILE: dict[str, Callable[[str], str]] = {
    "deep brackets": lambda seed: "[" * 100_000,
    "deep braces": lambda seed: '{"a":' * 100_000,
    "deep parentheses": lambda seed: "module {" + "(" * 100_000,
    "deep indents": lambda seed: "\n".join(" " * i + f"a{i}:" for i in range(2000)),
    "deep lists": lambda seed: "- " * 50_000 + "1",
    "closed nesting": lambda seed: "[" * 5000 + "]" * 5000,
    "huge integer": lambda seed: _digits_replaced(seed, "9" * 10_000),
    "enormous integer": lambda seed: _digits_replaced(seed, "9" * 2_000_000),
    "megabytes of numbers": lambda seed: "a: [" + "1.0, " * 1_000_000 + "1]",
    "megabytes of JSON": lambda seed: '{"CONV": [' + "1.0, " * 1_000_000 + "1]}",
    "megabytes of lines": lambda seed: "x = 1\n" * 1_000_000,
    "megabytes of words": lambda seed: "word " * 1_000_000,
    "megabytes of text": lambda seed: '"' + "x" * 8_000_000 + '"',
    "open text": lambda seed: 'a: "' + "x" * 4_000_000,
    "one character": lambda seed: ";" * 3_000_000,
    "aliases": lambda seed: "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
    "nulls": lambda seed: "\0" * 1_000_000,
    "no text": lambda seed: "",
    "dense constant": lambda seed: (
        "%0 = stablehlo.constant dense<[" + "1.5, " * 2_000_000 + "1.5]> : tensor<2000001xf32>"
    ),
    "open constant": lambda seed: "%0 = stablehlo.constant dense<[" + "1.5, " * 2_000_000,
    "calls": lambda seed: _many_calls(40),
    "commas": lambda seed: seed.replace(",", "," * 100_000, 1),
    "stars": lambda seed: seed.replace("*", "*" * 100_000, 1) if "*" in seed else "*" * 1_000_000,
    "long name": lambda seed: seed.replace("a", "a" * 3_000_000, 1),
}
"""Inputs made to take time or memory, from the reader's own seed where that helps."""


def _digits_replaced(seed: str, digits: str) -> str:
    """The seed with its first and its last number replaced."""
    import re

    found = list(re.finditer(r"\d+", seed))
    if not found:
        return digits
    last = found[-1]
    seed = seed[: last.start()] + digits + seed[last.end() :]
    return seed[: found[0].start()] + digits + seed[found[0].end() :] if len(found) > 1 else seed


def _many_calls(depth: int) -> str:
    """Functions that call the next one twice: a program of 2**depth operations."""
    body = "".join(
        f"func.func @f{i}(%a: tensor<2xf32>) {{\n func.call @f{i + 1}(%a) : (tensor<2xf32>) -> ()\n"
        f" func.call @f{i + 1}(%a) : (tensor<2xf32>) -> ()\n return\n}}\n"
        for i in range(depth)
    )
    return f"{body}func.func @f{depth}(%a: tensor<2xf32>) {{\n %0 = tosa.abs %a : (tensor<2xf32>) -> tensor<2xf32>\n return\n}}\n"
