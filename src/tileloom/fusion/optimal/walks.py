"""Which part of a tensor the trips of open loops finish, so that no problem reads what is not there yet.

A tensor held above some of the loops that its writer and a reader share is made trip by trip; the reader may be in
those loops only if each trip reads what the same trip of the writer made. Source: derived here. AccelForge 1.0 does not
ask this, and takes schedules that read sums before they are complete.
"""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.fusion.optimal.graph import FusedGraph
from tileloom.fusion.optimal.groups import Group, Key

Walk = tuple[int, ...]
"""Per loop below a tensor's hold that is open since it was written: the axis that a trip finishes a tile of, or -1."""


FOLLOWED = 1_000_000
"""Below a tile loop over windows a problem makes, in every iteration, just what its readers then read."""


class Walker:
    """Walks of one graph's tensors over its cuts. Off: every reader may be anywhere."""

    def __init__(self, graph: FusedGraph, *, on: bool = True) -> None:
        self.graph, self.on = graph, on
        self.live = [graph.live(i) for i in range(len(graph.layers))]
        self.written = graph.producer
        self.known: dict[tuple[int, int, tuple[Key, ...]], Walk] = {}

    def after(self, i: int, group: Group, before: tuple[Walk, ...], new: Sequence[Key]) -> tuple[Walk, ...] | None:
        """Walks of the tensors alive behind layer `i` if it runs as `group` says; `new` are their keys.

        before  walks of the tensors alive at the cut before;  None: the layer would read what is not there yet
        """
        if not self.on:
            return ()
        depth = max((len(k[1]) for k in new), default=0)
        if not any(before) and all(len(k[1]) == depth for k in new):
            return ((),) * len(new)
        tensors = self.graph.layers[i].tensors
        old = dict(zip(self.live[i - 1] if i else (), before))
        for t, walk in old.items():
            if walk and t in tensors and (-1 in walk or self._walk(i, tensors.index(t), group)[: len(walk)] != walk):
                return None
        found = []
        for t, key in zip(self.live[i], new):
            # Loops close from the inside.
            walk = self._walk(i, tensors.index(t), group) if self.written.get(t) == i else old.get(t, ())
            found.append(walk[: max(0, depth - len(key[1]))])
        return tuple(found)

    def _walk(self, i: int, position: int, group: Group) -> Walk:
        """The axis of one tensor that each of the group's shared loops below its hold walks along, or -1."""
        found = self.known.get((i, position, group.keys))
        if found is None:
            problem = self.graph.layers[i].problem
            p = max(range(len(group.keys)), key=lambda k: len(group.keys[k][1]))
            loops = group.keys[p][1][len(group.keys[position][1]) :]
            tensor = problem.tensors[position]
            tileable = self.graph.axes.get(tensor.name, frozenset())
            axes = {axis.terms[0][0]: a for a, axis in enumerate(tensor.axes) if a in tileable}
            found = tuple(
                axes.get(problem.tensors[p].axes[axis].terms[0][0], -1) if isinstance(axis, int) else FOLLOWED
                for axis, _ in loops
            )
            self.known[i, position, group.keys] = found
        return found
