"""Timeloop's mappings (YAML lists of directives) to and from the mapping tree. Its constraints are not read here.

Permutations are written innermost first, and a spatial directive belongs to the memory above the array. A tile stays as
long as no loop moves it, so a tree that is read has its holds moved out to where that is so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.core.errors import InputError, UnsupportedError, did_you_mean
from tileloom.core.yamlio import Document, load_yaml, parse_yaml
from tileloom.core.yamlio import Place as At
from tileloom.mapping.normalise import hoist
from tileloom.mapping.notation.levels import (
    Level,
    Levels,
    Place,
    Turn,
    on_places,
    places_between,
    reuse_losses,
    to_levels,
)  # fmt: skip
from tileloom.mapping.notation.placement import axis_error
from tileloom.mapping.notation.registry import Notation, ReadMapping, Written
from tileloom.mapping.tree import Loop, MappingTree
from tileloom.mapping.yaml import scalar
from tileloom.workload.problem import MAX_EXTENT, Problem

NAME = "Timeloop"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TYPES = ("temporal", "spatial", "datatype", "bypass")
_KEYS = ("target", "type", "factors", "permutation", "split", "keep", "bypass")
_FACTOR = re.compile(r"([A-Za-z_]+)\s*=?\s*(\d{1,13})(?:\s*,\s*(\d{1,13}))?")


def letters_of(problem: Problem) -> dict[str, str]:
    """Dim -> the single character that permutations need: its own name where it is one, else a free letter."""
    taken = {d for d in problem.extents if len(d) == 1 and d in LETTERS}
    free = iter(c for c in LETTERS if c not in taken)
    try:
        return {d: d if d in taken else next(free) for d in problem.extents}
    except StopIteration:
        raise UnsupportedError(
            f"{NAME} names dimensions by one letter; the problem has {len(problem.extents)}"
        ) from None


def mapping_to_timeloop(mapping: MappingTree, problem: Problem, architecture: Architecture) -> Written:
    """Directives for every memory that holds a tensor.

    Raises UnsupportedError where there is no form (levels.to_levels), for arrays of more than two axes (E-AXIS), and
    tiles whose remainders are not in the last tile alone (E-RESID). A dim on both axes takes two spatial directives.
    """
    levels = to_levels(mapping, problem, NAME)
    losses = reuse_losses(mapping, problem, levels, stationary=True, notation=NAME)
    held = [level.memory for level in levels.levels]
    letters = letters_of(problem)
    residual = _residuals(levels, problem)
    lines = ["mapping:"]
    bypasses = []
    tensors = [t.name for t in problem.tensors]
    for memory in (m.name for m in architecture.memories if m.name not in held):
        bypasses.append(_bypass(memory, [], tensors))
    for level, places in zip(levels.levels, places_between(architecture, held)):
        time = [t for t in level.temporal if t.trips > 1]
        _once(time, f"in time below '{level.memory}'")
        inner_first = [t.dim for t in reversed(time)]
        factors = _factors(problem, letters, level.temporal, residual)
        order = _permutation(problem, letters, inner_first)
        lines.append(f"- {{target: {scalar(level.memory)}, type: temporal, factors: {factors}, permutation: {order}}}")
        if places:
            lines += _spatial(problem, letters, level, places, residual, losses)
        bypasses.append(_bypass(level.memory, level.kept, tensors))
    renamed = {letters[d]: d for d in problem.extents if letters[d] != d}
    if renamed:
        lines.insert(0, "dimension_names: {" + ", ".join(f"{k}: {scalar(d)}" for k, d in renamed.items()) + "}")
    return Written("\n".join(lines + bypasses) + "\n", tuple(dict.fromkeys(losses)))


def _once(turns: Sequence[Turn], where: str) -> None:
    dims = [t.dim for t in turns]
    twice = next((d for d in dims if dims.count(d) > 1), None)
    if twice is not None:
        raise UnsupportedError(f"{NAME} has one loop per dimension and level; '{twice}' loops twice {where}")


def _residuals(levels: Levels, problem: Problem) -> dict[int, tuple[int, int]]:
    """id of a turn -> (factor, residual): trips of a whole tile, and of the last one of all."""
    found: dict[int, tuple[int, int]] = {}
    for dim, extent in problem.extents.items():
        turns = [t for level in levels.levels for t in (*level.temporal, *level.spatial) if t.dim == dim]
        current = extent
        sizes: list[tuple[Turn, int, int]] = []
        for turn in turns:
            tile = current // turn.trips if turn.even else turn.loop.tile
            if current % tile and sizes:
                raise UnsupportedError(
                    f"E-RESID: '{dim}': tiles of {tile} do not divide {current}; {NAME} has a shorter tile only at the very end"
                )
            sizes.append((turn, -(-current // tile), tile))
            current = tile
        last = extent - 1
        for turn, trips, tile in sizes:
            found[id(turn)] = trips, last // tile + 1
            last %= tile
    return found


def _factors(
    problem: Problem, letters: Mapping[str, str], turns: Sequence[Turn], residual: Mapping[int, tuple[int, int]]
) -> str:
    of = {t.dim: residual[id(t)] for t in turns if t.trips > 1}
    parts = []
    for dim in problem.extents:
        factor, last = of.get(dim, (1, 1))
        parts.append(f"{letters[dim]}={factor}" + (f",{last}" if last != factor else ""))
    return f'"{" ".join(parts)}"'


def _permutation(problem: Problem, letters: Mapping[str, str], inner_first: Sequence[str]) -> str:
    rest = [d for d in reversed(problem.extents) if d not in inner_first]
    return scalar("".join(letters[d] for d in (*inner_first, *rest)))


def _spatial(
    problem: Problem,
    letters: Mapping[str, str],
    level: Level,
    places: Sequence[Place],
    residual: Mapping[int, tuple[int, int]],
    losses: list[str],
) -> list[str]:
    xs, ys = _axes(places, level.memory)
    spread = dict(zip(places, on_places(level, places)))
    on_x = [t for t in spread.get(xs, ()) if t.trips > 1] if xs else []
    on_y = [t for t in spread.get(ys, ()) if t.trips > 1] if ys else []
    _once(on_x, f"on the X axis below '{level.memory}'")
    _once(on_y, f"on the Y axis below '{level.memory}'")
    both = {t.dim for t in on_x} & {t.dim for t in on_y}
    for place, letter in ((xs, "X"), (ys, "Y")):
        if place is not None and place.axis.upper() != letter:
            losses.append(f"the name of axis {place.fanout}.{place.axis}, which is the {letter} axis")
    parts = [(on_x, on_y)]
    if both:
        # One directive has one factor per dim; the one of the outer axis comes first.
        parts = [([], on_y), (on_x, [])]
        losses.append(
            f"E-AXIS: {', '.join(sorted(both))} lies on both axes below '{level.memory}': written as a directive for each, where "
            f"{NAME} takes one; give it a level that stores nothing between the axes"
        )
    lines = []
    for leading, behind in parts:
        first = [t.dim for t in reversed(leading)]
        # X takes the leading dims of the permutation. Dims of one trip all follow, so that none of them counts as X.
        order = _permutation(problem, letters, [*first, *(t.dim for t in reversed(behind))])
        factors = _factors(problem, letters, [*behind, *leading], residual)
        lines.append(
            f"- {{target: {scalar(level.memory)}, type: spatial, factors: {factors}, permutation: {order}, "
            f"split: {len(first)}}}"
        )
    return lines


def _axes(places: Sequence[Place], memory: str) -> tuple[Place | None, Place | None]:
    """The axes that stand for X and Y: those of that name, else in their order."""
    if len(places) > 2:
        raise UnsupportedError(f"E-AXIS: {len(places)} axes below '{memory}'; {NAME} has two")
    by_name = {p.axis.upper(): p for p in places}
    if set(by_name) <= {"X", "Y"} and len(by_name) == len(places):
        return by_name.get("X"), by_name.get("Y")
    return places[0], places[1] if len(places) > 1 else None


def _bypass(memory: str, kept: Sequence[str], tensors: Sequence[str]) -> str:
    keep = [scalar(t) for t in tensors if t in kept]
    skip = [scalar(t) for t in tensors if t not in kept]
    return f"- {{target: {scalar(memory)}, type: datatype, keep: [{', '.join(keep)}], bypass: [{', '.join(skip)}]}}"


def mapping_from_timeloop(
    source: str | Path, problem: Problem, architecture: Architecture, *, text: str | None = None
) -> ReadMapping:
    """The mapping of a file, with notes on what was filled in. Raises InputError with file:line for every fault."""
    document = load_yaml(source) if text is None else parse_yaml(text, file=str(source))
    return _Reader(document, problem, architecture).read()


_Factors = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class _Spread:
    """One spatial directive; `split` and the permutation as written, innermost first."""

    factors: _Factors
    order: list[str]
    split: int | None
    place: At


@dataclass
class _Directives:
    """What a memory's directives say; the permutation as written, innermost first. Spatial ones: the outer axis first."""

    temporal: _Factors = field(default_factory=dict)
    spatial: list[_Spread] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    bypass: set[str] = field(default_factory=set)
    place: At = ()


@dataclass
class _Reader:
    document: Document
    problem: Problem
    architecture: Architecture
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    inner: dict[str, int] = field(default_factory=dict)

    def fault(self, place: At, message: str) -> None:
        self.faults.append(f"{self.document.at(place)}: {message}")

    def stop(self) -> None:
        if self.faults:
            raise InputError(self.faults, file=self.document.file)

    def read(self) -> ReadMapping:
        data = self.document.data
        directives = data.get("mapping") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(directives, list):
            self.fault((), "expected 'mapping', a list of directives with target and type")
            self.stop()
        assert isinstance(data, dict) and isinstance(directives, list)
        self.names = self.letters(data.get("dimension_names", {}))
        memories = {m.name: _Directives() for m in self.architecture.memories}
        for i, item in enumerate(directives):
            self.directive(item, ("mapping", i), memories)
        self.stop()
        self.products(memories)
        self.stop()
        names = [n for n in memories if self.kept(memories[n])]
        groups = dict(zip(names, places_between(self.architecture, names)))
        levels = []
        current = dict(self.problem.extents)
        for name, found in memories.items():
            if name not in groups:
                every = (found.temporal, *(s.factors for s in found.spatial))
                loops = [d for factors in every for d, (f, _) in factors.items() if f > 1]
                if loops:
                    self.fault(
                        found.place,
                        f"'{name}' keeps no tensor but has {len(loops)} loops; put them at a memory that does",
                    )
                continue
            levels.append(self.level(name, found, groups[name], current))
        self.stop()
        unit = self.architecture.compute_for(self.problem)
        if unit is None:
            raise InputError(f"'{self.architecture.name}' has no unit that computes '{self.problem.name}'")
        flat = Levels(tuple(levels), unit.name).tree(self.problem.extents)
        return ReadMapping(self.problem, hoist(flat, self.problem), tuple(dict.fromkeys(self.notes)))

    def letters(self, given: object) -> dict[str, str]:
        """Name in the file -> dim: itself, in any case where that is unique, or as `dimension_names` says."""
        dims = tuple(self.problem.extents)
        names = {d: d for d in dims}
        for d in dims:
            for other in (d.upper(), d.lower()):
                names.setdefault(other, d)
        if not isinstance(given, dict):
            self.fault(("dimension_names",), "'dimension_names' must map letters to dimensions")
            return names
        for letter, dim in given.items():
            if str(dim) not in dims:
                self.fault(
                    ("dimension_names", letter), f"'{str(dim)[:40]}' is no dimension; there are {' '.join(dims)}"
                )
            names[str(letter)] = str(dim)
        return names

    def directive(self, item: object, place: At, memories: Mapping[str, _Directives]) -> None:
        if not isinstance(item, dict):
            return self.fault(place, "a directive is a table with target and type")
        for key in item:
            if key not in _KEYS:
                self.fault(
                    (*place, key), f"unknown key '{key}'{did_you_mean(str(key), _KEYS)}; expected {', '.join(_KEYS)}"
                )
        target, kind = str(item.get("target", "")), str(item.get("type", ""))
        if kind not in _TYPES:
            return self.fault(place, f"type '{kind[:40]}'{did_you_mean(kind, _TYPES)}; expected {', '.join(_TYPES)}")
        if target not in memories:
            known = list(memories)
            return self.fault(
                place,
                f"'{target[:40]}' is no memory of '{self.architecture.name}'{did_you_mean(target, known)}; it has {known}",
            )
        found = memories[target]
        if kind in ("datatype", "bypass"):
            return self.bypass(item, place, found)
        found.place = place
        factors = self.factors(item.get("factors", ""), (*place, "factors"))
        order = self.permutation(item.get("permutation"), (*place, "permutation"), "split" in item)
        if kind == "temporal":
            if found.order:
                return self.fault(place, f"a second temporal directive for '{target}'; one memory has one")
            found.temporal, found.order = factors, order
            return None
        split = item.get("split")
        if split is not None and (
            isinstance(split, bool) or not isinstance(split, int) or not 0 <= split <= len(order)
        ):
            return self.fault((*place, "split"), f"split is {str(split)[:40]}; expected 0 to {len(order)}")
        if len(found.spatial) == 2:
            return self.fault(place, f"another spatial directive for '{target}'; two are taken, one for each axis")
        found.spatial.append(_Spread(factors, order, split if isinstance(split, int) else None, place))
        return None

    def bypass(self, item: Mapping[str, Any], place: At, found: _Directives) -> None:
        known = [t.name for t in self.problem.tensors]
        listed = {k: item.get(k, []) for k in ("keep", "bypass")}
        for key, names in listed.items():
            if not isinstance(names, list):
                self.fault((*place, key), f"'{key}' must list tensors")
                return
            for name in names:
                if name not in known:
                    self.fault(
                        (*place, key),
                        f"'{str(name)[:40]}' is no tensor{did_you_mean(str(name), known)}; there are {known}",
                    )
        both = [str(t) for t in listed["keep"] if t in listed["bypass"]]
        if both:
            self.fault(place, f"{', '.join(both)} cannot be both kept and bypassed")
        found.bypass = {str(t) for t in listed["bypass"]}

    def factors(self, value: object, place: At) -> dict[str, tuple[int, int]]:
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        found: dict[str, tuple[int, int]] = {}
        if len(text) > 10_000 or _FACTOR.sub("", text).strip(" ,;"):
            self.fault(place, f"'{text[:60]}' is not read as factors, such as 'M=4 N=5,3 K=1'")
            return found
        for name, factor, last in _FACTOR.findall(text):
            dim = self.names.get(name)
            if dim is None:
                self.fault(place, f"'{name[:40]}' is no dimension{did_you_mean(name, list(self.names))}")
            elif dim in found:
                self.fault(place, f"'{name}' is given twice")
            else:
                number = int(factor)
                if number == 0:
                    self.notes.append(f"factor 0 of '{dim}' at {self.document.at(place)} was taken as its whole extent")
                    number = self.problem.extents[dim]
                found[dim] = number, int(last) if last else number
                if not 1 <= number <= MAX_EXTENT or not 1 <= found[dim][1] <= number:
                    self.fault(place, f"factor of '{dim}' is {factor},{last}; the last tile has 1 to {factor} trips")
        return found

    def permutation(self, value: object, place: At, split: bool) -> list[str]:
        """Dims, innermost first; those that are not named follow in the problem's order."""
        words = list(value) if isinstance(value, str) and " " not in value else str(value or "").split()
        if isinstance(value, list):
            words = [str(v) for v in value]
        if isinstance(value, str) and value in self.names and len(value) > 1:
            words = [value]
        found: list[str] = []
        for word in words:
            dim = self.names.get(word.strip(","))
            if dim is None or dim in found:
                self.fault(place, f"'{word[:40]}' is no dimension or stands twice in the permutation")
            else:
                found.append(dim)
        rest = [d for d in self.problem.extents if d not in found]
        if rest and found:
            trap = "; with 'split' this can move dims between X and Y" if split else ""
            self.notes.append(
                f"{self.document.at(place)}: dims {' '.join(rest)} were appended to the permutation{trap}"
            )
        return [*found, *rest]

    def products(self, memories: Mapping[str, _Directives]) -> None:
        """Factors and residuals must multiply to the extents: iterations = 1 + fold(x -> x * factor + residual - 1)."""
        for dim, extent in self.problem.extents.items():
            last, self.inner[dim] = 0, 1
            for found in memories.values():
                for factors in (found.temporal, *(s.factors for s in found.spatial)):
                    factor, residual = factors.get(dim, (1, 1))
                    last = last * factor + residual - 1
                    self.inner[dim] *= factor
            if last + 1 != extent:
                self.fault(("mapping",), f"the factors of '{dim}' give {last + 1} iterations; its extent is {extent}")

    def kept(self, found: _Directives) -> tuple[str, ...]:
        return tuple(t.name for t in self.problem.tensors if t.name not in found.bypass)

    def level(self, name: str, found: _Directives, places: Sequence[Place], current: dict[str, int]) -> Level:
        temporal = self.turns(found.temporal, list(reversed(found.order or list(self.problem.extents))), current, None)
        spatial: tuple[Turn, ...] = ()
        for one in found.spatial:
            spread = [d for d in one.order if one.factors.get(d, (1, 1))[0] > 1]
            if spread and not places:
                self.fault(
                    one.place, f"'{name}' has no array below it, but a spatial directive over {' '.join(spread)}"
                )
                return Level(name, self.kept(found), temporal)
            cut = len(one.order) if one.split is None else one.split
            leading = [d for d in one.order[:cut] if d in spread]
            behind = [d for d in one.order[cut:] if d in spread]
            if spread:
                xs, ys = _axes(places, name)
                self.room(name, one, spread, leading, behind, (xs, ys))
                for dims, place in ((behind, ys), (leading, xs)):
                    spatial += self.turns(one.factors, list(reversed(dims)), current, place)
        return Level(name, self.kept(found), temporal, spatial)

    def room(self, name: str, found: _Spread, spread: list[str], leading: list[str], behind: list[str],
             axes: tuple[Place | None, Place | None]) -> None:  # fmt: skip
        trips = {d: found.factors[d][0] for d in spread}
        loops = [(d, trips[d]) for d in reversed(spread)]
        xs, ys = axes
        for dims, place, letter in ((leading, xs, "X"), (behind, ys, "Y")):
            used = 1
            for d in dims:
                used *= trips[d]
            size = place.size if place else 1
            if used <= size:
                continue
            if found.split is None and ys is not None and xs is not None:
                error = axis_error(f"{self.document.at(found.place)}: no split", loops, (ys.size, xs.size), ("Y", "X"))
                self.faults += error.problems
            else:
                self.fault(
                    found.place,
                    f"E-FANOUT: {' '.join(dims)} need {used} copies along {letter} below '{name}', which has {size}",
                )

    def turns(self, factors: Mapping[str, tuple[int, int]], order: Sequence[str],
              current: dict[str, int], place: Place | None) -> tuple[Turn, ...]:  # fmt: skip
        """Loops of one directive. The tile below each is what the factors further in multiply to."""
        made = []
        for dim in order:
            factor = factors.get(dim, (1, 1))[0]
            self.inner[dim] //= factor
            tile, outside = min(self.inner[dim], current[dim]), current[dim]
            if tile < outside:
                loop = Loop(dim, tile, *((place.fanout, place.axis) if place else ()))
                made.append(Turn(loop, loop.trips(outside), outside % tile == 0))
                current[dim] = tile
        return tuple(made)


def _write(problem: Problem, architecture: Architecture | None, mapping: MappingTree) -> Written:
    if architecture is None:
        raise InputError("Timeloop's directives lie on a chip's memories and axes; give it (--arch)")
    return mapping_to_timeloop(mapping, problem, architecture)


def _read(path: Path, problem: Problem | None, architecture: Architecture | None, layer: str | None) -> ReadMapping:
    if problem is None or architecture is None:
        raise InputError(f"{path}: a Timeloop mapping is read with its problem and chip (--problem, --arch)")
    return mapping_from_timeloop(path, problem, architecture)


TIMELOOP = Notation(name="timeloop", write=_write, read=_read)
