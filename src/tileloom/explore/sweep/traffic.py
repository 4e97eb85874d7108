"""What a MAESTRO dataflow moves on so many PEs, worked out once by the clear engine and kept as arrays.

Times are not here: how long the steps take on some network, SIMD width and off-chip bandwidth is `retime`'s business
(scalar.py). A step of a level is one kind of case: how often it occurs, what it moves, and which evaluations of the
level below it waits for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import UnsupportedError
from tileloom.cost.models.maestro.engine import TENSORS, Step
from tileloom.cost.models.maestro.evaluate import evaluate_layer
from tileloom.explore.sweep.values import Value
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer
from tileloom.mapping.notation.maestro_reader import parse_dataflow
from tileloom.mapping.notation.maestro_refusal import RefusedError
from tileloom.mapping.notation.maestro_templates import TEMPLATES, apply_template

Ints = npt.NDArray[np.int64]
STEP_COLUMNS = ("count", "ingress", "egress", "critical", "initial", "child", "other_child")
"""Of `Traffic.steps`; children are positions of nodes, -1 for none."""
LAYER_COLUMNS = ("weight", "l2_inputs", "l2_outputs")


@dataclass(frozen=True)
class Traffic:
    """Of all layers of a workload under one dataflow on so many PEs.

    nodes    int64[n + 1]: node i has the steps nodes[i] .. nodes[i + 1]; children come before their parents
    inner    int64[n]: 1 where the node is of the innermost level;  layer: int64[n], the layer whose top level it is, or -1
    steps    int64[., 7], layers: int64[., 3], columns as named above
    macs, l1_accesses, l2_accesses   of the whole workload;  l1_bytes, l2_bytes: the most that a layer requires
    refused  why the model refuses a layer; then everything else is empty
    """

    nodes: Ints
    inner: Ints
    layer: Ints
    steps: Ints
    layers: Ints
    macs: int = 0
    l1_accesses: int = 0
    l2_accesses: int = 0
    l1_bytes: int = 0
    l2_bytes: int = 0
    refused: str = ""


def with_dataflow(layer: DirectiveLayer, dataflow: str, sizes: Mapping[str, Value], num_pes: int) -> DirectiveLayer:
    """The layer under a template by name, or under directives whose symbols have these sizes.

    Loops over a batch and groups run outermost and clusters shrink to the PEs, as for templates.
    """
    if dataflow in TEMPLATES:
        return apply_template(dataflow, layer, num_pes)
    if layer.operator == "DSCONV":
        return apply_template("dpt", layer, num_pes)
    for name, value in sizes.items():
        dataflow = re.sub(rf"\b{re.escape(name)}\b", str(value), dataflow)
    outer = "".join(f"TemporalMap(1,1) {d}; " for d in ("N", "G") if d in layer.sizes and layer.operator != "GEMM")
    directives = parse_dataflow(outer + dataflow, layer, f"dataflow of {layer.name}")
    left, fitted = num_pes, []
    for directive in directives:
        if isinstance(directive, Cluster):
            directive = replace(directive, size=min(directive.size, left))
            left //= directive.size
        fitted.append(directive)
    return replace(layer, dataflow=tuple(fitted))


def traffic_of(layers: Sequence[tuple[DirectiveLayer, int]], num_pes: int) -> Traffic:
    """layers: with their dataflows, and how often each runs."""
    recorder = _Recorder()
    rows: list[tuple[int, int, int]] = []
    macs = l1 = l2 = l1_bytes = l2_bytes = 0
    try:
        for number, (layer, weight) in enumerate(layers):
            recorder.begin(layer)
            found = evaluate_layer(layer, MaestroHardware(num_pes=num_pes), trace=recorder.step)
            if not found.valid:
                raise RefusedError("work", "no step of the layer has any work", "undefined")
            recorder.end(number)
            top = found.record.top
            rows.append((weight, top.up_bytes["input"] + top.up_bytes["filter"], top.up_bytes["output"]))
            macs += weight * top.macs
            l1 += weight * sum(top.down_read[t] + top.down_write[t] for t in TENSORS)
            l2 += weight * sum(top.up_read[t] + top.up_write[t] for t in TENSORS)
            l1_bytes, l2_bytes = max(l1_bytes, found.l1_bytes), max(l2_bytes, found.l2_bytes)
    except (RefusedError, UnsupportedError) as error:
        return refused_traffic(str(error))
    return Traffic(
        nodes=np.array(recorder.nodes, np.int64),
        inner=np.array(recorder.inner, np.int64),
        layer=np.array(recorder.layer, np.int64),
        steps=np.array(recorder.steps, np.int64).reshape(-1, 7),
        layers=np.array(rows, np.int64).reshape(-1, 3),
        macs=macs,
        l1_accesses=l1,
        l2_accesses=l2,
        l1_bytes=l1_bytes,
        l2_bytes=l2_bytes,
    )


def refused_traffic(reason: str) -> Traffic:
    """Of a workload that the dataflow or the model does not take."""
    empty = np.zeros(0, np.int64)
    return Traffic(np.zeros(1, np.int64), empty, empty, empty.reshape(0, 7), empty.reshape(0, 3), refused=reason)


Row = tuple[int, int, int, int, int, int, int]


class _Recorder:
    """Turns the engine's trace into nodes. Inner evaluations are told before the step that waits for them."""

    def __init__(self) -> None:
        self.nodes: list[int] = [0]
        self.inner: list[int] = []
        self.layer: list[int] = []
        self.steps: list[Row] = []

    def begin(self, layer: DirectiveLayer) -> None:
        self.depths = 1 + sum(isinstance(d, Cluster) for d in layer.dataflow or ())
        self.open: list[list[Row]] = [[] for _ in range(self.depths + 1)]
        self.done: list[list[int]] = [[] for _ in range(self.depths + 1)]
        self.begun = [False] * (self.depths + 1)
        self.known: dict[tuple[int, tuple[Row, ...]], int] = {}

    def step(self, step: Step) -> None:
        depth = step.depth
        if step.number == 0:
            self.close(depth)
            self.begun[depth] = True
        if step.compute_cycles is None:
            return
        self.close(depth + 1)
        children = (*dict.fromkeys(self.done[depth + 1]), -1, -1)
        self.done[depth + 1] = []
        initial = int(all(s.position == 0 for s in step.case.states))
        self.open[depth].append(
            (step.case.count, sum(step.ingress), step.egress, step.critical_macs, initial, children[0], children[1])
        )

    def close(self, depth: int) -> None:
        """The evaluation at this depth is complete."""
        if depth > self.depths or not self.begun[depth]:
            return
        self.done[depth].append(self.node(depth))
        self.open[depth], self.begun[depth] = [], False

    def node(self, depth: int) -> int:
        key = (depth, tuple(self.open[depth]))
        if depth and key in self.known:
            return self.known[key]
        self.known[key] = len(self.inner)
        self.inner.append(int(depth == self.depths - 1))
        self.layer.append(-1)
        self.steps += self.open[depth]
        self.nodes.append(len(self.steps))
        return self.known[key]

    def end(self, number: int) -> None:
        self.close(0)
        self.layer[self.done[0][-1]] = number
