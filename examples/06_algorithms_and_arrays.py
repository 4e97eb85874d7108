"""Native loops against TTGT on a small array, what im2col moves, and what shape of array suits. Runs in seconds."""

from tileloom.architecture.load import parse_architecture
from tileloom.explore.algorithms import algorithms_result, compare_algorithms
from tileloom.explore.arch_study import arch_result, explore_architecture
from tileloom.explore.arch_variants import all_aspects
from tileloom.workload.layers import conv2d
from tileloom.workload.rewrite.algorithms import rewrites
from tileloom.workload.rewrite.contractions import case_study

CHIP = parse_architecture("""
name: small array
nodes:
- {memory: DRAM, unbounded: true, access: {energy_pj: 200, width_bits: 8, bits_per_cycle: 64}, keep: all}
- {memory: L2, size_kib: 16, access: {energy_pj: 6, width_bits: 8, bits_per_cycle: 512}, keep: all}
- fanout: PE
  axes: [{name: X, size: 16}, {name: Y, size: 16}]
- {compute: MAC, energy_pj: 1}
""")

if __name__ == "__main__":
    contraction = case_study("ccsd7", 4)
    found = algorithms_result(compare_algorithms([contraction], CHIP), CHIP, "edp")
    for what, value, remark in found.headline:
        print(f"{what}: {value} ({remark})")
    print("all optimal:", set(found.column("status")) == {"optimal"})
    for r in rewrites(conv2d("conv", K=8, C=4, H=14, W=14, R=3, S=3, pad=1)):
        print(f"{r.label}: {r.sizes}, {r.moved_elements} elements moved")
    variants = explore_architecture([contraction], CHIP, aspects=all_aspects(CHIP))
    for what, value, remark in arch_result(variants, CHIP, "edp").headline:
        print(f"{what}: {value} ({remark})")
