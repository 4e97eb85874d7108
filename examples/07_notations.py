"""One mapping in every notation: what each loses, and why cost models disagree about it.

Run: python examples/07_notations.py
"""

from tileloom import api
from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.core.errors import UnsupportedError
from tileloom.explore.differences import differences
from tileloom.mapping.notation.registry import NOTATIONS
from tileloom.mapping.notation.union import tree_of
from tileloom.mapping.notation.union_file import read_blocks

# The worked example of the Union paper: a GEMM on DRAM > L2 > 2 x 4 PEs with an L1 each.
BLOCKS = """
problem:
  operation: matmul
  dimensions: [M, N, K]
  instance: {M: 16, N: 64, K: 32}
  data_spaces:
  - {name: A, projection: [[M], [K]]}
  - {name: B, projection: [[K], [N]]}
  - {name: C, projection: [[M], [N]], read_write: true}
architecture:
- {cluster: C4, memory: DRAM, dimension: X, children: 1}
- {cluster: C3, memory: L2, dimension: Y, children: 2}
- {cluster: C2, virtual: true, dimension: X, children: 4}
- {cluster: C1, memory: L1, compute: MAC}
mapping:
- {target_cluster: C4, temporal_order: MNK, temporal_tile_sizes: [16, 32, 16], spatial_tile_sizes: [16, 32, 16]}
- {target_cluster: C3, temporal_order: MNK, temporal_tile_sizes: [8, 16, 8], spatial_tile_sizes: [8, 8, 8]}
- {target_cluster: C2, temporal_order: MNK, temporal_tile_sizes: [8, 8, 8], spatial_tile_sizes: [8, 8, 2]}
- {target_cluster: C1, temporal_order: MNK, temporal_tile_sizes: [1, 1, 1], spatial_tile_sizes: [1, 1, 1]}
"""


def memory(name: str, capacity_bits: int | None, energy_pj: float, width_bits: int) -> Memory:
    port = Port(energy_pj=energy_pj, width_bits=width_bits, accesses_per_cycle=1.0)
    return Memory(name=name, capacity_bits=capacity_bits, read=port, write=port)


CHIP = Architecture(
    "two_by_four",
    (
        memory("DRAM", None, 200.0, 64),
        memory("L2", 800_000, 6.0, 64),
        Fanout(name="PE", axes=(FanoutAxis(name="Y", size=2), FanoutAxis(name="X", size=4))),
        memory("L1", 24_000, 1.0, 8),
        Compute(name="MAC", energy_pj=1.0),
    ),
)


def main() -> None:
    problem, blocks = read_blocks("printed example", text=BLOCKS)
    mapping = tree_of(blocks, problem, CHIP)
    print(mapping)
    for name in NOTATIONS.names():
        write = NOTATIONS.get(name).write
        assert write is not None
        try:
            written = write(problem, CHIP, mapping)
        except UnsupportedError as error:
            print(f"\n-- {name} has no form for it: {error}")
            continue
        print(f"\n-- {name}, {len(written.losses)} losses")
        print(written.text, end="")
        for loss in written.losses:
            print(f"   lost: {loss}")
    verdicts = api.compare(problem, CHIP, mapping)
    print("\nThe same mapping under every cost model:")
    for v in verdicts:
        print(f"  {v.model}: {v.cost if v.cost is not None else v.refusal}")
    for d in differences(problem, CHIP, mapping, [(v.model, v.cost) for v in verdicts if v.cost is not None]):
        print(f"  {d.model}: {d.what} {d.other:.6g} instead of {d.base:.6g}: {d.rule}")
    best = api.map(problem, CHIP, objective="energy")
    assert best.cost is not None
    print(
        f"\nThe printed mapping needs {api.evaluate(problem, CHIP, mapping).energy_pj / best.cost.energy_pj:.2f} times the energy of"
    )
    print(f"the best one, which is {best.status}.")


if __name__ == "__main__":
    main()
