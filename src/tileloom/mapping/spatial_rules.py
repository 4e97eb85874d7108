"""The rules of legality.py that concern spatial loops: axes, fanouts, what wires allow, and joint loops.

They say what hardware can do with a loop at all, never how much it costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from tileloom.architecture.model import Architecture, Fanout, FanoutAxis, Memory
from tileloom.core.errors import did_you_mean
from tileloom.mapping.diagnostic import Diagnostic, error, label, warning
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, walk
from tileloom.mapping.utilization import Place, required_places
from tileloom.workload.problem import Problem


@dataclass(frozen=True, slots=True)
class SpatialLoop:
    """A spatial loop with its place: node index, the fanout and axis it lies on, and its trips."""

    index: int
    loop: Loop
    fanout: Fanout
    axis: FanoutAxis
    trips: int
    joint: bool = False


def check_spatial(problem: Problem, architecture: Architecture, mapping: MappingTree) -> list[Diagnostic]:
    """Diagnostics of every spatial loop of a chain whose names are all known."""
    found = list(_axis_faults(architecture, mapping))
    found += _joint_faults(problem, mapping)
    placed = spatial_loops(problem, architecture, mapping)
    found += _side_faults(architecture, mapping, placed)
    for fanout in architecture.fanouts:
        for axis in fanout.axes:
            mine = [s for s in placed if s.fanout is fanout and s.axis is axis]
            found += _fanout_faults(mapping, fanout, axis, mine)
            found += _axis_dim_faults(problem, mapping, fanout, axis, mine)
            found += _reduction_faults(problem, mapping, fanout, axis, mine)
    found += utilization_faults(problem, architecture, placed, required_places(problem, architecture))
    return found


def spatial_loops(problem: Problem, architecture: Architecture, mapping: MappingTree) -> list[SpatialLoop]:
    """The spatial loops that lie on a known axis, outermost first; loops of a Joint one by one."""
    found = []
    for index, step in enumerate(walk(mapping, problem.extents)):
        joint = isinstance(step.node, Joint)
        loops = step.node.loops if isinstance(step.node, Joint) else (step.node,)
        for loop in loops:
            if isinstance(loop, Loop) and loop.spatial:
                place = _place(architecture, loop)
                if place is not None:
                    found.append(SpatialLoop(index, loop, *place, loop.trips(step.outside[loop.dim]), joint))
    return found


def used_places(loops: list[SpatialLoop]) -> int:
    """Instances that the loops of one axis occupy: trips multiply, those of one Joint advance together."""
    together: dict[int, int] = {}
    for s in loops:
        if s.joint:
            together[s.index] = max(together.get(s.index, 1), s.trips)
    return prod(s.trips for s in loops if not s.joint) * prod(together.values())


def _place(architecture: Architecture, loop: Loop) -> tuple[Fanout, FanoutAxis] | None:
    for fanout in architecture.fanouts:
        for axis in fanout.axes:
            if (fanout.name, axis.name) == (loop.target, loop.axis):
                return fanout, axis
    return None


def _axis_faults(architecture: Architecture, mapping: MappingTree) -> Iterator[Diagnostic]:
    fanouts = {f.name: f for f in architecture.fanouts}
    all_axes = [f"{f.name}.{a.name}" for f in architecture.fanouts for a in f.axes]
    places = ", ".join(all_axes) or "none: the architecture has no fanout"
    unit = mapping.nodes[-1] if mapping.nodes else None
    end = next((c for c in architecture.computes if isinstance(unit, Compute) and c.name == unit.unit), None)
    path = architecture.path(end) if end else architecture.nodes
    for index, node in enumerate(mapping.nodes):
        where = label(index, node)
        for loop in node.loops if isinstance(node, Joint) else (node,):
            if not isinstance(loop, Loop) or (not loop.spatial and loop.target not in fanouts):
                continue
            if loop.axis is None:
                why = f"the loop over '{loop.dim}' names the fanout '{loop.target}' but no axis"
                yield error("E-AXIS", where, why, f"Name one of {places}")
            elif loop.target is None:
                fits = ", ".join(p for p in all_axes if p.endswith(f".{loop.axis}")) or places
                why = f"the spatial loop over '{loop.dim}' names the axis '{loop.axis}' but no fanout"
                yield error("E-AXIS", where, why, f"Name one of {fits}")
            elif loop.target not in fanouts:
                near = did_you_mean(loop.target, fanouts)
                why = f"'{architecture.name}' has no fanout '{loop.target}'{near}"
                yield error("E-AXIS", where, why, f"Its axes are {places}")
            elif _place(architecture, loop) is None:
                names = [a.name for a in fanouts[loop.target].axes]
                why = f"fanout '{loop.target}' has no axis '{loop.axis}'{did_you_mean(loop.axis, names)}"
                yield error("E-AXIS", where, why, f"Its axes are {', '.join(names)}")
            elif not any(fanouts[loop.target] is n for n in path):
                why = f"fanout '{loop.target}' is not above the unit '{end.name if end else '?'}'"
                yield error("E-AXIS", where, why, "Lay the loop on a fanout above that unit")


def _joint_faults(problem: Problem, mapping: MappingTree) -> Iterator[Diagnostic]:
    for index, step in enumerate(walk(mapping, problem.extents)):
        if not isinstance(step.node, Joint):
            continue
        loops = step.node.loops
        where = label(index, step.node)
        trips = {loop.dim: loop.trips(step.outside[loop.dim]) for loop in loops}
        if len({loop.dim for loop in loops}) < 2 or len(trips) < len(loops):
            yield error("E-JOINT", where, "a joint needs two or more different dims", "Use a plain spatial loop")
        if len({(loop.target, loop.axis) for loop in loops}) > 1 or not all(loop.spatial for loop in loops):
            why = "the loops of a joint advance together on one axis, but they name different places"
            yield error("E-JOINT", where, why, "Give all of them the same target and axis")
        if len(set(trips.values())) > 1:
            why = "joint loops must make the same number of trips, got " + ", ".join(
                f"{dim} {n}" for dim, n in trips.items()
            )
            yield error("E-JOINT", where, why, f"Pad the dims or choose tiles so that each makes {max(trips.values())}")


def _side_faults(architecture: Architecture, mapping: MappingTree, placed: list[SpatialLoop]) -> Iterator[Diagnostic]:
    """Per tensor: holds of memories outside a fanout lie above its loops, those of memories inside it below."""
    memories = {m.name: m for m in architecture.memories}
    for s in placed:
        if s.trips == 1:
            continue
        fanout_depth = architecture.depth(s.fanout)
        for index, node in enumerate(mapping.nodes):
            if not isinstance(node, Hold) or not node.tensors:
                continue
            memory: Memory = memories[node.memory]
            inside = architecture.depth(memory) > fanout_depth
            if inside and index < s.index:
                why = (
                    f"'{memory.name}' lies inside '{s.fanout.name}', but its hold of {', '.join(node.tensors)} at "
                    f"node {index} is above this loop"
                )
                fix = f"Move the hold in '{memory.name}' below the loops on '{s.fanout.name}'"
            elif not inside and index > s.index:
                why = (
                    f"'{memory.name}' lies outside '{s.fanout.name}', but its hold of {', '.join(node.tensors)} at "
                    f"node {index} is below this loop"
                )
                fix = f"Move the hold in '{memory.name}' above the loops on '{s.fanout.name}'"
            else:
                continue
            yield error("E-LEVELS", label(s.index, mapping.nodes[s.index]), why, fix)


def _fanout_faults(
    mapping: MappingTree, fanout: Fanout, axis: FanoutAxis, mine: list[SpatialLoop]
) -> Iterator[Diagnostic]:
    used = used_places(mine)
    if used > axis.size:
        parts = " x ".join(f"{s.loop.dim} {s.trips}" for s in mine if s.trips > 1)
        yield error(
            "E-FANOUT",
            f"{fanout.name}.{axis.name}",
            f"the spatial loops need {used} places on '{fanout.name}.{axis.name}' ({parts}), it has {axis.size}",
            f"Take a larger tile in one of them, so that their trips multiply to at most {axis.size}",
        )


def _axis_dim_faults(
    problem: Problem, mapping: MappingTree, fanout: Fanout, axis: FanoutAxis, mine: list[SpatialLoop]
) -> Iterator[Diagnostic]:
    name = f"{fanout.name}.{axis.name}"
    moving = [s for s in mine if s.trips > 1]
    for s in moving:
        where = label(s.index, mapping.nodes[s.index])
        if axis.dims and s.loop.dim not in axis.dims:
            why = f"'{s.loop.dim}' may not lie on '{name}', only {', '.join(axis.dims)}"
            yield error("E-AXISDIMS", where, why, "Move the loop to another axis, or run it in time")
        moved = [t.name for t in problem.tensors if axis.stationary.has(t) and s.loop.dim in t.dims]
        if moved:
            why = f"'{s.loop.dim}' moves {', '.join(moved)}, which stays the same along '{name}'"
            yield error("E-AXISDIMS", where, why, "Move the loop to another axis, or run it in time")
    dims = list(dict.fromkeys(s.loop.dim for s in moving))
    if axis.max_dims is not None and len(dims) > axis.max_dims:
        why = f"{len(dims)} dims lie on '{name}' ({', '.join(dims)}), at most {axis.max_dims} may"
        yield error("E-AXISDIMS", name, why, f"Keep {axis.max_dims} of them there")


def _reduction_faults(
    problem: Problem, mapping: MappingTree, fanout: Fanout, axis: FanoutAxis, mine: list[SpatialLoop]
) -> Iterator[Diagnostic]:
    """A warning: without adders along the axis each instance updates the parent itself, which costs but works."""
    output = problem.output
    if axis.multicast.has(output):
        return
    for s in mine:
        if s.trips > 1 and s.loop.dim in problem.reduction_dims:
            name = f"{fanout.name}.{axis.name}"
            yield warning(
                "E-REDUCE",
                label(s.index, mapping.nodes[s.index]),
                f"'{name}' cannot add up '{output.name}', so each of the {s.trips} instances along '{s.loop.dim}' "
                "reads and writes its partial sums in the memory above",
                f"Lay a dim of '{output.name}' on '{name}', or declare '{output.name}' in its multicast",
            )


def utilization_faults(
    problem: Problem, architecture: Architecture, placed: list[SpatialLoop], required: Mapping[Place, float]
) -> Iterator[Diagnostic]:
    """Axes that use fewer places than `required_places` says."""
    for (fanout, axis), least in required.items():
        used = used_places([s for s in placed if (s.fanout.name, s.axis.name) == (fanout, axis)])
        if used < least:
            wires = architecture.fanout(fanout).axis(axis)
            yield error(
                "E-UTIL",
                f"{fanout}.{axis}",
                f"{used} of {wires.size} places on '{fanout}.{axis}' are used ({used / wires.size:.0%}), at least "
                f"{wires.min_utilization:.0%} is asked for and {least:g} can be reached",
                "Give this axis a spatial loop with more trips",
            )
