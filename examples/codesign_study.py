"""Networks and accelerators chosen together: a study from a file, its answer, and where its proxies mislead.

Run: python examples/codesign_study.py
"""

from pathlib import Path

from tileloom.explore.codesign.run import run_study
from tileloom.explore.codesign.study import load_study


def main() -> None:
    result = run_study(load_study(Path(__file__).parent / "codesign_zoo.yaml"))
    for choice in result.choices:
        pair = choice.best
        if pair is None:
            print(f"{choice.mode}: nothing keeps the limits; the nearest pair misses one by {choice.excess - 1:.1%}")
            continue
        proof = " (optimal: every pair was looked at)" if choice.mode == "coupled" else ""
        where = f"{result.networks.labels[pair.network]} on {result.costs.labels[pair.accelerator]}"
        print(
            f"{choice.mode}{proof}: {where}, accuracy {pair.accuracy:.4g}, {pair.cycles:.4g} cycles, {choice.evaluations} pairs"
        )
    print(*result.warnings, sep="\n")


if __name__ == "__main__":
    main()
