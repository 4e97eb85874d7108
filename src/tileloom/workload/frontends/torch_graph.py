"""Records what a PyTorch module computes, by torch.export on tensors without data, as calls for torch_operators.py.

The only file that imports torch; nothing is computed and no weight is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tileloom.core.errors import InputError, MissingDependencyError
from tileloom.workload.frontends.nodes import Bits, TensorFacts, network_of
from tileloom.workload.frontends.torch_operators import Call, Ref, nodes_of
from tileloom.workload.frontends.torch_tracing import quick_tracing, without_collection
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Network

_CONTROL = ("cond", "while_loop", "map", "map_impl", "scan", "associative_scan")


def read_torch(
    module: Any,
    inputs: Sequence[Any],
    *,
    named: Mapping[str, Any] | None = None,
    name: str = "",
    bits: Bits = DEFAULT_BITS,
) -> Network:
    """The network that a module is for inputs of these sizes.

    inputs  tensors (their data is not read), or shapes of floating-point tensors such as (1, 3, 224, 224)
    named   inputs by keyword, in the same forms
    Raises MissingDependencyError without torch, InputError when torch cannot export the module.
    """
    torch = _torch()
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"{type(module).__name__} is no torch.nn.Module")
    device = next((p.device for p in (*module.parameters(), *module.buffers())), torch.device("meta"))
    args = tuple(_example(torch, value, device) for value in inputs)
    kwargs = {key: _example(torch, value, device) for key, value in (named or {}).items()}
    label = name or type(module).__name__
    with without_collection():
        recorder = _Recorder(torch)
        recorder.program(_exported(torch, module, args, kwargs))
        nodes = nodes_of(recorder.calls, recorder.tensors)
        return network_of(label, nodes, recorder.tensors, source=f"torch:{label}", bits=bits, outputs=recorder.outputs)


def _torch() -> Any:
    try:
        import torch
        import torch.export
        import torch.fx
    except ImportError as missing:
        raise MissingDependencyError("torch", "torch", "reading PyTorch modules") from missing
    return torch


def _example(torch: Any, value: Any, device: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple | list) and all(isinstance(v, int) and v >= 0 for v in value):
        return torch.empty(tuple(value), device=device)
    raise InputError(f"input {str(value)[:60]!r}: expected a tensor or the shape of one, as (1, 3, 224, 224)")


def _exported(torch: Any, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        with quick_tracing(torch, module):
            return torch.export.export(module, args, kwargs, strict=False)
    # Whatever a user's module or torch itself raises while tracing, it is the module that cannot be read.
    except Exception as fault:
        first = str(fault).strip().split("\n")[0][:300]
        raise InputError(
            f"torch.export cannot read {type(module).__name__}: {type(fault).__name__}: {first}. Fix the sizes of the "
            "inputs, or take data-dependent branches out of forward()"
        ) from fault


class _Recorder:
    """Turns graphs into calls; graphs inside graphs are recorded where they are called."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.calls: list[Call] = []
        self.tensors: dict[str, TensorFacts] = {}
        self.outputs: tuple[str, ...] = ()

    def program(self, exported: Any) -> None:
        signature = exported.graph_signature
        weights = {
            *signature.inputs_to_parameters,
            *signature.inputs_to_buffers,
            *signature.inputs_to_lifted_tensor_constants,
        }
        values: dict[Any, Any] = {}
        for node in exported.graph.nodes:
            if node.op == "placeholder":
                values[node] = self.define(node.name, node.meta.get("val"), node.name in weights)
        left = self.graph(exported.graph_module, values, "")
        self.outputs = tuple(r.name for r in _flat(left))

    def define(self, name: str, value: Any, weight: bool = False) -> Any:
        """Notes the tensors of a node's value; a `Ref` to it, or a list of them, or the plain value."""
        if isinstance(value, self.torch.Tensor):
            shape = tuple(int(d) if isinstance(d, int) else None for d in value.shape)
            self.tensors[name] = TensorFacts(shape, value.element_size() * 8, weight)
            return Ref(name)
        if isinstance(value, tuple | list):
            return [self.define(f"{name}.{i}", v, weight) for i, v in enumerate(value)]
        return value if isinstance(value, int | float | str | bool) else None

    def graph(self, holder: Any, values: dict[Any, Any], prefix: str) -> Any:
        """Records a graph whose placeholders have values; what it returns."""
        for node in holder.graph.nodes:
            if node.op == "get_attr":
                values[node] = self.attribute(holder, node, prefix)
            elif node.op == "call_function":
                values[node] = self.function(holder, node, values, prefix)
            elif node.op == "output":
                return self.plain(node.args[0], values)
        return None

    def attribute(self, holder: Any, node: Any, prefix: str) -> Any:
        found = holder
        for part in str(node.target).split("."):
            found = getattr(found, part)
        if isinstance(found, self.torch.Tensor):
            return self.define(prefix + node.name, found, weight=True)
        return found

    def function(self, holder: Any, node: Any, values: dict[Any, Any], prefix: str) -> Any:
        target = node.target
        args = self.plain(node.args, values)
        if getattr(target, "__name__", "") == "getitem":
            return args[0][args[1]] if isinstance(args[0], list) and isinstance(args[1], int) else None
        inner = next((a for a in args if hasattr(a, "graph") and hasattr(a, "code")), None)
        name = prefix + node.name
        if inner is not None and str(target).rpartition(".")[2] not in _CONTROL:
            operands = args[args.index(inner) + 1 :]
            places = [n for n in inner.graph.nodes if n.op == "placeholder"]
            return self.graph(inner, dict(zip(places, operands)), f"{name}.")
        made = self.define(name, node.meta.get("val"))
        outputs = tuple(r.name for r in _flat(made))
        if inner is None and not outputs:
            return made
        operator = str(target) if inner is None else f"control flow {target}"
        kwargs = {k: self.plain(v, values) for k, v in node.kwargs.items()}
        self.calls.append(Call(name, operator, tuple(args), kwargs, outputs))
        return made

    def plain(self, value: Any, values: dict[Any, Any]) -> Any:
        if isinstance(value, tuple | list):
            return [self.plain(v, values) for v in value]
        if hasattr(value, "op") and hasattr(value, "meta"):
            return values.get(value)
        return value


def _flat(made: Any) -> list[Ref]:
    if isinstance(made, Ref):
        return [made]
    return [r for m in made for r in _flat(m)] if isinstance(made, list) else []
