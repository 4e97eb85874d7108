"""The search behind the proven optimum: dataflows and layouts of the chips, the one with the least bound first.

Bounds are in optimum_kernels.py, the tiles of one layout are gone through in optimum_search.py; optimum.py tells the proof.
"""

from __future__ import annotations

from time import process_time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.cost.kernels import neurospector as k
from tileloom.cost.models.neurospector.machine import Machine, pack
from tileloom.mapping.notation.neurospector import CHIP_X, CHIP_Y, GB, LB
from tileloom.search.neurospector.bottom_up import Metric, Mode, dataflow_choices, searched_rows
from tileloom.search.neurospector.lattice import Floats, Ints, Lattice, Spread, lattice_of, spread_of
from tileloom.search.neurospector.optimum_kernels import Rules, chip_bounds, dram_costs, outer_costs, rough_row
from tileloom.search.neurospector.optimum_search import Inside, price_tile, search_chips
from tileloom.workload.frontends.neurospector import ConvLayer

ROUNDING = {True: 1 + 8e-6, False: 1 + 1e-12}
"""Costs this close to the best are priced by the analyzer itself: more than rounding adds up to in each precision."""


class _Layout(NamedTuple):
    """A dataflow combination with cell h over the chips, and the least bound of all its tables."""

    bound: float
    flow: int
    chip_place: int


class _Near(NamedTuple):
    """A tile s that may hold the best table, and the least that its tables cost."""

    cost: float
    flow: int
    h: int
    s: int


class _Flow(NamedTuple):
    accelerator: Accelerator
    machine: Machine
    rules: Rules
    cost: Floats
    moved: Floats


class LatticeSearch:
    """One layer's search: what is shared by dataflows and layouts is made once."""

    def __init__(self, accelerator: Accelerator, layer: ConvLayer, metric: Metric, mode: Mode, faithful: bool) -> None:
        self.keep = ROUNDING[faithful]
        self.first = not faithful
        self.priced = self.layouts = 0
        self.near: list[_Near] = []
        machine = pack(accelerator, layer.stride, faithful=faithful)
        self.lattice = lattice_of(layer.dims, machine)
        self.macs = spread_of(self.lattice, machine, k.MAC_X)
        self.pes = spread_of(self.lattice, machine, k.PE_X)
        self.chips = _without_mirrors(self.lattice, spread_of(self.lattice, machine, k.CHIP_X), machine, layer)
        searched = searched_rows(accelerator)
        self.flows = [
            _flow(choice, layer, metric, faithful, self.lattice, searched)
            for choice in dataflow_choices(accelerator, mode)
        ]
        self.inside, self.keys = self._inside(LB in searched)
        rules = self.flows[0].rules
        most = int(self.lattice.size[self.pes.cells].max())
        sizes = self.lattice.size[self.chips.cells]
        self.rough = {int(n): rough_row(self.lattice, rules, self.macs.cells, most * int(n)) for n in np.unique(sizes)}

    def _inside(self, local: bool) -> tuple[Inside, Ints]:
        """What lies inside s, and for every layout of the chips [chips, pairs] the row of each pair of PEs and C R S."""
        lat, u, h = self.lattice, self.pes.cells, self.chips.cells
        pairs, of = np.unique(np.stack([lat.size[u], lat.crs[u]], 1), axis=0, return_inverse=True)
        pair = np.full(lat.size.shape[0], -1, np.int64)
        pair[u] = of.ravel()
        # One key for each distinct pair of all units and all of C R S on them.
        both = np.stack([np.outer(lat.size[h], pairs[:, 0]), np.outer(lat.crs[h], pairs[:, 1])], 2).reshape(-1, 2)
        keys, place = np.unique(both, axis=0, return_inverse=True)
        width = lat.size.shape[0] if local else self.macs.cells.shape[0]
        inside = Inside(
            u if local else self.macs.cells, self.macs.cells, pair, keys[:, 0].copy(), keys[:, 1].copy(),
            np.empty((len(keys), width)), np.zeros(len(keys), np.bool_),
        )  # fmt: skip
        return inside, place.reshape(len(h), len(pairs)).astype(np.int64)

    def run(self, best: float, stop: float | None = None, chips: int | None = None) -> float | None:
        """Searches all tables, or those on this many chips; the least bound left when it stopped, None when all is proven.

        best: only tables that cost no more are looked for;  stop: CPU seconds of the process
        """
        self.best, self.near = best, []
        layouts = []
        places = [i for i, h in enumerate(self.chips.cells) if chips in (None, int(self.lattice.size[h]))]
        for flow in range(len(self.flows)):
            for place in places:
                bound = self._bounds(flow, place)[0]
                at = int(np.argmin(bound))
                if bound[at] < self.best * self.keep:
                    layouts.append(_Layout(float(bound[at]), flow, place))
                if stop is not None and process_time() > stop:
                    return 0.0
        self.layouts = len(layouts)
        for layout in sorted(layouts):
            if layout.bound >= self.best * self.keep:
                break
            if stop is not None and process_time() > stop:
                return layout.bound
            self._open(layout)
        return None

    def _bounds(self, flow: int, place: int) -> tuple[Floats, Floats, Floats]:
        h, at = int(self.chips.cells[place]), self.flows[flow]
        chips = int(self.lattice.size[h])
        return chip_bounds(self.lattice, at.rules, h, chips, self.rough[chips], at.cost, at.moved)  # type: ignore[no-any-return]

    def outer(self, flow: int, h: int) -> Floats:
        """DRAM's cost and GB's lower side for every tile n with cell h over the chips; infinite where one does not fit."""
        at = self.flows[flow]
        return outer_costs(self.lattice, at.rules, h, at.cost, at.moved)  # type: ignore[no-any-return]

    def _open(self, layout: _Layout) -> None:
        h, at = int(self.chips.cells[layout.chip_place]), self.flows[layout.flow]
        bound, bases, counts = self._bounds(layout.flow, layout.chip_place)
        open_ = np.flatnonzero(bound < self.best * self.keep)
        order = open_[np.argsort(bound[open_], kind="stable")]
        self.best, tiles, costs, opened = search_chips(
            self.lattice, at.rules, h, order, bound, bases, counts, at.cost, at.moved, self.inside,
            self.keys[layout.chip_place], self.best, self.keep,
        )  # fmt: skip
        self.priced += int(opened)
        self.near += [_Near(float(c), layout.flow, layout.chip_place, int(s)) for s, c in zip(tiles, costs)]

    def table(self) -> tuple[Accelerator, NDArray[np.int64]] | None:
        """The best table of those that rounding leaves in question, priced by the analyzer's own code."""
        best, found = float("inf"), None
        lat = self.lattice
        limit = self.best * self.keep
        for near in sorted(self.near):
            if near.cost > limit:
                break
            at, h = self.flows[near.flow], int(self.chips.cells[near.h])
            m = np.ones((10, 8), np.int64)
            m[CHIP_X], m[CHIP_Y] = lat.extent[self.chips.x[near.h]], lat.extent[self.chips.y[near.h]]
            value, rows, more = price_tile(
                lat, at.rules, near.s, h, int(lat.size[h]), at.cost, at.moved, *self.pes, *self.macs,
                at.machine.prices, m, limit, best, self.first,
            )  # fmt: skip
            self.priced += int(more)
            if value < best:
                best, found = float(value), (at.accelerator, rows)
                if self.first:
                    break
        return found


def _flow(
    accelerator: Accelerator, layer: ConvLayer, metric: Metric, faithful: bool, lattice: Lattice, rows: tuple[int, ...]
) -> _Flow:
    machine = pack(accelerator, layer.stride, faithful=faithful)
    energy, prices = metric == "energy", machine.prices.astype(np.float64)
    rules = Rules(
        machine.chip, prices, energy, _per_cycle(machine) if energy else 1.0,
        layer.macs * float(prices[k.E_MAC]) if energy else 0.0, lattice.size.shape[0] - 1, LB in rows, GB in rows,
    )  # fmt: skip
    return _Flow(accelerator, machine, rules, *dram_costs(lattice, rules))


def _per_cycle(machine: Machine) -> float:
    """Static energy of the whole machine in one cycle, in pJ."""
    chip, p = machine.chip, machine.prices.astype(np.float64)
    macs, pes, chips = (
        int(np.prod(chip[i:j])) for i, j in ((k.MAC_X, k.HAS_GB), (k.PE_X, k.HAS_GB), (k.CHIP_X, k.HAS_GB))
    )
    return float(p[k.CLOCK] * (p[k.P_MAC] * macs + p[k.P_LB] * pes + p[k.P_GB] * chips + p[k.P_DRAM]))


def _without_mirrors(lattice: Lattice, chips: Spread, machine: Machine, layer: ConvLayer) -> Spread:
    """Layouts of the chips without those that are others with P, R and Q, S exchanged, where the two are alike."""
    P, Q, R, S = (layer.dims[d] for d in (2, 3, 5, 6))
    uneven = any(
        (int(mask) >> i & 1) != (int(mask) >> j & 1)
        for mask in machine.chip[k.ALLOWED : k.FIXED]
        for i, j in ((2, 3), (5, 6))
    )
    fixed = machine.chip[k.FIXED : k.DECIDED].reshape(3, 8)
    if P != Q or R != S or uneven or (fixed[:, 2] != fixed[:, 3]).any() or (fixed[:, 5] != fixed[:, 6]).any():
        return chips
    digit = lattice.digit[chips.cells]
    kept = (digit[:, 2] > digit[:, 3]) | ((digit[:, 2] == digit[:, 3]) & (digit[:, 5] >= digit[:, 6]))
    return Spread(chips.cells[kept], chips.x[kept], chips.y[kept])
