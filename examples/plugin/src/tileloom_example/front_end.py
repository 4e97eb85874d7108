"""A file format: one matrix product a line, `name M N K`, with the ending .gemms and a first line `# gemms`."""

from __future__ import annotations

from tileloom.core.errors import InputError
from tileloom.explore.formats import Format, Request
from tileloom.workload.layers import gemm
from tileloom.workload.network import Layer, Network

HEAD = b"# gemms"
MAX_LINES = 100_000
MAX_BYTES = 10_000_000


def read(request: Request) -> Network:
    """The products as a network. InputError with every line that is none."""
    request.nothing_to_bind()
    if request.path.stat().st_size > MAX_BYTES:
        raise InputError(f"{request.path}: more than {MAX_BYTES} bytes", file=str(request.path))
    layers: list[Layer] = []
    faults: list[str] = []
    lines = request.path.read_text(encoding="utf-8", errors="replace").splitlines()[:MAX_LINES]
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        sizes = words[1:]
        if len(sizes) != 3 or not all(s.isdecimal() and 0 < len(s) < 10 and int(s) > 0 for s in sizes):
            faults.append(f"{request.path}:{number}: expected 'name M N K' with sizes of at least 1, got {line[:80]!r}")
            continue
        m, n, k = map(int, sizes)
        problem = gemm(words[0], M=m, N=n, K=k, bits=request.width)
        layers.append(Layer(name=words[0], problem=problem, operator="gemm"))
    if not layers and not faults:
        faults.append(f"{request.path}: no line 'name M N K' in it")
    if faults:
        raise InputError(faults[:20], file=str(request.path))
    return Network(request.path.stem, tuple(layers), source=str(request.path))


GEMM_LIST = Format((".gemms",), lambda head: head.startswith(HEAD), read)
