"""A chip of your own from a YAML file, a layer as an einsum: map it, change the mapping by hand, compare the costs.

Run: python examples/02_own_chip.py
"""

from pathlib import Path

import tileloom as tl
from tileloom.mapping.tree import Hold, Loop

CHIP = Path(__file__).parent / "own_chip.yaml"


def main() -> None:
    chip = tl.load_architecture(CHIP)
    attention = tl.load_problem("S[h, m, n] += Q[h, m, e] * K[h, n, e]", sizes={"h": 12, "m": 128, "n": 128, "e": 64})
    best = tl.map(attention, chip, objective="energy")
    assert best.mapping is not None
    assert best.cost is not None
    print(f"{attention}\n\n{best.mapping}\n\n{best.status}: {best.cost}\n")

    # By hand: the innermost loop in time goes above the registers, so what they hold is fetched anew in each iteration.
    nodes = list(best.mapping.nodes)
    innermost = max(i for i, node in enumerate(nodes) if isinstance(node, Loop) and not node.spatial)
    registers = max(i for i, node in enumerate(nodes) if isinstance(node, Hold))
    nodes.insert(registers, nodes.pop(innermost))
    changed = tl.MappingTree(tuple(nodes))
    problems = [d for d in tl.check(attention, chip, changed) if d.severity == "error"]
    if problems:
        print("changed by hand:", *problems, sep="\n  ")
    else:
        cost = tl.evaluate(attention, chip, changed)
        print(f"changed by hand: {cost.energy_pj / best.cost.energy_pj:.2f} times the energy of the optimum")


if __name__ == "__main__":
    main()
