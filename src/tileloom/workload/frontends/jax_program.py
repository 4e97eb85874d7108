"""Reads JAX functions by their jaxpr, traced on shapes alone: dot_general, conv_general_dilated, and all they call.

A scan of known length counts its body that often; loops and branches that depend on data are skipped with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tileloom.core.errors import InputError, MissingDependencyError, UnsupportedError
from tileloom.workload.frontends.mlir.stablehlo import convolution_node, product_labels
from tileloom.workload.frontends.nodes import (
    AnyNode,
    Bits,
    Product,
    TensorFacts,
    Transpose,
    Unread,
    Vector,
    network_of,
    words,
)
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Network

MOVES_NOTHING = words(
    "reshape squeeze expand_dims stop_gradient copy copy_p convert_element_type_p device_put sharding_constraint "
    "optimization_barrier split broadcast_in_dim_scalar"
)
REFUSED = {
    "while": "how often a loop runs depends on data; write it as lax.scan or unroll it",
    "cond": "which branch runs depends on data",
    "custom_linear_solve": "a solve is no affine loop nest",
    "ragged_dot_general": "sizes of its groups depend on data",
    "ragged_dot": "sizes of its groups depend on data",
    **dict.fromkeys(
        words(
            "cholesky lu qr eig eigh svd triangular_solve fft schur hessenberg householder_product tridiagonal_solve"
        ),
        "a factorisation or transform is no affine loop nest",
    ),
    **dict.fromkeys(
        words("pure_callback io_callback pallas_call custom_call ffi_call"), "what it computes is not in the trace"
    ),
}


def read_jax(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    *,
    weights: Sequence[int] = (),
    name: str = "",
    bits: Bits = DEFAULT_BITS,
) -> Network:
    """The network that a function is for arguments of these sizes.

    inputs   arrays, shapes such as (8, 128), or (nested) lists and dictionaries of arrays; data is not read
    weights  positions of the arguments that are known before the network runs; dictionaries are taken for weights
    Raises MissingDependencyError without jax, InputError when the function cannot be traced.
    """
    jax = _jax()
    args = [_example(jax, value) for value in inputs]
    constant = {i for i, value in enumerate(inputs) if isinstance(value, dict)} | set(weights)
    try:
        closed = jax.make_jaxpr(function)(*args)
    # Whatever the user's function raises while it is traced.
    except Exception as fault:
        first = str(fault).strip().split("\n")[0][:300]
        raise InputError(f"jax cannot trace {_label(function, name)}: {type(fault).__name__}: {first}") from fault
    walk = _Walk()
    flags = [i in constant for i, arg in enumerate(args) for _ in jax.tree_util.tree_leaves(arg)]
    values = [walk.define(f"in{i}", var.aval, flag) for i, (var, flag) in enumerate(zip(closed.jaxpr.invars, flags))]
    walk.closed(closed, values, "", 1)
    label = _label(function, name)
    return network_of(label, walk.nodes, walk.tensors, source=f"jax:{label}", bits=bits)


def _label(function: Callable[..., Any], name: str) -> str:
    return name or getattr(function, "__name__", "function").strip("<>")


def _jax() -> Any:
    try:
        import jax
    except ImportError as missing:
        raise MissingDependencyError("jax", "jax", "reading JAX functions") from missing
    return jax


def _example(jax: Any, value: Any) -> Any:
    if isinstance(value, tuple) and all(isinstance(v, int) for v in value):
        return jax.ShapeDtypeStruct(value, "float32")
    if isinstance(value, dict):
        return {k: _example(jax, v) for k, v in value.items()}
    if isinstance(value, list):
        return [_example(jax, v) for v in value]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return jax.ShapeDtypeStruct(value.shape, value.dtype)
    if isinstance(value, int | float | bool):
        return value
    raise InputError(f"input {str(value)[:60]!r}: expected an array, a shape such as (8, 128), or a dictionary of them")


class _Walk:
    """Lists the equations of a jaxpr and of those inside it as neutral nodes."""

    def __init__(self) -> None:
        self.nodes: list[AnyNode] = []
        self.tensors: dict[str, TensorFacts] = {}

    def define(self, name: str, aval: Any, weight: bool = False) -> str:
        shape = tuple(int(d) if isinstance(d, int) else None for d in getattr(aval, "shape", ()))
        width = getattr(getattr(aval, "dtype", None), "itemsize", 1) * 8
        self.tensors[name] = TensorFacts(shape, width, weight)
        return name

    def closed(self, closed: Any, given: Sequence[str], prefix: str, count: int) -> list[str]:
        """Walks a jaxpr whose arguments have names; the names of what it returns."""
        jaxpr = getattr(closed, "jaxpr", closed)
        names: dict[Any, str] = dict(zip(jaxpr.invars, given))
        for i, var in enumerate(jaxpr.constvars):
            names[var] = self.define(f"{prefix}const{i}", var.aval, weight=True)

        def name_of(var: Any) -> str:
            if hasattr(var, "val"):
                return self.define(f"{prefix}literal", var.aval, weight=True)
            return names[var]

        for number, equation in enumerate(jaxpr.eqns):
            inputs = [name_of(v) for v in equation.invars]
            label = f"{prefix}{equation.primitive.name}_{number}"
            outputs = self.equation(equation, inputs, label, count)
            names.update(zip(equation.outvars, outputs))
        return [name_of(v) for v in jaxpr.outvars]

    def equation(self, equation: Any, inputs: list[str], label: str, count: int) -> list[str]:
        primitive, parameters = equation.primitive.name, equation.params
        inner = next((p for p in parameters.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr")), None)
        if inner is not None and primitive not in REFUSED:
            times = count * int(parameters["length"]) if primitive == "scan" else count
            avals = getattr(inner, "jaxpr", inner).invars
            # The steps of a scan see one slice each of what is scanned over.
            given = [
                self.define(f"{label}.in{i}", v.aval, self.tensors[n].weight)
                for i, (v, n) in enumerate(zip(avals, inputs))
            ]
            returned = self.closed(inner, given if primitive == "scan" else inputs, f"{label}.", times)
            if primitive != "scan":
                return returned
            return [self.define(f"{label}.out{i}", v.aval) for i, v in enumerate(equation.outvars)]
        outputs = [self.define(f"{label}.{i}" if i else label, v.aval) for i, v in enumerate(equation.outvars)]
        self.nodes.append(self.node(primitive, parameters, tuple(inputs), tuple(outputs), label, count))
        return outputs

    def node(
        self, primitive: str, parameters: Any, inputs: tuple[str, ...], outputs: tuple[str, ...], label: str, count: int
    ) -> AnyNode:
        common: dict[str, Any] = {
            "name": label, "operator": f"jax.{primitive}", "inputs": inputs, "outputs": outputs, "count": count,
        }  # fmt: skip
        try:
            if primitive == "dot_general":
                return self.dot(parameters, inputs, common)
            if primitive == "conv_general_dilated":
                return self.convolution(parameters, inputs, common)
        except (InputError, UnsupportedError) as fault:
            return Unread(**common, reason=str(fault))
        if primitive == "transpose":
            return Transpose(**common, order=tuple(parameters["permutation"]))
        if primitive in REFUSED:
            return Unread(**common, reason=REFUSED[primitive])
        return Vector(**common, elements=0 if primitive in MOVES_NOTHING else None)

    def shapes(self, names: Sequence[str]) -> list[tuple[int, ...]]:
        found = []
        for name in names:
            shape = self.tensors[name].shape
            if None in shape:
                raise UnsupportedError(f"E-DYN: '{name}' has a symbolic size; trace with numbers")
            found.append(tuple(d for d in shape if d is not None))
        return found

    def dot(self, parameters: Any, inputs: tuple[str, ...], common: dict[str, Any]) -> Product:
        summed, batch = parameters["dimension_numbers"]
        a, b = self.shapes(inputs)
        labels = product_labels(len(a), len(b), batch, summed)
        extents = {c: size for letters, shape in zip(labels, (a, b)) for c, size in zip(letters, shape)}
        return Product(**common, labels=labels, extents=extents)

    def convolution(self, parameters: Any, inputs: tuple[str, ...], common: dict[str, Any]) -> AnyNode:
        if parameters["batch_group_count"] != 1:
            raise UnsupportedError("E-GROUP: batch_group_count other than 1 (the gradient of a grouped convolution)")
        numbers = parameters["dimension_numbers"]
        data, kernel, out = (
            _layout(spec, letters)
            for spec, letters in zip((numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec), ("bf", "oi", "bf"))
        )
        pads = parameters["padding"]
        node = convolution_node(
            common["name"], common["operator"], (data, kernel, out), self.shapes(inputs[:2]),
            stride=parameters["window_strides"], lhs_dilate=parameters["lhs_dilation"], dilation=parameters["rhs_dilation"],
            pad=(*(low for low, _ in pads), *(high for _, high in pads)), groups=parameters["feature_group_count"],
        )  # fmt: skip
        return replace(node, inputs=common["inputs"], outputs=common["outputs"], count=common["count"])


def _layout(spec: Sequence[int], letters: str) -> str:
    """'bf01' in the order of the tensor's axes, from the places of batch (or output), features and spatial axes."""
    means = [*letters, *map(str, range(len(spec) - 2))]
    return "".join(means[list(spec).index(axis)] for axis in range(len(spec)))
