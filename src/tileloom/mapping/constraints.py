"""What a user may forbid or fix in a mapping space, merged with what the hardware allows. Files are read in constraints_file.py.

Constraints narrow the space before it is searched; they are never checked by drawing and throwing away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory, TensorSet
from tileloom.core.errors import InputError, did_you_mean
from tileloom.workload.problem import Problem

Relation = Literal["=", "<=", ">=", "multiple_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisRule:
    """Narrows one axis of a fanout. None leaves what the architecture says.

    dims, not_dims   only these may lie there; none of these may
    allow_reduction  False: no dim that the output lacks may lie there;  max_size: use at most so many places
    """

    fanout: str
    axis: str
    dims: tuple[str, ...] = ()
    not_dims: tuple[str, ...] = ()
    max_dims: int | None = None
    min_utilization: float | None = None
    allow_reduction: bool = True
    max_size: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class TileRule:
    """The extent of `dim` at the innermost hold of `memory` compares so with `value`."""

    memory: str
    dim: str
    relation: Relation
    value: int
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.source}{self.dim} {self.relation.replace('_', ' ')} {self.value} in '{self.memory}'"

    def holds(self, extent: int) -> bool:
        if self.relation == "=":
            return extent == self.value
        if self.relation == "multiple_of":
            return extent % self.value == 0
        return extent <= self.value if self.relation == "<=" else extent >= self.value


@dataclass(frozen=True, slots=True)
class OrderRule:
    """Of the loops in time below `memory`: `outer` come first in this order, `inner` last, others stand between.

    >>> OrderRule("L2", ("n",), ("k",)).arrange(["k", "m", "n"])
    ('n', 'm', 'k')
    """

    memory: str
    outer: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.source}order {' '.join((*self.outer, '...', *self.inner))} in '{self.memory}'"

    def fixes(self, dim: str) -> bool:
        return dim in self.outer or dim in self.inner

    def arrange(self, dims: Sequence[str]) -> tuple[str, ...]:
        """These dims with the fixed ones at their places; the others keep their order."""
        free = [d for d in dims if not self.fixes(d)]
        return (*(d for d in self.outer if d in dims), *free, *(d for d in self.inner if d in dims))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapperRules:
    """What the search is held to. None, () and False leave it free."""

    perfect: bool = False
    min_utilization: float | None = None
    sample_ratio: float | None = None
    max_evaluations: int | None = None
    seed: int | None = None
    templates: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """axes        narrower axes of fanouts
    clusters    (fanout, places): at most so many of all its axes together are used
    tensors     (memory, tensors or roles): it keeps exactly these
    no_spatial  dims that run in time only
    full_at     (dim, memory): the whole dim lies inside that memory's tile
    tiles       bounds on tiles
    orders      places of dims among the loops in time below a memory; at most one rule per memory
    mapper      what the search is held to
    sources     (rule, file and line) for messages
    """

    axes: tuple[AxisRule, ...] = ()
    clusters: tuple[tuple[str, int], ...] = ()
    tensors: tuple[tuple[str, TensorSet], ...] = ()
    no_spatial: frozenset[str] = frozenset()
    full_at: frozenset[tuple[str, str]] = frozenset()
    tiles: tuple[TileRule, ...] = ()
    orders: tuple[OrderRule, ...] = ()
    mapper: MapperRules = MapperRules()
    sources: tuple[tuple[str, str], ...] = ()

    def source(self, rule: str) -> str:
        """'rules.yaml:4: ' for a rule that came from a file, else ''."""
        return dict(self.sources).get(rule, "")

    def order_of(self, memory: str) -> OrderRule | None:
        return next((r for r in self.orders if r.memory == memory), None)

    def __str__(self) -> str:
        rules = len(self.axes) + len(self.clusters) + len(self.tensors) + len(self.no_spatial) + len(self.full_at)
        return f"{rules + len(self.tiles) + len(self.orders)} rules"

    @property
    def plain(self) -> bool:
        """Whether all of it is said by narrower axes and keep sets of the architecture."""
        shapes = self.no_spatial or self.full_at or self.tiles or self.orders
        return not shapes and not self.clusters and all(a.max_size is None for a in self.axes)


FREE = Constraints()


def constrain(problem: Problem, architecture: Architecture, constraints: Constraints) -> Architecture:
    """The architecture with its axes and keep sets narrowed: intersection of both.

    Raises InputError for names that do not exist and for rules that leave nothing, naming both sides.
    """
    faults: list[str] = []
    nodes = []
    for node in architecture.nodes:
        if isinstance(node, Fanout):
            node = replace(node, axes=tuple(_narrowed(problem, node, a, constraints, faults) for a in node.axes))
        elif isinstance(node, Memory):
            for name, tensors in constraints.tensors:
                if name == node.name:
                    faults += _placement_conflicts(problem, node, tensors)
                    node = replace(node, keep=tensors, may_keep=tensors)
        nodes.append(node)
    known = {f"{f.name}.{a.name}" for f in architecture.fanouts for a in f.axes}
    memories = [m.name for m in architecture.memories]
    for rule in constraints.axes:
        name = f"{rule.fanout}.{rule.axis}"
        if name not in known:
            faults.append(f"{rule.source}no axis '{name}'{did_you_mean(name, known)}; there are {sorted(known)}")
    fanouts = [f.name for f in architecture.fanouts]
    for name, _ in constraints.clusters:
        if name not in fanouts:
            faults.append(
                f"{constraints.source(f'clusters {name}')}no fanout '{name}'{did_you_mean(name, fanouts)}; there are {fanouts}"
            )
    named = [name for name, _ in constraints.tensors] + [m for _, m in sorted(constraints.full_at)]
    named += [r.memory for r in constraints.orders]
    for name in dict.fromkeys([*named, *(t.memory for t in constraints.tiles)]):
        if name not in memories:
            faults.append(f"no memory '{name}'{did_you_mean(name, memories)}; there are {memories}")
    dims = [d for d, _ in sorted(constraints.full_at)] + [t.dim for t in constraints.tiles]
    dims += [d for r in constraints.orders for d in (*r.outer, *r.inner)]
    dims += [d for r in constraints.axes for d in (*r.dims, *r.not_dims)]
    for dim in dict.fromkeys([*dims, *sorted(constraints.no_spatial)]):
        if dim not in problem.extents:
            near = did_you_mean(dim, problem.extents)
            faults.append(f"'{problem.name}' has no dim '{dim}'{near}; it has {list(problem.extents)}")
    if not faults:
        faults += contradictions(constraints, memories, problem)
    if faults:
        raise InputError([f"constraints on '{architecture.name}': {f}" for f in faults])
    return replace(architecture, nodes=tuple(nodes))


def _placement_conflicts(problem: Problem, memory: Memory, tensors: TensorSet) -> list[str]:
    faults = []
    for t in problem.tensors:
        if tensors.has(t) and not memory.allows(t):
            faults.append(f"'{memory.name}' is to keep '{t.name}', but the architecture does not let it")
        if memory.keep.has(t) and not tensors.has(t):
            faults.append(f"'{memory.name}' is to leave out '{t.name}', but the architecture makes it keep it")
    return faults


def _narrowed(
    problem: Problem, fanout: Fanout, axis: FanoutAxis, constraints: Constraints, faults: list[str]
) -> FanoutAxis:
    for rule in constraints.axes:
        if (rule.fanout, rule.axis) != (fanout.name, axis.name):
            continue
        dims = axis.dims
        if rule.dims:
            dims = tuple(d for d in rule.dims if not axis.dims or d in axis.dims)
            if not dims:
                faults.append(
                    f"{rule.source}'{fanout.name}.{axis.name}' is to take only {list(rule.dims)}, "
                    f"but the architecture lets only {list(axis.dims)} lie there"
                )
        if rule.not_dims:
            named = dims or tuple(problem.extents)
            dims = tuple(d for d in named if d not in rule.not_dims)
            if not dims:
                faults.append(
                    f"{rule.source}'{fanout.name}.{axis.name}' is to take none of {list(rule.not_dims)}, but only {list(named)} may "
                    "lie there"
                )
        if not rule.allow_reduction:
            named = dims or tuple(problem.extents)
            dims = tuple(d for d in named if d not in problem.reduction_dims)
            if not dims:
                faults.append(
                    f"{rule.source}'{fanout.name}.{axis.name}' is to take no reduction, but only {list(named)} may lie there"
                )
        most = [n for n in (axis.max_dims, rule.max_dims) if n is not None]
        share = max(axis.min_utilization, rule.min_utilization or 0.0)
        size = min(axis.size, rule.max_size or axis.size)
        axis = replace(axis, size=size, dims=dims, max_dims=min(most, default=None), min_utilization=share)
    if constraints.mapper.min_utilization is not None and axis.size > 1:
        axis = replace(axis, min_utilization=max(axis.min_utilization, constraints.mapper.min_utilization))
    return axis


def for_problem(constraints: Constraints, problem: Problem) -> Constraints:
    """Without rules on dims that the problem does not have: one file serves layers with different dims."""
    have = problem.extents
    return replace(
        constraints,
        axes=tuple(
            replace(a, dims=tuple(d for d in a.dims if d in have), not_dims=tuple(d for d in a.not_dims if d in have))
            for a in constraints.axes
        ),
        no_spatial=frozenset(d for d in constraints.no_spatial if d in have),
        full_at=frozenset((d, m) for d, m in constraints.full_at if d in have),
        tiles=tuple(t for t in constraints.tiles if t.dim in have),
        orders=tuple(
            replace(r, outer=tuple(d for d in r.outer if d in have), inner=tuple(d for d in r.inner if d in have))
            for r in constraints.orders
        ),
    )


def merged(first: Constraints, second: Constraints) -> Constraints:
    """Both at once: the intersection. Raises InputError naming both sources of every contradiction."""
    faults: list[str] = []
    orders = {r.memory: r for r in first.orders}
    for rule in second.orders:
        other = orders.get(rule.memory)
        both = rule if other is None else _both_orders(other, rule)
        if both is None:
            faults.append(f"{other} contradicts {rule}")
        else:
            orders[rule.memory] = both
    mapper = _both_mappers(first, second, faults)
    known = dict(first.tensors)
    for name, tensors in second.tensors:
        if name in known and set(known[name].names) != set(tensors.names):
            key = f"tensors {name}"
            faults.append(
                f"{second.source(key)}'{name}' is to keep {tensors}, but {first.source(key)}it is to keep {known[name]}"
            )
    if faults:
        raise InputError([f"constraints: {f}" for f in faults])
    return Constraints(
        axes=(*first.axes, *second.axes),
        clusters=(*first.clusters, *second.clusters),
        tensors=tuple((known | dict(second.tensors)).items()),
        no_spatial=first.no_spatial | second.no_spatial,
        full_at=first.full_at | second.full_at,
        tiles=(*first.tiles, *second.tiles),
        orders=tuple(orders.values()),
        mapper=mapper,
        sources=(*first.sources, *second.sources),
    )


def _both_orders(one: OrderRule, other: OrderRule) -> OrderRule | None:
    """The longer list of each side when one continues the other, which no dim may be on both ends of."""
    outer, inner = max(one.outer, other.outer, key=len), max(one.inner, other.inner, key=len)
    agree = all(
        outer[: len(r.outer)] == r.outer and inner[len(inner) - len(r.inner) :] == r.inner for r in (one, other)
    )
    return OrderRule(one.memory, outer, inner, one.source) if agree and not set(outer) & set(inner) else None


def _both_mappers(first: Constraints, second: Constraints, faults: list[str]) -> MapperRules:
    a, b = first.mapper, second.mapper
    if a.seed is not None and b.seed is not None and a.seed != b.seed:
        faults.append(f"{second.source('seed')}seed {b.seed} contradicts {first.source('seed')}seed {a.seed}")
    templates = tuple(t for t in a.templates if t in b.templates) if a.templates and b.templates else ()
    if a.templates and b.templates and not templates:
        faults.append(
            f"{second.source('templates')}templates {list(b.templates)} and {first.source('templates')}templates "
            f"{list(a.templates)} have none in common"
        )

    def least(one: float | None, other: float | None) -> float | None:
        return min((v for v in (one, other) if v is not None), default=None)

    evaluations = least(a.max_evaluations, b.max_evaluations)
    return MapperRules(
        perfect=a.perfect or b.perfect,
        min_utilization=max((v for v in (a.min_utilization, b.min_utilization) if v is not None), default=None),
        sample_ratio=least(a.sample_ratio, b.sample_ratio),
        max_evaluations=None if evaluations is None else int(evaluations),
        seed=a.seed if b.seed is None else b.seed,
        templates=templates or a.templates or b.templates,
    )


def contradictions(constraints: Constraints, memories: Sequence[str], problem: Problem) -> Iterator[str]:
    """Rules that no mapping can keep together, each with both of its sources. `memories`: outermost first."""
    extents = problem.extents
    for rule in constraints.tiles:
        if rule.value > extents[rule.dim] and rule.relation in ("=", ">=", "multiple_of"):
            yield f"{rule}: '{rule.dim}' has extent {extents[rule.dim]}"
    for one, other in combinations(constraints.tiles, 2):
        if one.dim != other.dim:
            continue
        outer, inner = sorted((one, other), key=lambda r: memories.index(r.memory))
        if outer.memory == inner.memory:
            size = extents[one.dim]
            if not any(one.holds(n) and other.holds(n) for n in range(1, min(size, 100_000) + 1)):
                yield f"{one} contradicts {other}"
        elif (
            inner.relation in ("=", ">=", "multiple_of") and outer.relation in ("=", "<=") and inner.value > outer.value
        ):
            yield f"{inner} contradicts {outer}: a tile further in is no larger"
    for dim, memory in sorted(constraints.full_at):
        for rule in constraints.tiles:
            inside = rule.memory in memories and memories.index(rule.memory) <= memories.index(memory)
            if rule.dim == dim and inside and not rule.holds(extents[dim]):
                where = constraints.source(f"full_at {dim}")
                yield f"{rule} contradicts {where}full_at {memory}: '{dim}' is whole there ({extents[dim]})"
