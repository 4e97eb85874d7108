"""NeuroSpector's own files: its search against the proven optimum, both fed back as tables, and layers that share a buffer.

Run: python examples/04_neurospector_tables.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from tileloom.architecture.notation.neurospector import read_accelerator
from tileloom.cost.models.neurospector.analysis import analyze
from tileloom.cost.models.neurospector.overlap import overlap
from tileloom.mapping.notation.neurospector import read_table, write_table
from tileloom.search.neurospector.bottom_up import bottom_up
from tileloom.search.neurospector.cross_layer import across_layers
from tileloom.search.neurospector.optimum import optimum
from tileloom.workload.frontends.neurospector import read_layers

CHIP = """
[ACCELERATOR]
NAME=EXAMPLE
PRECISION=INT8
FREQUENCY=500
UNIT_MAC_ENERGY=0.5
[LOCAL_BUFFER]
DATAFLOW=WS
BUFFER_SIZE=64,256,64
UNIT_ACCESS_ENERGY=0.2,0.4,0.2
UNIT_CYCLE=1,1,1
BANDWIDTH=8
[PE_ARRAY]
SIZE_X=8
SIZE_Y=8
[GLOBAL_BUFFER]
DATAFLOW=OS
BUFFER_SIZE=65536
UNIT_ACCESS_ENERGY=4,4,4
UNIT_CYCLE=1,1,1
BANDWIDTH=64
[DRAM]
UNIT_ACCESS_ENERGY=100,100,100
UNIT_CYCLE=4,4,4
BANDWIDTH=64
"""
NETWORK = """
[NETWORK]
name=block
[LAYERS]
# K, B, P, Q, C, R, S, G, stride
reduce=32,1,14,14,128,1,1,1,1
middle=32,1,14,14,32,3,3,1,1
expand=128,1,14,14,32,1,1,1,1
"""


def main() -> None:
    chip = read_accelerator("example.cfg", text=CHIP)
    network = read_layers("block.cfg", text=NETWORK)
    with TemporaryDirectory() as folder:
        for layer in network.layers:
            best = optimum(chip, layer, "energy", "flexible")
            assert best.chosen is not None
            print(f"{layer.name}: {best.chosen.value / 1e6:.3f} uJ, {best.status}; bottom-up is {best.gap:.1%} dearer")
            # The table goes back through its file into the analyzer.
            file = Path(folder) / f"{layer.name}.cfg"
            file.write_text(write_table(best.chosen.accelerator, layer, best.chosen.table))
            same, table = read_table(file, best.chosen.accelerator, network)
            again = analyze(best.chosen.accelerator, same, table)
            latency = overlap(best.chosen.accelerator, again)
            print(f"  {again.cycles:,.0f} cycles one after another, {latency.cycles:,.0f} overlapped")
    apart = sum(bottom_up(chip, layer).value for layer in network.layers)
    together = across_layers(chip, network.layers)
    total = sum(r.energy_pj for r in together)
    print(f"handing outputs on in the global buffer: {total / 1e6:.3f} uJ instead of {apart / 1e6:.3f} uJ")


if __name__ == "__main__":
    main()
