"""The least use of each spatial axis that a search must reach (FanoutAxis.min_utilization).

An axis asks for a share of its size. Where divisors of the problem's dims reach the share, mappings below it are out;
where they do not, only the best reachable product is in. Axes are settled one after another, outermost first, each on
what the earlier ones left. (AccelForge decides this per template while it enumerates; this is the order-free reading.)
"""

from __future__ import annotations

from tileloom.core.factors import divisors
from tileloom.search.optimal.space import Setting, Template, templates


def required_products(setting: Setting) -> dict[int, tuple[float, bool]]:
    """Axis index -> (least product of trips, True when only that product is reachable)."""
    asked = [i for i, a in enumerate(setting.axes) if a.axis.min_utilization > 0]
    if not asked:
        return {}
    reachable = _reachable(setting, asked)
    required: dict[int, tuple[float, bool]] = {}
    for position, axis in enumerate(asked):
        wanted = setting.axes[axis].axis.min_utilization * setting.axes[axis].axis.size
        if any(r[position] >= wanted for r in reachable):
            required[axis] = (wanted, False)
            reachable = {r for r in reachable if r[position] >= wanted}
        else:
            best = max(r[position] for r in reachable)
            required[axis] = (float(best), True)
            reachable = {r for r in reachable if r[position] == best}
    return required


def _reachable(setting: Setting, asked: list[int]) -> set[tuple[int, ...]]:
    """All tuples of products over the asked axes, each within its size."""
    template: Template = next(iter(templates(setting)))
    sizes = [setting.axes[a].axis.size for a in asked]
    found: set[tuple[int, ...]] = {tuple(1 for _ in asked)}
    for d, name in enumerate(setting.dims):
        on = [i for i, a in enumerate(asked) if any(template.slots[s].axis == a for s in template.allowed[d])]
        choices: set[tuple[int, ...]] = {tuple(1 for _ in asked)}
        for i in on:
            grown: set[tuple[int, ...]] = set()
            for c in choices:
                used = 1
                for v in c:
                    used *= v
                for f in divisors(setting.problem.extents[name] // used):
                    if f <= sizes[i]:
                        grown.add((*c[:i], f, *c[i + 1 :]))
            choices = grown
        products = {tuple(a * b for a, b in zip(f, c)) for f in found for c in choices}
        found = {p for p in products if all(v <= s for v, s in zip(p, sizes))}
    return found
