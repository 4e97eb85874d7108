"""Whether a fused mapping may run: every broken rule of a tree with branches, each with code, place, numbers and remedy.

Each problem's own way through the tree is checked as in legality.py; rules about what passes between problems are
here and in fused_passing.py. Source: the rules of loop trees of AccelForge 1.0, and E-EARLY, derived here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from tileloom.architecture.model import Architecture, Memory
from tileloom.core.errors import did_you_mean
from tileloom.mapping.diagnostic import Diagnostic, error, warning
from tileloom.mapping.fused import Address, Branch, own_copy, paths_of, place_label, read_branches
from tileloom.mapping.fused_occupancy import STRIP, Moment, Reservation, loop_trips, node_at, reservations_of, timeline
from tileloom.mapping.fused_passing import passing_faults
from tileloom.mapping.halo import leaf_problem
from tileloom.mapping.legality import chain_faults, compute_faults, name_faults
from tileloom.mapping.residency import backing_index
from tileloom.mapping.tree import Compute, Hold, Joint, Loop, MappingTree, Par, Pipe, Seq, TreeNode, walk
from tileloom.workload.problem import Problem

Chips = Architecture | Mapping[str, Architecture]
"""The hardware, or the hardware as each problem meets it, by problem name."""


def check_fused(
    problems: Sequence[Problem],
    chips: Chips,
    mapping: MappingTree,
    *,
    persistent: Collection[str] = (),
    counts: Mapping[str, int] | None = None,
    joined: Mapping[str, int] | None = None,
    aligned: Mapping[str, int] | None = None,
    perfect: bool = False,
) -> tuple[Diagnostic, ...]:
    """Every rule that a mapping of several problems breaks, in a fixed order; () for a legal one.

    persistent  tensors that stay in their memory while everything runs;  counts: how often a problem runs
    joined      values of tensors that several problems write parts of
    aligned     of tensors that problems see with other axes: how many of the first axes mean the same to all
    perfect     also refuse loops that do not divide evenly (E-RESID)
    A tensor of one name is the same tensor. What names something unknown is reported and left out of later rules.
    """
    by_problem = {p.name: chips if isinstance(chips, Architecture) else chips[p.name] for p in problems}
    found, faults = read_branches(mapping, problems)
    said = [*faults, *_writer_faults(problems, joined or {}), *_hold_faults(mapping.nodes, (), problems)]
    between = tensors_between(problems)
    known = []
    for branch in found:
        free = between | set(persistent) | _loaded(mapping, branch)
        own, diagnostics = _branch_faults(branch, by_problem[branch.layer.name], free, perfect)
        said += diagnostics
        known.append(own)
    said += _trip_faults(known)
    said += passing_faults(mapping, known, by_problem, between, aligned or {}, frozenset(joined or {}))
    said += _persistent_faults(known, frozenset(persistent))
    said += _overlap_faults(mapping, known)
    said += _fetch_warnings(known)
    if not faults:
        reserved = reservations_of(mapping, known, by_problem, frozenset(persistent), counts, joined)
        said += _capacity_faults(timeline(mapping, known, reserved), known, by_problem)
    return tuple(dict.fromkeys(_named(d, mapping) for d in said))


def is_legal_fused(problems: Sequence[Problem], chips: Chips, mapping: MappingTree) -> bool:
    """True when `check_fused` finds no error; warnings do not count."""
    return all(d.severity != "error" for d in check_fused(problems, chips, mapping))


def tensors_between(problems: Sequence[Problem]) -> frozenset[str]:
    """Tensors that one problem writes and another reads."""
    written = {p.output.name: p.name for p in problems}
    return frozenset(t.name for p in problems for t in p.inputs if written.get(t.name, p.name) != p.name)


def _loaded(mapping: MappingTree, branch: Branch) -> frozenset[str]:
    """Tensors that a branch below tile loops finds further in than where they come from: they are loaded beside it."""
    if not branch.loops:
        return frozenset()
    above = [node for path in paths_of(mapping) if path[-1][0] == branch.places[-1] for _, node in path]
    return frozenset(t for node in above if isinstance(node, Hold) for t in node.tensors)


def _writer_faults(problems: Sequence[Problem], joined: Mapping[str, int]) -> Iterator[Diagnostic]:
    outputs = [p.output.name for p in problems if p.output.name not in joined]
    for name in sorted({n for n in outputs if outputs.count(n) > 1}):
        writers = ", ".join(f"'{p.name}'" for p in problems if p.output.name == name)
        yield error("E-PROBLEM", name, f"'{name}' is written by {writers}", "Give each output its own name")


def _hold_faults(nodes: Sequence[TreeNode], prefix: Address, problems: Sequence[Problem]) -> Iterator[Diagnostic]:
    """Tensors held where no problem below has them."""
    for i, node in enumerate(nodes):
        at = (*prefix, i)
        if isinstance(node, Seq | Pipe | Par):
            for b, child in enumerate(node.children):
                yield from _hold_faults(child, (*at, b), problems)
        elif isinstance(node, Hold):
            names = {p.name: p for p in problems}
            below = {leaf_problem(leaf, names)[0] for leaf in _computed(nodes[i:])}
            own = [p for p in problems if p.name in below or len(problems) == 1]
            known = {t.name for p in own for t in p.tensors}
            known |= {own_copy(p.name, t.name) for p in own for t in p.tensors}
            for name in node.tensors:
                if name not in known:
                    who = f"no problem below it ({', '.join(p.name for p in own) or 'none'})"
                    yield error(
                        "E-DIMS",
                        place_label(at, node),
                        f"{who} has a tensor '{name}'{did_you_mean(name, known)}",
                        f"Remove '{name}', or hold it where it is used",
                    )


def _computed(nodes: Sequence[TreeNode]) -> Iterator[Compute]:
    for node in nodes:
        if isinstance(node, Compute):
            yield node
        elif isinstance(node, Seq | Pipe | Par):
            for child in node.children:
                yield from _computed(child)


def _branch_faults(
    branch: Branch, chip: Architecture, between: frozenset[str], perfect: bool
) -> tuple[Branch, list[Diagnostic]]:
    """The branch without what has unknown names, and what breaks the rules of single problems on it."""
    problem = branch.problem
    said = list(name_faults(problem, chip, branch.chain))
    if not problem.copy:
        said += compute_faults(problem, chip, branch.chain)
    said = [_placed(d, branch) for d in said]
    memories = {m.name for m in chip.memories}
    kept = [k for k, node in enumerate(branch.chain.nodes) if _is_known(node, problem, memories)]
    known = replace(
        branch,
        chain=MappingTree(tuple(branch.chain.nodes[k] for k in kept)),
        places=tuple(branch.places[k] for k in kept),
    )
    said += [_placed(d, known) for d in chain_faults(problem, chip, known.chain, perfect, between)]
    if problem.copy:
        said += _copy_faults(known)
    return known, said


def _is_known(node: TreeNode, problem: Problem, memories: Collection[str]) -> bool:
    if isinstance(node, Hold):
        return node.memory in memories
    loops = (node,) if isinstance(node, Loop) else node.loops if isinstance(node, Joint) else ()
    return all(loop.dim in problem.extents and loop.tile >= 1 for loop in loops)


def _placed(found: Diagnostic, branch: Branch) -> Diagnostic:
    """The same with places in the tree for places in the chain; what is not at a node gets the problem's name."""

    def in_tree(m: re.Match[str]) -> str:
        return f"node {'.'.join(map(str, branch.places[int(m.group(1))]))}"

    where, why = (re.sub(r"\bnode (\d+)", in_tree, text) for text in (found.where, found.why))
    return replace(found, where=where if where.startswith("node ") else f"{branch.problem.name}, {where}", why=why)


def _named(found: Diagnostic, mapping: MappingTree) -> Diagnostic:
    """The same with nodes as they stand in the tree: a branch knows only its own part of a shared one."""

    def as_it_stands(m: re.Match[str]) -> str:
        address = tuple(map(int, m.group(1).split(".")))
        return place_label(address, node_at(mapping, address))

    where, why = (re.sub(r"\bnode ([\d.]*\d) \([^()]*\)", as_it_stands, t) for t in (found.where, found.why))
    return replace(found, where=where, why=why)


def _copy_faults(branch: Branch) -> Iterator[Diagnostic]:
    """A copy moves its one source from where that is backed to where the copy is; nothing else is held or split."""
    problem, name = branch.problem, branch.problem.name
    if len(problem.inputs) != 1:
        listed = ", ".join(t.name for t in problem.inputs)
        yield error("E-COPY", name, f"copy '{name}' has {len(problem.inputs)} sources ({listed})", "Copy one tensor")
    for tensor in problem.tensors:
        at = [k for k, n in enumerate(branch.chain.nodes) if isinstance(n, Hold) and tensor.name in n.tensors]
        for k in at[1:]:
            yield error(
                "E-COPY",
                place_label(branch.places[k], branch.chain.nodes[k]),
                f"copy '{name}' holds '{tensor.name}' again; each element moves once between the two outermost holds",
                "Remove this hold",
            )
        if not at:
            yield error(
                "E-COPY", name, f"copy '{name}' holds '{tensor.name}' nowhere", f"Add a hold of '{tensor.name}'"
            )
    for k, node in enumerate(branch.chain.nodes):
        if isinstance(node, Joint) or (isinstance(node, Loop) and node.spatial):
            yield error(
                "E-COPY",
                place_label(branch.places[k], node),
                f"copy '{name}' has a loop in space; it uses no compute units",
                "Make it a loop in time",
            )


def _trip_faults(found: Sequence[Branch]) -> Iterator[Diagnostic]:
    """Loops and joint loops above several problems."""
    met: dict[Address, dict[str, int]] = {}
    nodes: dict[Address, TreeNode] = {}
    for branch in found:
        for k, step in enumerate(walk(branch.chain, branch.problem.extents)):
            if isinstance(step.node, Loop | Joint):
                met.setdefault(branch.places[k], {})[branch.problem.name] = step.trips
                nodes[branch.places[k]] = step.node
    for at, trips in met.items():
        if len(trips) < 2:
            continue
        if isinstance(nodes[at], Joint):
            yield error(
                "E-SHARED",
                place_label(at, nodes[at]),
                f"joint loops stand above {', '.join(trips)}; they belong to one problem",
                "Move them into the branches",
            )
        elif len(set(trips.values())) > 1:
            counts = ", ".join(f"{n} of '{name}'" for name, n in trips.items())
            yield error(
                "E-SHARED",
                place_label(at, nodes[at]),
                f"a loop above several problems makes one number of trips for all, here {counts}",
                "Choose tiles with equal trips and name the dims ('first.m = second.k')",
            )


def _persistent_faults(found: Sequence[Branch], persistent: frozenset[str]) -> Iterator[Diagnostic]:
    everywhere = {t.name for b in found for t in b.problem.tensors}
    for name in sorted(persistent - everywhere):
        near = did_you_mean(name, everywhere)
        yield error("E-PERSIST", name, f"no problem has the persistent tensor '{name}'{near}", "Correct the name")
    for branch in found:
        trips = loop_trips([branch])
        for tensor in branch.problem.tensors:
            index = backing_index(branch.chain, tensor.name)
            if tensor.name not in persistent or index is None:
                continue
            loops = [at for at in branch.places[:index] if at in trips]
            if loops:
                k = branch.places.index(loops[0])
                yield error(
                    "E-PERSIST",
                    place_label(branch.places[index], branch.chain.nodes[index]),
                    f"'{tensor.name}' stays in its memory while everything runs, but its outermost hold stands below "
                    f"{place_label(loops[0], branch.chain.nodes[k])}, which would replace it {trips[loops[0]]} times",
                    "Move the hold above all loops",
                )


def _overlap_faults(mapping: MappingTree, found: Sequence[Branch]) -> Iterator[Diagnostic]:
    """What branches that run at the same time ask of the hardware and of the loops above them."""
    for at, node in _branch_nodes(mapping.nodes, ()):
        if isinstance(node, Par):
            units: dict[str, list[str]] = {}
            for branch in found:
                leaf = branch.chain.nodes[-1]
                if branch.places[-1][: len(at)] == at and isinstance(leaf, Compute):
                    units.setdefault(leaf.unit, []).append(branch.problem.name)
            for unit, names in units.items():
                if len(names) > 1:
                    yield error(
                        "E-PAR",
                        place_label(at, node),
                        f"{' and '.join(names)} run side by side on one unit, '{unit}'",
                        "Give each branch a unit of its own, or use seq or pipe",
                    )
        elif isinstance(node, Pipe):
            for branch in found:
                for k, step in enumerate(walk(branch.chain, branch.problem.extents)):
                    if not isinstance(step.node, Loop) or branch.places[k][:-1] != at[:-1]:
                        continue
                    if branch.places[-1][: len(at)] == at and not step.node.divides(step.outside[step.node.dim]):
                        yield error(
                            "E-RESID",
                            place_label(branch.places[k], step.node),
                            f"the loop above a pipe leaves a remainder: {step.outside[step.node.dim]} of "
                            f"'{step.node.dim}' in steps of {step.node.tile}; its steps must be alike",
                            f"Use a divisor of {step.outside[step.node.dim]}, or seq",
                        )


def _branch_nodes(nodes: Sequence[TreeNode], prefix: Address) -> Iterator[tuple[Address, TreeNode]]:
    for i, node in enumerate(nodes):
        if isinstance(node, Seq | Pipe | Par):
            yield (*prefix, i), node
            for b, child in enumerate(node.children):
                yield from _branch_nodes(child, (*prefix, i, b))


def _fetch_warnings(found: Sequence[Branch]) -> Iterator[Diagnostic]:
    """A copy held above several problems that use it looks shared, but each problem fetches its own."""
    met: dict[tuple[str, Address], list[Branch]] = {}
    for branch in found:
        for k, node in enumerate(branch.chain.nodes):
            for name in node.tensors if isinstance(node, Hold) else ():
                others = [b.layer.name for b in met.get((name, branch.places[k]), ())]
                if k != backing_index(branch.chain, name) and branch.layer.name not in others:
                    met.setdefault((name, branch.places[k]), []).append(branch)
    for (name, at), users in met.items():
        if len(users) > 1:
            node = users[0].chain.nodes[users[0].places.index(at)]
            names = ", ".join(b.problem.name for b in users)
            yield warning(
                "E-FETCH",
                place_label(at, node),
                f"'{name}' is backed further out, so each of {names} fetches its own copy and takes space for it",
                f"Name the owner ('{users[0].problem.name}.{name}'), or add a problem that copies '{name}' for all",
            )


def _capacity_faults(
    moments: Sequence[Moment], found: Sequence[Branch], chips: Mapping[str, Architecture]
) -> Iterator[Diagnostic]:
    """Per memory, or partition of one, the fullest moment that does not fit."""
    # What passes between problems counts as the output that it is.
    tensors = {
        t.name: t for outputs in (False, True) for b in found for t in b.problem.tensors if t.is_output is outputs
    }
    memories = {m.name: m for chip in chips.values() for m in chip.memories}
    for memory in memories.values():
        parts: list[tuple[str, set[str], int | None]] = [
            (f"'{memory.name}' (partition of {who})", {n for n, t in tensors.items() if who.has(t)}, size)
            for who, size in memory.partitions
        ] or [(f"'{memory.name}'", set(tensors), memory.capacity_bits)]
        # The first partition that takes a tensor holds it.
        for (_, one, _), (_, other, _) in combinations(parts, 2):
            other -= one
        homeless = {r.tensor.removesuffix(STRIP) for m in moments for r in m.alive if r.memory == memory.name} - {
            n for _, names, _ in parts for n in names
        }
        for name in sorted(homeless):
            why = f"no partition of '{memory.name}' takes '{name}' ({tensors[name].role})"
            yield error("E-CAP", memory.name, why, f"Bypass '{memory.name}' for '{name}'")
        for where, names, capacity in parts:
            if capacity is not None:
                yield from _overflow(moments, memory, where, names, capacity)


def _overflow(
    moments: Sequence[Moment], memory: Memory, where: str, names: Collection[str], capacity: int
) -> Iterator[Diagnostic]:
    def mine(r: Reservation) -> bool:
        return r.memory == memory.name and r.tensor.removesuffix(STRIP) in names

    totals = [sum(r.bits for r in m.alive if mine(r)) for m in moments]
    most = max(totals, default=0)
    if most <= capacity:
        return
    moment = moments[totals.index(most)]
    rows = [r for r in moment.alive if mine(r) and r.bits]
    in_bytes = all(bits % 8 == 0 for bits in (capacity, *(r.bits for r in rows)))
    scale, unit = (8, "B") if in_bytes else (1, "bits")
    parts = " + ".join(
        f"{r.tensor}{f' of {r.owner}' if r.owner and r.owner != moment.problem else ''} {r.bits // scale}"
        for r in sorted(rows, key=lambda r: -r.bits)
    )
    others = [m.problem for m, total in zip(moments, totals) if total > capacity and m is not moment]
    also = f" (too much also while {', '.join(others)} runs)" if others else ""
    ratio = f"{most / capacity:.2f}x" if capacity else "no space at all"
    yield error(
        "E-CAP",
        memory.name,
        f"while '{moment.problem}' runs {where} holds {parts} = {most // scale} {unit}, "
        f"capacity {capacity // scale} {unit} ({ratio}){also}",
        f"{most // scale} {unit} are the least that would do for this mapping; or shrink a tile that is held above "
        f"'{moment.problem}'",
    )
