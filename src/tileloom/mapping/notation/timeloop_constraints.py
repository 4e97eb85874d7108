"""Timeloop's constraints (lists of targets with factors, permutations, bypass) as our rules. Mappings are in timeloop.py.

A factor says how often a level repeats, our rules say what a tile holds; they are the same where the factors of all
levels further in are fixed. What has no such form is told, never dropped silently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tileloom.architecture.model import Architecture, TensorSet
from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.yamlio import Document, Place
from tileloom.mapping.constraints import AxisRule, Constraints, MapperRules, OrderRule, TileRule
from tileloom.mapping.notation.levels import Place as Axis
from tileloom.mapping.notation.levels import places_between

TOP = ("mapspace_constraints", "architecture_constraints", "mapspace")
"""Keys that such a file begins with."""
_TYPES = ("temporal", "spatial", "datatype", "bypass", "utilization", "max_overbooked_proportion")
_KEYS = ("target", "type", "factors", "permutation", "split", "keep", "bypass", "min", "no_reuse", "no_link_transfer")
_FACTOR = re.compile(r"([A-Za-z_]\w*)\s*(<=|>=|=)?\s*(\d{1,9})")
_ROLES = {"Weights": "weight", "Inputs": "input", "Outputs": "output"}
"""Timeloop's usual names of data spaces; other names are of tensors."""


def is_timeloop(document: Document) -> bool:
    """Whether it is such a file."""
    return isinstance(document.data, dict) and any(key in document.data for key in TOP)


def constraints_from_timeloop(document: Document, architecture: Architecture) -> tuple[Constraints, tuple[str, ...]]:
    """(rules, what of the file has no form here). InputError with every fault and its line."""
    return _Reader(document, architecture).read()


@dataclass(frozen=True)
class _Factor:
    relation: str
    value: int


@dataclass
class _Target:
    """What the entries of one memory say. Permutations innermost first, as written."""

    time: dict[str, _Factor] = field(default_factory=dict)
    space: dict[str, _Factor] = field(default_factory=dict)
    order: list[str] | None = None
    spread: list[str] | None = None
    split: int | None = None
    place: Place = ()


@dataclass
class _Reader:
    document: Document
    architecture: Architecture
    faults: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    tensors: list[tuple[str, TensorSet]] = field(default_factory=list)
    minimum: float | None = None

    def read(self) -> tuple[Constraints, tuple[str, ...]]:
        memories = [m.name for m in self.architecture.memories]
        targets = {name: _Target() for name in memories}
        for place, item in self.items():
            self.entry(item, place, targets)
        axes: list[AxisRule] = []
        for name, places in zip(memories, places_between(self.architecture, memories)):
            axes += self.axes(name, targets[name], places)
        rules = Constraints(
            axes=tuple(axes),
            tensors=tuple(self.tensors),
            tiles=tuple(self.tiles(targets)),
            orders=tuple(self.orders(targets)),
            mapper=MapperRules(min_utilization=self.minimum),
        )
        if self.faults:
            raise InputError(self.faults, file=self.document.file)
        return rules, tuple(dict.fromkeys(self.losses))

    def fault(self, place: Place, what: str) -> None:
        self.faults.append(f"{self.document.at(place)}: {what}")

    def lose(self, place: Place, what: str) -> None:
        self.losses.append(f"{self.document.at(place)}: {what}")

    def items(self) -> list[tuple[Place, dict[str, Any]]]:
        """Every entry with its place: of `targets`, or of the list itself in older files."""
        found: list[tuple[Place, dict[str, Any]]] = []
        data = self.document.data
        assert isinstance(data, dict)
        for key in data:
            body, at = data[key], (key,)
            if key not in TOP:
                self.fault(at, f"unknown key '{key[:40]}'{did_you_mean(key, TOP)}; expected {', '.join(TOP)}")
                continue
            if isinstance(body, dict):
                at = (*at, "targets")  # type: ignore[assignment]
                body = body.get("targets", body.get("constraints"))
            if not isinstance(body, list):
                self.fault(at, "expected 'targets', a list with target and type")
                continue
            for i, item in enumerate(body):
                if isinstance(item, dict):
                    found.append(((*at, i), item))
                else:
                    self.fault((*at, i), "expected a table with target and type")
        return found

    def entry(self, item: Mapping[str, Any], place: Place, targets: Mapping[str, _Target]) -> None:
        for key in item:
            if key not in _KEYS:
                self.fault(
                    (*place, key), f"unknown key '{key[:40]}'{did_you_mean(key, _KEYS)}; expected {', '.join(_KEYS)}"
                )
            elif key.startswith("no_"):
                self.lose(
                    (*place, key),
                    f"{key} of tensors: links and reuse are the architecture's here (stationary, multicast)",
                )
        name, kind = str(item.get("target", "")), str(item.get("type", ""))
        if kind not in _TYPES:
            return self.fault(place, f"type '{kind[:40]}'{did_you_mean(kind, _TYPES)}; expected {', '.join(_TYPES)}")
        if kind == "max_overbooked_proportion":
            return self.lose(place, "tiles that hold more than fits are not taken here")
        if kind == "utilization":
            return self.utilization(item, place)
        if name not in targets:
            near = did_you_mean(name, list(targets))
            return self.fault(
                place, f"'{name[:40]}' is no memory of '{self.architecture.name}'{near}; it has {list(targets)}"
            )
        target = targets[name]
        if kind in ("datatype", "bypass"):
            return self.keeps(name, item, place)
        target.place = place
        factors = self.factors(item.get("factors", ""), (*place, "factors"))
        order = self.order(item.get("permutation"), (*place, "permutation"))
        if kind == "temporal":
            target.time, target.order = target.time | factors, order if order is not None else target.order
            return None
        target.space, target.spread = target.space | factors, order if order is not None else target.spread
        split = item.get("split")
        if split is not None and (isinstance(split, bool) or not isinstance(split, int) or split < 0):
            return self.fault((*place, "split"), f"split is {str(split)[:40]}; expected a whole number")
        target.split = split if split is not None else target.split
        return None

    def utilization(self, item: Mapping[str, Any], place: Place) -> None:
        least = item.get("min")
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
            return self.fault((*place, "min"), f"min is {str(least)[:40]}; expected a share from 0 to 1")
        self.minimum = float(least)
        self.lose(place, f"a share of {least:g} of all units together is asked of every axis")

    def keeps(self, name: str, item: Mapping[str, Any], place: Place) -> None:
        listed: dict[str, list[str]] = {}
        for key in ("keep", "bypass"):
            names = item.get(key) or []
            if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
                return self.fault((*place, key), f"'{key}' must list data spaces")
            listed[key] = names
        if len(listed["keep"]) + len(listed["bypass"]) < 3:
            free = "those that are not named may be kept or not; our rules name all that a memory keeps"
            self.lose(place, f"'{name}': keep {listed['keep']}, bypass {listed['bypass']}: {free}")
            return None
        self.tensors.append((name, TensorSet(tuple(_ROLES.get(n, n) for n in listed["keep"]))))
        return None

    def factors(self, value: object, place: Place) -> dict[str, _Factor]:
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        if len(text) > 10_000 or _FACTOR.sub("", text).strip(" ,;"):
            self.fault(place, f"'{text[:60]}' is not read as factors, such as 'M=4 N<=8 K=1'")
            return {}
        return {name: _Factor(relation or "=", int(number)) for name, relation, number in _FACTOR.findall(text)}

    def order(self, value: object, place: Place) -> list[str] | None:
        if value is None:
            return None
        words = [str(v) for v in value] if isinstance(value, list) else str(value).replace(",", " ").split()
        if len(words) == 1 and not isinstance(value, list):
            words = list(words[0])
        if len(set(words)) < len(words) or len(words) > 100:
            self.fault(place, f"'{str(value)[:60]}' names a dimension twice")
        return words

    def axes(self, name: str, target: _Target, places: Sequence[Axis]) -> list[AxisRule]:
        """Dims with a factor of 1 stay off the array; those before the split lie on X."""
        if not target.space and target.spread is None:
            return []
        source = f"{self.document.at(target.place)}: "
        off = {d for d, f in target.space.items() if f.relation in ("=", "<=") and f.value == 1}
        for dim, factor in target.space.items():
            if dim not in off and not (factor.relation == "=" and factor.value == 0):
                self.lose(
                    target.place,
                    f"'{dim}{factor.relation}{factor.value}' in space below '{name}': the trips are left to the search",
                )
        if not places:
            self.lose(target.place, f"'{name}' has no array below it")
            return []
        if target.spread is None or target.split is None or len(places) != 2:
            if target.split is not None and len(places) == 1 and target.spread is not None:
                return [self.axis(places[0], [d for d in target.spread if d not in off], off, target, source)]
            rules = [self.axis(p, [], off, target, source) for p in places]
            return rules if off else []
        by_name = {p.axis.upper(): p for p in places}
        xs, ys = (by_name["X"], by_name["Y"]) if set(by_name) == {"X", "Y"} else (places[0], places[1])
        leading, behind = target.spread[: target.split], target.spread[target.split :]
        return [
            self.axis(xs, [d for d in leading if d not in off], off, target, source),
            self.axis(ys, [d for d in behind if d not in off], off, target, source),
        ]

    def axis(self, place: Axis, dims: Sequence[str], off: set[str], target: _Target, source: str) -> AxisRule:
        """Only `dims`; without any, all but those that stay off, which needs the dims of a problem: `not_dims`."""
        if not dims and off:
            return AxisRule(fanout=place.fanout, axis=place.axis, not_dims=tuple(sorted(off)), source=source)
        if not dims:
            return AxisRule(fanout=place.fanout, axis=place.axis, max_size=1, source=source)
        return AxisRule(fanout=place.fanout, axis=place.axis, dims=tuple(dims), source=source)

    def tiles(self, targets: Mapping[str, _Target]) -> list[TileRule]:
        """From the innermost memory outwards, as long as every factor of a dim further in is known."""
        found: list[TileRule] = []
        below = dict(zip(targets, places_between(self.architecture, list(targets))))
        dims = dict.fromkeys(d for t in targets.values() for d in (*t.time, *t.space))
        for dim in dims:
            inside, exact, known = 1, True, True
            for name in reversed(list(targets)):
                target = targets[name]
                alone = None if below[name] else _Factor("=", 1)
                for factor in (target.space.get(dim, alone), target.time.get(dim)):
                    if factor is None or factor.value == 0 or factor.relation == ">=":
                        known = False
                    elif known:
                        inside, exact = inside * factor.value, exact and factor.relation == "="
                time = target.time.get(dim)
                if known:
                    source = f"{self.document.at(target.place)}: " if target.place else ""
                    found.append(TileRule(name, dim, "=" if exact else "<=", inside, source))
                elif time is not None and not (time.relation == "=" and time.value == 0):
                    self.lose(
                        target.place,
                        f"'{dim}{time.relation}{time.value}' in time below '{name}': a factor further in is free, and our rules "
                        "bound tiles",
                    )
        return found

    def orders(self, targets: Mapping[str, _Target]) -> list[OrderRule]:
        """What is listed stands innermost."""
        return [
            OrderRule(name, (), tuple(reversed(t.order)), f"{self.document.at(t.place)}: ")
            for name, t in targets.items()
            if t.order
        ]
