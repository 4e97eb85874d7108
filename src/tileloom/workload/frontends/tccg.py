"""Files of contractions as the TCCG benchmark writes them: an expression and the sizes of its indices.

C[a,b,i,j] = A[i,m,a] * B[m,j,b]        abcd-dbea-ec & a:48;b:32;c:24;d:48;e:48;
a = 24                                   (one contraction per line)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod
from pathlib import Path

from tileloom.core.errors import InputError
from tileloom.core.tokens import read_text
from tileloom.workload.frontends.einsum import parse_einsum
from tileloom.workload.layers import DEFAULT_BITS
from tileloom.workload.network import Layer, Network
from tileloom.workload.problem import MAX_EXTENT, Problem

MAX_CONTRACTIONS = 10_000
MAX_LINE = 4096
BUDGET_BYTES = 200 * 2**20
"""Size of the largest tensor of a contraction whose sizes are chosen by the benchmark's rule."""

_SIZE = re.compile(r"\s*([A-Za-z_]\w*)\s*[:=]\s*(\d{1,13})\s*")
_EXPRESSION = re.compile(
    r"(?:(?P<name>[\w.-]+)\s*:\s*)?(?P<text>[A-Za-z]+(?:-[A-Za-z]+){2}|\w+\[.*\]\s*\+?=.*\].*?)\s*(?:&(?P<sizes>.*))?"
)
_SETTING = re.compile(r"\s*(alpha|beta|type|transA|transB)\s*[:=].*", re.IGNORECASE)


def read_tccg(path: str | Path, bind: Mapping[str, int] | None = None, *, bits: int = DEFAULT_BITS) -> Network:
    """The contractions of a file; `bind` sizes indices that the file leaves out."""
    file = Path(path)
    return parse_tccg(read_text(file), bind, name=file.stem, file=str(file), bits=bits)


def parse_tccg(
    text: str,
    bind: Mapping[str, int] | None = None,
    *,
    name: str = "contractions",
    file: str = "<text>",
    bits: int = DEFAULT_BITS,
) -> Network:
    """As `read_tccg`. Sizes on lines of their own belong to the expression before them; InputError with every fault.

    Indices without any size get those of the benchmark's rule (`benchmark_sizes`, single precision).
    """
    found: list[tuple[int, str, str, dict[str, int]]] = []
    faults: list[str] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        if not line or _SETTING.fullmatch(line):
            continue
        if len(line) > MAX_LINE or len(found) >= MAX_CONTRACTIONS:
            faults.append(f"{file}:{number}: a line of more than {MAX_LINE} characters, or too many contractions")
            break
        expression = _EXPRESSION.fullmatch(line)
        if expression:
            sizes = _sizes(expression["sizes"] or "")
            label = expression["name"] or f"contraction_{number}"
            if sizes is None:
                faults.append(f"{file}:{number}: '{(expression['sizes'] or '')[:60]}' are no sizes; expected a:24;b:32")
            found.append((number, label, expression["text"], sizes or {}))
        elif (sizes := _sizes(line)) is not None and found:
            found[-1][3].update(sizes)
        else:
            faults.append(
                f"{file}:{number}: '{line[:60]}' is no contraction such as 'abc-adec-ebd' or 'C[a,b] = A[a,k] * B[k,b]'"
            )
    if not found and not faults:
        faults.append(f"{file}:1: no contraction in it")
    layers = []
    for number, label, expression_text, sizes in found:
        try:
            layers.append(_layer(label, expression_text, {**sizes, **_known(bind, expression_text)}, bits))
        except InputError as fault:
            faults += [f"{file}:{number}: {p}" for p in fault.problems]
    if faults:
        raise InputError(faults, file=file)
    return Network(name, tuple(layers), source=file)


def benchmark_sizes(
    expression: str, bytes_per_value: int = 4, fixed: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Sizes that the TCCG benchmark (HPAC/tccg) gives the indices of 'C-A-B': the largest tensor fills its budget.

    An index that comes first in a tensor is rounded up to a multiple of 24, others to the nearer multiple of 4.

    >>> benchmark_sizes("abc-adec-ebd")
    {'a': 96, 'b': 84, 'c': 84, 'd': 84, 'e': 96}
    """
    terms = expression.split("-")
    base = (BUDGET_BYTES / bytes_per_value) ** (1 / max(map(len, terms)))
    up, down = int((base + 3) / 4) * 4, int(base / 4) * 4
    other = up if up - base < base - down else down
    first = {t[0] for t in terms}
    sizes = {c: int((base + 23) / 24) * 24 if c in first else other for c in sorted(set("".join(terms)))}
    return {**sizes, **(fixed or {})}


def _layer(label: str, text: str, sizes: dict[str, int], bits: int) -> Layer:
    letters = re.fullmatch(r"[A-Za-z]+(-[A-Za-z]+)+", text)
    if letters and not sizes:
        sizes = benchmark_sizes(text)
    problem: Problem = parse_einsum(text, dict(sorted(sizes.items())), bits=bits, name=label)
    if prod(problem.extents.values()) > MAX_EXTENT**2:
        raise InputError(f"contraction '{text}' has {problem.macs} points; that is taken for a mistake")
    return Layer(name=label, problem=problem, operator="contraction")


def _known(bind: Mapping[str, int] | None, text: str) -> dict[str, int]:
    return {
        d: s
        for d, s in (bind or {}).items()
        if re.search(rf"(?<!\w){re.escape(d)}(?!\w)", text) or d in text.split("[")[0]
    }


def _sizes(text: str) -> dict[str, int] | None:
    """'a:24;b:32;' or 'a = 24' as sizes; None when it is anything else."""
    sizes: dict[str, int] = {}
    for part in re.split(r"[;,]", text):
        if not part.strip():
            continue
        match = _SIZE.fullmatch(part)
        if match is None:
            return None
        sizes[match[1]] = int(match[2])
    return sizes
