"""Reads the case-by-case log that MAESTRO prints, in the order in which cases are finished. Computes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

_CASE = re.compile(r"^=+ CASE (\d+) =+$")
_DIMENSION = re.compile(r"^Dimension (\S+)$")
_NUMBERS = (
    ("occurrences", re.compile(r"^Num status occurrences: (-?\d+)")),
    ("egress", re.compile(r"^\s*egress_traffic (-?\d+)")),
    ("ingress", re.compile(r"^\s*ingress_traffic (-?\d+)")),
    ("macs", re.compile(r"^Number of MACs over sub cluster array: (-?\d+)")),
    ("ingress cycles", re.compile(r"^ingress_comm_delay \(per iteration\): (-?\d+)")),
    ("egress cycles", re.compile(r"^egress_comm_delay \(per iteration\): (-?\d+)")),
    ("compute cycles", re.compile(r"^computation_delay \(per iteration\): (-?\d+)")),
    ("cycles", re.compile(r"^outstanding_delay \(per iteration\): (-?\d+)")),
)
LogCase = dict[str, int | str]


def log_cases(text: str) -> Iterator[LogCase]:
    """Every case as a dictionary: 'level', 'case', 'states' ('K:Init C:Edge ...' in order of name) and numbers.

    Two tensors come in: 'ingress input' and 'ingress filter'. A case whose end is not printed was skipped.
    """
    stack: list[LogCase] = []
    for line in text.splitlines():
        opened = _CASE.match(line)
        if opened:
            stack.append({"case": int(opened[1]), "states": ""})
        elif stack and line.startswith("@ cluster level"):
            new = stack.pop()
            new["level"] = int(line.split()[-1])
            while stack and int(stack[-1]["level"]) >= int(new["level"]):
                yield stack.pop()
            stack.append(new)
        elif stack and "END CASE" in line:
            yield stack.pop()
        elif stack:
            _take(stack[-1], line)
    yield from reversed(stack)


def _take(case: LogCase, line: str) -> None:
    dimension = _DIMENSION.match(line)
    if dimension:
        case["states"] = f"{case['states']} {dimension[1]}:".strip()
    elif line.startswith("Iteration Position: "):
        case["states"] = f"{case['states']}{line.split()[-1]}"
    for name, pattern in _NUMBERS:
        found = pattern.match(line)
        if found:
            key = name
            if name == "ingress":
                key = "ingress filter" if "ingress input" in case else "ingress input"
            case[key] = int(found[1])
