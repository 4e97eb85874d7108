"""Proven-optimal mapping of one problem: branch and bound over templates x divisor chains.

Data flow (each arrow is one module, each value frozen):

    Problem, Architecture
      -> space.py      Template: which tensor is held where, in which order, and where each dim may have loops
      -> compile.py    Compiled (columns.py): every energy term, busy time and occupancy as coefficient * product over
                       rank groups
      -> options.py    Front: per group, all divisor chains reduced to the Pareto-optimal ones (shared between templates)
      -> classes.py    large templates in parts: options that use the arrays alike form a class
      -> run.py, kernels.py   depth-first search over the groups' fronts with admissible bounds; kernels' slow twin: reference.py
      -> build.py      the chosen chains as a MappingTree
      -> mappers/optimal.py   runs all templates, returns SearchResult with the certificate

Why it is exact. For a fixed template every count of the literal model (cost/counts.py) is a product over rank groups:
a group is the set of dims tied by sharing a tensor axis (p and r of a convolution), loops of different dims being
independent. Energy and time are non-negative combinations of such products (and maxima of them), so (a) inside a
group an option that is no worse in every factor can replace the other, and (b) replacing the undecided groups by
their factor-wise minima bounds every completion from below. Source: the observation is that of the published
"turbo-charge" mapper of AccelForge; group products, fronts shared between templates and the bounds are derived here.
"""
