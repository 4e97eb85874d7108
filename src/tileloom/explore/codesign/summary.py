"""A co-design result as a study's table, figures and charts; how they look is decided in report/ and cli/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tileloom.explore.codesign.correlation import SAFE
from tileloom.explore.codesign.modes import Choice, front
from tileloom.explore.codesign.run import CodesignResult
from tileloom.explore.codesign.tables import Floats
from tileloom.explore.study import Bars, Chart, Column, HeatMap, Points, StudyResult, Value

COLUMNS = (
    Column("mode", "how the pair was chosen"),
    Column("network", "number of the network in its space"),
    Column("label", "the network"),
    Column("accelerator", "dataflow@hardware, or the chip"),
    Column("accuracy", "of the network, in percent unless stated otherwise"),
    Column("latency_cycles", "of the network on the accelerator", "latency (cycles)"),
    Column("energy_nj", "of the network on the accelerator", "energy (nJ)"),
    Column("pairs_evaluated", "pairs of network and accelerator looked at", "pairs evaluated"),
    Column(
        "keeps_limits", "whether the pair keeps all limits; if not it is the one that breaks them least", "keeps limits"
    ),
    Column("remark", "certificate, or how far the nearest pair misses the limits"),
)
SCATTERS = 4
"""Accelerators whose fronts are drawn: the chosen one, then the proxies."""
GROUPS = 24
"""Most rows of the correlation map; with more accelerators like ones (same family and PEs) share a row."""


def summarise_study(result: CodesignResult) -> StudyResult:
    """The modes side by side, with the maps and fronts behind them."""
    best = result.best
    return StudyResult(
        name="codesign",
        title=f"Co-design: {result.study.name}",
        columns=COLUMNS,
        rows=tuple(_rows(result)),
        settings={
            "space": result.networks.space,
            "objective": result.study.file.objective,
            "energy": result.study.file.energy,
            "networks": len(result.networks),
            "accelerators": len(result.costs.labels),
        },
        headline=tuple(_headline(result)),
        notes=tuple(_notes(result)),
        charts=tuple(_charts(result)),
        brief=tuple(c.name for c in COLUMNS if c.name not in ("label", "remark")),
        complete=best.best is not None,
    )


def _rows(result: CodesignResult) -> Iterator[tuple[Value, ...]]:
    for c in result.choices:
        pair = c.best or c.nearest
        remark = "" if c.best else _miss(result, c)
        if c.certificate and c.best:
            state = "repaired and proven" if c.certificate.repaired else "proven"
            remark = (
                f"{state}: {c.certificate.by_accuracy} networks excluded by accuracy, {c.certificate.by_limits} tried"
            )
        if pair is None:
            yield c.mode, None, None, None, None, None, None, c.evaluations, False, remark
            continue
        yield (
            c.mode,
            result.networks.numbers[pair.network],
            result.networks.labels[pair.network],
            result.costs.labels[pair.accelerator],
            pair.accuracy,
            pair.cycles,
            pair.energy_nj,
            c.evaluations,
            c.best is not None,
            remark,
        )


def _miss(result: CodesignResult, choice: Choice) -> str:
    """Which limit the nearest pair breaks most, and how far."""
    if choice.nearest is None:
        return "no network within the budget of MACs"
    pair, limits = choice.nearest, result.study.limits()
    area, power = (float(v[pair.accelerator]) for v in (result.costs.area_um2, result.costs.power_mw))
    broken = {
        "latency_cycles": pair.cycles / limits.latency_cycles,
        "energy_nj": pair.energy_nj / limits.energy_nj,
        "area_um2": area / limits.area_um2,
        "power_mw": power / limits.power_mw,
        "accuracy": limits.accuracy / pair.accuracy if pair.accuracy and limits.accuracy > 0 else 0.0,
    }
    name = max(broken, key=lambda n: broken[n] if broken[n] == broken[n] else 0.0)
    by = f"{choice.excess:.3g} times" if choice.excess >= 2 else f"{choice.excess - 1:.1%} above"
    below = " (it is below)" if name == "accuracy" else ""
    return f"nothing keeps the limits; the nearest pair is at {by} the limit of {name}{below}"


def _headline(result: CodesignResult) -> Iterator[tuple[str, str, str]]:
    found = result.best
    if found.best is not None:
        where = result.costs.labels[found.best.accelerator]
        network = result.networks.numbers[found.best.network]
        yield "network", f"{network}", result.networks.labels[found.best.network]
        yield "accelerator", where, f"chosen by the mode '{found.mode}'"
        if result.study.file.accuracy != "none":
            yield "accuracy", f"{found.best.accuracy:.4g}", result.accuracy_source.split("/")[-1]
    else:
        yield "best pair", "none", "nothing keeps the limits"
    total = len(result.networks) * len(result.costs.labels)
    yield "pairs", f"{total:,}", f"{len(result.networks):,} networks on {len(result.costs.labels)} accelerators"
    yield "layer evaluations", f"{result.layer_costs.evaluations:,}", f"of {len(result.networks.units)} distinct layers"
    for name, found_in in result.summaries:
        if found_in:
            yield (
                f"rank correlation, {name}",
                f"{found_in[0].least:.3f}",
                f"the least; {found_in[0].mean:.3f} on average",
            )


def _notes(result: CodesignResult) -> Iterator[str]:
    rule = {
        "corrected": "each layer pays for its own buffers",
        "faithful": "with clusters a layer pays the L1 energy of the layer before it, as the original's files do",
    }
    yield f"Energy: {result.study.file.energy} ({rule[result.study.file.energy]}). Accuracy: {result.accuracy_source}."
    names = ", ".join(result.costs.labels[p] for p in result.proxies)
    yield f"Proxies: {names}; {len(result.kept)} networks are worth taking on them."
    best = ", ".join(f"{label} (at least {least:.3f})" for _, label, least in result.best_proxies[:6])
    yield f"Best proxy inside each family, by the worse of latency's and energy's rank correlation: {best}."
    for row in _rows(result):
        if row[-1]:
            yield f"{row[0]}: {row[-1]}."
    for refused in result.layer_costs.refused[:3]:
        yield f"Left out: {refused.label}: {refused.reason}."
    if len(result.layer_costs.refused) > 3:
        yield f"... and {len(result.layer_costs.refused) - 3} more accelerators left out."
    yield from (f"Warning: {w}." for w in result.warnings)
    for t in result.transfers:
        if t.feasible and t.targets == "all":
            yield (
                f"{t.targets}, proxies {' '.join(t.proxies)}: {t.exact} of {t.feasible} pairs of limits give the coupled "
                f"optimum, worst loss {t.worst_gap:.3g}, {t.evaluations_semi:,} pairs looked at instead of {t.evaluations_coupled:,}."
            )
    steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in result.cpu_seconds)
    yield f"CPU seconds: {steps}."


def _charts(result: CodesignResult) -> Iterator[Chart]:
    if len(result.costs.labels) > 1:
        for name, matrix in (("latency", result.latency_srcc), ("energy", result.energy_srcc)):
            yield _map(result, name, matrix)
    yield Bars(
        title="What each mode looks at",
        lead="Pairs of network and accelerator that are evaluated (logarithmic).",
        parts=("pairs",),
        rows=tuple(("", c.mode, (float(c.evaluations),), "" if c.best else "infeasible") for c in result.choices),
        unit="pairs",
        logarithmic=True,
    )
    if any(t.feasible for t in result.transfers):
        yield _misses(result)
    pair = result.best.best or result.best.nearest
    chosen = () if pair is None else (pair.accelerator,)
    for h in list(dict.fromkeys((*chosen, *result.proxies)))[:SCATTERS]:
        star = pair.network if pair is not None and pair.accelerator == h else None
        yield _scatter(result, h, "latency", "latency (cycles)", result.costs.cycles[h], star)
        yield _scatter(result, h, "energy", "energy (nJ)", result.costs.energy_nj[h], star)


def _misses(result: CodesignResult) -> Bars:
    return Bars(
        title="What semi-decoupled would have missed",
        lead="Of the pairs of limits that some network keeps, how many give a worse answer from the proxies' networks; "
        "each of them is in missed.csv. On the right the most accuracy that is lost.",
        parts=("missed",),
        rows=tuple(
            (
                t.targets,
                " ".join(t.proxies),
                (float(t.feasible - t.exact),),
                f"-{t.worst_gap:.3g}" if t.worst_gap else "",
            )
            for t in result.transfers
            if t.feasible
        ),
        unit="pairs of limits",
    )


def _map(result: CodesignResult, name: str, matrix: Floats) -> HeatMap:
    """Least correlation between groups of accelerators; with few accelerators a group is one of them."""
    groups = _groups(result)
    what = "Spearman's rank correlation between accelerators"
    if len(groups) < len(result.costs.labels):
        what = "The least Spearman correlation between accelerators of two groups"
    titles = tuple(title for title, _ in groups)
    values = tuple(tuple(_least(matrix, a, b) for _, b in groups) for _, a in groups)
    return HeatMap(
        title=f"Rank correlation of {name}",
        lead=f"{what}. Below {SAFE} the order of networks does not carry over.",
        x="accelerators",
        y="accelerators",
        columns=titles,
        rows=titles,
        panels=((name, values),),
        unit="",
    )


def _least(matrix: Floats, a: Sequence[int], b: Sequence[int]) -> float | None:
    block = matrix[np.ix_(a, b)]
    known = block[np.isfinite(block)]
    low = float(known.min()) if known.size else 0.0
    return low if low > 0 else None


def _groups(result: CodesignResult) -> list[tuple[str, list[int]]]:
    labels = result.costs.labels
    if len(labels) <= GROUPS:
        return [(label, [i]) for i, label in enumerate(labels)]
    found: dict[str, list[int]] = {}
    for place, group in enumerate(result.layer_costs.groups):
        found.setdefault(group, []).append(place)
    order = list(dict.fromkeys(result.costs.families))
    family = {group: order.index(result.costs.families[places[0]]) for group, places in found.items()}
    return sorted(found.items(), key=lambda item: (family[item[0]], len(item[0]), item[0]))[:GROUPS]


def _scatter(result: CodesignResult, h: int, name: str, axis: str, values: Floats, star: int | None) -> Points:
    """The networks worth taking on one accelerator; the chosen one stands out."""
    label = result.costs.labels[h]
    worth = set(front(result.accuracy, result.costs.cycles[h], result.costs.energy_nj[h]))
    places = sorted(worth | ({star} if star is not None else set()), key=lambda a: values[a])
    points = tuple(
        (
            result.networks.labels[a] if a == star or len(places) <= 12 else "",
            float(values[a]),
            float(result.accuracy[a]),
            f"{result.networks.labels[a]}: accuracy {result.accuracy[a]:.4g}, {values[a]:.4g}",
            a == star,
        )
        for a in places
    )
    return Points(
        title=f"Accuracy against {name} on {label}",
        lead="Networks that no other beats in accuracy, latency and energy at once"
        + ("; the chosen one stands out." if star is not None else "."),
        x=axis,
        y="accuracy",
        points=points,
        log_x=True,
        from_zero=False,
    )
