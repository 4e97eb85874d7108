"""What `tileloom rewrite` prints: a rewrite with its moves, and the log of all that a problem can be rewritten with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tileloom.architecture.model import Architecture
    from tileloom.workload.problem import Problem
    from tileloom.workload.rewrite.base import Rewrite
    from tileloom.workload.rewrite.ttgt import Candidate


def record(found: Rewrite, chip: Architecture | None) -> dict[str, Any]:
    """Plain values of one rewrite; with a chip also the cost of its moves."""
    from tileloom.cost.rewrite import rewrite_cost
    from tileloom.explore.run import problem_to_yaml

    shown: dict[str, Any] = {
        "algorithm": found.label,
        "native": str(found.native),
        "problem": str(found.problem),
        "sizes": found.sizes,
        "yaml": problem_to_yaml(found.problem),
        "merges": {new: list(parts) for new, parts in found.merges},
        "groups": {new: list(parts) for new, parts in found.groups},
        "layouts": {name: list(order) for name, order in found.layouts},
        "moves": [
            {"tensor": m.tensor, "kind": m.kind, "reads": m.reads, "writes": m.writes, "bits": m.bits}
            for m in found.moves
        ],
        "moved_elements": found.moved_elements,
        "notes": list(found.notes),
    }
    if chip is not None:
        cost = rewrite_cost(found, chip)
        shown["cost"] = {"energy_pj": cost.energy_pj, "cycles": cost.cycles, "extra_bits": cost.extra_bits}
    return shown


def lines(found: Rewrite, chip: Architecture | None) -> list[str]:
    """What changed, for people."""
    from tileloom.cost.rewrite import rewrite_cost

    shown = [f"native: {found.native}"]
    if found.algorithm == "native":
        return shown
    sizes = " ".join(f"{name}={n}" for name, n in found.sizes.items())
    shown.append(f"{found.label}: " + (f"a product of {sizes}" if found.groups else str(found.problem)))
    shown += [
        f"  {new} counts through {', '.join(parts) or 'nothing (1)'}" for new, parts in found.merges or found.groups
    ]
    shown += [f"  {name} is stored as [{', '.join(order)}]" for name, order in found.layouts]
    shown += [f"  {move}" for move in found.moves] or ["  nothing moves"]
    shown += [f"  {n}" for n in found.notes]
    if chip is not None:
        cost = rewrite_cost(found, chip)
        shown.append(f"moves cost: {cost.energy_pj:g} pJ, {cost.cycles:g} cycles, {cost.extra_bits} bits more stored")
    return shown


def log_record(problem: Problem, chip: Architecture | None) -> dict[str, Any]:
    """Every algorithm with sizes, moves and their cost, or the reason why not; and COMET's cheapest candidates."""
    from tileloom.workload.rewrite.log import choices, numbered_candidates

    rows = []
    for choice in choices(problem):
        if choice.rewrite is None:
            rows.append({"algorithm": choice.name, "refusal": choice.refusal})
        else:
            kept = ("sizes", "moved_elements", "moves", "notes", "cost")
            rows.append(
                {"algorithm": choice.name} | {k: v for k, v in record(choice.rewrite, chip).items() if k in kept}
            )
    return {
        "problem": str(problem),
        "algorithms": rows,
        "comet_candidates": [{"number": n, **_candidate(c)} for n, c in numbered_candidates(problem)],
    }


def log_lines(log: dict[str, Any]) -> list[str]:
    """The log for people, one line per algorithm and candidate."""
    shown = [str(log["problem"])]
    for row in log["algorithms"]:
        if "refusal" in row:
            shown.append(f"  {row['algorithm']}: not taken: {row['refusal']}")
            continue
        sizes = " ".join(f"{name}={n}" for name, n in row["sizes"].items())
        moves = ", ".join(f"{m['kind']} of {m['tensor']}" for m in row["moves"]) or "nothing"
        cost = row.get("cost")
        price = f"; {cost['energy_pj']:g} pJ, {cost['cycles']:g} cycles" if cost else ""
        shown.append(f"  {row['algorithm']}: {sizes}; {row['moved_elements']} elements moved ({moves}){price}")
    for c in log["comet_candidates"]:
        orders = f"M [{' '.join(c['rows'])}] N [{' '.join(c['columns'])}] K [{' '.join(c['summed'])}]"
        shown.append(f"  ttgt-comet --candidate {c['number']}: cost {c['cost']:g}, form {c['form']}, {orders}")
    return shown


def _candidate(c: Candidate) -> dict[str, Any]:
    return {"cost": c.cost, "form": c.form, "rows": list(c.rows), "columns": list(c.columns), "summed": list(c.summed)}
