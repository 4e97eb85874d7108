"""`tileloom conform accelforge`: how many of AccelForge's published rows are recomputed, and the CPU time it takes.

The rows are the project's own in tests/reference/accelforge, or those in `--reference DIR` or $TILELOOM_REFERENCE.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from _measure import cpu_seconds

OWN = Path(__file__).resolve().parent.parent / "tests" / "reference" / "accelforge"


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    from tileloom.explore.conform.accelforge import conform_accelforge

    parser = argparse.ArgumentParser()
    parser.add_argument("--reference", default=os.environ.get("TILELOOM_REFERENCE"))
    named = parser.parse_known_args(list(flags))[0].reference
    report, seconds = cpu_seconds(lambda: conform_accelforge(Path(named) if named else OWN))
    yield from str(report).splitlines()
    rows = "the rows named" if named else "tests/reference/accelforge"
    yield f"{rows}: {len(report.rows)} rows in {seconds:.2f} CPU s, compiling or loading kernels included"
