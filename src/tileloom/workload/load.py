"""`load_network` and `load_problem`: one name for a library network, a file or an einsum, and the import report.

Which file is read by which front end is decided here by its ending; nothing here parses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tileloom.core.errors import InputError, did_you_mean
from tileloom.workload.layers import DEFAULT_BITS, stored_elements
from tileloom.workload.library import library_entry, library_names
from tileloom.workload.library import list_networks as list_networks
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem

YAML_ENDINGS = (".yaml", ".yml")


def load_network(
    source: str | Path, bind: Mapping[str, int] | None = None, bits: int | Literal["as-file"] = DEFAULT_BITS
) -> Network:
    """A library network by name, or an .onnx or .yaml file.

    `bind` sizes symbolic dimensions (library networks have defaults, see `list_networks`); `bits` is the width of
    every value of an ONNX network, 'as-file' for the widths the file gives. Raises InputError.
    """
    name = str(source)
    if name in library_names():
        entry = library_entry(name)
        network = _read_onnx(entry.path, {**entry.bind, **(bind or {})}, bits)
        return replace(network, name=name, source=f"library:{name}")
    ending = Path(source).suffix.lower()
    if ending == ".onnx":
        return _read_onnx(Path(source), bind or {}, bits)
    if ending == ".mlir":
        from tileloom.workload.frontends.mlir.reader import read_mlir

        if bind:
            raise InputError(f"{source}: MLIR text has no symbolic dimensions to bind, got {sorted(bind)}")
        return read_mlir(source, bits=bits)
    if ending in YAML_ENDINGS:
        from tileloom.workload.frontends.yaml import read_workload

        if bind:
            raise InputError(f"{source}: a YAML workload has no symbolic dimensions to bind, got {sorted(bind)}")
        return read_workload(source)
    known = library_names()
    raise InputError(
        f"no network '{name}'{did_you_mean(name, known)}; give a file (`tileloom list formats` names the formats), hf:NAME, "
        f"or one of: {', '.join(known)}"
    )


def load_problem(
    source: str | Path,
    *,
    sizes: Mapping[str, int] | None = None,
    layer: str | None = None,
    bind: Mapping[str, int] | None = None,
    bits: int = DEFAULT_BITS,
    name: str = "problem",
) -> Problem:
    """An einsum with its `sizes`, or one `layer` of anything `load_network` takes (optional when all are equal)."""
    if sizes is not None:
        from tileloom.workload.frontends.einsum import parse_einsum

        return parse_einsum(str(source), sizes, bits=bits, name=name)
    network = load_network(source, bind, bits)
    names = [found.name for found in network.layers]
    if layer is None and len(network.problems) == 1:
        return network.layers[0].problem
    if layer is None or layer not in names:
        wanted = "name one" if layer is None else f"no layer '{layer}'{did_you_mean(layer, names)}"
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise InputError(f"network '{network.name}' has {len(names)} layers; {wanted} of: {shown}")
    return network.layers[names.index(layer)].problem


def import_report(network: Network) -> dict[str, Any]:
    """What was understood, as plain data for JSON: problems, macs, skipped, vector_ops.

    `elements` of a tensor are those its indices span (padding included); `stored_elements` those a memory holds.
    """
    return {
        "name": network.name,
        "source": network.source,
        "macs": network.macs,
        "problems": [
            {
                "name": found.problem.name,
                "operation": found.problem.op,
                "equation": found.problem.equation,
                "dims": dict(found.problem.extents),
                "tensors": [_tensor_report(found.problem, t.name) for t in found.problem.tensors],
                "repeat": found.count,
                "macs": found.problem.macs,
                "layers": list(found.layers),
            }
            for found in network.problems
        ],
        "skipped": [{"node": s.node, "operator": s.operator, "reason": s.reason} for s in network.skipped],
        "vector_ops": [{"name": v.name, "operator": v.operator, "elements": v.elements} for v in network.vector_ops],
    }


def _tensor_report(problem: Problem, name: str) -> dict[str, Any]:
    tensor = problem.tensor(name)
    return {
        "name": tensor.name,
        "role": tensor.role,
        "projection": [dict(axis.terms) for axis in tensor.axes],
        "bits": tensor.bits,
        "elements": problem.size(name),
        "stored_elements": stored_elements(problem, tensor),
    }


def _read_onnx(path: Path, bind: Mapping[str, int], bits: int | Literal["as-file"]) -> Network:
    from tileloom.workload.frontends.onnx import read_onnx

    return read_onnx(path, bind, bits=bits)
