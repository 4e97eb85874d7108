"""Why cost models differ about one mapping: numbers set against those of the literal model, with the rule that explains each.

A rule is named only where the literal model with that rule gives the other's number, or where the other's own parts show
it; what is left is said to be unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isclose

from tileloom.architecture.model import Architecture
from tileloom.core.errors import TileloomError
from tileloom.cost.base import Cost
from tileloom.cost.models.loopnest import LoopnestModel
from tileloom.mapping.normalise import hoist
from tileloom.mapping.tree import MappingTree
from tileloom.workload.problem import Problem

BASE = "loopnest"
SHOWN = 4
"""Energies that are explained per model: the ones that differ most."""
ASSUMES = {
    "loopnest": "a tile is fetched each time its hold is entered; all transfers and compute overlap",
    "maestro": "the same counts; the first tile of every memory is waited for",
    "neurospector": "one dataflow per buffer stands for the loop order; levels run one after another",
    "dmazerunner": "DRAM is reached in DMA bursts into a double-buffered scratchpad; registers feed the units for nothing",
    "zigzag": "a tile stays as long as no loop moves it; single-buffered ports stall, first loads and last stores are added",
}
Energies = dict[tuple[str, str], tuple[float, float]]
"""(component, tensor) -> pJ of reading (and computing), pJ of writing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`what` is 'cycles', or the component and tensor whose energy (pJ) differs; base: the literal model's number."""

    model: str
    what: str
    base: float
    other: float
    rule: str


def differences(
    problem: Problem, architecture: Architecture, mapping: MappingTree, costs: Iterable[tuple[str, Cost]]
) -> tuple[Difference, ...]:
    """What each model says otherwise than `loopnest`, cycles first, then energies from the largest gap down.

    Empty without a cost of `loopnest`, which is what the others are set against.
    """
    listed = list(costs)
    base = next((cost for name, cost in listed if name == BASE), None)
    if base is None:
        return ()
    variants = dict(_variants(problem, architecture, mapping))
    found: list[Difference] = []
    for name, cost in listed:
        if name != BASE:
            found += _cycles(name, base, cost, architecture)
            found += _energies(name, base, cost, variants, architecture)
    return tuple(found)


def _variants(problem: Problem, architecture: Architecture, mapping: MappingTree) -> Iterator[tuple[str, Energies]]:
    """The literal model's energies under other rules; those that cannot be had are left out."""
    stays = "reuse by loop order: a tile stays as long as no loop moves it, wherever its hold stands"
    halo = "halo: of a window that overlaps the one before, only the new part is fetched"
    first = "first fill: the first visit of a partial sum is read like every later one"
    made: dict[str, Callable[[], Cost]] = {
        stays: lambda: LoopnestModel().evaluate(problem, architecture, hoist(mapping, problem)),
        halo: lambda: LoopnestModel(halo="sliding").evaluate(problem, architecture, mapping),
        first: lambda: LoopnestModel(first_read="count").evaluate(problem, architecture, mapping),
        f"{stays}; {halo}": lambda: LoopnestModel(halo="sliding").evaluate(problem, architecture, hoist(mapping, problem)),
        f"{stays}; {first}": lambda: LoopnestModel(first_read="count").evaluate(
            problem, architecture, hoist(mapping, problem)
        ),
    }  # fmt: skip
    for rule, evaluate in made.items():
        try:
            yield rule, _by_place(evaluate())
        except TileloomError:
            continue


def _by_place(cost: Cost) -> Energies:
    found: Energies = {}
    for t in cost.traffic:
        read, write = found.get((t.component, t.tensor), (0.0, 0.0))
        energy = t.energy_pj
        found[t.component, t.tensor] = (read, write + energy) if t.action == "write" else (read + energy, write)
    for component, energy in cost.leakage_pj:
        found[component, "leakage"] = (energy, 0.0)
    return found


def _folded(energies: Energies, whole: set[str]) -> Energies:
    found: Energies = {}
    for (component, tensor), (read, write) in energies.items():
        place = (component, "" if component in whole and tensor != "leakage" else tensor)
        a, b = found.get(place, (0.0, 0.0))
        found[place] = (a + read, b + write)
    return found


def _cycles(name: str, base: Cost, other: Cost, architecture: Architecture) -> list[Difference]:
    if isclose(base.cycles, other.cycles, rel_tol=1e-9):
        return []
    why = "; ".join([_why_cycles(base, other), *_single_buffered(base, other, architecture)])
    return [Difference(name, "cycles", base.cycles, other.cycles, why)]


def _single_buffered(base: Cost, other: Cost, architecture: Architecture) -> list[str]:
    """Where transfers wait for compute for want of room, as ZigZag has it: a memory is double buffered where its tiles fit
    in it twice. The literal model overlaps everything, whatever room there is."""
    if other.model != "zigzag" or not dict(other.cycles_by_component).get("port stalls"):
        return []
    held: dict[str, int] = {}
    for row in base.occupancy:
        held[row.memory] = held.get(row.memory, 0) + row.bits
    full = [
        f"{m.name} ({held[m.name]:,} of {m.capacity_bits:,} bits)"
        for m in architecture.memories
        if m.name in held and m.capacity_bits is not None and m.buffers == 1 and 2 * held[m.name] > m.capacity_bits
    ]
    what = "double buffering: loopnest overlaps every transfer, zigzag not where tiles do not fit twice: "
    return [what + ", ".join(full)] if full else []


def _why_cycles(base: Cost, other: Cost) -> str:
    theirs, ours = dict(other.cycles_by_component), dict(base.cycles_by_component)
    added = {part: c for part, c in theirs.items() if part not in ours and c}
    if added and isclose(base.cycles + sum(added.values()), other.cycles, rel_tol=1e-6):
        return " + ".join(f"{part} {cycles:.6g}" for part, cycles in added.items()) + " cycles are waited for"
    if theirs and isclose(sum(theirs.values()), other.cycles, rel_tol=1e-6):
        parts = " + ".join(f"{part} {cycles:.6g}" for part, cycles in theirs.items() if cycles)
        return f"its parts add up, nothing overlaps: {parts}"
    slower = {p: c for p, c in theirs.items() if p in ours and not isclose(c, ours[p], rel_tol=1e-6)}
    if slower:
        part = max(slower, key=lambda p: abs(slower[p] - ours[p]))
        return f"{part} is busy for {slower[part]:.6g} cycles, not {ours[part]:.6g}" + (
            f"; {_named(added)}" if added else ""
        )
    return f"parts of its own: {_named(added)}" if added else f"unexplained: {ASSUMES.get(other.model, 'another rule')}"


def _named(parts: dict[str, float]) -> str:
    return ", ".join(f"{part} {cycles:.6g}" for part, cycles in parts.items())


def _energies(
    name: str, base: Cost, other: Cost, variants: dict[str, Energies], architecture: Architecture
) -> list[Difference]:
    theirs = _by_place(other)
    # A model may not tell the tensors of a memory apart; then nor does the comparison.
    whole = {c for c, t in theirs if not t} - {c for c, t in theirs if t}
    ours = _folded(_by_place(base), whole)
    variants = {rule: _folded(energies, whole) for rule, energies in variants.items()}
    places = sorted({*ours, *theirs}, key=lambda p: -abs(sum(theirs.get(p, (0, 0))) - sum(ours.get(p, (0, 0)))))
    found: list[Difference] = []
    for place in places:
        a, b = ours.get(place, (0.0, 0.0)), theirs.get(place, (0.0, 0.0))
        if not isclose(sum(a), sum(b), rel_tol=1e-6, abs_tol=1e-9):
            rule = _why_energy(place, a, b, base, other, variants, architecture)
            found.append(Difference(name, " ".join(p for p in place if p), sum(a), sum(b), rule))
    rest = found[SHOWN:]
    if rest:
        gap = Difference(
            name,
            f"{len(rest)} more energies",
            sum(d.base for d in rest),
            sum(d.other for d in rest),
            "smaller differences",
        )
        return [*found[:SHOWN], gap]
    return found


def _why_energy(
    place: tuple[str, str],
    ours: tuple[float, float],
    theirs: tuple[float, float],
    base: Cost,
    other: Cost,
    variants: dict[str, Energies],
    architecture: Architecture,
) -> str:
    component, tensor = place
    if tensor == "leakage":
        return f"leakage follows the cycles: {other.cycles:.6g}, not {base.cycles:.6g}"
    for rule, energies in variants.items():
        if isclose(sum(energies.get(place, (0.0, 0.0))), sum(theirs), rel_tol=1e-6, abs_tol=1e-9):
            return rule
    memories = {m.name for m in architecture.memories}
    if component not in memories:
        return "a part that only this model prices" if not sum(ours) else "the unit is priced otherwise"
    if not sum(theirs):
        return f"not counted: {ASSUMES.get(other.model, 'another rule')}"
    if not sum(ours):
        return "counted only by this model"
    if isclose(ours[0], theirs[0], rel_tol=1e-6) and not theirs[1]:
        return "writing a tile into the memory is not counted"
    if isclose(ours[1], theirs[1], rel_tol=1e-6, abs_tol=1e-9):
        return f"reads alone differ, {theirs[0] / ours[0]:.4g} times" if ours[0] else "reads are counted"
    if isclose(ours[0], theirs[0], rel_tol=1e-6, abs_tol=1e-9):
        return f"writes alone differ, {theirs[1] / ours[1]:.4g} times" if ours[1] else "writes are counted"
    return f"reads {_times(theirs[0], ours[0])}, writes {_times(theirs[1], ours[1])}: {ASSUMES.get(other.model, 'another rule')}"


def _times(theirs: float, ours: float) -> str:
    return f"{theirs / ours:.4g} times" if ours else "new" if theirs else "none"
