"""How chips of one structure compare: their energies, paces and sizes, and the order in which to search them.

From the optimum of one chip follows a bound for every chip that is nowhere faster or larger (shared_kernels.combined),
so large and fast chips come first; among equally fast and large ones those with extreme energies, then those between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Compute, Memory, Node
from tileloom.explore.sweep.chips import capacities, table_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Relation:
    """prices, paces, sizes: float64[chips, .], columns that are the same everywhere once or not at all; order: of chips."""

    prices: Floats
    paces: Floats
    sizes: Floats
    order: list[int]


def relate(chips: Sequence[Architecture]) -> Relation:
    """Of chips of one structure."""
    prices = _distinct(table_of(chips, _prices), keep_constant=True)
    paces = _distinct(table_of(chips, _paces))
    sizes = _distinct(table_of(chips, capacities))
    return Relation(prices, paces, sizes, _order(prices, paces, sizes))


def _prices(node: Node) -> list[float]:
    """Every number in which energy is linear: per bit at every port and tensor, per operation, per cycle."""
    if isinstance(node, Memory):
        ports = ((p, (p.energy_pj, *(e for _, e in p.energy_pj_by_tensor))) for p in (node.read, node.write))
        return [e / port.width_bits for port, energies in ports for e in energies] + [node.leakage_pj_per_cycle]
    return [node.energy_pj, node.leakage_pj_per_cycle] if isinstance(node, Compute) else []


def _paces(node: Node) -> list[float]:
    """Cycles per bit at every port, and per operation."""
    if isinstance(node, Memory):
        return [1.0 / (p.width_bits * p.accesses_per_cycle) for p in (node.read, node.write)]
    return [1.0 / node.ops_per_cycle] if isinstance(node, Compute) else []


def _distinct(table: Floats, keep_constant: bool = False) -> Floats:
    """Columns that vary, equal ones once; with `keep_constant` one column of ones stands for those that do not vary."""
    varying = [table[:, j] for j in range(table.shape[1]) if (table[:, j] != table[0, j]).any()]
    columns = list({column.tobytes(): column for column in varying}.values())
    if keep_constant and any((table[:, j] == table[0, j]).all() and table[0, j] > 0 for j in range(table.shape[1])):
        columns.append(np.ones(len(table)))
    return np.ascontiguousarray(np.array(columns).T) if columns else np.zeros((len(table), 0))


def _order(prices: Floats, paces: Floats, sizes: Floats) -> list[int]:
    """Largest and fastest first; then ends of the ranges of energies, their middles, and so on."""
    step = np.zeros(len(prices))
    for j in range(prices.shape[1]):
        ranks = np.unique(prices[:, j], return_inverse=True)[1].reshape(-1)
        step += _levels(int(ranks.max()) + 1)[ranks]
    keys = [*(-sizes[:, j] for j in range(sizes.shape[1])), *(paces[:, j] for j in range(paces.shape[1])), step]
    # np.lexsort takes the most important key last.
    return [int(i) for i in np.lexsort(keys[::-1])]


def _levels(count: int) -> npt.NDArray[np.int64]:
    """How many halvings of 0 .. count - 1 lead to each position; 0 for both ends.

    >>> _levels(5).tolist()
    [0, 2, 1, 2, 0]
    """
    found = np.zeros(count, np.int64)
    spans, level = [(0, count - 1)], 1
    while spans:
        halves = []
        for low, high in spans:
            if high - low > 1:
                middle = (low + high) // 2
                found[middle] = level
                halves += [(low, middle), (middle, high)]
        spans, level = halves, level + 1
    return found
