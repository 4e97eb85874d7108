"""The clock of NeuroSpector's study: kernels are compiled before any row's seconds count."""

from __future__ import annotations

from pathlib import Path

import pytest

from tileloom.architecture.notation.neurospector import read_accelerator
from tileloom.explore import neurospector_study as module
from tileloom.search.neurospector.optimum import optimum
from tileloom.workload.frontends.neurospector import read_layers

INPUTS = Path(__file__).parents[2] / "reference" / "neurospector" / "inputs"


def test_every_accelerator_is_warmed_up_before_the_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = read_accelerator(INPUTS / "accelerators" / "acc_mini.cfg")
    network = read_layers(INPUTS / "networks" / "micro_bf.cfg")
    searched = []

    def watched(accelerator, layer, *more, **options):  # type: ignore[no-untyped-def]
        searched.append(layer.name)
        return optimum(accelerator, layer, *more, **options)

    monkeypatch.setattr(module, "optimum", watched)
    found = module.study([chip], [network], layer=network.layers[0].name)
    assert searched == ["warm-up", network.layers[0].name]
    assert [r.layer for r in found.rows] == [network.layers[0].name]
