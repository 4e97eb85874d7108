"""The proven fused optimum of a graph of problems: intermediates kept on chip, tiled by loops that problems share.

Data flow (each arrow is one module):

    Network, AccelForge workload
      -> graph_from.py   FusedGraph (graph.py): problems in order, tensors named by edges, hardware per problem
      -> space.py        templates of one problem: where its tensors live, which loops may be shared with others
      -> compiled.py     a template as arithmetic (search/optimal/compile.py) with its reservations by stage
      -> rows.py         per problem and key (the shared tensors' memories and loops): bounds, then exact Pareto rows
      -> bounds.py       what the rest of the graph costs at least, by message passing over a spanning forest
      -> join.py         labels over cuts of the graph: sums, reservations, occupancies; dominance and bounds
      -> solve.py        thresholds until the optimum is enclosed;  build.py, result.py: mapping tree, cost, certificate

docs/fused.md states the space and the proof; reference.py is the slow twin that lists everything.
"""
