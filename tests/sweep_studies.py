"""Small studies that tests of the sweep share."""

from __future__ import annotations

from textwrap import dedent

BULK = dedent("""\
    name: small
    engine: bulk
    network: resnet18
    layers: [conv1, layer2.0.conv1]
    model: maestro
    dataflows: [kcp_ws, xp_ws]
    architecture: {num_pes: 128, noc_latency_cycles: 2}
    sweep:
      dataflow: [kcp_ws, xp_ws]
      num_pes: [96, 256]
      simd_lanes: [1, 2]
      noc_elements_per_cycle: [3, 32]
      offchip_elements_per_cycle: [2, 50]
      l1_bytes: [32, 512, 4096]
      l2_bytes: {from: 4096, to: 262144, factor: 4}
    constraints: {area: 6, power: 500}
    objectives: [latency, energy, area]
    """)
"""Two layers, 384 designs; some need more than their buffers hold, some exceed the limits."""

MAPPED = dedent("""\
    name: chips
    engine: mapped
    network: "O[m, n] += A[m, k] * B[k, n]"
    bind: {m: 32, n: 24, k: 48}
    architecture: chip.yaml
    objective: edp
    sweep:
      Buffer.size_bytes: [64, 256, 1024, 4096]
      Buffer.access.energy_pj: [0.5, 1.0, 2.0, 6.0]
      DRAM.access.bits_per_cycle: [8, 64]
      Array.X: [4, 8]
    constraints: {utilization: 0.05}
    objectives: [latency, energy, area]
    """)
"""64 chips of two structures; the smallest buffer fits few mappings."""

CHIP = dedent("""\
    name: small
    nodes:
    - {memory: DRAM, unbounded: true, access: {energy_pj: 100, width_bits: 8, bits_per_cycle: 64}, keep: all}
    - {memory: Buffer, size_bytes: 1024, access: {energy_pj: 1, width_bits: 8, bits_per_cycle: 64}, keep: all, area_mm2: 0.1}
    - fanout: Array
      axes: [{name: X, size: 4}, {name: Y, size: 4}]
    - {memory: Register, size_bytes: 4, access: {energy_pj: 0.1, width_bits: 8}, keep: [weight], leakage_pj_per_cycle: 0.01}
    - {compute: MAC, energy_pj: 0.2, area_mm2: 0.001}
    """)
