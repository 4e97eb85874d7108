"""MAESTRO dataflows side by side: networks x dataflows x numbers of PEs x NoC bandwidths as one table of results.

Numbers are those of the faithful model, from its batch kernel. Nothing is drawn here; report/dataflow_plots.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tileloom.architecture.notation.maestro import MaestroHardware
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.models.maestro.batch import STATUS, BatchResult, Packed, evaluate_batch, hardware_array, pack
from tileloom.cost.models.maestro.technology import RELEASED, Technology, area_power
from tileloom.mapping.notation.maestro import DirectiveLayer, MaestroFile
from tileloom.mapping.notation.maestro_problem import layer_of
from tileloom.mapping.notation.maestro_templates import apply_template
from tileloom.workload.network import Network

if TYPE_CHECKING:
    import polars

OWN = "own"
"""The dataflow of a series whose file brings its own."""


@dataclass(frozen=True, slots=True)
class Series:
    """One network with one dataflow on one number of PEs. layers: (name, how often, layer with its dataflow).

    refused   layers that have no such dataflow, with the reason
    """

    network: str
    dataflow: str
    num_pes: int
    layers: tuple[tuple[str, int, DirectiveLayer], ...]
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        return f"{self.dataflow}, {self.num_pes} PEs"


def series_of_network(network: Network, template: str, num_pes: int) -> Series:
    """A template applied to the distinct layers of a network."""
    found: list[tuple[str, int, DirectiveLayer]] = []
    refused: list[tuple[str, str]] = []
    for distinct in network.problems:
        try:
            layer = apply_template(template, layer_of(distinct.problem).layer, num_pes)
            found.append((distinct.problem.name, distinct.count, layer))
        except UnsupportedError as error:
            refused.append((distinct.problem.name, str(error)))
    return Series(network.name, template, num_pes, tuple(found), tuple(refused))


def series_of_file(file: MaestroFile, num_pes: int) -> Series:
    """The layers of a mapping file with their own dataflows."""
    return Series(file.network, OWN, num_pes, tuple((layer.name, 1, layer) for layer in file.layers))


@dataclass(frozen=True, slots=True)
class StudyTable:
    """rows: one per series, layer and bandwidth, columns as in docs/maestro.md;  refused: (series, layer, reason).

    refused_of   (network, series) of each refused, in the same order
    """

    rows: tuple[dict[str, Any], ...]
    refused: tuple[tuple[str, str, str], ...]
    refused_of: tuple[tuple[str, str], ...] = ()

    def frame(self) -> polars.DataFrame:
        import polars

        return polars.DataFrame(list(self.rows))


def study(
    series: Iterable[Series],
    hardware: MaestroHardware,
    bandwidths: Sequence[int],
    technology: Technology = RELEASED,
) -> StudyTable:
    """Evaluates every layer of every series on `hardware` with each bandwidth (elements per cycle) and the series' PEs.

    Raises InputError without bandwidths, or where one is below 1.
    """
    if not bandwidths or min(bandwidths) < 1:
        raise InputError(f"NoC bandwidths are {list(bandwidths)}; expected whole numbers of at least 1")
    rows: list[dict[str, Any]] = []
    refused: list[tuple[str, str, str]] = []
    networks: list[str] = []
    for one in series:
        refused += [(one.label, layer, reason) for layer, reason in one.refused]
        packed, kept, lost = _packed(one)
        refused += [(one.label, layer, reason) for layer, reason in lost]
        chips = [replace(hardware, num_pes=one.num_pes, noc_elements_per_cycle=b) for b in bandwidths]
        which = np.repeat(np.arange(len(kept)), len(chips))
        result = evaluate_batch(packed, which, np.tile(hardware_array(chips), (len(kept), 1)))
        for i, at in enumerate(which):
            name, count, layer = kept[at]
            if result["status"][i] or not result["steps"][i]:
                reason = STATUS[int(result["status"][i])] if result["status"][i] else "no step has work"
                refused += [(one.label, name, reason)] if i % len(chips) == 0 else []
                continue
            rows.append(_row(one, name, count, layer, chips[i % len(chips)], result, i, technology))
        networks += [one.network] * (len(refused) - len(networks))
    return StudyTable(tuple(rows), tuple(refused), tuple((n, r[0]) for n, r in zip(networks, refused)))


def _packed(
    series: Series,
) -> tuple[Packed, list[tuple[str, int, DirectiveLayer]], list[tuple[str, str]]]:
    """The layers that the batch takes, packed, and the others with the reason."""
    kept: list[tuple[str, int, DirectiveLayer]] = []
    lost: list[tuple[str, str]] = []
    for name, count, layer in series.layers:
        try:
            pack([layer])
            kept.append((name, count, layer))
        except (InputError, UnsupportedError) as error:
            lost.append((name, str(error)))
    return pack([layer for _, _, layer in kept]), kept, lost


def _row(
    series: Series,
    name: str,
    count: int,
    layer: DirectiveLayer,
    chip: MaestroHardware,
    result: BatchResult,
    i: int,
    technology: Technology,
) -> dict[str, Any]:
    def total(kind: str) -> int:
        return sum(int(result[f"{kind}_{t}"][i]) for t in ("input", "filter", "output"))

    cycles, macs = int(result["runtime_cycles"][i]), int(result["macs"][i])
    reads = int(result["l2_read_input"][i] + result["l2_read_filter"][i])
    energy = technology.l2_per_mac * (total("l2_read") + total("l2_write"))
    energy += technology.l1_per_mac * (total("l1_read") + total("l1_write")) + macs
    l1_bytes, l2_bytes = total("l1_bytes"), total("l2_bytes")
    size = area_power(technology, chip.num_pes, chip.simd_lanes, l1_bytes, l2_bytes, chip.noc_elements_per_cycle)
    return {
        "network": series.network,
        "dataflow": series.dataflow,
        "num_pes": chip.num_pes,
        "layer": name,
        "operator": layer.operator,
        "count": count,
        "noc_elements_per_cycle": chip.noc_elements_per_cycle,
        "runtime_cycles": cycles,
        "macs": macs,
        "macs_per_cycle": macs / cycles if cycles else 0.0,
        "energy_nj": energy * technology.mac_nj,
        "active_pes": float(result["active"][i]),
        "l1_bytes": l1_bytes,
        "l2_bytes": l2_bytes,
        "l2_reads": reads,
        "macs_per_l2_read": macs / reads if reads else 0.0,
        "peak_elements_per_cycle": int(result["peak_elements_per_cycle"][i]),
        "offchip_elements_per_cycle": int(result["offchip_elements_per_cycle"][i]),
        "area_um2": size.area_um2,
        "power_mw": size.power_mw,
    }
