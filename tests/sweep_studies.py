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
