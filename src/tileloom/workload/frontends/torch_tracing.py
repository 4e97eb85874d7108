"""Settings of torch under which an export takes half the time, and all products stay visible. What is exported is not known here.

Each is set back afterwards. Those that a version of torch does not have are left out: then it only takes longer.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any


@contextmanager
def quick_tracing(torch: Any, module: Any) -> Iterator[None]:
    """Evaluation mode, without gradients, stack traces, generated code and fused layers."""
    with ExitStack() as settings:
        settings.callback(module.train, module.training)
        module.eval()
        # A fifth of the time of a long export; nobody reads them.
        settings.enter_context(_changed(getattr(torch.fx, "config", None), "do_not_emit_stack_traces", True))
        # The fused encoder layer hides its matrix products.
        settings.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        settings.enter_context(torch.no_grad())
        # Gradients are off throughout. A model that says so again makes torch cut the graph there, and write code for the pieces.
        settings.enter_context(_changed(torch._C, "_set_grad_enabled", lambda mode: None))
        settings.enter_context(_no_code())
        yield


@contextmanager
def without_collection() -> Iterator[None]:
    """Tracing makes millions of objects that live to its end; looking through them again and again takes a tenth of it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _no_code() -> Any:
    """Python code of a graph is written when it is asked for, not at each step of an export: here it never is."""
    try:
        return import_module("torch.fx._lazy_graph_module")._use_lazy_graph_module(True)
    except (ImportError, AttributeError):
        return ExitStack()


@contextmanager
def _changed(owner: Any, name: str, value: object) -> Iterator[None]:
    """An attribute that is there has another value for a while."""
    before = getattr(owner, name, None)
    if before is None:
        yield
        return
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
