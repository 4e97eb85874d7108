"""One mapping structure compiled to arithmetic on trip counts: what batch.py runs over many candidates at once.

A template fixes loops, their order, axes and Holds; a candidate is one trip count per loop. Everything that does not
depend on the trip counts (relevance, reuse, prices) is folded in here; nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, prod

import numpy as np
import numpy.typing as npt

from tileloom.architecture.model import Architecture, Memory
from tileloom.core.errors import InputError, UnsupportedError
from tileloom.cost.base import require_chain
from tileloom.cost.counts import Term, first_visits, terms
from tileloom.cost.kernels.program import Program, Register
from tileloom.cost.models.loopnest import compute_unit
from tileloom.cost.reuse import Nest, Rule, TensorOrder, require_plain
from tileloom.mapping.residency import backing_index
from tileloom.mapping.tree import Hold, Loop, MappingTree
from tileloom.workload.problem import Problem, Tensor

EXACT = 2**53
"""Integers up to here are exact in float64."""


@dataclass(frozen=True, slots=True)
class BatchTemplate:
    """A compiled structure.

    loops      of the mapping, outermost first: the columns of a candidate
    rows       (memory, tensor) of the columns of `reads` and `writes` (only with detail=True)
    code       int64[steps, 5]: operation, slots of result, a, b, mask;  constants: float64[steps, 2]: c and k
    outputs    int64[3 + 2 * rows]: slots of energy, cycles, validity, then read and write of each row
    slots      size of the working set; the first len(loops) hold the trip counts
    """

    problem: Problem
    architecture: Architecture
    mapping: MappingTree
    loops: tuple[Loop, ...]
    rows: tuple[tuple[str, str], ...]
    code: npt.NDArray[np.int64]
    constants: npt.NDArray[np.float64]
    outputs: npt.NDArray[np.int64]
    slots: int


def compile_template(
    problem: Problem, architecture: Architecture, mapping: MappingTree, *, detail: bool = False
) -> BatchTemplate:
    """Compile the structure of `mapping`; the tiles in it are not looked at.

    detail  also give values read and written per memory and tensor
    Cost is that of LoopnestModel with its defaults; valid means: the trip counts of each dim multiply to its extent
    (only tiles that divide), every axis has enough instances, every tile fits its memory or partition.
    Raises UnsupportedError for branches, Joint loops and uneven first or last tiles, InputError for a tensor that is
    held nowhere and for problems whose counts may leave 2**53.
    """
    require_chain(mapping, "batch kernel")
    require_plain(mapping, "batch kernel")
    if any(loop.first is not None or loop.last is not None for loop in mapping.loops):
        raise UnsupportedError("the batch kernel takes tiles that divide; 'first' and 'last' need the model 'loopnest'")
    _check_exact(problem)
    compiler = _Compiler(problem, architecture, mapping, detail)
    code, constants, outputs, slots = compiler.program.finish(compiler.outputs())
    for array in (code, constants, outputs):
        array.setflags(write=False)
    return BatchTemplate(
        problem, architecture, mapping, mapping.loops, tuple(compiler.moved), code, constants, outputs, slots
    )


def factors_of(template: BatchTemplate, tiles: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Trip counts int64[n, loops] of extents inside each loop, int64[n, loops]; 0 where a tile does not divide."""
    factors = np.zeros_like(tiles)
    outside = {d: np.full(len(tiles), n, dtype=np.int64) for d, n in template.problem.extents.items()}
    for column, loop in enumerate(template.loops):
        inside, above = tiles[:, column], outside[loop.dim]
        good = (inside > 0) & (above % np.maximum(inside, 1) == 0)
        factors[good, column] = above[good] // inside[good]
        outside[loop.dim] = inside
    return factors


def mapping_of(template: BatchTemplate, factors: npt.NDArray[np.int64]) -> MappingTree:
    """The mapping that one candidate, int64[loops], stands for. Loops that do not divide get the tile rounded down."""
    current = dict(template.problem.extents)
    nodes = []
    column = 0
    for node in template.mapping.nodes:
        if isinstance(node, Loop):
            current[node.dim] = max(1, current[node.dim] // max(1, int(factors[column])))
            node, column = replace(node, tile=current[node.dim]), column + 1
        nodes.append(node)
    return MappingTree(tuple(nodes))


def _check_exact(problem: Problem) -> None:
    """No count of a covered problem exceeds iterations * coefficients, each dim once per axis it is on."""
    for tensor in problem.tensors:
        bound = prod(sum(c for _, c in axis.terms) for axis in tensor.axes if axis.terms)
        for dim, extent in problem.extents.items():
            bound *= extent ** max(1, sum(any(d == dim for d, _ in axis.terms) for axis in tensor.axes))
        if bound >= EXACT:
            raise InputError(
                f"problem '{problem.name}' may move {bound} values of '{tensor.name}'; the batch kernel counts in "
                f"float64, exact below {EXACT}. Evaluate its mappings with the model 'loopnest'"
            )


class _Compiler:
    """Turns the terms of counts.py into a Program over the trip counts."""

    def __init__(self, problem: Problem, architecture: Architecture, mapping: MappingTree, detail: bool) -> None:
        self.problem, self.architecture, self.mapping = problem, architecture, mapping
        self.column = {i: k for k, i in enumerate(i for i, n in enumerate(mapping.nodes) if isinstance(n, Loop))}
        self.program = Program(len(self.column))
        self.energy: dict[Register, float] = {}
        self.time: dict[tuple[str, str], dict[Register, float]] = {}
        self.moved: dict[tuple[str, str], dict[str, dict[Register, float]]] = {}
        if detail:
            keys = [(hold.memory, name) for hold in mapping.holds for name in hold.tensors]
            self.moved = {key: {"read": {}, "write": {}} for key in keys}

    def outputs(self) -> list[Register]:
        nest = Nest(self.problem, self.mapping)
        for tensor in self.problem.tensors:
            order = TensorOrder(nest, self.architecture, tensor)
            for term in terms(order, self.architecture, copy=self.problem.copy):
                self._price(order, term)
        cycles = self._cycles()
        energy = self.program.sum(self.energy, self._compute_energy())
        for node in self.architecture.nodes:
            leakage = getattr(node, "leakage_pj_per_cycle", 0.0)
            if leakage:
                energy = self.program.sum({cycles: leakage * self.architecture.instances(node), energy: 1.0})
        rows = [self.program.sum(by[action]) for by in self.moved.values() for action in ("read", "write")]
        return [energy, cycles, self._validity(), *rows]

    # --- counts and prices -------------------------------------------------------------------------------------

    def _price(self, order: TensorOrder, term: Term) -> None:
        memory, tensor = term.memory, order.tensor
        port = memory.read if term.action == "read" else memory.write
        accesses = memory.bits_of(tensor) / port.width_bits
        total = self._values(order, term, term.total)
        _add(self.energy, total, accesses * port.energy_for(tensor))
        if (memory.name, tensor.name) in self.moved:
            _add(self.moved[memory.name, tensor.name][term.action], total, 1.0)
        if port.accesses_per_cycle != inf:
            each = self._values(order, term, term.each)
            busy = self.time.setdefault((memory.name, term.action), {})
            _add(busy, each, accesses / port.accesses_per_cycle)

    def _values(self, order: TensorOrder, term: Term, rule: Rule) -> Register:
        values = self._volume(order, term.end, rule)
        if not term.skip_first:
            return values
        return self.program.subtract(values, self._volume(order, term.end, first_visits(order, rule)))

    def _volume(self, order: TensorOrder, end: int, rule: Rule) -> Register:
        """Footprint of the tile at `end` times the trips of the loops above that the rule counts in full."""
        above = [(p, i, n) for p, (i, n) in enumerate(order.nodes[:end]) if isinstance(n, Loop)]
        counted = {i: n for p, i, n in above if rule[p] == "all"}
        time = self._product(tuple(i for i, n in counted.items() if not n.spatial))
        space = self._product(tuple(i for i, n in counted.items() if n.spatial))
        inside = set(self.column) - {i for _, i, _ in above}
        tile = self._footprint(order.tensor, {d: self._extent(d, inside) for d in order.tensor.dims})
        return self.program.multiply(self.program.multiply(time, space), tile)

    def _footprint(self, tensor: Tensor, extents: dict[str, Register]) -> Register:
        size = self.program.constant(1.0)
        for axis in tensor.axes:
            span = self.program.sum(
                _gather((extents[d], float(c)) for d, c in axis.terms), 1.0 - sum(c for _, c in axis.terms)
            )
            size = self.program.multiply(size, span)
        return size

    def _extent(self, dim: str, inside: set[int]) -> Register:
        """Extent of a dim when only the loops in `inside` are left: built from the innermost out."""
        own = [i for i in sorted(inside, reverse=True) if self._loop(i).dim == dim]
        return self._product(tuple(own))

    def _product(self, loops: tuple[int, ...]) -> Register:
        product = self.program.constant(1.0)
        for i in loops:
            product = self.program.multiply(product, self.column[i])
        return product

    def _loop(self, index: int) -> Loop:
        node = self.mapping.nodes[index]
        assert isinstance(node, Loop)
        return node

    def _compute_energy(self) -> float:
        if self.problem.copy:
            return 0.0
        return self.problem.macs * compute_unit(self.problem, self.architecture, self.mapping).energy_pj

    def _cycles(self) -> Register:
        unit = compute_unit(self.problem, self.architecture, self.mapping)
        steps = self._product(tuple(i for i in self.column if not self._loop(i).spatial))
        cycles = self.program.sum({steps: 0.0 if self.problem.copy else 1.0 / unit.ops_per_cycle})
        for memory in self.architecture.memories:
            read, write = (self.time.get((memory.name, action), {}) for action in ("read", "write"))
            if memory.ports == "shared":
                both = dict(read)
                for register, weight in write.items():
                    _add(both, register, weight)
                parts = [both]
            else:
                parts = [read, write]
            for part in parts:
                if part:
                    cycles = self.program.maximum(cycles, self.program.sum(part))
        return cycles

    # --- validity ----------------------------------------------------------------------------------------------

    def _validity(self) -> Register:
        valid = self.program.constant(1.0)
        for dim, extent in self.problem.extents.items():
            valid = self.program.and_equal(valid, self._extent(dim, set(self.column)), float(extent))
        for fanout in self.architecture.fanouts:
            for axis in fanout.axes:
                on = [i for i in self.column if (self._loop(i).target, self._loop(i).axis) == (fanout.name, axis.name)]
                valid = self.program.and_at_most(valid, self._product(tuple(on)), float(axis.size))
        for memory in self.architecture.memories:
            for bits, room in self._reserved(memory):
                valid = self.program.and_at_most(valid, bits, float(room))
        return valid

    def _reserved(self, memory: Memory) -> list[tuple[Register, int]]:
        """(bits reserved, bits there) of the memory or of each partition."""
        rooms: list[int | None] = [bits for _, bits in memory.partitions] or [memory.capacity_bits]
        parts: list[dict[Register, float]] = [{} for _ in rooms]
        homeless = False
        for index, node in enumerate(self.mapping.nodes):
            if not isinstance(node, Hold) or node.memory != memory.name or node.mode == "stream":
                continue
            for name in node.tensors:
                tensor = self.problem.tensor(name)
                place = next((i for i, (who, _) in enumerate(memory.partitions) if who.has(tensor)), None)
                homeless |= place is None and bool(memory.partitions)
                tile = self._footprint(tensor, self._reserved_tile(node, index, tensor))
                _add(parts[place or 0], tile, float(memory.bits_of(tensor) * memory.buffers))
        found = [(self.program.sum(part), room) for part, room in zip(parts, rooms) if part and room is not None]
        return [*found, (self.program.constant(1.0), 0)] if homeless else found

    def _reserved_tile(self, hold: Hold, index: int, tensor: Tensor) -> dict[str, Register]:
        """Extents by the sinking rule of mapping/residency.py, where a loop of one trip is not seen."""
        inside = {i for i in self.column if i > index}
        tile = {d: self._extent(d, inside) for d in tensor.dims}
        if index == backing_index(self.mapping, tensor.name) or hold.tensors[-1] != tensor.name:
            return tile
        sinking = self.program.constant(1.0)
        for below in range(index + 1, len(self.mapping.nodes)):
            node = self.mapping.nodes[below]
            if not isinstance(node, Loop):
                break
            inside.discard(below)
            relevance = tensor.relevance(node.dim)
            moves = not node.spatial and relevance != "irrelevant"
            if moves:
                tile[node.dim] = self.program.select(sinking, self._extent(node.dim, inside), tile[node.dim])
            if not moves or relevance == "partial":
                sinking = self.program.and_equal(sinking, self.column[below], 1.0)
        return tile


def _add(table: dict[Register, float], register: Register, weight: float) -> None:
    table[register] = table.get(register, 0.0) + weight


def _gather(pairs: Iterable[tuple[Register, float]]) -> dict[Register, float]:
    table: dict[Register, float] = {}
    for register, weight in pairs:
        _add(table, register, weight)
    return table
