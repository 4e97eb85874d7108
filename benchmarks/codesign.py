"""CPU seconds of whole co-design studies: every network on 132 accelerators, all modes, all correlations, transfer.

Run: python benchmarks/codesign.py
Hardware: the 50 published configurations with three dataflows. Accuracy: MACs stand in, which changes no amount of work.
Compared with the authors' way, one run of their program per pair: 0.7 s per AlphaNet network and 2.7 s per DARTS network
and accelerator (28 h and 100 h in all, extrapolated from their runs on another machine).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from tileloom.explore.codesign.run import run_study
from tileloom.explore.codesign.study import load_study

HARDWARE = Path(__file__).parents[1] / "tests" / "reference" / "codesign" / "hardware.csv"
STUDIES = (
    ("AlphaNet", "alphanet", 1046, "28 h"),
    ("DARTS", "darts", 1018, "100 h"),
    ("AlphaNet, all networks", "alphanet", 9999, ""),
    ("DARTS, all networks", "darts", 10_000, ""),
)


def main() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        table = Path(folder) / "hardware.csv"
        published = [line for line in HARDWARE.read_text().splitlines() if not line.startswith("old")]
        table.write_text("\n".join(published) + "\n")
        # Compiles the kernel, which is then kept on disk.
        _run(Path(folder), "darts", 2)
        for name, space, networks, authors in STUDIES:
            started = process_time()
            result = _run(Path(folder), space, networks)
            seconds = process_time() - started
            versus = f"; the authors' way about {authors}" if authors else ""
            steps = ", ".join(f"{step} {spent:.2f}" for step, spent in result.cpu_seconds)
            yield (
                f"{name}: {networks:,} networks on {len(result.costs.labels)} accelerators in {seconds:.1f} CPU s "
                f"({steps}){versus}"
            )


def _run(folder: Path, space: str, networks: int):  # type: ignore[no-untyped-def]
    study = folder / f"{space}.yaml"
    study.write_text(
        f"space: {space}\nnetworks: {{sample: {networks}}}\naccuracy: macs\n"
        "accelerators: {dataflows: [kcp_ws, xp_ws, rs], hardware: hardware.csv}\n"
        "limits: {latency_cycles: 5.0e+6}\n"
    )
    return run_study(load_study(study))


if __name__ == "__main__":
    print("\n".join(main()))
