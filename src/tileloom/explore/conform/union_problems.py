"""Union rows about problems: files that must import to a given problem, contractions, and layers with their products.

Problems are compared up to the names of dimensions and the order of operands; dimensions of extent 1 do not count.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations
from math import prod
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError
from tileloom.core.jsonio import read_json
from tileloom.explore.conform.base import Check
from tileloom.explore.conform.union_row import UnionRow, same
from tileloom.explore.sources import load_network
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import conv2d, gemm
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import rewrite
from tileloom.workload.rewrite.ttgt import comet_cost

MAX_BYTES = 50_000_000
Axes = Sequence[Mapping[str, int]]
Form = tuple[tuple[object, ...], ...]


def imported_files(folder: Path) -> Iterator[UnionRow]:
    """Every file of mlir/ and onnx/ whose name expected_problems.json has."""
    listed = folder / "expected_problems.json"
    if not listed.is_file():
        return
    expected = read_json(listed, MAX_BYTES)
    if not isinstance(expected, dict):
        raise InputError(f"{listed}: expected a mapping of name to problem", file=str(listed))
    for path in sorted(p for kind in ("mlir", "onnx") for p in (folder / kind).glob("*") if p.is_file()):
        stem = path.name.split(".")[0]
        if stem in expected:
            yield UnionRow(path.name, partial(_imported, path, expected[stem]))
    for name, problem in expected.items():
        if problem.get("kind") == "einsum":
            yield UnionRow(f"{name} (einsum)", partial(_stated, name, problem))


def _imported(path: Path, expected: Mapping[str, Any]) -> Iterator[Check]:
    kind = path.name.partition(".")[2]
    network = load_network(path)
    yield same(kind, path.name, "layers, skipped nodes", (1, 0), (len(network.layers), len(network.skipped)))
    for layer in network.layers:
        yield from _compared(kind, path.name, layer.problem, expected)


def _stated(name: str, expected: Mapping[str, Any]) -> Iterator[Check]:
    operands = [t for t in expected["tensors"] if t["role"] != "output"]
    output = next(t for t in expected["tensors"] if t["role"] == "output")
    text = " * ".join(_written(t) for t in operands)
    problem = parse_einsum(f"{_written(output)} = {text}", expected["dims"], name=name)
    yield from _compared("einsum", f"{name} (einsum)", problem, expected)


def _written(tensor: Mapping[str, Any]) -> str:
    axes = [" + ".join(f"{c}*{d}" for d, c in axis.items()) for axis in tensor["projection"]]
    return f"{tensor['name']}[{', '.join(axes)}]"


def _compared(kind: str, row: str, problem: Problem, expected: Mapping[str, Any]) -> Iterator[Check]:
    yield same(kind, row, "macs", expected["macs"], problem.macs)
    tensors = expected["tensors"]
    wanted = form(
        expected["dims"],
        next(t["projection"] for t in tensors if t["role"] == "output"),
        [t["projection"] for t in tensors if t["role"] != "output"],
    )
    got = form(problem.extents, _axes(problem, "output"), _axes(problem, "input"))
    yield same(kind, row, "problem up to names", wanted, got)
    iterators = expected.get("iterators", {})
    reduced = sorted(expected["dims"][d] for d, k in iterators.items() if k == "reduction")
    if iterators:
        found = sorted(problem.extents[d] for d in problem.reduction_dims)
        yield same(kind, row, "reduced extents", reduced, found)
    for tensor in tensors:
        if "extent" in tensor:
            spans = [a.span(problem.extents) for t in problem.inputs for a in t.axes if len(a.terms) > 1]
            padded = tensor["extent"][-len(spans) :] if spans else []
            yield same(kind, row, "input extents with padding", padded, spans)


def _axes(problem: Problem, role: str) -> Any:
    chosen = [problem.output] if role == "output" else list(problem.inputs)
    axes = [[dict(a.terms) for a in t.axes] for t in chosen]
    return axes[0] if role == "output" else axes


def form(extents: Mapping[str, int], output: Axes, inputs: Sequence[Axes]) -> Form:
    """What a problem is, whatever its dimensions are called and however its operands are ordered.

    Every dimension larger than 1 is its extent with the places (tensor, axis, coefficient) where it stands; the least
    of such lists over all orders of the operands.
    """
    return min(_form(extents, (output, *order)) for order in permutations(inputs))


def _form(extents: Mapping[str, int], tensors: Sequence[Axes]) -> Form:
    places: dict[str, list[tuple[int, int, int]]] = {d: [] for d, e in extents.items() if e > 1}
    for number, axes in enumerate(tensors):
        kept = [[(d, c) for d, c in axis.items() if d in places] for axis in axes]
        for position, axis in enumerate(a for a in kept if a):
            for d, c in axis:
                places[d].append((number, position, c))
    return tuple(sorted((extents[d], *held) for d, held in places.items()))


def contractions(folder: Path) -> Iterator[UnionRow]:
    """Rows of contractions.csv: output-first expressions with sizes, products, and the matrix product they amount to."""
    for row in _table(folder / "contractions.csv"):
        yield UnionRow(row["name"], partial(_contraction, row))


def _contraction(row: Mapping[str, str]) -> Iterator[Check]:
    sizes = {d: int(s) for d, s in (part.split("=") for part in row["sizes"].split(";"))}
    name, kind = row["name"], "contraction"
    problem = parse_einsum(row["expr"], sizes, name=name)
    again = parse_einsum(row["einsum"], sizes, name=name)
    yield same(kind, name, "both notations", again.signature, problem.signature)
    yield same(kind, name, "macs", int(row["macs"]), problem.macs)
    for tensor in problem.tensors:
        yield same(kind, name, f"size of {tensor.name}", int(row[f"size_{tensor.name}"]), problem.size(tensor.name))
    first, second = (t.dims for t in problem.inputs)
    out = problem.output.dims
    classes = {
        "M": (first & out) - second,
        "N": (second & out) - first,
        "K": problem.reduction_dims,
        "batch": first & second & out,
    }
    for what, dims in classes.items():
        got = prod(problem.extents[d] for d in dims)
        yield same(kind, name, f"GEMM {what}", int(row[f"gemm_{what}"]), got)
    for what in "MNK":
        yield same(
            kind,
            name,
            f"{what} indices",
            "".join(sorted(row[f"{what.lower()}_indices"])),
            "".join(sorted(classes[what])),
        )
    moved = rewrite(problem, "ttgt").moved_elements
    yield same(kind, name, "fewest moved elements", int(row["min_moved_elements"]), moved)
    cost = round(comet_cost(problem), 6)
    yield same(kind, name, "cost by COMET's rule", round(float(row["comet_rule_cost"]), 6), cost)


def layers(folder: Path) -> Iterator[UnionRow]:
    """Rows of dnn_layers.csv: layers of the case studies with the matrix product that im2col makes of them."""
    for row in _table(folder / "dnn_layers.csv"):
        yield UnionRow(row["name"], partial(_layer, row))


def _layer(row: Mapping[str, str]) -> Iterator[Check]:
    given = {d: int(s) for d, s in (part.split("=") for part in row["dims"].split(";"))}
    name = row["name"]
    if row["type"] == "conv":
        reach = {d: given[d] for d in "RS"}
        problem = conv2d(
            name,
            N=given["N"],
            K=given["K"],
            C=given["C"],
            P=given["Y"],
            Q=given["X"],
            stride=given.get("stride", 1),
            **reach,
        )
        e = problem.extents
        M, N, K = e["N"] * e["P"] * e["Q"], e["K"], e["C"] * e["R"] * e["S"]
    else:
        problem = gemm(name, M=given["N"], N=given["NON"], K=given["NIN"])
        M, N, K = (problem.extents[d] for d in "MNK")
    yield same("layer", name, "macs", int(row["macs"]), problem.macs)
    for what, got in (("M", M), ("N", N), ("K", K), ("patch_elements", M * K)):
        yield same("layer", name, f"im2col {what}", int(row[f"im2col_{what}"]), got)


def _table(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    return list(csv.DictReader(_text(path).splitlines()))


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are read", file=str(path))
    return path.read_text(encoding="utf-8")
