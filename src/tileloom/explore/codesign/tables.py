"""Costs of distinct layers on accelerators, and of networks as sums over them: the base of every co-design answer.

    layers of the networks -> distinct units -> cost of each unit on each accelerator (once) -> counts x costs

A network is a row of counts, so no pair of network and accelerator is ever evaluated layer by layer. What is done with
the sums is in modes.py and correlation.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tileloom.core.errors import InputError, TileloomError
from tileloom.cost.models.maestro.batch import BatchResult, evaluate_batch, hardware_array, pack
from tileloom.cost.models.maestro.technology import RELEASED, Technology
from tileloom.explore.codesign.accelerator import DirectiveAccelerator, scheduled
from tileloom.explore.codesign.layer import Unit
from tileloom.mapping.notation.maestro import Cluster, DirectiveLayer

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
EnergyRule = Literal["corrected", "faithful"]
ENERGY_RULES: tuple[EnergyRule, ...] = ("corrected", "faithful")
DIGITS = 6
"""Significant digits of a layer's energy in the original's CSV files."""


@dataclass(frozen=True)
class Networks:
    """Chosen networks of a space as sequences of distinct units.

    space     the space's name
    numbers   of the networks in their space
    labels    for people
    units     distinct layers, in order of first use
    sequences one array per network: places in `units` in execution order
    """

    space: str
    numbers: tuple[int, ...]
    labels: tuple[str, ...]
    units: tuple[Unit, ...]
    sequences: tuple[Ints, ...]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def counts(self) -> Ints:
        """[networks, units]: how often a network runs a unit."""
        table = np.zeros((len(self), len(self.units)), np.int64)
        for row, sequence in zip(table, self.sequences):
            np.add.at(row, sequence, 1)
        return table

    @property
    def macs(self) -> Ints:
        return self.counts @ np.array([u.macs for u in self.units], np.int64)

    @property
    def pairs(self) -> tuple[Ints, Ints]:
        """(pairs[P, 2], counts[networks, P]): neighbours (before, unit); -1 stands before the first layer."""
        each = [Counter(zip((-1, *s[:-1].tolist()), s.tolist())) for s in self.sequences]
        place = {pair: i for i, pair in enumerate(dict.fromkeys(p for c in each for p in c))}
        table = np.zeros((len(self), len(place)), np.int64)
        for row, counted in zip(table, each):
            for pair, count in counted.items():
                row[place[pair]] = count
        return np.array(list(place), np.int64).reshape(-1, 2), table


def collect(space: str, numbers: Sequence[int], labels: Sequence[str], layers: Sequence[Sequence[Unit]]) -> Networks:
    """Networks from their layers. Raises InputError for a network without layers."""
    empty = [label for label, found in zip(labels, layers) if not found]
    if empty:
        raise InputError([f"network '{label}' has no layer that costs anything" for label in empty[:5]])
    place: dict[Unit, int] = {}
    sequences = tuple(np.array([place.setdefault(u, len(place)) for u in found], np.int64) for found in layers)
    return Networks(space, tuple(numbers), tuple(labels), tuple(place), sequences)


@dataclass(frozen=True)
class Refused:
    """An accelerator that takes no part, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class LayerCosts:
    """What each unit costs on each accelerator.

    labels, families   of the accelerators, in hardware order
    cycles[H, U]       whole numbers where the model counts whole cycles
    energy_nj[H, U]    of everything but the L1 buffers, which have their own table because of the faithful rule
    l1_energy_nj[H, U]
    clustered[H, U]    the schedule has clusters: the faithful rule charges it the L1 energy of the layer before
    area_um2, power_mw [H]; nan where the model has none
    refused            accelerators left out
    evaluations        layer evaluations that were made
    groups             of the accelerators, for maps: like ones have the same name
    """

    labels: tuple[str, ...]
    families: tuple[str, ...]
    cycles: Floats
    energy_nj: Floats
    l1_energy_nj: Floats
    clustered: npt.NDArray[np.bool_]
    area_um2: Floats
    power_mw: Floats
    refused: tuple[Refused, ...] = ()
    evaluations: int = 0
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class NetworkCosts:
    """cycles[H, A] and energy_nj[H, A] of every network on every accelerator; labels and families of the accelerators."""

    labels: tuple[str, ...]
    families: tuple[str, ...]
    cycles: Floats
    energy_nj: Floats
    area_um2: Floats
    power_mw: Floats

    @property
    def edp(self) -> Floats:
        return self.cycles * self.energy_nj

    def subset(self, places: Sequence[int]) -> NetworkCosts:
        """Only these accelerators, in this order."""
        p = list(places)
        return NetworkCosts(
            tuple(self.labels[i] for i in p),
            tuple(self.families[i] for i in p),
            self.cycles[p],
            self.energy_nj[p],
            self.area_um2[p],
            self.power_mw[p],
        )


def network_costs(
    networks: Networks, costs: LayerCosts, energy: EnergyRule = "corrected", digits: int | None = None
) -> NetworkCosts:
    """Sums over the layers of each network.

    energy   'corrected': each layer pays for its own buffers. 'faithful': the original's rule, which charges a layer
             with clusters the L1 energy of the layer before it (nothing before the first one) and prints six digits
    digits   significant digits each layer's energy is rounded to; None: no rounding (faithful: 6)
    """
    if energy not in ENERGY_RULES:
        raise InputError(f"energy rule '{energy}' is unknown; expected {' or '.join(ENERGY_RULES)}")
    counts = networks.counts
    cycles = _sum(counts, costs.cycles)
    if energy == "corrected":
        joules = _sum(counts, rounded(costs.energy_nj + costs.l1_energy_nj, digits))
    else:
        pairs, counted = networks.pairs
        joules = _sum(counted, pair_energies(costs, pairs, digits or DIGITS))
    return NetworkCosts(costs.labels, costs.families, cycles, joules, costs.area_um2, costs.power_mw)


def pair_energies(costs: LayerCosts, pairs: Ints, digits: int) -> Floats:
    """[H, P] nJ of a unit after the unit before it (-1: none), by the original's rule."""
    before, unit = pairs[:, 0], pairs[:, 1]
    previous = np.where(before >= 0, costs.l1_energy_nj[:, before], 0.0)
    l1 = np.where(costs.clustered[:, unit], previous, costs.l1_energy_nj[:, unit])
    return rounded(costs.energy_nj[:, unit] + l1, digits)


def _sum(counts: Ints, values: Floats) -> Floats:
    """[H, A] sums; exact for whole numbers, which stay below 2**53."""
    return values @ counts.T.astype(np.float64)


def rounded(values: Floats, digits: int | None) -> Floats:
    """Each number as it is printed with so many significant digits."""
    if digits is None:
        return values
    distinct, place = np.unique(values, return_inverse=True)
    printed = np.array([float(f"{v:.{digits}g}") for v in distinct.tolist()])
    return printed[place].reshape(values.shape)


def directive_costs(
    units: Sequence[Unit], accelerators: Sequence[DirectiveAccelerator], technology: Technology = RELEASED
) -> LayerCosts:
    """Costs under MAESTRO's faithful model, all pairs in one batch; a schedule is built once per unit, dataflow and PEs.

    An accelerator whose dataflow some unit cannot take is left out with the reason of the first one.
    """
    schedules: dict[tuple[str, int], list[DirectiveLayer] | str] = {}
    for accelerator in accelerators:
        for dataflow in accelerator.dataflows:
            key = (dataflow, accelerator.hardware.num_pes)
            if key not in schedules:
                schedules[key] = _schedules(dataflow, units, accelerator.hardware.num_pes)
    kept: list[DirectiveAccelerator] = []
    refused: list[Refused] = []
    for accelerator in accelerators:
        wrong = [
            r for r in (schedules[d, accelerator.hardware.num_pes] for d in accelerator.dataflows) if isinstance(r, str)
        ]
        # A flexible chip does without the dataflows it is too small for.
        if wrong and (not accelerator.flexible or len(wrong) == len(accelerator.flexible)):
            refused.append(Refused(accelerator.label, wrong[0]))
        else:
            kept.append(accelerator)
    rows = [_row(a, schedules) for a in kept]
    found = _evaluate(kept, rows, schedules, len(units), technology)
    chips = [a.chip(technology.name) for a in kept]
    return LayerCosts(
        tuple(a.label for a in kept),
        tuple(a.family for a in kept),
        *found,
        np.array([c.area_um2 for c in chips]),
        np.array([c.power_mw for c in chips]),
        tuple(refused),
        sum(len(r) for r in rows) * len(units),
        tuple(f"{a.family} {a.hardware.num_pes} PEs" for a in kept),
    )


def _schedules(dataflow: str, units: Sequence[Unit], num_pes: int) -> list[DirectiveLayer] | str:
    try:
        return [scheduled(dataflow, unit.directive_layer(), num_pes) for unit in units]
    except TileloomError as error:
        return str(error).split("\n")[0]


def _row(
    accelerator: DirectiveAccelerator, schedules: dict[tuple[str, int], list[DirectiveLayer] | str]
) -> list[tuple[str, int]]:
    keys = [(d, accelerator.hardware.num_pes) for d in accelerator.dataflows]
    return [k for k in keys if not isinstance(schedules[k], str)]


def _evaluate(
    accelerators: Sequence[DirectiveAccelerator],
    rows: Sequence[Sequence[tuple[str, int]]],
    schedules: dict[tuple[str, int], list[DirectiveLayer] | str],
    units: int,
    technology: Technology,
) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    flat: list[DirectiveLayer] = []
    start: dict[tuple[str, int], int] = {}
    for key in dict.fromkeys(k for row in rows for k in row):
        start[key] = len(flat)
        found = schedules[key]
        assert not isinstance(found, str)
        flat += found
    tables = [np.empty((len(accelerators), units)) for _ in range(3)]
    clustered = np.zeros((len(accelerators), units), np.bool_)
    if not flat or not accelerators:
        return tables[0], tables[1], tables[2], clustered
    packed = pack(flat)
    has_cluster = np.array([any(isinstance(d, Cluster) for d in layer.dataflow or ()) for layer in flat])
    numbers = [np.arange(start[key], start[key] + units) for row in rows for key in row]
    chips = hardware_array([a.hardware for a, row in zip(accelerators, rows) for _ in row])
    which = np.concatenate(numbers)
    result = evaluate_batch(packed, which, np.repeat(chips, units, axis=0))
    _require_evaluated(result, which, flat)
    cycles, l2, l1 = (v.reshape(-1, units) for v in _energies(result, technology))
    at = 0
    for i, row in enumerate(rows):
        block = slice(at, at + len(row))
        best = np.argmin(cycles[block], axis=0)
        for table, values in zip(tables, (cycles, l2, l1)):
            table[i] = np.take_along_axis(values[block], best[None, :], 0)[0]
        clustered[i] = has_cluster[which.reshape(-1, units)[block][best, np.arange(units)]]
        at += len(row)
    return tables[0], tables[1], tables[2], clustered


def _require_evaluated(result: BatchResult, which: Ints, layers: Sequence[DirectiveLayer]) -> None:
    from tileloom.cost.models.maestro.batch import STATUS

    failed = np.flatnonzero(result["status"])
    if failed.size:
        first = int(failed[0])
        raise InputError(f"layer '{layers[int(which[first])].name}': {STATUS[int(result['status'][first])]}")


def _energies(result: BatchResult, technology: Technology) -> tuple[Floats, Floats, Floats]:
    """(cycles, nJ outside L1, nJ in L1); output reads at L2 and multiplications are not charged, as in the original."""
    l2 = sum(result[f"{kind}_{t}"] for kind in ("l2_read", "l2_write") for t in ("input", "filter"))
    l2 = l2 + result["l2_write_output"]
    l1 = sum(result[f"l1_{kind}_{t}"] for kind in ("read", "write") for t in ("input", "filter", "output"))
    scale = technology.mac_nj
    return (
        np.asarray(result["runtime_cycles"], np.float64),
        np.asarray(scale * technology.l2_per_mac * l2, np.float64),
        np.asarray(scale * technology.l1_per_mac * l1, np.float64),
    )
