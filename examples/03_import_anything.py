"""Networks from compiler text, contraction lists and einsums, side by side; frameworks join where they are installed."""

from pathlib import Path
from tempfile import TemporaryDirectory

import tileloom as tl

MLIR = """
func.func @main(%a: tensor<64x128xf32>, %b: tensor<128x32xf32>, %c: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<64x128xf32>, tensor<128x32xf32>) outs(%c : tensor<64x32xf32>) -> tensor<64x32xf32>
  %1 = math.tanh %0 : tensor<64x32xf32>
  return %1 : tensor<64x32xf32>
}
"""
CONTRACTIONS = "ccsd7: abc-adec-ebd & a:16;b:16;c:16;d:16;e:16;\n"


def main() -> None:
    with TemporaryDirectory() as folder:
        files = {"matmul.mlir": MLIR, "case_study.tccg": CONTRACTIONS}
        for name, text in files.items():
            path = Path(folder, name)
            path.write_text(text)
            show(name, tl.load_network(path))
            if name.endswith(".mlir"):
                result = tl.map(tl.load_network(path), tl.load_architecture("eyeriss"))
                print(f"  mapped onto eyeriss: {result.energy_pj / 1e6:.2f} uJ, {result.status}")
    show("einsum", tl.load_network("O[p] += I[2*p + r] * W[r]", bind={"p": 16, "r": 3}))
    try:
        from torch import nn
    except ImportError:
        print("torch is not installed: pip install 'tileloom[torch]' reads modules like nn.Conv2d(3, 64, 7)")
    else:
        show("torch", tl.load_network(nn.Conv2d(3, 64, 7, stride=2, padding=3), inputs=[(1, 3, 224, 224)]))


def show(source: str, network) -> None:
    print(f"{source}: {network.macs:,} multiply-accumulates")
    for layer in network.layers:
        print(f"  {layer.problem}")
    for other in network.vector_ops:
        print(f"  {other.operator}: {other.elements:,} elements, nothing to multiply")
    for skipped in network.skipped:
        print(f"  skipped {skipped.node}: {skipped.reason}")


if __name__ == "__main__":
    main()
