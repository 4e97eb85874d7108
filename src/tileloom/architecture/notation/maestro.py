"""MAESTRO's hardware: a handful of numbers, read from and written to its hardware files.

The numbers alone do not make an `Architecture`: energies belong to the cost model, there is no list of memories.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tileloom.core.errors import InputError, did_you_mean
from tileloom.core.tokens import leading_integer, read_text, tokenize

SEPARATORS = " ,->():\t;"
COMMENT = "//"
UNLIMITED = 2**31 - 1
"""What the original takes for a limit that is not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaestroHardware:
    """A shared L2, a network, PEs with a private L1 and `simd_lanes` multipliers. An element is a byte and a word.

    noc_elements_per_cycle, noc_latency_cycles   of the network at every level
    offchip_elements_per_cycle                   limits the outermost level only
    l1_bytes, l2_bytes                           per PE, and shared; the faithful model only warns about them
    innermost_noc_only    True: the bandwidth and latency hold for the innermost level, the others have 70000 elements per
                          cycle and 1 cycle (what the original's bandwidth sweep does)
    """

    num_pes: int
    simd_lanes: int = 1
    noc_elements_per_cycle: int = UNLIMITED
    noc_latency_cycles: int = 1
    offchip_elements_per_cycle: int = UNLIMITED
    l1_bytes: int = UNLIMITED
    l2_bytes: int = UNLIMITED
    innermost_noc_only: bool = False

    def __post_init__(self) -> None:
        least = {name: 1 for name in self.__slots__ if name != "innermost_noc_only"} | {"noc_latency_cycles": 0}
        wrong = [
            f"{name} is {getattr(self, name)}; expected at least {low}"
            for name, low in least.items()
            if getattr(self, name) < low
        ]
        if wrong:
            raise InputError(wrong)


_KEYS = {
    "num_pes": "num_pes",
    "l1_size_cstr": "l1_bytes",
    "l2_size_cstr": "l2_bytes",
    "noc_bw_cstr": "noc_elements_per_cycle",
    "NoC_NumHops": "noc_latency_cycles",
    "offchip_bw_cstr": "offchip_elements_per_cycle",
}


def read_hardware(path: str | Path, simd_lanes: int = 1) -> MaestroHardware:
    """The hardware of a file. Raises InputError with all unknown keys and their lines."""
    return parse_hardware(read_text(Path(path)), str(path), simd_lanes)


def parse_hardware(text: str, name: str = "hardware", simd_lanes: int = 1) -> MaestroHardware:
    """As `read_hardware`; `name` stands for the file in messages. Absent keys get the original's defaults."""
    tokens = tokenize(text, SEPARATORS, COMMENT)
    values = {"num_pes": 1}
    problems: list[str] = []
    for key, value in zip(tokens[::2], (*tokens[1::2], None)):
        if key.text not in _KEYS:
            near = did_you_mean(key.text, _KEYS)
            problems.append(f"{name}:{key.line}: unknown key '{key.text}'{near}; there are {', '.join(_KEYS)}")
        elif value is None or not value.text[0].isdigit():
            given = "nothing" if value is None else f"'{value.text}'"
            problems.append(f"{name}:{key.line}: {key.text} needs a whole number, got {given}")
        else:
            values[_KEYS[key.text]] = leading_integer(value.text)
    if problems:
        raise InputError(problems, file=name)
    try:
        return replace(MaestroHardware(num_pes=1, simd_lanes=simd_lanes), **values)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError([f"{name}: {p}" for p in error.problems], file=name) from None


def format_hardware(hardware: MaestroHardware) -> str:
    """The text of a hardware file. `simd_lanes` is not part of the format; the original takes it as an option.

    >>> format_hardware(MaestroHardware(num_pes=4)).splitlines()[0]
    'num_pes: 4'
    """
    return "".join(f"{key}: {getattr(hardware, field)}\n" for key, field in _KEYS.items())
