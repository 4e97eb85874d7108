"""Evaluates layers with their dataflows on MAESTRO's hardware: the native route into the faithful model.

Numbers of all layers come out as the original computes them; columns.py names them as it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.cost.models.maestro.engine import Engine, LayerRecord, Trace
from tileloom.cost.models.maestro.layer import Coupling, complete, coupling_of, couplings
from tileloom.cost.models.maestro.levels import split
from tileloom.mapping.notation.maestro import DirectiveLayer
from tileloom.mapping.notation.maestro_refusal import RefusedError


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A layer, what it ran on, and its record."""

    layer: DirectiveLayer
    coupling: Coupling
    hardware: MaestroHardware
    record: LayerRecord

    @property
    def clustered(self) -> bool:
        """Whether an inner level was evaluated: not for layers without a Cluster, nor where every step was skipped."""
        return self.record.inner is not self.record.top

    @property
    def l1_bytes(self) -> int:
        return sum(self.record.inner.down_bytes.values())

    @property
    def l2_bytes(self) -> int:
        return sum(self.record.top.up_bytes.values())

    @property
    def valid(self) -> bool:
        """False when the model found no step with work; its numbers are then without meaning."""
        return self.record.top.steps > 0

    @property
    def why_skipped(self) -> str:
        """Why `valid` is False; '' where it is True."""
        if self.valid:
            return ""
        sizes = self.layer.sizes
        small = [
            f"{axis}={sizes[axis]} is less than the filter's {window}={sizes[window]}"
            for axis, window in (("Y", "R"), ("X", "S"))
            if sizes.get(axis, 0) < sizes.get(window, 0) and axis in sizes
        ]
        return f"every step is skipped, as {' and '.join(small)}" if small else "every step is skipped: none has work"


def evaluate_layer(
    layer: DirectiveLayer, hardware: MaestroHardware, coupling: Coupling | None = None, trace: Trace | None = None
) -> Evaluated:
    """One layer. Raises RefusedError with the rule where the original rejects the input or crashes."""
    if coupling is None:
        coupling = coupling_of(layer.operator, "N" in layer.sizes)
    completed = complete(layer, coupling)
    levels = split(layer, coupling, completed, hardware.num_pes)
    return Evaluated(layer, coupling, hardware, Engine(levels, coupling, hardware, trace).run(completed.extents))


def evaluate_layers(layers: Sequence[DirectiveLayer], hardware: MaestroHardware) -> tuple[Evaluated, ...]:
    """The layers of a file, in order. As the original, one that is refused refuses the whole file."""
    return tuple(
        evaluate_layer(layer, hardware, coupling) for layer, coupling in zip(layers, couplings(layers), strict=True)
    )


def evaluate_layers_apart(
    layers: Sequence[DirectiveLayer], hardware: MaestroHardware
) -> tuple[Evaluated | RefusedError, ...]:
    """As `evaluate_layers`, but a layer that is refused refuses only itself."""
    found: list[Evaluated | RefusedError] = []
    for layer, coupling in zip(layers, couplings(layers), strict=True):
        try:
            found.append(evaluate_layer(layer, hardware, coupling))
        except RefusedError as error:
            found.append(error)
    return tuple(found)
