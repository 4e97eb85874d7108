"""Union's algorithm study, proven: native loops against TTGT under both rules for the axes."""

from collections.abc import Iterator
from time import process_time

from tileloom.architecture.load import load_architecture
from tileloom.explore.algorithms import compare_algorithms
from tileloom.workload.rewrite.contractions import case_study


def main() -> Iterator[str]:
    chip = load_architecture("union-cloud")
    # The first search of a process compiles.
    compare_algorithms([case_study("ccsd7", 2)], chip, cache=False)
    for name in ("ccsd7", "intensli2"):
        start = process_time()
        found = compare_algorithms([case_study(name, 16)], chip, algorithms=("native", "ttgt"), cache=False)
        proven = sum(o.result.status == "optimal" for o in found)
        yield f"{name}-16 on union-cloud: {proven} of {len(found)} optima proven in {process_time() - start:.1f} s CPU"
