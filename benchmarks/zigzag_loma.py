"""LOMA and the proven optimum on ResNet-18, in CPU seconds, beside ZigZag 3.9.1's own recorded time for the same job."""

from pathlib import Path

from _measure import cpu_seconds, where
from tileloom.architecture.notation.zigzag import read_machine
from tileloom.architecture.notation.zigzag_library import load_machine
from tileloom.cost.models.zigzag.machine import ZigzagMachine
from tileloom.search.zigzag.loma import Found, Objective, best_mapping, objective_of
from tileloom.workload.frontends.zigzag import make_layer
from tileloom.workload.frontends.zigzag_layer import ZigzagLayer
from tileloom.workload.frontends.zigzag_library import load_zigzag_network, wished
from tileloom.workload.frontends.zigzag_problem import input_extents
from tileloom.workload.load import load_network

HARDWARE = Path(__file__).resolve().parent.parent / "tests" / "reference" / "zigzag" / "hw"
RECORDED_S = 51.0
"""CPU seconds of ZigZag 3.9.1, lpf_limit 6, energy, tpu_like, ResNet-18 (measured on the machine of its reference rows)."""
CONV = "O[b][g][k][oy][ox]=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]"
DATAFLOW = (("D1", (("K", 32),)), ("D2", (("C", 32),)))
NAMES = {"B": "N", "K": "K", "G": "G", "OX": "Q", "OY": "P", "C": "C", "FX": "S", "FY": "R"}


def resnet18() -> list[ZigzagLayer]:
    """All 21 layers in ZigZag's own form; equal ones are not merged."""
    layers = []
    for found in load_network("resnet18").layers:
        problem = found.problem
        if problem.op != "conv2d":
            sizes = problem.extents
            gemm = (
                {"C": sizes["K"], "D": sizes["M"], "K": sizes["N"]} if "M" in sizes else {"C": 512, "D": 1, "K": 1000}
            )
            bits = {"W": 8, "I": 8, "O": 16, "O_final": 8}
            layers.append(wished(make_layer(found.name, "O[d][k]=I[d][c]*W[c][k]", (), gemm, bits), DATAFLOW))
            continue
        sizes = {d: problem.extents.get(ours, 1) for d, ours in NAMES.items()}
        step = next(dict(a.terms)["P"] for t in problem.inputs for a in t.axes if len(a.terms) == 2)
        relations = [f"IX={step}*OX+1*FX", f"IY={step}*OY+1*FY"]
        caps = input_extents("resnet18", sizes, relations)
        bits = {"W": 8, "I": 8, "O": 16, "O_final": 8}
        layers.append(wished(make_layer(found.name, CONV, relations, sizes, bits, caps=caps), DATAFLOW))
    return layers


def total(found: list[Found]) -> float:
    return sum(f.cost.energy_pj for f in found if f.cost is not None)


def quicker(machine: ZigzagMachine, layers: list[ZigzagLayer], objective: Objective) -> str:
    """One line on latency or energy-delay product of ResNet-18."""
    best_mapping(layers[-1], machine, None, objective, version="3.9")
    loma = [best_mapping(y, machine, 6, objective, version="3.9") for y in layers]
    best, seconds = cpu_seconds(lambda: [best_mapping(y, machine, None, objective, version="3.9") for y in layers])
    sums = [sum(objective_of(f.cost, objective) for f in found) for found in (loma, best)]
    return (
        f"the same for {objective}: LOMA {sums[0]:.6g}, optimum {sums[1]:.6g} ({1 - sums[1] / sums[0]:.2%} lower) in "
        f"{seconds:.2f} s, {sum(f.proven for f in best)} of {len(best)} layers proven"
    )


def main() -> list[str]:
    machine, layers = read_machine(HARDWARE / "tpu_like.yaml"), resnet18()
    for limit in (6, None):
        best_mapping(layers[-1], machine, limit, version="3.9")
    loma, loma_s = cpu_seconds(lambda: [best_mapping(y, machine, 6, version="3.9") for y in layers])
    best, best_s = cpu_seconds(lambda: [best_mapping(y, machine, None, version="3.9") for y in layers])
    lines = [
        f"ResNet-18 on tpu_like, {len(layers)} layers, energy: LOMA {total(loma):.6g} pJ in {loma_s:.2f} s, "
        f"{RECORDED_S / loma_s:.0f}x faster than ZigZag 3.9.1's recorded {RECORDED_S:.0f} s",
        f"the same, proven optimum: {total(best):.6g} pJ ({1 - total(best) / total(loma):.2%} lower) in {best_s:.2f} s, "
        f"{sum(f.proven for f in best)} of {len(best)} layers proven",
    ]
    lines += [quicker(machine, layers, objective) for objective in ("latency", "edp")]
    chip = load_machine("defines-meta-prototype-df")
    tiles = [
        node.layer.resized({"OX": x, "OY": y})
        for node in load_zigzag_network("defines-fsrcnn", chip.dataflow).nodes
        if not node.is_input
        for x in (4, 16, 60, 240)
        for y in (4, 18, 72, 270)
    ]
    for name, limit in (("LOMA, limit 6", 6), ("proven optimum", None)):
        best_mapping(tiles[0], chip, limit)
        _, seconds = cpu_seconds(lambda limit=limit: [best_mapping(t, chip, limit) for t in tiles])
        lines.append(f"{len(tiles)} tile-layers of FSRCNN, {name}: {1000 * seconds / len(tiles):.1f} ms each")
    for objective in ("latency", "edp"):
        found, seconds = cpu_seconds(lambda o=objective: [best_mapping(t, chip, None, o) for t in tiles[::8]])
        proven = sum(f.proven for f in found)
        lines.append(
            f"{len(found)} tile-layers of FSRCNN, {objective}: {proven} proven, {1000 * seconds / len(found):.1f} ms each"
        )
    return [*lines, where()]


if __name__ == "__main__":
    print("\n".join(main()))
