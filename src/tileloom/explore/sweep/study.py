"""Reads a study file into a `Study`: what is swept, on what, by which engine, within which limits.

Every fault is reported with its line, all at once. Nothing is evaluated here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

from tileloom.architecture.model import Architecture
from tileloom.architecture.notation.maestro import read_hardware
from tileloom.core.digest import digest, digest_file
from tileloom.core.errors import InputError, TileloomError, did_you_mean
from tileloom.core.files import is_file
from tileloom.core.validate import fault, validate
from tileloom.core.yamlio import Document, Place, load_yaml, parse_yaml
from tileloom.cost.models.maestro.technology import TECHNOLOGIES
from tileloom.explore.sources import load_network
from tileloom.explore.sweep import machine
from tileloom.explore.sweep.fields import Data, architecture_of, base_data, known_fields, tables_in, with_fields
from tileloom.explore.sweep.schema import METRIC_NAMES, METRICS, StudySchema
from tileloom.explore.sweep.space import Link, Parameter, Space, how_to_shrink
from tileloom.explore.sweep.values import Value, values_of
from tileloom.mapping.notation.maestro_templates import TEMPLATES
from tileloom.workload.network import DistinctProblem, Network

MAX_DESIGNS = {"bulk": 10**12, "mapped": 10**6}
"""Designs that an engine enumerates at most."""
MAX_ADAPTIVE = 2**62
"""Designs of a space that is searched; more have no number of 64 bits."""
BITS = ("bits",)
"""Of the workload; sweepable where a design is an Architecture."""


@dataclass(frozen=True)
class Limit:
    """low <= metric <= high."""

    metric: str
    low: float = -inf
    high: float = inf


@dataclass(frozen=True)
class Study:
    """A study as a value; everything that its file names has been found and checked.

    text      of the file; `folder`: what its relative names are relative to
    problems  distinct problems of the chosen layers with how often each runs
    machine   fields of MAESTRO's machine (model maestro); data, file: of the base architecture (other models)
    """

    text: str
    folder: Path
    given: StudySchema
    space: Space
    network: Network
    problems: tuple[DistinctProblem, ...]
    limits: tuple[Limit, ...]
    objectives: tuple[str, ...]
    machine: dict[str, int] = field(default_factory=dict)
    data: Data = field(default_factory=dict)
    file: str = ""
    chip: Architecture | None = None

    @property
    def on_machine(self) -> bool:
        """Whether designs are MAESTRO machines; else they are architectures."""
        return self.given.engine == "bulk" and self.given.model == "maestro"

    @cached_property
    def key(self) -> str:
        """Content of the study, whatever its file is called."""
        raw = self.given.model_dump(mode="json", exclude={"description", "chunk", "keep", "adaptive"})
        return digest(raw, self.network_key, self.data, self.machine, self.files_key)

    @cached_property
    def files_key(self) -> str:
        """Content of the user's files that are read where designs are priced: energy tables, CACTI, mappings."""
        prices = [p for p in (self.given.prices.l1, self.given.prices.l2) if p is not None]
        named = [*self.given.mappings, *(p.table or p.cacti or "" for p in prices)]
        paths = [self.folder / name for name in named if name]
        paths += [Path(self.file).parent / name for name in tables_in(self.data)]
        # What is no file is a table of the package.
        return digest([[path.name, digest_file(path)] for path in paths if is_file(path)])

    @property
    def network_key(self) -> str:
        return digest([[d.problem.signature, d.count] for d in self.problems])


def load_study(path: str | Path) -> Study:
    """A study from a YAML file. Raises InputError with every fault, its line, and the nearest known name."""
    return _study(load_yaml(path), Path(path).read_text(encoding="utf-8"), Path(path).parent)


def parse_study(text: str, folder: str | Path = ".", *, file: str = "<study>") -> Study:
    """The same from text; relative names are taken relative to `folder`."""
    return _study(parse_yaml(text, file=file), text, Path(folder))


def _study(document: Document, text: str, folder: Path) -> Study:
    given = validate(StudySchema, document)
    return _Reader(document, given, folder).study(text)


class _Reader:
    """Turns a checked schema into a study; collects faults."""

    def __init__(self, document: Document, given: StudySchema, folder: Path) -> None:
        self.document, self.given, self.folder = document, given, folder
        self.faults: list[tuple[int, str]] = []

    def add(self, place: Place, what: str) -> None:
        self.faults.append((self.document.line(place), fault(self.document, place, what)))

    def stop(self) -> None:
        if self.faults:
            raise InputError([text for _, text in sorted(set(self.faults))], file=self.document.file)

    def study(self, text: str) -> Study:
        parameters = self.parameters()
        self.metrics()
        self.names()
        base = self.base()
        network, problems = self.workload()
        links = self.links(parameters, base)
        self.one_problem(problems)
        self.stop()
        study = Study(
            text=text, folder=self.folder, given=self.given, space=Space(parameters, links), network=network,
            problems=problems, limits=tuple(self.limits()), objectives=tuple(map(metric, self.given.objectives)), **base,
        )  # fmt: skip
        self.known_values(study)
        self.size(study.space)
        self.stop()
        return study

    def parameters(self) -> tuple[Parameter, ...]:
        found = []
        for name, raw in self.given.sweep.items():
            try:
                found.append(Parameter(name, values_of(raw)))
            except ValueError as error:
                self.add(("sweep", name), str(error))
        return tuple(found)

    def metrics(self) -> None:
        known = (*METRICS, *METRIC_NAMES)
        for name, limit in self.given.constraints.items():
            if limit.min is not None and limit.max is not None and limit.min > limit.max:
                what = f"min {limit.min:g} is above max {limit.max:g}: no design can meet both"
                self.add(("constraints", name, "min"), what)
            if metric(name) not in METRICS:
                self.add(
                    ("constraints", name),
                    f"no metric '{name}'{did_you_mean(name, known)}; there are {', '.join(METRICS)}",
                )
        seen: set[str] = set()
        for i, name in enumerate(self.given.objectives):
            if metric(name) not in METRICS:
                near = did_you_mean(name, known)
                self.add(("objectives", i), f"no metric '{name}'{near}; there are {', '.join(METRICS)}")
            if metric(name) in seen:
                self.add(("objectives", i), f"'{name}' is named twice")
            seen.add(metric(name))
        if not self.given.objectives:
            self.add(("objectives",), "is empty; name at least one metric")

    def limits(self) -> Iterator[Limit]:
        for name, limit in self.given.constraints.items():
            low = -inf if limit.min is None else limit.min
            high = inf if limit.max is None else limit.max
            if limit.bound is not None and metric(name) == "utilization":
                low = limit.bound
            elif limit.bound is not None:
                high = limit.bound
            yield Limit(metric(name), low, high)

    def names(self) -> None:
        """Model, mapper, technology: known ones."""
        from tileloom.cost.registry import MODELS
        from tileloom.search.registry import MAPPERS

        bulk = ("maestro", "loopnest")
        for key, name, known in (
            ("model", self.given.model, bulk if self.given.engine == "bulk" else MODELS.names()),
            ("mapper", self.given.mapper, MAPPERS.names()),
            ("technology", self.given.technology, tuple(TECHNOLOGIES)),
        ):
            if name not in known:
                listed = ", ".join(known)
                engine = f" for the {self.given.engine} engine" if key == "model" else ""
                self.add((key,), f"no {key} '{name}'{did_you_mean(name, known)}{engine}; there are {listed}")
        if self.given.engine == "bulk" and self.given.model == "maestro":
            self.dataflows()
        elif (
            self.given.engine == "bulk"
            and not self.given.mappings
            and self.given.dataflows
            and isinstance(self.given.dataflows, dict)
        ):
            self.add(("dataflows",), "with model loopnest give names of templates, or `mappings`")

    def dataflows(self) -> None:
        if not self.given.dataflows:
            self.add(("dataflows",), f"is missing; name templates ({', '.join(TEMPLATES)}) or give directives")
        if isinstance(self.given.dataflows, tuple):
            for i, name in enumerate(self.given.dataflows):
                if name not in TEMPLATES:
                    self.add(
                        ("dataflows", i),
                        f"no template '{name}'{did_you_mean(name, TEMPLATES)}; there are {', '.join(TEMPLATES)}",
                    )

    def base(self) -> dict[str, Any]:
        source = self.given.architecture
        if self.given.engine == "bulk" and self.given.model == "maestro":
            return {"machine": self.machine(source)}
        if isinstance(source, dict):
            hint = "; add `model: maestro`, or" if self.given.engine == "bulk" else ";"
            self.add(
                ("architecture",), f"a mapping of fields is for model maestro{hint} give a name or a file of a chip"
            )
            return {}
        try:
            data, chip, file = base_data(source, self.folder)
        except TileloomError as error:
            self.add(("architecture",), str(error))
            return {}
        return {"data": data, "chip": chip, "file": file}

    def machine(self, source: str | dict[str, Any]) -> dict[str, int]:
        if isinstance(source, str) and Path(source).suffix in (".yaml", ".yml"):
            try:
                data = load_yaml(self.folder / source).data
            except TileloomError as error:
                self.add(("architecture",), str(error))
                return {}
            source = data if isinstance(data, dict) else {}
        if isinstance(source, str):
            try:
                found = read_hardware(self.folder / source)
            except TileloomError as error:
                self.add(("architecture",), str(error))
                return {}
            return {k: getattr(found, k) for k in machine.FIELDS}
        values: dict[str, int] = {}
        for name, value in source.items():
            if name not in machine.FIELDS:
                near = did_you_mean(name, machine.FIELDS)
                self.add(
                    ("architecture", name), f"no field '{name}'{near}; the machine has {', '.join(machine.FIELDS)}"
                )
            elif isinstance(value, bool) or not isinstance(value, int) or value < 0:
                self.add(("architecture", name), f"is {value!r}; expected a whole number")
            else:
                values[name] = value
        names = {*values, *self.given.sweep, *self.given.linked}
        if "num_pes" not in names:
            self.add(("architecture",), "num_pes is neither given nor swept nor linked")
        return values

    def workload(self) -> tuple[Network, tuple[DistinctProblem, ...]]:
        from dataclasses import replace

        beside = self.folder / self.given.network
        source = str(beside) if is_file(beside) else self.given.network
        try:
            network = load_network(source, bind=self.given.bind or None, bits=self.given.bits)
        except TileloomError as error:
            self.add(("network",), str(error))
            return Network("", ()), ()
        known = [layer.name for layer in network.layers]
        for i, name in enumerate(self.given.layers):
            if name not in known:
                self.add(("layers", i), f"'{network.name}' has no layer '{name}'{did_you_mean(name, known)}")
        if self.given.layers:
            network = replace(network, layers=tuple(la for la in network.layers if la.name in self.given.layers))
        return network, network.problems

    def fields(self, base: dict[str, Any]) -> tuple[str, ...]:
        """What may be swept or linked."""
        if "machine" in base:
            return (*machine.FIELDS, *machine.OTHERS, *self.symbols())
        extra = ("dataflow",) if self.given.engine == "bulk" else ()
        return (*known_fields(base["data"]), *BITS, *extra) if base.get("data") else ()

    def symbols(self) -> tuple[str, ...]:
        """Names in directives that are no dimension or directive word: sizes that a study may sweep."""
        import re

        if not isinstance(self.given.dataflows, dict):
            return ()
        words = {w for text in self.given.dataflows.values() for w in re.findall(r"[A-Za-z_][A-Za-z_0-9]*", text)}
        return tuple(sorted(w for w in words if len(w) > 1 and w not in ("SpatialMap", "TemporalMap", "Cluster", "Sz")))

    def links(self, parameters: tuple[Parameter, ...], base: dict[str, Any]) -> tuple[Link, ...]:
        known = self.fields(base)
        swept = [p.name for p in parameters]
        found = []
        for name, raw in self.given.linked.items():
            text = str(raw)
            where = self.document.at(("linked", name))
            try:
                tree = ast.parse(_dotless(text, swept), mode="eval")
            except SyntaxError:
                self.add(("linked", name), f"'{text}' is not an expression")
                continue
            used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
            uses = tuple(p for p in swept if _plain(p) in used)
            if not uses:
                self.add(
                    ("linked", name),
                    f"'{text}' uses no swept parameter; give it in `architecture`, or name one of {', '.join(swept)}",
                )
            found.append(_DottedLink(name, text, uses, where))
        helpers = {u for link in found for u in link.uses}
        for name in self.given.sweep:
            if known and name not in known and name not in helpers:
                self.add(("sweep", name), self.unknown(name, known))
        for name in self.given.linked:
            if known and name not in known:
                self.add(("linked", name), self.unknown(name, known))
        return tuple(found)

    def unknown(self, name: str, known: tuple[str, ...]) -> str:
        near = did_you_mean(name, known)
        shown = ", ".join(known[:30]) + (" ..." if len(known) > 30 else "")
        return f"no field '{name}'{near}; fields are {shown}"

    def known_values(self, study: Study) -> None:
        """Names that are swept must exist, numbers of the machine be whole."""
        for p in study.space.parameters:
            listed = {
                "technology": tuple(TECHNOLOGIES),
                "dataflow": tuple(study.given.dataflows or study.given.mappings),
            }.get(p.name)
            if listed is not None:
                for value in p.values:
                    if value not in listed:
                        self.add(
                            ("sweep", p.name),
                            f"no {p.name} '{value}'{did_you_mean(str(value), listed)}; there are {', '.join(listed)}",
                        )
            elif study.on_machine and p.name in machine.FIELDS:
                wrong = [v for v in p.values if not isinstance(v, int) or v < 1]
                if wrong:
                    self.add(("sweep", p.name), f"holds {wrong[0]!r}; expected whole numbers, at least 1")
            elif study.data and p.name in known_fields(study.data):
                self.refused_values(study, p)

    def refused_values(self, study: Study, parameter: Parameter) -> None:
        """Values that no chip can have, whatever the others are. What depends on others shows when designs are made."""
        for value in parameter.values:
            if isinstance(value, int | float) and value <= 0:
                try:
                    architecture_of(with_fields(study.data, {parameter.name: value}), study.file)
                except InputError as error:
                    reason = error.problems[0].rpartition(": ")[2]
                    self.add(("sweep", parameter.name), f"holds {value}: {reason}")

    def one_problem(self, problems: tuple[DistinctProblem, ...]) -> None:
        if self.given.mappings and len(problems) > 1:
            self.add(
                ("mappings",), f"a mapping is for one problem, the workload has {len(problems)}; choose one by `layers`"
            )

    def size(self, space: Space) -> None:
        limit = MAX_DESIGNS[self.given.engine]
        if self.given.adaptive is not None:
            limit = MAX_ADAPTIVE
        if space.size > limit:
            self.add(("sweep",), how_to_shrink(space, limit))


class _DottedLink(Link):
    """A link whose names may hold dots ('GLB.size_kib'), as fields of architectures do."""

    def value(self, names: Any) -> Value:
        return Link(self.name, _dotless(self.expression, self.uses), self.uses, self.where).value(
            {_plain(k): v for k, v in names.items()}
        )


def _plain(name: str) -> str:
    return name.replace(".", "__").replace("-", "_")


def _dotless(text: str, names: Any) -> str:
    for name in sorted(names, key=len, reverse=True):
        if "." in name or "-" in name:
            text = text.replace(name, _plain(name))
    return text


def metric(name: str) -> str:
    """The full name of a metric."""
    return METRIC_NAMES.get(name, name)
