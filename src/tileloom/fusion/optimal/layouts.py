"""From drafts to a graph: dims and tensors of every problem spelled out, axes in one order for all users of a tensor.

An axis is aligned where every user of what is stored walks along it by one axis of its own; those come first. What
only some can name is kept whole behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from tileloom.architecture.model import Architecture
from tileloom.fusion.optimal.drafts import Draft, Store, Stores, is_plain
from tileloom.fusion.optimal.graph import FusedGraph, Layout
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.views import Atom
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

Range = tuple[int, int]
LabelledAxis = tuple[Axis, int | None]


@dataclass(frozen=True)
class _Cut:
    """A store written in parts, one problem each: the stored atom that is cut, and the ranges of the parts."""

    atom: Atom
    ranges: tuple[Range, ...]


@dataclass
class _Entry:
    """One problem to be: a draft, which part of a cut store it writes (-1: no cut), and the names of its tensors."""

    draft: Draft
    part: int
    name: str
    short: Mapping[int, int]
    names: dict[str, str] = field(default_factory=dict)
    axes: dict[str, list[LabelledAxis]] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)


def assemble(
    name: str, drafts: Sequence[Draft], stores: Stores, architecture: Architecture, notes: Sequence[str]
) -> FusedGraph:
    """The graph of all drafts in their order."""
    build = _Assembly(drafts, stores)
    problems, layouts = build.run()
    return graph_of_problems(
        name,
        problems,
        architecture,
        pinned=build.pinned,
        layouts=layouts,
        whole=build.whole,
        notes=[*notes, *build.notes],
    )


class _Assembly:
    def __init__(self, drafts: Sequence[Draft], stores: Stores) -> None:
        self.drafts, self.stores = drafts, stores
        self.notes: list[str] = []
        self.pinned: set[str] = set()
        self.whole: dict[str, frozenset[str]] = {}
        self.same: dict[int, int] = {}
        self.size: dict[int, int] = {}
        for part, joint in stores.same:
            for a, b in zip(part.leaves(), joint.leaves()):
                self.same[self.label(a)] = self.label(b)
        self.cuts: dict[int, _Cut] = {}

    def label(self, atom: Atom) -> int:
        """A number for a stored axis, the same for all parts of a joined store."""
        at = id(atom)
        self.size.setdefault(at, atom.size)
        while self.same.get(at, at) != at:
            at = self.same[at]
        return at

    def run(self) -> tuple[list[Problem], dict[str, Layout]]:
        self._cut_where_two_parts_meet()
        entries = [entry for draft in self.drafts for entry in self._entries(draft)]
        for entry in entries:
            self._name(entry)
            self._spell(entry)
        layouts = self._layouts(entries)
        return [self._problem(entry, layouts) for entry in entries], layouts

    # -- stores whose parts are read together

    def _cut_where_two_parts_meet(self) -> None:
        for draft in self.drafts:
            roots = [self.stores.root(v.store).number for v in draft.views.values() if v is not None]
            for number in {r for r in roots if roots.count(r) > 1} - self.cuts.keys():
                cut = self._cut_of(self.stores.root(number))
                if cut is not None:
                    self.cuts[number] = cut
                    writer = self.drafts[self.stores.root(number).writers[0]].problem.name
                    self.notes.append(
                        f"'{writer}' runs as {len(cut.ranges)} problems, one per part of its output that is read apart"
                    )

    def _cut_of(self, store: Store) -> _Cut | None:
        """How to write the store in parts; None unless every reader takes one part of one axis, and all are taken."""
        if store.joint or len(store.writers) != 1:
            return None
        writer = self.drafts[store.writers[0]]
        taken: set[tuple[int, Range]] = set()
        atoms: dict[int, Atom] = {}
        for draft in self.drafts:
            for t in draft.problem.inputs:
                view = draft.views[t.name]
                if view is None or self.stores.root(view.store) is not store:
                    continue
                ranges = view.ranges()
                if len(ranges) != 1 or ranges[0].atom is None:
                    return None
                piece = ranges[0]
                assert piece.atom is not None
                atoms[id(piece.atom)] = piece.atom
                taken.add((id(piece.atom), (piece.start, piece.length)))
        listed = sorted(r for _, r in taken)
        if len(atoms) != 1:
            return None
        atom = next(iter(atoms.values()))
        if [s for s, _ in listed] != [sum(n for _, n in listed[:k]) for k in range(len(listed))]:
            return None
        if sum(n for _, n in listed) != atom.size or self._dim_of(writer, atom) is None:
            return None
        return _Cut(atom, tuple(listed))

    def _dim_of(self, writer: Draft, atom: Atom) -> Atom | None:
        """The dim of the writer that walks along a stored axis, if no other tensor of the network has it."""
        out = writer.problem.output.name
        found = next((d for d, s in self._leaf_matches(writer, out) if s is atom), None)
        if found is None:
            return None
        base = next(d for d, own in writer.dims.items() if found in own.leaves())
        inputs = [t for t in writer.problem.inputs if writer.views[t.name] is not None]
        return None if any(base in t.dims for t in inputs) else found

    def _leaf_matches(self, draft: Draft, tensor: str) -> list[tuple[Atom, Atom]]:
        return [pair for d, s in draft.matches[tensor] for pair in zip(d.leaves(), s.leaves())]

    # -- entries

    def _entries(self, draft: Draft) -> list[_Entry]:
        view = draft.views[draft.problem.output.name]
        cut = None if view is None else self.cuts.get(self.stores.root(view.store).number)
        if cut is None:
            return [_Entry(draft, -1, draft.problem.name, {})]
        dim = self._dim_of(draft, cut.atom)
        return [
            _Entry(draft, k, f"{draft.problem.name}.{k}", {id(dim): length}) for k, (_, length) in enumerate(cut.ranges)
        ]

    def _name(self, entry: _Entry) -> None:
        taken: set[str] = set()
        for t in entry.draft.problem.tensors:
            view = entry.draft.views[t.name]
            name = f"{entry.name}.{t.name}"
            if view is not None:
                store = self.stores.root(view.store)
                part = entry.part if t.is_output else -1
                cut = self.cuts.get(store.number)
                if cut is not None and not t.is_output:
                    (piece,) = view.ranges()
                    part = cut.ranges.index((piece.start, piece.length))
                name = store.name if part < 0 else f"{store.name}.{part}"
                if store.pinned:
                    self.pinned.add(name)
                if name in taken:
                    self.pinned.add(name)
                    self.notes.append(
                        f"'{entry.name}' uses '{name}' in two places: that tensor goes through the outermost memory"
                    )
            while name in taken:
                name += "'"
            taken.add(name)
            entry.names[t.name] = name

    def _spell(self, entry: _Entry) -> None:
        """Axes of every tensor over the dims as they are split by now, each with the stored axis that it walks along."""
        draft = entry.draft
        for t in draft.problem.tensors:
            labels = {id(d): self.label(s) for d, s in self._leaf_matches(draft, t.name)}
            view = draft.views[t.name]
            if view is not None:
                self._label_parts(draft, t, labels)
            dropped = {id(leaf) for a in draft.dropped[t.name] for leaf in a.leaves()}
            spelled: list[LabelledAxis] = []
            for i, axis in enumerate(t.axes):
                if not is_plain(axis) or (draft.dims[axis.terms[0][0]].halves is None and not dropped):
                    spelled.append((axis, self._single(draft, t, i, axis, labels)))
                    if is_plain(axis) and entry.short.get(id(draft.dims[axis.terms[0][0]])) == 1:
                        spelled.pop()
                    continue
                for name, leaf in _names(draft, axis.terms[0][0]):
                    if id(leaf) not in dropped and entry.short.get(id(leaf)) != 1:
                        spelled.append((Axis(((name, 1),)), labels.get(id(leaf))))
            entry.axes[t.name] = spelled
            self.whole[entry.name] = frozenset(n for d in draft.whole for n, _ in _names(draft, d))
            for d in draft.whole:
                entry.whole |= {labels[id(leaf)] for leaf in draft.dims[d].leaves() if id(leaf) in labels}

    def _label_parts(self, draft: Draft, t: Tensor, labels: dict[int, int]) -> None:
        """Dims along a part of a cut axis walk along all of it once it is a tensor of its own."""
        view = draft.views[t.name]
        cut = None if view is None else self.cuts.get(self.stores.root(view.store).number)
        if cut is None:
            return
        for dim, piece in draft.ranged[t.name]:
            now = [p for p in piece.now() if p.length > 1]
            for leaf, part in zip(dim.leaves(), now) if len(dim.leaves()) == len(now) else ():
                if part.atom is not None:
                    labels[id(leaf)] = self.label(part.atom)

    def _single(self, draft: Draft, t: Tensor, i: int, axis: Axis, labels: Mapping[int, int]) -> int | None:
        stored = draft.halos[t.name].get(i)
        if stored is not None:
            return self.label(stored) if stored.halves is None else None
        return labels.get(id(draft.dims[axis.terms[0][0]])) if is_plain(axis) else None

    # -- agreement

    def _layouts(self, entries: Sequence[_Entry]) -> dict[str, Layout]:
        users: dict[str, list[tuple[_Entry, Tensor]]] = {}
        for entry in entries:
            for t in entry.draft.problem.tensors:
                if entry.draft.views[t.name] is not None:
                    users.setdefault(entry.names[t.name], []).append((entry, t))
        found: dict[str, Layout] = {}
        self.orders: dict[str, list[int]] = {}
        for name, listed in users.items():
            seen = [[label for _, label in entry.axes[t.name]] for entry, t in listed]
            first = next((k for k, (_, t) in enumerate(listed) if t.is_output), 0)
            order = [label for label in seen[first] if label is not None and all(own.count(label) == 1 for own in seen)]
            self.orders[name] = order
            whole = frozenset(i for i, label in enumerate(order) if any(label in e.whole for e, _ in listed))
            found[name] = Layout(len(order), whole, self._extents(listed[0], order))
        return found

    def _extents(self, user: tuple[_Entry, Tensor], order: Sequence[int]) -> tuple[int, ...]:
        view = user[0].draft.views[user[1].name]
        assert view is not None
        root = self.stores.root(view.store)
        if not root.joint:
            return ()
        parts = [s for s in self.stores.stores if not s.joint and self.stores.root(s.number) is root]
        total = sum(prod(a.size for a in s.base) for s in parts)
        sizes = [self.size[label] for label in order]
        return (*sizes, total // prod(sizes))

    def _problem(self, entry: _Entry, layouts: Mapping[str, Layout]) -> Problem:
        draft = entry.draft
        dims = [
            Dim(name, entry.short.get(id(leaf), leaf.size))
            for d in draft.problem.dims
            for name, leaf in _names(draft, d.name)
            if entry.short.get(id(leaf)) != 1
        ]
        tensors = []
        for t in draft.problem.tensors:
            name, spelled, view = entry.names[t.name], entry.axes[t.name], draft.views[t.name]
            order = self.orders.get(name, []) if view is not None else []
            place = {label: i for i, label in enumerate(order)}
            ranked = sorted(
                spelled, key=lambda item: place.get(item[1], len(place)) if item[1] is not None else len(place)
            )
            bits = t.bits if view is None else self.stores.root(view.store).bits
            tensors.append(replace(t, name=name, axes=tuple(a for a, _ in ranked), bits=bits))
        return replace(draft.problem, name=entry.name, dims=tuple(dims), tensors=tuple(tensors))


def _names(draft: Draft, dim: str) -> list[tuple[str, Atom]]:
    """The dim's parts as they are split by now, each with a name of its own."""
    leaves = draft.dims[dim].leaves()
    if len(leaves) == 1:
        return [(dim, leaves[0])]
    taken = {d.name for d in draft.problem.dims}
    mark = "" if not any(f"{dim}{i}" in taken for i in range(len(leaves))) else "_"
    return [(f"{dim}{mark}{i}", leaf) for i, leaf in enumerate(leaves)]
