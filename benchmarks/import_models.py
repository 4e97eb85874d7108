"""How long the import of a whole model takes: ONNX and MLIR text always, Hugging Face models where torch is installed.

Goal: under 5 s a model, building it from its configuration included. CPU time of one process, libraries imported before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

GOAL_SECONDS = 5.0
LAYERS = 2000
HEADS = {
    "gpt2": "causal-lm",
    "llama": "causal-lm",
    **dict.fromkeys(("vit", "resnet", "mobilenet_v2", "convnext"), "image-classification"),
}


def stablehlo_text(layers: int, constant_bytes: int) -> str:
    """A chain of dense layers with a weight given as a constant of so many bytes each."""
    lines = ["module @chain {", "  func.func public @main(%x: tensor<64x256xf32>) -> tensor<64x256xf32> {"]
    value = "%x"
    for i in range(layers):
        digits = "0" * (2 * constant_bytes)
        lines.append(f'    %w{i} = stablehlo.constant dense<"0x{digits}"> : tensor<256x256xf32>')
        lines.append(
            f"    %d{i} = stablehlo.dot_general {value}, %w{i}, contracting_dims = [1] x [0] : "
            "(tensor<64x256xf32>, tensor<256x256xf32>) -> tensor<64x256xf32>"
        )
        lines.append(f"    %t{i} = stablehlo.tanh %d{i} : tensor<64x256xf32>")
        value = f"%t{i}"
    return "\n".join([*lines, f"    return {value} : tensor<64x256xf32>", "  }", "}"])


def main() -> Iterator[str]:
    import tileloom as tl

    tl.load_network("resnet18")
    for name in ("resnet50", "vit-b16", "bert-base"):
        yield _timed(f"ONNX library network {name}", lambda name=name: tl.load_network(name))
    with TemporaryDirectory() as folder:
        path = Path(folder, "chain.mlir")
        path.write_text(stablehlo_text(LAYERS, 4096))
        size = path.stat().st_size / 1e6
        yield _timed(
            f"StableHLO text, {LAYERS} dense layers, {size:.0f} MB of text and constants", lambda: tl.load_network(path)
        )
    if find_spec("torch") is None or find_spec("transformers") is None:
        yield f"Hugging Face models: torch and transformers are not installed for {sys.executable}; not run"
        return
    from importlib import import_module

    from torch import nn

    tl.load_network(nn.Linear(2, 2), inputs=[(1, 2)])
    for name in ("bert", "gpt2", "llama", "vit", "resnet", "mobilenet_v2", "convnext"):
        head = HEADS.get(name, "none")
        import_module(f"transformers.models.{name}.modeling_{name}")
        yield _timed(f"hf:{name} ({head})", lambda n=name, h=head: tl.load_network(f"hf:{n}", variables={"head": h}))


def _timed(what: str, load) -> str:
    begin = time.process_time()
    network = load()
    seconds = time.process_time() - begin
    verdict = "reached" if seconds < GOAL_SECONDS else "MISSED"
    return f"{what}: {seconds:.2f} CPU s, {len(network.layers)} layers, {network.macs:,} MACs; goal < {GOAL_SECONDS:g} s {verdict}"
