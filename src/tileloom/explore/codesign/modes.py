"""The ways to choose a network and an accelerator together: coupled (exact), decoupled, semi-decoupled, and certified.

All work on tables of network costs; an evaluation is a look at one pair (network, accelerator). Ties go, in this order,
to higher accuracy, lower latency, lower energy, the earlier network, the earlier accelerator.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import numpy as np
import numpy.typing as npt

from tileloom.core.errors import InputError
from tileloom.explore.codesign.tables import Floats, Ints, NetworkCosts

Goal = Literal["accuracy", "latency", "energy", "edp"]
GOALS: tuple[Goal, ...] = ("accuracy", "latency", "energy", "edp")
Mode = Literal["coupled", "decoupled-arch", "decoupled-hw", "semi", "semi-certified"]
MODES: tuple[Mode, ...] = ("coupled", "decoupled-arch", "decoupled-hw", "semi", "semi-certified")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a pair must keep; infinite where nothing is asked."""

    latency_cycles: float = inf
    energy_nj: float = inf
    area_um2: float = inf
    power_mw: float = inf
    accuracy: float = -inf


@dataclass(frozen=True, slots=True)
class Pair:
    """A network on an accelerator, by their places in the tables."""

    network: int
    accelerator: int
    accuracy: float
    cycles: float
    energy_nj: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """Why nothing better exists: what happened to every network outside the proxies' set.

    value        what no other pair exceeds
    by_accuracy  networks that could not be better;  by_limits: tried on every accelerator, too slow or too hungry there
    repaired     the semi-decoupled answer was not the best; the answer given is
    """

    value: float
    by_accuracy: int
    by_limits: int
    repaired: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """best is None where no pair keeps the limits; then `nearest` breaks them least.

    evaluations  pairs looked at
    excess       of `nearest`: the largest value / limit, 1.25 for a quarter too much
    """

    mode: Mode
    best: Pair | None
    evaluations: int
    nearest: Pair | None = None
    excess: float = 1.0
    certificate: Certificate | None = None


@dataclass(frozen=True)
class Game:
    """Tables to choose from: costs[H, A] and one accuracy per network."""

    costs: NetworkCosts
    accuracy: Floats
    goal: Goal = "accuracy"
    _order: dict[str, Ints] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.goal not in GOALS:
            raise InputError(f"objective '{self.goal}' is unknown; expected one of {', '.join(GOALS)}")
        if self.accuracy.shape != (self.networks,):
            raise InputError(f"{self.accuracy.size} accuracies for {self.networks} networks")

    @property
    def networks(self) -> int:
        return int(self.costs.cycles.shape[1])

    @property
    def accelerators(self) -> int:
        return int(self.costs.cycles.shape[0])

    def order(self) -> Ints:
        """All pairs h * A + a, best first."""
        if "all" not in self._order:
            a = np.tile(np.arange(self.networks), self.accelerators)
            h = np.repeat(np.arange(self.accelerators), self.networks)
            keys = (h, a, *self._ties())
            self._order["all"] = np.lexsort(keys)
        return self._order["all"]

    def _ties(self) -> tuple[Floats, ...]:
        """Sort keys, the last one first in rank, as numpy's lexsort takes them."""
        cycles, energy = self.costs.cycles.ravel(), self.costs.energy_nj.ravel()
        worse = -np.tile(self.accuracy, self.accelerators)
        first = {"accuracy": worse, "latency": cycles, "energy": energy, "edp": cycles * energy}[self.goal]
        return (energy, cycles, worse, first)

    def pair(self, place: int) -> Pair:
        """The pair with number h * A + a."""
        h, a = divmod(int(place), self.networks)
        return Pair(a, h, float(self.accuracy[a]), float(self.costs.cycles[h, a]), float(self.costs.energy_nj[h, a]))

    def feasible(self, limits: Limits) -> npt.NDArray[np.bool_]:
        """[H, A]"""
        fine = (self.costs.cycles <= limits.latency_cycles) & (self.costs.energy_nj <= limits.energy_nj)
        chip = _within(self.costs.area_um2, limits.area_um2) & _within(self.costs.power_mw, limits.power_mw)
        return fine & chip[:, None] & (self.accuracy >= limits.accuracy)[None, :]

    def best(
        self, limits: Limits, networks: Iterable[int] | None = None, accelerators: Iterable[int] | None = None
    ) -> Pair | None:
        """The best pair that keeps the limits, among all or some networks and accelerators."""
        fine = self.feasible(limits) & self._among(networks, accelerators)
        ranked = fine.ravel()[self.order()]
        first = int(np.argmax(ranked)) if ranked.size else 0
        return self.pair(self.order()[first]) if ranked.size and ranked[first] else None

    def _among(self, networks: Iterable[int] | None, accelerators: Iterable[int] | None) -> npt.NDArray[np.bool_]:
        mask = np.ones(self.costs.cycles.shape, np.bool_)
        for axis, chosen in ((1, networks), (0, accelerators)):
            if chosen is not None:
                inside = np.zeros(mask.shape[axis], np.bool_)
                inside[list(chosen)] = True
                mask &= inside[None, :] if axis else inside[:, None]
        return mask

    def nearest(
        self, limits: Limits, networks: Iterable[int] | None = None, accelerators: Iterable[int] | None = None
    ) -> tuple[Pair | None, float]:
        """The pair whose worst breach of a limit is least, and that breach as value / limit."""
        excess = np.maximum(
            _ratio(self.costs.cycles, limits.latency_cycles), _ratio(self.costs.energy_nj, limits.energy_nj)
        )
        chip = np.maximum(_ratio(self.costs.area_um2, limits.area_um2), _ratio(self.costs.power_mw, limits.power_mw))
        excess = np.maximum(excess, np.nan_to_num(chip, nan=inf if _chip_limited(limits) else 0.0)[:, None])
        if limits.accuracy > 0:
            excess = np.maximum(excess, (limits.accuracy / np.maximum(self.accuracy, 1e-300))[None, :])
        excess = np.where(self._among(networks, accelerators), excess, inf)
        ranked = excess.ravel()[self.order()]
        if not ranked.size:
            return None, inf
        place = int(np.argmin(ranked))
        return self.pair(self.order()[place]), float(ranked[place])


def _within(values: Floats, limit: float) -> npt.NDArray[np.bool_]:
    return np.ones(values.shape, np.bool_) if limit == inf else values <= limit


def _ratio(values: Floats, limit: float) -> Floats:
    return np.zeros(values.shape) if limit == inf else values / max(limit, 1e-300)


def _chip_limited(limits: Limits) -> bool:
    return limits.area_um2 != inf or limits.power_mw != inf


def front(accuracy: Floats, cycles: Floats, energy: Floats, slack: float = 0.0) -> tuple[int, ...]:
    """Networks that no other beats in accuracy, latency and energy at once, in ascending order; of equal ones the first.

    slack   keep also those that are beaten by less than this share: 0.05 keeps what is within 5 % in both costs
    """
    order = np.lexsort((np.arange(len(accuracy)), energy, cycles, -accuracy))
    kept: list[int] = []
    times: list[float] = []
    powers: list[float] = []
    for place in order.tolist():
        t, e = float(cycles[place]), float(energy[place])
        # (times, powers) is a staircase: later entries take longer and need less.
        beaten = bisect_right(times, t / (1 + slack) if slack else t) - 1
        if beaten >= 0 and powers[beaten] <= (e / (1 + slack) if slack else e):
            continue
        kept.append(place)
        low = bisect_left(times, t)
        if low and powers[low - 1] <= e:
            continue
        high = low
        while high < len(times) and powers[high] >= e:
            high += 1
        times[low:high], powers[low:high] = [t], [e]
    return tuple(sorted(kept))


def proxy_set(game: Game, proxies: Sequence[int], slack: float = 0.0) -> tuple[int, ...]:
    """Networks that are on the front of some proxy accelerator."""
    costs = game.costs
    fronts = (front(game.accuracy, costs.cycles[h], costs.energy_nj[h], slack) for h in proxies)
    return tuple(sorted({a for found in fronts for a in found}))


def swept_set(game: Game, proxies: Sequence[int], steps: int) -> tuple[int, ...]:
    """Networks that win on a proxy for some pair of limits on a steps x steps grid of quantiles; coarser than the front."""
    found: set[int] = set()
    shares = [(i + 1) / steps for i in range(steps)]
    for h in proxies:
        one = Game(game.costs.subset([h]), game.accuracy, game.goal)
        for latency in quantiles(one.costs.cycles, shares):
            for energy in quantiles(one.costs.energy_nj, shares):
                best = one.best(Limits(latency_cycles=latency, energy_nj=energy))
                found |= {best.network} if best else set()
    return tuple(sorted(found))


def quantiles(values: Floats, shares: Sequence[float]) -> tuple[float, ...]:
    """Smallest values with at least these shares at or below them (the inverted distribution function)."""
    return tuple(float(v) for v in np.quantile(values.ravel(), shares, method="inverted_cdf"))


def coupled(game: Game, limits: Limits) -> Choice:
    """The optimum over all pairs."""
    best = game.best(limits)
    nearest, excess = (None, 1.0) if best else game.nearest(limits)
    return Choice("coupled", best, game.networks * game.accelerators, nearest, excess)


def semi(game: Game, limits: Limits, proxies: Sequence[int], chosen: Sequence[int] | None = None) -> Choice:
    """Stage 1: networks worth taking on the proxies (`chosen`; None: their fronts). Stage 2: those on every accelerator."""
    kept = proxy_set(game, proxies) if chosen is None else tuple(chosen)
    best = game.best(limits, networks=kept)
    nearest, excess = (None, 1.0) if best else game.nearest(limits, networks=kept)
    return Choice("semi", best, semi_evaluations(game, proxies, len(kept)), nearest, excess)


def semi_evaluations(game: Game, proxies: Sequence[int], kept: int) -> int:
    """Pairs that semi-decoupled search looks at: all networks on the proxies, the kept ones on the others."""
    used = len(set(proxies))
    return game.networks * used + kept * (game.accelerators - used)


def semi_certified(game: Game, limits: Limits, proxies: Sequence[int], chosen: Sequence[int] | None = None) -> Choice:
    """The semi-decoupled answer, proven or repaired: networks outside the set that could be better are tried, best first.

    Needs costs of every network (sums over distinct layers); the result equals the coupled optimum.
    """
    kept = proxy_set(game, proxies) if chosen is None else tuple(chosen)
    found = semi(game, limits, proxies, kept)
    rest = np.setdiff1d(np.arange(game.networks), kept)
    if game.goal == "accuracy" and found.best is not None:
        better = [int(a) for a in rest if game.accuracy[a] >= found.best.accuracy]
    else:
        better = [int(a) for a in rest]
    best, tried = found.best, 0
    # By decreasing accuracy: the first that is feasible ends the search among all that are less accurate.
    for a in sorted(better, key=lambda a: (-game.accuracy[a], a)):
        if game.goal == "accuracy" and best is not None and game.accuracy[a] < best.accuracy:
            break
        tried += 1
        candidate = game.best(limits, networks=(a,))
        best = candidate if best is None or (candidate and _rank(game, candidate) < _rank(game, best)) else best
    value = _value(game, best)
    certificate = Certificate(value, len(rest) - tried, tried, best != found.best)
    evaluations = found.evaluations + tried * game.accelerators
    nearest, excess = (None, 1.0) if best else game.nearest(limits)
    return Choice("semi-certified", best, evaluations, nearest, excess, certificate)


def _rank(game: Game, pair: Pair) -> tuple[float, ...]:
    first = {
        "accuracy": -pair.accuracy,
        "latency": pair.cycles,
        "energy": pair.energy_nj,
        "edp": pair.cycles * pair.energy_nj,
    }[game.goal]
    return (first, -pair.accuracy, pair.cycles, pair.energy_nj, pair.network, pair.accelerator)


def _value(game: Game, pair: Pair | None) -> float:
    return abs(_rank(game, pair)[0]) if pair else inf


def decoupled_architecture_first(game: Game, limits: Limits, macs: Ints, budget: float = inf) -> Choice:
    """The most accurate network within a budget of MACs, then the best accelerator for it."""
    allowed = np.flatnonzero(macs <= budget)
    if not allowed.size:
        return Choice("decoupled-arch", None, 0)
    a = int(max(allowed, key=lambda n: (game.accuracy[n], -macs[n], -n)))
    return _decoupled("decoupled-arch", game, limits, [a], None, game.accelerators)


def decoupled_hardware_first(game: Game, limits: Limits, accelerator: int) -> Choice:
    """A fixed accelerator, then the best network on it."""
    return _decoupled("decoupled-hw", game, limits, None, [accelerator], game.networks)


def _decoupled(
    mode: Mode,
    game: Game,
    limits: Limits,
    networks: Sequence[int] | None,
    accelerators: Sequence[int] | None,
    evaluations: int,
) -> Choice:
    best = game.best(limits, networks, accelerators)
    nearest, excess = (None, 1.0) if best else game.nearest(limits, networks, accelerators)
    return Choice(mode, best, evaluations, nearest, excess)
