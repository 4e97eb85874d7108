"""NeuroSpector's kind of comparison: its bottom-up search against the proven optimum, over accelerators and layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.search.neurospector.bottom_up import Metric, Mode
from tileloom.search.neurospector.optimum import Proven, optimum
from tileloom.workload.frontends.neurospector import ConvLayer, LayerList

WARM_UP = ConvLayer("warm-up", (2, 1, 2, 2, 2, 2, 2, 1), 1)
"""Searched on every accelerator before the clock counts, so that no row's seconds hold the compiling of kernels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One layer on one accelerator. best, bottom_up: pJ or cycles, best is None where nothing fits;  gap: share above best.

    status   optimal where the best is proven;  open_gap: how far it may still be above the optimum
    CPU seconds of bottom-up and of the proof after it; 0 for a layer that was there already
    """

    accelerator: str
    network: str
    layer: str
    bottom_up: float
    best: float | None
    gap: float
    strategies: str
    status: str
    open_gap: float
    bottom_up_s: float
    proof_s: float


@dataclass(frozen=True)
class Study:
    """rows: in the order of accelerators, networks and layers; equal layers of a network are counted once each."""

    metric: Metric
    mode: Mode
    faithful: bool
    rows: tuple[StudyRow, ...]

    def groups(self) -> Iterator[tuple[str, str, list[StudyRow]]]:
        """(accelerator, network, rows where something fits)."""
        for key in dict.fromkeys((r.accelerator, r.network) for r in self.rows):
            yield *key, [r for r in self.rows if (r.accelerator, r.network) == key and r.best is not None]

    def __str__(self) -> str:
        rules = "as NeuroSpector counts" if self.faithful else "corrected rules"
        head = f"{'accelerator':<14}{'network':<24}{'layers':>7}{'proven':>7}{'met':>5}{'mean gap':>10}{'worst gap':>11}{'total gap':>11}"
        head += f"{'bottom-up s':>13}{'proof s':>9}{'worst s':>9}"
        lines = [f"Bottom-up against the proven optimum: {self.metric}, {self.mode} dataflow, {rules}", head]
        for accelerator, network, rows in self.groups():
            if rows:
                lines.append(f"{accelerator:<14}{network:<24}{_summary(rows)}")
        fitting = [r for r in self.rows if r.best is not None]
        if fitting:
            lines.append(f"{'all':<38}{_summary(fitting)}")
        missing = len(self.rows) - len(fitting)
        return "\n".join([*lines, *([f"{missing} layers fit nowhere"] if missing else [])])

    def as_plain(self) -> dict[str, Any]:
        """The study as plain values."""
        return {
            "metric": self.metric,
            "dataflow": self.mode,
            "faithful": self.faithful,
            "rows": [{name: getattr(r, name) for name in StudyRow.__dataclass_fields__} for r in self.rows],
        }


def _summary(rows: Sequence[StudyRow]) -> str:
    proven, met = sum(r.status == "optimal" for r in rows), sum(r.gap <= 1e-6 for r in rows)
    total = sum(r.bottom_up for r in rows) / sum(r.best for r in rows if r.best) - 1
    return (
        f"{len(rows):>7}{proven:>7}{met:>5}{mean(r.gap for r in rows):>10.2%}{max(r.gap for r in rows):>11.2%}"
        f"{total:>11.2%}{sum(r.bottom_up_s for r in rows):>13.2f}{sum(r.proof_s for r in rows):>9.2f}"
        f"{max(r.bottom_up_s + r.proof_s for r in rows):>9.2f}"
    )


def study(
    accelerators: Sequence[Accelerator],
    networks: Sequence[LayerList],
    metric: Metric = "energy",
    mode: Mode = "fixed",
    *,
    faithful: bool = True,
    layer: str | None = None,
    time_limit_s: float | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Study:
    """Every distinct layer of every network on every accelerator; `layer` narrows to one name (InputError if unknown).

    Compiled kernels are loaded before the first row, so that the seconds are those of the searches.
    """
    work = [(a, n, x) for a in accelerators for n in networks for x in ([n.layer(layer)] if layer else n.layers)]
    seen: dict[tuple[Accelerator, tuple[int, ...], int], Proven] = {}
    rows = []
    for accelerator in accelerators:
        optimum(accelerator, WARM_UP, metric, mode, faithful=faithful, time_limit_s=time_limit_s)
    for done, (accelerator, network, item) in enumerate(work, 1):
        key = (accelerator, item.dims, item.stride)
        fresh = key not in seen
        if fresh:
            seen[key] = optimum(accelerator, item, metric, mode, faithful=faithful, time_limit_s=time_limit_s)
        rows.append(_row(accelerator, network, item, seen[key], fresh))
        if progress is not None:
            progress(f"{accelerator.name} {item.name}", done, len(work))
    return Study(metric, mode, faithful, tuple(rows))


def _row(accelerator: Accelerator, network: LayerList, layer: ConvLayer, found: Proven, fresh: bool) -> StudyRow:
    return StudyRow(
        accelerator=accelerator.name,
        network=network.name,
        layer=layer.name,
        bottom_up=found.start.value,
        best=found.chosen.value if found.chosen else None,
        gap=found.gap,
        strategies=found.start.strategies,
        status=found.status,
        open_gap=found.open_gap,
        bottom_up_s=found.start_seconds if fresh else 0.0,
        proof_s=found.seconds - found.start_seconds if fresh else 0.0,
    )
