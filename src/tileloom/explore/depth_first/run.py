"""Runs a study: the grid, the baselines, the best strategy per stack, and with `cuts: all` every fuse depth.

The result is written by files.py and drawn by report/depth_first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tileloom.core.errors import InputError
from tileloom.explore.depth_first.sources import Sources, load_sources
from tileloom.explore.depth_first.study import RULES, Study, default_tiles
from tileloom.fusion.depth_first import Point, Setting, choose_cuts
from tileloom.fusion.grid import GridResult, Outcome, run_grid
from tileloom.fusion.search import FusionSearch, Plan, Space, search_fusion
from tileloom.fusion.stacks import Cuts, cut
from tileloom.fusion.store import AnswerStore

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Baseline:
    """What a tile as large as the map gives: 'layer by layer' (cuts kept) or 'single layer' (a cut after every layer)."""

    name: str
    outcome: Outcome


@dataclass(frozen=True)
class StudyResult:
    """study     with its tile sizes filled in
    grid      every point
    search    the best strategies of the stacks, and of the fuse depths when they were searched
    baselines  layer by layer and single layer
    """

    study: Study
    sources: Sources
    grid: GridResult
    search: FusionSearch | None
    baselines: tuple[Baseline, ...]

    @property
    def setting(self) -> Setting:
        return self.sources.setting

    @property
    def best(self) -> Plan | None:
        return None if self.search is None else self.search.best(self.study.objective)

    @property
    def failed(self) -> int:
        return sum(o.result is None for o in self.grid.outcomes)


def run_study(
    study: Study,
    *,
    workers: int = 1,
    answers: str | Path | None = None,
    bind: dict[str, int] | None = None,
    progress: Progress | None = None,
) -> StudyResult:
    """answers: a folder that keeps what the mapper said, from which a killed run goes on.

    Raises InputError for sources, tiles and cuts that cannot be; a point that cannot run is an outcome with its reason.
    """
    if study.lpf_limit is None and study.objective != "energy":
        raise InputError(
            f"the optimum of a tile-layer is proven for energy only; give a limit of loop factors for {study.objective}"
        )
    sources = load_sources(study.network, study.architecture, RULES[study.rules], bind)
    setting = sources.setting
    cuts = _cuts(setting, study)
    stacks = cut(setting.graph, cuts, setting.rules, setting.pads)
    study = replace(
        study,
        tile_xs=study.tile_xs or default_tiles([s.extent[0] for s in stacks]),
        tile_ys=study.tile_ys or default_tiles([s.extent[1] for s in stacks]),
    )
    assert study.tile_xs is not None and study.tile_ys is not None
    store = None if answers is None else AnswerStore(answers)
    points = [Point(m, x, y, cuts) for m in study.modes for y in study.tile_ys for x in study.tile_xs]
    grid = run_grid(setting, points, study.searching, workers=workers, store=store, progress=progress)
    space = Space(study.modes, study.tile_xs, study.tile_ys, "all" if study.cuts == "all" else cuts, study.max_layers)
    try:
        search = search_fusion(setting, space, study.searching, workers=workers, store=store, progress=progress)
    except InputError:
        if grid.found:
            raise
        # Nothing runs at all: the points say why.
        search = None
    return StudyResult(study, sources, grid, search, _baselines(setting, study, cuts, workers, store))


def _cuts(setting: Setting, study: Study) -> Cuts:
    return choose_cuts(setting, "auto" if study.cuts == "all" else study.cuts)


def _baselines(
    setting: Setting, study: Study, cuts: Cuts, workers: int, store: AnswerStore | None
) -> tuple[Baseline, ...]:
    """Tiles larger than every map: no layer is tiled, and the mode makes no difference."""
    if not study.baselines:
        return ()
    proper = replace(setting, rules=replace(setting.rules, cut_zero_is_no_cut=False))
    sizes = [n.layer.sizes.get(n.dim(axis), 1) for n in setting.graph.nodes for axis in ("x", "y")]
    whole = max(sizes)
    layers = tuple(c for c in cuts if not setting.graph[c].is_input)
    points = [Point(1, whole, whole, layers), Point(1, whole, whole, "single")]
    found = run_grid(proper, points, study.searching, workers=workers, store=store)
    return tuple(Baseline(n, o) for n, o in zip(("layer by layer", "single layer"), found.outcomes))
