"""Reads MAESTRO's command-line options, `--name=value`, into its hardware. Options without effect there have none here."""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.architecture.notation.maestro import UNLIMITED, MaestroHardware
from tileloom.core.errors import InputError, did_you_mean

_HARDWARE = {
    "num_pes": 7,
    "num_simd_lanes": 1,
    "noc_bw_cstr": UNLIMITED,
    "noc_hops": 1,
    "noc_hop_latency": 0,
    "offchip_bw_cstr": 70000,
    "l1_size_cstr": UNLIMITED,
    "l2_size_cstr": UNLIMITED,
}
_OTHERS = (
    *("Mapping_file", "HW_file", "print_res", "print_res_csv_file", "print_log_file", "msg_print_lv", "bw_sweep"),
    *("top_bw_only", "min_noc_bw", "max_noc_bw", "bw_tick", "noc_mc_support", "do_implicit_reduction", "do_fg_sync"),
    *("do_reduction_op", "full_buffer", "do_dse", "verbose", "print_design_space", "print_space", "min_num_PEs"),
    *("max_num_PEs", "pe_tick", "area_constraint", "power_constraint", "optimization_target", "dataflow_file"),
    *("layer_file", "help"),
)


def hardware_from_options(options: Sequence[str]) -> MaestroHardware:
    """The hardware that a command line describes; unambiguous beginnings of names are taken, as there.

    Raises InputError for unknown or ambiguous names and for values that are no numbers, all at once.

    >>> hardware_from_options(["--num_pes=168", "--noc_bw=14", "--noc_hop_latency=1"]).noc_elements_per_cycle
    14
    """
    values = dict(_HARDWARE)
    problems = []
    for option in options:
        name, _, value = option.removeprefix("--").partition("=")
        matching = [k for k in (*_HARDWARE, *_OTHERS) if k == name] or [
            k for k in (*_HARDWARE, *_OTHERS) if k.startswith(name)
        ]
        if len(matching) != 1:
            known = (*_HARDWARE, *_OTHERS)
            reason = f"could be {' or '.join(matching)}" if matching else f"is not known{did_you_mean(name, known)}"
            problems.append(f"option --{name} {reason}")
        elif matching[0] in _HARDWARE and not value.isdigit():
            problems.append(f"option --{matching[0]} needs a whole number, got '{value}'")
        elif matching[0] in _HARDWARE:
            values[matching[0]] = int(value)
    if problems:
        raise InputError(problems)
    return MaestroHardware(
        num_pes=values["num_pes"],
        simd_lanes=values["num_simd_lanes"],
        noc_elements_per_cycle=values["noc_bw_cstr"],
        noc_latency_cycles=values["noc_hops"] * values["noc_hop_latency"],
        offchip_elements_per_cycle=values["offchip_bw_cstr"],
        l1_bytes=values["l1_size_cstr"],
        l2_bytes=values["l2_size_cstr"],
    )
