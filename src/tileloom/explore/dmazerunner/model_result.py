"""A whole model's run as a table with its totals in both ways: weighted by instances, and as the original prints."""

from __future__ import annotations

from tileloom.explore.dmazerunner.network import LayerRun, ModelRun, Totals
from tileloom.explore.study import Bars, Column, StudyResult, Value
from tileloom.search.dmazerunner.full import GOALS

NAMES = {"energy": "energy_pj", "latency": "cycles", "edp": "edp_pj_cycles"}


def model_result(run: ModelRun, name: str, *, faithful: bool, seconds: float) -> StudyResult:
    """One row per distinct layer; the totals of the mode come first, the other way's are named beside them."""
    proven = any(r.proven for r in run.layers)
    columns = [
        Column("index", "place among the distinct layers", "no."),
        Column("layer", "name of the first of equal layers"),
        Column("kind", "operation"),
        Column("instances", "how often the model runs it", "runs"),
        Column("edp_pj_cycles", "least energy-delay product of one run", "EDP pJ*cycles"),
        Column("energy_pj", "least energy of one run, pJ", "energy pJ"),
        Column("cycles", "least cycles of one run", "cycles"),
        Column("mappings", "mappings that passed the filters of the last round"),
        Column("rounds", "searches until enough were found"),
        Column("tiling", "factors (DRAM, SPM, RF, SPATIAL) per loop of the least EDP"),
        Column("dram_order", "loops at DRAM level, outermost first"),
        Column("spm_order", "loops at SPM level, outermost first"),
    ]
    if proven:
        columns += [Column(f"optimal_{NAMES[g]}", f"proven least {NAMES[g]}", f"optimal {g}") for g in GOALS]
    rows = tuple(_row(i, r, proven) for i, r in enumerate(run.layers))
    weighted, printed = run.totals(), run.totals(faithful=True)
    failed = [r for r in run.layers if r.result.given_up]
    notes = [_totals("Each layer as often as it runs", weighted), _totals("Each distinct layer once", printed)]
    notes += [f"{r.layer.name} has no mapping: {'; '.join(r.reasons)}" for r in failed]
    shown = printed if faithful else weighted
    what = "each distinct layer once, as printed" if faithful else "every run counted"
    return StudyResult(
        name="dmazerunner model",
        title=f"{name} under the auto-optimizer",
        columns=tuple(columns),
        rows=rows,
        settings={
            "model": name,
            "mode": "faithful" if faithful else "corrected",
            **{f"weighted_{k}": v for k, v in _plain(weighted).items()},
            **{f"printed_{k}": v for k, v in _plain(printed).items()},
        },
        headline=(
            ("Energy", f"{shown.energy_pj:.4E}", f"pJ, {what}"),
            ("Cycles", f"{shown.cycles:.4E}", what),
            (
                "EDP",
                f"{shown.edp if faithful else shown.edp_of_sums:.4E}",
                "sum of the layers' EDPs" if faithful else "sum of energies * sum of cycles",
            ),
            ("Mappings", f"{shown.methods:,}", f"{len(run.layers)} distinct layers, {seconds:.2f} s CPU"),
        ),
        notes=tuple(notes),
        charts=(_bars(run, "energy", "Energy by layer", "pJ"), _bars(run, "latency", "Cycles by layer", "cycles")),
        brief=("layer", "kind", "instances", *NAMES.values(), "mappings", *(f"optimal_{NAMES[g]}" for g in GOALS)),
        complete=not failed,
    )


def _row(index: int, r: LayerRun, proven: bool) -> tuple[Value, ...]:
    best = r.result.exploration.best
    values: tuple[Value, ...] = (None,) * 3
    text: tuple[Value, ...] = (None,) * 3
    if best:
        values = tuple(best[g].value for g in ("edp", "energy", "latency"))
        method = best["edp"].method
        text = (str(method.tiling), " ".join(method.dram_order), " ".join(method.spm_order))
    least = dict(r.proven)
    optimal = tuple(least.get(g) for g in GOALS) if proven else ()
    head = (index, r.layer.name, r.layer.kind, r.layer.instances)
    return (*head, *values, r.result.exploration.methods, len(r.result.rounds), *text, *optimal)


def _bars(run: ModelRun, goal: str, title: str, unit: str) -> Bars:
    rows = tuple(
        (
            "",
            r.layer.name + (f" x{r.layer.instances}" if r.layer.instances > 1 else ""),
            (r.value(goal), r.value(goal) * (r.layer.instances - 1)),
            "" if r.result.exploration.best else "no mapping",
        )
        for r in run.layers
    )
    lead = "The best mapping of each distinct layer; the lighter part are its further runs."
    return Bars(title=title, lead=lead, parts=("one run", "further runs"), rows=rows, unit=unit)


def _plain(t: Totals) -> dict[str, Value]:
    return {
        "layers": t.layers,
        "energy_pj": t.energy_pj,
        "cycles": t.cycles,
        "edp": t.edp,
        "edp_of_sums": t.edp_of_sums,
    }


def _totals(what: str, t: Totals) -> str:
    return (
        f"{what}: {t.energy_pj:.4E} pJ, {t.cycles:.4E} cycles, sum of EDPs {t.edp:.4E}, "
        f"energy * cycles {t.edp_of_sums:.4E} pJ * cycles."
    )
