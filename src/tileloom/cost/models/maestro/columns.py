"""The numbers of MAESTRO's CSV file and screen report, under its names. Computes no traffic."""

from __future__ import annotations

from collections.abc import Iterable

from tileloom.cost.models.maestro.engine import TENSORS, Delay
from tileloom.cost.models.maestro.evaluate import Evaluated
from tileloom.cost.models.maestro.integers import ratio
from tileloom.cost.models.maestro.layer import declared_volume
from tileloom.cost.models.maestro.technology import RELEASED, Technology, area_power

Row = dict[str, float | str]


def csv_rows(network: str, layers: Iterable[Evaluated], technology: Technology = RELEASED) -> tuple[Row, ...]:
    """The rows of the CSV file.

    For a layer with clusters the energy takes the L1 accesses of the layer before it, 0 for the first (quirk Q1).
    """
    rows: list[Row] = []
    previous = 0.0
    for layer in layers:
        own = _l1_energy_macs(layer, technology)
        rows.append(csv_row(network, layer, previous if layer.clustered else own, technology))
        previous = own
    return tuple(rows)


def _l1_energy_macs(layer: Evaluated, technology: Technology) -> float:
    top = layer.record.top
    return sum(technology.l1_per_mac * (top.down_read[t] + top.down_write[t]) for t in TENSORS)


def csv_row(network: str, layer: Evaluated, l1_energy_macs: float, technology: Technology = RELEASED) -> Row:
    """One row; l1_energy_macs is the L1 part of the energy in multiplications."""
    top = layer.record.top
    hardware = layer.hardware
    l2_energy_macs = technology.l2_per_mac * (
        top.up_read["input"]
        + top.up_write["input"]
        + top.up_read["filter"]
        + top.up_write["filter"]
        + top.up_write["output"]
    )
    energy_nj = technology.mac_nj * (l2_energy_macs + l1_energy_macs)
    throughput = ratio(top.macs, top.runtime_cycles)
    chip = area_power(
        technology,
        hardware.num_pes,
        hardware.simd_lanes,
        layer.l1_bytes,
        layer.l2_bytes,
        hardware.noc_elements_per_cycle,
    )
    row: Row = {
        "Neural Network Name": network,
        "Layer Number": layer.layer.label or layer.layer.name,
        "NumPEs": hardware.num_pes,
        "Runtime (Cycles)": top.runtime_cycles,
        "Activity count-based Energy (nJ)": energy_nj,
        "Throughput (MACs/Cycle)": throughput,
        "Throughput Per Energy (GMACs/s*J)": ratio(throughput, energy_nj) * 1e9,
        "Area": chip.area_um2,
        "Power": chip.power_mw,
        "NoC BW Req (Elements/cycle)": top.peak_elements_per_cycle,
        "Avg BW Req": top.avg_elements_per_cycle,
        "Peak BW Req": top.peak_elements_per_cycle,
        "Vector Width": hardware.simd_lanes,
        "Offchip BW Req (Elements/cycle)": top.offchip_elements_per_cycle,
        "L2 SRAM Size Req (Bytes)": layer.l2_bytes,
        "L1 SRAM Size Req (Bytes)": layer.l1_bytes,
        "Multicasting Factor (Weight)": ratio(top.down_write["filter"], top.up_read["filter"]),
        "Multicasting Factor (Input)": ratio(top.down_write["input"], top.up_read["input"]),
        "Num Total Input Pixels": declared_volume(layer.layer, layer.coupling.input),
        "Num Total Weight Pixels": declared_volume(layer.layer, layer.coupling.filter),
        "Ops/J": ratio(top.macs, energy_nj) * 1e9,
        "Num MACs": top.macs,
        "PE power": chip.pe_mw,
        "L1 power": chip.l1_mw,
        "L2 power": chip.l2_mw,
        "NOC power": chip.noc_mw,
    }
    for tensor in TENSORS:
        row[f"{tensor} l1 read"] = top.down_read[tensor]
        row[f"{tensor} l1 write"] = top.down_write[tensor]
        row[f"{tensor} l2 read"] = top.up_read[tensor]
        row[f"{tensor} l2 write"] = top.up_write[tensor]
        row[f"{tensor} reuse factor"] = ratio(top.down_read[tensor], top.down_write[tensor])
    delays = (("Ingress", top.ingress_delay), ("Egress", top.egress_delay), ("Compute", top.compute_delay))
    for name, delay in delays:
        row |= _delay_columns(name, delay)
    return row | {"Avg number of utilized PEs": top.active, "Arithmetic Intensity": top.intensity}


def _delay_columns(name: str, delay: Delay) -> Row:
    return {f"{name} Delay (Min)": delay.min, f"{name} Delay (Max)": delay.max, f"{name} Delay (Avg)": delay.avg}


def energy_macs(layer: Evaluated, technology: Technology = RELEASED) -> dict[tuple[str, str, str], float]:
    """Energy by (tensor, buffer, action) in multiplications, as the screen report has it."""
    top = layer.record.top
    found = {}
    for tensor in TENSORS:
        found[tensor, "L2", "write"] = technology.l2_per_mac * top.up_write[tensor]
        found[tensor, "L2", "read"] = technology.l2_per_mac * top.up_read[tensor]
        found[tensor, "L1", "write"] = technology.l1_per_mac * top.down_write[tensor]
        found[tensor, "L1", "read"] = technology.l1_per_mac * top.down_read[tensor]
    return found


def screen(layer: Evaluated, technology: Technology = RELEASED) -> Row:
    """The quantities of the screen report: per tensor 'input|L2 size requirement', and totals."""
    top, inner = layer.record.top, layer.record.inner
    row: Row = {"num_macs": top.macs}
    for tensor in TENSORS:
        row[f"{tensor}|L2 size requirement"] = top.up_bytes[tensor]
        row[f"{tensor}|L1 size requirement"] = inner.down_bytes[tensor]
        row[f"{tensor}|L2 buffer write"] = top.up_write[tensor]
        row[f"{tensor}|L2 buffer read"] = top.up_read[tensor]
        row[f"{tensor}|L1 buffer write"] = top.down_write[tensor]
        row[f"{tensor}|L1 buffer read"] = top.down_read[tensor]
        row[f"{tensor}|Data reuse factor"] = ratio(top.down_read[tensor], top.down_write[tensor])
    row["Overall data reuse factor"] = ratio(sum(top.down_read.values()), sum(top.down_write.values()))
    energies = energy_macs(layer, technology)
    for (tensor, buffer, action), energy in energies.items():
        row[f"{tensor}|{buffer} buffer {action} energy"] = energy
    row["Total L2 buffer requirement"] = layer.l2_bytes
    row["Total L1 buffer requirement"] = layer.l1_bytes
    for buffer in ("L2", "L1"):
        for action in ("write", "read"):
            total = sum(e for (_, b, a), e in energies.items() if (b, a) == (buffer, action))
            row[f"Total {buffer} buffer {action} energy"] = total
    total = sum(energies.values()) + top.macs
    row["Total MAC energy"] = top.macs
    row["Total energy consumption"] = total
    row["Performance per MAC energy"] = ratio(ratio(top.macs, top.runtime_cycles), total)
    return row


def warnings(layers: Iterable[Evaluated]) -> tuple[str, ...]:
    """What the original warns about at the end of a run: buffers and bandwidths over their limits. It enforces none."""
    known = tuple(layers)
    if not known:
        return ()
    hardware = known[0].hardware
    needs = (
        ("L1 bytes", max(e.l1_bytes for e in known), hardware.l1_bytes),
        ("L2 bytes", max(e.l2_bytes for e in known), hardware.l2_bytes),
        (
            "NoC elements per cycle",
            max(e.record.top.peak_elements_per_cycle for e in known),
            hardware.noc_elements_per_cycle,
        ),
        (
            "off-chip elements per cycle",
            max(e.record.top.offchip_elements_per_cycle for e in known),
            hardware.offchip_elements_per_cycle,
        ),
    )
    return tuple(f"a layer needs {need} {name}, the limit is {limit}" for name, need, limit in needs if need > limit)
