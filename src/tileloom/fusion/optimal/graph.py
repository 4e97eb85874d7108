"""What is fused: problems in execution order whose tensors carry the names of the network's edges.

A `FusedGraph` says which tensors pass between problems, which may live on chip as a whole, and on which hardware each
problem runs. It is built by `graph_from.py`; nothing is searched here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from tileloom.architecture.model import Architecture, Fanout, Memory
from tileloom.core.errors import InputError
from tileloom.workload.problem import Problem, Tensor


@dataclass(frozen=True)
class FusedLayer:
    """One problem of the graph.

    chips        the hardware as this problem meets it, by the set of its tensors that are not in the outermost memory;
                 the keys are all the sets that the hardware's rules allow
    persistent   tensors that stay in their memory while the whole graph runs
    count        how often the problem runs (cost times count; a persistent tensor takes its space count times)
    whole        dims that no loop above a shared tensor may cut, as every value along them is needed at once
    """

    problem: Problem
    chips: Mapping[frozenset[str], Architecture]
    persistent: frozenset[str] = frozenset()
    count: int = 1
    whole: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.problem.name

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.problem.tensors)

    @property
    def chip(self) -> Architecture:
        """The hardware with most tensors in the outermost memory."""
        return self.chips[min(self.chips, key=lambda s: (len(s), sorted(s)))]


@dataclass(frozen=True)
class Layout:
    """How the users of a tensor agree on its axes.

    aligned   its first axes mean the same positions for all users; what follows each sees in its own way
    whole     axes that no shared loop may tile, as some user needs all their positions at once
    extents   of the whole tensor, where no single user writes all of it (several tensors held as one); else ()
    """

    aligned: int
    whole: frozenset[int] = frozenset()
    extents: tuple[int, ...] = ()


@dataclass(frozen=True)
class FusedGraph:
    """Layers in execution order.

    notes     what of the source is not part of the graph, or is done in another way, in words
    layouts   of tensors whose users see them differently; without one, all axes mean the same by position
    """

    name: str
    layers: tuple[FusedLayer, ...]
    notes: tuple[str, ...] = field(default=())
    layouts: Mapping[str, Layout] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise InputError([f"graph '{self.name}': {f}" for f in faults])

    @cached_property
    def uses(self) -> dict[str, tuple[int, ...]]:
        """Tensor -> layers that read or write it, ascending."""
        found: dict[str, list[int]] = {}
        for i, layer in enumerate(self.layers):
            for name in layer.tensors:
                found.setdefault(name, []).append(i)
        return {name: tuple(at) for name, at in found.items()}

    @cached_property
    def producer(self) -> dict[str, int]:
        """Tensor -> layer that writes it (first, where several write parts of it)."""
        return {layer.problem.output.name: i for i, layer in reversed(list(enumerate(self.layers)))}

    @cached_property
    def shared(self) -> frozenset[str]:
        """Tensors of at least two layers."""
        return frozenset(name for name, at in self.uses.items() if len(at) > 1)

    @cached_property
    def memories(self) -> tuple[str, ...]:
        """Memories that may back a tensor on chip: below the outermost one, a single instance, not partitioned."""
        chip = self.layers[0].chip
        names: list[str] = []
        for position, node in enumerate(chip.nodes):
            if isinstance(node, Fanout) and node.size > 1:
                break
            if position and isinstance(node, Memory) and not node.partitions:
                names.append(node.name)
        return tuple(names)

    def live(self, cut: int) -> tuple[str, ...]:
        """Shared tensors used by layer `cut` or before, and by a later one."""
        return tuple(t for t in sorted(self.shared) if self.uses[t][0] <= cut < self.uses[t][-1])

    @cached_property
    def axes(self) -> dict[str, frozenset[int]]:
        """Shared tensor -> the axes that a loop over all its users may tile.

        Every user indexes such an axis by one dim, all with the same number of positions, so equal numbers of
        iterations give equal tiles. A halo (a sum of dims) can only be kept whole.
        """
        return {t: self._tileable(t) for t in self.shared}

    def _tileable(self, tensor: str) -> frozenset[int]:
        views = [(self.layers[i].problem, self.layers[i].problem.tensor(tensor)) for i in self.uses[tensor]]
        layout = self.layouts.get(tensor)
        if layout is None:
            if len({len(t.axes) for _, t in views}) > 1:
                return frozenset()
            layout = Layout(len(views[0][1].axes))
        found = set()
        for a in range(layout.aligned):
            if a in layout.whole:
                continue
            spans = {_alone(problem, t, a) for problem, t in views}
            if len(spans) == 1 and None not in spans:
                found.add(a)
        return frozenset(found)

    def cuttable(self, tensor: str, axis: int) -> bool:
        """Whether an axis means the same positions for all users of a tensor, in parts as well."""
        layout = self.layouts.get(tensor)
        return layout is None or (axis < layout.aligned and axis not in layout.whole and not layout.extents)

    def owner(self, tensor: str) -> int:
        """The layer whose view of a tensor decides its size: its producer, or its first user."""
        return self.producer.get(tensor, self.uses[tensor][0])

    def spans(self, tensor: str) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Per axis of a whole tensor its terms, (coefficient, extent) each."""
        layout = self.layouts.get(tensor)
        if layout is not None and layout.extents:
            return tuple(((1, n),) for n in layout.extents)
        problem = self.layers[self.owner(tensor)].problem
        return tuple(tuple((c, problem.extents[d]) for d, c in axis.terms) for axis in problem.tensor(tensor).axes)

    def elements(self, tensor: str) -> int:
        """Values of a whole tensor."""
        return prod(1 + sum(c * (n - 1) for c, n in axis) for axis in self.spans(tensor))


def _alone(problem: Problem, tensor: Tensor, axis: int) -> int | None:
    """Coefficient * extent of the dim that alone indexes the axis, and no other axis of the tensor; else None."""
    terms = tensor.axes[axis].terms
    if len(terms) != 1 or sum(1 for a in tensor.axes for d, _ in a.terms if d == terms[0][0]) > 1:
        return None
    return terms[0][1] * problem.extents[terms[0][0]]


def _faults(graph: FusedGraph) -> list[str]:
    faults: list[str] = []
    if not graph.layers:
        return ["it has no layer"]
    names = [layer.name for layer in graph.layers]
    faults += [f"layer '{n}' appears twice" for n in sorted({n for n in names if names.count(n) > 1})]
    written: dict[str, str] = {}
    for layer in graph.layers:
        out = layer.problem.output.name
        if out in written and not _joined(graph, out):
            faults.append(f"tensor '{out}' is written by '{written[out]}' and by '{layer.name}'")
        written.setdefault(out, layer.name)
    seen: set[str] = set()
    for layer in graph.layers:
        for tensor in layer.problem.inputs:
            if tensor.name in written and tensor.name not in seen:
                faults.append(
                    f"'{layer.name}' reads '{tensor.name}' before '{written[tensor.name]}' writes it; "
                    "list producers first (a cycle has no such order)"
                )
        seen.add(layer.problem.output.name)
    return faults


def _joined(graph: FusedGraph, tensor: str) -> bool:
    layout = graph.layouts.get(tensor)
    return layout is not None and bool(layout.extents)
