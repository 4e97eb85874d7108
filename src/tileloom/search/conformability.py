"""Whether a cost model and a mapper take a problem, an architecture and a mapping: every reason why not, with remedy.

Compares what is asked with the `Profile` of each and adds the mapping's own rules (mapping/legality.py). It runs no
search and evaluates no cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from tileloom.architecture.model import Architecture, Memory
from tileloom.core.errors import TileloomError
from tileloom.core.registry import Registry
from tileloom.cost.base import Profile
from tileloom.cost.registry import MODELS, split_model
from tileloom.mapping.diagnostic import Diagnostic, error, label, warning
from tileloom.mapping.legality import check_mapping, known_part, unit_of
from tileloom.mapping.normalise import normalise
from tileloom.mapping.tree import Joint, Loop, MappingTree, walk
from tileloom.search.objective import Objective
from tileloom.search.registry import MAPPERS
from tileloom.search.screen import never_fits
from tileloom.workload.problem import Problem
from tileloom.workload.rewrite.algorithms import ALGORITHMS

REGISTRIES: dict[str, Registry[Any]] = {"model": MODELS, "mapper": MAPPERS}


def diagnose(
    problem: Problem,
    architecture: Architecture,
    mapping: MappingTree | None = None,
    model: str = "loopnest",
    mapper: str | None = None,
    objective: Objective | None = None,
) -> tuple[Diagnostic, ...]:
    """Everything that stands in the way, in a fixed order; () when model and mapper take it all.

    mapping    its rules and whether the model takes it; None: whether the pair can be searched
    mapper     None: 'optimal' where there is no mapping, and none where there is one
    objective  None: not asked
    Raises InputError for names that no model or mapper has.
    """
    mapper = mapper or (None if mapping else "optimal")
    ask = _Ask(problem, architecture, mapping, model, objective)
    found = list(refusals(problem, architecture, model, mapping, objective))
    if mapper is not None:
        found += _against("mapper", mapper, ask._replace(mapping=None))
    if mapping is not None:
        return (*found, *check_mapping(problem, architecture, mapping))
    return (*_unit_faults(problem, architecture), *found, *never_fits(problem, architecture))


def refusals(
    problem: Problem,
    architecture: Architecture,
    model: str,
    mapping: MappingTree | None = None,
    objective: Objective | None = None,
) -> tuple[Diagnostic, ...]:
    """What of it the cost model does not take, whether or not the mapping is legal."""
    return tuple(_against("model", model, _Ask(problem, architecture, mapping, model, objective)))


class _Ask(NamedTuple):
    problem: Problem
    architecture: Architecture
    mapping: MappingTree | None
    model: str
    objective: Objective | None

    @property
    def memories(self) -> list[Memory]:
        """Outermost first, those on the way to the unit that computes the problem."""
        unit = unit_of(self.problem, self.architecture, self.mapping or MappingTree(()))
        path = self.architecture.path(unit) if unit else self.architecture.nodes
        return [n for n in path if isinstance(n, Memory)]


@dataclass(frozen=True, slots=True)
class _Fault:
    """`why` goes on after "model 'x' "; `fix` is what can be done besides taking another one."""

    code: str
    where: str
    why: str
    fix: str
    is_warning: bool = False


def _restated(problem: Problem, profile: Profile) -> str:
    """The first rewrite whose operation the profile lists, with its sizes; else what the profile lists."""
    for name, algorithm in ALGORITHMS.items():
        if algorithm.accepts(problem) is None:
            found = algorithm.apply(problem).problem
            if found.op in profile.operations:
                sizes = " ".join(f"{d.name}={d.extent}" for d in found.dims)
                return f"rewrite it with --algorithm {name} (GEMM {sizes}; check does it with --auto-rewrite)"
    return f"state the problem as {_either(profile.operations)}"


def _window_faults(profile: Profile, problem: Problem) -> Iterator[_Fault]:
    """Convolutions with what the profile does not tell apart: groups, dilation, padding."""
    windows = [(t, a) for t in problem.inputs for a in t.axes if len(a.terms) > 1]
    if not windows:
        return
    shared = [d for d in problem.extents if problem.extents[d] > 1 and all(d in t.dims for t in problem.tensors)]
    if shared and not profile.groups:
        why = f"takes one group; '{problem.name}' has {' x '.join(f'{d}={problem.extents[d]}' for d in shared)}"
        yield _Fault("E-GROUP", problem.name, why, "map one group alone and count it that often")
    for tensor, axis in windows:
        steps = [c for d, c in axis.terms if d not in problem.output.dims]
        if any(c > 1 for c in steps) and not profile.dilation:
            why = f"takes dense filters; {tensor.name} is indexed by {axis}"
            yield _Fault("E-DILATION", tensor.name, why, "rewrite it with --algorithm im2col")
        if (axis.pad_lo or axis.pad_hi) and not profile.padding:
            why = f"counts padding as data; {tensor.name} has {axis.pad_lo}+{axis.pad_hi} positions of it along {axis}"
            yield _Fault("E-PAD", tensor.name, why, "nothing need be done: counts are a little high", True)


def _against(kind: str, name: str, ask: _Ask) -> Iterator[Diagnostic]:
    name = split_model(name)[0] if kind == "model" else name
    for fault in _faults(REGISTRIES[kind].get(name).profile, ask):
        others = _who_takes(kind, fault.code, ask)
        fix = f"Choose {kind} {' or '.join(others)}, or {fault.fix}" if others else fault.fix[0].upper() + fault.fix[1:]
        told = warning if fault.is_warning else error
        yield told(fault.code, fault.where, f"{kind} '{name}' {fault.why}", fix)


def _who_takes(kind: str, code: str, ask: _Ask) -> list[str]:
    """Those of the kind that do not have this fault. One whose libraries are missing is no remedy."""
    able = []
    for name in REGISTRIES[kind].names():
        try:
            profile = REGISTRIES[kind].get(name).profile
        except (ImportError, TileloomError):
            continue
        if code not in {f.code for f in _faults(profile, ask)}:
            able.append(name)
    return able


def _faults(profile: Profile, ask: _Ask) -> Iterator[_Fault]:
    yield from _pair_faults(profile, ask)
    if ask.mapping is not None and ask.mapping.is_chain:
        known = known_part(ask.problem, ask.architecture, ask.mapping)
        yield from _loop_faults(profile, ask, known)
        yield from _order_faults(profile, ask, known)
        yield from _hold_faults(profile, ask, known)


def _pair_faults(profile: Profile, ask: _Ask) -> Iterator[_Fault]:
    problem, memories = ask.problem, ask.memories
    model = split_model(ask.model)[0]
    if profile.models is not None and model not in profile.models:
        why = f"searches with {_either(profile.models)} only, not with '{model}'"
        yield _Fault("E-MODEL", model, why, f"take cost model {_either(profile.models)}")
    if ask.objective is not None and ask.objective not in profile.objectives:
        why = f"knows the objective {_either(profile.objectives)}, not {ask.objective}"
        yield _Fault("E-OBJ", ask.objective, why, f"minimise {_either(profile.objectives)}")
    if "any" not in profile.operations and problem.op not in profile.operations:
        why = f"takes {_either(profile.operations)}; '{problem.name}' is {problem.op}"
        yield _Fault("E-OP", problem.name, why, _restated(problem, profile))
    inputs = len(problem.inputs)
    if profile.max_inputs is not None and inputs > profile.max_inputs:
        why = f"takes {profile.max_inputs} inputs at most; '{problem.name}' has {inputs}"
        yield _Fault("E-NINPUT", problem.name, why, "split the problem into steps with fewer inputs")
    most = profile.max_terms_per_axis
    for tensor in problem.tensors:
        for axis in tensor.axes:
            if most is not None and len(axis.terms) > most:
                why = f"takes {most} dims in an index at most; {tensor.name} is indexed by {axis}"
                yield _Fault("E-NONAFFINE", tensor.name, why, "rewrite the problem so that fewer dims share an index")
    yield from _window_faults(profile, problem)
    upper = profile.max_memories
    if len(memories) < profile.min_memories or (upper is not None and len(memories) > upper):
        span = f"{profile.min_memories} to {upper}" if upper is not None else f"at least {profile.min_memories}"
        names = ", ".join(m.name for m in memories)
        why = f"takes {span} memories; the way to the compute unit has {len(memories)} ({names})"
        yield _Fault("E-LEVELS", ask.architecture.name, why, "describe the chip with another number of memories")
    if not profile.bypass and ask.mapping is None:
        for memory in memories:
            left_out = [t.name for t in problem.tensors if not memory.allows(t)]
            if left_out:
                why = f"holds every tensor in every memory; '{memory.name}' does not take {', '.join(left_out)}"
                yield _Fault("E-BYPASS", memory.name, why, f"let '{memory.name}' keep all tensors")


def _loop_faults(profile: Profile, ask: _Ask, known: MappingTree) -> Iterator[_Fault]:
    for index, step in enumerate(walk(known, ask.problem.extents)):
        node, where = step.node, label(index, step.node)
        loops = node.loops if isinstance(node, Joint) else (node,) if isinstance(node, Loop) else ()
        if isinstance(node, Joint) and not profile.joint:
            dims = ", ".join(loop.dim for loop in loops)
            why = f"has no loops that advance together (dims {dims})"
            yield _Fault("E-JOINT", where, why, "give each dim its own loop")
        for loop in loops:
            if loop.spatial and step.trips > 1 and not profile.spatial:
                yield _Fault("E-AXIS", where, "has no loops in space", f"run '{loop.dim}' in time")
            if not profile.imperfect and not loop.divides(step.outside[loop.dim]):
                outside = step.outside[loop.dim]
                why = f"takes tiles that divide; {outside} of '{loop.dim}' in steps of {loop.tile} leave a remainder"
                yield _Fault("E-RESID", where, why, f"use a divisor of {outside}")


def _order_faults(profile: Profile, ask: _Ask, known: MappingTree) -> Iterator[_Fault]:
    """E-ORDER: loops of one run whose order says more than which tensor is reused below them."""
    if profile.orders == "free":
        return
    run: list[str] = []
    steps = [s.node for s in walk(known, ask.problem.extents) if not isinstance(s.node, Loop) or s.trips > 1]
    for node in (*steps, None):
        if isinstance(node, Loop) and not node.spatial:
            run.append(node.dim)
            continue
        kinds = [frozenset(t.name for t in ask.problem.tensors if d in t.dims) for d in run]
        changes = 1 + sum(a != b for a, b in pairwise(kinds))
        if run and changes > 2:
            why = f"knows which tensor is reused innermost, not the order of {' '.join(run)}"
            yield _Fault(
                "E-ORDER", " ".join(run), why, "put a hold between them, so that two at most follow one another", True
            )
        run = []


def _hold_faults(profile: Profile, ask: _Ask, known: MappingTree) -> Iterator[_Fault]:
    if not profile.bypass:
        for memory in ask.memories:
            held = {name for hold in known.holds if hold.memory == memory.name for name in hold.tensors}
            missing = ", ".join(t.name for t in ask.problem.tensors if t.name not in held)
            if missing:
                why = f"holds every tensor in every memory; {missing} bypasses '{memory.name}'"
                yield _Fault("E-BYPASS", memory.name, why, f"add a hold of {missing} in '{memory.name}'")
    if not profile.uneven:
        for note in normalise(known, ask.problem, "blocked").notes:
            if note.code == "E-UNEVEN":
                why = f"holds the tensors of a memory at one boundary; {note.why}"
                yield _Fault("E-UNEVEN", note.where, why, f"bring the holds of '{note.where}' together")


def _unit_faults(problem: Problem, architecture: Architecture) -> Iterator[Diagnostic]:
    if architecture.compute_for(problem) is None:
        units = ", ".join(f"{c.name} takes {_either(tuple(map(str, c.n_inputs)))}" for c in architecture.computes)
        why = f"no compute unit takes {len(problem.inputs)} inputs as '{problem.name}' has ({units})"
        yield error("E-NINPUT", architecture.name, why, "Rewrite the problem, or take another architecture")


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)
