"""A whole network under one algorithm: every layer that it takes, the others as they are, each with the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tileloom.core.errors import InputError, UnsupportedError
from tileloom.workload.network import Network
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import algorithm
from tileloom.workload.rewrite.base import Rewrite


@dataclass(frozen=True, slots=True)
class RewrittenNetwork:
    """network: with the rewritten problems;  rewrites: one per distinct layer that changed;  kept: (layer, why) of the rest."""

    network: Network
    rewrites: tuple[Rewrite, ...]
    kept: tuple[tuple[str, str], ...]


def rewrite_network(network: Network, name: str, candidate: int | None = None) -> RewrittenNetwork:
    """Every distinct problem that the algorithm takes. InputError for an unknown name, UnsupportedError if it takes none."""
    chosen = algorithm(name, candidate)

    def one(problem: Problem) -> Rewrite | str:
        refused = chosen.accepts(problem)
        return chosen.apply(problem) if refused is None else str(refused)

    found = replaced(network, one)
    if not found.rewrites:
        reasons = list(dict.fromkeys(why for _, why in found.kept))
        shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more reasons" if len(reasons) > 3 else "")
        raise UnsupportedError(f"no layer of '{network.name}' can be rewritten with {name}: {shown}")
    return found


def replaced(network: Network, one: Callable[[Problem], Rewrite | str]) -> RewrittenNetwork:
    """The network with what `one` gives for each distinct problem; a text says why the problem stays."""
    if not network.layers:
        raise InputError(f"'{network.name}' has no layers to rewrite")
    found = {d.problem.signature: (d, one(d.problem)) for d in network.problems}
    layers = []
    for layer in network.layers:
        result = found[layer.problem.signature][1]
        if isinstance(result, Rewrite):
            problem = replace(result.problem, name=layer.problem.name)
            operator = layer.operator if problem == layer.problem else problem.op
            layer = replace(layer, problem=problem, operator=operator)
        layers.append(layer)
    return RewrittenNetwork(
        replace(network, layers=tuple(layers)),
        tuple(r for _, r in found.values() if isinstance(r, Rewrite)),
        tuple((d.layers[0], r) for d, r in found.values() if isinstance(r, str)),
    )
