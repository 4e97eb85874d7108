"""What Union's case studies found, as sentences, against what a study here gives: agrees, or why not.

No number of the paper could be verified and no code of it is public, so a claim is compared in direction only.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.explore.algorithms import ANY, ONE, Outcome
from tileloom.explore.arch_study import Point
from tileloom.explore.arch_variants import saturation

Claim = tuple[str, str, str]
"""What the paper finds; whether it holds here; the figures."""

EVEN = 0.02
"""EDPs within this share count as equal."""


def algorithm_claims(outcomes: Sequence[Outcome]) -> list[Claim]:
    """TTGT against native loops: at the smallest extent, at the largest, and with what it moves."""
    extents = sorted({max(o.rewrite.native.extents.values()) for o in outcomes})
    small, large = extents[0], extents[-1]
    claims = []
    for rule, words in ((ONE, "one dim per axis"), (ANY, "any dims on an axis")):
        first = _ratios(outcomes, rule, small)
        if first:
            ahead = [n for n, r in first.items() if r < 1 - EVEN]
            verdict = (
                "agrees" if len(ahead) == len(first) else "does not hold" if not ahead else f"{', '.join(ahead)} only"
            )
            claims.append(
                (f"TTGT has the lower EDP at extent {small}, {words}", verdict, _listed(first, outcomes, rule, small))
            )
    first, last = _ratios(outcomes, ONE, small), _ratios(outcomes, ONE, large)
    both = [n for n in first if n in last]
    if large > small and both:
        closing = all(last[n] >= first[n] * (1 - EVEN) for n in both)
        closed = all(last[n] > 1 - EVEN for n in both)
        verdict = "agrees: it is closed" if closed else "agrees: it narrows" if closing else "does not hold"
        figures = _listed({n: last[n] for n in both}, outcomes, ONE, large)
        claims.append((f"the gap closes at extent {large}, one dim per axis", verdict, figures))
    moved = _ratios(outcomes, ONE, small, moves=True)
    if moved:
        lost = [n for n, r in moved.items() if r > 1]
        verdict = "does not hold" if len(lost) == len(moved) else "holds" if not lost else f"lost for {', '.join(lost)}"
        figures = _listed(moved, outcomes, ONE, small)
        claims.append((f"the same at extent {small} with the transposes paid for", verdict, figures))
    return claims


def _ratios(outcomes: Sequence[Outcome], rule: str, extent: int, moves: bool = False) -> dict[str, float]:
    """Contraction -> EDP of TTGT / EDP of native loops under the same rule."""
    here = [o for o in outcomes if o.rule == rule and max(o.rewrite.native.extents.values()) == extent]
    native = {o.rewrite.native.name: o.core_edp for o in here if o.rewrite.algorithm == "native" and o.core_edp}
    found = {}
    for o in here:
        value, base = o.total_edp if moves else o.core_edp, native.get(o.rewrite.native.name)
        if o.rewrite.label == "ttgt" and value and base:
            found[o.rewrite.native.name.removesuffix(f"-{extent}")] = value / base
    return found


def _listed(ratios: dict[str, float], outcomes: Sequence[Outcome], rule: str, extent: int) -> str:
    """The ratios, and which of the searches behind them ended before their proof."""
    open_ends = [
        f"{o.rewrite.native.name} {o.rewrite.label}"
        for o in outcomes
        if o.rule == rule and max(o.rewrite.native.extents.values()) == extent and o.result.status != "optimal"
    ]
    ending = f"; not proven: {', '.join(open_ends)}" if open_ends else ""
    return "TTGT / native: " + ", ".join(f"{name} {r:.3g}" for name, r in ratios.items()) + ending


def aspect_claims(points: Sequence[Point]) -> list[Claim]:
    """Whether one shape is best for every layer, and how much a fixed shape loses."""
    edp: dict[tuple[int, int], dict[str, float]] = {}
    for p in points:
        if p.aspect and p.edp:
            edp.setdefault(p.aspect, {})[p.problem.name] = p.edp
    names = {p.problem.name for p in points}
    full = {a: v for a, v in edp.items() if set(v) == names}
    if not full:
        return []
    best = {n: min(v[n] for v in full.values()) for n in names}
    worst = {n: max(v[n] for v in full.values()) / best[n] for n in names}
    loss = {a: max(v[n] / best[n] for n in names) for a, v in full.items()}
    safe = min(loss, key=lambda a: loss[a])
    matters = [n for n in sorted(names) if worst[n] > 1 + EVEN]
    verdict = f"yes, for {len(matters)} of {len(names)} layers" if matters else "no"
    figures = ", ".join(f"{n} {worst[n]:.3g}x" for n in sorted(names))
    shown = f"{safe[0]}x{safe[1]}"
    return [
        ("does the shape of the array matter?", verdict, f"worst / best shape: {figures}"),
        ("the fixed shape that loses least", shown, f"at most {loss[safe]:.3g}x of each layer's own best"),
    ]


def bandwidth_claims(points: Sequence[Point]) -> list[Claim]:
    """Whether EDP stops falling as the fill bandwidth grows."""
    claims = []
    for name in dict.fromkeys(p.problem.name for p in points):
        found = [(p.bandwidth, p.edp) for p in points if p.problem.name == name and p.bandwidth and p.edp]
        at = saturation(found)
        if at is None:
            continue
        first, last = min(found), max(found)
        agrees = at < last[0]
        verdict = "agrees" if agrees else f"not up to {last[0]:g} GB/s"
        gain = f"EDP {first[1] / last[1]:.3g}x lower at {last[0]:g} than at {first[0]:g} GB/s"
        claims.append(
            (f"{name}: EDP saturates with fill bandwidth", verdict, f"from {at:g} GB/s; {gain}" if agrees else gain)
        )
    return claims
