"""Union rows where one mapping went through two tools: AccelForge's words and NeuroSpector's counts, and the files of both.

A row of the table is enough to recompute its numbers; where the row's folder is there, the files in it must say the same.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

from tileloom.architecture.model import Architecture, Compute, Fanout, FanoutAxis, Memory, Port
from tileloom.architecture.notation.neurospector import (
    DIMS,
    Accelerator,
    Array,
    Buffer,
    Dataflow,
    read_accelerator,
)  # fmt: skip
from tileloom.architecture.notation.neurospector_chip import Places
from tileloom.core.errors import InputError
from tileloom.core.jsonio import read_json
from tileloom.cost.counts import count
from tileloom.cost.models.neurospector.analysis import Analysis, analyze
from tileloom.explore.accelforge_files import read_network
from tileloom.explore.conform.base import Check, close
from tileloom.explore.conform.union_neurospector import compared, our_numbers, printed, printed_numbers
from tileloom.explore.conform.union_row import UnionRow, same
from tileloom.mapping.normalise import blocked, hoist
from tileloom.mapping.notation import accelforge
from tileloom.mapping.notation.levels import form
from tileloom.mapping.notation.neurospector import DRAM, GB, LB, ONES, PE_X, PE_Y, ROWS, SchedulingTable, read_table
from tileloom.mapping.notation.neurospector_tree import table_of
from tileloom.mapping.tree import Compute as Leaf
from tileloom.mapping.tree import Hold, Loop, MappingTree, TreeNode
from tileloom.workload.frontends.neurospector import ConvLayer, layer_of, read_layers
from tileloom.workload.problem import Axis, Dim, Problem, Tensor

TABLES = ("one_mapping_two_tools", "one_mapping_two_tools_spatial_pqrs")
WORDS, COUNTS, FILES = "AccelForge words", "NeuroSpector counts", "mapping files"
MAX_BYTES = 50_000_000
_TENSORS = {"I": "I", "W": "Wt", "O": "O"}
_ROWS = {"LB": LB, "X": PE_X, "Y": PE_Y, "GB": GB, "DRAM": DRAM}
_PLACES = Places(global_buffer="L2", pes="PEArray", local_buffer="L1")
_DIMS = tuple(d for d in DIMS if d != "G")


def two_tools(folder: Path) -> Iterator[UnionRow]:
    """Rows of both tables."""
    for name in TABLES:
        path = folder / f"{name}.csv"
        if path.is_file():
            if path.stat().st_size > MAX_BYTES:
                raise InputError(f"{path}: {path.stat().st_size} bytes; at most {MAX_BYTES} are read", file=str(path))
            with path.open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    case = _Case({k: v or "" for k, v in row.items() if k}, folder / name / row["case"])
                    yield UnionRow(f"{name}/{row['case']}", partial(_checks, case, f"{name}/{row['case']}"))


@dataclass(frozen=True)
class _Case:
    """One line of a table, and the folder with its files, if there is one."""

    row: Mapping[str, str]
    folder: Path

    @cached_property
    def extents(self) -> dict[str, int]:
        return {d: _factors(self.row["dims"]).get(d, 1) for d in _DIMS}

    @cached_property
    def stride(self) -> int:
        return int(self.row["stride"])

    @cached_property
    def problem(self) -> Problem:
        d, s = {k: k.lower() for k in _DIMS}, self.stride

        def axes(*sums: tuple[tuple[str, int], ...]) -> tuple[Axis, ...]:
            return tuple(Axis(terms) for terms in sums)

        def one(*dims: str) -> tuple[Axis, ...]:
            return axes(*(((d[x], 1),) for x in dims))

        sliding = axes(((d["P"], s), (d["R"], 1)), ((d["Q"], s), (d["S"], 1)))
        return Problem(
            "G",
            tuple(Dim(d[k], e) for k, e in self.extents.items()),
            (
                Tensor("I", "input", (*one("B", "C"), *sliding), bits=16),
                Tensor("Wt", "weight", one("K", "C", "R", "S"), bits=16),
                Tensor("O", "output", one("B", "K", "P", "Q"), bits=16),
            ),
        )

    @cached_property
    def architecture(self) -> Architecture:
        """Three memories around the array; nothing but counts is asked of it."""
        port = Port(energy_pj=1.0)
        memories = [Memory(name=n, capacity_bits=None, read=port, write=port) for n in ("DRAM", "L2", "L1")]
        axes = tuple(FanoutAxis(name=a, size=int(self.row[f"array_{a.lower()}"])) for a in "YX")
        nodes = (
            memories[0],
            memories[1],
            Fanout(name="PEArray", axes=axes),
            memories[2],
            Compute(name="MAC", energy_pj=1.0),
        )
        return Architecture("two_tools", nodes)

    @cached_property
    def table(self) -> SchedulingTable:
        rows = [ONES] * len(ROWS)
        for column, place in _ROWS.items():
            given = _factors(self.row[column])
            rows[place] = tuple(given.get(d, 1) for d in DIMS)
        return SchedulingTable(tuple(rows))

    @cached_property
    def tree(self) -> MappingTree:
        """The loops of the rows in the given orders, holds moved out over the loops that do not move their tensors."""
        nodes: list[TreeNode] = []
        left = dict(self.extents)

        def loops(column: str, order: list[str], axis: str | None = None) -> None:
            given = _factors(self.row[column])
            for dim in [*order, *(d for d in _DIMS if d in given and d not in order)]:
                if given.get(dim, 1) > 1:
                    left[dim] //= given[dim]
                    nodes.append(Loop(dim.lower(), left[dim], "PEArray" if axis else None, axis))

        everything = tuple(_TENSORS.values())
        nodes.append(Hold(everything, "DRAM"))
        loops("DRAM", self.row["dram_order_outer_to_inner"].split())
        nodes.append(Hold(everything, "L2"))
        loops("GB", self.row["gb_order_outer_to_inner"].split())
        loops("Y", [], "Y")
        loops("X", [], "X")
        nodes.append(Hold(everything, "L1"))
        loops("LB", [])
        return hoist(MappingTree((*nodes, Leaf("MAC"))), self.problem)

    @cached_property
    def flows(self) -> tuple[Dataflow, Dataflow]:
        return cast(Dataflow, self.row["df_LB"]), cast(Dataflow, self.row["df_GB"])

    @cached_property
    def layer(self) -> ConvLayer:
        return ConvLayer("conv_1", (*(self.extents[d] for d in _DIMS), 1), self.stride)

    @cached_property
    def accelerator(self) -> Accelerator:
        """As the files have it; without them buffers that hold anything, which changes no count."""
        file = self.folder / "neurospector_acc.cfg"
        if file.is_file():
            return read_accelerator(file)

        def buffer(flow: Dataflow | None) -> Buffer:
            return Buffer(sizes_bytes=(2**50,), dataflow=flow, bandwidth_bits=64, cycles=(1.0,) * 3)

        array = Array(size_x=int(self.row["array_x"]), size_y=int(self.row["array_y"]))
        local, shared = self.flows
        return Accelerator(
            name="twobyfour", precision_bits=16, frequency_mhz=200.0, local_buffer=buffer(local), pe_array=array,
            global_buffer=buffer(shared), dram=buffer(None),
        )  # fmt: skip

    @cached_property
    def analysis(self) -> Analysis:
        return analyze(self.accelerator, self.layer, self.table, faithful=True)


def _factors(text: str) -> dict[str, int]:
    return {d: int(f) for d, f in (part.split("=") for part in text.split(";") if part)}


def _checks(case: _Case, name: str) -> Iterator[Check]:
    words = _words(case)
    yield from _accelforge(case, name, words)
    yield from _neurospector(case, name, words)
    yield from _conversions(case, name)
    if case.folder.is_dir():
        yield from _files(case, name)


def _words(case: _Case) -> dict[str, float]:
    """af_* column -> our count."""
    counts = count(case.problem, case.architecture, case.tree)
    found: dict[str, float] = {"af_latency": counts.steps}
    for memory in ("DRAM", "L2", "L1"):
        for letter, tensor in _TENSORS.items():
            at = counts.at(memory, tensor)
            found |= {f"af_{memory}_{letter}_read": at.reads, f"af_{memory}_{letter}_write": at.writes}
    return found


def _accelforge(case: _Case, name: str, words: Mapping[str, float]) -> Iterator[Check]:
    for column, value in words.items():
        yield close(WORDS, name, column, float(case.row[column]), value, 0.0)


def _neurospector(case: _Case, name: str, words: Mapping[str, float]) -> Iterator[Check]:
    ours = our_numbers(case.accelerator, case.analysis)
    dram = {f"{t} read": ours[f"DRAM {t} READ ACCESS COUNT"] * ours[f"GB {t} TILE SIZE"] for t in "IWO"}
    dram["O write"] = ours["DRAM O WRITE ACCESS COUNT"] * ours["GB O TILE SIZE"]
    for what, value in dram.items():
        tensor, action = what.split()
        yield close(COUNTS, name, f"DRAM {what}", float(case.row[f"ns_dram_{tensor}_{action}_words"]), value, 0.0)
    for t in "IWO":
        columns = {f"ns_gb_{t}_read_count": f"GB {t} READ ACCESS COUNT"}
        columns |= {f"ns_{short.lower()}_{t}_tile": f"{short} {t} TILE SIZE" for short in ("GB", "LB")}
        for column, what in columns.items():
            yield printed(COUNTS, name, what, float(case.row[column]), ours[what])
    yield printed(COUNTS, name, "MAC cycles", float(case.row["ns_mac_cycle"]), ours["MAC CYCLE"])
    agree = all(value == words[f"af_DRAM_{'_'.join(what.split())}"] for what, value in dram.items())
    yield same(COUNTS, name, "DRAM words of both agree", case.row["dram_counts_agree"], str(int(agree)))


def _conversions(case: _Case, name: str) -> Iterator[Check]:
    """The nest as a table, and as AccelForge's nodes and back."""
    _, names = layer_of(case.problem)
    table = table_of(case.accelerator, blocked(case.tree, case.problem), case.problem, names, _PLACES).table
    yield same("conversions", name, "tree to table", case.table, table)
    text = accelforge.export_mapping(case.tree, "G").text
    again = accelforge.parse_mapping(text)
    yield same(
        "conversions",
        name,
        "tree to nodes and back",
        form(case.tree, case.problem),
        form(accelforge.chain_of(again, case.problem), case.problem),
    )


def _files(case: _Case, name: str) -> Iterator[Check]:
    folder = case.folder
    given = accelforge.chain_of(accelforge.read_mapping(folder / "accelforge_mapping.yaml"), case.problem)
    yield same(FILES, name, "accelforge_mapping.yaml", form(case.tree, case.problem), form(given, case.problem))
    workload = read_network(folder / "accelforge_workload.yaml", {}).layers[0].problem
    yield same(FILES, name, "accelforge_workload.yaml", case.problem.equation, workload.equation)
    yield same(FILES, name, "sizes", case.problem.extents, dict(workload.extents))
    layers = read_layers(folder / "neurospector_net.cfg")
    layer, table = read_table(folder / "neurospector_table.cfg", case.accelerator, layers)
    yield same(FILES, name, "neurospector_table.cfg", case.table, table)
    yield same(FILES, name, "neurospector_net.cfg", (case.layer.dims, case.layer.stride), (layer.dims, layer.stride))
    buffers = case.accelerator.local_buffer, case.accelerator.global_buffer
    yield same(FILES, name, "dataflows", case.flows, tuple(b.dataflow for b in buffers if b))
    yield from _loopnest(case, name)
    ours = our_numbers(case.accelerator, case.analysis)
    yield from compared(name, printed_numbers((folder / "neurospector_out.txt").read_text(encoding="utf-8")), ours)
    yield from compared(name, _json(folder / "case.json")["neurospector"], ours)
    words = _words(case)
    for key, value in _json(folder / "accelforge_out.json").items():
        kind, _, rest = key.partition("|")
        if kind == "action" and "|None|" not in rest:
            memory, tensor, action = rest.split("|")
            letter = next(k for k, v in _TENSORS.items() if v == tensor)
            yield close(WORDS, name, key, value, words[f"af_{memory}_{letter}_{action}"], 0.0)
        elif kind == "action":
            yield close(WORDS, name, key, value, case.problem.macs, 0.0)
        elif key == "Total|latency":
            yield close(WORDS, name, key, value, words["af_latency"], 0.0)


def _loopnest(case: _Case, name: str) -> Iterator[Check]:
    nest = _json(case.folder / "loopnest.json")
    rows = {k: tuple(nest["rows"][k][d] for d in DIMS) for k in _ROWS}
    yield same(FILES, name, "loopnest.json rows", {k: case.table.rows[p] for k, p in _ROWS.items()}, rows)
    orders = [case.row["gb_order_outer_to_inner"].split(), case.row["dram_order_outer_to_inner"].split()]
    yield same(FILES, name, "loopnest.json orders", orders, [nest["gb_order"], nest["dram_order"]])
    yield same(FILES, name, "loopnest.json dataflows", case.flows, (nest["df_LB"], nest["df_GB"]))


def _json(path: Path) -> Any:
    return read_json(path, MAX_BYTES)
