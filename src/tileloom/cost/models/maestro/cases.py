"""Which steps a level goes through for given extents: first, steady and partial ones, and how often each occurs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import prod

from tileloom.cost.models.maestro.integers import ceil_div, div
from tileloom.cost.models.maestro.levels import Level
from tileloom.mapping.notation.maestro import Map


class Position(IntEnum):
    INIT = 0
    STEADY = 1
    EDGE = 2


@dataclass(frozen=True, slots=True)
class State:
    """One kind of step along one directive, happening `count` times.

    unrolled      the whole extent is covered at once
    partial       the step covers less than a full one ('edge' in the tool's words)
    last_partial  the last sub-unit at work holds less than the others
    """

    position: Position
    count: int
    unrolled: bool = False
    init_partial: bool = False
    last_partial: bool = False

    @property
    def partial(self) -> bool:
        return self.position is Position.EDGE or self.init_partial


@dataclass(frozen=True, slots=True)
class Case:
    """A state per directive; it happens `count` times.

    by_dim   the state by dimension; of two directives of one dimension the later counts
    """

    states: tuple[State, ...]
    by_dim: Mapping[str, State]
    count: int


def states(m: Map, units: int, extent: int) -> tuple[State, ...]:
    """The states of a directive over `extent` indices, in the original's order."""
    return _spatial_states(m, units, extent) if m.spatial else _temporal_states(m, extent)


def _temporal_states(m: Map, extent: int) -> tuple[State, ...]:
    found = [State(Position.INIT, 1, unrolled=extent <= m.size, init_partial=extent < m.size)]
    steady = div(extent - m.size, m.offset)
    if m.size < extent and steady > 0:
        found.append(State(Position.STEADY, steady))
    if extent >= m.size and steady * m.offset + m.size < extent:
        found.append(State(Position.EDGE, 1))
    return tuple(found)


def _spatial_states(m: Map, units: int, extent: int) -> tuple[State, ...]:
    covered = m.size + m.offset * (units - 1)
    short = extent < covered
    found = [State(Position.INIT, 1, unrolled=extent <= covered, init_partial=short, last_partial=short)]
    steady = div(div(extent - m.size, m.offset) + 1, units) - 1
    folds = steady * m.offset * units
    if covered < extent and steady > 0:
        found.append(State(Position.STEADY, steady))
    if extent > covered and (steady + 1) * m.offset * units + covered > extent and folds + covered != extent:
        rest = extent - (steady + 1) * m.offset * units
        active = 1 if rest < m.size else div(rest - m.size, m.offset) + 1
        found.append(State(Position.EDGE, 1, last_partial=(active - 1) * m.offset + m.size < rest))
    return tuple(found)


def cases(level: Level, extents: Mapping[str, int]) -> Iterator[Case]:
    """All combinations of states, in the original's order: all-first, then from the last states downward."""
    choices = [states(m, level.units, extents[m.dim]) for m in level.maps]
    lengths = [len(c) for c in choices]
    inner = [prod(lengths[i + 1 :]) for i in range(len(lengths))]
    for number in range(prod(lengths)):
        picked = tuple(c[ceil_div(number, f) % n] for c, f, n in zip(choices, inner, lengths))
        by_dim = {m.dim: state for m, state in zip(level.maps, picked)}
        yield Case(picked, by_dim, prod(s.count for s in picked))
