"""How fast dMazeRunner's searches run here: per mapping, and the auto-optimizer on whole networks.

Run: python benchmarks/dmazerunner_search.py
CPU time of the process after compilation, best of three. The original's figures are its CPU seconds on a two-core x86
machine, measured with one worker process; they are facts, not measured again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TypeVar

from tileloom.architecture.notation.dmazerunner import DmazeChip, Pruning
from tileloom.cost.models.dmazerunner.nest import Nest
from tileloom.explore.dmazerunner.design import design_sweep, points
from tileloom.explore.dmazerunner.network import optimize_model
from tileloom.explore.sources import load_network
from tileloom.search.dmazerunner.auto import auto_optimize
from tileloom.search.dmazerunner.full import GOALS, Optimum, count_methods, explore, optimum, uneven_optimum
from tileloom.workload.frontends.dmazerunner import RESNET, DmazeLayer, read_model

INPUTS = Path(__file__).resolve().parent.parent / "tests" / "reference" / "dmazerunner" / "inputs"
ORIGINAL_MS = 3.0
"""CPU per evaluated mapping of the original, without its enumeration."""
MODELS = {
    "resnet18": (82.0, "the original, without its largest layer"),
    "alexnet": (22.0, "the original"),
    "bert-base-uncased": (2.0, "the original"),
}
LIBRARY = {"resnet18": 82.0, "mobilenetv2": 142.0}
"""Networks of the library and CPU seconds of the original on its files of the same networks."""
STRICT = Pruning(pe=0.8, rf=0.8, spm=0.5, no_feature_dram=True, no_spatial_reduction=True)
T = TypeVar("T")


def best_of(call: Callable[[], T], rounds: int = 3) -> tuple[float, T]:
    """(least CPU seconds, result); rounds: after the first, which compiles (0: that one is all)."""
    start = process_time()
    result = call()
    times = [] if rounds else [process_time() - start]
    for _ in range(rounds):
        start = process_time()
        result = call()
        times.append(process_time() - start)
    return min(times), result


def per_mapping(layer: DmazeLayer, pruning: Pruning) -> str:
    """Cost of an evaluated mapping, with and without finding it."""
    nest, chip = Nest.of(layer.problem()), DmazeChip()
    whole, found = best_of(lambda: explore(nest, chip, pruning))
    walk, _ = best_of(lambda: count_methods(nest, chip, pruning))
    each, bare = whole / found.methods * 1e6, (whole - walk) / found.methods * 1e6
    return (
        f"{layer.name}: {found.methods} mappings, {bare:.2f} us each to evaluate ({ORIGINAL_MS * 1e3 / bare:,.0f}x the "
        f"original's {ORIGINAL_MS:g} ms), {each:.2f} us with the walk that finds them"
    )


def main() -> list[str]:
    lines = [per_mapping(RESNET[5], Pruning(pe=0.8, rf=0.8, spm=0.5)), per_mapping(RESNET[1], STRICT)]
    for name, (original, what) in MODELS.items():
        layers = read_model(INPUTS / f"{name}.json")
        seconds, run = best_of(lambda layers=layers: optimize_model(layers))  # type: ignore[misc]
        lines.append(
            f"auto-optimizer on {name}: {len(run.layers)} layers, {run.totals().methods} mappings, {seconds:.3f} s CPU "
            f"({original / seconds:,.0f}x less than {original:g} s of {what})"
        )
    for name, original in LIBRARY.items():
        network = load_network(name, bits=16)
        seconds, run = best_of(lambda network=network: optimize_model(network))  # type: ignore[misc]
        lines.append(
            f"auto-optimizer on {name} of the library: {len(run.layers)} layers, {run.totals().methods} mappings, "
            f"{seconds:.3f} s CPU ({original / seconds:,.0f}x less than {original:g} s of the original)"
        )
    lines += [proof(RESNET[5], goal) for goal in GOALS]
    lines += [uneven(RESNET[i], goal) for i in (4, 5) for goal in GOALS]
    start = process_time()
    rows = design_sweep(RESNET[5], points(faithful=True), faithful=True)
    seconds = process_time() - start
    lines.append(f"design sweep of {len(rows)} points: {seconds:.1f} s CPU (the original did not finish)")
    return lines


def proof(layer: DmazeLayer, goal: str) -> str:
    """The optimum of the whole space, no filters, from the auto-optimizer's answer."""
    nest, chip = Nest.of(layer.problem()), DmazeChip()

    def run() -> tuple[float, Optimum]:
        quick = auto_optimize(nest, chip).exploration.best
        assert quick is not None
        return quick[goal].value, optimum(nest, chip, goal, known=quick[goal].value)

    seconds, (quick_value, proven) = best_of(run)
    value = proven.best.value if proven.best else quick_value
    return (
        f"proven optimum of {layer.name}, {goal}: {seconds:.3f} s CPU, {proven.evaluated} mappings costed; the "
        f"auto-optimizer's is {quick_value / value - 1:.2%} above"
    )


def uneven(layer: DmazeLayer, goal: str) -> str:
    """The optimum over tiles that need not divide, from the auto-optimizer's answer."""
    nest, chip = Nest.of(layer.problem()), DmazeChip()
    quick = auto_optimize(nest, chip, faithful=False).exploration.best
    assert quick is not None
    even = optimum(nest, chip, goal, faithful=False, known=quick[goal].value).best or quick[goal]
    uneven_optimum(nest, chip, goal, known=0.0)
    seconds, found = best_of(lambda: uneven_optimum(nest, chip, goal, known=quick[goal].value), rounds=0)
    value = found.best.value if found.best else quick[goal].value
    return (
        f"tiles that need not divide, {layer.name}, {goal}: {seconds:.2f} s CPU, {found.evaluated} mappings costed, "
        f"{'proven' if found.proven else 'not proven'}, {1 - value / even.value:.2%} below the best that divides"
    )


if __name__ == "__main__":
    print("\n".join(main()))
