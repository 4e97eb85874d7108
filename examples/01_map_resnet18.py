"""ResNet-18 from the library onto an Eyeriss-like chip: the optimum of every layer, with proof, and a report.

Run: python examples/01_map_resnet18.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import tileloom as tl


def main(out: Path = Path("out/example-01")) -> None:
    chip = tl.load_architecture("eyeriss")
    result = tl.map(tl.networks.resnet18, chip, objective="edp")

    print(result.table().select("layer", "count", "energy_pj", "cycles", "status"))
    print(f"whole network: {result.energy_pj / 1e9:.2f} mJ, {result.cycles:,.0f} cycles, {result.status}")

    layer = result["layer1.0.conv1"]
    print(f"\n{layer.problem}\n{layer.mapping}")
    print(f"{layer.cost}; no mapping has an energy-delay product below {layer.lower_bound:.6g}")
    print(f"\nreport: {result.report(out)}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
