"""What a co-design study leaves in its folder: the answer as JSON, fronts, proxy sets, correlations and transfer as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from tileloom import __version__
from tileloom.core.files import write_text_atomic
from tileloom.core.jsonio import to_json
from tileloom.explore.codesign.modes import Choice, Pair, front
from tileloom.explore.codesign.run import CodesignResult
from tileloom.explore.study import refuse_folder

FORMAT = "tileloom codesign 1"
FILES = {
    *("codesign.json", "pareto.csv", "P.csv", "srcc_latency.csv", "srcc_energy.csv", "srcc_summary.json"),
    *("transfer.csv", "missed.csv", "networks.csv"),
}


def as_plain(result: CodesignResult) -> dict[str, Any]:
    """The answer: request, choices, counters, warnings."""
    file = result.study.file
    costs = result.layer_costs
    return {
        "format": FORMAT,
        "version": __version__,
        "request": file.model_dump(mode="json", exclude_none=True),
        "networks": len(result.networks),
        "distinct_layers": len(result.networks.units),
        "accelerators": len(costs.labels),
        "refused_accelerators": [asdict(r) for r in costs.refused],
        "layer_evaluations": costs.evaluations,
        "accuracy_source": result.accuracy_source,
        "energy_rule": file.energy,
        "proxies": [costs.labels[p] for p in result.proxies],
        "best_proxies": [{"family": f, "label": p, "least_correlation": c} for f, p, c in result.best_proxies],
        "proxy_set": len(result.kept),
        "choices": [_choice(result, c) for c in result.choices],
        "warnings": list(result.warnings),
        "cpu_seconds": dict(result.cpu_seconds),
    }


def _choice(result: CodesignResult, choice: Choice) -> dict[str, Any]:
    certificate = asdict(choice.certificate) if choice.certificate else None
    if certificate and not isfinite(certificate["value"]):
        certificate["value"] = None
    return {
        "mode": choice.mode,
        "best": pair_plain(result, choice.best),
        "evaluations": choice.evaluations,
        "nearest_miss": pair_plain(result, choice.nearest),
        "excess": choice.excess if isfinite(choice.excess) else None,
        "certificate": certificate,
    }


def pair_plain(result: CodesignResult, pair: Pair | None) -> dict[str, Any] | None:
    """A pair with the names of its network and accelerator."""
    if pair is None:
        return None
    area, power = result.costs.area_um2[pair.accelerator], result.costs.power_mw[pair.accelerator]
    return {
        "network": result.networks.numbers[pair.network],
        "position": pair.network,
        "label": result.networks.labels[pair.network],
        "accelerator": result.costs.labels[pair.accelerator],
        "accuracy": pair.accuracy,
        "latency_cycles": pair.cycles,
        "energy_nj": pair.energy_nj,
        "edp_nj_cycles": pair.cycles * pair.energy_nj,
        "area_um2": float(area) if isfinite(area) else None,
        "power_mw": float(power) if isfinite(power) else None,
    }


def write_codesign(result: CodesignResult, folder: str | Path) -> Path:
    """Writes every file whole or not at all; returns the folder. Raises InputError when it holds anything foreign."""
    target = Path(folder)
    refuse_folder(target, FILES)
    target.mkdir(parents=True, exist_ok=True)
    texts = {
        "codesign.json": to_json(as_plain(result), indent=2),
        "pareto.csv": _table(("scope", "network", "label", "accelerator", *_NUMBERS), _fronts(result)),
        "P.csv": _table(("network", "label", "accuracy", "proxies"), _proxy_sets(result)),
        "srcc_latency.csv": _matrix(result, result.latency_srcc),
        "srcc_energy.csv": _matrix(result, result.energy_srcc),
        "srcc_summary.json": to_json({n: [asdict(s) for s in found] for n, found in result.summaries}, indent=2),
        "transfer.csv": _table(_TRANSFER, (_transfer_row(t) for t in result.transfers)),
        "missed.csv": _table(_MISSED, _missed(result)),
        "networks.csv": _table(("network", "label", "accuracy", "macs"), _networks(result)),
    }
    for name, text in texts.items():
        write_text_atomic(target / name, text)
    return target


_NUMBERS = ("accuracy", "latency_cycles", "energy_nj")
_TRANSFER = (
    *("targets", "proxies", "proxy_set", "points", "feasible", "exact", "only_coupled", "exact_fraction"),
    *("worst_gap", "mean_gap", "evaluations_coupled", "evaluations_semi"),
)
_MISSED = (
    *("targets", "proxies", "limit_latency_cycles", "limit_energy_nj", "coupled_network", "coupled_accelerator"),
    *("coupled_accuracy", "semi_network", "semi_accelerator", "semi_accuracy"),
)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue()


def _fronts(result: CodesignResult) -> Iterable[Sequence[Any]]:
    """The front over all pairs, then that of each accelerator."""
    costs, accuracy = result.costs, result.accuracy
    networks = len(accuracy)
    everything = front(np.tile(accuracy, len(costs.labels)), costs.cycles.ravel(), costs.energy_nj.ravel())
    for place in everything:
        yield _front_row(result, "all", *divmod(place, networks))
    for h, label in enumerate(costs.labels):
        for a in front(accuracy, costs.cycles[h], costs.energy_nj[h]):
            yield _front_row(result, label, h, a)


def _front_row(result: CodesignResult, scope: str, h: int, a: int) -> Sequence[Any]:
    names = (scope, result.networks.numbers[a], result.networks.labels[a], result.costs.labels[h])
    return (*names, float(result.accuracy[a]), float(result.costs.cycles[h, a]), float(result.costs.energy_nj[h, a]))


def _proxy_sets(result: CodesignResult) -> Iterable[Sequence[Any]]:
    fronts = {p: set(front(result.accuracy, result.costs.cycles[p], result.costs.energy_nj[p])) for p in result.proxies}
    for a in result.kept:
        names = " ".join(result.costs.labels[p] for p, found in fronts.items() if a in found)
        yield result.networks.numbers[a], result.networks.labels[a], float(result.accuracy[a]), names


def _matrix(result: CodesignResult, matrix: Any) -> str:
    labels = result.costs.labels
    rows = ((label, *("" if not isfinite(v) else f"{v:.10f}" for v in row)) for label, row in zip(labels, matrix))
    return _table(("", *labels), rows)


def _transfer_row(t: Any) -> Sequence[Any]:
    share = t.exact / t.feasible if t.feasible else ""
    head = (t.targets, " ".join(t.proxies), t.kept, len(t.points), t.feasible, t.exact, t.infeasible, share)
    return (*head, t.worst_gap, t.mean_gap, t.evaluations_coupled, t.evaluations_semi)


def _missed(result: CodesignResult) -> Iterable[Sequence[Any]]:
    """Every pair of limits for which a proxy's networks do not hold the optimum: what semi-decoupled would miss."""
    from tileloom.explore.codesign.transfer import missed

    for t in result.transfers:
        labels = [x for x, f in zip(result.costs.labels, result.costs.families) if t.targets in ("all", f)]
        for point in missed(t):
            a, b = point.coupled, point.semi
            if a is not None:
                yield (
                    t.targets, " ".join(t.proxies), point.limits.latency_cycles, point.limits.energy_nj,
                    result.networks.numbers[a.network], labels[a.accelerator], a.accuracy,
                    *((result.networks.numbers[b.network], labels[b.accelerator], b.accuracy) if b else ("", "", "")),
                )  # fmt: skip


def _networks(result: CodesignResult) -> Iterable[Sequence[Any]]:
    n = result.networks
    return zip(n.numbers, n.labels, result.accuracy.tolist(), n.macs.tolist())
