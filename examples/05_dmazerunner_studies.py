"""dMazeRunner's questions, asked again: its filters against the whole space, memories of a 256-PE chip, tiles that need not divide.

Run: python examples/05_dmazerunner_studies.py [OUTPUT_FOLDER]
"""

import sys
from pathlib import Path

import tileloom as tl
from tileloom.architecture.notation.dmazerunner import DmazeChip
from tileloom.explore.dmazerunner.memory import memory_study
from tileloom.explore.dmazerunner.rapid import rapid_study
from tileloom.explore.dmazerunner.results import memory_result, rapid_result
from tileloom.mapping.notation.dmazerunner import from_tree
from tileloom.mapping.notation.dmazerunner_file import method_to_yaml
from tileloom.report.study_page import write_study_report
from tileloom.workload.frontends.dmazerunner import RESNET


def main(out: Path = Path("out/example-05")) -> None:
    layer, chip = RESNET[5], DmazeChip().architecture()

    # What does each combination of its filters leave, and what does it lose?
    rows = rapid_study(layer, count_to=100_000)
    for row in rows:
        lost = row.lost("energy", rows[-1])
        print(
            f"{'' if row.counted_all else 'over':>4} {row.methods:>7} mappings, {lost or 0:.2%} above the least energy: {row.filters}"
        )
    write_study_report(rapid_result(rows, layer.name, faithful=False), out / "rapid")

    # Which memories suit 256 PEs best?
    sizes = memory_study(layer, spm_kib=[64, 128, 256], rf_bytes=[128, 256, 512], faithful=False)
    study = memory_result(sizes, layer.name, "paper_settings", faithful=False)
    print("\n" + ", ".join(f"{what}: {value}" for what, value, _ in study.headline))
    write_study_report(study, out / "memory")

    # The proven optimum, and the one over tiles that need not divide; the mapping as an execution method.
    for imperfect in (False, True):
        found = tl.map(
            layer.problem(), chip, mapper="dmazerunner", model="dmazerunner", options={"imperfect": imperfect}
        )
        print(f"\n{'any' if imperfect else 'dividing'} tiles: {found.status}, {found.value:.4e} pJ * cycles")
    assert found.mapping is not None
    method = from_tree(found.mapping, layer.problem(), chip).method
    print(method_to_yaml(method, layer.name, imperfect=True))
    print(f"reports: {out}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
