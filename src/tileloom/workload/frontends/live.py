"""Networks from objects of a running program: PyTorch modules, Keras models, JAX functions. Imports none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tileloom.core.errors import InputError
from tileloom.workload.frontends.nodes import Bits
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Network


def read_object(
    source: Any, inputs: Sequence[Any] | None, *, bind: Mapping[str, int] | None = None, bits: Bits = DEFAULT_BITS
) -> Network:
    """The network that a module, model or function is for `inputs` (tensors, arrays or shapes; no data is read).

    A Keras model states its own inputs. Raises InputError for anything else.
    """
    if _is_a(source, "keras"):
        from tileloom.workload.frontends.keras_model import read_keras

        return read_keras(source, inputs, bind=bind, bits=bits)
    kind = type(source).__name__
    if inputs is None:
        raise InputError(f"{kind}: give inputs=[..], tensors or shapes such as (1, 3, 224, 224)")
    if _is_a(source, "torch.nn"):
        from tileloom.workload.frontends.torch_graph import read_torch

        return read_torch(source, inputs, bits=bits)
    if callable(source):
        from tileloom.workload.frontends.jax_program import read_jax

        return read_jax(source, inputs, bits=bits)
    raise InputError(f"{kind}: no PyTorch module, Keras model, JAX function, file, library name or einsum")


def _is_a(source: Any, package: str) -> bool:
    """Whether its class or a base of it comes from a package; asks no import."""
    return any(f"{c.__module__}.".startswith(f"{package}.") for c in type(source).__mro__)
