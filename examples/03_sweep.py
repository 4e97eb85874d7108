"""Sweep a chip's parameters: which designs are worth building? The same as `tileloom sweep examples/nvdla_budget.yaml`."""

from pathlib import Path

from tileloom.explore.query import query
from tileloom.explore.sweep.run import run_sweep
from tileloom.explore.sweep.study import load_study
from tileloom.report.sweep_page import write_sweep_report

HERE = Path(__file__).parent

if __name__ == "__main__":
    for name in ("nvdla_budget", "eyeriss_memory"):
        study = load_study(HERE / f"{name}.yaml")
        result = run_sweep(study, Path("sweeps") / name)
        print(f"{study.given.name}: {result.counts.valid:,} of {study.space.size:,} designs are valid")
        print(result.front.select(*study.space.names, *study.objectives).head(5))
        print("report:", write_sweep_report(result.folder))
    proven = query(Path("sweeps/eyeriss_memory"), "select status, count(*) as designs from designs group by status")
    print(proven.as_plain())
    fastest = query(Path("sweeps/nvdla_budget"), "select min(cycles) as cycles, dataflow from front group by dataflow")
    print(fastest.as_plain())
