"""Numbers that NeuroSpector prints about one table, in its words: read from its screen report, and made of our analysis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tileloom.architecture.notation.neurospector import Accelerator
from tileloom.cost.models.neurospector.analysis import Analysis
from tileloom.explore.conform.base import Check, close
from tileloom.explore.conform.neurospector_columns import columns

PRINTED_DIGITS = 6
_LINE = re.compile(r"^\s*([A-Z][A-Z ]*[A-Z])\s*:\s*([-+0-9.eE]+)\s*$", re.MULTILINE)


def printed_numbers(text: str) -> dict[str, float]:
    """'LB I TILE SIZE' -> 16.0 and so on, of what stands below '[Analyze Results]'."""
    return {
        " ".join(name.split()): float(value) for name, value in _LINE.findall(text.partition("[Analyze Results]")[2])
    }


def our_numbers(accelerator: Accelerator, analysis: Analysis) -> dict[str, float]:
    """The same names with our numbers."""
    c = columns(accelerator, analysis)
    found = {name.upper().replace("_", " "): value for name, value in c.items()}
    for short in ("LB", "GB", "DRAM"):
        for t in "IWO":
            low = f"{short}_{t}".lower()
            found[f"{short} {t} TILE SIZE"] = c[f"{low}_tile_size" if short == "DRAM" else f"{low}_alloc"]
            found[f"{short} {t} READ ACCESS COUNT"] = c[f"{low}_read_access_count" if short == "DRAM" else f"{low}_rd"]
        found[f"{short} O WRITE ACCESS COUNT"] = c[
            "dram_o_write_access_count" if short == "DRAM" else f"{short.lower()}_o_wt"
        ]
    for name in ("MAC", "LB", "GB", "DRAM"):
        low = name.lower()
        found[f"{name} ENERGY"] = c[f"{low}_dynamic_energy"] + c[f"{low}_static_energy"]
    found["MAC ARRAY UTILIZATION"] = 100.0 * analysis.active_macs / accelerator.array("mac_array").size
    return found


def compared(row: str, expected: Mapping[str, float], ours: Mapping[str, float]) -> Iterator[Check]:
    """A check per printed number: counts exactly, the others to the six digits that are printed."""
    for words, value in expected.items():
        name = " ".join(words.split())
        if name not in ours:
            yield Check("NeuroSpector counts", row, name, False, value, "no such number")
        else:
            yield printed("NeuroSpector counts", row, name, value, ours[name])


def printed(kind: str, row: str, what: str, expected: float, got: float) -> Check:
    whole = any(word in what for word in ("COUNT", "SIZE", "ACTIVE"))
    return close(kind, row, what, expected, got if whole else float(f"{got:.{PRINTED_DIGITS}g}"), 0.0)
