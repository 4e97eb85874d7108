"""What a layer of a MAESTRO file means as a problem: its true strides, groups, output sizes and transposition.

Used by the corrected mode and wherever a MAESTRO file stands for a network; the faithful model reads layers its own way.
"""

from __future__ import annotations

from tileloom.mapping.notation.maestro import SLIDING, DirectiveLayer, MaestroFile, where
from tileloom.mapping.notation.maestro_refusal import RefusedError
from tileloom.workload.layers import conv2d, conv_transpose, depthwise, gemm
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Problem

INNER_STRIDE = 2
"""Of TRCONV layers without a Stride, as the original's parser assumes: 28 rows become 56 in its own UNet file."""

_NEEDED = {"CONV": "KCRSYX", "TRCONV": "KCRSYX", "NGCONV": "GKCRSYX", "DSCONV": "CRSYX", "GEMM": "MNK"}


def problem_of(layer: DirectiveLayer) -> Problem:
    """The problem of one layer.

    Y, X are input rows and columns, padding included; Y', X' are true output rows and columns (of the input, for TRCONV).
    Rows that no output needs are left out. Raises RefusedError for a missing dimension or one given on both sides.
    """
    sizes = layer.sizes
    both = [v for v in SLIDING if v in sizes and v + "'" in sizes]
    if both:
        raise RefusedError(
            "one side", f"{where(layer)}: both {both[0]} and {both[0]}' are declared; give one of them", "exit 255"
        )
    missing = sorted(d for d in _NEEDED[layer.operator] if d not in sizes and d + "'" not in sizes)
    if missing:
        raise RefusedError(
            "missing dimension",
            f"{where(layer)}: {layer.operator} needs dimension {missing[0]}; declared are {', '.join(sizes)}",
            "undefined",
        )
    if layer.operator == "GEMM":
        return gemm(layer.name, M=sizes["M"], N=sizes["N"], K=sizes["K"])
    return _convolution(layer)


def _convolution(layer: DirectiveLayer) -> Problem:
    sizes, name = layer.sizes, layer.name
    transposed = layer.operator == "TRCONV"
    stride = tuple(_stride(layer, v, INNER_STRIDE if transposed else 1) for v in ("Y", "X"))
    window = {"R": sizes["R"], "S": sizes["S"]}
    for v, own, output in (("Y", "H", "P"), ("X", "W", "Q")):
        window[output if v + "'" in sizes or transposed else own] = sizes.get(v, sizes.get(v + "'", 1))
    batch = sizes.get("N", 1)
    if transposed:
        return conv_transpose(name, N=batch, K=sizes["K"], C=sizes["C"], stride=stride, **window)
    small = [v for v, own, f in (("Y", "H", "R"), ("X", "W", "S")) if window.get(own, window[f]) < window[f]]
    if small:
        raise RefusedError(
            "window",
            f"{where(layer)}: {small[0]}={sizes[small[0]]} is smaller than the filter's {SLIDING[small[0]]}="
            f"{sizes[SLIDING[small[0]]]}; give the padded size",
            "undefined",
        )
    if layer.operator == "DSCONV":
        return depthwise(name, channels=sizes["C"], N=batch, stride=stride, **window)
    return conv2d(name, N=batch, G=sizes.get("G", 1), K=sizes["K"], C=sizes["C"], stride=stride, **window)


def _stride(layer: DirectiveLayer, v: str, default: int) -> int:
    return layer.stride_of.get(v) or layer.stride_of.get(v + "'") or default


def network_of(file: MaestroFile) -> Network:
    """The layers of a file as a network of problems in their order; the format has no edges between them."""
    layers = tuple(
        Layer(name=name, problem=problem_of(layer), operator=layer.operator)
        for name, layer in zip(_names(file), file.layers)
    )
    return Network(file.network or "network", layers, source=file.path)


def _names(file: MaestroFile) -> list[str]:
    """Names of the layers, made distinct: the format allows a name twice, and keeps only the last word of one."""
    seen: dict[str, int] = {}
    names = []
    for layer in file.layers:
        seen[layer.name] = seen.get(layer.name, 0) + 1
        names.append(layer.name if seen[layer.name] == 1 else f"{layer.name}_{seen[layer.name]}")
    return names
