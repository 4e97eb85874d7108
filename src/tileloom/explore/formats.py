"""Files that hold networks: which format a file is in, by its ending and its first lines, and the reader of each.

Installed packages add formats through the entry-point group `tileloom.formats`; a `Format` is all they need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tileloom.core.errors import InputError
from tileloom.core.registry import Registry, from_module

if TYPE_CHECKING:
    from tileloom.workload.network import Network

HEAD_BYTES = 1_000_000


@dataclass(frozen=True)
class Request:
    """A file with what the user gave for it.

    bind       sizes of symbolic dimensions; a format without any refuses them
    bits       of every value; None for the format's own
    variables  for templates and configurations
    """

    path: Path
    bind: Mapping[str, int] = field(default_factory=dict)
    bits: int | None = None
    variables: Mapping[str, object] = field(default_factory=dict)

    def nothing_to_bind(self) -> None:
        if self.bind:
            raise InputError(f"{self.path}: files of this format have no symbolic dimensions, got {sorted(self.bind)}")

    @property
    def width(self) -> int:
        from tileloom.workload.layers import DEFAULT_BITS

        return self.bits if self.bits is not None else DEFAULT_BITS


@dataclass(frozen=True)
class Format:
    """endings  of file names, with the dot; accepts: whether the first megabyte of such a file is in this format."""

    endings: tuple[str, ...]
    accepts: Callable[[bytes], bool]
    read: Callable[[Request], Network]


def recognise(path: Path) -> str | None:
    """The name of the format that a file is in, None when no format takes it. Raises InputError for missing files."""
    ending = path.suffix.lower()
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}", file=str(path)) from None
    listed = [(name, FORMATS.get(name)) for name in FORMATS.names()]
    by_ending = [(n, f) for n, f in listed if ending in f.endings]
    # A file without a telling name is known by its content alone.
    candidates = by_ending or ([(n, f) for n, f in listed if ".txt" in f.endings] if ending in ("", ".txt") else [])
    for name, format_ in candidates:
        if format_.accepts(head):
            return name
    return candidates[0][0] if len(candidates) == 1 else None


def read_file(request: Request) -> Network:
    """The network in a file of any known format. InputError names the formats when none takes it."""
    name = recognise(request.path)
    if name is None:
        known = ", ".join(f"{n} ({' '.join(FORMATS.get(n).endings)})" for n in FORMATS.names())
        raise InputError(f"{request.path}: in no known format; there are: {known}", file=str(request.path))
    return FORMATS.get(name).read(request)


def _always(head: bytes) -> bool:
    return True


def _section(name: bytes) -> Callable[[bytes], bool]:
    pattern = re.compile(rb"^" + name + rb"\s*:", re.MULTILINE)
    return lambda head: pattern.search(head) is not None


def _mlir(request: Request) -> Network:
    from tileloom.workload.frontends.mlir.reader import read_mlir

    request.nothing_to_bind()
    return read_mlir(request.path, bits=request.width)


def _onnx(request: Request) -> Network:
    from tileloom.workload.frontends.onnx import read_onnx

    return read_onnx(request.path, request.bind, bits=request.width)


def _yaml(request: Request) -> Network:
    from tileloom.workload.frontends.yaml import read_workload

    request.nothing_to_bind()
    return read_workload(request.path)


def _accelforge(request: Request) -> Network:
    from tileloom.explore.accelforge_files import read_network

    return read_network(request.path, request.variables)


def _timeloop(request: Request) -> Network:
    from tileloom.workload.frontends.timeloop import read_timeloop

    request.nothing_to_bind()
    return read_timeloop(request.path, bits=request.width)


def _comet(request: Request) -> Network:
    from tileloom.workload.frontends.comet import read_comet

    return read_comet(request.path, request.bind, bits=request.width)


def _tccg(request: Request) -> Network:
    from tileloom.workload.frontends.tccg import read_tccg

    return read_tccg(request.path, request.bind, bits=request.width)


def _neurospector(request: Request) -> Network:
    from tileloom.workload.frontends.neurospector import read_layers
    from tileloom.workload.network import Layer, Network

    request.nothing_to_bind()
    found = read_layers(request.path)
    problems = [layer.problem(request.width) for layer in found.layers]
    layers = tuple(Layer(name=p.name, problem=p, operator=p.op) for p in problems)
    return Network(found.name or request.path.stem, layers, source=str(request.path))


def _dmazerunner(request: Request) -> Network:
    from tileloom.workload.frontends.dmazerunner import load_network

    request.nothing_to_bind()
    return load_network(request.path)


def _maestro(request: Request) -> Network:
    from tileloom.mapping.notation.maestro_meaning import network_of
    from tileloom.mapping.notation.maestro_reader import read_mapping

    request.nothing_to_bind()
    if request.bits is not None:
        raise InputError(f"{request.path}: elements of MAESTRO's files are bytes; leave --bits out")
    return network_of(read_mapping(request.path))


YAML = (".yaml", ".yml")
# Neither crosses lines: over many empty ones a search would take the square of their number.
_MLIR_HEAD = re.compile(rb"^[ \t]*(?:module\b|func\.func\b|#\w+\s*=|!\w+\s*=|\"builtin\.module\"|//)", re.MULTILINE)
_TCCG_LINE = re.compile(rb"^[ \t]*(?:[\w.]+[ \t]*:[ \t]*)?\w+(?:\[|-\w+-\w+)", re.MULTILINE)


def accelforge() -> Format:
    return Format((*YAML, ".jinja"), _section(b"workload"), _accelforge)


def timeloop() -> Format:
    takes = _section(b"problem")
    shape = _section(b"shape")
    return Format(YAML, lambda head: takes(head) or shape(head), _timeloop)


def mlir() -> Format:
    return Format((".mlir", ".txt"), lambda head: _MLIR_HEAD.search(head) is not None, _mlir)


def comet() -> Format:
    return Format((".ta", ".comet", ".txt"), lambda head: b"IndexLabel" in head, _comet)


def tccg() -> Format:
    return Format(
        (".tccg", ".txt"),
        lambda head: _TCCG_LINE.search(head) is not None,
        _tccg,
    )


def onnx() -> Format:
    return Format((".onnx",), _always, _onnx)


def yaml() -> Format:
    return Format(YAML, _always, _yaml)


def neurospector() -> Format:
    return Format((".cfg",), lambda head: b"[LAYERS]" in head, _neurospector)


def dmazerunner() -> Format:
    return Format((".json",), _always, _dmazerunner)


def maestro() -> Format:
    return Format((".m",), lambda head: b"Network" in head, _maestro)


def _made(name: str) -> Callable[[], Format]:
    load = from_module(f"tileloom.explore.formats:{name}")
    return lambda: load()()


FORMATS: Registry[Format] = Registry(
    kind="format",
    group="tileloom.formats",
    # Where several take the same ending, the first whose content fits: our own YAML comes last.
    builtin={
        name: _made(name)
        for name in (
            "onnx", "mlir", "accelforge", "timeloop", "yaml", "comet", "tccg", "neurospector", "dmazerunner", "maestro",
        )
    },
    about={
        "onnx": "network: .onnx file; shapes are inferred, weights never read (extra 'onnx')",
        "mlir": "network: MLIR text of linalg, affine loops, TOSA or StableHLO; .mlir file, no extra needed",
        "accelforge": "architecture, workload and mapping files of AccelForge, templates included (extra 'accelforge')",
        "timeloop": "problem: YAML file of Timeloop with 'problem:', 'shape' and 'instance'",
        "yaml": "network or problem, architecture, mapping: Tileloom's own files",
        "comet": "network: contractions in COMET's tensor language, dense tensors; .ta file",
        "tccg": "network: contractions with sizes as the TCCG benchmark writes them; .tccg file",
        "neurospector": "network: layer table of NeuroSpector; .cfg file",
        "dmazerunner": "network: model file of dMazeRunner; .json file",
        "maestro": "network: model or mapping file of MAESTRO; .m file",
    },
)  # fmt: skip

OBJECTS = (
    ("einsum", "network or problem: text as 'O[m, n] += A[m, k] * B[k, n]' with sizes"),
    ("hf:NAME", "network: a Hugging Face transformers model from its configuration, no weights (extra 'huggingface')"),
    ("torch", "network: a PyTorch module through torch.export, from Python (extra 'torch')"),
    ("keras", "network: a Keras 3 model on JAX or torch, from Python (extra 'keras')"),
    ("jax", "network: a JAX function by its jaxpr, from Python (extra 'jax')"),
)
"""What is read but is no file: (name, one line)."""
