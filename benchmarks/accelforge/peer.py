"""Runs AccelForge's own mapper on one case inside its own environment and prints JSON (started by the benchmark).

usage: peer.py ARCH WORKLOAD METRIC NAME=VALUE ...      metric: ENERGY, LATENCY or ENERGY_DELAY_PRODUCT
"""

import json
import sys
import time

import accelforge as af


def main() -> None:
    arch, workload, metric, *settings = sys.argv[1:]
    variables = {name: int(value) for name, value in (s.split("=") for s in settings)}
    af.set_n_parallel_jobs(1)
    spec = af.Spec.from_yaml(arch, workload, jinja_parse_data=variables)
    started = time.process_time()
    metrics = getattr(af.Metrics, metric)
    spec.mapper.metrics = metrics
    pmappings = af.mapper.FFM.make_pmappings(spec, print_progress=False)
    mappings = af.mapper.FFM.join_pmappings(pmappings, metrics, print_progress=False)
    seconds = time.process_time() - started
    table = mappings.data
    names = ("Total<SEP>energy", "Total<SEP>latency", "Total<SEP>energy_delay_product")
    row = {c.split("<SEP>")[1]: float(table[c].iloc[0]) for c in table.columns if c in names}
    print(json.dumps({"cpu_s": seconds, "row": row}))


main()
