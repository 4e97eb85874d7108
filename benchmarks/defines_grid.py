"""DeFiNES's published grid: 108 points of FSRCNN on Meta_prototype_DF, faithful, loop factor limits 6 and 8.

The authors' 45 minutes (limit 6) and 18 hours (limit 8) are for one thread; `--full` adds limit 8 and the proven optimum
of every tile-layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from _measure import cpu_seconds

ROWS = Path(__file__).resolve().parent.parent / "tests" / "reference" / "defines"
PUBLISHED = {6: 45 * 60, 8: 18 * 3600}


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    from tileloom.architecture.notation.zigzag import read_defines_architectures
    from tileloom.explore.conform.defines import conform_defines
    from tileloom.fusion.depth_first import Point, prepare
    from tileloom.fusion.grid import PUBLISHED_GRID, run_grid
    from tileloom.fusion.memo import Searching
    from tileloom.fusion.rules import FAITHFUL
    from tileloom.workload.frontends.zigzag import read_defines_workloads

    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    full = parser.parse_known_args(list(flags))[0].full
    network = read_defines_workloads(ROWS / "workloads.json")["fsrcnn@Meta_prototype"]
    setting = prepare(network, read_defines_architectures(ROWS / "architectures.json")["Meta_prototype_DF"], FAITHFUL)
    _, seconds = cpu_seconds(lambda: run_grid(setting, [Point(1, 960, 540)], Searching(3)))
    yield f"compiling or loading the mapper: {seconds:.1f} CPU s"
    for limit in (6, 8, None) if full else (6,):
        searching = Searching(limit, faithful=limit is not None)
        result, seconds = cpu_seconds(lambda s=searching: run_grid(setting, PUBLISHED_GRID, s))
        found = result.found
        energies, cycles = [p.totals.energy_pj for p in found], [p.totals.cycles for p in found]
        name = "proven optimum" if limit is None else f"lpf_limit {limit}"
        text = (
            f"{name}: {len(found)} points, {result.distinct:,} of {result.asked:,} tile-layers searched, {seconds:.1f} CPU s; "
            f"energy {min(energies) / 1e9:.3f} .. {max(energies) / 1e9:.2f} mJ, "
            f"cycles {min(cycles) / 1e6:.3f} .. {max(cycles) / 1e6:.1f} M"
        )
        yield text + (f"; the authors {PUBLISHED[limit] / seconds:,.0f} x as long" if limit in PUBLISHED else "")
    report, seconds = cpu_seconds(lambda: conform_defines(ROWS))
    yield f"{report.last_line}, {seconds:.1f} CPU s"
