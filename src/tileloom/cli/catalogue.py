"""What `tileloom list` shows: every kind of thing the library and installed packages offer, with a line on each."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any

import tileloom
from tileloom.core.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Entry:
    """One thing in full: text for people, data for programs, and its file when it has one."""

    name: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    file: Path | None = None

    @property
    def path(self) -> str:
        """The file's path. InputError for things that are no file."""
        if self.file is None:
            raise InputError(f"'{self.name}' is not a file; leave --path out")
        return str(self.file)

    def as_plain(self) -> dict[str, Any]:
        return {"name": self.name, "path": str(self.file) if self.file else None, **self.data}


def entries(kind: str) -> list[tuple[str, str]]:
    """(name, one line) of everything of a kind."""
    if kind == "architectures":
        from tileloom.architecture.load import list_architectures
        from tileloom.architecture.notation.zigzag_library import list_machines

        return [*list_architectures(), *list_machines()]
    if kind == "networks":
        from tileloom.workload.frontends.zigzag_library import list_zigzag_networks
        from tileloom.workload.library import list_networks

        return [*list_networks(), *list_zigzag_networks()]
    if kind == "models":
        from tileloom.cost.registry import MODELS

        return MODELS.summaries()
    if kind == "mappers":
        from tileloom.search.registry import MAPPERS

        return MAPPERS.summaries()
    from tileloom.explore.formats import FORMATS, OBJECTS
    from tileloom.mapping.notation.registry import NOTATIONS

    listed = [*FORMATS.summaries(), *OBJECTS]
    return [*listed, *((name, about) for name, about in NOTATIONS.summaries() if name not in dict(listed))]


def entry(kind: str, name: str) -> Entry:
    """One of them in full. InputError names the nearest when there is no such thing."""
    if kind == "architectures":
        return _architecture(name)
    if kind == "networks":
        return _network(name)
    known = dict(entries(kind))
    if name not in known:
        raise InputError(f"no {kind[:-1]} '{name}'{did_you_mean(name, known)}; there are: {', '.join(known)}")
    if kind == "mappers":
        return _mapper(name)
    return Entry(name, f"{name}: {known[name]}", {"summary": known[name]})


def _architecture(name: str) -> Entry:
    from tileloom.architecture.dump import architecture_to_data, describe
    from tileloom.architecture.notation.zigzag_library import load_machine, machine_files
    from tileloom.explore.sources import load_architecture

    machines = machine_files()
    if name in machines:
        machine = load_machine(name)
        return Entry(name, str(machine), {"array": dict(machine.array), "memories": machine.rows()}, machines[name])

    chip = load_architecture(name)
    file = Path(tileloom.__file__).parent / "architecture" / "library" / f"{name}.yaml"
    return Entry(name, describe(chip), architecture_to_data(chip), file if file.is_file() else None)


def _network(name: str) -> Entry:
    from tileloom.workload.frontends.zigzag_library import load_zigzag_network, network_files
    from tileloom.workload.library import library_entry
    from tileloom.workload.load import import_report, load_network

    layered = network_files()
    if name in layered:
        layers = [n.layer for n in load_zigzag_network(name).nodes]
        text = "\n".join([f"{name}: {len(layers)} layers, sizes by DeFiNES's dimension names", *map(str, layers)])
        return Entry(name, text, {"layers": [{"name": y.name, **y.sizes} for y in layers]}, layered[name])

    network = load_network(name)
    lines = [f"{network.name}: {network.macs:,} MACs, {len(network.layers)} layers, from {network.source}"]
    lines += [f"  x{d.count:<3} {d.problem}" for d in network.problems]
    return Entry(name, "\n".join(lines), import_report(network), library_entry(name).path)


def _mapper(name: str) -> Entry:
    from tileloom.search.registry import MAPPERS

    summary = dict(MAPPERS.summaries())[name]
    cls: Any = MAPPERS.get(name)
    options = {f.name: str(f.default) for f in fields(cls) if f.name != "model"} if is_dataclass(cls) else {}
    lines = [
        f"{name}: {summary}",
        "",
        *cleandoc(cls.__doc__ or "").splitlines(),
        "",
        "options:",
        *(f"  {n} = {default}" for n, default in options.items()),
    ]
    data = {"summary": summary, "options": options, "proves_optimal": cls.PROVES_OPTIMAL}
    return Entry(name, "\n".join(lines), data)
