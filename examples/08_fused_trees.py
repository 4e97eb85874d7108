"""A fused mapping written by hand: its broken rules, its cost by part, a pipeline, and the proven optimum beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tileloom as tl
from tileloom.cost.fused import fused_cost
from tileloom.explore.sources import load_problems
from tileloom.fusion.optimal.graph_from import graph_of_problems
from tileloom.fusion.optimal.mapper import fused_optimal
from tileloom.mapping.fused_legality import check_fused
from tileloom.mapping.text import to_text
from tileloom.mapping.tree import MappingTree, Pipe, Seq

here = Path(__file__).parent
chip = tl.load_architecture(here / "fused_chip.yaml")
problems = load_problems(here / "fused_problems.yaml", chip).problems
mapping = tl.load_mapping(here / "fused_mapping.yaml")

assert check_fused(problems, chip, mapping) == ()
chips = {p.name: chip for p in problems}
cost = fused_cost(problems, chips, mapping)
print(to_text(mapping, problems))
print(f"one after another: {cost}")
for (problem, tensor), energy in cost.energy_by("problem", "tensor").items():
    print(f"  {problem:4} {tensor or 'arithmetic':10} {energy:8.0f} pJ")
for moment in cost.moments:
    print(f"  while {moment.problem} runs the buffer holds {moment.bits('Buffer')} bits")

# The same as a pipeline: the gate runs on its own unit while the products are at the next rows.
*above, branches = mapping.nodes
assert isinstance(branches, Seq)
piped = MappingTree((*above, Pipe(branches.children)))
assert check_fused(problems, chip, piped) == ()
print(f"as a pipeline:     {fused_cost(problems, chips, piped)}")

# Everything that is wrong is said at once: the readers come first, and the buffer is too small.
turned = MappingTree((*above, Seq(branches.children[::-1])))
small = replace(
    chip, nodes=tuple(replace(n, capacity_bits=1024) if n is chip.memory("Buffer") else n for n in chip.nodes)
)
for diagnostic in check_fused(problems, small, turned):
    print(diagnostic)

best = fused_optimal(graph_of_problems("gated", problems, chip), "energy")
print(f"{best.status}: {best.cost}")
