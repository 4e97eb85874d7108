"""Our problems as layers of ZigZag's model, and the input sizes of library networks that its result files leave out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tileloom.core.errors import UnsupportedError
from tileloom.workload.frontends.zigzag_layer import Halo, ZigzagLayer, ZigzagOperand
from tileloom.workload.library import library_names
from tileloom.workload.problem import Axis, Problem, Tensor

PARTIAL_BITS = 16
_CONV = {"B": "N", "G": "G", "K": "K", "C": "C", "OY": "P", "OX": "Q", "FY": "R", "FX": "S"}
_STEPS = re.compile(r"(I[XY])=(\d+)\*O[XY]\+(\d+)\*F[XY]")


def layer_of(problem: Problem, partial_bits: int = PARTIAL_BITS) -> ZigzagLayer:
    """The problem as a layer; dimensions keep their names, the weight is held in I2 and the other input in I1.

    partial_bits   of a partial sum, at least the output's own bits
    Raises UnsupportedError for more than two inputs and for axes of more than two terms.
    """
    reasons = []
    if len(problem.inputs) > 2:
        reasons.append(f"{len(problem.inputs)} inputs; at most two")
    reasons += [
        f"axis {axis} of '{t.name}' is a sum of {len(axis.terms)} dimensions; at most two"
        for t in problem.tensors
        for axis in t.axes
        if len(axis.terms) > 2
    ]
    if reasons:
        raise UnsupportedError(f"ZigZag's model cannot hold '{problem.name}': {'; '.join(reasons)}")
    weight = next((t for t in problem.inputs if t.role == "weight"), None)
    activations = [t for t in problem.inputs if t is not weight]
    links = {t.name: "I1" for t in activations[:1]} | {t.name: "I2" for t in activations[1:]}
    if weight is not None:
        links[weight.name] = "I2"
    operands = (problem.output, *problem.inputs)
    return ZigzagLayer(
        problem.name,
        tuple((d.name, d.extent) for d in problem.dims),
        tuple(_operand(t, problem, links.get(t.name, "O"), partial_bits) for t in operands),
        kind=problem.op,
    )


def _operand(tensor: Tensor, problem: Problem, link: str, partial_bits: int) -> ZigzagOperand:
    halos = []
    axes = []
    for number, axis in enumerate(tensor.axes):
        if len(axis.terms) == 2:
            (first, a), (second, b) = axis.terms
            name = f"{tensor.name}.{number}"
            stored = _stored(axis, problem)
            halos.append(Halo(name, first, second, a, b, stored))
            axes.append(name)
        else:
            axes += [d for d, _ in axis.terms]
    inside = {d for h in halos for d in (h.first, h.second)}
    plain = [a for a in axes if a in problem.extents and a not in inside]
    return ZigzagOperand(
        name=tensor.name,
        axes=tuple(axes),
        relevant=tuple(d for d in plain if problem.extents[d] != 1),
        irrelevant=tuple(d for d, n in problem.extents.items() if d not in plain and d not in inside and n != 1),
        halos=tuple(halos),
        bits=tensor.bits,
        partial_bits=max(partial_bits, tensor.bits) if tensor.is_output else tensor.bits,
        memory_operand=link,
        is_output=tensor.is_output,
    )


def _stored(axis: Axis, problem: Problem) -> int:
    return axis.extent or max(1, axis.span(problem.extents) - axis.pad_lo - axis.pad_hi)


def input_extents(network: str, sizes: Mapping[str, int], relations: Sequence[str]) -> dict[str, int]:
    """IX and IY without padding: of the library network's layer with these sizes, otherwise stride times the output.

    The second is what padding to the same size amounts to.
    """
    found = [match for text in relations if (match := _STEPS.fullmatch(text.replace(" ", "").upper()))]
    steps = {match[1]: int(match[2]) for match in found}
    known = _of_library(network, sizes, steps)
    return known or {axis: step * sizes["O" + axis[1]] for axis, step in steps.items()}


def _of_library(network: str, sizes: Mapping[str, int], steps: Mapping[str, int]) -> dict[str, int]:
    from tileloom.workload.load import load_network

    if network not in library_names() or not steps:
        return {}
    wanted = {ours: sizes.get(theirs, 1) for theirs, ours in _CONV.items()}
    for distinct in load_network(network).problems:
        problem = distinct.problem
        if {d: problem.extents.get(d, 1) for d in wanted} != wanted:
            continue
        images = [t for t in problem.inputs if t.role == "input"]
        axes = {"IY": "P", "IX": "Q"}
        stored: dict[str, int] = {}
        for axis in images[0].axes if images else ():
            terms = dict(axis.terms)
            for name, dim in axes.items():
                if terms.get(dim) == steps.get(name):
                    stored[name] = _stored(axis, problem)
        if stored.keys() == steps.keys():
            return stored
    return {}
