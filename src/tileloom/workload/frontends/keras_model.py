"""Reads Keras 3 models through the backend they run on: JAX by its jaxpr, torch by torch.export. No weight is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tileloom.core.errors import InputError, MissingDependencyError
from tileloom.workload.frontends.nodes import Bits
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Network


def read_keras(
    model: Any, inputs: Sequence[Any] | None = None, *, bind: Mapping[str, int] | None = None, bits: Bits = DEFAULT_BITS
) -> Network:
    """The network that a built Keras model is.

    inputs  shapes or arrays; default: those the model states, its unknown sizes from `bind` ({"N": 1} is the batch)
    Raises MissingDependencyError without keras, InputError for backends other than jax and torch.
    """
    try:
        import keras
    except ImportError as missing:
        raise MissingDependencyError("keras", "keras", "reading Keras models") from missing
    backend = keras.backend.backend()
    shapes = list(inputs) if inputs is not None else _stated(model, bind or {})
    if backend == "torch":
        from tileloom.workload.frontends.torch_graph import read_torch

        return read_torch(model, shapes, name=model.name, bits=bits)
    if backend != "jax":
        raise InputError(f"Keras runs on '{backend}'; set KERAS_BACKEND=jax or torch before keras is imported")
    from tileloom.workload.frontends.jax_program import read_jax

    def call(trainable: Any, fixed: Any, *given: Any) -> Any:
        many = len(given) > 1 or isinstance(getattr(model, "_inputs_struct", None), list | tuple)
        outputs, _ = model.stateless_call(trainable, fixed, list(given) if many else given[0], training=False)
        return outputs

    trainable, fixed = (
        [_facts(v) for v in group] for group in (model.trainable_variables, model.non_trainable_variables)
    )
    return read_jax(call, (trainable, fixed, *shapes), weights=(0, 1), name=model.name, bits=bits)


def _facts(variable: Any) -> Any:
    import jax

    return jax.ShapeDtypeStruct(tuple(variable.shape), variable.dtype)


def _stated(model: Any, bind: Mapping[str, int]) -> list[Any]:
    stated = getattr(model, "inputs", None)
    if not stated:
        raise InputError(f"Keras model '{model.name}' does not state its inputs; give their shapes")
    shapes, faults = [], []
    for number, tensor in enumerate(stated):
        shape = []
        for axis, size in enumerate(tensor.shape):
            name = "N" if axis == 0 else f"{tensor.name or number}.{axis}"
            if size is None and name not in bind and axis:
                faults.append(f"input {number}, axis {axis} has no size; give bind={{'{name}': ..}}")
            shape.append(size if size is not None else bind.get(name, 1))
        shapes.append(tuple(shape))
    if faults:
        raise InputError(faults)
    return shapes
