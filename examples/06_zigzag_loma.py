"""DeFiNES's FSRCNN on one of its machines: LOMA's mapping of each layer beside the proven optimum.

Run: python examples/06_zigzag_loma.py
"""

from tileloom.architecture.notation.zigzag_library import load_machine
from tileloom.search.zigzag.loma import best_mapping
from tileloom.workload.frontends.zigzag_library import load_zigzag_network


def main() -> None:
    machine = load_machine("defines-meta-prototype-df")
    network = load_zigzag_network("defines-fsrcnn", machine.dataflow)
    for node in network.nodes:
        if node.is_input:
            continue
        loma = best_mapping(node.layer, machine, 6)
        best = best_mapping(node.layer, machine, None)
        assert loma.cost is not None and best.cost is not None
        saved = 1 - best.cost.energy_pj / loma.cost.energy_pj
        print(
            f"{node.layer}: {loma.cost.energy_pj / 1e6:.1f} uJ, {loma.cost.cycles:,} cycles; optimum {saved:.2%} lower"
        )
    status = "optimal" if best.proven else "feasible"
    print(f"\nthe last layer's mapping, {status} in energy:\n{best.mapping}")


if __name__ == "__main__":
    main()
