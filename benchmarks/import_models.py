"""How long the import of a whole model takes: ONNX and MLIR text always, Hugging Face models where torch is installed.

Goal: under 5 s a model, building it from its configuration included. CPU time of one process; importing the libraries comes
before and has a line of its own. MACs are compared with half the FLOPs that torch 2.13.0 counts for the same models, recorded.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tileloom.workload.network import Network

GOAL_SECONDS = 5.0
LAYERS = 2000
TORCH_MACS = {
    "bert": 11_174_215_680,
    "gpt2": 16_114_089_984,
    "llama": 850_000_871_424,
    "vit": 17_563_061_760,
    "resnet": 4_087_140_352,
    "mobilenet_v2": 299_496_832,
    "convnext": 4_454_764_800,
}
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

    begin = time.process_time()
    from torch import nn

    for name in TORCH_MACS:
        import_module(f"transformers.models.{name}.modeling_{name}")
    yield f"importing torch, transformers and its seven models: {time.process_time() - begin:.2f} CPU s, not counted below"
    begin = time.process_time()
    tl.load_network(nn.Linear(2, 2), inputs=[(1, 2)])
    yield f"first export of a process, one linear layer: {time.process_time() - begin:.2f} CPU s, not counted below"
    for name, macs in TORCH_MACS.items():
        head = HEADS.get(name, "none")
        load = partial(tl.load_network, f"hf:{name}", variables={"head": head})
        yield _timed(f"hf:{name} ({head})", load, macs)


def _timed(what: str, load: Callable[[], Network], torch_macs: int | None = None) -> str:
    begin = time.process_time()
    network = load()
    seconds = time.process_time() - begin
    verdict = "reached" if seconds < GOAL_SECONDS else "MISSED"
    counted = "" if torch_macs is None else f" (torch: {torch_macs - network.macs:+,})"
    macs = f"{len(network.layers)} layers, {network.macs:,} MACs{counted}"
    return f"{what}: {seconds:.2f} CPU s, {macs}; goal < {GOAL_SECONDS:g} s {verdict}"
