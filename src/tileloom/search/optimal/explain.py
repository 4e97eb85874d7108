"""Words for what the search did: what was pruned by which argument, and why nothing fits when nothing does."""

from __future__ import annotations

from tileloom.architecture.model import Memory
from tileloom.search.optimal.run import Outcome
from tileloom.search.optimal.space import Setting


def explain(outcome: Outcome, *, templates: int, equal: int, before: int) -> tuple[tuple[str, int], ...]:
    """(what, count) pairs in the order in which the search prunes."""
    nodes, by_bound, by_limit, evaluated, _ = (int(c) for c in outcome.counts)
    return (
        ("templates (placement and order of tiles in memories)", templates),
        ("templates left out as mirror images of others", equal),
        ("templates left out by their bound", outcome.templates_cut),
        ("tile chains per group, summed over templates", before),
        ("tile chains left after bounds, limits and the Pareto filter", outcome.options_left),
        ("search nodes", nodes),
        ("tile chains cut by a bound", by_bound),
        ("tile chains cut by a capacity or an array size", by_limit),
        ("complete mappings evaluated", evaluated),
    )


def why_infeasible(setting: Setting) -> tuple[str, ...]:
    """For every bounded memory, the smallest tiles that it must hold against its capacity."""
    reasons = []
    for index, memory in enumerate(setting.memories):
        if memory.capacity_bits is None:
            continue
        need = _smallest(setting, memory, whole=index == 0)
        parts = " + ".join(f"{name} {bits}" for name, bits in need)
        total = sum(bits for _, bits in need)
        if total > memory.capacity_bits:
            kind = "whole tensors" if index == 0 else "smallest possible tiles"
            reasons.append(
                f"{kind} do not fit in '{memory.name}': {parts} = {total} bits, capacity {memory.capacity_bits} bits "
                f"({total / memory.capacity_bits:.2f}x). Enlarge '{memory.name}' or let a tensor bypass it (E-CAP)"
            )
    if not reasons:
        reasons.append(
            "no combination of tiles meets all capacities and array sizes together; the tightest limits are "
            + "; ".join(f"'{m.name}' {m.capacity_bits} bits" for m in setting.memories if m.capacity_bits is not None)
        )
    return tuple(reasons)


def _smallest(setting: Setting, memory: Memory, *, whole: bool) -> list[tuple[str, int]]:
    """Tiles of one element per dim for tensors that must be kept; whole tensors in the outermost memory."""
    need = []
    for tensor in setting.tensors:
        if whole or memory.keep.has(tensor):
            elements = setting.problem.size(tensor.name) if whole else 1
            need.append((tensor.name, elements * memory.bits_of(tensor) * memory.buffers))
    return need
