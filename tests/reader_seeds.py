"""Small inputs that the readers take, by format: what tests damage, cut and blow up."""

from __future__ import annotations

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
BRANCHED = """mapping:
  nodes:
  - hold: {memory: DRAM, tensors: [A, C]}
  - {for: m, tile: 1}
  - seq:
    - nodes:
      - {pfor: k, tile: 1, axis: X, target: PE}
      - {compute: MAC, problem: first}
    - nodes:
      - {compute: MAC, problem: second}
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
EXECUTED = """Tiling factors (DRAM, SPM, RF, SPATIAL): ((1, 4, 1), (2, 1, 1), (1, 1, 4), (2, 1, 1))
Ordering (DRAM, SPM): (('M', 'N', 'K'), ('M', 'N', 'K'))
"""
LAYERS = "[NETWORK]\nname=n\n\n[LAYERS]\nconv1=64,1,8,8,3,3,3,1,1\n"
ACCELERATOR = """[ACCELERATOR]
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
HARDWARE = "num_pes: 256\nl1_size_cstr: 100\nl2_size_cstr: 3000\nnoc_bw_cstr: 1000\noffchip_bw_cstr: 50\n"
TCCG = "abc-adec-ebd & a:4;b:4;c:4;d:4;e:4;\nC[a,b] = A[a,k] * B[k,b]\na = 2\nb = 3\nk = 4\n"
NODES = "mapping:\n  nodes:\n  - !Storage {tensors: [A], component: DRAM}\n  - !Compute {einsum: E, component: MAC}\n"
CONSTRAINTS = """constraints:
  hardware:
    PE.X: {dims: [K, C], max_dims: 1, min_util: 0.5}
    GLB: {tensors: [input, O]}
    clusters: {PE.Y: {max_size: 4}}
  workload:
    n: {no_spatial: true}
    r: {full_at: RF}
    tile: {RF: {r: 3, p: "<= 7", q: "multiple_of 2"}}
    order: {GLB: "n ... k"}
  mapper: {perfect: true, min_utilisation: 0.8, max_evaluations: 10000, seed: 0}
"""
TECHNOLOGY = "source: own measurements\nbase: released\nl2_per_mac: 6.1\nmac_nj: 0.00005\n"
ENERGIES = """name: small
description: two memories
source: made for a test
memories:
- {capacity_bits: 16384, width_bits: 64, technology_nm: 22, read_pj: 0.648, write_pj: 0.943, quality: simulated, source: made}
- {capacity_bits: 32768, width_bits: 64, technology_nm: 22, read_pj: 0.9, write_pj: 1.2, quality: simulated, source: made}
"""
HARDWARE_TABLE = "hw_id,num_pes,l1_size_cstr,l2_size_cstr,noc_bw_cstr,offchip_bw_cstr\n1,256,100,3000,1000,50\n2,512,100,3000,300,100\n"
ENERGY_TABLE = """row,dataflow_mechanism,DRAM_tiling,SPM_tiling,RF_tiling,Spatial_tiling,yang_et_al_Energy
0,FY_FX,"[1, 8, 32, 1, 1, 1, 1]","[1, 64, 1, 1, 1, 1, 1]","[1, 1, 4, 7, 7, 1, 1]","[4, 1, 4, 1, 1, 3, 3]",3231953920.0
"""
DEFINES_NETWORK = """{"n@f": {
 "-1": {"equation": "input", "loop_dim_size": {"B": 1, "K": 1, "OY": 12, "OX": 12}, "precision": 8,
  "core_allocation": 1, "memory_operand_links": {"O": "I1"}},
 "0": {"equation": "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][ix][iy]",
  "equation_relations": ["ix=1*ox+1*fx", "iy=1*oy+1*fy"],
  "loop_dim_size": {"B": 1, "K": 8, "C": 1, "OY": 8, "OX": 8, "FY": 5, "FX": 5},
  "operand_precision": {"O": 16, "O_final": 8, "W": 8, "I": 8}, "operand_source": {"W": [], "I": [-1]},
  "operand_source_dimension_mapping": {"I": {"IX": "OX", "IY": "OY", "C": "K"}}, "constant_operands": ["W"],
  "core_allocation": 1, "spatial_mapping": {"D1": ["K", 8]}, "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}}}}
"""
ZIGZAG_LAYERS = """- id: 0
  name: conv1
  operator_type: Conv
  equation: O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]
  dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
  loop_dims: [B, K, G, OX, OY, C, FX, FY]
  loop_sizes: [1, 8, 1, 4, 4, 3, 3, 3]
  operand_precision: {O: 16, O_final: 8, W: 8, I: 8}
  operand_source: {I: 0, W: 0}
"""
DEPTH_FIRST = """depth_first:
  title: a grid
  network: defines-fsrcnn
  architecture: defines-meta-prototype-df
  modes: [1, 2]
  tile_x: [1, 4]
  tile_y: [1, 8]
  rules: faithful
  lpf_limit: 6
"""
CODESIGN = """space: zoo
networks: {numbers: [0, 1]}
accelerators:
  dataflows: [kcp_ws, xp_ws, rs]
  grid: {num_pes: [64, 256], noc_elements_per_cycle: [300], offchip_elements_per_cycle: [50, 300]}
  flexible: true
limits: {latency_cycles: 2.0e+7}
"""
RUN = '{"format": "tileloom run 1", "layers": [{"name": "a", "count": 2}], "network": "n"}\n'
TEMPLATED = """{% set size = N|default(4) %}
workload:
  rank_sizes: {M: {{size}}, N: 8, K: 8}
  bits_per_value: {All: 8}
  einsums:
  - name: g
    tensor_accesses:
    - {name: A, projection: [m, k]}
    - {name: B, projection: [k, n]}
    - {name: C, projection: [m, n], output: true}
"""
EINSUM = "C[m, n] += A[m, k] * B[k, n + 2*m]"
MAPPED_STUDY = """name: chips
engine: mapped
network: "O[m, n] += A[m, k] * B[k, n]"
bind: {m: 32, n: 24, k: 48}
architecture: simple-2level
objective: edp
sweep:
  DRAM.access.bits_per_cycle: [8, 64]
constraints: {utilization: 0.05}
objectives: [latency, energy, area]
"""
TARGETS = """mapspace_constraints:
  targets:
  - {target: L1, type: temporal, factors: M=1 N=2 K<=2, permutation: KN}
  - {target: L2, type: spatial, factors: "N=1", permutation: MKN, split: 1}
  - {target: L1, type: datatype, keep: [Weights, Outputs], bypass: [Inputs]}
  - {type: utilization, min: 0.5}
"""
