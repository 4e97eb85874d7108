"""Recomputes the co-design study: networks from seeds, their layers, costs, correlations, fronts and optima.

Every file of the reference directory is recognised by its name; what a file needs beside it (the hardware table, the
list of selected networks) must lie in the same directory. Accuracies are inputs: their predictor may not be shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tileloom.core.errors import InputError, TileloomError
from tileloom.cost.models.maestro.batch import evaluate_batch, hardware_array, pack
from tileloom.cost.models.maestro.technology import RELEASED
from tileloom.explore.codesign import alphanet, darts
from tileloom.explore.codesign.accelerator import DirectiveAccelerator, combine, read_hardware_table, scheduled
from tileloom.explore.codesign.correlation import spearman
from tileloom.explore.codesign.layer import ConvLayer, Unit, total_macs
from tileloom.explore.codesign.modes import Game, Limits, Pair, front
from tileloom.explore.codesign.tables import (
    LayerCosts,
    NetworkCosts,
    Networks,
    collect,
    directive_costs,
    network_costs,
    pair_energies,
    rounded,
)
from tileloom.explore.codesign.transfer import Transfer, transfer
from tileloom.explore.conform.base import Check, ConformReport, Progress, Skip, close
from tileloom.explore.conform.codesign_files import Item, accuracies, csv_items, json_file, read_items, selected
from tileloom.mapping.notation.maestro_reader import parse_mapping

TOLERANCE = 1e-9
FLOAT32_MACS = 64
"""Published totals were added up in single precision."""
DATAFLOWS = ("kcp_ws", "xp_ws", "rs")
DOUBLED = ("kcp_ws@old1", frozenset({0, 1, 2, 4, 5, 6, 7}))
"""Entries of the authors' vectors that their batch script added up twice: it appended to a file already there."""
SLACK = 1e-12
"""Limits are quantiles of energies: the last bit of a sum must not decide who keeps one."""


def conform_codesign(
    reference: str | Path, limit: int | None = None, progress: Progress | None = None
) -> ConformReport:
    """Recomputes every row of a directory (at most `limit` rows). Raises InputError for a directory without rows."""
    folder = Path(reference)
    items = read_items(folder)[:limit]
    study = _Study(folder)
    checks: list[Check] = []
    skipped: list[Skip] = []
    for done, item in enumerate(items, 1):
        try:
            checks += _KINDS[item.kind](study, item)
        except TileloomError as error:
            skipped.append(Skip(item.name, str(error).split("\n")[0]))
        if progress is not None:
            progress(item.name, done, len(items))
    return ConformReport("codesign", tuple(i.name for i in items), tuple(checks), tuple(skipped))


@dataclass(frozen=True)
class _Study:
    """What rows share, made when the first row needs it."""

    folder: Path

    @cached_property
    def accelerators(self) -> dict[str, DirectiveAccelerator]:
        found = combine(DATAFLOWS, read_hardware_table(self.folder / "hardware.csv"))
        return {a.label: a for a in found}

    @cached_property
    def published(self) -> tuple[DirectiveAccelerator, ...]:
        """The 150 accelerators of the study: ids are numbers."""
        return tuple(a for a in self.accelerators.values() if a.id.isdigit())

    @cached_property
    def accuracy(self) -> np.ndarray:
        return np.array(accuracies(self.folder))

    @cached_property
    def _memo(self) -> dict[Any, Any]:
        return {}

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._memo:
            self._memo[key] = make()
        return self._memo[key]

    def networks(self, space: str) -> Networks:
        return self.once(("networks", space), lambda: _networks(self.folder, space))  # type: ignore[no-any-return]

    def costs(self, space: str, energy: str) -> NetworkCosts:
        """Over all published accelerators, with six digits per layer, as the rows were made."""
        found = self.networks(space)
        layers = self.once(("layers", space), lambda: directive_costs(found.units, self.published))
        rule = "faithful" if energy in ("faithful", "original") else "corrected"
        return self.once((space, rule), lambda: _summed(found, layers, rule))  # type: ignore[no-any-return]


def _networks(folder: Path, space: str) -> Networks:
    numbers = selected(folder, space)
    if space.startswith("alphanet"):
        layers: list[tuple[ConvLayer, ...]] = [alphanet.layers(alphanet.configs()[n]) for n in numbers]
    else:
        small = "16" in space.split("1018")[-1]
        layers = [darts.layers(darts.genotype(n), 16 if small else 32, "aux" in space) for n in numbers]
    found = collect(space, numbers, [str(n) for n in numbers], layers)
    order = sorted(range(len(found.units)), key=lambda u: _as_text(found.units[u]))
    place = np.argsort(order)
    return replace(
        found,
        units=tuple(found.units[u] for u in order),
        sequences=tuple(place[s].astype(np.int64) for s in found.sequences),
    )


def _as_text(unit: Unit) -> tuple[str, ...]:
    return tuple("" if v is None else str(v) for v in unit) if isinstance(unit, ConvLayer) else ()


def _summed(networks: Networks, layers: LayerCosts, rule: str) -> NetworkCosts:
    """`network_costs`, added up in the order of the published rows: units sorted as text, first layers last.

    Many networks have the same energy but for the last bit of the sum, and ranks see that bit.
    """
    costs = network_costs(networks, layers, "faithful" if rule == "faithful" else "corrected", 6)
    if rule == "faithful":
        pairs, counts = networks.pairs
        before = np.where(pairs[:, 0] < 0, len(networks.units), pairs[:, 0])
        order = np.lexsort((pairs[:, 1], before))
        values, counts = pair_energies(layers, pairs[order], 6), counts[:, order]
    else:
        values, counts = rounded(layers.energy_nj + layers.l1_energy_nj, 6), networks.counts
    # Whole numbers times reals: numpy adds these in order, whatever linear algebra library it was built with.
    return replace(costs, energy_nj=np.stack([counts @ row for row in values]))


def _alphanet_row(study: _Study, item: Item) -> Iterator[Check]:
    row = item.values
    number = int(row["config_index"])
    if not 0 <= number < len(alphanet.configs()):
        raise InputError(f"no configuration {number}")
    config = alphanet.configs()[number]
    ours = (config.resolution, *config.depth, *config.kernel, *config.expand)
    names = ("resolution", *(f"{part}{i}" for part in "dke" for i in range(7)))
    theirs = tuple(int(row[name]) for name in names)
    yield _equal("generator", item.name, "configuration", theirs, ours)
    macs, published = total_macs(alphanet.layers(config)), float(row["mmacs"]) * 1e6
    yield Check("generator", item.name, "MACs", abs(macs - published) <= FLOAT32_MACS, published, macs)
    yield _equal("generator", item.name, "parameters", round(float(row["mparams"]) * 1e6), alphanet.parameters(config))


def _darts_row(study: _Study, item: Item) -> Iterator[Check]:
    row = item.values
    found = darts.genotype(int(row["seed"]))
    for cell in ("normal", "reduce"):
        theirs = tuple((int(a), int(b)) for a, b in row[cell])
        yield _equal("generator", item.name, cell, theirs, getattr(found, cell))
    for size in (32, 16):
        yield _equal(
            "generator",
            item.name,
            f"MACs at {size}",
            int(row[f"macs_{size}x{size}"]),
            total_macs(darts.layers(found, size)),
        )


def _model_file(study: _Study, item: Item) -> Iterator[Check]:
    path = Path(item.values["path"])
    space, _, position = path.stem.partition("_pos")
    name = {"alphanet": "alphanet1046", "darts32": "darts1018_32x32", "darts16aux": "darts1018_16x16aux"}.get(space)
    if name is None:
        raise InputError(f"the space of {path.name} is unknown")
    networks = study.networks(name)
    ours = [networks.units[u].directive_layer() for u in networks.sequences[int(position)]]
    theirs = parse_mapping(path.read_text(), path.name, faithful=True).layers
    yield _equal("front end", item.name, "layers", len(theirs), len(ours))
    same = [(a.operator, a.sizes, a.stride_of) == (b.operator, b.sizes, b.stride_of) for a, b in zip(theirs, ours)]
    yield _equal("front end", item.name, "equal layers in order", len(theirs), sum(same))


def _layer_row(study: _Study, item: Item) -> Iterator[Check]:
    row = item.values
    stride = int(row["stride"]) if row["stride"] else None
    layer = ConvLayer._make((row["type"], *(int(row[k]) for k in ("K", "C", "R", "S", "Y", "X")), stride))
    chip = study.accelerators[f"{row['dataflow']}@{row['hw_id']}"].hardware
    packed = study.once(
        (layer, row["dataflow"], chip.num_pes),
        lambda: pack([scheduled(row["dataflow"], layer.directive_layer(), chip.num_pes)]),
    )
    found = evaluate_batch(packed, np.zeros(1, np.int64), hardware_array([chip]))
    yield _equal("layer cycles", item.name, "runtime", int(row["runtime_cycles"]), int(found["runtime_cycles"][0]))
    counts = {
        f"{tensor}_{level}_{way}": int(found[f"{level}_{way}_{tensor}"][0])
        for tensor in ("input", "filter", "output")
        for level in ("l1", "l2")
        for way in ("read", "write")
    }
    for name, count in counts.items():
        yield _equal("layer counts", item.name, name, int(row[name]), count)
    yield _equal("layer counts", item.name, "MACs", int(row["num_macs"]), int(found["macs"][0]))
    l2 = sum(counts[f"{t}_l2_{w}"] for t in ("input", "filter") for w in ("read", "write")) + counts["output_l2_write"]
    l1 = sum(counts[f"{t}_l1_{w}"] for t in ("input", "filter", "output") for w in ("read", "write"))
    for level, total, scale in (("L2", l2, RELEASED.l2_per_mac), ("L1", l1, RELEASED.l1_per_mac)):
        expected = float(row[f"energy_{level}_part_nJ"])
        yield close("layer energy", item.name, level, expected, RELEASED.mac_nj * scale * total, TOLERANCE)


def _network_row(study: _Study, item: Item) -> Iterator[Check]:
    """One accelerator over all networks of a file of arrays."""
    row = item.values
    for energy, name in (("faithful", "energy_nJ_original"), ("corrected", "energy_nJ_corrected")):
        costs = study.costs(row["space"], energy)
        place = costs.labels.index(row["label"])
        if energy == "faithful":
            theirs = row["latency_cycles"]
            yield _equal(
                "network cycles", item.name, "networks", theirs.size, int((theirs == costs.cycles[place]).sum())
            )
        yield _closest("network energy", item.name, energy, row[name], costs.energy_nj[place])


def _authors_row(study: _Study, item: Item) -> Iterator[Check]:
    row = item.values
    networks = study.networks("darts1018_16x16aux")
    position = int(row["pos"])
    yield _equal("authors' vectors", item.name, "seed", int(row["seed"]), networks.numbers[position])
    for column, text in row.items():
        kind, _, label = column.partition("_")
        if kind not in ("latency", "energy") or not text:
            continue
        costs = study.once(("authors", label), lambda label=label: _one(study, networks, label))  # type: ignore[misc]
        times = 2 if label == DOUBLED[0] and position in DOUBLED[1] else 1
        ours = float((costs.cycles if kind == "latency" else costs.energy_nj)[0, position]) * times
        tolerance = 0.0 if kind == "latency" else TOLERANCE
        yield close("authors' vectors", item.name, column, float(text), ours, tolerance)


def _one(study: _Study, networks: Networks, label: str) -> NetworkCosts:
    return network_costs(networks, directive_costs(networks.units, [study.accelerators[label]]), "faithful")


def _srcc_row(study: _Study, item: Item) -> Iterator[Check]:
    row = item.values
    costs = study.costs(row["space"], row["metric"])
    key = ("srcc", row["space"], row["metric"])
    values = costs.cycles if row["metric"] == "latency" else costs.energy_nj
    matrix = study.once(key, lambda: spearman(values))
    place = costs.labels.index(row["label"])
    ours = np.array([matrix[place, costs.labels.index(other)] for other in row["others"]])
    worst = int(np.argmax(np.abs(ours - row["values"])))
    expected, got = float(row["values"][worst]), float(ours[worst])
    ok = abs(expected - got) <= TOLERANCE
    error = 0.0 if ok and expected == 0 else abs(expected - got) / max(abs(expected), 1e-12)
    yield Check("rank correlation", item.name, f"with {row['others'][worst]}", ok, expected, got, error)


def _front_row(study: _Study, item: Item) -> Iterator[Check]:
    costs = study.costs("alphanet1046", "faithful")
    place = costs.labels.index(item.values["label"])
    ours = front(study.accuracy, costs.cycles[place], costs.energy_nj[place])
    yield _equal("proxy fronts", item.name, "networks", tuple(item.values["front"]), ours)


def _optimum_row(study: _Study, item: Item) -> Iterator[Check]:
    result, point = _transfer(study, item.values["subset"], item.values["proxy"]), item.values["index"]
    ours = result.points[point]
    for mode, found in (("coupled", ours.coupled), ("semi", ours.semi)):
        yield from _same_pair(study, item, mode, item.values[mode], found)


def _same_pair(study: _Study, item: Item, mode: str, theirs: Any, ours: Pair | None) -> Iterator[Check]:
    if theirs is None or ours is None:
        yield _equal("optima", item.name, f"{mode} found", theirs is not None, ours is not None)
        return
    labels = _subset(study, item.values["subset"])
    yield _equal("optima", item.name, f"{mode} network", int(theirs["arch"]), ours.network)
    yield _equal("optima", item.name, f"{mode} accelerator", theirs["hw"], labels[ours.accelerator])
    for name, value in (("acc", ours.accuracy), ("lat", ours.cycles), ("energy", ours.energy_nj)):
        yield close("optima", item.name, f"{mode} {name}", float(theirs[name]), value, TOLERANCE)


def _summary_row(study: _Study, item: Item) -> Iterator[Check]:
    row, result = item.values, _transfer(study, item.values["hw_subset"], item.values["proxy"])
    ours = {
        "feasible_points": result.feasible,
        "exact": result.exact,
        "semi_infeasible": result.infeasible,
        "P": result.kept,
        "evals_coupled": result.evaluations_coupled,
        "evals_semi": result.evaluations_semi,
    }
    for name, value in ours.items():
        if name in row:
            yield _equal("summary", item.name, name, int(row[name]), value)
    for name, gap in (("max_gap", result.worst_gap), ("mean_gap", result.mean_gap)):
        if name in row:
            yield Check("summary", item.name, name, abs(float(row[name]) - gap) <= TOLERANCE, float(row[name]), gap)


def _transfer(study: _Study, subset: str, proxy: str) -> Transfer:
    def make() -> Transfer:
        costs = study.costs("alphanet1046", "faithful")
        target = costs.subset([costs.labels.index(label) for label in _subset(study, subset)])
        points = json_file(study.folder / "codesign_optima.json")
        limits = [
            Limits(latency_cycles=p["L"], energy_nj=p["E"] * (1 + SLACK))
            for p in points
            if (p["hw_subset"], p["proxy"]) == (subset, proxy)
        ]
        alone = Game(costs.subset([costs.labels.index(proxy)]), study.accuracy)
        return transfer(
            study.once(("game", subset), lambda: Game(target, study.accuracy)), [alone], [proxy], subset, limits
        )

    return study.once(("transfer", subset, proxy), make)  # type: ignore[no-any-return]


def _subset(study: _Study, name: str) -> tuple[str, ...]:
    """Labels of a set of accelerators: 'all', a dataflow, or either among those of the file of network costs ('visible62_rs')."""
    labels = study.costs("alphanet1046", "faithful").labels
    dataflow = next((d for d in DATAFLOWS if name == d or name.endswith("_" + d)), "")
    prefix = name.removesuffix(dataflow).rstrip("_")
    if prefix not in ("", "all"):
        arrays = csv_items(study.folder, "network_costs_alphanet")
        labels = tuple(item.values["label"] for item in arrays)
        if not prefix.endswith(str(len(labels))):
            raise InputError(f"the accelerators of '{name}' are unknown; network costs hold {len(labels)}")
    return tuple(label for label in labels if label.startswith(dataflow))


def _equal(kind: str, row: str, what: str, expected: Any, got: Any) -> Check:
    plain = tuple(v if isinstance(v, int | float) and not isinstance(v, bool) else str(v) for v in (expected, got))
    return Check(kind, row, what, expected == got, plain[0], plain[1], 0.0 if expected == got else float("inf"))


def _closest(kind: str, row: str, what: str, expected: Any, got: Any) -> Check:
    error = np.abs(got - expected) / np.maximum(np.abs(expected), 1e-300)
    worst = int(np.argmax(error))
    bad = float(error[worst])
    return Check(
        kind, row, f"{what} of network {worst}", bad <= TOLERANCE, float(expected[worst]), float(got[worst]), bad
    )


_KINDS: dict[str, Callable[[_Study, Item], Iterator[Check]]] = {
    "alphanet": _alphanet_row,
    "darts": _darts_row,
    "model": _model_file,
    "layer": _layer_row,
    "network": _network_row,
    "authors": _authors_row,
    "srcc": _srcc_row,
    "front": _front_row,
    "optimum": _optimum_row,
    "summary": _summary_row,
}
