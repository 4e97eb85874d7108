"""dMazeRunner's studies on sizes, filters and energies as tables with charts. The studies themselves are beside it."""

from __future__ import annotations

from collections.abc import Sequence

from tileloom.explore.dmazerunner.design import PES, SPM_ENERGY, DesignRow
from tileloom.explore.dmazerunner.design import RF_BYTES as DESIGN_RF
from tileloom.explore.dmazerunner.memory import AUTHORS_BEST, RF_PJ, SPM_PJ, MemoryRow, Variant
from tileloom.explore.dmazerunner.rapid import RapidRow
from tileloom.explore.dmazerunner.validation import PARTS, ValidationRow, mean_error
from tileloom.explore.study import Bars, Chart, Column, HeatMap, Mark, Points, StudyResult, Value
from tileloom.search.dmazerunner.full import GOALS

NAMES = {"energy": "energy", "latency": "cycles", "edp": "EDP"}


def validation_result(rows: Sequence[ValidationRow]) -> StudyResult:
    """The table against Yang et al."""
    columns = [Column("dataflow", "loops spread over the PEs")]
    columns += [Column(f"{p}_pj", f"{p} by the model, pJ", f"{p} µJ", 1e6) for p in PARTS]
    columns += [Column("total_pj", "energy by the model, pJ", "total µJ", 1e6)]
    columns += [Column(f"yang_{p}_pj", f"{p} by Yang et al., pJ", f"Yang {p} µJ", 1e6) for p in PARTS[1:]]
    columns += [
        Column("yang_total_pj", "energy by Yang et al., pJ", "Yang total µJ", 1e6),
        Column("error_percent", "distance of the totals in percent of theirs", "error %"),
        Column("tiling", "factors (DRAM, SPM, RF, SPATIAL) per loop"),
    ]
    table: list[tuple[Value, ...]] = []
    bars: list[tuple[str, str, tuple[float, ...], str]] = []
    for r in rows:
        theirs: tuple[Value, ...] = r.published_parts_pj or (None,) * 4
        table.append(
            (r.dataflow, *r.parts_pj, r.total_pj, *theirs, r.published_pj, round(r.error_percent, 4), r.tiling)
        )
        bars.append((r.dataflow, "model", r.parts_pj, f"{r.error_percent:.2f} %"))
        if r.published_parts_pj:
            bars.append((r.dataflow, "Yang et al.", (0.0, *r.published_parts_pj), ""))
    mean, worst = mean_error(rows), max(r.error_percent for r in rows)
    return StudyResult(
        name="dmazerunner validation",
        title="Energy of ResNet conv5_2 against Yang et al.",
        columns=tuple(columns),
        rows=tuple(table),
        headline=(
            ("Mean error", f"{mean:.3f} %", f"over {len(rows)} dataflows"),
            ("Largest error", f"{worst:.3f} %", ", ".join(r.dataflow for r in rows if r.error_percent == worst)),
        ),
        notes=(
            "Every mapping is costed under its orders of least energy, as the original does.",
            "Yang et al. count no energy of the arithmetic.",
            "Over its 21 dataflows the original reports a mean of 4.192 % and at most 14.366 %.",
        ),
        brief=("dataflow", *(f"{p}_pj" for p in PARTS[1:]), "total_pj", "yang_total_pj", "error_percent"),
        charts=(
            Bars(
                title="Energy by dataflow",
                lead="Loops on the PEs; each pair of bars is one mapping, by the model and by Yang et al.",
                parts=PARTS,
                rows=tuple(bars),
                unit="pJ",
            ),
        ),
    )


def memory_result(rows: Sequence[MemoryRow], layer: str, variant: Variant, *, faithful: bool) -> StudyResult:
    """Best EDP by sizes of scratchpad and registers."""
    columns = (
        Column("spm_kib", "scratchpad with both halves, KiB", "SPM KiB"),
        Column("rf_bytes", "registers of a PE, bytes", "RF bytes"),
        Column("pes", "processing elements", "PEs"),
        Column("spm_pj", "energy per access of the scratchpad, pJ", "SPM pJ"),
        Column("rf_pj", "energy per access of the registers, pJ", "RF pJ"),
        Column("edp_pj_cycles", "least energy-delay product", "EDP pJ*cycles"),
        Column("energy_pj", "least energy, pJ", "energy pJ"),
        Column("cycles", "least cycles", "cycles"),
        Column("mappings", "mappings that pass the filters"),
        Column("seconds", "time of the search"),
    )
    table = tuple(_memory_row(r) for r in rows)
    found = [(r.edp, i) for i, r in enumerate(rows) if r.edp is not None]
    best = rows[min(found)[1]].point if found else None
    theirs = AUTHORS_BEST.get(layer)
    spm, rf = sorted({r.point.spm_kib for r in rows}), sorted({r.point.rf_bytes for r in rows})
    values = {(r.point.spm_kib, r.point.rf_bytes): r.edp for r in rows}
    marks = [] if best is None else [Mark(0, rf.index(best.rf_bytes), spm[::-1].index(best.spm_kib), "least EDP")]
    if theirs and theirs[0] in spm and theirs[1] in rf:
        marks.append(Mark(0, rf.index(theirs[1]), spm[::-1].index(theirs[0]), "the authors' best", "other"))
    headline = (
        ("Least EDP", f"{min(found)[0]:.4g}" if found else "none", "pJ · cycles"),
        ("At", f"{best.spm_kib} KiB / {best.rf_bytes} B" if best else "-", "scratchpad / registers of a PE"),
        ("The authors' best", f"{theirs[0]} KiB / {theirs[1]} B" if theirs else "-", "in their table of 2019"),
        ("Mappings", f"{sum(r.exploration.methods for r in rows):,}", f"at {len(rows)} points"),
    )
    units = (
        "Registers hold half as many values as bytes; at least half the scratchpad is used (settings of the paper)."
        if variant == "paper_settings"
        else "As shipped: the size of the registers in bytes is taken for values, 0.6 of the scratchpad is used."
    )
    chart = HeatMap(
        title="Least EDP by size of the memories",
        lead="Darker is lower; a cell is one chip with the energies of its sizes, a dash has no mapping.",
        x="registers of a PE (bytes)",
        y="scratchpad (KiB)",
        columns=tuple(map(str, rf)),
        rows=tuple(map(str, spm[::-1])),
        panels=((layer, tuple(tuple(values.get((s, r)) for r in rf) for s in spm[::-1])),),
        unit="pJ · cycles",
        marks=tuple(marks),
    )
    return StudyResult(
        name="dmazerunner memory",
        title=f"Memory sizes at {rows[0].point.chip.cgra_size} PEs: {layer}",
        columns=columns,
        rows=table,
        settings={"layer": layer, "settings": variant, "mode": _mode(faithful)},
        headline=headline,
        notes=(units, "Filters: 0.8 of PEs and registers, no filter loop at DRAM, no reduction across PEs."),
        charts=(chart,),
        brief=("spm_kib", "rf_bytes", "spm_pj", "rf_pj", "edp_pj_cycles", "energy_pj", "cycles", "mappings"),
        complete=bool(found),
    )


def _memory_row(r: MemoryRow) -> tuple[Value, ...]:
    best = r.exploration.best
    figures = tuple(best[g].value for g in ("edp", "energy", "latency")) if best else (None,) * 3
    p = r.point
    sizes = (p.spm_kib, p.rf_bytes, p.chip.cgra_size, SPM_PJ[p.spm_kib], RF_PJ[p.rf_bytes])
    return (*sizes, *figures, r.exploration.methods, round(r.exploration.seconds, 4))


def design_result(rows: Sequence[DesignRow], layer: str, seconds: float, *, faithful: bool) -> StudyResult:
    """The sweep over PEs, scratchpad and registers."""
    columns = (
        Column("pes", "processing elements", "PEs"),
        Column("spm_kib", "scratchpad with both halves, KiB", "SPM KiB"),
        Column("rf_bytes", "registers of a PE, bytes", "RF bytes"),
        Column("edp_pj_cycles", "least energy-delay product; empty when nothing fits", "EDP pJ*cycles"),
        Column("energy_pj", "least energy, pJ", "energy pJ"),
        Column("cycles", "least cycles", "cycles"),
        Column("mappings", "mappings that pass the filters found for the point"),
        Column("utilisation", "least use of PEs, registers and scratchpad", "min use"),
        Column("no_feature_dram", "filter loops kept from DRAM", "filter loops on chip"),
        Column("no_spatial_reduction", "no reduction across PEs", "no reduction"),
    )
    found = sorted((r.edp, i) for i, r in enumerate(rows) if r.edp > 0)
    rest = [i for i, r in enumerate(rows) if r.edp <= 0]
    best = rows[found[0][1]].point if found else None
    notes = (
        "As the original: the points its inverted filter leaves, default energies, bytes of registers taken for values."
        if faithful
        else "Plausible points: registers of all PEs within 512 KiB, neither memory over 16 times the other.",
        "Each point takes the strictest filters, from 0.99 down, under which at least 10 mappings exist.",
    )
    return StudyResult(
        name="dmazerunner design",
        title=f"PEs, scratchpad and registers: {layer}",
        columns=columns,
        rows=tuple(_design_row(r) for r in rows),
        settings={"layer": layer, "mode": _mode(faithful), "points": len(rows)},
        headline=(
            ("Least EDP", f"{found[0][0]:.4g}" if found else "none", "pJ · cycles"),
            ("At", f"{best.pes} PEs" if best else "-", f"{best.spm_kib} KiB, {best.rf_bytes} B" if best else ""),
            ("Points", f"{len(rows)}", f"{len(rest)} without a mapping"),
            ("Time", f"{seconds:.1f} s", "CPU, one core"),
        ),
        notes=notes,
        charts=(_design_map(rows, found[0][1] if found else None), _design_curve(rows)),
        first=20,
        order=(*(i for _, i in found), *rest),
        brief=("pes", "spm_kib", "rf_bytes", "edp_pj_cycles", "energy_pj", "cycles", "mappings", "utilisation"),
        complete=bool(found),
    )


def _design_row(r: DesignRow) -> tuple[Value, ...]:
    best = r.exploration.best if r.exploration else None
    figures = tuple(best[g].value for g in ("edp", "energy", "latency")) if best else (None,) * 3
    filters: tuple[Value, ...] = (None,) * 3
    if r.pruning is not None:
        filters = (round(r.pruning.pe, 2), r.pruning.no_feature_dram, r.pruning.no_spatial_reduction)
    methods = r.exploration.methods if r.exploration else 0
    return (r.point.pes, r.point.spm_kib, r.point.rf_bytes, *figures, methods, *filters)


def _design_map(rows: Sequence[DesignRow], best: int | None) -> Chart:
    pes = [p for p in PES if any(r.point.pes == p for r in rows)]
    spm = [s for s in SPM_ENERGY if any(r.point.spm_kib == s for r in rows)][::-1]
    rf = [b for b in DESIGN_RF if any(r.point.rf_bytes == b for r in rows)]
    values = {(r.point.pes, r.point.spm_kib, r.point.rf_bytes): r.edp for r in rows if r.edp > 0}
    marks: tuple[Mark, ...] = ()
    if best is not None:
        p = rows[best].point
        marks = (Mark(pes.index(p.pes), rf.index(p.rf_bytes), spm.index(p.spm_kib), "least EDP"),)
    panels = [(f"{p:,} PEs", tuple(tuple(values.get((p, s, b)) for b in rf) for s in spm)) for p in pes]
    return HeatMap(
        title="Least EDP of every chip",
        lead="One panel per number of PEs; darker is lower. Empty cells were left out by the filter or have no mapping.",
        x="registers (bytes)",
        y="scratchpad (KiB)",
        columns=tuple(map(str, rf)),
        rows=tuple(map(str, spm)),
        panels=tuple(panels),
        unit="pJ · cycles",
        marks=marks,
    )


def _design_curve(rows: Sequence[DesignRow]) -> Chart:
    lowest: dict[int, DesignRow] = {}
    for r in rows:
        if r.edp > 0 and (r.point.pes not in lowest or r.edp < lowest[r.point.pes].edp):
            lowest[r.point.pes] = r
    least = min((r.edp for r in lowest.values()), default=0.0)
    points = tuple(
        (
            f"{r.point.spm_kib} KiB, {r.point.rf_bytes} B",
            float(p),
            r.edp,
            f"{p:,} PEs, {r.point.spm_kib} KiB, {r.point.rf_bytes} B: {r.edp:.4g} pJ · cycles",
            r.edp == least,
        )
        for p, r in sorted(lowest.items())
    )
    return Points(
        title="The best chip for each number of PEs",
        lead="Labels are the scratchpad and the registers of a PE at that point.",
        x="PEs",
        y="least EDP (pJ · cycles)",
        points=points,
        log_y=True,
    )


def rapid_result(rows: Sequence[RapidRow], layer: str, *, faithful: bool) -> StudyResult:
    """Filters against the whole space: how many mappings, how long, what is lost."""
    whole = rows[-1]
    columns = [
        Column("filters", "filters that are on"),
        Column("mappings", "mappings they leave"),
        Column("counted_all", "counting did not stop early", "all counted"),
        Column("count_cpu_seconds", "CPU time to count them", "count s"),
        Column("search_cpu_seconds", "CPU time to find the best of all three objectives", "search s"),
        Column("costed", "mappings that the search costed"),
        Column("enumerated", "every mapping was costed; otherwise bounds prove the best", "all costed"),
    ]
    columns += [
        Column(f"best_{g}", f"least {NAMES[g]}", f"{NAMES[g]} {'pJ' if g == 'energy' else ''}".strip()) for g in GOALS
    ]
    columns += [Column(f"lost_{g}_percent", f"{NAMES[g]} above the whole space's", f"lost % {NAMES[g]}") for g in GOALS]
    table: list[tuple[Value, ...]] = []
    points = []
    for r in rows:
        lost = [r.lost(g, whole) for g in GOALS]
        table.append(
            (
                r.filters, r.methods, r.counted_all, round(r.count_seconds, 4), round(r.seconds, 4), r.costed, r.enumerated,
                *(r.best[g] if r.best else None for g in GOALS),
                *(None if x is None else round(100 * x, 4) for x in lost),
            )
        )  # fmt: skip
        if lost[2] is not None:
            points.append(("", r.filters, (float(r.methods),), f"+{100 * lost[2]:.2f} % EDP"))
    first = rows[0].lost("edp", whole)
    return StudyResult(
        name="dmazerunner rapid",
        title=f"What the filters leave and lose: {layer}",
        columns=tuple(columns),
        rows=tuple(table),
        settings={"layer": layer, "mode": _mode(faithful)},
        headline=(
            ("All filters", f"{rows[0].methods:,}", "mappings"),
            ("Whole space", f"{'' if whole.counted_all else 'over '}{whole.methods:,}", "mappings"),
            ("EDP lost", "-" if first is None else f"{100 * first:.2f} %", "by all filters"),
            ("Proof", f"{whole.costed:,}", f"mappings costed for three optima, {whole.seconds:.2f} s CPU"),
        ),
        notes=(
            "Utilisation: at least 0.8 of the PEs, 0.8 of the registers, 0.5 of the scratchpad.",
            "Losses are against the proven optimum over every perfect factor split that fits.",
        ),
        charts=(
            Bars(
                title="Mappings left, and EDP lost",
                lead="Lengths are logarithmic. At the end: how far the best of what is left lies above the optimum.",
                parts=("mappings",),
                rows=tuple(points),
                logarithmic=True,
            ),
        ),
        brief=("filters", "mappings", "search_cpu_seconds", "costed", *(f"lost_{g}_percent" for g in GOALS)),
        complete=whole.best is not None,
    )


def _mode(faithful: bool) -> str:
    return "faithful" if faithful else "corrected"
