"""Colours of the page, once for light and once for dark: operands by hue, memories by depth, status by meaning.

Operands use the blue, orange and green of Okabe and Ito (Color Universal Design, 2008), which stay apart for the
common kinds of colour blindness; memories are one purple ramp, dark = far from the arithmetic, read by lightness.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.report.data import ReportData

LIGHT = {
    "bg": "#f6f7f9", "card": "#ffffff", "ink": "#1b1f27", "soft": "#5b6472", "faint": "#8b93a1", "line": "#e1e5eb",
    "track": "#eef0f4", "accent": "#3a4fc4", "input": "#0b72b5", "weight": "#e69500", "output": "#009b74",
    "compute": "#7c8594", "leakage": "#b9bfc9", "good": "#0a7d55", "goodbg": "#dff4ea", "warn": "#8a5a00",
    "warnbg": "#fdf0d2", "bad": "#b3261e", "badbg": "#fbe4e2",
}  # fmt: skip
DARK = {
    "bg": "#12151b", "card": "#1a1e26", "ink": "#e7eaf0", "soft": "#a4adbb", "faint": "#7a8393", "line": "#2c323d",
    "track": "#252a34", "accent": "#97a6ff", "input": "#4aa8e8", "weight": "#f0ab2e", "output": "#25bd93",
    "compute": "#8d97a7", "leakage": "#59616e", "good": "#5fd6a8", "goodbg": "#143529", "warn": "#f2c14e",
    "warnbg": "#3a2e10", "bad": "#ff8a80", "badbg": "#43201d",
}  # fmt: skip
RAMP_LIGHT = ((0x3C, 0x1A, 0x6B), (0x8A, 0x48, 0xBA), (0xDD, 0xB6, 0xEE))
RAMP_DARK = ((0x6A, 0x3D, 0xB5), (0xA5, 0x70, 0xD8), (0xEA, 0xCD, 0xF8))


def ramp(stops: Sequence[tuple[int, int, int]], steps: int) -> list[str]:
    """`steps` colours from the first stop to the last, evenly spaced along the stops."""
    colours = []
    for i in range(steps):
        at = (i / (steps - 1) if steps > 1 else 0.0) * (len(stops) - 1)
        low = min(int(at), len(stops) - 2)
        mixed = [round(a + (b - a) * (at - low)) for a, b in zip(stops[low], stops[low + 1])]
        colours.append("#{:02x}{:02x}{:02x}".format(*mixed))
    return colours


def component_colours(data: ReportData) -> dict[str, str]:
    """CSS colour of every component: memories by depth, compute units grey."""
    units = {u.name for u in data.units if u.kind == "compute"}
    colours: dict[str, str] = {}
    for name in data.components():
        colours[name] = "var(--compute)" if name in units else f"var(--m{sum(c not in units for c in colours)})"
    return colours


def css_variables(data: ReportData) -> str:
    """The `:root` rules for both schemes; `data-theme` on the root element overrides what the system prefers."""
    return scheme_rules(sum(colour != "var(--compute)" for colour in component_colours(data).values()))


def scheme_rules(steps: int) -> str:
    """`css_variables` with this many steps of the memories' ramp (--m0, --m1, ...)."""
    light = _rules(LIGHT, ramp(RAMP_LIGHT, steps))
    dark = _rules(DARK, ramp(RAMP_DARK, steps))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{@media screen{{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}"
    )


def _rules(colours: dict[str, str], memories: list[str]) -> str:
    return "".join(f"--{k}:{v};" for k, v in colours.items()) + "".join(f"--m{i}:{c};" for i, c in enumerate(memories))
