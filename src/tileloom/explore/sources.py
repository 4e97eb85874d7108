"""What a name, a path or a text stands for: networks, problems, architectures and mappings from wherever they come.

Which reader takes what is decided here; the readers are in the layers that own the formats.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """Whether it reads as an einsum, not as a name or path: 'ij,jk->ik', 'C[m, n] += A[m, k] * B[k, n]' or 'ik-ij-jk'.

    >>> [is_einsum(text) for text in ("ij,jk->ik", "abc-adec-ebd", "mc-cnn", "some-file-name")]
    [True, True, False, False]
    """
    if not isinstance(source, str):
        return False
    if "->" in source or ("=" in source and "[" in source):
        return True
    parts = source.split("-")
    letters = set("".join(parts))
    # TCCG's form looks like a name; in a contraction every index stands in two of the three tensors.
    paired = all(sum(letter in part for part in parts) >= 2 for letter in letters)
    return len(parts) == 3 and all(p.isascii() and p.isalpha() for p in parts) and paired and not Path(source).exists()


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


@dataclass(frozen=True)
class FusedWork:
    """Problems of a fused mapping. joined: values of tensors that several of them write parts of; aligned: how many
    of the first axes mean the same where problems see a tensor with others."""

    problems: tuple[Problem, ...]
    joined: Mapping[str, int] = field(default_factory=dict)
    aligned: Mapping[str, int] = field(default_factory=dict)


def load_problems(
    source: Source,
    architecture: Architecture,
    *,
    sizes: Mapping[str, int] | None = None,
    bind: Mapping[str, int] | None = None,
    bits: int | None = None,
    variables: Mapping[str, object] | None = None,
) -> FusedWork:
    """The problems of a fused mapping: a network, or einsums with ';' between them, each named by its output.

    A tensor of one name is the same tensor. A network whose layers name their edges is read as for
    `fuse --optimal`; other files give problems whose tensors already have the names that count.

    >>> architecture = load_architecture("eyeriss")
    >>> both = "A[m, k] += X[m, j] * V[j, k]; B[m, n] += A[m, k] * W[k, n]"
    >>> for p in load_problems(both, architecture, sizes={"m": 4, "j": 2, "k": 2, "n": 2}).problems:
    ...     print(p)
    A: A[m, k] += X[m, j] * V[j, k]  (m=4 j=2 k=2)
    B: B[m, n] += A[m, k] * W[k, n]  (m=4 k=2 n=2)
    """
    if is_einsum(source):
        return FusedWork(_einsums(str(source), sizes or {}, bits))
    if sizes:
        raise InputError(f"{source}: sizes are for einsums; for symbolic dimensions of a file give bind (--bind)")
    network = load_network(source, bind=bind, bits=bits, variables=variables)
    if not any(layer.outputs for layer in network.layers):
        return FusedWork(tuple(layer.problem.with_name(layer.name) for layer in network.layers))
    from tileloom.fusion.optimal.network_graph import graph_of_network

    graph = graph_of_network(network, architecture)
    return FusedWork(
        tuple(layer.problem for layer in graph.layers),
        {t: graph.elements(t) for t, layout in graph.layouts.items() if layout.extents},
        {t: layout.aligned for t, layout in graph.layouts.items()},
    )


def _einsums(text: str, sizes: Mapping[str, int], bits: int | None) -> tuple[Problem, ...]:
    from tileloom.workload.frontends.einsum import parse_einsum

    found: list[Problem] = []
    used: set[str] = set()
    for part in (p.strip() for p in text.split(";") if p.strip()):
        words = re.findall(r"[A-Za-z_]\w*", part)
        own = {name: n for name, n in sizes.items() if name in words}
        used |= set(own)
        problem = parse_einsum(part, own, **_given(bits=bits))
        found.append(problem.with_name(problem.output.name))
    unknown = [name for name in sizes if name not in used]
    if unknown:
        raise InputError(f"einsums '{text}': sizes of {', '.join(unknown)}, which no einsum has")
    written = {p.output.name for p in found}
    # What another einsum writes is an activation, whatever its place.
    return tuple(
        replace(
            p,
            tensors=tuple(replace(t, role="input") if t.name in written and not t.is_output else t for t in p.tensors),
        )
        for p in found
    )
