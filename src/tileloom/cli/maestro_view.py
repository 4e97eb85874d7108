"""MAESTRO's files on a terminal: one line a layer, then what was refused and what the original warns about."""

from __future__ import annotations

from pathlib import Path

from tileloom.cli.show import emit_json, make_table, note, print_table, shorten
from tileloom.core.errors import InputError
from tileloom.core.units import short
from tileloom.explore.maestro_files import CorrectedReport, FaithfulReport, Refusal, evaluate_file, write_csv


def evaluate_files(
    mapping: str, hardware: str, mode: str, technology: str, lanes: int, csv: Path | None, json: bool
) -> int:
    """Evaluates a mapping file on a hardware file and prints it; returns the exit code."""
    from tileloom.architecture.notation.maestro import read_hardware
    from tileloom.cost.models.maestro.technology_file import load_technology
    from tileloom.mapping.notation.maestro_reader import read_mapping

    if not hardware.endswith(".m"):
        raise InputError(
            f"--arch {hardware}: a .m mapping is evaluated on a MAESTRO hardware file (.m); "
            f"for this chip make it a mapping first: tileloom convert {mapping} --to yaml --arch {hardware}"
        )
    if csv is not None and mode != "faithful":
        raise InputError("--csv writes the original's columns, which --mode faithful computes")
    faithful = mode == "faithful"
    report = evaluate_file(
        read_mapping(mapping, faithful=faithful),
        read_hardware(hardware, lanes, faithful=faithful),
        mode,
        load_technology(technology),
    )
    if csv is not None and isinstance(report, FaithfulReport):
        write_csv(csv, report.csv)
    if json:
        emit_json({"mapping": mapping, "hardware": hardware, "technology": technology, **report.as_plain()})
    elif isinstance(report, FaithfulReport):
        _print_faithful(report)
    else:
        _print_corrected(report)
    _print_refused(report.refused)
    return 1 if report.refused else 0


def _print_faithful(report: FaithfulReport) -> None:
    heads = [
        ("layer", False), ("cycles", True), ("MACs", True), ("energy (MACs)", True), ("CSV energy (nJ)", True),
        ("PEs", True), ("L1 B", True), ("L2 B", True), ("off-chip", True),
    ]  # fmt: skip
    table = make_table("MAESTRO, faithful", heads, caption="off-chip: elements per cycle that the layer asks for")
    for found, csv, screen in zip(report.layers, report.csv, report.screen):
        if not found.valid:
            table.add_row(f"{shorten(found.layer.name, 24)} (skipped)", *("-" for _ in heads[1:]))
            continue
        top = found.record.top
        numbers = (
            float(top.runtime_cycles), float(top.macs), float(screen["Total energy consumption"]),
            float(csv["Activity count-based Energy (nJ)"]), top.active, float(found.l1_bytes), float(found.l2_bytes),
            float(top.offchip_elements_per_cycle),
        )  # fmt: skip
        table.add_row(shorten(found.layer.name, 24), *(short(n) for n in numbers))
    print_table(table)
    for found in report.layers:
        if not found.valid:
            note(
                f"skipped {found.layer.name} (line {found.layer.line}): {found.why_skipped}; the original prints 0 and nan"
            )
    for line in report.warnings:
        note(f"warning: {line}")


def _print_corrected(report: CorrectedReport) -> None:
    heads = [
        ("layer", False),
        ("cycles", True),
        ("MACs", True),
        ("energy (nJ)", True),
        ("use", True),
        ("bottleneck", False),
    ]
    table = make_table("MAESTRO, corrected", heads)
    for name, found in report.layers:
        cost = found.cost
        table.add_row(
            shorten(name, 24), short(cost.cycles), short(cost.macs), short(cost.energy_pj / 1000),
            f"{cost.utilization:.1%}", cost.bottleneck or "-",
        )  # fmt: skip
    print_table(table)
    for line in report.warnings:
        note(f"warning: {line}")
    for name, found in report.layers:
        for loss in found.losses:
            note(f"{name}: {loss}")


def _print_refused(refused: tuple[Refusal, ...]) -> None:
    for r in refused:
        note(f"refused {r.layer} (line {r.line}), rule '{r.rule}': {r.reason} (the original: {r.original})")
