"""How the fused optimum's cost grows with the number of layers: CPU seconds of chains of 8 to 96 matmuls, and a picture.

`python benchmarks/fused_layers.py docs/fused_layers.svg` draws what it measured (extra `plot`); through run.py it prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fused_chains import ours
from tileloom.report.plots import altair_module, save_chart

LAYERS = (8, 16, 32, 48, 64, 80, 96)
SHAPE = (256, 64, 65536)


def measured() -> list[tuple[int, float, str]]:
    """(matmuls, CPU seconds, status) of 256 x 64 x 64 chains with a buffer of 64 kbit, least energy."""
    ours(3, 16, 8, 512, "energy")
    found = []
    for layers in LAYERS:
        result, seconds = ours(layers, *SHAPE, "energy")
        found.append((layers, seconds, result.status))
    return found


def line(rows: Sequence[tuple[int, float, str]]) -> tuple[float, float, float]:
    """(seconds per layer, seconds at no layer, correlation) of the straight line through the points."""
    x, y = np.array([r[0] for r in rows], dtype=float), np.array([r[1] for r in rows])
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(start), float(np.corrcoef(x, y)[0, 1])


def draw(rows: Sequence[tuple[int, float, str]], path: Path) -> None:
    """The points and their straight line, by the ending of the path: .svg, .png, .pdf."""
    alt = altair_module()
    slope, start, _ = line(rows)
    points = [{"layers": n, "seconds": s} for n, s, _ in rows]
    ends = [{"layers": n, "seconds": start + slope * n} for n in (LAYERS[0], LAYERS[-1])]
    x = alt.X("layers:Q", title="matmuls in the chain")
    y = alt.Y("seconds:Q", title="CPU seconds, proved optimum", scale=alt.Scale(zero=True))
    trend = alt.Chart(alt.Data(values=ends)).mark_line(strokeDash=[4, 4], color="#8a8f98").encode(x=x, y=y)
    dots = alt.Chart(alt.Data(values=points)).mark_line(point=True, color="#4269d0").encode(x=x, y=y)
    save_chart((trend + dots).properties(width=420, height=220), path)


def main(flags: Sequence[str] = ()) -> Iterator[str]:
    rows = measured()
    for layers, seconds, status in rows:
        yield f"{layers} matmuls: {seconds:.3f} CPU s, {1000 * seconds / layers:.1f} ms per layer, {status}"
    slope, start, fit = line(rows)
    yield f"straight line: {1000 * slope:.1f} ms per layer + {1000 * start:.0f} ms, correlation {fit:.4f}"
    paths = [Path(f) for f in flags if not f.startswith("-")]
    for path in paths:
        draw(rows, path)
        yield f"drawn: {path}"


if __name__ == "__main__":
    for text in main(sys.argv[1:]):
        print(text)
