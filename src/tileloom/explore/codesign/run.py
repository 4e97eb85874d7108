"""Runs a co-design study: tables of costs, the chosen pair in every mode, correlations, and what each proxy loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import process_time

import numpy as np

from tileloom.core.errors import InputError
from tileloom.core.files import is_file
from tileloom.cost.models.maestro.technology import get_technology
from tileloom.explore.codesign import modes
from tileloom.explore.codesign.accelerator import combine, find, grid, read_hardware_table
from tileloom.explore.codesign.correlation import SAFE, PairSummary, medoid, spearman, summarise
from tileloom.explore.codesign.modes import Choice, Game
from tileloom.explore.codesign.study import Study
from tileloom.explore.codesign.study import Transfer as TransferFile
from tileloom.explore.codesign.tables import (
    Floats,
    LayerCosts,
    NetworkCosts,
    Networks,
    collect,
    directive_costs,
    network_costs,
)
from tileloom.explore.codesign.transfer import SHARES, Transfer, transfer
from tileloom.explore.codesign.transfer import grid as limit_grid
from tileloom.explore.sources import load_architecture

Progress = Callable[[str, int, int], None]
Accuracy = Callable[[int], float]
STEPS = ("layers", "costs", "correlations", "modes", "transfer")


@dataclass(frozen=True)
class CodesignResult:
    """Everything a study found.

    accuracy        per network, and where it comes from
    latency_srcc, energy_srcc   [H, H];  summaries: by pair of families
    proxies         places of the proxy accelerators;  kept: networks that semi-decoupled search looks at everywhere
    warnings        proxies whose order of networks does not carry over
    cpu_seconds     of layers, costs, correlations, modes, transfer
    """

    study: Study
    networks: Networks
    layer_costs: LayerCosts
    costs: NetworkCosts
    accuracy: Floats
    accuracy_source: str
    latency_srcc: Floats
    energy_srcc: Floats
    summaries: tuple[tuple[str, tuple[PairSummary, ...]], ...]
    proxies: tuple[int, ...]
    kept: tuple[int, ...]
    choices: tuple[Choice, ...]
    transfers: tuple[Transfer, ...]
    warnings: tuple[str, ...]
    cpu_seconds: tuple[tuple[str, float], ...]

    @property
    def game(self) -> Game:
        return Game(self.costs, self.accuracy, self.study.file.objective)

    @property
    def best_proxies(self) -> tuple[tuple[str, str, float], ...]:
        """(family, label, least correlation) of the best proxy of each family: the larger worst case inside it."""
        return tuple(_best_proxy(self, kind) for kind in dict.fromkeys(self.costs.families))

    @property
    def best(self) -> Choice:
        """The strongest answer asked for: certified or coupled where there is one."""
        order = ("coupled", "semi-certified", "semi", "decoupled-hw", "decoupled-arch")
        return min(self.choices, key=lambda c: order.index(c.mode))


def run_study(
    study: Study, *, accuracy: Accuracy | None = None, workers: int = 1, progress: Progress | None = None
) -> CodesignResult:
    """The study's answer; limits that nothing keeps are a result.

    accuracy  a function from a network's number in its space to its accuracy, instead of what the file says
    Raises InputError where the study asks for what there is not.
    """
    clock = _Clock(progress)
    space = study.space()
    numbers = study.numbers(space)
    networks = collect(space.name, numbers, [space.label(n) for n in numbers], [space.layers(n) for n in numbers])
    if accuracy is not None:
        scores, source = _called(accuracy, numbers), f"the function {getattr(accuracy, '__name__', 'given')}"
    else:
        scores, source = study.accuracies(space, numbers, networks.macs)
    clock.done("layers")
    layer_costs = _layer_costs(study, networks, workers, progress)
    if not layer_costs.labels:
        raise InputError(
            ["no accelerator can take the networks", *(f"{r.label}: {r.reason}" for r in layer_costs.refused[:5])]
        )
    costs = network_costs(networks, layer_costs, study.file.energy)
    clock.done("costs")
    latency, energy = spearman(costs.cycles), spearman(costs.energy_nj)
    summaries = tuple(
        (name, summarise(m, costs.labels, costs.families)) for name, m in (("latency", latency), ("energy", energy))
    )
    proxies = _proxies(study, costs, latency)
    clock.done("correlations")
    game = Game(costs, scores, study.file.objective)
    kept = _kept(study, game, proxies)
    choices = tuple(_choose(study, mode, game, proxies, kept, networks) for mode in study.modes)
    clock.done("modes")
    transfers = _transfers(study, game, proxies) if study.file.transfer is not False else ()
    clock.done("transfer")
    return CodesignResult(
        study, networks, layer_costs, costs, scores, source, latency, energy, summaries, proxies, kept, choices,
        transfers, _warnings(costs, latency, energy, proxies), tuple(clock.spent),
    )  # fmt: skip


def _called(accuracy: Accuracy, numbers: Sequence[int]) -> Floats:
    values = np.array([accuracy(n) for n in numbers], np.float64)
    wrong = [n for n, v in zip(numbers, values) if not np.isfinite(v)]
    if wrong:
        raise InputError(f"the accuracy function gives no finite number for networks {wrong[:5]}")
    return values


class _Clock:
    def __init__(self, progress: Progress | None) -> None:
        self.spent: list[tuple[str, float]] = []
        self._progress, self._since = progress, process_time()

    def done(self, step: str) -> None:
        now = process_time()
        self.spent.append((step, now - self._since))
        self._since = now
        if self._progress is not None:
            self._progress(step, len(self.spent), len(STEPS))


def _layer_costs(study: Study, networks: Networks, workers: int, progress: Progress | None) -> LayerCosts:
    asked = study.file.accelerators
    if asked.architectures:
        from tileloom.explore.codesign.mapped import mapped_costs

        chips = [load_architecture(str(study.path(a)) if is_file(study.path(a)) else a) for a in asked.architectures]
        return mapped_costs(
            networks.units, chips, asked.objective, mapper=asked.mapper, model=asked.model, workers=workers
        )
    if asked.grid is not None:
        g = asked.grid
        hardware = grid(g.num_pes, g.noc_elements_per_cycle, g.offchip_elements_per_cycle, g.l1_bytes, g.l2_bytes)
    else:
        hardware = read_hardware_table(study.path(asked.hardware or ""))
    accelerators = combine(asked.dataflows or (), hardware, asked.flexible)
    return directive_costs(networks.units, accelerators, get_technology(asked.technology))


def _proxies(study: Study, costs: NetworkCosts, latency: Floats) -> tuple[int, ...]:
    """The accelerators asked for; else of each family the one that orders networks most like the others of it."""
    if study.file.proxies != "auto":
        return tuple(find(label, costs.labels) for label in study.file.proxies)
    if len(set(costs.families)) == len(costs.families):
        return (medoid(latency, range(len(costs.labels))),)
    kinds = dict.fromkeys(costs.families)
    return tuple(medoid(latency, [i for i, f in enumerate(costs.families) if f == kind]) for kind in kinds)


def _best_proxy(result: CodesignResult, family: str) -> tuple[str, str, float]:
    """Latency and energy must both carry over, so the worse of the two counts."""
    inside = [i for i, f in enumerate(result.costs.families) if f == family]
    worse = np.fmin(result.latency_srcc, result.energy_srcc)[np.ix_(inside, inside)]
    least = np.nan_to_num(worse, nan=1.0).min(axis=1)
    place = int(np.argmax(least))
    return family, result.costs.labels[inside[place]], float(least[place])


def _kept(study: Study, game: Game, proxies: Sequence[int]) -> tuple[int, ...]:
    if study.file.sweep_steps is not None:
        return modes.swept_set(game, proxies, study.file.sweep_steps)
    return modes.proxy_set(game, proxies, study.file.slack)


def _choose(
    study: Study, mode: modes.Mode, game: Game, proxies: tuple[int, ...], kept: tuple[int, ...], networks: Networks
) -> Choice:
    limits = study.limits()
    if mode == "coupled":
        return modes.coupled(game, limits)
    if mode == "semi":
        return modes.semi(game, limits, proxies, kept)
    if mode == "semi-certified":
        return modes.semi_certified(game, limits, proxies, kept)
    if mode == "decoupled-hw":
        return modes.decoupled_hardware_first(game, limits, proxies[0])
    return modes.decoupled_architecture_first(game, limits, networks.macs, study.file.mac_budget or inf)


def _transfers(study: Study, game: Game, proxies: Sequence[int]) -> tuple[Transfer, ...]:
    """Every proxy alone and all together, for all accelerators and for each family."""
    asked = study.file.transfer
    shares = asked.quantiles if isinstance(asked, TransferFile) and asked.quantiles else SHARES
    costs, families = game.costs, list(dict.fromkeys(game.costs.families))
    targets = [("all", range(len(costs.labels)))]
    if 1 < len(families) < len(costs.labels):
        targets += [(f, [i for i, g in enumerate(costs.families) if g == f]) for f in families]  # type: ignore[misc]
    sets = [(p,) for p in proxies] + ([tuple(proxies)] if len(proxies) > 1 else [])
    found = []
    for name, places in targets:
        target = Game(costs.subset(places), game.accuracy, game.goal)
        limits = limit_grid(target, shares)
        for chosen in sets:
            alone = [Game(costs.subset([p]), game.accuracy, game.goal) for p in chosen]
            found.append(transfer(target, alone, [costs.labels[p] for p in chosen], name, limits))
    return tuple(found)


def _warnings(costs: NetworkCosts, latency: Floats, energy: Floats, proxies: Sequence[int]) -> tuple[str, ...]:
    """One sentence per proxy and metric whose smallest correlation is below `SAFE`, naming the best proxy there is."""
    found = []
    for proxy in proxies:
        for name, matrix in (("latency", latency), ("energy", energy)):
            row = np.nan_to_num(matrix[proxy], nan=1.0)
            worst = int(np.argmin(row))
            if row[worst] < SAFE:
                better = int(np.argmax(np.nan_to_num(matrix, nan=1.0).min(axis=1)))
                least = float(np.nan_to_num(matrix[better], nan=1.0).min())
                hint = (
                    f"the best single proxy, {costs.labels[better]}, reaches {least:.3f}"
                    if better != proxy
                    else "no single proxy does better"
                )
                found.append(
                    f"proxy {costs.labels[proxy]} orders networks by {name} unlike {costs.labels[worst]} "
                    f"(rank correlation {row[worst]:.3f} < {SAFE}); {hint}"
                )
    return tuple(found)
