"""Workload files of AccelForge: a list of einsums with bounds, widths and renames, as Problems.

Covers the text and the `tensor_accesses` form, `iteration_space_shape`, `rank_sizes`, `bits_per_value`, renames (per
einsum and default), copies, repeats and persistent tensors. The form of one einsum is in accelforge_einsum.py,
templates are in core/templated_yaml.py, architecture files in architecture/notation/accelforge.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.expression import number
from tileloom.core.tagged_yaml import TaggedMap
from tileloom.core.templated_yaml import load_templated
from tileloom.workload.frontends.accelforge_bounds import extents_of, read_bound
from tileloom.workload.frontends.accelforge_einsum import Access, accesses_of_list, accesses_of_text
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import Axis, Dim, Problem, Role, Tensor
from tileloom.workload.tensor_sets import TensorNames, evaluate_set, tensor_names

_WORKLOAD_KEYS = ("rank_sizes", "iteration_space_shape", "bits_per_value", "persistent_tensors", "einsums",
                  "n_instances", "version")  # fmt: skip
_EINSUM_KEYS = ("name", "einsum", "tensor_accesses", "iteration_space_shape", "rank_sizes", "renames",
                "is_copy_operation", "n_instances", "bits_per_value")  # fmt: skip
DEFAULT = "default"

_Groups = Mapping[str, frozenset[str]]
"""Sets that depend on the other einsums: name -> tensors."""


@dataclass(frozen=True)
class AccelforgeEinsum:
    """One einsum.

    problem       the computation; roles from the renames
    sets          every set name an architecture may use for it (All, Inputs, ..., input, weight, output, tensor names)
    n_instances   how often it runs
    """

    name: str
    problem: Problem
    sets: Mapping[str, TensorNames]
    n_instances: int = 1


@dataclass(frozen=True)
class AccelforgeWorkload:
    """Einsums in execution order, tensors that pass from one to another, and tensors held throughout."""

    name: str
    einsums: tuple[AccelforgeEinsum, ...]
    intermediates: frozenset[str]
    persistent: frozenset[str]
    source: str = ""

    def einsum(self, name: str) -> AccelforgeEinsum:
        for e in self.einsums:
            if e.name == name:
                return e
        known = [e.name for e in self.einsums]
        raise InputError(f"{self.source}: no einsum '{name}'{did_you_mean(name, known)}; there are {', '.join(known)}")


def read_workload(
    path: str | Path, variables: Mapping[str, object] | None = None, folders: Iterable[Path] = ()
) -> AccelforgeWorkload:
    """Reads a workload file; `variables` are the values of its templates, `folders` further places for includes.

    Raises InputError (all problems of all einsums together), MissingDependencyError when templates need jinja2.
    """
    path = Path(path)
    document = load_templated(path, variables or {}, folders)
    workload = document.get("workload")
    if not isinstance(workload, TaggedMap):
        raise InputError(f"{path}: no 'workload' mapping; keys there: {', '.join(document) or 'none'}", file=str(path))
    return _Reader(str(path), workload, document.get("renames")).read(path.stem)


def to_network(workload: AccelforgeWorkload) -> Network:
    """The workload as a Network: one layer per einsum, run `n_instances` times."""
    layers = tuple(
        Layer(
            name=e.name,
            problem=e.problem,
            operator="copy" if e.problem.copy else e.problem.op,
            inputs=tuple(t.name for t in e.problem.inputs),
            outputs=(e.problem.output.name,),
            count=e.n_instances,
        )
        for e in workload.einsums
    )
    return Network(workload.name, layers, source=workload.source)


def einsum_of(problem: Problem) -> AccelforgeEinsum:
    """A problem from elsewhere with the sets that architecture rules use: its roles stand for the renames."""
    universe = tuple((t.name, t.bits) for t in problem.tensors)
    sets = _basic_sets(problem.tensors, {}, universe)
    for role in ("input", "weight", "output"):
        sets.setdefault(role, tensor_names([t.name for t in problem.tensors if t.role == role], universe))
    return AccelforgeEinsum(problem.name, problem, sets)


@dataclass
class _Raw:
    """An einsum before bounds and roles."""

    name: str
    accesses: tuple[Access, ...]
    entry: TaggedMap
    where: str


class _Reader:
    """Reads one document, collecting every problem before it gives up."""

    def __init__(self, file: str, workload: TaggedMap, renames: object) -> None:
        self.file = file
        self.workload = workload
        self.renames = renames
        self.problems: list[str] = []
        for key in workload:
            if key not in _WORKLOAD_KEYS:
                self.problems.append(f"{file}: workload: unknown key '{key}'{did_you_mean(key, _WORKLOAD_KEYS)}")

    def read(self, name: str) -> AccelforgeWorkload:
        raws = [raw for raw in map(self._try(self._raw), enumerate(self._entries())) if raw is not None]
        self._stop_on_problems()
        produced = {a.name for raw in raws for a in raw.accesses if a.output}
        consumed = {a.name for raw in raws for a in raw.accesses if not a.output}
        uses = Counter(n for raw in raws for n in {a.name for a in raw.accesses})
        shared_tensors = frozenset(n for n, times in uses.items() if times > 1)
        across = {"Intermediates": frozenset(produced & consumed), "Shared": shared_tensors}
        sizes = self._rank_sizes(self.workload.get("rank_sizes"), f"{self.file}: rank_sizes")
        shared = self._bounds(self.workload.get("iteration_space_shape"), f"{self.file}: iteration_space_shape")
        read = self._try(lambda raw: self._einsum(raw, sizes, shared, across))
        einsums = [e for e in map(read, raws) if e is not None]
        self._stop_on_problems()
        persistent = frozenset(n for e in einsums for n in self._persistent(e))
        return AccelforgeWorkload(name, tuple(einsums), across["Intermediates"], persistent, self.file)

    def _stop_on_problems(self) -> None:
        if self.problems:
            raise InputError(self.problems, file=self.file)

    def _try(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def attempt(value: Any) -> Any:
            try:
                return step(value)
            except InputError as error:
                self.problems.extend(error.problems)
                return None

        return attempt

    def _entries(self) -> list[Any]:
        entries = self.workload.get("einsums")
        if not isinstance(entries, list) or not entries:
            raise InputError(
                f"{self.file}: workload: 'einsums' must be a list with at least one einsum", file=self.file
            )
        return entries

    def _raw(self, numbered: tuple[int, Any]) -> _Raw:
        position, entry = numbered
        where = f"{self.file}: einsum {position + 1}"
        if isinstance(entry, str):
            mapping = TaggedMap()
            mapping["einsum"] = entry
            entry = mapping
        if not isinstance(entry, TaggedMap):
            raise InputError(f"{where}: a text or a mapping is needed, got {entry!r}"[:300])
        where = f"{where} (line {entry.line})" if entry.line else where
        unknown = [k for k in entry if k not in _EINSUM_KEYS]
        if unknown:
            raise InputError([f"{where}: unknown key '{k}'{did_you_mean(k, _EINSUM_KEYS)}" for k in unknown])
        if "einsum" in entry:
            accesses = accesses_of_text(str(entry["einsum"]), where)
        else:
            accesses = accesses_of_list(entry.get("tensor_accesses"), where)
        outputs = [a.name for a in accesses if a.output]
        if len(outputs) != 1:
            raise InputError(f"{where}: exactly one output tensor is needed, got {', '.join(outputs) or 'none'}")
        name = str(entry.get("name", outputs[0]))
        return _Raw(name, accesses, entry, f"{self.file}: einsum '{name}'")

    def _rank_sizes(self, value: object, where: str) -> dict[str, int]:
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise InputError(f"{where}: a mapping RANK: size is needed, got {value!r}"[:300])
        return {str(rank): _whole(size, f"{where}: {rank}") for rank, size in value.items()}

    def _bounds(self, value: object, where: str) -> dict[str, int]:
        if value is None:
            return {}
        texts = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
        bounds: dict[str, int] = {}
        for text in texts:
            variable, extent = read_bound(str(text), where)
            bounds[variable] = min(extent, bounds.get(variable, extent))
        return bounds

    def _einsum(self, raw: _Raw, sizes: dict[str, int], shared: dict[str, int], across: _Groups) -> AccelforgeEinsum:
        own_sizes = {**sizes, **self._rank_sizes(raw.entry.get("rank_sizes"), f"{raw.where}: rank_sizes")}
        bounds = {**shared, **self._bounds(raw.entry.get("iteration_space_shape"), raw.where)}
        extents = extents_of(raw.accesses, raw.where, bounds, own_sizes)
        bits = self._bits(raw, across)
        universe = tuple((a.name, bits[a.name]) for a in raw.accesses)
        plain = [Tensor(a.name, "output" if a.output else "input", (), bits[a.name]) for a in raw.accesses]
        across = {**across, "Persistent": self._persistent_names(raw, plain, across, universe)}
        sets = _basic_sets(plain, across, universe)
        self._add_renames(raw, sets)
        tensors = tuple(
            Tensor(a.name, _role(a, sets), tuple(Axis(i.terms, i.offset) for i in a.indices if i.terms), bits[a.name])
            for a in raw.accesses
        )
        copy = bool(raw.entry.get("is_copy_operation", False))
        problem = Problem(raw.name, tuple(Dim(v, n) for v, n in extents.items()), tensors, op="einsum", copy=copy)
        repeats = _whole(self.workload.get("n_instances", 1), f"{self.file}: n_instances")
        repeats *= _whole(raw.entry.get("n_instances", 1), f"{raw.where}: n_instances")
        return AccelforgeEinsum(raw.name, problem, sets, repeats)

    def _bits(self, raw: _Raw, across: _Groups) -> dict[str, int]:
        names = tuple((a.name, 1) for a in raw.accesses)
        plain = [Tensor(a.name, "output" if a.output else "input", ()) for a in raw.accesses]
        sets = _basic_sets(plain, across, names)
        bits: dict[str, int] = {}
        rules: list[tuple[str, object]] = []
        for rule in (self.workload.get("bits_per_value"), raw.entry.get("bits_per_value")):
            given = rule if isinstance(rule, Mapping) else {} if rule is None else {"All": rule}
            rules += sorted(given.items(), key=lambda item: str(item[0]) != "All")
        for key, width in rules:
            # A tensor of another einsum is not in this one's sets.
            held = sets.get(key, _NOTHING) if key.isidentifier() else evaluate_set(key, sets, raw.where)
            bits.update({n: _whole(width, f"{raw.where}: bits_per_value of {key}") for n in held.certain})
        for a in raw.accesses:
            if a.bits is not None:
                bits[a.name] = _whole(a.bits, f"{raw.where}: bits_per_value of {a.name}")
        without = [a.name for a in raw.accesses if a.name not in bits]
        if without:
            raise InputError(
                f"{raw.where}: no bits_per_value for {', '.join(without)}; add 'bits_per_value: {{All: 8}}'"
            )
        return bits

    def _add_renames(self, raw: _Raw, sets: dict[str, TensorNames]) -> None:
        own = _rename_entries(raw.entry.get("renames"), raw.where)
        by_file = self._renames_for(raw.name)
        defaults = self._renames_for(DEFAULT)
        for entries in (own, by_file, defaults):
            fresh = [e for e in entries if e["name"] not in sets]
            for entry in fresh:
                place = f"{raw.where}: rename '{entry['name']}'"
                found = evaluate_set(entry["source"], sets, place)
                if entry.get("expected_count") is not None:
                    expected = number(entry["expected_count"], sets, f"{place}: expected_count")
                    if found.length() != expected:
                        held = ", ".join(sorted(found.certain)) or "no tensor"
                        raise InputError(
                            f"{place}: '{entry['source']}' gives {held}, but {expected} tensors are expected; "
                            f"add 'renames: {{{entry['name']}: TENSOR}}' to the einsum"
                        )
                sets[entry["name"]] = found

    def _renames_for(self, name: str) -> list[dict[str, Any]]:
        given = self.renames
        einsums = given.get("einsums", []) if isinstance(given, Mapping) else []
        found: list[dict[str, Any]] = []
        for entry in einsums if isinstance(einsums, list) else []:
            if isinstance(entry, Mapping) and entry.get("name") == name:
                found += _rename_entries(entry.get("tensor_accesses"), f"{self.file}: renames '{name}'")
        return found

    def _persistent_names(
        self, raw: _Raw, plain: list[Tensor], across: _Groups, universe: tuple[tuple[str, int], ...]
    ) -> frozenset[str]:
        flagged = frozenset(a.name for a in raw.accesses if a.persistent)
        text = self.workload.get("persistent_tensors")
        if text is None:
            return flagged
        sets = _basic_sets(plain, across, universe)
        self._add_renames(raw, sets)
        return evaluate_set(text, sets, f"{raw.where}: persistent_tensors").certain | flagged

    def _persistent(self, einsum: AccelforgeEinsum) -> frozenset[str]:
        return einsum.sets["Persistent"].certain


_NOTHING = TensorNames(frozenset(), frozenset(), ())


def _rename_entries(value: object, where: str) -> list[dict[str, Any]]:
    """`{weight: W}` and `[{name, source, expected_count}]` in one form."""
    if value is None:
        return []
    if isinstance(value, Mapping) and "tensor_accesses" in value:
        value = value["tensor_accesses"]
    if isinstance(value, Mapping):
        return [{"name": str(k), "source": v, "expected_count": None} for k, v in value.items()]
    if isinstance(value, list) and all(isinstance(v, Mapping) and {"name", "source"} <= set(v) for v in value):
        return [dict(v) for v in value]
    raise InputError(f"{where}: renames are {{NAME: TENSOR}} or a list of {{name, source, expected_count}}")


def _basic_sets(
    tensors: Iterable[Tensor],
    across: _Groups,
    universe: tuple[tuple[str, int], ...],
) -> dict[str, TensorNames]:
    listed = list(tensors)
    groups: dict[str, Iterable[str]] = {
        "All": [t.name for t in listed],
        "Tensors": [t.name for t in listed],
        "Nothing": [],
        "Inputs": [t.name for t in listed if not t.is_output],
        "Outputs": [t.name for t in listed if t.is_output],
        "Intermediates": (),
        "Shared": (),
        "Persistent": (),
        **across,
    }
    groups |= {t.name: [t.name] for t in listed}
    return {name: tensor_names(members, universe) for name, members in groups.items()}


def _role(access: Access, sets: Mapping[str, TensorNames]) -> Role:
    if access.output:
        return "output"
    return "weight" if "weight" in sets and access.name in sets["weight"].certain else "input"


def _whole(value: object, where: str) -> int:
    found = number(value, {}, where) if isinstance(value, int | float | str) else None
    if found is None or not 1 <= found < 2**63 or found != int(found):
        raise InputError(f"{where}: {value!r} is not a whole number of at least 1")
    return int(found)
