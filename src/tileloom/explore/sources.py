"""What a name, a path or a text stands for: networks, problems, architectures and mappings from wherever they come.

Which reader takes what is decided here; the readers are in the layers that own the formats.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.zigzag_library import machine_files
from tileloom.core.errors import InputError
from tileloom.core.files import is_file
from tileloom.explore.accelforge_files import YAML_ENDINGS, has_section, read_chip
from tileloom.mapping.tree import MappingTree
from tileloom.workload.library import library_names
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Problem

Source = str | os.PathLike[str]


def load_network(
    source: Source | object,
    *,
    inputs: Sequence[Any] | None = None,
    bind: Mapping[str, int] | None = None,
    bits: int | None = None,
    variables: Mapping[str, object] | None = None,
) -> Network:
    """A network from a file of any known format, a library name, an einsum string (a network of one layer), a
    Hugging Face model type ('hf:bert'), or a PyTorch module, Keras model or JAX function with its `inputs`.

    inputs  of a module or function: tensors, arrays or shapes as (1, 3, 224, 224); their data is not read
    bind    sizes of symbolic dimensions, as {"N": 1}, or of an einsum's indices
    bits    of every value where the source does not say; default 8
    variables  for the templates of AccelForge files; fields of a Hugging Face configuration
    Raises InputError naming the file and node.
    """
    if not isinstance(source, str | os.PathLike):
        from tileloom.workload.frontends.live import read_object

        return read_object(source, inputs, bind=bind, **_given(bits=bits))
    if inputs is not None:
        raise InputError(f"{source}: inputs are for modules and functions; for symbolic dimensions give bind (--bind)")
    if str(source).startswith("hf:") and not is_file(source):
        from tileloom.workload.frontends.huggingface import read_huggingface

        return read_huggingface(str(source), bind, settings=variables, **_given(bits=bits))
    if is_einsum(source):
        problem = load_problem(source, sizes=bind, bits=bits)
        return Network(
            problem.name, (Layer(name=problem.name, problem=problem, operator=problem.op),), source=str(source)
        )
    if is_file(source) and str(source) not in library_names():
        from tileloom.explore.formats import Request, read_file

        return read_file(Request(Path(source), bind or {}, bits, variables or {}))
    from tileloom.workload.load import load_network as load

    return load(_path(source), bind, **_given(bits=bits))


def load_problem(
    source: Source,
    *,
    sizes: Mapping[str, int] | None = None,
    bind: Mapping[str, int] | None = None,
    bits: int | None = None,
    variables: Mapping[str, object] | None = None,
) -> Problem:
    """One problem: a YAML file with one, 'network.onnx:layer', or an einsum string with the sizes of its indices.

    >>> load_problem("O[m, n] += A[m, k] * B[k, n]", sizes={"m": 4, "n": 4, "k": 8}).macs
    128
    """
    from tileloom.workload.load import load_problem as load

    if is_einsum(source):
        return load(str(source), sizes=sizes or {}, **_given(bits=bits))
    if sizes:
        raise InputError(f"{source}: sizes are for an einsum; for symbolic dimensions of a file give bind (--bind)")
    path, layer = split_layer(str(source))
    if path.startswith("hf:") or Path(path).suffix.lower() not in (".onnx", *YAML_ENDINGS):
        return _pick(load_network(path, bind=bind, bits=bits, variables=variables), layer)
    if has_section(path, "workload") or has_section(path, "problem"):
        return _pick(load_network(path, bits=bits, variables=variables), layer)
    return load(path, layer=layer, bind=bind, **_given(bits=bits))


def _pick(network: Network, layer: str | None) -> Problem:
    known = {found.name: found.problem for found in network.layers}
    if layer is None and len(known) == 1:
        return network.layers[0].problem
    if layer not in known:
        raise InputError(f"'{network.source}' has no layer '{layer or ''}'; name one of: {', '.join(known)}")
    return known[layer]


def is_einsum(source: Source) -> bool:
    """Whether it reads as an einsum, not as a name or path: 'ij,jk->ik' or 'C[m, n] += A[m, k] * B[k, n]'."""
    return isinstance(source, str) and ("->" in source or ("=" in source and "[" in source))


def split_layer(source: str) -> tuple[str, str | None]:
    """'net.onnx:conv1' -> ('net.onnx', 'conv1'); a layer's own name may hold colons, so may a path.

    >>> split_layer("net.onnx:block:0/conv"), split_layer("net.onnx")
    (('net.onnx', 'block:0/conv'), ('net.onnx', None))
    """
    if is_file(source):
        return source, None
    for end in (".onnx:", ".yaml:", ".yml:", ".mlir:", ".ta:", ".tccg:", ".cfg:", ".json:", ".m:", ".txt:"):
        if end in source:
            path, _, layer = source.partition(end)
            return path + end[:-1], layer
    name, colon, layer = source.removeprefix("hf:").partition(":")
    front = "hf:" if source.startswith("hf:") else ""
    return (front + name, layer) if colon else (source, None)


def _problems(workload: Network | Problem | None) -> list[Problem]:
    if isinstance(workload, Problem):
        return [workload]
    return [d.problem for d in workload.problems] if workload is not None else []


def _path(source: Source) -> str | Path:
    return source if isinstance(source, str) else Path(source)


def _given(**settings: Any) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def load_architecture(
    source: Source,
    *,
    variables: Mapping[str, object] | None = None,
    workload: Network | Problem | None = None,
) -> Architecture:
    """A chip by library name or from a YAML file. Raises InputError with every fault and its line.

    variables, workload   for AccelForge files: values of the templates, and what the rules are resolved for
    """
    if str(source).endswith(".m"):
        raise InputError(
            f"{source}: a MAESTRO hardware file has no memories or wires to map onto; evaluate a .m mapping on it "
            "(tileloom evaluate FILE.m --arch HW.m), or give a library name or YAML file",
            file=str(source),
        )
    if str(source) in machine_files():
        raise InputError(
            f"'{source}' is a machine of DeFiNES, in ZigZag's own form: `tileloom fuse NETWORK --arch {source}` runs "
            "networks on it, and search.zigzag.loma.best_mapping single layers"
        )
    if has_section(_path(source), "arch"):
        problems = _problems(workload)
        return read_chip(_path(source), variables or {}, problems)
    from tileloom.architecture.load import load_architecture as load

    return load(_path(source))


def load_mapping(
    source: Source, problem: Problem | None = None, architecture: Architecture | None = None
) -> MappingTree:
    """A mapping from a YAML file; with its problem, dimensions and tensors are checked as it is read.

    architecture   with it, and the problem, dMazeRunner's execution methods are read, too
    """
    from tileloom.mapping.notation.dmazerunner import to_tree
    from tileloom.mapping.notation.dmazerunner_file import is_method_file, read_method
    from tileloom.mapping.yaml import mapping_from_yaml

    if is_method_file(source):
        if problem is None or architecture is None:
            raise InputError(f"{source}: an execution method is read with its problem and architecture")
        return to_tree(read_method(source, problem), problem, architecture).mapping
    return mapping_from_yaml(Path(source), problem)
