"""MAESTRO's hardware: a handful of numbers, read from and written to its hardware files.

The numbers alone do not make an `Architecture`: energies belong to the cost model, there is no list of memories.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tileloom.core.errors import MAX_PROBLEMS, InputError, did_you_mean
from tileloom.core.tokens import Token, leading_integer, minus_signs, read_text, tokenize

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
        wrong = [
            f"{name} is {getattr(self, name)}; expected at least {low}"
            for name, low in _LEAST.items()
            if getattr(self, name) < low
        ]
        if wrong:
            raise InputError(wrong)


_LEAST = {name: 1 for name in MaestroHardware.__slots__ if name != "innermost_noc_only"} | {"noc_latency_cycles": 0}
_KEYS = {
    "num_pes": "num_pes",
    "l1_size_cstr": "l1_bytes",
    "l2_size_cstr": "l2_bytes",
    "noc_bw_cstr": "noc_elements_per_cycle",
    "NoC_NumHops": "noc_latency_cycles",
    "offchip_bw_cstr": "offchip_elements_per_cycle",
}


def read_hardware(path: str | Path, simd_lanes: int = 1, *, faithful: bool = False) -> MaestroHardware:
    """The hardware of a file. Raises InputError with everything that is wrong, by line.

    faithful   read -4 and 4abc as 4, and take the last of a repeated key, as the original does
    """
    return parse_hardware(read_text(Path(path)), str(path), simd_lanes, faithful=faithful)


def parse_hardware(
    text: str, name: str = "hardware", simd_lanes: int = 1, *, faithful: bool = False
) -> MaestroHardware:
    """As `read_hardware`; `name` stands for the file in messages. Absent keys get the original's defaults."""
    tokens = tokenize(text, SEPARATORS, COMMENT, name)
    values = {"num_pes": 1}
    lines: dict[str, int] = {}
    problems = [] if faithful else minus_signs(text, COMMENT)
    for key, value in zip(tokens[::2], (*tokens[1::2], None)):
        wrong = _wrong_entry(key, value, faithful)
        if wrong is None and key.text in lines and not faithful:
            wrong = f"{key.text} is given again, after line {lines[key.text]}; remove one"
        if wrong is not None:
            problems.append((key.line, wrong))
        elif value is not None:
            values[_KEYS[key.text]] = leading_integer(value.text)
        lines.setdefault(key.text, key.line)
        if len(problems) >= MAX_PROBLEMS - 1:
            problems = [*problems[: MAX_PROBLEMS - 1], (key.line, "not read from here on: too many faults")]
            break
    if problems:
        raise InputError([f"{name}:{line}: {told}" for line, told in sorted(problems)], file=name)
    return replace(MaestroHardware(num_pes=1, simd_lanes=simd_lanes), **values)  # type: ignore[arg-type]


def _wrong_entry(key: Token, value: Token | None, faithful: bool) -> str | None:
    if key.text not in _KEYS:
        return f"unknown key '{key.text}'{did_you_mean(key.text, _KEYS)}; there are {', '.join(_KEYS)}"
    if value is None or not value.text[0].isdigit():
        return f"{key.text} needs a whole number, got {'nothing' if value is None else repr(value.text)}"
    if not value.text.isdecimal() and not faithful:
        return f"{key.text} is '{value.text}', no whole number (the original reads {leading_integer(value.text)})"
    least = _LEAST[_KEYS[key.text]]
    if leading_integer(value.text) < least:
        return f"{key.text} is {value.text}; expected at least {least}"
    return None


def format_hardware(hardware: MaestroHardware) -> str:
    """The text of a hardware file. `simd_lanes` is not part of the format; the original takes it as an option.

    >>> format_hardware(MaestroHardware(num_pes=4)).splitlines()[0]
    'num_pes: 4'
    """
    return "".join(f"{key}: {getattr(hardware, field)}\n" for key, field in _KEYS.items())
