"""Writes a `Network` as our own YAML, the shortest form that reads back to the same problems.

Reading and checking is in yaml.py.
"""

from __future__ import annotations

from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.yamlio import dump_yaml
from tileloom.workload import layers as build
from tileloom.workload.frontends.einsum import einsum_text
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Axis, Problem, Tensor


def write_workload(network: Network) -> str:
    """YAML text; `parse_workload` gives a network with equal layers, vector operations and skipped nodes."""
    data: dict[str, Any] = {"network": network.name, "layers": [_layer(layer) for layer in network.layers]}
    if network.vector_ops:
        data["vector_ops"] = [
            {"name": v.name, "operator": v.operator, "elements": v.elements} | _edges(v.inputs, v.outputs)
            for v in network.vector_ops
        ]
    if network.skipped:
        data["skipped"] = [{"node": s.node, "operator": s.operator, "reason": s.reason} for s in network.skipped]
    return dump_yaml(data)


def _layer(layer: Layer) -> dict[str, Any]:
    problem = layer.problem
    item: dict[str, Any] = {"name": layer.name}
    item |= _constructor(problem) or _einsum(problem)
    if layer.operator != problem.op:
        item["operator"] = layer.operator
    if layer.count != 1:
        item["count"] = layer.count
    widths = {t.name: t.bits for t in problem.tensors}
    common = set(widths.values())
    if common != {build.DEFAULT_BITS}:
        item["bits"] = widths if len(common) > 1 else common.pop()
    return item | _edges(layer.inputs, layer.outputs)


def _edges(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> dict[str, Any]:
    return {k: list(v) for k, v in (("inputs", inputs), ("outputs", outputs)) if v}


def _constructor(problem: Problem) -> dict[str, Any] | None:
    """`op` and its parameters when a constructor makes exactly this problem."""
    plain = _at_default_bits(problem)
    for guess in (_as_matmul, _as_convolution, _as_transposed):
        try:
            found = guess(problem)
        except (InputError, LookupError):
            continue
        if found is not None and found[1] == plain:
            return found[0]
    return None


def _at_default_bits(problem: Problem) -> Problem:
    tensors = tuple(Tensor(t.name, t.role, t.axes, build.DEFAULT_BITS) for t in problem.tensors)
    return Problem(problem.name, problem.dims, tensors, problem.op, problem.copy)


def _as_matmul(problem: Problem) -> tuple[dict[str, Any], Problem] | None:
    if problem.op != "matmul" or not set(problem.extents) <= set("BMNK"):
        return None
    flags: dict[str, Any] = {}
    for flag, tensor, swapped in (("transpose_a", "I", ("K", "M")), ("transpose_b", "W", ("N", "K"))):
        if tuple(str(a) for a in problem.tensor(tensor).axes[-2:]) == swapped:
            flags[flag] = True
    make = build.batched_matmul if "B" in problem.extents else build.gemm
    parameters: dict[str, Any] = {**problem.extents, **flags}
    return {"op": make.__name__, **parameters}, make(problem.name, **parameters)


def _as_convolution(problem: Problem) -> tuple[dict[str, Any], Problem] | None:
    rank = {"conv1d": 1, "conv2d": 2, "conv3d": 3}.get(problem.op)
    if rank is None:
        return None
    axes = problem.tensor("I").axes[-rank:]
    stored = [_stored(a, problem) for a in axes]
    parameters = {d: problem.extents[d] for d in ("N", "G", "K", "C", *build.KERNEL_DIMS[rank])}
    parameters |= dict(zip(("D", "H", "W")[3 - rank :], stored))
    window = _window(axes, {"pad": [a.pad_lo for a in axes] + [a.pad_hi for a in axes]})
    make = (build.conv1d, build.conv2d, build.conv3d)[rank - 1]
    return {"op": problem.op, **_without_ones(parameters), **window}, make(problem.name, **parameters, **window)


def _as_transposed(problem: Problem) -> tuple[dict[str, Any], Problem] | None:
    rank = {"conv_transpose1d": 1, "conv_transpose2d": 2, "conv_transpose3d": 3}.get(problem.op)
    if rank is None:
        return None
    axes = problem.output.axes[-rank:]
    parameters = {
        d: problem.extents[d] for d in ("N", "G", "K", "C", *build.OUTPUT_DIMS[rank], *build.KERNEL_DIMS[rank])
    }
    extra = [(a.extent or a.span(problem.extents)) - a.span(problem.extents) for a in axes]
    window = _window(axes, {"pad": [a.pad_lo for a in axes] + [a.pad_hi for a in axes], "output_padding": extra})
    made = build.conv_transpose(problem.name, rank, **parameters, **window)
    return {"op": problem.op, **_without_ones(parameters), **window}, made


def _window(axes: tuple[Axis, ...], more: dict[str, list[int]]) -> dict[str, Any]:
    """Stride, dilation and padding of axes `stride*position + dilation*kernel`, those that say nothing left out."""
    strides, dilations = ([axis.terms[i][1] for axis in axes] for i in (0, 1))
    found = {k: v for k, v in (("stride", strides), ("dilation", dilations)) if set(v) != {1}}
    found |= {k: v for k, v in more.items() if any(v)}
    return {k: v[0] if len(set(v)) == 1 else v for k, v in found.items()}


def _without_ones(parameters: dict[str, int]) -> dict[str, int]:
    return {k: v for k, v in parameters.items() if v != 1 or k not in ("N", "G")}


def _stored(axis: Axis, problem: Problem) -> int:
    return (axis.extent or axis.span(problem.extents)) - axis.pad_lo - axis.pad_hi


def _einsum(problem: Problem) -> dict[str, Any]:
    item: dict[str, Any] = {"einsum": einsum_text(problem), "sizes": dict(problem.extents)}
    roles = {t.name: t.role for t in problem.inputs}
    if list(roles.values()) != ["input", *["weight"] * (len(roles) - 1)]:
        item["roles"] = roles
    axes = {t.name: facts for t in problem.tensors if (facts := _axis_facts(t))}
    if axes:
        item["axes"] = axes
    if problem.op != "einsum":
        item["kind"] = problem.op
    if problem.copy != (len(problem.inputs) == 1 and not problem.reduction_dims):
        item["copy"] = problem.copy
    return item


def _axis_facts(tensor: Tensor) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for i, axis in enumerate(tensor.axes):
        facts: dict[str, Any] = {"extent": axis.extent} if axis.extent is not None else {}
        if axis.pad_lo or axis.pad_hi:
            facts["pad"] = [axis.pad_lo, axis.pad_hi]
        if facts:
            found[str(i)] = facts
    return found
