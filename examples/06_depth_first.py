"""Runs FSRCNN depth first: which tile size and which overlap to keep, and what that gains over layer by layer.

python examples/06_depth_first.py
"""

from tileloom.explore.depth_first.run import run_study
from tileloom.explore.depth_first.study import Study
from tileloom.fusion.depth_first import MODES


def main() -> None:
    study = Study(
        network="fsrcnn",
        architecture="meta-prototype",
        modes=(1, 3),
        tile_xs=(16, 120),
        tile_ys=(18, 540),
        lpf_limit=5,
    )
    result = run_study(study)
    for point in result.grid.found:
        where = f"{MODES[point.point.mode]}, tile {point.point.tile_x} x {point.point.tile_y}"
        print(f"{where:<40} {point.totals.energy_pj / 1e9:8.2f} mJ {point.totals.cycles / 1e6:8.2f} Mcycles")
    for base in result.baselines:
        if base.outcome.result is not None:
            print(f"{base.name:<40} {base.outcome.result.totals.energy_pj / 1e9:8.2f} mJ")
    if result.best is not None:
        print(f"optimal over these strategies: {result.best.energy_pj / 1e9:.2f} mJ, stack by stack:")
        for choice in result.best.choices:
            print(f"  layers {choice.stack.stack.label}: {MODES[choice.mode]}, tile {choice.tile}")


if __name__ == "__main__":
    main()
