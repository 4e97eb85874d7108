"""One architecture for several einsums out of an AccelForge file resolved for each: tensors are named by role.

Resolved rules name the tensors of one einsum ('W0'); what they say of every einsum they say of a role ('weight'). Where
no such wording exists the einsums need an architecture each, and the answer here names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tileloom.architecture.model import EVERYTHING, Architecture, Fanout, FanoutAxis, Memory, Node, TensorSet
from tileloom.workload.problem import Problem

ROLES = ("input", "weight", "output")
Met = tuple[Problem, Architecture]
"""A problem and the architecture as it meets it."""


def merge(met: Sequence[Met]) -> tuple[Architecture, tuple[str, ...]]:
    """The architecture in roles, and the names of the problems that would meet another one with it.

    Only nodes on a problem's way to its compute unit count: what lies elsewhere it never sees.
    """
    # The longest way has every node that the others use.
    _, widest = max(met, key=lambda pair: len(_way(*pair)))
    nodes = tuple(
        _in_roles(node, [(p, own) for p, chip in met if (own := _same(node, _way(p, chip)))]) for node in widest.nodes
    )
    merged = replace(widest, nodes=nodes)
    return merged, tuple(p.name for p, chip in met if _as_met(p, chip) != _as_met(p, merged))


def _way(problem: Problem, chip: Architecture) -> tuple[Node, ...]:
    unit = chip.compute_for(problem)
    return chip.path(unit) if unit is not None else chip.nodes


def _same(node: Node, way: Iterable[Node]) -> Node | None:
    return next((n for n in way if type(n) is type(node) and n.name == node.name), None)


def _in_roles(node: Node, met: Sequence[tuple[Problem, Node]]) -> Node:
    if isinstance(node, Memory):
        found = [(p, n) for p, n in met if isinstance(n, Memory)]
        return replace(
            node,
            keep=_roles_of([(p, n.keep) for p, n in found], node.keep),
            may_keep=_roles_of([(p, n.may_keep) for p, n in found], node.may_keep),
            value_bits=_bits_of(found) or node.value_bits,
        )
    if isinstance(node, Fanout):
        fans = [(p, n) for p, n in met if isinstance(n, Fanout)]
        return replace(node, axes=tuple(_axis_in_roles(axis, fans) for axis in node.axes))
    return node


def _axis_in_roles(axis: FanoutAxis, met: Sequence[tuple[Problem, Fanout]]) -> FanoutAxis:
    found = [(p, a) for p, fan in met for a in fan.axes if a.name == axis.name]
    return replace(
        axis,
        multicast=_roles_of([(p, a.multicast) for p, a in found], axis.multicast),
        stationary=_roles_of([(p, a.stationary) for p, a in found], axis.stationary),
    )


def _roles_of(met: Sequence[tuple[Problem, TensorSet]], otherwise: TensorSet) -> TensorSet:
    """The roles that the sets hold; whether that is what each of them says is checked on the whole."""
    if not met:
        return otherwise
    held = {t.role for problem, tensors in met for t in problem.tensors if tensors.has(t)}
    return EVERYTHING if held == set(ROLES) else TensorSet(tuple(r for r in ROLES if r in held))


def _bits_of(met: Sequence[tuple[Problem, Memory]]) -> tuple[tuple[str, int], ...]:
    bits = {t.role: n.bits_of(t) for problem, n in met for t in problem.tensors if n.value_bits}
    return tuple((role, bits[role]) for role in ROLES if role in bits)


def _as_met(problem: Problem, chip: Architecture) -> list[object]:
    """The nodes on the problem's way with its own tensors named: equal when the architectures are the same to it."""
    return [_named(problem, node) for node in _way(problem, chip)]


def _named(problem: Problem, node: Node) -> object:
    def members(tensors: TensorSet) -> TensorSet:
        return TensorSet(tuple(t.name for t in problem.tensors if tensors.has(t)))

    if isinstance(node, Memory):
        bits = tuple((t.name, node.bits_of(t)) for t in problem.tensors)
        return replace(node, keep=members(node.keep), may_keep=members(node.may_keep), value_bits=bits)
    if isinstance(node, Fanout):
        axes = (replace(a, multicast=members(a.multicast), stationary=members(a.stationary)) for a in node.axes)
        return replace(node, axes=tuple(axes))
    return node
