"""MAESTRO's layers as our problems: the convolutions and matrix products of a model or mapping file.

Y and X of that tool are sizes of the padded input; its strides count here, which its own shapes leave out.
"""

from __future__ import annotations

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.mapping.notation.maestro import DirectiveLayer, MaestroFile
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.network import Layer, Network, Skipped
from tileloom.workload.problem import Problem


def network_of_layers(file: MaestroFile, bits: int) -> Network:
    """Every layer of a file; those that are neither convolution nor matrix product are skipped with the reason."""
    layers, skipped = [], []
    for layer in file.layers:
        try:
            problem = problem_of(layer, bits)
            layers.append(Layer(name=layer.name, problem=problem, operator=layer.operator))
        except (InputError, UnsupportedError) as fault:
            where = f"{file.path}:{layer.line}: " if layer.line else ""
            skipped.append(Skipped(node=layer.name, operator=layer.operator, reason=f"{where}{fault}"))
    return Network(file.network or "maestro", tuple(layers), skipped=tuple(skipped), source=file.path)


def problem_of(layer: DirectiveLayer, bits: int) -> Problem:
    """One layer. UnsupportedError for TRCONV and operators without multiply-accumulates, InputError for missing sizes."""
    of, steps = layer.sizes, layer.stride_of

    def size(name: str, default: int | None = None) -> int:
        found = of.get(name, default)
        if found is None:
            raise InputError(f"layer '{layer.name}': dimension {name} is missing")
        return found

    if layer.operator == "GEMM":
        return gemm(layer.name, M=size("M"), N=size("N"), K=size("K"), bits=bits)
    if layer.operator not in ("CONV", "DSCONV", "NGCONV"):
        raise UnsupportedError(f"'{layer.operator}' is no convolution or matrix product that has a problem here")
    stride = tuple(steps.get(axis, steps.get(f"{axis}'", 1)) for axis in "YX")
    outputs: dict[str, int] = {}
    for axis, kernel, out, step in (("Y", "R", "P", stride[0]), ("X", "S", "Q", stride[1])):
        if f"{axis}'" in of:
            outputs[out] = of[f"{axis}'"]
        else:
            outputs[out] = (size(axis) - size(kernel)) // step + 1
    groups = size("C") if layer.operator == "DSCONV" else size("G", 1) if layer.operator == "NGCONV" else 1
    channels = (1, 1) if layer.operator == "DSCONV" else (size("K"), size("C"))
    return conv2d(
        layer.name, N=size("N", 1), G=groups, K=channels[0], C=channels[1], R=size("R"), S=size("S"),
        stride=stride, bits=bits, **outputs,
    )  # fmt: skip
