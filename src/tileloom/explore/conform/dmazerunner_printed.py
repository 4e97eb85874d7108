"""What dMazeRunner's commands print, read and recomputed: layers under its optimizer, summaries, listings, its examples.

A text says neither its command nor its model; the model is the file in inputs/ whose name begins as the text's does, and
the command the auto-optimizer. Values are compared in the form in which they are printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from tileloom.architecture.notation.dmazerunner import DmazeArchitecture, read_architecture
from tileloom.core.errors import InputError
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.cost.models.dmazerunner.orders import order_numbers
from tileloom.cost.models.dmazerunner.reference import cost_under_orders, method_costs
from tileloom.explore.conform.base import Check
from tileloom.explore.dmazerunner.network import optimize_model
from tileloom.mapping.notation.dmazerunner import ExecutionMethod
from tileloom.search.dmazerunner.auto import auto_optimize
from tileloom.workload.frontends.dmazerunner import DmazeLayer, conv_layer, merged, read_model

_LAYER = re.compile(r"^compiling layer \d+: (?P<name>.+) \((?P<type>\w+)Layer\), instances: (?P<instances>\d+)", re.M)
_LISTED = re.compile(r"^\d+: .+ \((?:CONV|GEMM|DW_CONV)\)$", re.M)
_EXAMPLE = re.compile(r"^== (?:\S*/)?(\w+)\.py.*$", re.M)
_VALUES = {
    "edp": ("Optimized energy-delay product (EDP)", "Estimated Min Energy-Delay Product", "Optimized Total EDP"),
    "energy": ("Minimized energy", "Estimated Min Energy (pJ)", "Optimized Total Energy"),
    "latency": ("Minimized execution cycles", "Estimated Min Execution Cycles", "Optimized Total Exeuction Cycles"),
}
_COUNTS = ("Execution methods evaluated", "Total execution methods evaluated", "Total layers optimized")

EXAMPLES: Mapping[str, tuple[DmazeLayer, tuple[tuple[int, ...], ...]]] = {
    "conv": (
        conv_layer("example_conv", "CONV", 4, (512, 512), (7, 7), (3, 3), (1, 1), (1, 1)),
        ((1, 4, 32, 1, 1, 1, 1), (1, 4, 1, 1, 1, 3, 3), (4, 16, 8, 1, 1, 1, 1), (1, 2, 2, 7, 7, 1, 1)),
    ),
    "dwconv": (
        conv_layer("example_dwconv", "DW_CONV", 4, (1, 960), (7, 7), (3, 3), (1, 1), (1, 1)),
        ((4, 1, 8, 1, 1, 1, 1), (1, 1, 4, 1, 1, 1, 1), (1, 1, 6, 1, 1, 3, 3), (1, 1, 5, 7, 7, 1, 1)),
    ),
    "gemm": (
        DmazeLayer(name="example_gemm", kind="GEMM", extents=(1000, 1000, 1000)),
        ((250, 2, 20), (2, 1, 1), (1, 4, 50), (2, 125, 1)),
    ),
}
"""The mapping of each example of the original: layer, and per level (DRAM, SPM, RF, SPATIAL) the factors of its loops."""


def printed_rows(directory: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(name, kind, values) of everything in the texts of a directory's cli/; kind "" with a reason for what is not read."""
    for path in sorted((directory / "cli").glob("*.txt")):
        text = path.read_text("utf-8", "replace")
        found = list(_examples(path.stem, text)) or list(_of_model(path, text, directory / "inputs"))
        yield from found or [(path.name, "", {"reason": "not a text that is known"})]


def _examples(stem: str, text: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    parts = _EXAMPLE.split(text)[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        yield f"{stem}: {name}", "printed example", {"example": name, "text": body}


def _of_model(path: Path, text: str, inputs: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    first = path.stem.partition("_")[0]
    models = sorted(inputs.glob(f"{first}*.json"))
    sections = [m.start() for m in _LAYER.finditer(text)]
    listed = _LISTED.findall(text)
    if not sections and not listed:
        return
    if not models:
        yield path.name, "", {"reason": f"no model file inputs/{first}*.json"}
        return
    common = {"model": str(models[0]), "arch": str(inputs / "arch_spec.json")}
    for start, end in pairwise([*sections, len(text)] if sections else []):
        body, _, summary = text[start:end].partition("= Summary =")
        header = _LAYER.match(body)
        assert header is not None
        yield f"{path.stem}: {header['name']}", "printed layer", {**common, **header.groupdict(), "text": body}
        if summary:
            yield f"{path.stem}: summary", "printed summary", {**common, "text": summary}
    if listed:
        yield f"{path.stem}: listing", "printed listing", {**common, "lines": listed}


def printed_checks(name: str, kind: str, values: Mapping[str, Any]) -> Iterator[Check]:
    """Recomputes one of `printed_rows`. Raises InputError where a layer or example is not known."""
    if kind == "printed example":
        yield from _example_checks(name, values)
        return
    layers = read_model(values["model"])
    if kind == "printed listing":
        ours = [f"{i}: {x.name.removesuffix('_depthwise')} ({x.kind})" for i, x in enumerate(layers)]
        theirs = [line.replace("_depthwise", "") for line in values["lines"]]
        yield Check("printed", name, "lines", theirs == ours, str(theirs), str(ours))
        return
    arch = read_architecture(values["arch"]) if Path(values["arch"]).is_file() else DmazeArchitecture()
    if kind == "printed summary":
        totals = optimize_model(layers, arch).totals(faithful=True)
        ours_by_goal = {"edp": totals.edp, "energy": totals.energy_pj, "latency": totals.cycles}
        yield from _value_checks(name, values["text"], ours_by_goal)
        for what, count in ((_COUNTS[1], totals.methods), (_COUNTS[2], totals.layers)):
            yield _equal(name, what, int(_after(values["text"], what)), count)
        return
    found = [x for x in merged(layers) if x.name == values["name"]]
    if not found:
        raise InputError(f"{values['model']} has no layer '{values['name']}'")
    yield from _layer_checks(name, values, found[0], arch)


def _layer_checks(name: str, values: Mapping[str, Any], layer: DmazeLayer, arch: DmazeArchitecture) -> Iterator[Check]:
    text, nest = values["text"], Nest.of(layer.problem())
    yield _equal(name, "instances", int(values["instances"]), layer.instances)
    result = auto_optimize(
        nest, arch.chip, begin_reduce_spm=arch.begin_reduce_spm, disable_prunings=arch.disable_prunings
    )
    best = result.exploration.best or {}
    yield _equal(name, "mappings", int(_after(text, _COUNTS[0])), result.exploration.methods)
    yield from _value_checks(name, text, {g: b.value for g, b in best.items()})
    for goal, (label, *_) in _VALUES.items():
        stated = _after(text, label)
        tail = text[text.index(label) :]
        levels, orders = (
            _listed(_after(tail, k)) for k in ("Tiling factors (DRAM, SPM, RF, SPATIAL)", "Ordering (DRAM, SPM)")
        )
        dram, spm, rf, space = (tuple(level) for level in levels)
        method = ExecutionMethod(loops=layer.loops, dram=dram, spm=spm, rf=rf, spatial=space)
        outer, inner = (order_numbers(nest, names) for names in orders)
        pair = cost_under_orders(nest, arch.chip, method, outer, inner)
        value = {"edp": pair.edp, "energy": float(pair.energy_pj), "latency": float(pair.cycles)}[goal]
        yield Check("printed", name, f"{goal} of its mapping", stated == f"{value:.4E}", stated, f"{value:.4E}")


def _example_checks(name: str, values: Mapping[str, Any]) -> Iterator[Check]:
    if values["example"] not in EXAMPLES:
        raise InputError(f"no example '{values['example']}' is known; there are {', '.join(EXAMPLES)}")
    layer, (dram, spm, rf, space) = EXAMPLES[values["example"]]
    method = ExecutionMethod(loops=layer.loops, dram=dram, spm=spm, rf=rf, spatial=space)
    costs = method_costs(Nest.of(layer.problem()), DmazeArchitecture().chip, method)
    ours = {
        "edp": costs.best("edp")[2].edp,
        "energy": float(costs.best("energy")[2].energy_pj),
        "latency": float(costs.best("latency")[2].cycles),
    }
    yield from _value_checks(name, values["text"], ours)


def _value_checks(name: str, text: str, ours: Mapping[str, float]) -> Iterator[Check]:
    for goal, labels in _VALUES.items():
        label = next((lb for lb in labels if f"{lb}:" in text), None)
        if label is None:
            continue
        stated, got = _after(text, label), f"{ours[goal]:.4E}" if goal in ours else "none"
        yield Check("printed", name, goal, stated == got, stated, got)


def _equal(name: str, what: str, stated: int, got: int) -> Check:
    return Check("printed", name, what, stated == got, str(stated), str(got))


def _after(text: str, label: str) -> str:
    """What follows 'label:' on its line. InputError when it is not there."""
    match = re.search(rf"^{re.escape(label)}:(.*)$", text, re.M)
    if match is None:
        raise InputError(f"no line '{label}:'")
    return match[1].strip()


def _listed(text: str) -> Any:
    """Nested tuples and lists of numbers and names as Python prints them."""
    return json.loads(re.sub(r",\s*]", "]", text.replace("(", "[").replace(")", "]").replace("'", '"')))
